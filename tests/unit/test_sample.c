// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* logic/sample.h: gaps are exponential, weights are 1 / p, and sums of them are unbiased. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "logic/sample.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define EVERY_MAX    (1ULL << 30)
#define SIGMAS	     5 /* of what chance may do: once in two million checks */

static const __u64 intervals[] = { 1, 2, 1000, 4096, 65536, 512 << 10, 3 << 20, EVERY_MAX };

static __u64 state_of_random;

/* splitmix64: 32 good bits, which rand_r() has not. */
static __u32 random_word(void)
{
	__u64 z = state_of_random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return (z ^ z >> 31) >> 32;
}

static void check_near(double got, double want, double error, const char *what, double of)
{
	if (fabs(got - want) <= error)
		return;
	printf("%s of %.17g: %.17g, not %.17g +- %g\n", what, of, got, want, error);
	fail();
}

/* ---- against libm ------------------------------------------------------------------------ */

static void check_log(__u32 random)
{
	double u = random / 0x1p32, want = -log1p(u - 1); /* u - 1 is exact */

	check_near(mt_sample_log(random) / 0x1p32, want, want * 2e-5 + 0x1p-30, "-ln", u);
}

static void test_log(void **state)
{
	assert_int_equal(mt_sample_log(0), 0);
	for (int bit = 0; bit < 32; bit++)
		for (int off = -3; off <= 3; off++)
			check_log(((1U << bit) + off) ?: 1);
	for (__u32 i = 1; i < 1000000; i++) {
		check_log(i);
		check_log(-i);
		check_log(random_word() ?: 1);
	}
	for (__u32 i = 1; i; i <<= 1) /* it falls */
		assert_true(mt_sample_log(i) >= mt_sample_log(i + 1));
}

static void check_weight(__u64 every, __u64 size)
{
	double want = -1 / expm1(-(double)size / every);

	check_near(mt_sample_weight(every, size) / 0x1p16, want, want * 1e-4, "weight",
		   (double)size);
	assert_in_range(mt_sample_round(mt_sample_weight(every, size), ~0U), 1, UINT16_MAX);
	assert_true(mt_sample_round(mt_sample_weight(every, size), 0) >= 1);
}

static void test_weight(void **state)
{
	for (size_t i = 0; i < COUNT(intervals); i++) {
		__u64 every = intervals[i], least = mt_sample_least(every);

		for (__u64 size = least; size < least + 10000; size++)
			check_weight(every, size);
		for (int j = 0; j < 100000; j++)
			check_weight(every, least + ((__u64)random_word() * 20 * every >> 32));
		for (int bit = 0; bit < 48; bit++)
			if (1ULL << bit >= least)
				check_weight(every, 1ULL << bit);
		check_weight(every, ~0ULL);
	}
}

/* ---- drawn ------------------------------------------------------------------------------- */

/* The share of gaps that end within a block is what 1 - exp() says. */
static void test_gaps(void **state)
{
	const double sizes[] = { 0.00003, 0.001, 0.02, 0.3, 1, 2.5, 7 };
	const int draws = 3000000;

	for (size_t i = 2; i < COUNT(intervals); i++) {
		__u64 every = intervals[i], bound[COUNT(sizes)];
		int within[COUNT(sizes)] = { 0 };

		for (size_t j = 0; j < COUNT(sizes); j++)
			bound[j] = every * sizes[j] + mt_sample_least(every);
		for (int n = 0; n < draws; n++) {
			__u64 gap = mt_sample_gap(every, random_word());

			assert_true(gap >= 1);
			for (size_t j = 0; j < COUNT(sizes); j++)
				within[j] += gap <= bound[j];
		}
		for (size_t j = 0; j < COUNT(sizes); j++) {
			double p = -expm1(-(double)bound[j] / every);

			check_near((double)within[j] / draws, p, SIGMAS * sqrt(p * (1 - p) / draws),
				   "share", (double)bound[j]);
		}
	}
}

