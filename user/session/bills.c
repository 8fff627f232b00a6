// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/bills.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "session/chunks.h"
#include "session/ledger.h"
#include "session/makers.h"
#include "session/pagemap.h"
#include "session/stacks.h"
#include "session/state.h"
#include "session/tables.h"
#include "target/proc.h"
#include "target/smaps.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define GROWTH	     1.05
#define BUDGET_PART  0.2  /* of the whole one */
#define WITHOUT	     0.01 /* of the time, where there is no budget */
#define LAST	     5	  /* a program's last bill may take so many times the share of its life */
#define BILL_NS	     1000000
#define PAGE_NS	     150   /* seen on a virtual machine: 0.3 s for 8 GB */
#define PLACE_SHIFT  21	   /* a huge page: allocators map by such */
#define KERNEL_STACK 16384 /* THREAD_SIZE of x86-64, and of arm64 with pages of 4 KiB */

struct mt_bills_block {
	uint32_t slot;
	struct mt_bill_block b;
};

/* ---- whether ----------------------------------------------------------------------------- */

bool mt_bills_due(const struct mt_bills *bills, int64_t rss_bytes)
{
	return rss_bytes > bills->reached_bytes * GROWTH;
}

void mt_bills_budget_init(struct mt_bills_budget *b, double budget_pct, int64_t now_ns)
{
	*b = (struct mt_bills_budget){
		.share = budget_pct > 0 ? BUDGET_PART * budget_pct / 100 : WITHOUT,
		.credit_ns = MT_BILLS_CREDIT_NS,
		.earned_ns = now_ns,
	};
}

bool mt_bills_budget_allows(struct mt_bills_budget *b, int64_t now_ns)
{
	b->credit_ns += (now_ns - b->earned_ns) * b->share;
	b->earned_ns = now_ns;
	if (b->credit_ns > MT_BILLS_CREDIT_NS)
		b->credit_ns = MT_BILLS_CREDIT_NS;
	return b->credit_ns > 0;
}

bool mt_bills_budget_allows_last(const struct mt_bills_budget *b, int64_t life_ns,
				 int64_t rss_bytes)
{
	int64_t cost_ns = BILL_NS + rss_bytes / sysconf(_SC_PAGESIZE) * PAGE_NS;

	return cost_ns <= life_ns * b->share * LAST;
}

void mt_bills_budget_spend(struct mt_bills_budget *b, int64_t cost_ns)
{
	b->credit_ns -= cost_ns;
}

void mt_bills_see(struct mt_bills *bills, uint64_t addr)
{
	bills->seen[(addr >> PLACE_SHIFT) % MT_BILLS_SEEN] = addr;
}

/* ---- what it needs ----------------------------------------------------------------------- */

void mt_bills_forget_blocks(struct mt_bills_budget *b)
{
	free(b->blocks);
	b->blocks = NULL;
	b->nr_blocks = 0;
	b->room_blocks = 0;
	b->blocks_read = false;
}

void mt_bills_budget_fini(struct mt_bills_budget *b)
{
	mt_bills_forget_blocks(b);
}

