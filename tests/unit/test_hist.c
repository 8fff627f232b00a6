// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* logic/hist.h: every value has its bucket; logic/hash.h: every stack has its key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "logic/hash.h"
#include "logic/hist.h"

#define LAST	 (MT_HIST_BUCKETS - 1)
#define LIMIT	 (1ULL << 43)
#define STACKS	 1000000
#define SIBLINGS 100

static unsigned int seed;

static __u64 random_word(void)
{
	return (__u64)rand_r(&seed) << 33 ^ (__u64)rand_r(&seed) << 11 ^ rand_r(&seed);
}

/* ---- histogram --------------------------------------------------------------------------- */

static void test_buckets(void **state)
{
	for (__u32 i = 0; i <= LAST; i++) {
		__u64 lower = mt_hist_lower(i), next = mt_hist_lower(i + 1);

		assert_true(next > lower);
		assert_true((next - lower - 1) * 4 <= lower);
		assert_int_equal(mt_hist_index(lower), i);
		assert_int_equal(mt_hist_index(next - 1), i);
		assert_int_equal(mt_hist_index((lower + next) / 2), i);
	}
	assert_int_equal(mt_hist_lower(0), 0);
	assert_int_equal(mt_hist_lower(MT_HIST_BUCKETS), LIMIT);
}

static void test_known_values(void **state)
{
	const __u64 values[][2] = {
		{ 0, 0 },
		{ 1, 1 },
		{ 2, 2 },
		{ 3, 3 },
		{ 4, 4 },
		{ 7, 7 },
		{ 8, 8 },
		{ 9, 8 },
		{ 10, 9 },
		{ 15, 11 },
		{ 16, 12 },
		{ 19, 12 },
		{ 20, 13 },
		{ 63, 19 },
		{ 64, 20 },
		{ 1024, 36 },
		{ LIMIT - 1, LAST },
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_int_equal(mt_hist_index(values[i][0]), values[i][1]);
}

static void check_value(__u64 v)
{
	__u32 i = mt_hist_index(v);

	assert_in_range(i, 0, LAST);
	if (v)
		assert_int_equal(mt_hist_log2(v), 63 - __builtin_clzll(v));
	if (v >= LIMIT) {
		assert_int_equal(i, LAST);
	} else {
		assert_true(mt_hist_lower(i) <= v);
		assert_true(v < mt_hist_lower(i + 1));
	}
	if (v)
		assert_true(mt_hist_index(v - 1) <= i && i <= mt_hist_index(v - 1) + 1);
}

static void test_all_values(void **state)
{
	for (__u64 v = 0; v < 100000; v++)
		check_value(v);
	for (unsigned int bit = 0; bit < 64; bit++) /* three quarters and the edges of octaves */
		for (__u64 part = 4; part < 8; part++)
			for (int off = -2; off <= 2; off++)
				check_value((bit < 2 ? part : part << (bit - 2)) + off);
	for (int i = 0; i < 1000000; i++)
		check_value(random_word() >> (rand_r(&seed) % 64));
	check_value(~0ULL);
}

/* ---- hash of a stack --------------------------------------------------------------------- */

static void test_hash_order_and_length(void **state)
{
	const struct mt_stack zeros[] = { { .nr = 0 }, { .nr = 1 }, { .nr = 2 }, { .nr = 127 } };
	const struct mt_stack ab = { 2, 1, { 0x1000, 0x2000 } }, ba = { 2, 1, { 0x2000, 0x1000 } };
	const struct mt_stack a = { 1, 1, { 0x1000, 0x2000 } },
			      a_too = { 1, 1, { 0x1000, 0x3000 } };
	const struct mt_stack other_end = { 1, 2, { 0x1000 } };

	assert_int_not_equal(mt_stack_hash(&ab), mt_stack_hash(&ba));
	assert_int_not_equal(mt_stack_hash(&ab), mt_stack_hash(&a));
	assert_int_equal(mt_stack_hash(&a), mt_stack_hash(&a_too)); /* beyond nr: no part of it */
	assert_int_not_equal(mt_stack_hash(&a), mt_stack_hash(&other_end));
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < i; j++)
			assert_int_not_equal(mt_stack_hash(&zeros[i]), mt_stack_hash(&zeros[j]));
}

