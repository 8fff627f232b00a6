/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * threads: short threads one after another, then threads of known stack sizes that touch a
 * known depth and stay until a byte comes on stdin. Says "ready" when all of them wait.
 */
#include <sys/stat.h>
#include "truth.h"

#define KIB 1024L

struct group {
	const char *name;
	long stack;
	long guard;
	long depth;
};

static pthread_barrier_t all_deep, all_end;

/* Touches every page down to "depth" bytes below here. */
SITE void dive(long depth)
{
	volatile char page[4096];

	page[0] = 1;
	if (depth > (long)sizeof(page))
		dive(depth - (long)sizeof(page));
	page[1] = page[0];
}

static void *brief(void *arg)
{
	return arg;
}

static void *hold(void *arg)
{
	struct group *g = arg;

	pthread_setname_np(pthread_self(), g->name);
	dive(g->depth);
	pthread_barrier_wait(&all_deep);
	pthread_barrier_wait(&all_end);
	return NULL;
}

static const pthread_attr_t *attributes(const struct group *g, const char *function)
{
	static pthread_attr_t attr;
	struct truth_tally *t = truth_tally(truth.now.spawn, function);

	t->count++;
	t->bytes = g->stack;
	t->touched_bytes = g->depth;
	pthread_attr_init(&attr);
	if (pthread_attr_setstacksize(&attr, g->stack) ||
	    pthread_attr_setguardsize(&attr, g->guard))
		truth_die("threads: bad attributes");
	return &attr;
}

#define CREATE(g, fn)                                                                   \
	({                                                                              \
		pthread_t thread_;                                                      \
		if (pthread_create(&thread_, attributes(g, __func__), fn, (void *)(g))) \
			truth_die("threads: no thread");                                \
		thread_;                                                                \
	})

SITE pthread_t spawn_short(void)
{
	static const struct group g = { "short", 64 * KIB, 4 * KIB, 0 };

	return CREATE(&g, brief);
}

SITE pthread_t spawn_deep(void)
{
	static const struct group g = { "deep", 1024 * KIB, 4 * KIB, 300 * KIB };

	return CREATE(&g, hold);
}

SITE pthread_t spawn_shallow(void)
{
	static const struct group g = { "shallow", 256 * KIB, 64 * KIB, 40 * KIB };

	return CREATE(&g, hold);
}

SITE pthread_t spawn_large(void)
{
	static const struct group g = { "large", 8192 * KIB, 4 * KIB, 1000 * KIB };

	return CREATE(&g, hold);
}

/* The link count of this directory is 2 and the number of threads. */
static void await_alone(void)
{
	struct stat st;

	while (stat("/proc/self/task", &st) == 0 && st.st_nlink > 3)
		nap_ms(1);
}

int main(void)
{
	static pthread_t (*const spawn[])(void) = {
		spawn_deep,    spawn_deep,    spawn_deep,    spawn_deep,
		spawn_shallow, spawn_shallow, spawn_shallow, spawn_large,
	};
	pthread_t thread[8];

	pthread_barrier_init(&all_deep, NULL, 8 + 1);
	pthread_barrier_init(&all_end, NULL, 8 + 1);
	for (int i = 0; i < 20; i++)
		pthread_join(spawn_short(), NULL);
	await_alone();
	for (int i = 0; i < 8; i++)
		thread[i] = spawn[i]();
	pthread_barrier_wait(&all_deep);
	say("ready");
	await_go();
	pthread_barrier_wait(&all_end);
	for (int i = 0; i < 8; i++)
		pthread_join(thread[i], NULL);
	truth.now.threads_peak_alive = 8;
	truth.now.stack_reserved_peak_bytes = (4 * 1024 + 3 * 256 + 8192) * KIB;
	truth_write();
	return 0;
}
