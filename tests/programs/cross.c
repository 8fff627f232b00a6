/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* cross: blocks that one thread allocates and another frees or resizes. */
#include "truth.h"

#define BLOCKS 400

static void *block[BLOCKS];

SITE void *in_main(size_t n)
{
	return T_MALLOC(n);
}

SITE void *in_worker(size_t n)
{
	return T_CALLOC(1, n);
}

SITE void *resized(void *p, size_t n)
{
	return T_REALLOC(p, n);
}

static void *take(void *arg)
{
	for (int i = 0; i < BLOCKS; i++) {
		if (i % 4 == 3)
			block[i] = resized(block[i], 700 + i);
		else
			T_FREE(block[i]);
	}
	return arg;
}

static void *give(void *arg)
{
	for (int i = 0; i < BLOCKS; i++)
		block[i] = in_worker(100 + i);
	return arg;
}

static void run(void *(*fn)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, fn, NULL) || pthread_join(thread, NULL))
		truth_die("cross: no thread");
}

int main(void)
{
	for (int i = 0; i < BLOCKS; i++)
		block[i] = in_main(10 + i);
	run(take);
	run(give);
	for (int i = 0; i < BLOCKS; i += 2)
		T_FREE(block[i]);
	truth_write();
	return 0;
}