/* Each frame counts, in all of its bits. */
static void test_hash_every_frame(void **state)
{
	struct mt_stack *s = calloc(1, sizeof(*s));
	__u64 before;

	assert_non_null(s);
	s->nr = MT_FRAMES_MAX;
	for (int i = 0; i < MT_FRAMES_MAX; i++)
		s->frames[i] = 0x7f0000000000 + i;
	before = mt_stack_hash(s);
	for (int i = 0; i < MT_FRAMES_MAX; i++) {
		for (int bit = 0; bit < 64; bit++) {
			s->frames[i] ^= 1ULL << bit;
			assert_int_not_equal(mt_stack_hash(s), before);
			s->frames[i] ^= 1ULL << bit;
		}
	}
	s->nr = MT_FRAMES_MAX + 1; /* never, but it must not read beyond the last */
	assert_int_not_equal(mt_stack_hash(s), 0);
	free(s);
}

/* The one frame that would hash to 0, found by going through the hash backwards. */
static void test_hash_never_zero(void **state)
{
	const __u64 m = 0xc6a4a7935bd1e995ULL, inverse = 0x5f7a0ea7e59b19bdULL;
	struct mt_stack s = { .nr = 1 };
	__u64 k = 0x8445d61a4e774912ULL * inverse;

	assert_int_equal(m * inverse, 1);
	s.frames[0] = (k ^ k >> 47) * inverse;
	assert_int_equal(mt_stack_hash(&s), 1);
	s.nr = 2;
	assert_int_not_equal(mt_stack_hash(&s), 0);
	assert_int_not_equal(mt_stack_hash(&s), 1);
}

static int compare(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

static void check_distinct(__u64 *keys)
{
	qsort(keys, STACKS, sizeof(*keys), compare);
	assert_int_not_equal(keys[0], 0);
	for (int i = 1; i < STACKS; i++)
		assert_int_not_equal(keys[i], keys[i - 1]);
}

static void test_hash_random_stacks(void **state)
{
	__u64 *keys = calloc(STACKS, sizeof(*keys));
	struct mt_stack s = { 0 };

	assert_non_null(keys);
	for (int i = 0; i < STACKS; i++) {
		s.nr = 3 + rand_r(&seed) % 30;
		for (__u64 j = 0; j < s.nr; j++)
			s.frames[j] = 0x7f0000000000 + (random_word() & 0xffffff);
		s.frames[1] = 0x550000000000 + i; /* no two are the same */
		keys[i] = mt_stack_hash(&s);
	}
	check_distinct(keys);
	free(keys);
}

/* As a call tree has them: all of the same depth, each frame one of a hundred neighbours. */
static void test_hash_similar_stacks(void **state)
{
	__u64 *keys = calloc(STACKS, sizeof(*keys));
	struct mt_stack s = { .nr = 5, .frames = { [1] = 0x400000, [4] = 0x401000 } };

	assert_non_null(keys);
	for (int i = 0; i < STACKS; i++) {
		s.frames[0] = 0x400000 + i % SIBLINGS * 4;
		s.frames[2] = 0x400000 + i / SIBLINGS % SIBLINGS * 4;
		s.frames[3] = 0x400000 + i / SIBLINGS / SIBLINGS * 4;
		keys[i] = mt_stack_hash(&s);
	}
	check_distinct(keys);
	free(keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_known_values),
		cmocka_unit_test(test_all_values),
		cmocka_unit_test(test_hash_order_and_length),
		cmocka_unit_test(test_hash_every_frame),
		cmocka_unit_test(test_hash_never_zero),
		cmocka_unit_test(test_hash_random_stacks),
		cmocka_unit_test(test_hash_similar_stacks),
	};
	const char *given = getenv("MT_SEED");

	seed = given ? strtoul(given, NULL, 0) : (unsigned int)time(NULL);
	print_message("MT_SEED=%u\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
