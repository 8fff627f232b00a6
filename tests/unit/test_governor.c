// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * session/governor.c against simulated loads: the budget holds, exact comes and goes, bursts are
 * many and have no rhythm. Prices are wrong by up to 30%, wake-ups late by up to 3 ms.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "governor_check.h"
#include "util/cleanup.h"

static const double many_threads[] = { 1, 8, 64, 256 };

static double log_uniform(double low, double high)
{
	return low * pow(high / low, sim_random(&s, 0, 1));
}

/* ---- constant ----------------------------------------------------------------------------- */

static void check_constant(double threads, double rate)
{
	double cost_pct = rate * CALL_NS / 1e7, budget = s.g.options.budget_pct;

	sim_load(&s, 15 * S, threads, rate);
	run();
	if (cost_pct < 0.3 * budget)
		assert_true(s.exact_ns > 13 * S);
	if (cost_pct > budget) {
		assert_true(s.exact_ns < 100 * MS);
		assert_int_equal(s.g.layer, MT_LAYER_BURST);
		assert_true(sim_windows(&s, 5 * S, 15 * S) >= (budget < 5 ? 12 : 70));
	}
	assert_true(s.order.would_cost_pct < 3000);
	/* Nearer than that nobody can tell who has the price of a trap wrong. */
	if (cost_pct < 100 && rate >= 1000) {
		assert_true(s.order.would_cost_pct > cost_pct * s.price_error * 0.6);
		assert_true(s.order.would_cost_pct < cost_pct * s.price_error * 1.7);
	}
}

static void test_constant(void **state)
{
	const double rates[] = { 10, 1e3, 1e4, 1e5, 1e6, 5e6, 2e7 };

	for (int c = 0; c < CASES; c++)
		for (size_t t = 0; t < ARRAY_SIZE(many_threads); t++)
			for (size_t r = 0; r < ARRAY_SIZE(rates); r++) {
				init_case(c);
				check_constant(many_threads[t], rates[r]);
			}
}

/* The links close late, one burst in five. */
static void test_late(void **state)
{
	for (int i = 0; i < 150; i++) {
		init(1, 1 / 1.3);
		s.late = 0.1;
		sim_load(&s, 15 * S, 4, i % 2 ? 2e7 : 3e6);
		run();
	}
}

/* Bursts use what the budget allows, or a good part of it. */
static void test_budget_is_used(void **state)
{
	double share = 0;

	for (int i = 0; i < 20; i++) {
		init(1, 1);
		sim_load(&s, 15 * S, 8, 2e6);
		run();
		share += sim_share(&s) / 20;
	}
	assert_true(share > 0.4);
}

/* The first 200 ms: count, then choose. */
static void test_start(void **state)
{
	for (int i = 0; i < 100; i++) {
		init(1, 1);
		sim_load(&s, 300 * MS, 4, i % 2 ? 20 : 3e6);
		sim_run(&s);
		assert_true(s.longest_count_ns > 0 && s.longest_count_ns <= 2 * MS);
		assert_int_equal(s.nr_moves, 1);
		assert_true(s.moves[0] > 40 * MS && s.moves[0] < 250 * MS);
		assert_int_equal(s.g.layer, i % 2 ? MT_LAYER_EXACT : MT_LAYER_BURST);
	}
}

/* ---- changing ----------------------------------------------------------------------------- */

static void test_steps(void **state)
{
	int nr = 0, moves = 0;

	for (int c = 0; c < CASES; c++)
		for (size_t t = 0; t < ARRAY_SIZE(many_threads) * 2; t++) {
			init_case(c);
			s.open_loop = t % 2;
			s.util = t % 2 ? 0.1 : 1;
			sim_load(&s, 10 * S, many_threads[t / 2], 1000);
			sim_load(&s, 10 * S, many_threads[t / 2], 5e6);
			sim_load(&s, 15 * S, many_threads[t / 2], 1000);
			run();
			nr++;
			moves += s.nr_moves;
			assert_int_equal(s.g.layer, MT_LAYER_EXACT);
			assert_true(s.exact_ns > 15 * S);
			assert_true(sim_windows(&s, 10 * S, 20 * S) >= 2);
		}
	/* Exact, bursts, exact: hardly ever more. */
	assert_true(moves < nr * 3.5);
}

