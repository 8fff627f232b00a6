// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/elf_internal.h"

#include <errno.h>
#include <lzma.h>

#include "util/cleanup.h"

/*
 * A section holds only the names and addresses of the functions that .dynsym lacks: 100 KiB
 * for a library, some 50 MiB for a browser. Dictionaries are at most 64 MiB (xz -9).
 */
#define UNPACKED_FIRST (256U << 10)
#define UNPACKED_MAX   (128U << 20)
#define DECODER_MAX    (80U << 20)

/* Doubles the room for what is unpacked. */
static int grow(lzma_stream *s, uint8_t **buffer, size_t *size)
{
	size_t used = *size;
	uint8_t *grown;

	if (used == UNPACKED_MAX)
		return -ENOEXEC;
	*size = used ? 2 * used : UNPACKED_FIRST;
	grown = realloc(*buffer, *size);
	if (!grown)
		return -ENOMEM;
	*buffer = grown;
	s->next_out = grown + used;
	s->avail_out = *size - used;
	return 0;
}

int mt_elf_unpack(const void *packed, size_t len, void **out, size_t *out_len)
{
	__cleanup(lzma_end) lzma_stream s = LZMA_STREAM_INIT;
	_free_ uint8_t *buffer = NULL;
	lzma_ret ret = lzma_stream_decoder(&s, DECODER_MAX, 0);
	size_t size = 0;

	s.next_in = packed;
	s.avail_in = len;
	while (ret == LZMA_OK) {
		int err = s.avail_out ? 0 : grow(&s, &buffer, &size);

		if (err)
			return err;
		ret = lzma_code(&s, LZMA_FINISH);
	}
	if (ret != LZMA_STREAM_END)
		return ret == LZMA_MEM_ERROR ? -ENOMEM : -ENOEXEC;
	*out_len = s.total_out;
	*out = TAKE_PTR(buffer);
	return 0;
}
