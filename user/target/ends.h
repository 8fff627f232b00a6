/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * ends.h: every `ret` by which a call of a function ends, also those of what it jumps to
 * instead of calling it: parts that the compiler split off, and other functions, directly or
 * through the file's PLT.
 *
 * For functions that must have no return probe since they may end by a C++ exception. Pure
 * but for what it reads of the file; thread-safe as far as the mt_elf is. Addresses are those of
 * the file. Errors are -errno.
 */
#ifndef MT_TARGET_ENDS_H
#define MT_TARGET_ENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MT_ENDS_MAX 64

struct mt_elf;

struct mt_end {
	uint64_t function; /* that the `ret` is in */
	uint64_t address;
};

struct mt_ends {
	struct mt_end v[MT_ENDS_MAX];
	size_t nr;
};

/*
 * Those of the function around `address`. -ENOTSUP: they are not all known, for it jumps to
 * another file, or to what is no function or cannot be read. -E2BIG: there are too many.
 */
int mt_ends_find(struct mt_elf *elf, uint64_t address, struct mt_ends *out);

/* May an exception come out of the file's functions? In C none is thrown. */
bool mt_ends_may_throw(const struct mt_elf *elf);

#endif
