// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* session/rss.h: the peak of one image, whose it is, and its error bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "session/rss.h"

#define MB (1LL << 20)

/* What the kernel's counters can be short of: before 6.2 64 pages a thread, since then a CPU's. */
static int64_t bound_of_threads(int64_t threads)
{
	return threads * 64 * sysconf(_SC_PAGESIZE);
}

static int64_t bound_of_cpus(void)
{
	int64_t cpus = sysconf(_SC_NPROCESSORS_ONLN), batch = 2 * cpus > 32 ? 2 * cpus : 32;

	return 3 * cpus * batch * sysconf(_SC_PAGESIZE);
}

static void test_nothing_seen(void **state)
{
	struct mt_rss rss;

	mt_rss_init(&rss, 5 * MB);
	assert_int_equal(rss.peak_bytes, -1);
	assert_int_equal(rss.peak_ns, -1);
	assert_int_equal(rss.error_bytes, -1);
	assert_true(rss.sampled);
}

static void test_ticks(void **state)
{
	struct mt_rss rss;

	mt_rss_init(&rss, 0);
	mt_rss_tick(&rss, 10 * MB, 8 * MB, 1, 100, false);
	assert_int_equal(rss.peak_bytes, 10 * MB);
	assert_int_equal(rss.peak_ns, 100);
	mt_rss_tick(&rss, 10 * MB, 10 * MB, 1, 200, false); /* as high: the first time stays */
	assert_int_equal(rss.peak_ns, 100);
	mt_rss_tick(&rss, 10 * MB, 12 * MB, 1, 300, false); /* the mark lags behind */
	assert_int_equal(rss.peak_bytes, 12 * MB);
	assert_int_equal(rss.peak_ns, 300);
	mt_rss_tick(&rss, 11 * MB, 2 * MB, 1, 400, false);
	assert_int_equal(rss.peak_bytes, 12 * MB);
	assert_int_equal(rss.peak_ns, 300);
	assert_true(rss.sampled);
}

/* A process that was there before us: its mark may be from any time. */
static void test_first_look(void **state)
{
	struct mt_rss rss;

	mt_rss_init(&rss, INT64_MAX);
	mt_rss_tick(&rss, 50 * MB, 20 * MB, 1, 100, true);
	assert_int_equal(rss.peak_bytes, 50 * MB);
	assert_int_equal(rss.peak_ns, -1);
	mt_rss_tick(&rss, 50 * MB, 50 * MB, 1, 200, false);
	assert_int_equal(rss.peak_ns, -1);
	mt_rss_tick(&rss, 51 * MB, 51 * MB, 1, 300, false);
	assert_int_equal(rss.peak_ns, 300);

	mt_rss_init(&rss, INT64_MAX);
	mt_rss_tick(&rss, 20 * MB, 20 * MB, 1, 100, true); /* it is at its peak now */
	assert_int_equal(rss.peak_ns, 100);
}

/* Its own maxrss, higher than any tick saw. */
static void test_end_of_its_own(void **state)
{
	struct mt_rss rss;

	mt_rss_init(&rss, 3 * MB);
	mt_rss_tick(&rss, 10 * MB, 10 * MB, 1, 100, false);
	mt_rss_end(&rss, 14 * MB, 900, true);
	assert_int_equal(rss.peak_bytes, 14 * MB);
	assert_int_equal(rss.peak_ns, 900);
	assert_false(rss.sampled);
	assert_int_equal(rss.error_bytes, bound_of_cpus());
}

/* maxrss vouches for what a tick saw: the tick's time stays, and so does the tick's peak. */
static void test_end_below_the_ticks(void **state)
{
	struct mt_rss rss;

	mt_rss_init(&rss, 3 * MB);
	mt_rss_tick(&rss, 10 * MB, 10 * MB, 1, 100, false);
	mt_rss_end(&rss, 9 * MB, 900, true);
	assert_int_equal(rss.peak_bytes, 10 * MB);
	assert_int_equal(rss.peak_ns, 100);
	assert_false(rss.sampled);
	assert_int_equal(rss.error_bytes, bound_of_cpus());
}

/* maxrss is the launcher's, which was larger: it is no peak, but bounds what ticks missed. */
static void test_end_of_a_small_child(void **state)
{
	struct mt_rss rss;

	mt_rss_init(&rss, 200 * MB);
	mt_rss_tick(&rss, 10 * MB, 10 * MB, 1, 100, false);
	mt_rss_end(&rss, 200 * MB, 900, true);
	assert_int_equal(rss.peak_bytes, 10 * MB);
	assert_int_equal(rss.peak_ns, 100);
	assert_true(rss.sampled);
	assert_int_equal(rss.error_bytes, bound_of_cpus() + 190 * MB);
}

/* No tick and an inherited mark: nothing is known, and nothing is made up. */
static void test_end_unseen(void **state)
{
	struct mt_rss rss;

	mt_rss_init(&rss, 200 * MB);
	mt_rss_end(&rss, 200 * MB, 900, true);
	assert_int_equal(rss.peak_bytes, -1);
	assert_int_equal(rss.peak_ns, -1);
	assert_true(rss.sampled);

	mt_rss_init(&rss, 2 * MB); /* too short for a tick, but the mark is its own */
	mt_rss_end(&rss, 3 * MB, 900, true);
	assert_int_equal(rss.peak_bytes, 3 * MB);
	assert_int_equal(rss.peak_ns, 900);
	assert_false(rss.sampled);
}

/* Before 6.2: the most threads that any tick saw. */
static void test_bound_of_threads(void **state)
{
	struct mt_rss rss;

	mt_rss_init(&rss, 0);
	mt_rss_end(&rss, 3 * MB, 900, false);
	assert_int_equal(rss.error_bytes, bound_of_threads(1));

	mt_rss_init(&rss, 0);
	mt_rss_tick(&rss, 10 * MB, 10 * MB, 3, 100, false);
	mt_rss_tick(&rss, 9 * MB, 9 * MB, 17, 200, false); /* lower, and still counted */
	mt_rss_tick(&rss, 11 * MB, 11 * MB, 2, 300, false);
	mt_rss_end(&rss, 11 * MB, 900, false);
	assert_int_equal(rss.error_bytes, bound_of_threads(17));
}

static void test_final_look(void **state)
{
	struct mt_rss rss;

	mt_rss_init(&rss, INT64_MAX);
	mt_rss_tick(&rss, 10 * MB, 9 * MB, 4, 100, false);
	mt_rss_final_look(&rss, true);
	assert_false(rss.sampled);
	assert_int_equal(rss.peak_bytes, 10 * MB);
	assert_int_equal(rss.error_bytes, bound_of_cpus());
	mt_rss_final_look(&rss, false);
	assert_int_equal(rss.error_bytes, bound_of_threads(4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_seen),
		cmocka_unit_test(test_ticks),
		cmocka_unit_test(test_first_look),
		cmocka_unit_test(test_end_of_its_own),
		cmocka_unit_test(test_end_below_the_ticks),
		cmocka_unit_test(test_end_of_a_small_child),
		cmocka_unit_test(test_end_unseen),
		cmocka_unit_test(test_bound_of_threads),
		cmocka_unit_test(test_final_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
