// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "unwind/start.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "target/elf.h"
#include "util/cleanup.h"

#define LOOKED_AT 16 /* bytes */

/* mov %rsp, %rdi, or to %rdx: no function has use for it so early. */
static const uint8_t codes[][3] = { { 0x48, 0x89, 0xe7 }, { 0x48, 0x89, 0xe2 } };

int mt_start_find(const struct mt_elf *elf, uint64_t *offset)
{
	uint8_t bytes[LOOKED_AT];
	uint64_t at;
	int err = mt_elf_entry(elf, &at);

	err = err ? err : mt_elf_read(elf, at, bytes, sizeof(bytes));
	if (err)
		return -ENOENT;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		if (memmem(bytes, sizeof(bytes), codes[i], sizeof(codes[i]))) {
			*offset = at;
			return 0;
		}
	}
	return -ENOENT;
}
