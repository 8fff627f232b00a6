/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * governor_check.h: simulated loads by budget, error of prices and seed, and what every run of
 * one must show. After cmocka.h.
 */
#ifndef MT_TESTS_UNIT_GOVERNOR_CHECK_H
#define MT_TESTS_UNIT_GOVERNOR_CHECK_H

#include <time.h>

#include "governor_sim.h"

#define FLAPS 16 /* moves a minute, at most */
#define CASES 6

static const double budgets[] = { 1, 5 };
static const double errors[] = { 1 / 1.3, 1, 1.3 };

static unsigned int seed;
static struct sim s;

static void init(double budget_pct, double price_error)
{
	sim_init(&s, budget_pct, seed++);
	s.price_error = price_error;
}

/* Each budget with each error. */
static inline void init_case(int i)
{
	init(budgets[i % 2], errors[i / 2]);
}

static void run(void)
{
	sim_run(&s);
	assert_int_equal(s.nr_empty, 0);
	if (sim_worst(&s, true) < 1 && sim_worst(&s, false) < 1 && sim_flaps(&s) <= FLAPS)
		return;
	fail_msg("budget %g, price error %.2f, seed %llu: steady %.3f, all %.3f, moves %d",
		 s.g.options.budget_pct, s.price_error, (unsigned long long)s.g.options.seed,
		 sim_worst(&s, true), sim_worst(&s, false), sim_flaps(&s));
}

static void seed_init(void)
{
	const char *given = getenv("MT_SEED");

	seed = given ? strtoul(given, NULL, 0) : (unsigned int)time(NULL);
	print_message("MT_SEED=%u\n", seed);
}

#endif
