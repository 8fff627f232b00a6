// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * logic/peak.h against an oracle that replays every operation: its steps one by one, random
 * sequences, and operations whose second half comes late. Threads are test_peak_threads.c's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "peak_model.h"

#define OPS_MAX	   4000
#define BLOCKS_MAX 64
#define FLIGHTS	   8

static unsigned int seed;

static unsigned int roll(unsigned int n)
{
	return rand_r(&seed) % n;
}

/* ---- random operations ------------------------------------------------------------------- */

struct block {
	int site;
	__u64 bytes;
};

struct history {
	struct op ops[OPS_MAX];
	size_t n;
	struct block blocks[BLOCKS_MAX];
	unsigned int blocks_n;
	unsigned int growth; /* of 16 operations, so many allocate */
};

/* Mostly tiny, so that heights are often equal; sometimes huge, so that no bit is idle. */
static __u64 random_size(void)
{
	switch (roll(8)) {
	case 0:
		return 0;
	case 1:
		return (1ULL << roll(32)) + roll(3);
	default:
		return roll(4);
	}
}

static struct block block_take(struct history *h)
{
	unsigned int i = roll(h->blocks_n);
	struct block b = h->blocks[i];

	h->blocks[i] = h->blocks[--h->blocks_n];
	return b;
}

/* The next operation of a program, also appended to the history. */
static const struct op *next_op(struct history *h)
{
	struct op *op = &h->ops[h->n++];
	bool grows;

	if (roll(12) == 0)
		h->growth = roll(17);
	grows = !h->blocks_n || (h->blocks_n < BLOCKS_MAX && roll(16) < h->growth);
	*op = (struct op){ .from = NONE, .to = NONE };
	if (!grows || (h->blocks_n && roll(4) == 0)) {
		struct block b = block_take(h);

		op->from = b.site;
		op->from_bytes = b.bytes;
		grows = roll(3) == 0; /* then it is a realloc */
	}
	if (grows || op->from == NONE) {
		struct block b = { roll(SITES), random_size() };

		h->blocks[h->blocks_n++] = b;
		op->to = b.site;
		op->to_bytes = b.bytes;
	}
	return op;
}

static __u32 random_epoch(void)
{
	const __u32 edges[] = { 0, EPOCHS, HALF_RANGE };

	return (edges[roll(3)] - roll(12)) & MT_EPOCH_MASK;
}

static int swap(struct process *p, const struct op *op, __u32 *epoch)
{
	return mt_peak_move(&p->word, &p->peak, op_delta(op), epoch);
}

static bool history_agrees(const struct process *p, const struct history *h)
{
	struct oracle o;

	oracle_replay(&o, h->ops, h->n);
	return process_agrees(p, &o);
}

static void run_sequence(size_t n, size_t check_every, bool sweeps)
{
	static struct history h;
	struct process p;
	__u32 epoch;

	h.n = h.blocks_n = h.growth = 0;
	process_init(&p, random_epoch());
	while (h.n < n) {
		const struct op *op = next_op(&h);

		assert_true(swap(&p, op, &epoch) >= 0);
		process_account(&p, op, epoch);
		if (sweeps && roll(8) == 0)
			process_refresh(&p);
		if (h.n % check_every == 0)
			assert_true(history_agrees(&p, &h));
	}
}

static void test_random_short(void **state)
{
	for (int i = 0; i < 10000; i++)
		run_sequence(1 + roll(40), 1, i & 1);
}

static void test_random_long(void **state)
{
	for (int i = 0; i < 60; i++)
		run_sequence(OPS_MAX, 500, i & 1);
}

/* ---- second halves that come late -------------------------------------------------------- */

/* An operation, or the sweep at one site, that has begun. Each step is one atomic access. */
struct flight {
	struct op op;
	__u32 epoch;
	unsigned int step; /* 0: idle */
};

struct race {
	struct process process;
	struct history history;
	struct flight flights[FLIGHTS];
	struct flight sweep; /* op.from is its site */
};

