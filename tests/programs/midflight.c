/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * midflight THREADS RATE: threads that allocate and free RATE blocks a second together,
 * until SIGTERM. Every block carries a pattern that is checked before it is freed, so that
 * a target damaged by its tracer would notice. Says "ready"; on SIGUSR1 and at the end
 * "ops N BYTES", the blocks made by then (but for one that a thread may be making) and their
 * sizes; last of all and with status 0 "intact".
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include "truth.h"

#define HELD	  32 /* blocks that a thread holds */
#define PERIOD_NS 20000000L

struct worker {
	pthread_t thread;
	uint64_t seed;
	atomic_long ops;
	atomic_long bytes;
	unsigned char *block[HELD];
	size_t size[HELD];
};

static atomic_bool stop;
static long ops_per_period;

static uint64_t next(uint64_t *seed) /* xorshift64 */
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static unsigned char pattern(const unsigned char *p, size_t size)
{
	return (unsigned char)((uintptr_t)p >> 4 ^ size);
}

static void check(const unsigned char *p, size_t size, unsigned char want)
{
	for (size_t i = 0; i < size; i++)
		if (p[i] != want)
			truth_die("midflight: a block was changed");
}

SITE unsigned char *fresh(size_t size)
{
	return malloc(size);
}

SITE unsigned char *cleared(size_t size)
{
	return calloc(1, size);
}

SITE unsigned char *resized(unsigned char *p, size_t size)
{
	return realloc(p, size);
}

/* Replace one block, by one of three ways. */
static void step(struct worker *w)
{
	uint64_t random = next(&w->seed);
	int at = random % HELD;
	size_t old = w->size[at], size = 1 + (random >> 32) % 600;
	unsigned char *p = w->block[at], was = pattern(p, old);

	check(p, old, was);
	if (random >> 8 & 1) {
		p = resized(p, size);
		check(p, old < size ? old : size, was);
	} else {
		free(p);
		p = random >> 9 & 1 ? fresh(size) : cleared(size);
	}
	if (!p || (uintptr_t)p % 16)
		truth_die("midflight: the allocator answered nonsense");
	memset(p, pattern(p, size), size);
	w->block[at] = p;
	w->size[at] = size;
	atomic_fetch_add_explicit(&w->ops, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&w->bytes, size, memory_order_relaxed);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct timespec due;

	clock_gettime(CLOCK_MONOTONIC, &due);
	while (!atomic_load(&stop)) {
		for (long i = 0; i < ops_per_period; i++)
			step(w);
		due.tv_nsec += PERIOD_NS;
		due.tv_sec += due.tv_nsec / 1000000000;
		due.tv_nsec %= 1000000000;
		/* A slow tracer costs pace, not backlog. */
		if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == 0)
			clock_gettime(CLOCK_MONOTONIC, &due);
	}
	for (int i = 0; i < HELD; i++) {
		check(w->block[i], w->size[i], pattern(w->block[i], w->size[i]));
		free(w->block[i]);
	}
	return NULL;
}

static void start(struct worker *w, uint64_t seed)
{
	w->seed = seed * 0x9e3779b97f4a7c15;
	for (int i = 0; i < HELD; i++) {
		w->size[i] = 1;
		w->block[i] = malloc(1);
		w->block[i][0] = pattern(w->block[i], 1);
	}
	if (pthread_create(&w->thread, NULL, work, w))
		truth_die("midflight: no thread");
}

static void say_ops(struct worker *worker, long threads)
{
	long ops = 0, bytes = 0;
	char line[64];

	for (long i = 0; i < threads; i++) {
		ops += atomic_load(&worker[i].ops);
		bytes += atomic_load(&worker[i].bytes);
	}
	snprintf(line, sizeof(line), "ops %ld %ld", ops, bytes);
	say(line);
}

int main(int argc, char **argv)
{
	static struct worker worker[1000];
	long threads = argc > 1 ? atol(argv[1]) : 10, rate = argc > 2 ? atol(argv[2]) : 10000;
	sigset_t signals;
	int sig;

	ops_per_period = rate / threads * (PERIOD_NS / 1000) / 1000000;
	if (threads < 1 || threads > 1000 || ops_per_period < 1)
		truth_die("midflight: 1 to 1000 threads, at least 50 blocks a second each");
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGUSR1);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	for (long i = 0; i < threads; i++)
		start(&worker[i], i + 1);
	say("ready");
	while (!sigwait(&signals, &sig) && sig == SIGUSR1)
		say_ops(worker, threads);
	atomic_store(&stop, true);
	for (long i = 0; i < threads; i++)
		pthread_join(worker[i].thread, NULL);
	say_ops(worker, threads);
	say("intact");
	return 0;
}
