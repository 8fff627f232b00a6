// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Tables of known rows, searched by the code that the BPF programs have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <errno.h>

#include "elf_fixture.h"
#include "table_search.h"
#include "unwind/rows.h"
#include "unwind/sigreturn.h"
#include "util/cleanup.h"

#define NOTHING (-1L)

struct known {
	uint64_t offset;
	int32_t rule; /* its offset field says which one it is */
};

static struct mt_rule numbered(int32_t number)
{
	return (struct mt_rule){ .cfa = MT_CFA_SP, .offset = number };
}

static struct mt_table *finish(struct mt_rows *rows)
{
	struct mt_table *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	assert_int_equal(mt_rows_finish(rows, &t->nodes, &t->nr_nodes), 0);
	assert_int_equal(mt_table_check(t->nodes, t->nr_nodes), 0);
	return t;
}

/* The rule found, by its number; one that is not numbered by its kind, less 100. */
static long found(struct mt_table *table, uint64_t offset)
{
	struct mt_rule rule;

	if (mt_unwind_rule(table, (uint32_t)offset, &rule))
		return NOTHING;
	return rule.cfa == MT_CFA_SP ? rule.offset : rule.cfa - 100L;
}

static void expect_found(struct mt_table *table, uint64_t offset, long rule)
{
	long got = found(table, offset);

	if (got != rule)
		fail_msg("at %#lx there is %ld, not %ld", offset, got, rule);
}

/* ---- trees ------------------------------------------------------------------------------- */

/* `nr` rows at distances of up to `step`, the first somewhere. */
static struct known *make_rows(size_t nr, uint64_t step)
{
	struct known *rows = calloc(nr, sizeof(*rows));
	uint64_t at = fixture_random(1000) + 1;

	assert_non_null(rows);
	for (size_t i = 0; i < nr; i++) {
		rows[i] = (struct known){ at, (int32_t)fixture_random(1000) };
		at += 1 + fixture_random(step);
	}
	return rows;
}

static void expect_tree(size_t nr, uint64_t step, uint32_t levels)
{
	_free_ struct known *known = make_rows(nr, step);
	__cleanup(mt_table_free) struct mt_table *table = NULL;
	__cleanup(mt_rows_free) struct mt_rows *rows = NULL;

	assert_int_equal(mt_rows_new(&rows), 0);
	for (size_t i = 0; i < nr; i++) {
		struct mt_rule rule = numbered(known[i].rule);

		assert_int_equal(mt_rows_add(rows, known[i].offset, &rule), 0);
	}
	table = finish(rows);
	if (levels)
		assert_int_equal(table->nodes[0].header.levels, levels);
	expect_found(table, 0, NOTHING);
	for (size_t i = 0; i < nr; i++) {
		expect_found(table, known[i].offset - 1, i ? known[i - 1].rule : NOTHING);
		expect_found(table, known[i].offset, known[i].rule);
		expect_found(table, known[i].offset + 1,
			     i + 1 < nr && known[i + 1].offset == known[i].offset + 1
				     ? known[i + 1].rule
				     : known[i].rule);
	}
	expect_found(table, UINT32_MAX - 1, known[nr - 1].rule);
}

static void test_trees(void **state)
{
	static const size_t sizes[] = { 1, 2, 255, 256, 257, 65535, 65536, 65537 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		expect_tree(sizes[i], 1, sizes[i] <= 65536 ? 2 : 3); /* every leaf is full */
		expect_tree(sizes[i], 100, 0);
		expect_tree(sizes[i], 1000, 0); /* 64 KiB are fewer rows than a leaf has */
	}
	expect_tree(5000, 700000, 3); /* functions of over 64 KiB */
}

/* The last row that a leaf can have, and the first that it cannot. */
static void test_a_leaf_ends_at_64_kib(void **state)
{
	static const uint64_t second[] = { 0xfffe, 0xffff, 0x10000, 0x10001, 0x20000 };

	for (size_t i = 0; i < ARRAY_SIZE(second); i++) {
		__cleanup(mt_table_free) struct mt_table *table = NULL;
		__cleanup(mt_rows_free) struct mt_rows *rows = NULL;
		const struct mt_rule one = numbered(1), two = numbered(2);

		assert_int_equal(mt_rows_new(&rows), 0);
		assert_int_equal(mt_rows_add(rows, 0x5000, &one), 0);
		assert_int_equal(mt_rows_add(rows, 0x5000 + second[i], &two), 0);
		table = finish(rows);
		expect_found(table, 0x4fff, NOTHING);
		expect_found(table, 0x5000, 1);
		expect_found(table, 0x5000 + second[i] - 1, 1);
		expect_found(table, 0x5000 + second[i], 2);
		expect_found(table, UINT32_MAX - 1, 2);
	}
}

