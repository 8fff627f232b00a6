// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * load: a target that allocates at a rate, and knows to the byte what it has allocated.
 *
 * Takes lines "THREADS SPINS MS" on stdin until there are no more: for so long each thread frees
 * and allocates, and computes for SPINS rounds after each pair. The work between the pairs is fixed
 * and not the time, so that a tracer's cost is not hidden in a wait: pairs become fewer. Every
 * STEP_MS and at both ends of a phase it says what it has done since the start of the program,
 * "at NS cpu NS pairs N bytes N", in the clocks CLOCK_MONOTONIC and that of its CPU time.
 *
 * It allocates nothing else: stdout has a buffer of its own, and glibc keeps the first thread's
 * stack, with what it allocated for it, for the next one.
 *
 * Blocks come in turn from 16 sites, site_0 to site_15; each has a size of its own.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define THREADS_MAX 16
#define STEP_MS	    100
#define SITES	    16
#define WINDOW	    64 /* live blocks of a thread */
#define SIZE(site)  (16 + 32 * (size_t)(site))

struct worker {
	pthread_t thread;
	uint64_t spins;
	uint64_t pairs; /* read by main() while it counts */
	uint64_t bytes;
} __attribute__((aligned(128)));

static int stop;

#define DEFINE_SITE(n)                                     \
	static __attribute__((noipa)) void *site_##n(void) \
	{                                                  \
		return malloc(SIZE(n));                    \
	}

DEFINE_SITE(0)
DEFINE_SITE(1)
DEFINE_SITE(2)
DEFINE_SITE(3)
DEFINE_SITE(4)
DEFINE_SITE(5)
DEFINE_SITE(6)
DEFINE_SITE(7)
DEFINE_SITE(8)
DEFINE_SITE(9)
DEFINE_SITE(10)
DEFINE_SITE(11)
DEFINE_SITE(12)
DEFINE_SITE(13)
DEFINE_SITE(14)
DEFINE_SITE(15)

static void *(*const sites[SITES])(void) = {
	site_0, site_1, site_2,	 site_3,  site_4,  site_5,  site_6,  site_7,
	site_8, site_9, site_10, site_11, site_12, site_13, site_14, site_15,
};

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void compute(uint64_t spins)
{
	while (spins--)
		__asm__ volatile("");
}

static void *worker_main(void *arg)
{
	void *window[WINDOW] = { NULL };
	struct worker *w = arg;
	uint64_t pairs = 0, bytes = 0;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		free(window[pairs % WINDOW]);
		window[pairs % WINDOW] = sites[pairs % SITES]();
		bytes += SIZE(pairs % SITES);
		pairs++;
		__atomic_store_n(&w->pairs, pairs, __ATOMIC_RELAXED);
		__atomic_store_n(&w->bytes, bytes, __ATOMIC_RELAXED);
		compute(w->spins);
	}
	for (int i = 0; i < WINDOW; i++)
		free(window[i]);
	return NULL;
}

/* Of this phase, and what earlier ones left in `total`. */
static void tell(const struct worker *workers, int threads, const struct worker *total)
{
	uint64_t pairs = total->pairs, bytes = total->bytes;

	for (int i = 0; i < threads; i++) {
		pairs += __atomic_load_n(&workers[i].pairs, __ATOMIC_RELAXED);
		bytes += __atomic_load_n(&workers[i].bytes, __ATOMIC_RELAXED);
	}
	printf("at %ld cpu %ld pairs %lu bytes %lu\n", (long)clock_ns(CLOCK_MONOTONIC),
	       (long)clock_ns(CLOCK_PROCESS_CPUTIME_ID), (unsigned long)pairs,
	       (unsigned long)bytes);
}

static void await_ns(int64_t when_ns)
{
	struct timespec ts = { .tv_sec = when_ns / 1000000000, .tv_nsec = when_ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL))
		;
}

static void run(int threads, unsigned long spins, int ms, struct worker *total)
{
	struct worker workers[THREADS_MAX] = { 0 };
	int64_t begin_ns = clock_ns(CLOCK_MONOTONIC);

	tell(workers, 0, total);
	__atomic_store_n(&stop, 0, __ATOMIC_RELAXED);
	for (int i = 0; i < threads; i++) {
		workers[i].spins = spins;
		if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]))
			abort();
	}
	for (int at_ms = STEP_MS; at_ms < ms; at_ms += STEP_MS) {
		await_ns(begin_ns + at_ms * INT64_C(1000000));
		tell(workers, threads, total);
	}
	await_ns(begin_ns + ms * INT64_C(1000000));
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < threads; i++)
		pthread_join(workers[i].thread, NULL);
	tell(workers, threads, total);
	for (int i = 0; i < threads; i++) {
		total->pairs += workers[i].pairs;
		total->bytes += workers[i].bytes;
	}
}

static void *nothing_main(void *arg)
{
	return NULL;
}

int main(void)
{
	static char buffer[BUFSIZ];
	struct worker total = { 0 };
	unsigned long spins;
	pthread_t thread;
	char line[64];
	int threads, ms;

	setvbuf(stdout, buffer, _IOLBF, sizeof(buffer));
	if (pthread_create(&thread, NULL, nothing_main, NULL) || pthread_join(thread, NULL))
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%d %lu %d", &threads, &spins, &ms) != 3 || threads < 1 ||
		    threads > THREADS_MAX || ms < 1)
			return 2;
		run(threads, spins, ms, &total);
	}
	return 0;
}
