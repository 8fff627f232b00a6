/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * handed: the main thread frees blocks that another thread allocates, at an address where it
 * once had a block itself: none of them is temporary. Prints how often the address was that.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 200
#define SIZE   (1 << 20)

static pthread_barrier_t turn;
static void *volatile block;

static void *giver(void *arg)
{
	free(malloc(1)); /* what the C library sets up for a thread is in place then */
	pthread_barrier_wait(&turn);
	for (int i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&turn);
		block = malloc(SIZE);
		pthread_barrier_wait(&turn);
	}
	return arg;
}

int main(void)
{
	pthread_t thread;
	void *first;
	int same = 0;

	/* One heap and no mmap: the block's place is always the same. */
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, 1 << 25);
	pthread_barrier_init(&turn, NULL, 2);
	if (pthread_create(&thread, NULL, giver, NULL))
		return 1;
	pthread_barrier_wait(&turn);
	first = malloc(SIZE);
	free(first);
	for (int i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&turn);
		pthread_barrier_wait(&turn);
		same += block == first;
		free(block);
	}
	pthread_join(thread, NULL);
	printf("same %d\n", same);
	return 0;
}
