// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* What is counted as growth and becomes a stack: once, and only what it is mapped as. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "session/stackmaps.h"

#define KIB 1024ULL
#define AT  (1ULL << 40)

static int setup(void **state)
{
	return mt_stackmaps_new((struct mt_stackmaps **)state);
}

static int teardown(void **state)
{
	mt_stackmaps_free((struct mt_stackmaps **)state);
	return 0;
}

static void map(struct mt_stackmaps *m, int64_t ts_ns, uint64_t start, uint64_t len, bool writable)
{
	assert_int_equal(mt_stackmaps_add(m, start, len, writable, ts_ns), 0);
}

static void start(struct mt_stackmaps *m, int64_t ts_ns, uint64_t sp, uint64_t lo, uint64_t hi)
{
	const struct mt_stackmaps_thread thread = { ts_ns, sp, lo, hi };

	assert_int_equal(mt_stackmaps_thread(m, &thread), 0);
}

static void test_whole(void **state)
{
	struct mt_stackmaps *m = *state;

	map(m, 1, AT, 64 * KIB, true);
	map(m, 2, AT + 64 * KIB, 32 * KIB, true);
	assert_int_equal(mt_stackmaps_used_bytes(m), 0);
	/* Its guard had been counted, its neighbour is another one. */
	start(m, 3, AT + 64 * KIB, AT + 4 * KIB, AT + 96 * KIB);
	assert_int_equal(mt_stackmaps_used_bytes(m), 64 * KIB);
	start(m, 4, AT + 60 * KIB, AT + 4 * KIB, AT + 64 * KIB);
	assert_int_equal(mt_stackmaps_used_bytes(m), 64 * KIB);
	start(m, 5, AT + 65 * KIB, 0, 0);
	assert_int_equal(mt_stackmaps_used_bytes(m), 96 * KIB);
}

static void test_reserved(void **state)
{
	struct mt_stackmaps *m = *state;

	map(m, 1, AT, 64 * KIB, false);
	map(m, 2, AT + 64 * KIB, 64 * KIB, false);
	start(m, 3, AT + 60 * KIB, AT + 8 * KIB, AT + 100 * KIB);
	assert_int_equal(mt_stackmaps_used_bytes(m), 56 * KIB);
	start(m, 4, AT + 128 * KIB, 0, 0);
	assert_int_equal(mt_stackmaps_used_bytes(m), 56 * KIB);
}

static void test_replaced(void **state)
{
	struct mt_stackmaps *m = *state;

	map(m, 1, AT, 64 * KIB, true);
	map(m, 2, AT + 32 * KIB, 64 * KIB, true);
	mt_stackmaps_drop(m, AT, 16 * KIB, 3);
	start(m, 4, AT + 8 * KIB, 0, 0);
	start(m, 5, AT, 0, 0);
	assert_int_equal(mt_stackmaps_used_bytes(m), 0);
	start(m, 6, AT + 24 * KIB, 0, 0);
	assert_int_equal(mt_stackmaps_used_bytes(m), 16 * KIB);
	start(m, 7, AT + 96 * KIB, 0, 0);
	assert_int_equal(mt_stackmaps_used_bytes(m), 80 * KIB);
}

/* Threads come by a ring that is read first. */
static void test_order(void **state)
{
	struct mt_stackmaps *m = *state;

	start(m, 20, AT + 64 * KIB, 0, 0);
	start(m, 40, AT + 64 * KIB, 0, 0);
	start(m, 60, AT + 64 * KIB, 0, 0);
	map(m, 10, AT, 64 * KIB, true); /* the first one's */
	mt_stackmaps_drop(m, AT, 64 * KIB, 30);
	map(m, 50, AT, 64 * KIB, true); /* not the second one's */
	mt_stackmaps_drop(m, AT, 64 * KIB, 55);
	map(m, 70, AT + 32 * KIB, 32 * KIB, true); /* after the third */
	assert_int_equal(mt_stackmaps_used_bytes(m), 64 * KIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reserved, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
