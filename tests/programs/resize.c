/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* resize: realloc that stays, moves, shrinks and fails; which of them is known afterwards. */
#include "truth.h"

static volatile size_t huge = SIZE_MAX / 2;

SITE void *first(size_t n)
{
	return T_MALLOC(n);
}

SITE void *wall(void)
{
	return T_MALLOC(24);
}

SITE void *grow(void *p, size_t n)
{
	return T_REALLOC(p, n);
}

SITE void *shrink(void *p, size_t n)
{
	return T_REALLOC(p, n);
}

SITE void fail(void *p)
{
	size_t n = huge;

	T_REALLOC(p, n);
}

int main(void)
{
	for (int i = 0; i < 40; i++) {
		char *p = first(500 + i);

		p[499] = 42;
		if (i % 2)
			wall(); /* it has to move */
		p = grow(p, 3000 + 10 * i);
		fail(p);
		p = shrink(p, 500 + 2 * i);
		if (p[499] != 42)
			truth_die("resize: contents lost");
		if (i % 3)
			T_FREE(p);
	}
	truth_write();
	return 0;
}
