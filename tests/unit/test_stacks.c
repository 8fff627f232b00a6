// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The thread ledger on this process itself, compared with what pthread and mincore(2) say;
 * its counts; and 10,000 threads. With PAGEMAP_SCAN and with reading.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "stacks_help.h"
#include "target/maps.h"

#define KIB 1024UL
#define MIB (1024 * KIB)

static unsigned int main_deeper = 200; /* its pages stay: each test must go deeper */

/* ---- this process's own threads ------------------------------------------------------- */

#define WORKERS 4

struct worker {
	size_t stack_bytes, guard_bytes;
	unsigned int pages; /* depth of the recursion, at first; twice that later */
	pthread_t thread;
	pthread_barrier_t *turn;
	pid_t tid;
	uint64_t lo, hi, sp, lowest;
	size_t guard_seen;
};

static __attribute__((noinline)) void recurse(struct worker *w, unsigned int pages)
{
	volatile char frame[4096];

	memset((char *)frame, 1, sizeof(frame));
	if ((uintptr_t)frame < w->lowest)
		w->lowest = (uintptr_t)frame;
	if (pages > 1)
		recurse(w, pages - 1);
	frame[0] = 2; /* not a tail call */
}

static void where_am_i(struct worker *w)
{
	pthread_attr_t attr;
	size_t size;
	void *lo;

	w->tid = syscall(SYS_gettid);
	w->lowest = UINT64_MAX;
	assert_int_equal(pthread_getattr_np(pthread_self(), &attr), 0);
	assert_int_equal(pthread_attr_getstack(&attr, &lo, &size), 0);
	assert_int_equal(pthread_attr_getguardsize(&attr, &w->guard_seen), 0);
	pthread_attr_destroy(&attr);
	w->lo = (uintptr_t)lo;
	w->hi = w->lo + size;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	where_am_i(w);
	w->sp = (uintptr_t)__builtin_frame_address(0);
	for (int i = 1; i <= 2; i++) {
		recurse(w, i * w->pages);
		pthread_barrier_wait(w->turn); /* it may be looked at */
		pthread_barrier_wait(w->turn);
	}
	return NULL;
}

/* The lowest page that is resident, as mincore says. */
static int64_t resident_depth(uint64_t lo, uint64_t hi)
{
	size_t pages = (hi - lo) / page;
	_free_ unsigned char *in = malloc(pages);

	assert_int_equal(mincore((void *)lo, hi - lo, in), 0);
	for (size_t i = 0; i < pages; i++)
		if (in[i] & 1)
			return hi - lo - i * page;
	return -1;
}

static void check_worker(const struct mt_stacks *s, const struct worker *w)
{
	struct mt_stacks_thread t = thread_of(s, w->tid);
	int64_t recursed = w->hi - (w->lowest & -page);

	assert_int_equal(t.reserved_bytes, w->hi - w->lo);
	assert_int_equal(t.guard_bytes, w->guard_seen);
	assert_int_equal(t.touched_bytes, resident_depth(w->lo, w->hi));
	/* What recurse calls at the bottom is a little deeper. */
	assert_true(t.touched_bytes >= recursed && t.touched_bytes <= recursed + 8 * (int64_t)page);
}

static void start_worker(struct worker *w, pthread_barrier_t *turn)
{
	pthread_attr_t attr;

	w->turn = turn;
	pthread_attr_init(&attr);
	assert_int_equal(pthread_attr_setstacksize(&attr, w->stack_bytes), 0);
	assert_int_equal(pthread_attr_setguardsize(&attr, w->guard_bytes), 0);
	assert_int_equal(pthread_create(&w->thread, &attr, work, w), 0);
	pthread_attr_destroy(&attr);
}

static void check_totals(const struct mt_stacks *s, const struct worker *w)
{
	int64_t reserved = 0, touched = 0;

	for (int i = 0; i < WORKERS; i++) {
		check_worker(s, &w[i]);
		reserved += w[i].hi - w[i].lo;
		touched += thread_of(s, w[i].tid).touched_bytes;
	}
	assert_int_equal(mt_stacks_totals(s)->reserved_peak_bytes, reserved);
	assert_int_equal(mt_stacks_totals(s)->touched_peak_bytes, touched);
	assert_int_equal(site_of(s, 5).touched_max_bytes, thread_of(s, w[2].tid).touched_bytes);
	assert_int_equal(site_of(s, 5).reserved_bytes, 8 * MIB);
}

