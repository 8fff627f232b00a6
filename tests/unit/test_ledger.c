// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The mapping ledger against a model that has one byte a page, and against a simulated
 * kernel: threads whose calls overlap, whose freed addresses are handed out again at once,
 * whose calls fail, and whose events get lost.
 */
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

#include "ledger_model.h"
#include "util/cleanup.h"

#define BRK_LO 160  /* the simulated break's area: [BRK_LO, PAGES) */
#define OLD    0xff /* mapped before the attach */
#define BASE   0x7f0000000000ULL

static unsigned int seed;

static unsigned int roll(unsigned int n)
{
	return rand_r(&seed) % n;
}

static uint64_t addr_of(unsigned int p)
{
	return BASE + p * page;
}

/* A length of n pages as a program may give it, not rounded. */
static uint64_t len_of(unsigned int n)
{
	return n * page - (n && roll(3) == 0 ? roll(page) : 0);
}

/* ---- one call of a simulated thread --------------------------------------------------- */

enum op { OP_MMAP, OP_FIXED, OP_MUNMAP, OP_MREMAP, OP_CNT };
enum state { IDLE, BEGUN, DONE };

struct call {
	enum state state;
	enum op op;
	unsigned int lo, n;	    /* what it names (mmap: the result) */
	uint64_t len, new_len;	    /* as the program gave them */
	unsigned int new_lo, new_n; /* mremap */
	uint32_t flags;
	uint64_t stack;
	bool ok;
};

struct sim {
	struct mt_ledger *ledger;
	struct model model;
	uint8_t real[PAGES];
	unsigned int brk;
	struct call call[THREADS];
	bool chaos;
	uint64_t now_ns;
};

static struct mt_ledger_mremap mremap_args(const struct call *c)
{
	return (struct mt_ledger_mremap){
		.old_start = addr_of(c->lo),
		.old_len = c->len,
		.new_len = c->new_len,
		.new_start = c->flags & MREMAP_FIXED ? addr_of(c->new_lo) : 0xdead000,
		.flags = c->flags,
	};
}

static void model_begin_mremap(struct model *m, int tid, const struct call *c, unsigned int new_lo)
{
	struct model_flight *f = model_begin(m, tid, c->lo, c->lo + c->n, c->new_len);
	unsigned int keep = c->new_n < c->n ? c->new_n : c->n;

	if (!(c->flags & MREMAP_DONTUNMAP)) {
		part_take(m, &f->kept, c->lo, c->lo + keep);
		part_take(m, &f->gone, c->lo + keep, c->lo + c->n);
	}
	if (c->flags & MREMAP_FIXED)
		part_take(m, &f->replaced, new_lo, new_lo + c->new_n);
}

static void send_begin(struct sim *s, int tid)
{
	struct call *c = &s->call[tid];

	if (s->chaos && roll(20) == 0)
		return;
	if (c->op == OP_FIXED || c->op == OP_MUNMAP) {
		struct model_flight *f = model_begin(&s->model, tid, c->lo, c->lo + c->n, 0);

		part_take(&s->model, &f->gone, c->lo, c->lo + c->n);
		assert_int_equal(mt_ledger_begin(s->ledger, tid, addr_of(c->lo), c->len), 0);
	} else if (c->op == OP_MREMAP) {
		struct mt_ledger_mremap args = mremap_args(c);

		model_begin_mremap(&s->model, tid, c, c->new_lo);
		assert_int_equal(mt_ledger_begin_mremap(s->ledger, tid, &args), 0);
	}
}

static void end_mmap(struct sim *s, int tid, const struct call *c)
{
	struct mt_ledger_mmap args = {
		.start = addr_of(c->lo),
		.len = c->len,
		.stack = c->stack,
		.prot = PROT_READ,
		.flags = c->flags,
	};
	struct model *m = &s->model;
	bool fixed = c->op == OP_FIXED;

	if (!model_land(m, tid, c->lo, c->lo + c->n, 0))
		m->t.unpaired += fixed;
	m->t.overlaps += model_clear(m, c->lo, c->lo + c->n) && !fixed;
	model_add(m, c->lo, c->lo + c->n, site_of(c->stack, MT_LEDGER_MMAP));
	m->t.mmap_cnt++;
	m->t.mmap_bytes += c->n * page;
	assert_int_equal(mt_ledger_mmap(s->ledger, tid, &args, s->now_ns), 0);
}

