// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* The mapping ledger, case by case; test_ledger has the random sequences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "session/ledger.h"
#include "util/cleanup.h"
#include "wire.h"

#define BASE 0x7f0000000000ULL
#define MIB  (1ULL << 20)

static uint64_t page;

static void do_mmap(struct mt_ledger *l, uint64_t start, uint64_t len, uint64_t stack,
		    uint32_t prot, uint32_t flags)
{
	struct mt_ledger_mmap call = {
		.start = start,
		.len = len,
		.stack = stack,
		.prot = prot,
		.flags = flags,
	};

	assert_int_equal(mt_ledger_mmap(l, 1, &call, 0), 0);
}

static void do_munmap(struct mt_ledger *l, uint64_t start, uint64_t len)
{
	assert_int_equal(mt_ledger_begin(l, 1, start, len), 0);
	assert_int_equal(mt_ledger_munmap(l, 1, start, len), 0);
}

#define RESERVE (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

static void test_arena(void **state)
{
	const uint64_t heap = 64 * MIB, at = 0x7f1008000000ULL;
	__cleanup(mt_ledger_free) struct mt_ledger *l = NULL;
	struct mt_ledger_range r;

	assert_int_equal(mt_ledger_new(&l), 0);
	/* 128 MiB, the aligned half of which survives. */
	do_mmap(l, at - 5 * MIB, 2 * heap, 1, PROT_NONE, RESERVE);
	assert_int_equal(mt_ledger_arena_bytes(l), 0);
	do_munmap(l, at - 5 * MIB, 5 * MIB);
	do_munmap(l, at + heap, heap - 5 * MIB);
	assert_int_equal(mt_ledger_arena_bytes(l), heap);
	assert_true(mt_ledger_find(l, at + heap - 1, &r));
	assert_true(r.arena && r.start == at && r.end == at + heap);
	/* The next goes into an aligned hole. */
	do_mmap(l, at + heap, heap, 2, PROT_NONE, RESERVE);
	assert_int_equal(mt_ledger_arena_bytes(l), 2 * heap);
	/* What is not one: a stack, a writable map, an unaligned one, a part of one. */
	do_mmap(l, at + 2 * heap, heap, 3, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK);
	do_mmap(l, at + 4 * heap, heap, 3, PROT_READ | PROT_WRITE, RESERVE);
	do_mmap(l, at + 6 * heap + page, heap, 3, PROT_NONE, RESERVE);
	assert_int_equal(mt_ledger_arena_bytes(l), 2 * heap);
	do_munmap(l, at + 2 * heap - page, page);
	assert_int_equal(mt_ledger_arena_bytes(l), heap);
	assert_true(mt_ledger_find(l, at + 2 * heap, &r));
	assert_false(r.arena);
	assert_int_equal(r.stack, 3);
	/* A copy that is taken of its middle does not cut it. */
	assert_int_equal(mt_ledger_begin_mremap(l, 1,
						&(struct mt_ledger_mremap){
							.old_start = at + heap / 2,
							.new_len = page,
							.flags = MREMAP_MAYMOVE,
						}),
			 0);
	assert_int_equal(mt_ledger_arena_bytes(l), heap);
}

/* While one thread unmaps, another is handed the same addresses, and gives them back. */
static void test_address_reuse(void **state)
{
	__cleanup(mt_ledger_free) struct mt_ledger *l = NULL;
	const struct mt_ledger_totals *t;
	struct mt_ledger_range r;

	assert_int_equal(mt_ledger_new(&l), 0);
	t = mt_ledger_totals(l);
	do_mmap(l, BASE, 4 * page, 1, PROT_READ, MAP_PRIVATE);
	assert_int_equal(mt_ledger_begin(l, 7, BASE, 4 * page), 0);
	assert_false(mt_ledger_find(l, BASE, &r));
	assert_int_equal(t->live_bytes, 4 * page);
	do_mmap(l, BASE, 4 * page, 2, PROT_READ, MAP_PRIVATE);
	assert_int_equal(t->live_bytes, 8 * page);
	do_munmap(l, BASE, page);
	assert_int_equal(mt_ledger_munmap(l, 7, BASE, 4 * page), 0);
	assert_int_equal(t->live_bytes, 3 * page);
	assert_int_equal(t->overlaps + t->unpaired + t->unknown_bytes, 0);
	assert_true(mt_ledger_find(l, BASE + page, &r));
	assert_int_equal(r.stack, 2);
}

