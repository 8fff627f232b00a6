// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* analysis/sampling.h: intervals hold the truth as often as they say, also for few samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "analysis/sampling.h"
#include "logic/hist.h"
#include "logic/sample.h"

#define EVERY  65536
#define TRIALS 2000

static unsigned int seed;

static __u32 random_word(void)
{
	return (__u32)rand_r(&seed) << 16 ^ (__u32)rand_r(&seed);
}

static void test_not_sampled(void **state)
{
	struct mt_hist sizes = { .counts = { [20] = 7 } };
	struct mt_sampling s = { 1, 1 };
	struct mt_interval i;

	mt_sampling_get(&s, &sizes, -1);
	assert_true(s.count_unit == 0 && s.bytes_unit == 0);
	i = mt_sampling_interval(1234, s.bytes_unit);
	assert_int_equal(i.low, 1234);
	assert_int_equal(i.high, 1234);
}

static void test_units(void **state)
{
	struct mt_hist sizes = { .counts = { [20] = 7 } }; /* 64 to 79 bytes */
	struct mt_sampling s;

	mt_sampling_get(&s, &sizes, EVERY);
	assert_true(s.count_unit > 900 && s.count_unit < 930); /* EVERY / 71.5 */
	assert_true(s.bytes_unit > 0.99 * EVERY && s.bytes_unit < EVERY);

	/* What is always taken is known. */
	sizes = (struct mt_hist){ 0 };
	sizes.counts[mt_hist_index(64 * EVERY)] = 3;
	mt_sampling_get(&s, &sizes, EVERY);
	assert_true(s.count_unit < 1e-9);
	assert_int_equal(mt_sampling_interval(3, s.count_unit).low, 3);
	assert_in_range(mt_sampling_interval(3, s.count_unit).high, 3, 4);
}

/* The exact limits of a Poisson distribution: 0, 1, 10 and 100 events. */
static void test_events(void **state)
{
	const struct {
		int64_t n, low, high;
	} known[] = {
		{ 0, 0, 3689 }, { 1, 25, 5572 }, { 10, 4795, 18390 }, { 100, 81364, 121627 }
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct mt_interval ci95 = mt_sampling_interval(known[i].n * 1000, 1000);

		assert_true(llabs(ci95.low - known[i].low) <= 25);
		assert_true(llabs(ci95.high - known[i].high) <= 25);
		assert_true(ci95.low <= known[i].n * 1000 && ci95.high >= known[i].n * 1000);
	}
	assert_true(mt_sampling_interval(INT64_MAX, 1e300).high > 0);
	assert_int_equal(mt_sampling_interval(-5, 10).low, 0);
}

/* One recording of `blocks` sizes between two powers of two; are both sums in their intervals? */
static void record(int blocks, int low_bit, int high_bit, int held[2])
{
	int64_t bytes = 0, sum_cnt = 0, sum_bytes = 0;
	struct mt_hist sizes = { 0 };
	struct mt_interval cnt_ci, bytes_ci;
	struct mt_sampling s;
	__u64 left = mt_sample_gap(EVERY, random_word());

	for (int i = 0; i < blocks; i++) {
		int bit = low_bit + random_word() % (high_bit - low_bit);
		__u64 size = (1ULL << bit) + random_word() % (1ULL << bit);
		__u32 weight = 0;

		bytes += size;
		if (!mt_sample_passes(&left, size))
			weight = mt_sample_take(&left, EVERY, size, random_word(), random_word());
		sum_cnt += weight;
		sum_bytes += weight * size;
		sizes.counts[mt_hist_index(size)] += weight;
	}
	mt_sampling_get(&s, &sizes, EVERY);
	cnt_ci = mt_sampling_interval(sum_cnt, s.count_unit);
	bytes_ci = mt_sampling_interval(sum_bytes, s.bytes_unit);
	held[0] += sum_cnt && cnt_ci.low <= blocks && blocks <= cnt_ci.high;
	held[1] += sum_cnt && bytes_ci.low <= bytes && bytes <= bytes_ci.high;
}

static void test_coverage(void **state)
{
	const struct {
		int blocks, low_bit, high_bit;
	} loads[] = { { 20000, 6, 7 }, { 2000, 10, 12 }, { 300, 14, 18 },
		      { 5000, 8, 14 }, { 60, 16, 20 },	 { 20000, 4, 16 } };

	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		int held[2] = { 0, 0 };

		for (int n = 0; n < TRIALS; n++)
			record(loads[i].blocks, loads[i].low_bit, loads[i].high_bit, held);
		printf("%zu: counts %.3f, bytes %.3f\n", i, (double)held[0] / TRIALS,
		       (double)held[1] / TRIALS);
		/* 95%; of counts less where the small blocks are rare in the sample. */
		assert_in_range(held[0], TRIALS * (i == 5 ? 0.85 : 0.93), TRIALS);
		assert_in_range(held[1], TRIALS * 0.93, TRIALS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_sampled),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_coverage),
	};
	const char *given = getenv("MT_SEED");

	seed = given ? strtoul(given, NULL, 10) : (unsigned int)time(NULL);
	printf("MT_SEED=%u\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
