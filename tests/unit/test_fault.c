// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* logic/fault.h and analysis/faults.h: what faults stand for, and what they made resident. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "analysis/faults.h"
#include "logic/fault.h"
#include "util/cleanup.h"

#define HUGE (1ULL << MT_HUGE_SHIFT)

static unsigned int seed;

/* ---- weights ----------------------------------------------------------------------------- */

/* One task: its faults in a row, and events that tell of every period-th from some phase on. */
struct event {
	uint64_t period;
	uint64_t left;
};

static uint64_t tell(struct event *events, int nr, uint64_t faults, uint64_t *seen)
{
	uint64_t sum = 0;

	for (uint64_t now = 1; now <= faults; now++) {
		for (int i = 0; i < nr; i++) {
			uint64_t cnt;

			if (--events[i].left)
				continue;
			events[i].left = events[i].period;
			cnt = mt_fault_weight(now, *seen, events[i].period);
			sum += cnt;
			if (cnt)
				*seen = now;
		}
	}
	return sum;
}

/* However many events a thread has: with the rest at its end they stand for what there was. */
static void test_weights(void **state)
{
	for (int round = 0; round < 2000; round++) {
		uint64_t period = 1 + rand_r(&seed) % 100, faults = rand_r(&seed) % 3000, seen = 0;
		int nr = 1 + rand_r(&seed) % 3;
		struct event events[3];
		uint64_t sum;

		for (int i = 0; i < nr; i++) {
			events[i].period = period;
			events[i].left = 1 + rand_r(&seed) % period;
		}
		sum = tell(events, nr, faults, &seen);
		assert_int_equal(sum, seen);
		assert_int_equal(sum + mt_fault_weight(faults, seen, period - 1), faults);
	}
}

/* What else the task's count holds is not a sample's; nor what was before the first. */
static void test_weights_are_cut_off(void **state)
{
	assert_int_equal(mt_fault_weight(1000001, 0, 1), 1);
	assert_int_equal(mt_fault_weight(5000, 0, 64), 64);
	assert_int_equal(mt_fault_weight(5000, 100, 64), 128);
	assert_int_equal(mt_fault_weight(5000, 100, 1), 1);
	assert_int_equal(mt_fault_weight(5000, 100, 0), 0);
	assert_int_equal(mt_fault_weight(7, 7, 64), 0);
	assert_int_equal(mt_fault_weight(3, 7, 64), 0);
}

/* Events of 8 that are closed 5 faults after their last, for those of 64. */
static void test_weights_when_the_period_grows(void **state)
{
	assert_int_equal(mt_fault_weight(8 + 5 + 64, 8, 64), 69);
}

/* ---- classes ----------------------------------------------------------------------------- */

