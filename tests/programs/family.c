/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* family: every allocating function, each at a site of its own; some blocks stay live. */
#include <malloc.h>
#include "truth.h"

#define ROUNDS 12

SITE void *by_malloc(size_t n)
{
	return T_MALLOC(n);
}

SITE void *by_calloc(size_t n)
{
	return T_CALLOC(n, 3);
}

SITE void *by_realloc(size_t n)
{
	return T_REALLOC(by_malloc(n), n * 2);
}

SITE void *by_reallocarray(size_t n)
{
	return T_REALLOCARRAY(by_malloc(n), n, 5);
}

SITE void *by_posix_memalign(size_t n)
{
	return T_POSIX_MEMALIGN(64, n);
}

SITE void *by_aligned_alloc(size_t n)
{
	return T_ALIGNED_ALLOC(128, n);
}

SITE void *by_memalign(size_t n)
{
	return T_MEMALIGN(256, n);
}

SITE void *by_valloc(size_t n)
{
	return T_VALLOC(n);
}

#ifdef __GLIBC__
SITE void *by_pvalloc(size_t n)
{
	return T_PVALLOC(n);
}
#endif

/* One function, two kinds: they are two sites. */
SITE void *by_either(size_t n)
{
	return n % 2 ? T_MALLOC(n) : T_CALLOC(1, n);
}

static void some_blocks(void *(*by)(size_t), size_t i)
{
	void *block[ROUNDS];

	for (size_t n = 0; n < ROUNDS; n++)
		block[n] = by(100 * i + 17 * n + 1);
	for (size_t n = i % 3; n < ROUNDS; n += 3)
		T_FREE(block[n]);
}

int main(void)
{
	static void *(*const by[])(size_t) = {
		by_malloc,	  by_calloc,   by_realloc, by_reallocarray, by_posix_memalign,
		by_aligned_alloc, by_memalign, by_valloc,  by_either,
	};

	for (size_t i = 0; i < sizeof(by) / sizeof(by[0]); i++)
		some_blocks(by[i], i);
#ifdef __GLIBC__
	/* Not every allocator has it; the C library's block is not theirs to free. */
	if (truth_of_libc((void *)pvalloc) == truth_of_libc((void *)free))
		some_blocks(by_pvalloc, 9);
#endif
	truth_write();
	return 0;
}
