// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * heartbeat: a target that notices when it is held up.
 *
 * One thread wakes up every millisecond, allocates, frees and touches a new page, for which it
 * needs what an attach locks; another one allocates all the time. At the end of stdin it prints
 * when each beat was over, a line each, ns of CLOCK_MONOTONIC.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define BEAT_NS	  INT64_C(1000000)
#define BEATS_MAX (20 * 60 * 1000)
#define PAGE_SIZE 4096

static int64_t beats[BEATS_MAX];
static int stop;

static int stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void *keep(void *block)
{
	__asm__ volatile("" : "+r"(block)); /* or the compiler drops malloc and free */
	return block;
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void *heart_main(void *arg)
{
	volatile char *page =
		mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int64_t next_ns = now_ns();

	if (page == MAP_FAILED)
		abort();
	for (int i = 0; i < BEATS_MAX && !stopped(); i++) {
		next_ns += BEAT_NS;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME,
				&(struct timespec){ .tv_sec = next_ns / 1000000000,
						    .tv_nsec = next_ns % 1000000000 },
				NULL);
		free(keep(malloc(100)));
		madvise((void *)page, PAGE_SIZE, MADV_DONTNEED);
		*page = 1;
		beats[i] = now_ns();
	}
	return NULL;
}

static void *worker_main(void *arg)
{
	while (!stopped()) {
		free(keep(malloc(200)));
		for (int i = 0; i < 1000; i++) /* about a million pairs a second */
			__asm__ volatile("");
	}
	return NULL;
}

int main(void)
{
	pthread_t heart, worker;

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	if (pthread_create(&heart, NULL, heart_main, NULL) ||
	    pthread_create(&worker, NULL, worker_main, NULL))
		return 1;
	while (getchar() != EOF)
		;
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(heart, NULL);
	pthread_join(worker, NULL);
	for (int i = 0; i < BEATS_MAX && beats[i]; i++)
		printf("%ld\n", (long)beats[i]);
	return 0;
}