static void test_rows_that_are_left_out(void **state)
{
	__cleanup(mt_table_free) struct mt_table *table = NULL;
	__cleanup(mt_rows_free) struct mt_rows *rows = NULL;
	const struct mt_rule one = numbered(1), two = numbered(2);

	assert_int_equal(mt_rows_new(&rows), 0);
	assert_int_equal(mt_rows_add(rows, 100, &one), 0);
	assert_int_equal(mt_rows_add(rows, 100, &two), 0);
	assert_int_equal(mt_rows_add(rows, 99, &two), 0);
	assert_int_equal(mt_rows_add(rows, UINT32_MAX, &two), 0);
	assert_int_equal(mt_rows_add(rows, UINT64_MAX, &two), 0);
	table = finish(rows);
	expect_found(table, 99, NOTHING);
	expect_found(table, 100, 1);
	expect_found(table, UINT32_MAX - 1, 1);
}

static void test_too_many_rules(void **state)
{
	__cleanup(mt_table_free) struct mt_table *table = NULL;
	__cleanup(mt_rows_free) struct mt_rows *rows = NULL;
	struct mt_rule rule;

	assert_int_equal(mt_rows_new(&rows), 0);
	for (int32_t i = 0; i < MT_TABLE_RULES_MAX; i++) {
		rule = numbered(i);
		assert_int_equal(mt_rows_add(rows, (uint64_t)i * 3, &rule), 0);
	}
	rule = numbered(MT_TABLE_RULES_MAX);
	assert_int_equal(mt_rows_add(rows, 1 << 20, &rule), -E2BIG);
	table = finish(rows);
	for (int32_t i = 0; i < MT_TABLE_RULES_MAX; i++)
		expect_found(table, (uint64_t)i * 3 + 2, i);
}

/* More leaves than two levels lead to: as many full ones as fit beside as many of 64 KiB. */
static void test_too_many_leaves(void **state)
{
	const size_t full = 8U << 20;
	__cleanup(mt_rows_free) struct mt_rows *rows = NULL;
	const struct mt_rule rules[] = { numbered(1), numbered(2) };
	union mt_table_node *nodes = NULL;
	size_t nr_nodes;

	assert_int_equal(mt_rows_new(&rows), 0);
	for (size_t i = 0; i < full; i++)
		assert_int_equal(mt_rows_add(rows, i, &rules[i & 1]), 0);
	for (uint64_t at = full; at < UINT32_MAX; at += 0x10000)
		assert_int_equal(mt_rows_add(rows, at, &rules[at >> 16 & 1]), 0);
	assert_int_equal(mt_rows_finish(rows, &nodes, &nr_nodes), -E2BIG);
	assert_null(nodes);
}

static void test_empty(void **state)
{
	__cleanup(mt_table_free) struct mt_table *table = NULL;

	assert_int_equal(mt_table_empty(&table), 0);
	assert_int_equal(mt_table_check(table->nodes, table->nr_nodes), 0);
	expect_found(table, 0, NOTHING);
	expect_found(table, 0x10000, NOTHING);
	expect_found(table, UINT32_MAX, NOTHING);
}

/* ---- what is not whole ------------------------------------------------------------------- */