/* What count.bpf.c does with a block. */
static __u32 take(__u64 *left, __u64 every, __u64 size)
{
	if (size < mt_sample_least(every))
		size = mt_sample_least(every);
	if (!*left)
		*left = mt_sample_gap(every, random_word());
	if (mt_sample_passes(left, size))
		return 0;
	return mt_sample_take(left, every, size, random_word(), random_word());
}

/* That a block is taken. */
static double chance(__u64 every, __u64 size)
{
	return -expm1(-fmax(size, mt_sample_least(every)) / every);
}

/* Of a weight; its mean is 1. Weights are whole numbers around 1 / p. */
static double mean_square(__u64 every, __u64 size)
{
	double p = chance(every, size), w = 1 / p, part = w - floor(w);

	return (w * w + part * (1 - part)) * p;
}

/* Blocks of one size: the sum of their weights is their number, within what chance may do. */
static void check_unbiased(__u64 every, __u64 size, int blocks)
{
	double deviation = sqrt(blocks * (mean_square(every, size) - 1));
	__u64 left = 0, sum = 0;

	for (int i = 0; i < blocks; i++)
		sum += take(&left, every, size);
	check_near(sum, blocks, SIGMAS * deviation + 1e-4 * blocks + 1, "sum of weights", size);
	/* What the header promises. */
	if (size >= mt_sample_least(every))
		assert_true(deviation / blocks <=
			    sqrt((double)every / ((double)blocks * size)) * 1.0001);
}

static void test_unbiased(void **state)
{
	for (__u64 size = 1; size <= 64 << 20; size = size * 3 / 2 + 1)
		for (size_t i = 0; i < COUNT(intervals); i++)
			check_unbiased(intervals[i], size, 200000);
	check_unbiased(512 << 10, 0, 1000000);
	check_unbiased(4096, 16, 30000000); /* so many that a bias of 1 in 1,000 shows */
	check_unbiased(4096, 3000, 30000000);
}

/* Sizes mixed at random: each is as often among the taken as it should be, and so is the sum. */
static void test_mixed(void **state)
{
	const __u64 every = 64 << 10;
	double bytes = 0, sum = 0, variance = 0;
	__u64 left = 0;

	for (int i = 0; i < 5000000; i++) {
		__u64 size = 1 + (random_word() >> 8 >> random_word() % 24);

		sum += (double)take(&left, every, size) * size;
		bytes += size;
		variance += (mean_square(every, size) - 1) * size * size;
	}
	check_near(sum, bytes, SIGMAS * sqrt(variance) + bytes * 1e-4, "bytes", every);
}

/* A chain of reallocs as alloc.bpf.c follows it: each of its blocks counts once on average. */
static void test_chains(void **state)
{
	const __u64 every = 64 << 10, sizes[] = { 16, 700, 30000, 90, 65536, 200000, 8 };
	const int chains = 1000000;
	double sum[COUNT(sizes)] = { 0 }, followed = 0;
	__u64 left = 0;

	for (int i = 0; i < chains; i++) {
		__u32 weight = 0;

		for (size_t j = 0; j < COUNT(sizes); j++) {
			weight = weight ? 1 : take(&left, every, sizes[j]);
			sum[j] += weight;
		}
	}
	/* By what chance may do, not by what it did: where few weigh much, that may be nothing. */
	for (size_t j = 0; j < COUNT(sizes); j++) {
		double square = followed + (1 - followed) * mean_square(every, sizes[j]);

		check_near(sum[j], chains, SIGMAS * sqrt(chains * (square - 1)) + 1e-4 * chains,
			   "sum", sizes[j]);
		followed += (1 - followed) * chance(every, sizes[j]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log),   cmocka_unit_test(test_weight),
		cmocka_unit_test(test_gaps),  cmocka_unit_test(test_unbiased),
		cmocka_unit_test(test_mixed), cmocka_unit_test(test_chains),
	};
	const char *given = getenv("MT_SEED");
	unsigned int seed = given ? strtoul(given, NULL, 10) : (unsigned int)time(NULL);

	printf("MT_SEED=%u\n", seed);
	state_of_random = seed;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