static void test_thread_steps(void **state)
{
	const double threads[] = { 1, 64, 1, 256, 2 };

	for (int c = 0; c < CASES; c++) {
		init_case(c);
		for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
			sim_load(&s, 8 * S, threads[i], 1e6);
		run();
		for (int64_t i = 0; i < 5; i++)
			assert_true(sim_windows(&s, (8 * i + 3) * S, (8 * i + 8) * S) > 3);
	}
}

static void test_spikes(void **state)
{
	for (int c = 0; c < CASES; c++) {
		init_case(c);
		for (int i = 0; i < 15; i++) {
			sim_load(&s, sim_random(&s, 300 * MS, 5 * S), 4, 1000);
			sim_load(&s, sim_random(&s, 5 * MS, 200 * MS), 4, 1e7);
		}
		run();
		assert_true(sim_share(&s) < 1);
		assert_true(s.exact_ns > 500 * MS);
	}
}

static void test_sawtooth(void **state)
{
	for (int c = 0; c < CASES; c++) {
		init_case(c);
		for (int i = 0; i < 700; i++)
			sim_load(&s, 100 * MS, 4, 500.0 * (i % 100 + 1) * (i % 100 + 1));
		run();
		assert_true(sim_share(&s) < 1);
	}
}

static void test_flapping(void **state)
{
	for (size_t b = 0; b < ARRAY_SIZE(budgets); b++)
		for (int64_t half = 30; half < 8000; half = half * 3 / 2) {
			init(budgets[b], errors[half % 3]);
			for (int i = 0; i < 60000 / half / 2; i++) {
				sim_load(&s, half * MS, 4, 5e6);
				sim_load(&s, half * MS, 4, 1000);
			}
			run();
			assert_true(sim_share(&s) < 1);
		}
}

/* On and off: two bursts cannot be in step with it. */
static void test_on_off(void **state)
{
	for (size_t b = 0; b < ARRAY_SIZE(budgets); b++)
		for (int64_t half = 50; half < 2000; half = half * 3 / 2) {
			double phase = 0;
			int n = 0;

			init(budgets[b], errors[half % 3]);
			half -= half % 10;
			for (int i = 0; i < 60000 / half / 2; i++) {
				sim_load(&s, half * MS, 4, 2e6);
				sim_load(&s, half * MS, 0, 0);
			}
			run();
			assert_true(sim_share(&s) < 1);
			for (int i = 0; i < s.nr_windows; i++) {
				int64_t at = s.windows[i] % (2 * half * MS);

				phase += at < half * MS ? at : 0;
				n += at < half * MS;
			}
			assert_true(n >= 60 && n > s.nr_windows * 3 / 10);
			assert_true(fabs(phase / n / (half * MS) - 0.5) < 0.2);
		}
}

/*
 * No service that uses less than 30% of each thread's CPU: its first burst after a step stops all
 * of them at once, how many nothing told, and costs up to 1.2 budgets of 2 s.
 */
static void test_random(void **state)
{
	for (int i = 0; i < 1500; i++) {
		int nr;

		init(budgets[i % 2], 1);
		s.price_error = log_uniform(1 / 1.3, 1.3);
		s.open_loop = sim_random(&s, 0, 1) < 0.4;
		s.util = s.open_loop ? log_uniform(0.3, 0.7) : 1;
		s.tail_ns = log_uniform(0.3, 1.5) * MS;
		s.other_share = sim_random(&s, 0, 1) < 0.3 ? sim_random(&s, 0, 0.004) : 0;
		nr = sim_random(&s, 3, 11);
		for (int j = 0; j < nr; j++)
			sim_load(&s, log_uniform(0.2, 7) * S,
				 sim_random(&s, 0, 1) < 0.1 ? 0 : floor(log_uniform(1, 256)),
				 log_uniform(10, 2e7));
		run();
	}
}

/* The kernel layer's cost goes on while exact uses the rest up. */
static void test_room_for_the_kernel_layer(void **state)
{
	for (int i = 0; i < 10; i++) {
		init(1, 1 / 1.3);
		s.open_loop = true;
		s.util = 0.5;
		s.other_share = 0.0045;
		sim_load(&s, 5 * S, 24, 500);
		sim_load(&s, 4 * S, 2, 6000);
		run();
	}
}

