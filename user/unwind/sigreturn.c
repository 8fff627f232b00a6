// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "unwind/sigreturn.h"

#include <stdlib.h>
#include <string.h>

#include "target/elf.h"
#include "util/cleanup.h"

#define CODE_BYTES_MAX (8U << 20)

/* mov $15 (rt_sigreturn), %rax; syscall */
static const uint8_t code[MT_SIGRETURN_BYTES] = { 0x48, 0xc7, 0xc0, 0x0f, 0x00,
						  0x00, 0x00, 0x0f, 0x05 };

static size_t find(const uint8_t *bytes, size_t len, uint64_t start, uint64_t *out, size_t room)
{
	const uint8_t *at = bytes, *end = bytes + len;
	size_t nr = 0;

	while (nr < room && (at = memmem(at, (size_t)(end - at), code, sizeof(code)))) {
		out[nr++] = start + (uint64_t)(at - bytes);
		at += sizeof(code);
	}
	return nr;
}

size_t mt_sigreturn_find(const struct mt_elf *elf, uint64_t out[static MT_SIGRETURNS_MAX])
{
	_free_ uint8_t *bytes = malloc(CODE_BYTES_MAX);
	size_t nr = 0, left = CODE_BYTES_MAX;
	uint64_t start, end, address;

	for (size_t i = 0; bytes && left && !mt_elf_code_segment(elf, i, &start, &end, &address);
	     i++) {
		size_t len = end - start < left ? end - start : left;

		if (!mt_elf_read(elf, start, bytes, len))
			nr += find(bytes, len, start, out + nr, MT_SIGRETURNS_MAX - nr);
		left -= len;
	}
	return nr;
}
