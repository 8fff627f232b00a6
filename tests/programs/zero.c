/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* zero: zero-size requests count, free(NULL) does not, realloc(p, 0) is a free. */
#include <malloc.h>
#include "truth.h"

static volatile size_t none; /* volatile: the compiler would warn */

SITE void *some(size_t n)
{
	return T_MALLOC(n);
}

SITE void *zero_malloc(void)
{
	size_t n = none;

	return T_MALLOC(n);
}

SITE void *zero_calloc(size_t nr, size_t size)
{
	return T_CALLOC(nr, size);
}

SITE void *zero_aligned(void)
{
	size_t n = none;

	return T_ALIGNED_ALLOC(32, n);
}

SITE void zero_realloc(void *p)
{
	size_t n = none;

	T_REALLOC(p, n);
}

SITE void zero_reallocarray(void *p)
{
	size_t n = none;

	T_REALLOCARRAY(p, n, (size_t)8);
}

/* realloc(NULL, n) is an allocation, of size 0 too. */
SITE void *fresh_realloc(size_t n)
{
	return T_REALLOC(NULL, n);
}

int main(void)
{
	void *p[4] = { zero_malloc(), zero_malloc(), zero_calloc(0, 8), zero_calloc(8, 0) };

	T_FREE(p[0]);
	T_FREE(p[2]);
	for (int i = 0; i < 5; i++)
		T_FREE(NULL);
	zero_aligned();
	zero_realloc(some(40));
	zero_realloc(some(0));
	zero_reallocarray(some(50));
	some(60);
	T_FREE(fresh_realloc(70));
	fresh_realloc(0);
	fresh_realloc(80);
	truth_write();
	return 0;
}
