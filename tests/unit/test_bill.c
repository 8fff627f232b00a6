// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* session/bill.h on memory of this process, and what session/bills.h spends on bills. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "session/bill.h"
#include "session/bills.h"
#include "session/ledger.h"
#include "session/pagemap.h"
#include "target/smaps.h"
#include "util/cleanup.h"
#include "wire.h"

#define PAGES 64

static uint64_t page;

/* One mapping, between two that cannot be accessed, and what is known of it. */
struct place {
	char *base;
	size_t len;
	struct mt_ledger *ledger;
	struct mt_bill_block blocks[8];
	size_t nr_blocks;
	struct mt_bill_range stacks[2];
	size_t nr_stacks;
	bool all_blocks;
	bool may_scan;
	struct mt_bill bill;
};

static int setup_of(void **state, size_t len)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->len = len;
	p->base = mmap(NULL, len + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);
	assert_true(p->base != MAP_FAILED);
	p->base += page;
	assert_int_equal(mprotect(p->base, len, PROT_READ | PROT_WRITE), 0);
	madvise(p->base, len, MADV_NOHUGEPAGE);
	assert_int_equal(mt_ledger_new(&p->ledger), 0);
	p->may_scan = true;
	*state = p;
	return 0;
}

static int setup(void **state)
{
	return setup_of(state, PAGES * page);
}

/* More than is read without scanning. */
static int setup_huge(void **state)
{
	return setup_of(state, 32ULL << 30);
}

static int teardown(void **state)
{
	struct place *p = *state;

	munmap(p->base - page, p->len + 2 * page);
	mt_ledger_free(&p->ledger);
	mt_bill_fini(&p->bill);
	free(p);
	return 0;
}

static void touch(const struct place *p, size_t from, size_t nr)
{
	memset(p->base + from * page, 1, nr * page);
}

static void note(struct place *p, size_t from, size_t nr, uint32_t maker)
{
	struct mt_ledger_mmap call = {
		.start = (uintptr_t)p->base + from * page,
		.len = nr * page,
		.maker = maker,
	};

	assert_int_equal(mt_ledger_mmap(p->ledger, 1, &call, 0), 0);
}

/* At byte `at` of the place. */
static void add_block(struct place *p, uint64_t at, uint64_t size, uint32_t weight)
{
	uint64_t start = (uintptr_t)p->base + at;

	p->blocks[p->nr_blocks++] =
		(struct mt_bill_block){ .start = start, .end = start + size, .weight = weight };
}

/* Of the mappings of this process only the place. */
static void keep_place(struct mt_smaps *s, const struct place *p)
{
	size_t nr = 0;

	for (size_t i = 0; i < s->nr; i++) {
		if (s->v[i].m.start >= (uintptr_t)p->base - page &&
		    s->v[i].m.end <= (uintptr_t)p->base + p->len + page)
			s->v[nr++] = s->v[i];
		else
			free(s->v[i].m.path);
	}
	s->nr = nr;
}

static void make(struct place *p)
{
	__cleanup(mt_pagemap_close) struct mt_pagemap pagemap = { .fd = -1 };
	__cleanup(mt_smaps_free) struct mt_smaps *smaps = NULL;
	struct mt_bill_input in = {
		.pagemap = &pagemap,
		.ledger = p->ledger,
		.stacks = p->stacks,
		.nr_stacks = p->nr_stacks,
		.blocks = p->blocks,
		.nr_blocks = p->nr_blocks,
		.all_blocks = p->all_blocks,
	};
	int64_t sum = 0;

	assert_int_equal(mt_pagemap_open(&pagemap, getpid()), 0);
	pagemap.scan = p->may_scan;
	assert_int_equal(mt_smaps_load(&smaps, getpid()), 0);
	keep_place(smaps, p);
	in.smaps = smaps;
	mt_bill_fini(&p->bill);
	assert_int_equal(mt_bill_make(&p->bill, &in), 0);
	for (size_t i = 0; i < MT_BILL_PARTS; i++)
		sum += p->bill.bytes[i];
	assert_int_equal(sum, p->bill.rss_bytes);
}

static void assert_pages(const struct place *p, enum mt_bill_part part, size_t nr)
{
	assert_int_equal(p->bill.bytes[part], nr * page);
}

