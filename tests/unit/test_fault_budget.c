// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "session/fault_budget.h"

#define MS 1000000LL

/* What faults cost in each 20 ms of CPU time: 1 us each that is told of, 5 more with a stack. */
static void run(struct mt_fault_budget *b, struct mt_fault_sampling *s, double faults, int steps)
{
	int64_t cost = b->cost_ns, cpu = b->cpu_ns;

	for (int i = 0; i < steps; i++) {
		cost += faults / s->period * (1000 + 5000.0 / s->one_in);
		cpu += 20 * MS;
		mt_fault_budget_step(b, cost, cpu, s);
	}
}

static double share(const struct mt_fault_sampling *s, double faults)
{
	return faults / s->period * (1000 + 5000.0 / s->one_in) / (20 * MS);
}

static void test_few_faults_are_all_seen(void **state)
{
	struct mt_fault_budget b = { .limit = 0.003 };
	struct mt_fault_sampling s = { 1, 1 };

	run(&b, &s, 8, 100); /* 48 of 60 us */
	assert_int_equal(s.period, 1);
	assert_int_equal(s.one_in, 1);
}

static void test_many_faults_fit(void **state)
{
	for (double faults = 20; faults < 4000; faults *= 1.7) {
		struct mt_fault_budget b = { .limit = 0.003 };
		struct mt_fault_sampling s = { 1, 1 };

		run(&b, &s, faults, 12);
		assert_true(share(&s, faults) <= 0.003);
	}
}

static void test_stacks_come_back(void **state)
{
	struct mt_fault_budget b = { .limit = 0.003 };
	struct mt_fault_sampling s = { 1, 1 };

	run(&b, &s, 40, 20);
	assert_true(s.one_in > 1);
	run(&b, &s, 0, 20);
	assert_int_equal(s.one_in, 1);
}

static void test_short_spans_are_not_judged(void **state)
{
	struct mt_fault_budget b = { .limit = 0.003 };
	struct mt_fault_sampling s = { 1, 1 };

	assert_false(mt_fault_budget_step(&b, 5 * MS, 6 * MS, &s));
	assert_true(mt_fault_budget_step(&b, 6 * MS, 12 * MS, &s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few_faults_are_all_seen),
		cmocka_unit_test(test_many_faults_fit),
		cmocka_unit_test(test_stacks_come_back),
		cmocka_unit_test(test_short_spans_are_not_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
