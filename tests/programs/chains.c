/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* chains: blocks that grow over and over, by doubling, by 16 bytes, and too seldom to matter. */
#include "truth.h"

SITE void *start(size_t n)
{
	return T_MALLOC(n);
}

SITE void wall(void)
{
	T_MALLOC(32);
}

SITE void *double_it(void *p, size_t n)
{
	return T_REALLOC(p, n);
}

SITE void *add_some(void *p, size_t n)
{
	return T_REALLOC(p, n);
}

SITE void *by_array(void *p, size_t n)
{
	return T_REALLOCARRAY(p, n, 8);
}

/* Three resizes: one short of a storm. */
SITE void *seldom(void *p, size_t n)
{
	return T_REALLOC(p, n);
}

static void *doubled(size_t limit)
{
	void *p = start(16);

	for (size_t n = 32; n <= limit; n *= 2) {
		p = double_it(p, n);
		wall();
	}
	return p;
}

static void *crept(size_t steps)
{
	void *p = start(16);

	for (size_t n = 2; n <= steps; n++) {
		p = add_some(p, 16 * n);
		if (n % 16 == 0)
			wall();
	}
	return p;
}

int main(void)
{
	void *p;

	for (int i = 0; i < 8; i++) {
		p = doubled(1 << 16);
		if (i % 2)
			T_FREE(p);
	}
	for (int i = 0; i < 4; i++) {
		p = crept(300);
		if (i % 2)
			T_FREE(p);
	}
	p = start(8);
	for (size_t n = 2; n <= 5; n++) /* four: just a storm */
		p = by_array(p, n);
	T_FREE(p);
	p = start(8);
	for (size_t n = 2; n <= 4; n++)
		p = seldom(p, 8 * n);
	T_FREE(p);
	truth_write();
	return 0;
}
