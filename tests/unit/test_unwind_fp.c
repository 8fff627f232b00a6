// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Frame pointers: what holds 0 for another reason than that the stack ends is no end of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire.h"

static int mt_unwind_word(struct mt_thread *th, __u64 address, __u64 *word)
{
	*word = 0; /* a buffer that was cleared */
	return 0;
}

static const union mt_table_node *mt_unwind_node(void *table, __u32 number)
{
	return NULL;
}

#include "logic/unwind.h"

/* Code without frame pointers may use the register for a counter, as musl's and LLVM's does. */
static void test_zero_in_the_register_is_no_end(void **state)
{
	struct mt_thread th = { .walk = { .pc = 0x1000, .sp = 0x7000 } };

	assert_int_equal(mt_unwind_by_fp(&th, MT_STACK_NO_TABLE), MT_STACK_NO_TABLE);
	assert_int_equal(mt_unwind_by_fp(&th, MT_STACK_NO_ROW), MT_STACK_NO_ROW);
	assert_int_equal(mt_unwind_by_fp(&th, MT_STACK_NO_FILE), MT_STACK_NO_FILE);
}

/* Or for the address of a variable. */
static void test_zero_in_the_memory_is_no_end(void **state)
{
	struct mt_thread th = { .walk = { .pc = 0x1000, .sp = 0x7000, .fp = 0x7100 } };

	assert_int_equal(mt_unwind_by_fp(&th, MT_STACK_NO_TABLE), MT_STACK_NO_TABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zero_in_the_register_is_no_end),
		cmocka_unit_test(test_zero_in_the_memory_is_no_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
