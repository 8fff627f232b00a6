// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Which sites are picked, and how their stacks add up to a tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "analysis/tree.h"
#include "util/cleanup.h"

static const struct mt_frame main_f = { .function = "main", .module = "/app" };
static const struct mt_frame load = { .function = "load", .module = "/app" };
static const struct mt_frame again = { .function = "load", .module = "/app", .address = 9 };
static const struct mt_frame save = { .function = "save", .module = "/app" };
static const struct mt_frame copy = { .function = "copy", .module = "/lib/libcopy.so" };
static const struct mt_frame *const in_load[] = { &copy, &load, &main_f };
static const struct mt_frame *const in_again[] = { &again, &main_f };
static const struct mt_frame *const in_save[] = { &copy, &save, &main_f };
static const struct mt_model_stack stacks[] = {
	{ .id = 1, .frames = in_load, .nr = 3 },
	{ .id = 2, .frames = in_again, .nr = 2 },
	{ .id = 3, .frames = in_save, .nr = 3 },
};

static struct mt_heap_site sites[] = {
	{ .stack = &stacks[0],
	  .at_peak_bytes = 600,
	  .live_bytes = 10,
	  .live_age_p50_ns = 5,
	  .alloc_bytes = 700,
	  .alloc_cnt = 1 },
	{ .stack = &stacks[1],
	  .at_peak_bytes = 300,
	  .live_bytes = 20,
	  .live_age_p50_ns = 50,
	  .alloc_bytes = 900,
	  .alloc_cnt = 3,
	  .temporary_cnt = 1 },
	{ .stack = &stacks[2],
	  .at_peak_bytes = 100,
	  .live_bytes = 0,
	  .live_age_p50_ns = -1,
	  .alloc_bytes = 100,
	  .alloc_cnt = 9,
	  .temporary_cnt = 2 },
};

static const struct mt_heap heap = { .lives = true, .sites = sites, .nr_sites = 3 };

/* Their stacks' ids, "213". */
static void check_pick(const struct mt_pick *pick, const char *expected)
{
	_free_ const struct mt_heap_site **picked = NULL;
	char ids[8] = "";
	size_t nr;

	assert_int_equal(mt_pick_sites(&picked, &nr, &heap, pick), 0);
	for (size_t i = 0; i < nr; i++)
		snprintf(ids + strlen(ids), sizeof(ids) - strlen(ids), "%d",
			 (int)picked[i]->stack->id);
	assert_string_equal(ids, expected);
}

static void test_pick(void **state)
{
	struct mt_heap bursts = { .lives = false };

	check_pick(&(struct mt_pick){ 0 }, "123");
	check_pick(&(struct mt_pick){ .order = MT_PICK_LIVE }, "213");
	check_pick(&(struct mt_pick){ .order = MT_PICK_ALLOC }, "213");
	check_pick(&(struct mt_pick){ .order = MT_PICK_CALLS }, "321");
	check_pick(&(struct mt_pick){ .order = MT_PICK_TEMPORARY }, "321");
	check_pick(&(struct mt_pick){ .pattern = "load" }, "12");
	check_pick(&(struct mt_pick){ .pattern = "libcopy" }, "13");
	check_pick(&(struct mt_pick){ .pattern = "nothing" }, "");
	check_pick(&(struct mt_pick){ .leaks = true }, "21");
	check_pick(&(struct mt_pick){ .leaks = true, .min_age_ns = 6 }, "2");
	assert_int_equal(mt_pick_order(&(struct mt_pick){ 0 }, &bursts), MT_PICK_ALLOC);
}

/* "main 1000;" and what is below, by depth: ".load 900;". A line that goes on ends in "+". */
static int write_node(const struct mt_tree_node *node, void *arg)
{
	char *text = arg;
	size_t used = strlen(text);

	assert_int_equal(node->total, 1000);
	snprintf(text + used, 200 - used, "%.*s%s %d%s;", node->depth - 1, "....",
		 node->frame->function, (int)node->value, node->begins ? "" : "+");
	return 0;
}

static void check_tree(struct mt_tree tree, const char *expected)
{
	const struct mt_heap_site *all[] = { &sites[2], &sites[0], &sites[1] };
	char text[200] = "";

	tree.order = MT_PICK_AT_PEAK;
	assert_int_equal(mt_tree_walk(&tree, all, 3, write_node, text), 0);
	assert_string_equal(text, expected);
}

static void test_trees(void **state)
{
	check_tree((struct mt_tree){ .callers = false },
		   "main 1000;.load 900;..copy 600;.save 100;.copy 100+;");
	check_tree((struct mt_tree){ .callers = true },
		   "copy 700;.load 600;.main 600+;.save 100;.main 100+;load 300;main 300+;");
	check_tree((struct mt_tree){ .least_permille = 200 }, "main 1000;.load 900;..copy 600;");
}

static int stop(const struct mt_tree_node *node, void *arg)
{
	return -EIO;
}

static void test_stops(void **state)
{
	const struct mt_heap_site *all[] = { &sites[0] };
	struct mt_tree tree = { .order = MT_PICK_AT_PEAK };

	assert_int_equal(mt_tree_walk(&tree, all, 1, stop, NULL), -EIO);
	assert_int_equal(mt_tree_walk(&tree, all, 0, stop, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pick),
		cmocka_unit_test(test_trees),
		cmocka_unit_test(test_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