static void test_bad_arguments(void **state)
{
	__cleanup(mt_ledger_free) struct mt_ledger *l = NULL;
	struct mt_ledger_mremap call = { .old_start = UINT64_MAX, .new_len = UINT64_MAX };

	assert_int_equal(mt_ledger_new(&l), 0);
	do_mmap(l, BASE, page, 1, PROT_READ, MAP_PRIVATE);
	assert_int_equal(mt_ledger_begin(l, 1, UINT64_MAX - 3, UINT64_MAX), 0);
	assert_int_equal(mt_ledger_fail(l, 1), 0);
	assert_int_equal(mt_ledger_begin(l, 1, 0, UINT64_MAX), 0);
	assert_int_equal(mt_ledger_fail(l, 1), 0);
	assert_int_equal(mt_ledger_begin_mremap(l, 1, &call), 0);
	assert_int_equal(mt_ledger_fail(l, 1), 0);
	assert_int_equal(mt_ledger_fail(l, 1), 0);
	assert_int_equal(mt_ledger_totals(l)->live_bytes, page);
	assert_int_equal(mt_ledger_brk(l, BASE, BASE, 1, 0), 0);
	assert_int_equal(mt_ledger_totals(l)->live_bytes, page);
}

/* Two calls on one range, of which the first one's end and the second's begin are lost. */
static void test_stale_begin(void **state)
{
	__cleanup(mt_ledger_free) struct mt_ledger *l = NULL;
	struct mt_ledger_mremap call = { .old_start = BASE, .old_len = 4 * page };
	const struct mt_ledger_totals *t;

	assert_int_equal(mt_ledger_new(&l), 0);
	t = mt_ledger_totals(l);
	do_mmap(l, BASE, 8 * page, 1, PROT_READ, MAP_PRIVATE);
	call.new_len = 4 * page;
	assert_int_equal(mt_ledger_begin_mremap(l, 1, &call), 0);
	call.new_len = 2 * page;
	assert_int_equal(mt_ledger_mremap(l, 1, &call, BASE + 4 * page, 2, 0), 0);
	/* The first is believed to have moved its range away; so the second moved unknown pages. */
	assert_int_equal(t->live_bytes, 2 * page);
	assert_int_equal(t->unknown_bytes, 4 * page);
	assert_int_equal(t->unpaired, 2);
	assert_int_equal(t->overlaps, 1);
}

static void test_noreplace(void **state)
{
	__cleanup(mt_ledger_free) struct mt_ledger *l = NULL;
	const struct mt_ledger_totals *t;

	assert_int_equal(mt_ledger_new(&l), 0);
	t = mt_ledger_totals(l);
	do_mmap(l, BASE, page, 1, PROT_READ, MAP_PRIVATE | MAP_FIXED | MAP_FIXED_NOREPLACE);
	assert_int_equal(t->unpaired, 0);
	do_mmap(l, BASE, page, 1, PROT_READ, MAP_PRIVATE | MAP_FIXED | MAP_FIXED_NOREPLACE);
	assert_int_equal(t->overlaps, 1);
	assert_int_equal(t->live_bytes, page);
}

static int stop_at_first(const struct mt_ledger_site *site, void *arg)
{
	++*(int *)arg;
	return -42;
}

static void test_iteration_stops(void **state)
{
	__cleanup(mt_ledger_free) struct mt_ledger *l = NULL;
	int calls = 0;

	assert_int_equal(mt_ledger_new(&l), 0);
	do_mmap(l, BASE, page, 1, PROT_READ, MAP_PRIVATE);
	do_mmap(l, BASE + page, page, 2, PROT_READ, MAP_PRIVATE);
	assert_int_equal(mt_ledger_each_site(l, stop_at_first, &calls), -42);
	assert_int_equal(calls, 1);
}