static void test_real_threads(void **state)
{
	__cleanup(mt_stacks_free) struct mt_stacks *s = stacks_of(state, getpid());
	__cleanup(mt_ledger_free) struct mt_ledger *l = NULL;
	struct worker w[WORKERS] = {
		{ .stack_bytes = MIB, .guard_bytes = 4096, .pages = 10 },
		{ .stack_bytes = 512 * KIB, .guard_bytes = 64 * KIB, .pages = 30 },
		{ .stack_bytes = 8 * MIB, .guard_bytes = 4096, .pages = 500 },
		{ .stack_bytes = MIB, .guard_bytes = 0, .pages = 20 },
	};
	pthread_barrier_t turn;

	assert_int_equal(mt_ledger_new(&l), 0);
	pthread_barrier_init(&turn, NULL, WORKERS + 1);
	for (int i = 0; i < WORKERS; i++)
		start_worker(&w[i], &turn);
	pthread_barrier_wait(&turn);
	for (int i = 0; i < WORKERS; i++) {
		struct mt_ledger_mmap call = {
			.start = w[i].lo - w[i].guard_seen,
			.len = w[i].hi - w[i].lo + w[i].guard_seen,
		};

		assert_int_equal(mt_ledger_mmap(l, 1, &call, 0), 0);
		/* Two that were created, and two that ran before and sleep in the barrier now. */
		if (i % 2)
			assert_int_equal(mt_stacks_adopt(s, w[i].tid, 1), 0);
		else
			assert_int_equal(mt_stacks_spawn(s, w[i].tid, w[i].sp, 5, 1), 0);
	}
	for (int i = 0; i < 100 && (thread_of(s, w[1].tid).touched_bytes < 0 ||
				    thread_of(s, w[3].tid).touched_bytes < 0);
	     i++) {
		usleep(1000); /* they are on their way to sleep */
		tick(s, l);
	}
	check_totals(s, w);
	pthread_barrier_wait(&turn);
	pthread_barrier_wait(&turn);
	tick(s, l);
	check_totals(s, w);
	assert_int_equal(mt_stacks_totals(s)->created, 2);
	assert_int_equal(mt_stacks_totals(s)->peak_alive, 4);
	pthread_barrier_wait(&turn);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(w[i].thread, NULL);
	pthread_barrier_destroy(&turn);
}

static void main_stack(uint64_t *lo, uint64_t *hi)
{
	__cleanup(mt_maps_free) struct mt_maps *maps = NULL;
	const struct mt_mapping *m;

	assert_int_equal(mt_maps_load(&maps, getpid()), 0);
	m = mt_maps_find(maps, (uintptr_t)__builtin_frame_address(0));
	assert_non_null(m);
	*lo = m->start;
	*hi = m->end;
}

/* First under the limit as it is, then, if that is allowed, under none. */
static void test_main_thread(void **state)
{
	struct rlimit limit;
	rlim_t was;

	assert_int_equal(getrlimit(RLIMIT_STACK, &limit), 0);
	was = limit.rlim_cur;
	for (int i = 1; i <= 2; i++) {
		__cleanup(mt_stacks_free) struct mt_stacks *s = stacks_of(state, getpid());
		struct worker w = { .lowest = UINT64_MAX };
		struct mt_stacks_thread t;
		uint64_t lo, hi;

		tick(s, NULL);
		main_deeper += 50;
		recurse(&w, main_deeper);
		tick(s, NULL);
		t = thread_of(s, getpid());
		main_stack(&lo, &hi);
		assert_true(t.main);
		assert_int_equal(t.reserved_bytes,
				 limit.rlim_cur == RLIM_INFINITY ? -1 : (int64_t)limit.rlim_cur);
		assert_int_equal(t.touched_bytes, resident_depth(lo, hi));
		assert_in_range(t.touched_bytes, hi - w.lowest, hi - w.lowest + 8 * page);
		assert_int_equal(mt_stacks_totals(s)->peak_alive, 0);
		assert_int_equal(mt_stacks_totals(s)->touched_peak_bytes, -1);
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_STACK, &limit))
			break;
	}
	limit.rlim_cur = was;
	setrlimit(RLIMIT_STACK, &limit);
}

/* ---- processes that end --------------------------------------------------------------- */