static void end_munmap(struct sim *s, int tid, const struct call *c)
{
	struct model *m = &s->model;
	struct model_flight *f = model_land(m, tid, c->lo, c->lo + c->n, 0);

	if (!f) {
		f = model_begin(m, tid, c->lo, c->lo + c->n, 0);
		part_take(m, &f->gone, c->lo, c->lo + c->n);
		f->used = false;
		m->t.unpaired++;
	}
	m->t.unknown_bytes += part_unknown(&f->gone);
	m->t.munmap_cnt++;
	m->t.munmap_bytes += c->n * page;
	assert_int_equal(mt_ledger_munmap(s->ledger, tid, addr_of(c->lo), c->len), 0);
}

static void end_mremap(struct sim *s, int tid, const struct call *c)
{
	struct mt_ledger_mremap args = mremap_args(c);
	struct model *m = &s->model;
	struct model_flight *f = model_land(m, tid, c->lo, c->lo + c->n, c->new_len);
	unsigned int moved;
	bool had;

	if (!f) {
		model_begin_mremap(m, tid, c, c->new_lo);
		f = &m->flight[tid];
		f->used = false;
		m->t.unpaired++;
	}
	m->t.unknown_bytes += part_unknown(&f->kept) + part_unknown(&f->gone);
	had = model_clear(m, c->new_lo, c->new_lo + c->new_n);
	m->t.overlaps += had && !(c->flags & MREMAP_FIXED);
	moved = f->kept.hi - f->kept.lo;
	memcpy(m->owner + c->new_lo, f->kept.owner + f->kept.lo, moved);
	model_add(m, c->new_lo + moved, c->new_lo + c->new_n, site_of(c->stack, MT_LEDGER_MMAP));
	m->t.mremap_cnt++;
	assert_int_equal(
		mt_ledger_mremap(s->ledger, tid, &args, addr_of(c->new_lo), c->stack, s->now_ns),
		0);
}

static void send_end(struct sim *s, int tid)
{
	const struct call *c = &s->call[tid];

	if (s->chaos && roll(20) == 0)
		return;
	if (!c->ok) {
		model_fail(&s->model, tid);
		assert_int_equal(mt_ledger_fail(s->ledger, tid), 0);
	} else if (c->op == OP_MUNMAP) {
		end_munmap(s, tid, c);
	} else if (c->op == OP_MREMAP) {
		end_mremap(s, tid, c);
	} else {
		end_mmap(s, tid, c);
	}
}

/* ---- the simulated kernel and program ------------------------------------------------- */

static bool intersects(unsigned int a, unsigned int an, unsigned int b, unsigned int bn)
{
	return an && bn && a < b + bn && b < a + an;
}

/* Does a call in flight name or own pages of [lo, lo + n)? A program would not touch those. */
static bool busy(const struct sim *s, int tid, unsigned int lo, unsigned int n, bool begun_only)
{
	for (int i = 0; i < THREADS; i++) {
		const struct call *c = &s->call[i];

		if (i == tid || c->state == IDLE || (begun_only && c->state != BEGUN))
			continue;
		if ((c->op != OP_MMAP || c->state == DONE) && intersects(lo, n, c->lo, c->n))
			return true;
		if (c->op == OP_MREMAP && (c->flags & MREMAP_FIXED || c->state == DONE) &&
		    intersects(lo, n, c->new_lo, c->new_n))
			return true;
	}
	return false;
}

/* Where the kernel may place n pages; false: nowhere. */
static bool place(struct sim *s, int tid, unsigned int n, unsigned int *lo)
{
	for (int tries = 0; tries < 40; tries++) {
		*lo = roll(BRK_LO - n + 1);
		if (s->chaos)
			return true;
		if (busy(s, tid, *lo, n, true))
			continue;
		for (unsigned int p = *lo; s->real[p] == 0 && p < *lo + n; p++)
			if (p == *lo + n - 1)
				return true;
	}
	return false;
}

static bool all_mapped(const struct sim *s, unsigned int lo, unsigned int n)
{
	for (unsigned int p = lo; p < lo + n; p++)
		if (!s->real[p])
			return false;
	return true;
}