static void test_check(void **state)
{
	__cleanup(mt_table_free) struct mt_table *table = NULL;
	__cleanup(mt_rows_free) struct mt_rows *rows = NULL;
	struct mt_table_header *h, good;

	assert_int_equal(mt_rows_new(&rows), 0);
	for (int32_t i = 0; i < 70000; i++) {
		const struct mt_rule rule = numbered(i % 500);

		assert_int_equal(mt_rows_add(rows, (uint64_t)i * 2, &rule), 0);
	}
	table = finish(rows);
	h = &table->nodes[0].header;
	good = *h;

#define EXPECT_BAD(field, value)                                                           \
	do {                                                                               \
		h->field = (value);                                                        \
		assert_int_equal(mt_table_check(table->nodes, table->nr_nodes), -EBADMSG); \
		*h = good;                                                                 \
	} while (0)

	assert_int_equal(good.levels, 3);
	EXPECT_BAD(magic, 0);
	EXPECT_BAD(levels, 0);
	EXPECT_BAD(levels, 1);
	EXPECT_BAD(levels, 4);
	EXPECT_BAD(first[0], 0);
	EXPECT_BAD(first[0], 2);
	EXPECT_BAD(first[1], 1);
	EXPECT_BAD(first[1], 3); /* two roots */
	EXPECT_BAD(first[1], good.first[2]);
	EXPECT_BAD(first[2], good.first[1]);
	EXPECT_BAD(first[2], UINT32_MAX);
	EXPECT_BAD(rules, good.first[2]);
	EXPECT_BAD(rules, good.rules + 1);
	EXPECT_BAD(rules, UINT32_MAX);
	EXPECT_BAD(nr_rules, good.nr_rules + MT_TABLE_NODE_RULES);
	EXPECT_BAD(nr_rules, UINT32_MAX);
	EXPECT_BAD(nr_nodes, good.nr_nodes + 1);
	assert_int_equal(mt_table_check(table->nodes, table->nr_nodes - 1), -EBADMSG);
	assert_int_equal(mt_table_check(table->nodes, 0), -EBADMSG);
	assert_int_equal(mt_table_check(table->nodes, table->nr_nodes), 0);
}

/* ---- code without a row ---------------------------------------------------------------- */

static void test_rows_in_gaps(void **state)
{
	const struct mt_rule one = numbered(1), none = { .cfa = MT_CFA_NONE };
	const struct mt_rule code = { .cfa = MT_CFA_SIGNAL };
	const long signal = MT_CFA_SIGNAL - 100L, nothing = MT_CFA_NONE - 100L;
	__cleanup(mt_table_free) struct mt_table *table = NULL;
	__cleanup(mt_rows_free) struct mt_rows *rows = NULL;

	assert_int_equal(mt_rows_new(&rows), 0);
	assert_int_equal(mt_rows_add(rows, 1000, &one), 0);
	assert_int_equal(mt_rows_add(rows, 2000, &none), 0);
	assert_int_equal(mt_rows_add(rows, 3000, &one), 0);
	assert_int_equal(mt_rows_add(rows, 4000, &none), 0);
	assert_int_equal(mt_rows_add_gap(rows, 500, 9, &code), 0);  /* in front */
	assert_int_equal(mt_rows_add_gap(rows, 1500, 9, &code), 0); /* known */
	assert_int_equal(mt_rows_add_gap(rows, 2000, 9, &code), 0); /* first in a gap */
	assert_int_equal(mt_rows_add_gap(rows, 2500, 9, &code), 0); /* in it */
	assert_int_equal(mt_rows_add_gap(rows, 3000 - MT_SIGRETURN_BYTES, 9, &code), 0); /* last */
	assert_int_equal(mt_rows_add_gap(rows, 5000, 9, &code), 0);  /* behind */
	assert_int_equal(mt_rows_add_gap(rows, 2985, 20, &code), 0); /* cut short */
	table = finish(rows);
	expect_found(table, 499, NOTHING);
	expect_found(table, 500, signal);
	expect_found(table, 500 + MT_SIGRETURN_BYTES - 1, signal);
	expect_found(table, 500 + MT_SIGRETURN_BYTES, nothing);
	expect_found(table, 1000, 1);
	expect_found(table, 1500, 1);
	expect_found(table, 2000, signal);
	expect_found(table, 2000 + MT_SIGRETURN_BYTES, nothing);
	expect_found(table, 2499, nothing);
	expect_found(table, 2500, signal);
	expect_found(table, 2500 + MT_SIGRETURN_BYTES, nothing);
	expect_found(table, 2984, nothing);
	expect_found(table, 2985, signal);
	expect_found(table, 2999, signal);
	expect_found(table, 3000, 1);
	expect_found(table, 4999, nothing);
	expect_found(table, 5000, signal);
	expect_found(table, UINT32_MAX - 1, nothing);
}

/* ---- files ------------------------------------------------------------------------------- */

static struct mt_table *build(const char *name)
{
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	_close_ int fd = fixture_open(name);
	struct mt_table *table = NULL;

