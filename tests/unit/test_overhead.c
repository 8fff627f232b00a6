// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* What a recording cost: percentages of the time that would have been used without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "analysis/overhead.h"
#include "util/cleanup.h"

static struct mt_process_row row(int64_t cpu_ns, int64_t trap_ns, int64_t run_ns)
{
	return (struct mt_process_row){ .cpu_ns = cpu_ns, .trap_ns = trap_ns, .run_ns = run_ns };
}

static void test_of_its_own_time(void **state)
{
	const struct mt_process_row r = row(1100, 60, 40);
	struct mt_overhead o;

	mt_overhead_process(&o, &r);
	assert_int_equal(o.spent_ns, 100);
	assert_float_equal(o.pct, 10.0, 1e-9);
}

/* It is taken to have stood still while its mappings were read. */
static void test_bills(void **state)
{
	struct mt_process_row r = row(1100, 60, 40);
	struct mt_overhead o;

	r.bill_ns = 50;
	mt_overhead_process(&o, &r);
	assert_int_equal(o.spent_ns, 150);
	assert_int_equal(o.own_ns, 1000);
	assert_float_equal(o.pct, 15.0, 1e-9);
}

static void test_unpriced(void **state)
{
	const struct mt_process_row r = row(1100, -1, 40);
	struct mt_overhead o;

	mt_overhead_process(&o, &r);
	assert_int_equal(o.spent_ns, -1);
	assert_float_equal(o.pct, -1, 0);
}

static void test_none(void **state)
{
	const struct mt_process_row r = row(0, 0, 0);
	struct mt_overhead o;

	mt_overhead_process(&o, &r);
	assert_float_equal(o.pct, 0, 0);
}

/* Prices are measured elsewhere: they may add up to more than there was. */
static void test_beyond(void **state)
{
	const struct mt_process_row r = row(100, 90, 40);
	struct mt_overhead o;

	mt_overhead_process(&o, &r);
	assert_float_equal(o.pct, 10000, 0);
	assert_int_equal(o.own_ns, 0);
}

static void test_together(void **state)
{
	struct mt_model_process processes[] = {
		{ .row = row(1000, 100, 0) },
		{ .row = row(3000, 200, 100) },
	};
	struct mt_model m = { .processes = processes, .nr_processes = ARRAY_SIZE(processes) };
	struct mt_overhead o;

	mt_overhead_capture(&o, &m);
	assert_int_equal(o.cpu_ns, 4000);
	assert_float_equal(o.pct, 100.0 * 400 / 3600, 1e-9);
	processes[0].row.trap_ns = -1;
	mt_overhead_capture(&o, &m);
	assert_float_equal(o.pct, -1, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of_its_own_time), cmocka_unit_test(test_bills),
		cmocka_unit_test(test_unpriced),	cmocka_unit_test(test_none),
		cmocka_unit_test(test_beyond),		cmocka_unit_test(test_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