static void test_classes(void **state)
{
	static const struct {
		struct mt_fault_place place;
		uint64_t sp;
		uint32_t class;
	} cases[] = {
		{ { 0x1000, 0x9000, 0, 0, 0 }, 0x100000, MT_FAULT_ANON },
		{ { 0x1000, 0x9000, 0, 0, 0 }, 0x8ff8, MT_FAULT_STACK },
		{ { 0x1000, 0x9000, 0, 0, 0 }, 0x9000, MT_FAULT_ANON },
		{ { 0x1000, 0x9000, MT_VM_GROWSDOWN, 0, 0 }, 0x100000, MT_FAULT_STACK },
		{ { 0x1000, 0x9000, 0, 1, 0 }, 0x100000, MT_FAULT_FILE },
		{ { 0x1000, 0x9000, MT_VM_SHARED, 0, 0 }, 0x100000, MT_FAULT_FILE },
		{ { 0x20000, 0x30000, 0, 0, 0 }, 0x100000, MT_FAULT_HEAP },
		{ { 0x28000, 0x30000, 0, 0, 0 }, 0x100000, MT_FAULT_HEAP },
		{ { 0x30000, 0x38000, 0, 0, 0 }, 0x100000, MT_FAULT_ANON },
		{ { 0x18000, 0x20000, 0, 0, 0 }, 0x100000, MT_FAULT_ANON },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(mt_fault_class(&cases[i].place, cases[i].sp, 0x20000, 0x30000),
				 cases[i].class);
}

static void test_places(void **state)
{
	struct mt_fault_place p = { 0x1000, 0x9000, 0, 0, mt_fault_stamp(7, 100) };

	assert_true(mt_fault_place_holds(&p, 0x1000, mt_fault_stamp(7, 100)));
	assert_true(mt_fault_place_holds(&p, 0x8fff, mt_fault_stamp(7, 100)));
	assert_false(mt_fault_place_holds(&p, 0x9000, mt_fault_stamp(7, 100)));
	assert_false(mt_fault_place_holds(&p, 0xfff, mt_fault_stamp(7, 100)));
	assert_false(mt_fault_place_holds(&p, 0x1000, mt_fault_stamp(8, 100)));
	assert_false(mt_fault_place_holds(&p, 0x1000, mt_fault_stamp(7, 101)));
}

static void test_huge_ranges(void **state)
{
	static const struct {
		struct mt_fault_place place;
		uint64_t address;
		uint32_t policy;
		uint64_t range;
	} cases[] = {
		{ { HUGE, 3 * HUGE, 0, 0, 0 }, 2 * HUGE + 1, MT_HUGE_ALWAYS, 2 },
		{ { HUGE, 3 * HUGE, 0, 0, 0 }, 2 * HUGE - 1, MT_HUGE_ALWAYS, 1 },
		{ { HUGE, 3 * HUGE, 0, 0, 0 }, 2 * HUGE, MT_HUGE_MADVISE, 0 },
		{ { HUGE, 3 * HUGE, MT_VM_HUGEPAGE, 0, 0 }, 2 * HUGE, MT_HUGE_MADVISE, 2 },
		{ { HUGE, 3 * HUGE, MT_VM_HUGEPAGE, 0, 0 }, 2 * HUGE, MT_HUGE_NEVER, 0 },
		{ { HUGE, 3 * HUGE, MT_VM_NOHUGEPAGE, 0, 0 }, 2 * HUGE, MT_HUGE_ALWAYS, 0 },
		{ { HUGE, 3 * HUGE, MT_VM_GROWSDOWN, 0, 0 }, 2 * HUGE, MT_HUGE_ALWAYS, 0 },
		{ { HUGE, 3 * HUGE, 0, 1, 0 }, 2 * HUGE, MT_HUGE_ALWAYS, 0 },
		{ { HUGE + 4096, 3 * HUGE, 0, 0, 0 }, HUGE + 4096, MT_HUGE_ALWAYS, 0 },
		{ { HUGE, 3 * HUGE - 4096, 0, 0, 0 }, 2 * HUGE, MT_HUGE_ALWAYS, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(
			mt_fault_huge_range(&cases[i].place, cases[i].address, cases[i].policy),
			cases[i].range);
}

/* ---- bytes ------------------------------------------------------------------------------- */

static struct mt_model_fault_site site(uint64_t stack, const char *class, int64_t faults,
				       int64_t bytes)
{
	return (struct mt_model_fault_site){ .row = { 1, stack, class, faults, faults, bytes } };
}

static struct mt_faults_by_site *get(struct mt_model_fault_site *sites, size_t nr, int64_t faults,
				     int64_t anon_bytes, int64_t shared_bytes)
{
	const struct mt_model_process p = {
		.row = { .fault_cnt = faults,
			 .fault_period = 1,
			 .anon_rss_bytes = anon_bytes,
			 .shared_rss_bytes = shared_bytes },
		.fault_sites = sites,
		.nr_fault_sites = nr,
	};
	struct mt_faults_by_site *f = NULL;

	assert_int_equal(mt_faults_by_site_new(&f, &p), 0);
	assert_int_equal(f->nr_sites, nr);
	return f;
}

/* What was brought in came and went: sites share what there was at once. */
static void test_scaled_down(void **state)
{
	struct mt_model_fault_site sites[] = { site(1, "heap", 100, 400),
					       site(2, "anon", 300, 1200) };
	__cleanup(mt_faults_by_site_free) struct mt_faults_by_site *f = get(sites, 2, 400, 800, 0);

	assert_int_equal(f->sites[0].site->row.stack, 2);
	assert_int_equal(f->sites[0].bytes, 600);
	assert_int_equal(f->sites[1].bytes, 200);
	assert_int_equal(f->unexplained_bytes, 0);
	assert_true(f->scaled);
	assert_false(f->sampled);
}

/* Anonymous memory that no fault explains is nobody's; a file's pages come with others. */
static void test_unexplained(void **state)
{
	struct mt_model_fault_site sites[] = { site(1, "heap", 100, 400), site(2, "file", 10, 40) };
	__cleanup(mt_faults_by_site_free) struct mt_faults_by_site *f =
		get(sites, 2, 110, 1000, 400);

	assert_int_equal(f->grown_bytes, 1400);
	assert_int_equal(f->sites[0].bytes + f->sites[1].bytes, 800);
	assert_int_equal(f->sites[0].bytes, 400);
	assert_int_equal(f->unexplained_bytes, 600);
}

/* Faults that got no stack are the sites' too, by their shares. */
static void test_unsampled(void **state)
{
	struct mt_model_fault_site sites[] = { site(1, "heap", 64, 400),
					       site(2, "anon", 192, 1200) };
	__cleanup(mt_faults_by_site_free) struct mt_faults_by_site *f = get(sites, 2, 512, 3000, 0);

	assert_int_equal(f->sites[0].bytes, 2250);
	assert_int_equal(f->sites[1].bytes, 750);
	assert_int_equal(f->fault_cnt, 512);
}

static void test_nothing_known(void **state)
{
	__cleanup(mt_faults_by_site_free) struct mt_faults_by_site *f = get(NULL, 0, -1, -1, -1);

	assert_false(f->watched);
	assert_int_equal(f->grown_bytes, -1);
	assert_int_equal(f->unexplained_bytes, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_weights_are_cut_off),
		cmocka_unit_test(test_weights_when_the_period_grows),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_huge_ranges),
		cmocka_unit_test(test_scaled_down),
		cmocka_unit_test(test_unexplained),
		cmocka_unit_test(test_unsampled),
		cmocka_unit_test(test_nothing_known),
		cmocka_unit_test(test_places),
	};
	const char *given = getenv("MT_SEED");

	seed = given ? strtoul(given, NULL, 0) : (unsigned int)time(NULL);
	print_message("MT_SEED=%u\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
