// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* session/faults.c: sampled and with periods that change, faults are counted once. Needs root. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session/faults.h"
#include "session/kernel.h"
#include "session/tables.h"
#include "util/cleanup.h"

#define PAGE 4096L

static struct mt_kernel *kernel;

static int load(void **state)
{
	const struct mt_kernel_options options = {
		.links = MT_LINK_NONE,
		.vm = MT_VM_NONE,
		.no_stacks = true,
		.map_memory_bytes = 16 << 20,
	};

	return mt_kernel_load(&kernel, &options);
}

static int unload(void **state)
{
	mt_kernel_free(&kernel);
	return 0;
}

/* ---- the target: touches as many pages as it is told to, in as many threads --------------- */

struct order {
	int threads; /* 0: end */
	int pages;
};

struct target {
	pid_t pid;
	int to;
	int from;
	uint32_t slot;
};

/* What the sanitizer looks at for each access is memory that is touched too. */
static __attribute__((no_sanitize_address)) void *touch(void *pages)
{
	long bytes = *(const int *)pages * PAGE;
	volatile char *p = (char *)syscall(SYS_mmap, NULL, bytes, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	madvise((void *)p, bytes, MADV_NOHUGEPAGE);
	for (long i = 0; i < bytes; i += PAGE)
		p[i] = 1;
	syscall(SYS_munmap, p, bytes);
	return NULL;
}

static void obey(int from, int to)
{
	struct order o;

	while (read(from, &o, sizeof(o)) == sizeof(o) && o.threads) {
		for (int i = 0; i < o.threads; i++) {
			pthread_t thread;

			pthread_create(&thread, NULL, touch, &o.pages);
			pthread_join(thread, NULL);
		}
		if (write(to, "", 1) != 1)
			_exit(1);
	}
	_exit(0);
}

static void begin(struct target *t)
{
	int to[2], from[2];

	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	t->pid = fork();
	if (!t->pid) {
		close(to[1]);
		close(from[0]);
		obey(to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	t->to = to[1];
	t->from = from[0];
	assert_int_equal(mt_kernel_control(kernel, MT_CONTROL_ADOPT, t->pid, &t->slot), 0);
}

static void tell(const struct target *t, int threads, int pages)
{
	const struct order o = { threads, pages };

	assert_int_equal(write(t->to, &o, sizeof(o)), sizeof(o));
}

static void await(const struct target *t)
{
	char byte;

	assert_int_equal(read(t->from, &byte, 1), 1);
}

static void end(struct target *t)
{
	tell(t, 0, 0);
	assert_int_equal(waitpid(t->pid, NULL, 0), t->pid);
	close(t->to);
	close(t->from);
}

static uint64_t counted(const struct target *t)
{
	struct mt_proc proc;

	assert_int_equal(mt_tables_proc(kernel, t->slot, &proc), 0);
	return proc.fault_cnt;
}

struct sum {
	uint32_t slot;
	uint64_t samples;
	uint64_t faults;
};

static int add_site(const struct mt_fault_key *key, const struct mt_fault *fault, void *arg)
{
	struct sum *sum = arg;

	if (key->slot != sum->slot)
		return 0;
	sum->samples += fault->sample_cnt;
	sum->faults += fault->fault_cnt;
	return 0;
}

static struct sum at_sites(const struct target *t)
{
	struct sum sum = { .slot = t->slot };

	assert_int_equal(mt_tables_each_fault(kernel, add_site, &sum), 0);
	return sum;
}

/* ---- cases ------------------------------------------------------------------------------- */

/* A thread of its own, with its stack and what the C library needs. */
#define THREAD_FAULTS 60

static void expect_about(uint64_t got, uint64_t least, uint64_t more)
{
	if (got < least || got > least + more)
		fail_msg("%llu, not %llu to %llu more", (unsigned long long)got,
			 (unsigned long long)least, (unsigned long long)more);
}

static void test_every_fault(void **state)
{
	__cleanup(mt_faults_free) struct mt_faults *f = NULL;
	struct target t;

	begin(&t);
	assert_int_equal(mt_faults_new(&f, kernel), 0);
	assert_int_equal(mt_faults_watch(f, t.pid), 0);
	tell(&t, 10, 1000);
	await(&t);
	expect_about(counted(&t), 10000, 10 * THREAD_FAULTS);
	assert_int_equal(at_sites(&t).faults, counted(&t));
	assert_int_equal(at_sites(&t).samples, counted(&t));
	end(&t);
}

/* Threads that end before their period is full count too: 500 with 40 faults, of 64 each. */
static void test_short_threads(void **state)
{
	const struct mt_fault_sampling coarse = { 64, 1 };
	__cleanup(mt_faults_free) struct mt_faults *f = NULL;
	struct target t;

	begin(&t);
	assert_int_equal(mt_faults_new(&f, kernel), 0);
	assert_int_equal(mt_faults_watch(f, t.pid), 0);
	assert_int_equal(mt_faults_sample(f, &coarse, &t.pid, 1), 0);
	assert_int_equal(mt_faults_coarsest(f), 64);
	tell(&t, 500, 40);
	await(&t);
	end(&t);
	expect_about(counted(&t), 20000, 500 * THREAD_FAULTS);
	assert_true(at_sites(&t).faults < counted(&t));
}

/* Some stacks only: what they stand for is all, within what chance does. */
static void test_one_in(void **state)
{
	const struct mt_fault_sampling sampling = { 1, 16 };
	__cleanup(mt_faults_free) struct mt_faults *f = NULL;
	struct sum sum;
	struct target t;

	begin(&t);
	assert_int_equal(mt_faults_new(&f, kernel), 0);
	assert_int_equal(mt_faults_watch(f, t.pid), 0);
	assert_int_equal(mt_faults_sample(f, &sampling, &t.pid, 1), 0);
	tell(&t, 4, 25000);
	await(&t);
	expect_about(counted(&t), 100000, 4 * THREAD_FAULTS);
	sum = at_sites(&t);
	assert_int_equal(sum.faults, sum.samples * 16);
	/* 6,250 samples, give or take 77: seven of these. */
	expect_about(sum.samples, 6250 - 539, 2 * 539);
	end(&t);
}

static void test_period(void **state)
{
	const struct mt_fault_sampling coarse = { 100, 1 };
	__cleanup(mt_faults_free) struct mt_faults *f = NULL;
	struct mt_fault_stats before, after;
	struct target t;

	begin(&t);
	assert_int_equal(mt_faults_new(&f, kernel), 0);
	assert_int_equal(mt_faults_watch(f, t.pid), 0);
	assert_int_equal(mt_faults_sample(f, &coarse, &t.pid, 1), 0);
	assert_int_equal(mt_faults_stats(f, 0, &before), 0);
	tell(&t, 4, 25000);
	await(&t);
	assert_int_equal(mt_faults_stats(f, 1000, &after), 0);
	expect_about(after.event_cnt - before.event_cnt, 1000 - 4, 8);
	assert_int_equal(after.stack_cnt - before.stack_cnt, after.event_cnt - before.event_cnt);
	/* With what the program took: more than a few instructions, less than 100 us. */
	assert_in_range(after.cost_ns, after.event_cnt * 1020, after.event_cnt * 101000);
	end(&t);
	expect_about(counted(&t), 100000, 4 * THREAD_FAULTS);
}

/* Two events of each thread tell of its faults: they are counted once all the same. */
static void test_watched_twice(void **state)
{
	static const uint32_t periods[] = { 1, 8 };

	for (size_t i = 0; i < ARRAY_SIZE(periods); i++) {
		const struct mt_fault_sampling sampling = { periods[i], 1 };
		__cleanup(mt_faults_free) struct mt_faults *f = NULL;
		struct target t;

		begin(&t);
		assert_int_equal(mt_faults_new(&f, kernel), 0);
		assert_int_equal(mt_faults_sample(f, &sampling, NULL, 0), 0);
		assert_int_equal(mt_faults_watch(f, t.pid), 0);
		tell(&t, 1, 16);
		await(&t);
		assert_int_equal(mt_faults_watch(f, t.pid), 0);
		tell(&t, 10, 1000);
		await(&t);
		end(&t);
		expect_about(counted(&t), 10016, 11 * THREAD_FAULTS);
	}
}

/* Changed again and again while threads come and go: no fault is lost, none counted twice. */
static void test_changes(void **state)
{
	static const uint32_t periods[] = { 1, 7, 64, 1, 3 };
	__cleanup(mt_faults_free) struct mt_faults *f = NULL;
	struct target t;

	begin(&t);
	assert_int_equal(mt_faults_new(&f, kernel), 0);
	assert_int_equal(mt_faults_watch(f, t.pid), 0);
	tell(&t, 400, 500);
	for (size_t i = 0; i < 200; i++) {
		const struct mt_fault_sampling s = { periods[i % ARRAY_SIZE(periods)], 1 };

		assert_int_equal(mt_faults_sample(f, &s, &t.pid, 1), 0);
	}
	await(&t);
	end(&t);
	/* Of a change an event may lose the begun period. */
	expect_about(counted(&t), 200000 - 200 * 64, 200 * 64 + 400 * THREAD_FAULTS);
}

/* Nobody is told of anything any more. */
static void test_stop(void **state)
{
	__cleanup(mt_faults_free) struct mt_faults *f = NULL;
	struct target t;

	begin(&t);
	assert_int_equal(mt_faults_new(&f, kernel), 0);
	assert_int_equal(mt_faults_watch(f, t.pid), 0);
	mt_faults_stop(f);
	tell(&t, 1, 1000);
	await(&t);
	expect_about(counted(&t), 0, THREAD_FAULTS);
	end(&t);
	assert_int_equal(mt_faults_watch(f, t.pid), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_fault),   cmocka_unit_test(test_short_threads),
		cmocka_unit_test(test_one_in),	      cmocka_unit_test(test_period),
		cmocka_unit_test(test_changes),	      cmocka_unit_test(test_stop),
		cmocka_unit_test(test_watched_twice),
	};

	if (geteuid()) {
		printf("needs root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, load, unload);
}
