/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * returns.h: how a function's calls end, as its instructions say: the `ret`s in it, and the jumps
 * out of it, since who is jumped to returns in its place.
 *
 * The function is read from its first byte to its last, as compilers lay them out: there is
 * no data in it, and every branch within it leads to an instruction that was read. What is
 * not so is refused, for a probe that is not on an instruction breaks the program.
 *
 * Only x86. The bytes may be hostile; no more than MT_PLACEMENT_CODE_MAX of them are looked at.
 * Pure, thread-safe, owns nothing. Offsets are bytes from the function's first. Errors are -errno.
 */
#ifndef MT_TARGET_RETURNS_H
#define MT_TARGET_RETURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MT_RETURNS_MAX 64

struct mt_jump {
	int64_t to;   /* where it goes; of one through a word, where that is */
	bool by_word; /* which the dynamic linker may have filled, as in a PLT */
};

struct mt_returns {
	uint32_t rets[MT_RETURNS_MAX]; /* rising */
	size_t nr_rets;
	struct mt_jump jumps[MT_RETURNS_MAX]; /* those that leave the function */
	size_t nr_jumps;
};

/*
 * Jumps to what a register says are not in it: within a function such a one is a `switch`, and
 * out of it what is called so is not known. -ENOTSUP: not all is instructions, or it runs on
 * behind its last. -E2BIG: too many bytes or ends.
 */
int mt_returns_find(const uint8_t *code, size_t len, struct mt_returns *out);

/* Is there nothing at `code` but a jump through a word? Where that is, or -ENOENT. */
int mt_returns_stub(const uint8_t *code, size_t len, int64_t *word);

#endif