struct seen {
	struct mt_ledger_range v[8];
	size_t nr;
};

static int note_range(const struct mt_ledger_range *r, void *arg)
{
	struct seen *seen = arg;

	seen->v[seen->nr++] = *r;
	return seen->nr == 8 ? -42 : 0;
}

/* In order, those that reach into the bounds only, each with who made it, moved and cut too. */
static void test_ranges(void **state)
{
	__cleanup(mt_ledger_free) struct mt_ledger *l = NULL;
	struct mt_ledger_mmap call = { .start = BASE, .len = 8 * page, .maker = MT_MAKER_HEAP };
	struct mt_ledger_mremap grow = {
		.old_start = BASE,
		.old_len = 2 * page,
		.new_len = 3 * page,
		.maker = MT_MAKER_PROGRAM,
	};
	struct seen seen = { .nr = 0 };

	assert_int_equal(mt_ledger_new(&l), 0);
	assert_int_equal(mt_ledger_mmap(l, 1, &call, 0), 0);
	do_munmap(l, BASE + 4 * page, page);
	assert_int_equal(mt_ledger_begin_mremap(l, 1, &grow), 0);
	assert_int_equal(mt_ledger_mremap(l, 1, &grow, BASE + 16 * page, 1, 0), 0);

	assert_int_equal(
		mt_ledger_each_range(l, BASE + 3 * page, BASE + 19 * page, note_range, &seen), 0);
	assert_int_equal(seen.nr, 4);
	assert_int_equal(seen.v[0].start, BASE + 2 * page);
	assert_int_equal(seen.v[0].end, BASE + 4 * page);
	assert_int_equal(seen.v[1].start, BASE + 5 * page);
	assert_int_equal(seen.v[2].start, BASE + 16 * page);
	assert_int_equal(seen.v[3].start, BASE + 18 * page);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(seen.v[i].maker, MT_MAKER_HEAP);
	assert_int_equal(seen.v[3].maker, MT_MAKER_PROGRAM);

	seen.nr = 0;
	assert_int_equal(
		mt_ledger_each_range(l, BASE + 4 * page, BASE + 5 * page, note_range, &seen), 0);
	assert_int_equal(mt_ledger_each_range(l, BASE + 19 * page, UINT64_MAX, note_range, &seen),
			 0);
	assert_int_equal(seen.nr, 0);
	seen.nr = 7;
	assert_int_equal(mt_ledger_each_range(l, 0, UINT64_MAX, note_range, &seen), -42);
}

/* As many mappings as a process may have by default: the cost of one more and one less. */
static void test_cost(void **state)
{
	const unsigned int nr = 65530, rounds = 200000;
	__cleanup(mt_ledger_free) struct mt_ledger *l = NULL;
	struct timespec a, b;
	double ns;

	assert_int_equal(mt_ledger_new(&l), 0);
	for (unsigned int i = 0; i < nr; i++)
		do_mmap(l, BASE + 2 * i * page, page, 1 + i % 100, PROT_READ, MAP_PRIVATE);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (unsigned int i = 0; i < rounds; i++) {
		uint64_t at = BASE + 2 * (i * 7919ULL % nr) * page;

		do_munmap(l, at, page);
		do_mmap(l, at, page, 1 + i % 100, PROT_READ, MAP_PRIVATE);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	ns = (b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec);
	print_message("%u mappings: %.0f ns for a munmap and an mmap\n", nr, ns / rounds);
	assert_int_equal(mt_ledger_totals(l)->live_bytes, nr * page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arena),	      cmocka_unit_test(test_address_reuse),
		cmocka_unit_test(test_stale_begin),   cmocka_unit_test(test_noreplace),
		cmocka_unit_test(test_bad_arguments), cmocka_unit_test(test_iteration_stops),
		cmocka_unit_test(test_ranges),	      cmocka_unit_test(test_cost),
	};

	page = sysconf(_SC_PAGESIZE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