static int note_block(const struct mt_live_key *key, const struct mt_live *live, void *arg)
{
	struct mt_bills_budget *b = arg;

	if (b->nr_blocks == b->room_blocks) {
		size_t room = b->room_blocks ? 2 * b->room_blocks : 4096;
		struct mt_bills_block *v = reallocarray(b->blocks, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		b->blocks = v;
		b->room_blocks = room;
	}
	b->blocks[b->nr_blocks++] = (struct mt_bills_block){
		.slot = key->slot,
		.b = { .start = key->addr,
		       .end = key->addr + live->size_bytes,
		       .stack = live->stack,
		       .func = live->func,
		       .weight = live->weight },
	};
	return 0;
}

static int by_address(const void *va, const void *vb)
{
	const struct mt_bills_block *x = va, *y = vb;

	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	return (x->b.start > y->b.start) - (x->b.start < y->b.start);
}

static int read_blocks(struct mt_bills_budget *b, const struct mt_kernel *k)
{
	int err;

	if (b->blocks_read)
		return 0;
	err = mt_tables_each_live(k, note_block, b);
	if (err) {
		mt_bills_forget_blocks(b);
		return err;
	}
	qsort(b->blocks, b->nr_blocks, sizeof(*b->blocks), by_address);
	b->blocks_read = true;
	return 0;
}

static int by_start(const void *va, const void *vb)
{
	const struct mt_bill_block *a = va, *b = vb;

	return (a->start > b->start) - (a->start < b->start);
}

/* Those that live, and as blocks of no weight where others were. */
static int program_blocks(const struct mt_bills_budget *b, const struct mt_program *p,
			  struct mt_bill_block **out, size_t *nr)
{
	const uint32_t slot = p->slot;
	size_t first = 0, last;

	while (first < b->nr_blocks && b->blocks[first].slot < slot)
		first++;
	for (last = first; last < b->nr_blocks && b->blocks[last].slot == slot; last++)
		;
	*nr = last - first;
	*out = calloc(*nr + MT_BILLS_SEEN, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	for (size_t i = 0; i < *nr; i++)
		(*out)[i] = b->blocks[first + i].b;
	for (size_t i = 0; i < MT_BILLS_SEEN; i++) {
		uint64_t addr = p->bills.seen[i];

		if (addr)
			(*out)[(*nr)++] = (struct mt_bill_block){ addr, addr + 1 };
	}
	qsort(*out, *nr, sizeof(**out), by_start);
	return 0;
}

/* Do we know of every block that lives? A forked child has those that it inherited. */
static bool knows_all_blocks(const struct mt_session *s, const struct mt_program *p)
{
	struct mt_proc proc;

	return mt_program_heap_watched(p) && mt_program_seen_from_start(p) &&
	       p->birth != MT_BIRTH_FORK && !p->entry_only && !s->pacer &&
	       !mt_tables_proc(s->kernel, p->slot, &proc) && !proc.unfollowed_cnt;
}

struct places {
	struct mt_bill_range *v;
	size_t nr;
};

static int note_place(const struct mt_stacks_thread *t, void *arg)
{
	struct places *places = arg;
	struct mt_bill_range *v;

	if (t->main || t->end_ns >= 0 || !t->hi)
		return 0;
	v = reallocarray(places->v, places->nr + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	places->v = v;
	v[places->nr++] = (struct mt_bill_range){ t->lo, t->hi };
	return 0;
}

static int by_place(const void *va, const void *vb)
{
	const struct mt_bill_range *a = va, *b = vb;

	return (a->start > b->start) - (a->start < b->start);
}

/* ---- large blocks ------------------------------------------------------------------------ */

static int by_site(const void *va, const void *vb)
{
	const struct mt_bills_large *a = va, *b = vb;

	if (a->stack != b->stack)
		return a->stack < b->stack ? -1 : 1;
	return (a->func > b->func) - (a->func < b->func);
}

static size_t join_sites(struct mt_bills_large *v, size_t nr)
{
	size_t sites = 0;

	for (size_t i = 0; i < nr; i++) {
		if (!sites || by_site(&v[sites - 1], &v[i])) {
			v[sites++] = v[i];
			continue;
		}
		v[sites - 1].bytes += v[i].bytes;
		v[sites - 1].resident_bytes += v[i].resident_bytes;
	}
	return sites;
}

static int note_large(struct mt_bills *b, const struct mt_bill_block *blocks, size_t nr_blocks)
{
	struct mt_bills_large *v;
	size_t nr = 0;

	for (size_t i = 0; i < nr_blocks; i++)
		nr += blocks[i].end - blocks[i].start >= MT_BILLS_LARGE_BYTES;
	v = calloc(nr + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	nr = 0;
	for (size_t i = 0; i < nr_blocks; i++) {
		const struct mt_bill_block *block = &blocks[i];
		uint64_t bytes = block->end - block->start;

		if (bytes >= MT_BILLS_LARGE_BYTES)
			v[nr++] = (struct mt_bills_large){ block->stack, block->func,
							   bytes * block->weight,
							   block->rss_bytes * block->weight };
	}
	qsort(v, nr, sizeof(*v), by_site);
	free(b->large);
	b->large = v;
	b->nr_large = join_sites(v, nr);
	b->large_known = true;
	return 0;
}

bool mt_bills_large_of(const struct mt_bills *b, uint64_t stack, uint32_t func,
		       struct mt_bills_large *out)
{
	const struct mt_bills_large key = { .stack = stack, .func = func }, *found;

	if (!b->large_known)
		return false;
	found = bsearch(&key, b->large, b->nr_large, sizeof(key), by_site);
	*out = found ? *found : key;
	return true;
}

/* ---- one bill ---------------------------------------------------------------------------- */

/* With the target's mmap lock held now and then. */
static int read_memory(struct mt_program *p, const struct mt_bill_input *known,
		       struct mt_bill *bill)
{
	__cleanup(mt_pagemap_close) struct mt_pagemap pagemap = { .fd = -1 };
	__cleanup(mt_smaps_free) struct mt_smaps *smaps = NULL;
	struct mt_bill_input in = *known;
	int64_t start_ns = mt_clock_ns();
	int err = mt_pagemap_open(&pagemap, p->shown_by);

	err = err ? err : mt_smaps_load(&smaps, p->shown_by);
	in.pagemap = &pagemap;
	in.smaps = smaps;
	err = err ? err : mt_bill_make(bill, &in);
	bill->at_ns = start_ns;
	p->bills.cost_ns += mt_clock_ns() - start_ns;
	return err;
}

struct asked {
	const struct mt_kernel *kernel;
	const struct mt_program *program;
	int memory;	/* its own, -1: not to be read */
	uint64_t stack; /* that was asked about last */
	uint32_t maker;
};

static uint32_t ask_maker(void *arg, uint64_t stack)
{
	struct asked *a = arg;

	if (stack != a->stack) {
		a->stack = stack;
		a->maker = mt_makers_by_stack(a->kernel, a->program, stack);
	}
	return a->maker;
}

static uint64_t ask_memory(void *arg, uint64_t start, uint64_t end)
{
	const struct asked *a = arg;

	return mt_chunks_end(a->memory, start, end);
}

static int make(struct mt_session *s, struct mt_program *p, struct mt_bill *bill, bool last)
{
	_free_ struct mt_bill_block *blocks = NULL;
	_free_ struct mt_bill_range *stacks = NULL;
	_close_ int memory = mt_proc_open(p->shown_by, "mem");
	struct asked asked = { .kernel = s->kernel, .program = p, .memory = memory };
	struct mt_bill_input in = {
		.ledger = p->ledger,
		.maker = ask_maker,
		.heap_end = ask_memory,
		.arg = &asked,
	};
	struct mt_proc_status status;
	struct places places = { 0 };
	int err = mt_proc_status(p->shown_by, &status);

	err = err ? err : read_blocks(&s->bills, s->kernel);
	err = err ? err : program_blocks(&s->bills, p, &blocks, &in.nr_blocks);
	err = err ? err : mt_stacks_each_thread(p->stacks, note_place, &places);
	stacks = places.v;
	if (err)
		return err;
	if (places.nr)
		qsort(stacks, places.nr, sizeof(*stacks), by_place);
	in.stacks = stacks;
	in.nr_stacks = places.nr;
	in.blocks = blocks;
	in.all_blocks = knows_all_blocks(s, p);
	err = read_memory(p, &in, bill);
	if (!err && last && !bill->blind)
		err = note_large(&p->bills, blocks, in.nr_blocks);
	if (err)
		return err;
	bill->page_tables_bytes = status.vm_pte_bytes;
	bill->kernel_stacks_bytes = status.threads * KERNEL_STACK;
	return bill->rss_bytes ? 0 : -ESRCH;
}

static void free_bill(struct mt_bill **bill)
{
	if (!*bill)
		return;
	mt_bill_fini(*bill);
	free(*bill);
	*bill = NULL;
}

static struct mt_bill *take(struct mt_session *s, struct mt_program *p, bool last)
{
	__cleanup(free_bill) struct mt_bill *bill = calloc(1, sizeof(*bill));
	int64_t start_ns = mt_clock_ns();
	int err = bill ? make(s, p, bill, last) : -ENOMEM;

	mt_bills_budget_spend(&s->bills, mt_clock_ns() - start_ns);
	p->bills.changed = true;
	return err ? NULL : TAKE_PTR(bill);
}

/* What the peak was until now goes, unless it is the end as well. */
static void raise_peak(struct mt_bills *b, struct mt_bill *bill, int64_t rss_bytes)
{
	if (b->peak != b->end)
		free_bill(&b->peak);
	b->peak = bill;
	b->reached_bytes = rss_bytes;
}

void mt_bills_tick(struct mt_session *s, struct mt_program *p)
{
	struct mt_bill *bill;

	if (!mt_bills_due(&p->bills, p->rss_now_bytes) ||
	    !mt_bills_budget_allows(&s->bills, mt_clock_ns()))
		return;
	bill = take(s, p, false);
	if (bill)
		raise_peak(&p->bills, bill, p->rss_now_bytes);
}

void mt_bills_end(struct mt_session *s, struct mt_program *p)
{
	int64_t now_ns = mt_clock_ns();
	struct mt_bill *bill;

	if (p->bills.end)
		return;
	if (!s->stopping && p->pid != s->command && !mt_bills_budget_allows(&s->bills, now_ns) &&
	    !mt_bills_budget_allows_last(&s->bills, now_ns - p->start_ns, p->rss_now_bytes))
		return;
	bill = take(s, p, true);
	if (!bill)
		return;
	p->bills.end = bill;
	if (!p->bills.peak || bill->rss_bytes > p->bills.peak->rss_bytes)
		raise_peak(&p->bills, bill, p->rss_now_bytes);
}

void mt_bills_fini(struct mt_bills *b)
{
	if (b->peak != b->end)
		free_bill(&b->peak);
	free_bill(&b->end);
	b->peak = NULL;
	free(b->large);
	b->large = NULL;
}