/* Returns whether the site's side is complete. */
static bool site_step(struct site *s, __u32 epoch, __s64 bytes, __s64 cnt, unsigned int step)
{
	switch (step) {
	case 0:
		s->live_cnt += cnt;
		return false;
	case 1:
		s->live_bytes += bytes;
		return false;
	case 2:
		assert_int_equal(mt_since_add(&s->since_bytes, epoch, bytes), 0);
		return false;
	default:
		assert_int_equal(mt_since_add(&s->since_cnt, epoch, cnt), 0);
		return true;
	}
}

static void flight_go_on(struct process *p, struct flight *f)
{
	unsigned int step = f->step - 1;

	if (f->op.from != NONE && step < 4) {
		bool done = site_step(&p->sites[f->op.from], f->epoch, -f->op.from_bytes, -1, step);

		f->step = done && f->op.to == NONE ? 0 : f->step + 1;
		return;
	}
	step %= 4;
	if (site_step(&p->sites[f->op.to], f->epoch, f->op.to_bytes, 1, step))
		f->step = 0;
	else
		f->step++;
}

static void sweep_go_on(struct process *p, struct flight *f)
{
	struct site *s = &p->sites[f->op.from];

	switch (f->step++) {
	case 0:
		f->epoch = mt_peak_epoch(p->word);
		break;
	case 1:
		mt_since_refresh(&s->since_bytes, f->epoch);
		break;
	default:
		mt_since_refresh(&s->since_cnt, f->epoch);
		f->op.from = (f->op.from + 1) % SITES;
		f->step = 0;
	}
}

static void race_begin(struct race *r, struct flight *f)
{
	f->op = *next_op(&r->history);
	assert_true(swap(&r->process, &f->op, &f->epoch) >= 0);
	f->step = 1;
}

static void race_quiet(struct race *r)
{
	for (unsigned int i = 0; i < FLIGHTS; i++)
		while (r->flights[i].step)
			flight_go_on(&r->process, &r->flights[i]);
	while (r->sweep.step)
		sweep_go_on(&r->process, &r->sweep);
}

/* Lazy flights leave their second half pending for long, over many epochs. */
static void run_race(struct race *r, size_t n)
{
	unsigned int lazy = roll(2) ? 40 : 1;

	memset(r, 0, sizeof(*r));
	process_init(&r->process, random_epoch());
	while (r->history.n < n) {
		struct flight *f = &r->flights[roll(FLIGHTS)];

		if (roll(6) == 0)
			sweep_go_on(&r->process, &r->sweep);
		if (!f->step)
			race_begin(r, f);
		else if (f != r->flights || roll(lazy) == 0)
			flight_go_on(&r->process, f);
		if (roll(200) == 0) {
			race_quiet(r);
			assert_true(history_agrees(&r->process, &r->history));
		}
	}
	race_quiet(r);
	assert_true(history_agrees(&r->process, &r->history));
}

static void test_late_halves(void **state)
{
	static struct race r;

	for (int i = 0; i < 3000; i++)
		run_race(&r, 1 + roll(200));
}

/* A thread that sleeps between its halves for as long as the sweep keeps the tags near. */
static void test_late_by_many_epochs(void **state)
{
	const struct op add = { NONE, 0, 0, 2 }, drop = { 0, NONE, 1, 0 };
	const struct op late = { NONE, 1, 0, 7 };
	struct process p;
	__u32 epoch, late_epoch;

	process_init(&p, EPOCHS - 100);
	assert_true(swap(&p, &late, &late_epoch) >= 0);
	for (unsigned int i = 0; i < 1000; i++) {
		assert_true(swap(&p, &add, &epoch) >= 0);
		process_account(&p, &add, epoch);
		assert_true(swap(&p, &drop, &epoch) >= 0);
		process_account(&p, &drop, epoch);
	}
	process_refresh(&p);
	process_account(&p, &late, late_epoch);
	assert_int_equal(p.peak, 7 + 1000 + 1);
	assert_int_equal(peak_bytes_of(&p, 0), 1000 + 1);
	assert_int_equal(peak_bytes_of(&p, 1), 7);
	assert_int_equal(peak_cnt_of(&p, 1), 1);
}

