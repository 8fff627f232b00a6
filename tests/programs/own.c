/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* own: an allocator of its own beside the C library's, with C23's ways to free a block. */
#include "lib/own.h"
#include "truth.h"

#define BLOCKS 40

SITE void *by_libc(size_t n)
{
	return T_MALLOC(n);
}

SITE void *by_malloc(size_t n)
{
	return T_ALLOC("malloc", n, own_malloc(n));
}

SITE void *by_calloc(size_t n)
{
	return T_ALLOC("calloc", 3 * n, own_calloc(3, n));
}

SITE void *by_aligned_alloc(size_t n)
{
	return T_ALLOC("aligned_alloc", n, own_aligned_alloc(64, n));
}

SITE void *by_realloc(void *p, size_t n)
{
	return T_RESIZE("realloc", p, n, own_realloc(o_, n));
}

#define T_OWN_FREE(p, call)                                         \
	do {                                                        \
		void *o_ = (p);                                     \
		uint64_t t_;                                        \
		struct truth_block b_ = truth_before_free(o_, &t_); \
		call;                                               \
		truth_after_free(&b_, t_);                          \
	} while (0)

static void drop(int how, void *p, size_t n)
{
	if (how == 1)
		T_OWN_FREE(p, own_free(o_));
	else if (how == 2)
		T_OWN_FREE(p, own_free_sized(o_, n));
	else if (how == 3)
		T_OWN_FREE(p, own_free_aligned_sized(o_, 64, n));
}

int main(void)
{
	void *(*const by[])(size_t) = { by_malloc, by_calloc, by_aligned_alloc };
	void *block[BLOCKS];

	for (int i = 0; i < BLOCKS; i++) {
		block[i] = by[i % 3](50 + 3 * i);
		if (i % 3 < 2 && i % 2)
			block[i] = by_realloc(block[i], 400 + i);
		T_FREE(by_libc(i));
	}
	by_realloc(by_malloc(30), (size_t)1 << 30); /* fails */
	for (int i = 0; i < BLOCKS; i++)
		drop(i % 3 == 2 ? 3 : i % 4, block[i], 50 + 3 * i);
	truth_write();
	return 0;
}