/* Exact ends before the breaker has to. */
static void test_ramp(void **state)
{
	init(1, 1);
	for (int i = 0; i < 200; i++)
		sim_load(&s, 100 * MS, 4, 1000 + 40 * i);
	run();
	assert_int_equal(s.g.layer, MT_LAYER_BURST);
	assert_true(s.exact_ns > 5 * S);
	assert_int_equal(s.exact_trips, 0);
}

/* ---- bursts ------------------------------------------------------------------------------- */

/* A tenth of every 250 ms calls more: a tenth of the windows sees it, whatever the phase. */
static void test_no_rhythm(void **state)
{
	const int64_t period = 250 * MS;
	int nr = 0, hits = 0, short_gaps = 0, long_gaps = 0;
	int shorter = 0, longer = 0;

	for (int i = 0; i < 8; i++) {
		init(1, 1);
		for (int j = 0; j < 120; j++) {
			sim_load(&s, period / 25 * 22, 4, 2e6);
			sim_load(&s, period / 25 * 3, 4, 4e6);
		}
		sim_run(&s);
		for (int j = 1; j < s.nr_windows; j++) {
			int64_t gap = s.windows[j] - s.windows[j - 1];

			short_gaps += gap < period * 4 / 5;
			long_gaps += gap > period * 23 / 20;
			hits += s.windows[j] % period >= period / 25 * 22;
			assert_in_range(s.lengths[j], 200 * US, 2 * MS);
		}
		nr += s.nr_windows;
	}
	assert_true(nr > 400);
	/* Nor has their length, where the budget leaves it alone. */
	init(5, 1);
	sim_load(&s, 20 * S, 4, 1e5);
	sim_run(&s);
	for (int j = 0; j < s.nr_windows; j++) {
		shorter += s.lengths[j] < 1500 * US;
		longer += s.lengths[j] > 1500 * US;
	}
	assert_true(shorter > 30 && longer > 30);
	assert_true(hits > nr * 0.07 && hits < nr * 0.18);
	assert_true(short_gaps > nr / 10 && long_gaps > nr / 10);
}

static void test_seed(void **state)
{
	int64_t first[20], length;

	for (int i = 0; i < 3; i++) {
		sim_init(&s, 1, seed + 1);
		s.g.options.seed += i == 2;
		sim_load(&s, 10 * S, 4, 2e6);
		sim_run(&s);
		length = s.lengths[0];
		assert_true(s.nr_windows >= 20);
		if (!i)
			memcpy(first, s.windows, sizeof(first));
		assert_int_equal(!memcmp(first, s.windows, sizeof(first)), i < 2);
		for (int j = 1; j < 20 && length == s.lengths[0]; j++)
			length = s.lengths[j];
		assert_int_not_equal(length, s.lengths[0]);
	}
	seed += 3;
}

/* Long windows, planned in a calm, meet a storm: BPF stops paying. */
static void test_breaker(void **state)
{
	double most = 0;

	for (int i = 0; i < 10; i++) {
		init(1, errors[i % 3]);
		s.g.options.burst_max_ns = 100 * MS;
		for (int j = 0; j < 60; j++) {
			sim_load(&s, sim_random(&s, 100, 800) * MS, 4, 2e4);
			sim_load(&s, sim_random(&s, 10, 80) * MS, 4, 1e7);
		}
		run();
		assert_true(s.window_most < sim_budget(&s, 4 * MT_GOVERNOR_WINDOW_NS, 0));
		most = s.window_most > most ? s.window_most : most;
	}
	/* And some did meet it. */
	assert_true(most > sim_budget(&s, 4 * MT_GOVERNOR_WINDOW_NS, 0) / 2);
}

/* As long as a window's calls cost, so short it is. */
static void test_length_is_learnt(void **state)
{
	double mean[2] = { 0 };
	int nr[2] = { 0 };

	init(1, 1);
	s.open_loop = true;
	s.util = 0.25;
	sim_load(&s, 15 * S, 16, 5e6);
	sim_load(&s, 15 * S, 16, 2e4);
	run();
	for (int i = 0; i < s.nr_windows; i++) {
		mean[s.windows[i] > 15 * S] += s.lengths[i];
		nr[s.windows[i] > 15 * S]++;
	}
	assert_true(nr[0] >= 3 && mean[0] / nr[0] < 900 * US);
	assert_true(nr[1] >= 30 && mean[1] / nr[1] > 1300 * US);
}

