// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * session/governor.c where bursts are dear, the kernel layer is, or the program hardly runs; and
 * what it says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "governor_check.h"
#include "util/cleanup.h"

/* ---- what it costs to come and go ---------------------------------------------------------- */

static void test_long_tails(void **state)
{
	/* Known to be long: not tried where not one would fit, tried where it does. */
	for (int i = 0; i < 4; i++) {
		init(i < 2 ? 1 : 5, 1);
		s.tail_ns = 40 * MS;
		s.g.options.tail_ns = 40 * MS;
		sim_load(&s, 20 * S, 4, i % 2 ? 2e6 : 100);
		run();
		assert_int_equal(!!s.nr_openings, i >= 2);
		assert_int_equal(s.g.layer == MT_LAYER_EXACT, i == 2);
	}
	/* Bursts of half a second fit nowhere, but counting does. */
	for (int i = 0; i < 2; i++) {
		init(1, 1);
		s.g.options.burst_min_ns = 500 * MS;
		s.g.options.burst_max_ns = 500 * MS;
		sim_load(&s, 20 * S, 4, i ? 100 : 2e6);
		sim_load(&s, 20 * S, 4, 100);
		run();
		assert_int_equal(s.nr_windows, 0);
		assert_true(s.nr_openings < 30);
		assert_int_equal(s.g.layer, MT_LAYER_EXACT);
		assert_int_equal(s.nr_moves, 1);
		assert_true(s.exact_ns > 17 * S);
	}
}

/* Longer than thought: learnt, and bursts go on where they can. */
static void test_unexpected_tails(void **state)
{
	init(5, 1);
	s.tail_ns = 15 * MS;
	sim_load(&s, 30 * S, 8, 5e6);
	run();
	assert_true(sim_windows(&s, 5 * S, 30 * S) > 50);

	init(1, 1);
	s.tail_ns = 60 * MS;
	sim_load(&s, 20 * S, 4, 2e6);
	sim_run(&s);
	assert_int_equal(s.g.layer, MT_LAYER_KERNEL);
	assert_true(s.nr_openings < 12);

	/* One accident does not end them for ever. */
	init(1, 1);
	sim_load(&s, 60 * S, 4, 2e6);
	s.accident = 5 * S;
	sim_run(&s);
	assert_true(sim_windows(&s, 0, 5 * S) > 5);
	assert_true(sim_windows(&s, 30 * S, 60 * S) > 50);
	assert_int_equal(s.nr_moves, 3);
}

/* Nor does a burst that cost more than all the CPUs that were in use. */
static void test_dear_window(void **state)
{
	init(1, 1);
	sim_load(&s, 5 * S, 4, 2e6);
	run();
	s.g.density = 1e6;
	sim_load(&s, 10 * S, 4, 2e6);
	sim_go(&s);
	assert_true(sim_windows(&s, 7 * S, 15 * S) > 10);
}

static void test_kernel_layer_is_paid_first(void **state)
{
	for (size_t e = 0; e < ARRAY_SIZE(errors); e++)
		for (int i = 0; i < 2; i++) {
			init(1, errors[e]);
			s.other_share = 0.003;
			sim_load(&s, 20 * S, 4, i ? 2e6 : 400);
			run();
			assert_int_equal(s.g.layer, i ? MT_LAYER_BURST : MT_LAYER_EXACT);
		}
	/* Exact would fit alone. */
	init(1, 1);
	s.other_share = 0.003;
	sim_load(&s, 60 * S, 64, 2200);
	run();
	assert_int_equal(s.nr_moves, 1);
	assert_int_equal(s.g.layer, MT_LAYER_BURST);
}

/* ---- idle --------------------------------------------------------------------------------- */

static void test_idle(void **state)
{
	init(1, 1);
	sim_load(&s, 30 * S, 0, 0);
	sim_run(&s);
	/* Exact costs nothing: it is there when the program wakes. */
	assert_int_equal(s.g.layer, MT_LAYER_EXACT);
	assert_true(s.order.would_cost_pct < 0);

	/* What was not spent then is not owed later; nor is the next burst an hour away. */
	init(1, 1 / 1.3);
	sim_load(&s, 30 * S, 0, 0);
	sim_load(&s, 10 * S, 64, 2e7);
	sim_load(&s, 30 * S, 0, 0);
	sim_load(&s, 10 * S, 64, 2e7);
	run();
	assert_true(sim_windows(&s, 73 * S, 80 * S) > 10);
}

/* Ten calls a second of a program that hardly runs: by the floor of the budget. */
static void test_nearly_idle(void **state)
{
	for (size_t b = 0; b < ARRAY_SIZE(budgets); b++) {
		init(budgets[b], 1);
		s.open_loop = true;
		s.util = 1e-4;
		sim_load(&s, 20 * S, 1, 1e5);
		run();
		assert_int_equal(s.g.layer, MT_LAYER_EXACT);
		assert_true(s.exact_ns > 17 * S);
	}
}

/* Runs a tenth of the time, and then calls: not to have seen it call says nothing yet. */
static void test_unseen(void **state)
{
	int nr = 0;

	for (int i = 0; i < 50; i++) {
		init(1, 1);
		for (int j = 0; j < 4; j++) {
			sim_load(&s, 90 * MS, 1, 0);
			s.segments[s.nr_segments - 1].threads = 0.0001;
			sim_load(&s, 10 * MS, 1, 1e6);
		}
		sim_run(&s);
		nr += s.exact_ns > 0;
	}
	assert_true(nr < 10);
}

/* ---- words -------------------------------------------------------------------------------- */

static void test_describe(void **state)
{
	struct mt_governor g;
	char text[160];

	init(1, 1);
	mt_governor_init(&g, &s.g.options);
	g.options.call_ns = 1408;
	g.nr_slices = 1;
	g.slices[0] = (struct mt_governor_slice){ .useful_ns = 1e9 };
	g.last.now_ns = 1 * S;
	mt_governor_describe(&g, text, sizeof(text));
	assert_string_equal(text, "calls not counted yet");

	g.recent = (struct mt_governor_count){ .calls = 412345, .useful_ns = 1e9 };
	g.layer = MT_LAYER_BURST;
	g.density = 0.9;
	g.tail_ns = 1 * MS;
	mt_governor_describe(&g, text, sizeof(text));
	assert_string_equal(text, "412,000 calls/s: exact would cost 58%; "
				  "using bursts of 1.4 ms every 335 ms");
	g.layer = MT_LAYER_KERNEL;
	g.recent.calls = 5119999999;
	mt_governor_describe(&g, text, sizeof(text));
	assert_string_equal(text, "5,120,000,000 calls/s: exact would cost 720896%; "
				  "not even bursts fit the budget");
	g.layer = MT_LAYER_EXACT;
	g.recent.calls = 999.6;
	mt_governor_describe(&g, text, sizeof(text));
	assert_string_equal(text, "1,000 calls/s: exact costs 0.14%; using it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long_tails),
		cmocka_unit_test(test_unexpected_tails),
		cmocka_unit_test(test_dear_window),
		cmocka_unit_test(test_kernel_layer_is_paid_first),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_nearly_idle),
		cmocka_unit_test(test_unseen),
		cmocka_unit_test(test_describe),
	};

	seed_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
