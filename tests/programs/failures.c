/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* failures: calls that fail and must change nothing but failed_count. */
#include <malloc.h>
#include "truth.h"

static volatile size_t huge = SIZE_MAX / 2; /* volatile: the compiler would warn */

SITE void *good(size_t n)
{
	return T_MALLOC(n);
}

SITE void fail_fresh(void)
{
	size_t n = huge;

	T_MALLOC(n);
	T_CALLOC(n, (size_t)3); /* overflows */
	T_CALLOC(n, (size_t)1);
	T_POSIX_MEMALIGN(3, (size_t)8); /* EINVAL */
	T_POSIX_MEMALIGN(64, n);
	T_ALIGNED_ALLOC(64, n);
	T_MEMALIGN(64, n);
	T_VALLOC(n);
#ifdef __GLIBC__
	if (truth_of_libc((void *)pvalloc) == truth_of_libc((void *)free))
		T_PVALLOC(n);
#endif
}

SITE void fail_resize(void *p)
{
	void *volatile block = p; /* it stays valid, which the compiler would not believe */
	size_t n = huge;

	T_REALLOC(block, n);
	T_REALLOCARRAY(block, n, (size_t)4); /* overflows, never reaches realloc */
	T_REALLOCARRAY(block, n, (size_t)1);
}

int main(void)
{
	void *p = good(1000), *q = good(300000);

	memset(p, 0x5a, 1000);
	fail_fresh();
	fail_resize(p);
	fail_resize(q);
	for (int i = 0; i < 1000; i++)
		if (((unsigned char *)p)[i] != 0x5a)
			truth_die("failures: a failed realloc changed the block");
	T_FREE(p); /* as if nothing had been tried */
	good(77);
	truth_write();
	return 0;
}