/* Chooses how an mremap goes; false: this one a program would not do. */
static bool plan_mremap(struct sim *s, int tid, struct call *c)
{
	c->new_n = 1 + roll(12);
	c->new_len = len_of(c->new_n);
	switch (roll(4)) {
	case 0:
		c->flags = MREMAP_MAYMOVE | MREMAP_FIXED;
		c->new_lo = roll(BRK_LO - c->new_n + 1);
		if (roll(8) == 0)
			c->n = 0; /* a second mapping of a shared one, at a fixed place */
		if (!s->chaos && (intersects(c->lo, c->n, c->new_lo, c->new_n) ||
				  busy(s, tid, c->new_lo, c->new_n, false)))
			return false;
		break;
	case 1:
		c->flags = MREMAP_MAYMOVE | MREMAP_DONTUNMAP;
		c->new_n = c->n;
		c->new_len = c->len;
		break;
	case 2:
		c->flags = MREMAP_MAYMOVE;
		if (roll(4) == 0)
			c->n = 0;
		break;
	default:
		c->flags = 0;
	}
	if (!c->n)
		c->len = 0;
	return s->chaos || all_mapped(s, c->lo, c->n);
}

static void begin_call(struct sim *s, int tid)
{
	struct call *c = &s->call[tid];

	memset(c, 0, sizeof(*c));
	c->op = roll(OP_CNT);
	c->n = 1 + roll(12);
	c->len = len_of(c->n);
	c->lo = roll(BRK_LO - c->n + 1);
	c->stack = 1 + roll(STACKS);
	if (c->op == OP_FIXED)
		c->flags = MAP_FIXED;
	if (c->op == OP_MREMAP && !plan_mremap(s, tid, c))
		return;
	if (!s->chaos && c->op != OP_MMAP && busy(s, tid, c->lo, c->n, false))
		return;
	c->state = BEGUN;
	send_begin(s, tid);
}

static void kernel_mremap(struct sim *s, int tid, struct call *c)
{
	uint8_t kept[PAGES], site = site_of(c->stack, MT_LEDGER_MMAP);
	unsigned int keep = c->n < c->new_n ? c->n : c->new_n;
	bool in_place = c->n && !(c->flags & MREMAP_DONTUNMAP);

	for (unsigned int p = c->lo + c->n; in_place && p < c->lo + c->new_n; p++)
		in_place = p < BRK_LO && !s->real[p];
	in_place = in_place && !busy(s, tid, c->lo + keep, c->new_n - keep, true);
	if (!(c->flags & MREMAP_FIXED)) {
		if (in_place && (roll(2) || !(c->flags & MREMAP_MAYMOVE)))
			c->new_lo = c->lo;
		else if (!(c->flags & MREMAP_MAYMOVE) || !place(s, tid, c->new_n, &c->new_lo))
			c->ok = false;
	}
	if (!c->ok)
		return;
	if (c->flags & MREMAP_DONTUNMAP)
		keep = 0;
	memcpy(kept, s->real + c->lo, keep);
	if (!(c->flags & MREMAP_DONTUNMAP))
		memset(s->real + c->lo, 0, c->n);
	memcpy(s->real + c->new_lo, kept, keep);
	memset(s->real + c->new_lo + keep, site, c->new_n - keep);
}

static void run_call(struct sim *s, int tid)
{
	struct call *c = &s->call[tid];

	c->ok = roll(6) != 0;
	if (c->op == OP_MMAP && c->ok)
		c->ok = place(s, tid, c->n, &c->lo);
	if (c->op == OP_MREMAP && c->ok)
		kernel_mremap(s, tid, c);
	else if (c->ok)
		memset(s->real + c->lo, c->op == OP_MUNMAP ? 0 : site_of(c->stack, MT_LEDGER_MMAP),
		       c->n);
	c->state = DONE;
}

static void move_brk(struct sim *s)
{
	unsigned int to = BRK_LO + roll(PAGES - BRK_LO + 1), from = s->brk;
	uint64_t stack = 1 + roll(STACKS);
	uint8_t site = site_of(stack, MT_LEDGER_BRK);
	struct model *m = &s->model;
	struct part cut;

	if (to > from) {
		m->t.overlaps += model_clear(m, from, to);
		model_add(m, from, to, site);
		m->t.brk_grown_bytes += (to - from) * page;
		memset(s->real + from, site, to - from);
	} else {
		part_take(m, &cut, to, from);
		m->t.unknown_bytes += part_unknown(&cut);
		memset(s->real + to, 0, from - to);
	}
	s->brk = to;
	assert_int_equal(mt_ledger_brk(s->ledger, addr_of(from - 1) + 1 + roll(page),
				       addr_of(to) - roll(page), stack, s->now_ns),
			 0);
}

