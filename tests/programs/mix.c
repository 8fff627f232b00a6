/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * mix: enough of small and large blocks, kept and freed, for a sample of them to tell something.
 * Each site is called from one place, so that it is one stack.
 */
#include "truth.h"

#define SMALL  20000
#define MIDDLE 4000
#define LARGE  200
#define CHAINS 400

static void *kept[SMALL + MIDDLE + LARGE];

SITE void *small(void)
{
	return T_MALLOC(24);
}

/* Two in three are small, and one in five of those that a sample has. */
SITE void *passing(int i)
{
	return T_MALLOC(i < 2 ? 100 : 1300);
}

SITE void *middle(size_t n)
{
	return T_CALLOC(n, 10);
}

SITE void *large(void)
{
	return T_MALLOC(200000);
}

SITE void *aligned(void)
{
	return T_POSIX_MEMALIGN(64, 5000);
}

SITE void *grown(void *p, size_t n)
{
	return T_REALLOC(p, n);
}

/* From nothing to 256 KiB, and back to a little. */
static void chain(void)
{
	const size_t most = 256 << 10;
	void *p = NULL;

	for (size_t n = 8192; n <= 2 * most; n *= 2)
		p = grown(p, n <= most ? n : 3000);
	T_FREE(p);
}

int main(void)
{
	int n = 0;

	for (int i = 0; i < SMALL; i++) {
		kept[n++] = small();
		for (int j = 0; j < 3; j++)
			T_FREE(passing(j));
		if (i % (SMALL / MIDDLE) == 0)
			kept[n++] = middle(300 + i % 7);
		if (i % (SMALL / LARGE) == 0)
			kept[n++] = large();
		if (i % 10 == 0)
			T_FREE(aligned());
		if (i % (SMALL / CHAINS) == 0)
			chain();
	}
	for (int i = 0; i < n; i += 2)
		T_FREE(kept[i]);
	truth_write();
	return 0;
}
