// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Any bytes as a program, and as the debug file of itself: what holds its offsets?
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "symbol/symbolizer.h"
#include "util/cleanup.h"

#define LOOKS 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_everywhere(int fd, int debug, size_t size)
{
	__cleanup(mt_symbolizer_free) struct mt_symbolizer *s = NULL;

	if (mt_symbolizer_new(&s, fd, debug))
		return;
	for (uint64_t at = 0; at < size; at += size / LOOKS + 1) {
		struct mt_symbol_stack found;

		if (mt_symbolizer_find(s, at, &found) || !found.nr || found.nr > MT_SYMBOL_DEPTH)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_close_ int fd = memfd_create("input", MFD_CLOEXEC);

	if (fd < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	look_everywhere(fd, -1, size);
	look_everywhere(fd, fd, size);
	return 0;
}