/* From a busy program's 5 s on to the next open window; nothing calls any more. */
static void reach_window(struct mt_governor_input *in, struct mt_governor_order *o)
{
	init(1, 1);
	sim_load(&s, 5 * S, 4, 2e6);
	run();
	*in = s.g.last;
	*o = s.order;
	/* Ends a window that is open now. */
	in->breaker_tripped = true;
	do {
		in->target_cpu_ns += 4 * (o->wake_ns - in->now_ns);
		in->now_ns = o->wake_ns;
		in->links_open = o->links;
		mt_governor_step(&s.g, in, o);
		in->breaker_tripped = false;
	} while (!o->links || !o->window_end_ns);
	in->target_cpu_ns += 4 * (o->window_end_ns - in->now_ns);
	in->now_ns = o->window_end_ns - 1;
}

/* The links are closed at once, not when the window would have ended. */
static void test_breaker_closes_links(void **state)
{
	struct mt_governor_order o;
	struct mt_governor_input in;
	int64_t end;

	reach_window(&in, &o);
	end = o.window_end_ns;
	mt_governor_step(&s.g, &in, &o);
	assert_true(o.links && o.window_end_ns == end);
	in.breaker_tripped = true;
	mt_governor_step(&s.g, &in, &o);
	assert_false(o.links);
	assert_int_equal(o.window_end_ns, 0);
	/* How long the window was open is not known: no calls do not mean that there are none. */
	assert_int_equal(o.layer, MT_LAYER_BURST);
}

/* Not while the last 2 s have used the budget up. */
static void test_exact_needs_room(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct mt_governor_order o;
		struct mt_governor_input in;

		reach_window(&in, &o);
		s.g.calm_since_ns = in.now_ns - S; /* no call for long */
		s.g.slices[s.g.nr_slices - 1].spent_ns += i ? 80 * MS : 0;
		in.now_ns++;
		mt_governor_step(&s.g, &in, &o);
		assert_int_equal(o.layer, i ? MT_LAYER_BURST : MT_LAYER_EXACT);
	}
}

/* One burst without a call says little after others that had some. */
static void test_exact_needs_calm(void **state)
{
	struct mt_governor_order o;
	struct mt_governor_input in;

	reach_window(&in, &o);
	s.g.calm_since_ns = in.now_ns - 100 * MS;
	in.now_ns++;
	mt_governor_step(&s.g, &in, &o);
	assert_int_equal(o.layer, MT_LAYER_BURST);
}

static void test_breaker_in_exact(void **state)
{
	double may;

	init(1, 1);
	sim_load(&s, 5 * S, 4, 1000);
	run();
	assert_int_equal(s.g.layer, MT_LAYER_EXACT);
	may = (double)(s.order.calls_max - s.calls) * CALL_NS;
	assert_true(may > 0 && may < sim_budget(&s, 4 * MT_GOVERNOR_WINDOW_NS, 0));
	s.now += 5 * MS;
	s.tripped = true;
	sim_ask(&s);
	assert_false(s.order.links);
	assert_int_equal(s.order.window_end_ns, 0);
	assert_int_equal(s.order.layer, MT_LAYER_BURST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_constant),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_budget_is_used),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_thread_steps),
		cmocka_unit_test(test_spikes),
		cmocka_unit_test(test_sawtooth),
		cmocka_unit_test(test_flapping),
		cmocka_unit_test(test_on_off),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_ramp),
		cmocka_unit_test(test_room_for_the_kernel_layer),
		cmocka_unit_test(test_no_rhythm),
		cmocka_unit_test(test_seed),
		cmocka_unit_test(test_breaker),
		cmocka_unit_test(test_length_is_learnt),
		cmocka_unit_test(test_breaker_closes_links),
		cmocka_unit_test(test_exact_needs_room),
		cmocka_unit_test(test_exact_needs_calm),
		cmocka_unit_test(test_breaker_in_exact),
	};

	seed_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