static void test_ended_process(void **state)
{
	__cleanup(mt_stacks_free) struct mt_stacks *early = NULL;
	__cleanup(mt_stacks_free) struct mt_stacks *late = NULL;
	int64_t touched;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		for (;;)
			pause();
	early = stacks_of(state, pid);
	late = stacks_of(state, pid);
	tick(early, NULL);
	touched = thread_of(early, pid).touched_bytes;
	assert_true(touched > 0);
	kill(pid, SIGKILL);
	waitid(P_PID, pid, NULL, WEXITED | WNOWAIT);
	assert_int_equal(mt_stacks_tick(late, NULL), -ESRCH); /* a zombie */
	waitpid(pid, NULL, 0);
	assert_int_equal(mt_stacks_tick(late, NULL), -ESRCH);
	tick(early, NULL);
	mt_stacks_exit(early, pid, "it", 9);
	assert_int_equal(thread_of(early, pid).touched_bytes, touched);
	assert_int_equal(thread_of(early, pid).end_ns, 9);
	assert_int_equal(thread_of(late, pid).touched_bytes, -1);
}

/* ---- many threads --------------------------------------------------------------------- */

static struct area many_stacks(size_t nr, size_t each)
{
	struct area a = {
		.len = nr * each * page,
	};

	a.base = mmap(NULL, a.len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(a.base != MAP_FAILED);
	for (size_t i = 0; i < nr; i++)
		assert_int_equal(mprotect(a.base + (i * each + 1) * page, (each - 1) * page,
					  PROT_READ | PROT_WRITE),
				 0);
	madvise(a.base, a.len, MADV_NOHUGEPAGE);
	return a;
}

static int sum_list(const struct mt_stacks_thread *thread, void *arg)
{
	int64_t *sums = arg;

	if (thread->main)
		return 0;
	sums[0]++;
	sums[1] += thread->touched_bytes / page;
	if (thread->touched_bytes < sums[2])
		sums[2] = thread->touched_bytes;
	return 0;
}

/* Of 1,500 finished threads, each of its own depth, the deepest 1,000 are kept. */
static void test_deepest_are_kept(void **state)
{
	enum { NR = 1500, EACH = 1502 };
	__cleanup(mt_stacks_free) struct mt_stacks *s = stacks_of(state, getpid());
	__cleanup(area_unmap) struct area a = many_stacks(NR, EACH);
	int64_t sums[3] = { 0, 0, INT64_MAX };

	for (int i = 0; i < NR; i++) {
		int depth = 1 + i * 7 % NR; /* each once: 7 and 1500 have no common factor */

		touch(&a, (i + 1) * EACH - depth);
		assert_int_equal(
			mt_stacks_spawn(s, FAKE_TID + i, sp_below(&a, (i + 1) * EACH), 1, i), 0);
	}
	tick(s, NULL);
	assert_int_equal(mt_stacks_totals(s)->touched_peak_bytes, NR * (NR + 1) / 2 * page);
	for (int i = NR - 1; i >= 0; i--)
		mt_stacks_exit(s, FAKE_TID + i, "t", i);
	assert_int_equal(mt_stacks_each_thread(s, sum_list, sums), 0);
	assert_int_equal(sums[0], 1000);
	assert_int_equal(sums[1], (501 + 1500) * 1000 / 2);
	assert_int_equal(sums[2], 501 * page);
	assert_int_equal(mt_stacks_totals(s)->exited, NR);
	assert_int_equal(mt_stacks_totals(s)->alive, 0);
	assert_int_equal(mt_stacks_totals(s)->touched_peak_bytes, NR * (NR + 1) / 2 * page);
	assert_int_equal(site_of(s, 1).peak_alive, NR);
	assert_int_equal(site_of(s, 1).touched_max_bytes, NR * page);
}

static double tick_us(struct mt_stacks *s)
{
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	tick(s, NULL);
	clock_gettime(CLOCK_MONOTONIC, &to);
	return (to.tv_sec - from.tv_sec) * 1e6 + (to.tv_nsec - from.tv_nsec) / 1e3;
}

/* A tick looks at some threads, in turn, however many there are; at new ones at once. */
static void test_many_threads(void **state)
{
	enum { NR = 10000, EACH = 257 };
	__cleanup(mt_stacks_free) struct mt_stacks *s = stacks_of(state, getpid());
	__cleanup(area_unmap) struct area a = many_stacks(NR, EACH);
	const struct mt_stacks_totals *t = mt_stacks_totals(s);
	double first;

	for (int i = 0; i < NR; i++) {
		touch(&a, (i + 1) * EACH - 1);
		assert_int_equal(
			mt_stacks_spawn(s, FAKE_TID + i, sp_below(&a, (i + 1) * EACH), 1, i), 0);
	}
	first = tick_us(s);
	assert_int_equal(t->touched_peak_bytes, NR * page);
	assert_int_equal(t->reserved_peak_bytes, NR * (EACH - 1) * page);
	for (int i = 0; i < NR; i++)
		touch(&a, (i + 1) * EACH - 2);
	print_message("%s: a tick that finds %d stacks %.0f us, one that looks at %d %.0f us\n",
		      *(bool *)*state ? "scan" : "read", NR, first, MT_STACKS_LOOKS, tick_us(s));
	assert_in_range(t->touched_peak_bytes, NR * page + 1, (NR + MT_STACKS_LOOKS) * page);
	for (int i = 0; i < NR / MT_STACKS_LOOKS; i++)
		tick(s, NULL);
	assert_int_equal(t->touched_peak_bytes, 2 * NR * page);
}

/* ---- counts --------------------------------------------------------------------------- */

static void test_counts(void **state)
{
	__cleanup(mt_stacks_free) struct mt_stacks *s = stacks_of(state, 1000);
	const struct mt_stacks_totals *t = mt_stacks_totals(s);

	assert_int_equal(mt_stacks_spawn(s, 1000, 1, 1, 1), 0);
	assert_int_equal(mt_stacks_adopt(s, 1000, 1), 0);
	assert_int_equal(t->alive, 0);
	assert_int_equal(mt_stacks_spawn(s, 1001, 1, 1, 10), 0);
	assert_int_equal(mt_stacks_spawn(s, 1002, 1, 1, 11), 0);
	assert_int_equal(mt_stacks_spawn(s, 1003, 1, 2, 12), 0);
	mt_stacks_exit(s, 1002, "second, with a long name", 20);
	mt_stacks_exit(s, 1002, "again", 21);
	mt_stacks_exit(s, 4242, "unheard of", 21);
	assert_int_equal(mt_stacks_spawn(s, 1004, 1, 1, 22), 0);
	assert_int_equal(t->created, 4);
	assert_int_equal(t->exited, 1);
	assert_int_equal(t->peak_alive, 3);
	assert_int_equal(site_of(s, 1).created, 3);
	assert_int_equal(site_of(s, 1).peak_alive, 2);
	assert_int_equal(site_of(s, 2).peak_alive, 1);
	assert_string_equal(thread_of(s, 1002).comm, "second, with a ");
	assert_int_equal(thread_of(s, 1002).start_ns, 11);
	assert_int_equal(thread_of(s, 1002).end_ns, 20);
	assert_int_equal(thread_of(s, 1003).end_ns, -1);
	assert_int_equal(thread_of(s, 1003).spawn_stack, 2);
	/* Its exit was lost. */
	assert_int_equal(mt_stacks_spawn(s, 1003, 1, 3, 30), 0);
	assert_int_equal(t->exited, 2);
	assert_int_equal(t->alive, 3);
	/* In the list of threads and in an event, in both orders. */
	assert_int_equal(mt_stacks_adopt(s, 1003, 31), 0);
	assert_int_equal(mt_stacks_adopt(s, 1005, 31), 0);
	assert_int_equal(t->created, 5);
	assert_int_equal(mt_stacks_spawn(s, 1005, 1, 4, 32), 0);
	assert_int_equal(t->created, 6);
	assert_int_equal(t->exited, 2);
	assert_int_equal(t->alive, 4);
	assert_int_equal(t->peak_alive, 4);
	assert_int_equal(thread_of(s, 1003).spawn_stack, 3);
	assert_int_equal(thread_of(s, 1005).spawn_stack, 4);
	mt_stacks_exit(s, 1000, "main", 40);
	assert_int_equal(thread_of(s, 1000).end_ns, 40);
	assert_int_equal(t->exited, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_real_threads),  BOTH(test_main_thread),
		BOTH(test_ended_process), BOTH(test_deepest_are_kept),
		BOTH(test_many_threads),  { "test_counts", test_counts, NULL, NULL, &scan },
	};

	page = sysconf(_SC_PAGESIZE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
