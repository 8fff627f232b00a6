// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* session/timeline.h: what stays of a timeline of any length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "session/timeline.h"
#include "util/cleanup.h"

static void add(struct mt_timeline *t, int64_t t_ns, int64_t rss_bytes)
{
	const struct mt_sample s = { t_ns, rss_bytes, 2 * rss_bytes, 3 * rss_bytes, 1 };

	assert_int_equal(mt_timeline_add(t, &s), 0);
}

/* Each point is a sample that was added, and time rises. */
static void check_points(const struct mt_timeline *t, const int64_t *rss)
{
	for (size_t i = 0; i < t->nr; i++) {
		const struct mt_sample *s = &t->points[i];

		assert_int_equal(s->rss_bytes, rss[s->t_ns]);
		assert_int_equal(s->heap_live_bytes, 2 * s->rss_bytes);
		assert_true(!i || s->t_ns > s[-1].t_ns);
	}
}

/* The extremes of what was added are among the points. */
static void check_extremes(const struct mt_timeline *t, const int64_t *rss, int64_t to)
{
	int64_t low = rss[0], high = rss[0], least = INT64_MAX, most = INT64_MIN;

	for (int64_t i = 0; i < to; i++) {
		low = rss[i] < low ? rss[i] : low;
		high = rss[i] > high ? rss[i] : high;
	}
	for (size_t i = 0; i < t->nr; i++) {
		least = t->points[i].rss_bytes < least ? t->points[i].rss_bytes : least;
		most = t->points[i].rss_bytes > most ? t->points[i].rss_bytes : most;
	}
	assert_int_equal(least, low);
	assert_int_equal(most, high);
}

static void test_all_kept(void **state)
{
	__cleanup(mt_timeline_fini) struct mt_timeline t = { 0 };

	for (int64_t i = 0; i < MT_TIMELINE_POINTS - 1; i++)
		add(&t, i, i % 7);
	assert_int_equal(mt_timeline_end(&t), 0);
	assert_int_equal(t.nr, MT_TIMELINE_POINTS - 1);
	assert_false(t.redone);
	for (int64_t i = 0; i < MT_TIMELINE_POINTS - 1; i++)
		assert_int_equal(t.points[i].t_ns, i);
}

static void test_few(void **state)
{
	__cleanup(mt_timeline_fini) struct mt_timeline t = { 0 };

	assert_int_equal(mt_timeline_end(&t), 0);
	assert_int_equal(t.nr, 0);
	add(&t, 5, 1);
	assert_int_equal(t.nr, 0); /* the next may be told with it */
	assert_int_equal(mt_timeline_end(&t), 0);
	assert_int_equal(t.nr, 1);
	assert_int_equal(mt_timeline_end(&t), 0);
	assert_int_equal(t.nr, 1);
}

/* A peak of one sample, and a dip, at any place of a long recording. */
static void test_spikes(void **state)
{
	enum { LENGTH = 50000 };
	_free_ int64_t *rss = malloc(LENGTH * sizeof(*rss));

	assert_non_null(rss);
	for (int64_t at = 0; at < LENGTH - 1; at += 977) {
		__cleanup(mt_timeline_fini) struct mt_timeline t = { 0 };

		for (int64_t i = 0; i < LENGTH; i++) {
			rss[i] = i == at ? 1000 : i == at + 1 ? 1 : 500;
			add(&t, i, rss[i]);
		}
		assert_int_equal(mt_timeline_end(&t), 0);
		assert_in_range(t.nr, MT_TIMELINE_POINTS / 2, MT_TIMELINE_POINTS);
		check_points(&t, rss);
		check_extremes(&t, rss, LENGTH);
		/* As fine at its start as at its end. */
		for (size_t i = 1; i < t.nr; i++)
			assert_in_range(t.points[i].t_ns - t.points[i - 1].t_ns, 1,
					8 * LENGTH / MT_TIMELINE_POINTS);
	}
}

/* Shapes that rise, fall, stay and jump; and what is settled is what a drain would have. */
static void test_random(void **state)
{
	const char *text = getenv("MT_SEED");
	unsigned int seed = text ? (unsigned int)strtoul(text, NULL, 10) : (unsigned int)time(NULL);
	enum { LENGTH = 20000 };
	_free_ int64_t *rss = malloc(LENGTH * sizeof(*rss));

	print_message("MT_SEED=%u\n", seed);
	assert_non_null(rss);
	srandom(seed);
	for (int round = 0; round < 20; round++) {
		__cleanup(mt_timeline_fini) struct mt_timeline t = { 0 };
		_free_ struct mt_sample *copy = calloc(MT_TIMELINE_POINTS, sizeof(*copy));
		int64_t length = random() % LENGTH + 1, step = random() % 3 - 1;

		for (int64_t i = 0; i < length; i++) {
			if (random() % 1000 == 0)
				step = random() % 3 - 1;
			rss[i] = (i ? rss[i - 1] : 1000) + step + (random() % 500 ? 0 : 100);
			add(&t, i, rss[i]);
			if (random() % 10)
				continue;
			t.redone = false;
			for (; t.kept < t.nr; t.kept++)
				copy[t.kept] = t.points[t.kept];
		}
		assert_int_equal(mt_timeline_end(&t), 0);
		check_points(&t, rss);
		check_extremes(&t, rss, length);
		for (size_t i = 0; i < t.kept; i++)
			assert_memory_equal(&copy[i], &t.points[i], sizeof(*copy));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_kept),
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_spikes),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
