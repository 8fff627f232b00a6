// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Any bytes as a perf map.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "symbol/demangle.h"
#include "symbol/jit.h"
#include "util/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t edges[] = { 0, 1, 0x1000, INT64_MAX, UINT64_MAX - 1, UINT64_MAX };
	__cleanup(mt_jit_free) struct mt_jit *jit = NULL;
	_close_ int fd = memfd_create("input", MFD_CLOEXEC);

	if (fd < 0 || pwrite(fd, data, size, 0) != (ssize_t)size || mt_jit_new(&jit, fd))
		abort();
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
		const char *name = mt_jit_find(jit, edges[i]);

		if (name && (!*name || strlen(name) > MT_SYMBOL_NAME_MAX))
			abort();
	}
	return 0;
}