	assert_int_equal(mt_elf_new(&elf, fd), 0);
	assert_int_equal(mt_table_build(&table, elf), 0);
	return table;
}

static int build_error(const char *name)
{
	__cleanup(mt_table_free) struct mt_table *table = NULL;
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	_close_ int fd = fixture_open(name);

	assert_int_equal(mt_elf_new(&elf, fd), 0);
	return mt_table_build(&table, elf);
}

/* Where no CFI is, a known code for returning from a signal is found by its bytes. */
static void test_restorer_without_cfi(void **state)
{
	__cleanup(mt_table_free) struct mt_table *table = NULL;
	uint64_t at;

	fixture_compile("restorer.so",
			"asm(\".text\\n.skip 200, 0x90\\n.globl restorer\\n\"\n"
			"    \".type restorer,@function\\n\"\n"
			"    \"restorer: mov $15, %rax\\nsyscall\\n.size restorer,.-restorer\\n\"\n"
			"    \".skip 200, 0x90\\n\");\nint f(int a) { return a; }\n",
			"-O2 -shared -fPIC -nostdlib");
	at = fixture_offset("restorer.so", "restorer");
	table = build("restorer.so");
	expect_found(table, at, MT_CFA_SIGNAL - 100L);
	expect_found(table, at + MT_SIGRETURN_BYTES, MT_CFA_NONE - 100L);
	expect_found(table, fixture_offset("restorer.so", "f"), 8);
	fixture_run("strip -R .eh_frame -R .eh_frame_hdr -o bare.so restorer.so 2>/dev/null");
	mt_table_free(&table);
	table = build("bare.so");
	expect_found(table, at, MT_CFA_SIGNAL - 100L);
	expect_found(table, fixture_offset("restorer.so", "f"), MT_CFA_NONE - 100L);
}

static void test_glibc_describes_its_restorer(void **state)
{
	__cleanup(mt_table_free) struct mt_table *table = build(FIXTURE_LIBC);
	const uint8_t code[MT_SIGRETURN_BYTES] = { 0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05 };
	_free_ uint8_t *data = NULL;
	const uint8_t *at;
	size_t len;

	data = fixture_read(FIXTURE_LIBC, &len);
	at = memmem(data, len, code, sizeof(code));
	assert_non_null(at);
	expect_found(table, (uint64_t)(at - data), MT_CFA_SIGNAL - 100L);
}

/* Nothing but the code differs between a file with and one without sections' headers. */
static void test_without_section_headers(void **state)
{
	__cleanup(mt_table_free) struct mt_table *whole = build(FIXTURE_LIBC), *bare = NULL;
	_free_ uint8_t *data = NULL;
	Elf64_Ehdr *ehdr;
	size_t len;

	data = fixture_read(FIXTURE_LIBC, &len);
	ehdr = (Elf64_Ehdr *)data;
	ehdr->e_shoff = 0;
	ehdr->e_shnum = ehdr->e_shstrndx = 0;
	fixture_write("bare.so", data, len);
	bare = build("bare.so");
	assert_int_equal(bare->nr_nodes, whole->nr_nodes);
	assert_memory_equal(bare->nodes, whole->nodes, whole->nr_nodes * sizeof(*whole->nodes));
}

static void test_nothing_said(void **state)
{
	fixture_compile("mute.so", "int f(int a) { return a; }\n",
			"-O2 -shared -fPIC -nostdlib -fno-asynchronous-unwind-tables");
	assert_int_equal(build_error("mute.so"), -ENOENT);
}

static int setup(void **state)
{
	fixture_new();
	return 0;
}

static int teardown(void **state)
{
	fixture_free();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trees),
		cmocka_unit_test(test_a_leaf_ends_at_64_kib),
		cmocka_unit_test(test_rows_that_are_left_out),
		cmocka_unit_test(test_too_many_rules),
		cmocka_unit_test(test_too_many_leaves),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_rows_in_gaps),
		cmocka_unit_test(test_restorer_without_cfi),
		cmocka_unit_test(test_glibc_describes_its_restorer),
		cmocka_unit_test(test_without_section_headers),
		cmocka_unit_test(test_nothing_said),
	};

#ifndef __x86_64__
	puts("tables are only for x86-64");
	return 77;
#endif
	return cmocka_run_group_tests(tests, setup, teardown);
}
