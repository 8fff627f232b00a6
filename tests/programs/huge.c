/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* huge: blocks with a mapping of their own, moved by mremap: a move that copies nothing. */
#include "truth.h"

SITE void *small(void)
{
	return T_MALLOC(1000);
}

SITE void *grow(void *p, size_t n)
{
	return T_REALLOC(p, n);
}

SITE void *shrink(void *p, size_t n)
{
	return T_REALLOC(p, n);
}

int main(void)
{
	char *p[2] = { small(), small() };

	p[0][999] = p[1][999] = 42;
	for (size_t n = 1 << 20; n <= 64 << 20; n *= 2)
		for (int i = 0; i < 2; i++)
			p[i] = grow(p[i], n + i);
	p[0] = shrink(p[0], 3 << 20);
	if (p[0][999] != 42 || p[1][999] != 42)
		truth_die("huge: contents lost");
	T_FREE(p[1]);
	truth_write();
	return 0;
}
