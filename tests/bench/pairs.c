// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * pairs: the target of the probe benchmark.
 *
 * Says "ready", then takes lines "THREADS MS [DEPTH]" on stdin and answers each with the mean cost
 * of a malloc and a free in that time and how many there were, "ns X pairs N". One process serves
 * all rounds, so that it can be measured bare, traced and bare again. The cost is the threads' CPU
 * time: what else the machine does is not taken for the tracer's.
 *
 * Sizes are mixed and small, as most are; a window of blocks stays live, so that a tracer's map
 * of them is not empty; the calls come from two sites below a few frames, so that a stack walk
 * has something to walk.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SITE __attribute__((noipa))

#define THREADS_MAX 2
#define DEPTH	    8  /* if it is not given */
#define WINDOW	    64 /* live blocks; also the pairs between two looks at the clock */

struct worker {
	pthread_t thread;
	int depth; /* frames above a site */
	int64_t budget_ns;
	int64_t spent_ns;
	int64_t pairs;
	void *window[WINDOW];
	size_t sizes[WINDOW];
};

static pthread_barrier_t gate;

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

SITE static void *even_site(size_t size)
{
	return malloc(size);
}

SITE static void *odd_site(size_t size)
{
	return malloc(size);
}

SITE static void churn(struct worker *w)
{
	int64_t end = clock_ns(CLOCK_MONOTONIC) + w->budget_ns;
	int64_t begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	do {
		for (int i = 0; i < WINDOW; i++) {
			free(w->window[i]);
			w->window[i] = i & 1 ? odd_site(w->sizes[i]) : even_site(w->sizes[i]);
		}
		w->pairs += WINDOW;
	} while (clock_ns(CLOCK_MONOTONIC) < end);
	w->spent_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin;
}

SITE static void descend(struct worker *w, int depth)
{
	if (depth)
		descend(w, depth - 1);
	else
		churn(w);
	__asm__ volatile("" ::: "memory"); /* no tail call: a frame each */
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	uint32_t state = 1;

	/* Full from the start: every free frees a block. */
	for (int i = 0; i < WINDOW; i++) {
		state = state * 1664525 + 1013904223;
		w->sizes[i] = 16 + (state >> 23); /* up to 527 bytes */
		w->window[i] = malloc(w->sizes[i]);
	}
	pthread_barrier_wait(&gate);
	descend(w, w->depth);
	for (int i = 0; i < WINDOW; i++)
		free(w->window[i]);
	return NULL;
}

static void run(int threads, int ms, int depth)
{
	struct worker workers[THREADS_MAX] = { 0 };
	double sum_ns = 0;
	int64_t pairs = 0;

	pthread_barrier_init(&gate, NULL, threads);
	for (int i = 0; i < threads; i++) {
		workers[i].budget_ns = ms * INT64_C(1000000);
		workers[i].depth = depth;
		if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]))
			abort();
	}
	for (int i = 0; i < threads; i++)
		pthread_join(workers[i].thread, NULL);
	pthread_barrier_destroy(&gate);
	for (int i = 0; i < threads; i++) {
		sum_ns += (double)workers[i].spent_ns / workers[i].pairs;
		pairs += workers[i].pairs;
	}
	printf("ns %.1f pairs %ld\n", sum_ns / threads, (long)pairs);
}

int main(void)
{
	char line[64];
	int threads, ms, depth;

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		depth = DEPTH;
		if (sscanf(line, "%d %d %d", &threads, &ms, &depth) < 2 || threads < 1 ||
		    threads > THREADS_MAX || ms < 1 || depth < 0)
			return 2;
		run(threads, ms, depth);
	}
	return 0;
}