/* ---- one step at a time ------------------------------------------------------------------ */

#define WORD(epoch, rising, headroom) \
	((__u64)(epoch) << 40 | ((rising) ? MT_RISING : 0) | (__u64)(headroom))

static void check_grow(__u64 old, __u64 bytes, __u64 word, __u64 raise)
{
	struct mt_peak_step s = mt_peak_grow(old, bytes);

	assert_int_equal(s.word, word);
	assert_int_equal(s.raise, raise);
	assert_int_equal(s.epoch, old >> 40);
	assert_int_equal(s.overflow, 0);
}

static void test_grow(void **state)
{
	check_grow(WORD(5, 0, 0), 0, WORD(5, 0, 0), 0);
	check_grow(WORD(5, 1, 0), 0, WORD(5, 1, 0), 0);
	check_grow(WORD(5, 0, 10), 9, WORD(5, 0, 1), 0);
	check_grow(WORD(5, 0, 10), 10, WORD(5, 0, 0), 0); /* as high, not higher */
	check_grow(WORD(5, 0, 10), 11, WORD(5, 1, 0), 1);
	check_grow(WORD(5, 1, 0), 3, WORD(5, 1, 0), 3);
	check_grow(WORD(0xffffff, 0, MT_HEADROOM_MASK), MT_HEADROOM_MASK, WORD(0xffffff, 0, 0), 0);
	check_grow(WORD(0xffffff, 0, 1), 1ULL << 60, WORD(0xffffff, 1, 0), (1ULL << 60) - 1);
}

static void check_shrink(__u64 old, __u64 bytes, __u64 word, bool overflow)
{
	struct mt_peak_step s = mt_peak_shrink(old, bytes);

	assert_int_equal(s.word, word);
	assert_int_equal(s.raise, 0);
	assert_int_equal(s.epoch, word >> 40);
	assert_int_equal(s.overflow, overflow);
}

static void test_shrink(void **state)
{
	const __u64 most = MT_HEADROOM_MASK;

	check_shrink(WORD(5, 0, 3), 4, WORD(5, 0, 7), false);
	check_shrink(WORD(5, 1, 0), 4, WORD(6, 0, 4), false); /* the peak was just before it */
	check_shrink(WORD(0xffffff, 1, 0), 1, WORD(0, 0, 1), false);
	check_shrink(WORD(0xffffff, 0, 0), 1, WORD(0xffffff, 0, 1), false);
	check_shrink(WORD(5, 0, 0), most, WORD(5, 0, most), false);
	check_shrink(WORD(5, 0, most - 4), 4, WORD(5, 0, most), false);
	check_shrink(WORD(5, 0, most - 4), 5, WORD(5, 0, most - 4), true);
	check_shrink(WORD(5, 1, 0), most + 1, WORD(5, 1, 0), true);
	check_shrink(WORD(5, 0, most), ~0ULL, WORD(5, 0, most), true);
}

/* More than 512 GiB below the peak: refused, nothing has changed, and smaller ones still go. */
static void test_headroom_overflow(void **state)
{
	const __s64 half = 1LL << 38, most = (1LL << 39) - 1;
	__u64 word = 0, peak = 0, before;
	__u32 epoch;

	assert_int_equal(mt_peak_move(&word, &peak, 3 * half, &epoch), MT_PEAK_RAISED);
	before = word;
	assert_int_equal(mt_peak_move(&word, &peak, -2 * half, &epoch), MT_PEAK_OVERFLOW);
	assert_int_equal(mt_peak_move(&word, &peak, -3 * half, &epoch), MT_PEAK_OVERFLOW);
	assert_int_equal(word, before);
	assert_int_equal(peak, 3 * half);
	assert_int_equal(mt_peak_move(&word, &peak, -half, &epoch), MT_PEAK_MOVED);
	assert_int_equal(epoch, 1);
	assert_int_equal(mt_peak_move(&word, &peak, -half, &epoch), MT_PEAK_OVERFLOW);
	assert_int_equal(mt_peak_move(&word, &peak, -(most - half), &epoch), MT_PEAK_MOVED);
	assert_int_equal(mt_peak_headroom(word), most);
	assert_int_equal(mt_peak_move(&word, &peak, -1, &epoch), MT_PEAK_OVERFLOW);
	assert_int_equal(mt_peak_move(&word, &peak, most + 5, &epoch), MT_PEAK_RAISED);
	assert_int_equal(peak, 3 * half + 5);
	assert_int_equal(epoch, 1);
}