/* One mapping to the kernel, which several made. */
static void check_makers(struct place *p)
{
	note(p, 0, 10, MT_MAKER_HEAP);
	note(p, 10, 10, MT_MAKER_PROGRAM);
	note(p, 20, 10, MT_MAKER_THREAD);
	touch(p, 0, 3);
	touch(p, 15, 4);
	touch(p, 29, 3); /* one page of the thread's, two that nobody is known to have made */
	p->stacks[0] = (struct mt_bill_range){ (uintptr_t)p->base + 34 * page,
					       (uintptr_t)p->base + 40 * page };
	p->nr_stacks = 1;
	touch(p, 36, 7); /* four of the stack */
	make(p);
	assert_pages(p, MT_BILL_ALLOCATOR, 3);
	assert_pages(p, MT_BILL_OTHER_ANON, 4);
	assert_pages(p, MT_BILL_STACKS, 1 + 4);
	assert_pages(p, MT_BILL_UNEXPLAINED, 2 + 3);
	assert_int_equal(p->bill.heap_live_bytes, -1);
	assert_int_equal(p->bill.nr_mappings, 4);
	assert_string_equal(p->bill.mappings[0].name, "[thread stacks]");
	assert_int_equal(p->bill.mappings[0].rss_bytes, 5 * page);
}

static void test_makers(void **state)
{
	check_makers(*state);
}

static void test_makers_without_scan(void **state)
{
	struct place *p = *state;

	p->may_scan = false;
	check_makers(p);
}

/* Of blocks what is on resident pages; what they lie in is the allocator's. */
static void check_blocks(struct place *p)
{
	const uint64_t resident_bytes[] = { 100, 50, page, 0, 2 * page };

	note(p, 0, 10, MT_MAKER_PROGRAM);
	note(p, 10, 10, MT_MAKER_PROGRAM);
	note(p, 20, 10, MT_MAKER_UNKNOWN);
	touch(p, 0, 1);
	touch(p, 12, 2);
	touch(p, 25, 5);
	add_block(p, 12 * page - 100, 200, 1); /* half of it is there */
	add_block(p, 12 * page + 100, 50, 3);  /* of three */
	add_block(p, 13 * page, 3 * page, 1);  /* one page of three */
	add_block(p, 18 * page, 100, 1);       /* not touched */
	add_block(p, 28 * page, 4 * page, 1);  /* reaches into what nobody made, untouched */
	p->all_blocks = true;
	make(p);
	assert_pages(p, MT_BILL_ALLOCATOR, 2 + 5);
	assert_pages(p, MT_BILL_OTHER_ANON, 1);
	assert_pages(p, MT_BILL_UNEXPLAINED, 0);
	assert_int_equal(p->bill.heap_live_bytes, 100 + 3 * 50 + page + 2 * page);
	p->all_blocks = false;
	make(p);
	assert_int_equal(p->bill.heap_live_bytes, -1);
	for (size_t i = 0; i < ARRAY_SIZE(resident_bytes); i++)
		assert_int_equal(p->blocks[i].rss_bytes, resident_bytes[i]);
}

/* Where a block once was nothing is claimed that somebody else made, and nothing lives. */
static void test_seen(void **state)
{
	struct place *p = *state;

	note(p, 0, 10, MT_MAKER_PROGRAM);
	touch(p, 2, 3);
	touch(p, 20, 4);
	add_block(p, 2 * page, 1, 0);
	add_block(p, 21 * page, 1, 0);
	p->all_blocks = true;
	make(p);
	assert_pages(p, MT_BILL_OTHER_ANON, 3);
	assert_pages(p, MT_BILL_ALLOCATOR, 4);
	assert_int_equal(p->bill.heap_live_bytes, 0);
	add_block(p, 22 * page, 10, 1);
	p->blocks[0].weight = 1;
	make(p);
	assert_pages(p, MT_BILL_ALLOCATOR, 7);
	assert_int_equal(p->bill.heap_live_bytes, 11);
}

static void test_blocks(void **state)
{
	check_blocks(*state);
}

static void test_blocks_without_scan(void **state)
{
	struct place *p = *state;

	p->may_scan = false;
	check_blocks(p);
}

/* What was only read shows the page of zeroes, which is nobody's memory. */
static void test_zero_page(void **state)
{
	struct place *p = *state;
	volatile char sum = 0;

	note(p, 0, 10, MT_MAKER_HEAP);
	for (size_t i = 0; i < 10; i++)
		sum += p->base[i * page];
	touch(p, 20, 1);
	add_block(p, 0, 10 * page, 1);
	p->all_blocks = true;
	make(p);
	assert_pages(p, MT_BILL_ALLOCATOR, 0);
	assert_pages(p, MT_BILL_UNEXPLAINED, 1);
	assert_int_equal(p->bill.heap_live_bytes, 0);
}

/* Where pages cannot be scanned nobody reads entries for terabytes. */
static void test_too_large_to_read(void **state)
{
	struct place *p = *state;

	p->may_scan = false;
	p->all_blocks = true;
	touch(p, 3, 2);
	add_block(p, 0, 10 * page, 1);
	make(p);
	assert_pages(p, MT_BILL_ALLOCATOR, 2); /* it is one piece */
	assert_int_equal(p->bill.heap_live_bytes, -1);
	note(p, 0, 4, MT_MAKER_HEAP);
	make(p);
	assert_pages(p, MT_BILL_UNEXPLAINED, 2);
	p->may_scan = true;
	make(p);
	if (p->bill.heap_live_bytes < 0)
		skip();			       /* this kernel cannot */
	assert_pages(p, MT_BILL_ALLOCATOR, 2); /* the block reaches beyond what was noted */
	assert_int_equal(p->bill.heap_live_bytes, 2 * page);
}

