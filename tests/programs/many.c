/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * many COUNT SIZE: COUNT blocks of SIZE bytes live at once, then every second one is freed,
 * none within 1 ms of its birth nor before its thread's next allocation. Each of them bears
 * its number, which is checked, as a damaged target would notice. Says "intact".
 */
#include "truth.h"

#define COUNT_MAX 1000000

SITE long *made(size_t size)
{
	return malloc(size);
}

int main(int argc, char **argv)
{
	static long *block[COUNT_MAX];
	long count = argc > 1 ? atol(argv[1]) : 0, size = argc > 2 ? atol(argv[2]) : 0;

	if (count < 2 || count > COUNT_MAX || size < (long)sizeof(long))
		truth_die("many: 2 to 1000000 blocks of at least 8 bytes");
	for (long i = 0; i < count; i++) {
		block[i] = made(size);
		if (!block[i])
			truth_die("many: no memory");
		*block[i] = i;
	}
	nap_ms(20);
	for (long i = 0; i < count; i++) {
		if (*block[i] != i)
			truth_die("many: a block was changed");
		if (i < count - 1 && i % 2 == 0)
			free(block[i]);
	}
	say("intact");
	return 0;
}
