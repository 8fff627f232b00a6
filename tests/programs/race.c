/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * race THREADS ROUNDS: threads that allocate, resize and free each other's blocks at random.
 * A thread works on a random slot that nobody else holds. Slots still full at the end are live.
 */
#include <stdatomic.h>
#include "truth.h"

#define SLOTS 512

static struct {
	atomic_flag held;
	void *block;
} slot[SLOTS];

static int rounds;

static uint64_t next(uint64_t *seed) /* xorshift64 */
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

SITE void *race_malloc(size_t n)
{
	return T_MALLOC(n);
}

SITE void *race_calloc(size_t n)
{
	return T_CALLOC(n, 2);
}

SITE void *race_memalign(size_t n)
{
	return T_POSIX_MEMALIGN(64, n);
}

SITE void *race_realloc(void *p, size_t n)
{
	return T_REALLOC(p, n);
}

static void *step(void *block, uint64_t random)
{
	size_t size = random >> 32 & 0xfff;

	if (block && random % 3)
		return race_realloc(block, size + 1);
	if (block) {
		T_FREE(block);
		return NULL;
	}
	switch (random % 3) {
	case 0:
		return race_malloc(size);
	case 1:
		return race_calloc(size);
	default:
		return race_memalign(size);
	}
}

static void *racer(void *arg)
{
	uint64_t seed = (uint64_t)arg * 0x9e3779b97f4a7c15;

	for (int i = 0; i < rounds;) {
		uint64_t random = next(&seed);
		int at = random % SLOTS;

		if (atomic_flag_test_and_set(&slot[at].held))
			continue;
		slot[at].block = step(slot[at].block, next(&seed));
		atomic_flag_clear(&slot[at].held);
		i++;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 64;
	pthread_t thread[threads];

	rounds = argc > 2 ? atoi(argv[2]) : 500;
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, racer, (void *)(uintptr_t)(i + 1)))
			truth_die("race: no thread");
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	truth_write();
	return 0;
}