/* A heap of a glibc arena is told by where it begins and ends. */
static void test_arena(void **state)
{
	const uint64_t size = 64ULL << 20;
	struct place *p = *state;
	uint64_t at = ((uintptr_t)p->base + size - 1) & -size;
	size_t skipped = (at - (uintptr_t)p->base) / page;

	assert_int_equal(mprotect((void *)(at + 16 * page), size - 16 * page, PROT_NONE), 0);
	assert_int_equal(mprotect(p->base, at - (uintptr_t)p->base, PROT_NONE), 0);
	touch(p, skipped, 5);
	make(p);
	assert_pages(p, MT_BILL_ALLOCATOR, 5);
	assert_int_equal(mprotect((void *)(at + size - page), page, PROT_READ), 0);
	make(p);
	assert_pages(p, MT_BILL_UNEXPLAINED, 5);
	/* Nor is one that begins elsewhere. */
	assert_int_equal(mprotect((void *)(at + size - page), page, PROT_NONE), 0);
	assert_int_equal(mprotect((void *)(at + 15 * page), page, PROT_NONE), 0);
	assert_int_equal(mprotect((void *)at, page, PROT_NONE), 0);
	make(p);
	assert_pages(p, MT_BILL_UNEXPLAINED, 5);
}

static void test_growth(void **state)
{
	struct mt_bills bills = { 0 };

	assert_true(mt_bills_due(&bills, 1));
	bills.reached_bytes = 1000;
	assert_false(mt_bills_due(&bills, 1050));
	assert_true(mt_bills_due(&bills, 1051));
	assert_false(mt_bills_due(&bills, 10));
}

/* In the long run no more than the share, whatever one costs, and a burst of the credit. */
static void check_spent(double budget_pct, double share, int64_t each_ns)
{
	const int64_t tick_ns = 100000000, ticks = 36000;
	struct mt_bills_budget b;
	int64_t spent_ns = 0, longest = 0, since = 0;

	mt_bills_budget_init(&b, budget_pct, 0);
	for (int64_t i = 0; i < ticks; i++) {
		since++;
		if (!mt_bills_budget_allows(&b, i * tick_ns))
			continue;
		mt_bills_budget_spend(&b, each_ns);
		spent_ns += each_ns;
		longest = since > longest ? since : longest;
		since = 0;
	}
	assert_true(spent_ns <= share * ticks * tick_ns + MT_BILLS_CREDIT_NS + each_ns);
	/* Nor do they stay away longer than what one cost is worth. */
	assert_true(longest * tick_ns <= each_ns / share + 2 * tick_ns);
}

/* A program pays for its last one itself: a compiler can, a shell's short helper cannot. */
static void test_last(void **state)
{
	struct mt_bills_budget b;

	mt_bills_budget_init(&b, 1, 0);
	mt_bills_budget_spend(&b, 1000000000);
	assert_false(mt_bills_budget_allows(&b, 0));
	assert_true(mt_bills_budget_allows_last(&b, 1500000000, 100 << 20));
	assert_false(mt_bills_budget_allows_last(&b, 50000000, 1 << 20));
	assert_false(mt_bills_budget_allows_last(&b, 1500000000, 8LL << 30));
	assert_true(mt_bills_budget_allows_last(&b, 60000000000, 8LL << 30));
}

static void test_budget(void **state)
{
	struct mt_bills_budget b;
	int nr = 0;

	/* An idle hour is no reason to do more at once. */
	mt_bills_budget_init(&b, 1, 0);
	for (; mt_bills_budget_allows(&b, 3600000000000); nr++)
		mt_bills_budget_spend(&b, 1000000);
	assert_int_equal(nr, MT_BILLS_CREDIT_NS / 1000000);
	check_spent(1, 0.002, 300000);
	check_spent(1, 0.002, 2000000000);
	check_spent(0, 0.01, 500000000);
	check_spent(10, 0.02, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_makers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_makers_without_scan, setup, teardown),
		cmocka_unit_test_setup_teardown(test_blocks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_blocks_without_scan, setup, teardown),
		cmocka_unit_test_setup_teardown(test_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_zero_page, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_large_to_read, setup_huge, teardown),
		cmocka_unit_test_setup_teardown(test_arena, setup_huge, teardown),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_last),
		cmocka_unit_test(test_budget),
	};

	page = (uint64_t)sysconf(_SC_PAGESIZE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