static void test_move_results(void **state)
{
	__u64 word = 0, peak = 0;
	__u32 epoch = 77;

	assert_int_equal(mt_peak_move(&word, &peak, 0, &epoch), MT_PEAK_MOVED);
	assert_int_equal(epoch, 0);
	assert_int_equal(mt_peak_move(&word, &peak, 5, &epoch), MT_PEAK_RAISED);
	assert_int_equal(mt_peak_move(&word, &peak, 0, &epoch), MT_PEAK_MOVED);
	assert_int_equal(epoch, 0); /* freeing an empty block ends no peak */
	assert_int_equal(mt_peak_move(&word, &peak, -5, &epoch), MT_PEAK_MOVED);
	assert_int_equal(epoch, 1);
	assert_int_equal(mt_peak_move(&word, &peak, 5, &epoch), MT_PEAK_MOVED);
	assert_int_equal(word, WORD(1, 0, 0));
	assert_int_equal(peak, 5);
}

static void test_epoch_ahead(void **state)
{
	assert_int_equal(mt_epoch_ahead(7, 7), 0);
	assert_int_equal(mt_epoch_ahead(8, 7), 1);
	assert_int_equal(mt_epoch_ahead(7, 8), -1);
	assert_int_equal(mt_epoch_ahead(0, MT_EPOCH_MASK), 1);
	assert_int_equal(mt_epoch_ahead(MT_EPOCH_MASK, 0), -1);
	assert_int_equal(mt_epoch_ahead(HALF_RANGE - 1, 0), HALF_RANGE - 1);
	assert_int_equal(mt_epoch_ahead(HALF_RANGE, 0), -(int)HALF_RANGE);
	for (int i = 0; i < 1000000; i++) {
		__u32 tag = roll(EPOCHS), by = roll(HALF_RANGE);

		assert_int_equal(mt_epoch_ahead((tag + by) & MT_EPOCH_MASK, tag), by);
		assert_int_equal(mt_epoch_ahead(tag, (tag + by) & MT_EPOCH_MASK), -(int)by);
	}
}

static __s64 since_of(__u64 since, __s64 live)
{
	return live - mt_since_at_peak(since, since & ~MT_SINCE_MASK, live);
}

/* 40 bits, signed, and a carry does not reach the tag. */
static void test_since_sign(void **state)
{
	const __s64 edge = 1LL << 39;
	const __s64 values[] = { 0, 1, -1, edge - 1, -edge, 4096, -4096 };
	const __u32 tags[] = { 0, 1, HALF_RANGE, MT_EPOCH_MASK };

	for (size_t t = 0; t < sizeof(tags) / sizeof(*tags); t++) {
		for (size_t v = 0; v < sizeof(values) / sizeof(*values); v++) {
			__u64 since = mt_since_next(mt_since_start(tags[t]), tags[t], values[v]);

			assert_int_equal(since >> 40, tags[t]);
			assert_int_equal(since_of(since, edge), values[v]);
			since = mt_since_next(since, tags[t], -values[v]);
			assert_int_equal(since, mt_since_start(tags[t]));
		}
	}
}