/* ---- comparison ----------------------------------------------------------------------- */

struct seen {
	const struct model *m;
	uint64_t live, at_peak;
};

static int check_site(const struct mt_ledger_site *site, void *arg)
{
	struct seen *seen = arg;
	int i = site_of(site->stack, site->kind) - 1;

	assert_int_equal(site->cnt, seen->m->cnt[i]);
	assert_int_equal(site->bytes, seen->m->bytes[i]);
	assert_int_equal(site->live_bytes, seen->m->live[i]);
	assert_int_equal(site->at_peak_bytes, seen->m->at_peak[i]);
	seen->live += site->live_bytes;
	seen->at_peak += site->at_peak_bytes;
	return 0;
}

static uint8_t owner_of(const struct mt_ledger *l, unsigned int p)
{
	struct mt_ledger_range r;

	if (!mt_ledger_find(l, addr_of(p) + roll(page), &r))
		return 0;
	assert_true(r.start <= addr_of(p) && r.end >= addr_of(p + 1));
	return site_of(r.stack, r.kind);
}

static void check(struct sim *s)
{
	const struct mt_ledger_totals *t = mt_ledger_totals(s->ledger);
	struct seen seen = { .m = &s->model };

	model_recount(&s->model, s->now_ns);
	assert_memory_equal(t, &s->model.t, sizeof(*t));
	assert_int_equal(mt_ledger_each_site(s->ledger, check_site, &seen), 0);
	assert_int_equal(seen.live, t->live_bytes);
	assert_int_equal(seen.at_peak, t->peak_bytes);
	for (unsigned int p = 0; p < PAGES; p++)
		assert_int_equal(owner_of(s->ledger, p), s->model.owner[p]);
}

/* With nothing in flight the ledger is what the kernel has, but for what is older. */
static void check_real(const struct sim *s)
{
	for (int i = 0; i < THREADS; i++)
		if (s->call[i].state != IDLE)
			return;
	for (unsigned int p = 0; p < PAGES; p++)
		assert_int_equal(s->model.owner[p], s->real[p] == OLD ? 0 : s->real[p]);
	assert_int_equal(s->model.t.overlaps, 0);
	assert_int_equal(s->model.t.unpaired, 0);
}

static void step(struct sim *s)
{
	int tid = roll(THREADS);
	struct call *c = &s->call[tid];

	s->now_ns++;
	if (roll(12) == 0) {
		move_brk(s);
	} else if (c->state == IDLE) {
		begin_call(s, tid);
	} else if (c->state == BEGUN) {
		run_call(s, tid);
	} else {
		send_end(s, tid);
		c->state = IDLE;
	}
	check(s);
	if (!s->chaos)
		check_real(s);
}

static void run_sequences(bool chaos, int sequences, int steps)
{
	for (int i = 0; i < sequences; i++) {
		__cleanup(mt_ledger_free) struct mt_ledger *l = NULL;
		struct sim s = { .brk = BRK_LO + roll(8), .chaos = chaos };

		assert_int_equal(mt_ledger_new(&l), 0);
		s.ledger = l;
		memset(s.real + BRK_LO, OLD, s.brk - BRK_LO);
		for (unsigned int p = 0; p < BRK_LO; p++)
			s.real[p] = roll(10) == 0 ? OLD : 0;
		for (int n = 0; n < steps; n++)
			step(&s);
	}
}

static void test_random_calls(void **state)
{
	run_sequences(false, 1500, 120);
}

static void test_random_chaos(void **state)
{
	run_sequences(true, 1500, 120);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_calls),
		cmocka_unit_test(test_random_chaos),
	};
	const char *given = getenv("MT_SEED");

	page = sysconf(_SC_PAGESIZE);
	seed = given ? strtoul(given, NULL, 0) : (unsigned int)time(NULL);
	print_message("MT_SEED=%u\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