static void test_since_next(void **state)
{
	const __u64 old = mt_since_next(mt_since_start(9), 9, -100);

	assert_int_equal(since_of(mt_since_next(old, 9, 30), 0), -70);
	assert_int_equal(mt_since_next(old, 8, 30), old);
	assert_int_equal(mt_since_next(old, 10, 30), mt_since_start(10) + 30);
	assert_int_equal(mt_since_next(mt_since_start(MT_EPOCH_MASK) + 5, 0, 30), 30);
	assert_int_equal(mt_since_next(5, MT_EPOCH_MASK, 30), 5);
}

static void test_at_peak(void **state)
{
	const __u64 since = mt_since_next(mt_since_start(9), 9, -100);

	assert_int_equal(mt_since_at_peak(since, WORD(9, 0, 500), 1000), 1100);
	assert_int_equal(mt_since_at_peak(since, WORD(9, 1, 0), 1000), 1000);
	assert_int_equal(mt_since_at_peak(since, WORD(10, 0, 500), 1000), 1000);
	assert_int_equal(mt_since_at_peak(since, WORD(8, 0, 500), 1000), 1000);
}

static void test_refresh(void **state)
{
	const __u64 old = mt_since_next(mt_since_start(9), 9, -100);
	__u64 since = old;

	mt_since_refresh(&since, 9);
	assert_int_equal(since, old);
	mt_since_refresh(&since, 8); /* a sweep that was delayed */
	assert_int_equal(since, old);
	mt_since_refresh(&since, 10);
	assert_int_equal(since, mt_since_start(10));
	mt_since_refresh(&since, 10 + HALF_RANGE - 1);
	assert_int_equal(since, mt_since_start(10 + HALF_RANGE - 1));
}

/* ---- why there is a sweep ---------------------------------------------------------------- */

/*
 * Site 1 has a block; site 0 leaks, and starts more epochs than half the range; then site 1
 * frees its block. Returns the sum over the sites less the peak.
 */
static __s64 leak_over_half_the_range(__u32 sweep_every)
{
	const struct op first = { NONE, 1, 0, 100 }, last = { 1, NONE, 100, 0 };
	const struct op add = { NONE, 0, 0, 2 }, drop = { 0, NONE, 1, 0 };
	struct process p;
	__u32 epoch;

	process_init(&p, EPOCHS - 1000);
	swap(&p, &first, &epoch);
	process_account(&p, &first, epoch);
	for (__u32 i = 1; i <= HALF_RANGE + 10; i++) {
		swap(&p, &add, &epoch);
		process_account(&p, &add, epoch);
		swap(&p, &drop, &epoch);
		process_account(&p, &drop, epoch);
		if (i % sweep_every == 0)
			process_refresh(&p);
	}
	assert_int_equal(epoch, (EPOCHS - 1000 + HALF_RANGE + 10) & MT_EPOCH_MASK);
	swap(&p, &last, &epoch);
	process_account(&p, &last, epoch);
	return peak_bytes_of(&p, 0) + peak_bytes_of(&p, 1) - (__s64)p.peak;
}

static void test_sweep_is_needed(void **state)
{
	assert_int_equal(leak_over_half_the_range(EPOCHS), -100);
	assert_int_equal(leak_over_half_the_range(HALF_RANGE - 1), 0);
	assert_int_equal(leak_over_half_the_range(1000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grow),
		cmocka_unit_test(test_shrink),
		cmocka_unit_test(test_headroom_overflow),
		cmocka_unit_test(test_move_results),
		cmocka_unit_test(test_epoch_ahead),
		cmocka_unit_test(test_since_sign),
		cmocka_unit_test(test_since_next),
		cmocka_unit_test(test_at_peak),
		cmocka_unit_test(test_refresh),
		cmocka_unit_test(test_random_short),
		cmocka_unit_test(test_random_long),
		cmocka_unit_test(test_late_halves),
		cmocka_unit_test(test_late_by_many_epochs),
		cmocka_unit_test(test_sweep_is_needed),
	};
	const char *given = getenv("MT_SEED");

	seed = given ? strtoul(given, NULL, 0) : (unsigned int)time(NULL);
	print_message("MT_SEED=%u\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
