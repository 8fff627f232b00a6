// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/bill.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "session/ledger.h"
#include "session/pagemap.h"
#include "target/smaps.h"
#include "util/cleanup.h"
#include "wire.h"

/* glibc, malloc/arena.c: HEAP_MAX_SIZE, its alignment too. */
#define ARENA_HEAP_BYTES (64ULL << 20)

/* A stretch of a mapping whose memory is of one part. */
struct piece {
	uint64_t start;
	uint64_t end;
	uint64_t rss_bytes;
	size_t map; /* of smaps */
	enum mt_bill_part part;
};

struct work {
	const struct mt_bill_input *in;
	struct mt_bill *bill;
	struct piece *v; /* rising */
	size_t nr;
	size_t room;
	size_t stack; /* in->stacks from here on reach beyond what is cut */
	size_t map;   /* that is being cut */
	uint64_t at;  /* it is cut up to here */
	size_t piece; /* v and in->blocks from here on reach beyond what was scanned */
	size_t block;
	uint64_t live_bytes;
};

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* ---- whose a mapping is ----------------------------------------------------------------- */

static bool is_anonymous(const struct mt_mapping *m)
{
	return !m->inode && !m->shared &&
	       (!*m->path || !strcmp(m->path, "[heap]") || !strcmp(m->path, "[stack]") ||
		!strncmp(m->path, "[anon:", 6));
}

/* Memory without a file right behind the writable part of one. */
static bool is_bss(const struct mt_smaps *s, size_t i)
{
	const struct mt_mapping *m = &s->v[i].m, *file = i ? &s->v[i - 1].m : NULL;

	return file && file->end == m->start && file->inode && !file->shared &&
	       file->prot & PROT_WRITE && !m->inode && !*m->path;
}

/* It begins aligned; what it does not use yet, up to an aligned end, cannot be accessed. */
static bool is_arena(const struct mt_smaps *s, size_t i)
{
	const struct mt_mapping *m = &s->v[i].m, *rest = i + 1 < s->nr ? &s->v[i + 1].m : NULL;
	uint64_t end = (m->end + ARENA_HEAP_BYTES - 1) & -ARENA_HEAP_BYTES;

	if (*m->path || m->start % ARENA_HEAP_BYTES)
		return false;
	return m->end == end || (rest && rest->start == m->end && rest->end >= end &&
				 rest->prot == PROT_NONE && !rest->inode);
}

/* As far as the mapping itself tells. */
static enum mt_bill_part part_of(const struct mt_smaps *s, size_t i)
{
	const struct mt_mapping *m = &s->v[i].m;

	if (m->inode)
		return s->v[i].shmem ? MT_BILL_SHMEM : MT_BILL_FILE;
	if (!strcmp(m->path, "[heap]") || is_arena(s, i))
		return MT_BILL_ALLOCATOR;
	if (!strcmp(m->path, "[stack]"))
		return MT_BILL_STACKS;
	return *m->path || is_bss(s, i) ? MT_BILL_OTHER_ANON : MT_BILL_UNEXPLAINED;
}

/* ---- pieces ------------------------------------------------------------------------------ */

static int push(struct work *w, uint64_t end, enum mt_bill_part part)
{
	struct piece *v = w->v;

	if (end <= w->at)
		return 0;
	if (w->nr == w->room) {
		w->room = w->room ? 2 * w->room : 256;
		v = reallocarray(w->v, w->room, sizeof(*v));
		if (!v)
			return -ENOMEM;
		w->v = v;
	}
	v[w->nr++] = (struct piece){ .start = w->at, .end = end, .map = w->map, .part = part };
	w->at = end;
	return 0;
}

static uint32_t maker_of(const struct mt_bill_input *in, const struct mt_ledger_range *r)
{
	if (r->maker != MT_MAKER_UNKNOWN || r->kind != MT_LEDGER_MMAP || !in->maker)
		return r->maker;
	return in->maker(in->arg, r->stack);
}

/* The same, if need be by what is in it. */
static int push_asking(struct work *w, uint64_t end, enum mt_bill_part part)
{
	const struct mt_bill_input *in = w->in;
	int err = 0;

	if (part == MT_BILL_UNEXPLAINED && w->at < end && in->heap_end)
		err = push(w, in->heap_end(in->arg, w->at, end), MT_BILL_ALLOCATOR);
	return err ? err : push(w, end, part);
}

struct cut {
	struct work *w;
	uint64_t end;
};

static int cut_range(const struct mt_ledger_range *r, void *arg)
{
	const struct cut *cut = arg;
	struct work *w = cut->w;
	enum mt_bill_part part = part_of(w->in->smaps, w->map);
	int err = push_asking(w, r->start, part); /* what the ledger does not know */
	uint32_t maker = maker_of(w->in, r);

	if (maker == MT_MAKER_HEAP || r->arena)
		part = MT_BILL_ALLOCATOR;
	else if (maker == MT_MAKER_THREAD)
		part = MT_BILL_STACKS;
	else if (maker == MT_MAKER_PROGRAM)
		part = MT_BILL_OTHER_ANON;
	return err ? err : push_asking(w, min(r->end, cut->end), part);
}

/* Up to `end` by the ledger. */
static int cut_by_ledger(struct work *w, uint64_t end)
{
	struct cut cut = { w, end };
	int err = 0;

	if (w->at < end && w->in->ledger)
		err = mt_ledger_each_range(w->in->ledger, w->at, end, cut_range, &cut);
	return err ? err : push_asking(w, end, part_of(w->in->smaps, w->map));
}

static int cut_map(struct work *w, const struct mt_mapping *m)
{
	const struct mt_bill_input *in = w->in;
	int err = 0;

	w->at = m->start;
	if (!is_anonymous(m))
		return push(w, m->end, part_of(in->smaps, w->map));
	while (w->stack < in->nr_stacks && in->stacks[w->stack].end <= m->start)
		w->stack++;
	for (size_t i = w->stack; i < in->nr_stacks && in->stacks[i].start < m->end && !err; i++) {
		err = cut_by_ledger(w, max(in->stacks[i].start, m->start));
		err = err ? err : push(w, min(in->stacks[i].end, m->end), MT_BILL_STACKS);
	}
	return err ? err : cut_by_ledger(w, m->end);
}

/* Where a block lies, there is an allocator's memory; where one was, if nothing else is known. */
static void claim_by_blocks(struct work *w)
{
	const struct mt_bill_input *in = w->in;
	size_t first = 0;

	for (size_t i = 0; i < w->nr; i++) {
		struct piece *p = &w->v[i];
		size_t b;

		while (first < in->nr_blocks && in->blocks[first].end <= p->start)
			first++;
		if (p->part != MT_BILL_OTHER_ANON && p->part != MT_BILL_UNEXPLAINED)
			continue;
		for (b = first; b < in->nr_blocks && in->blocks[b].start < p->end; b++)
			if (in->blocks[b].weight || p->part == MT_BILL_UNEXPLAINED)
				p->part = MT_BILL_ALLOCATOR;
	}
}

/* ---- what of them is resident ------------------------------------------------------------ */

static uint64_t overlap(uint64_t a_start, uint64_t a_end, uint64_t b_start, uint64_t b_end)
{
	uint64_t start = max(a_start, b_start), end = min(a_end, b_end);

	return start < end ? end - start : 0;
}

/* Regions come rising, as pieces and blocks do: each is passed once. */
static int on_resident(uint64_t start, uint64_t end, void *arg)
{
	struct work *w = arg;
	struct mt_bill_block *blocks = w->in->blocks;

	while (w->piece < w->nr && w->v[w->piece].end <= start)
		w->piece++;
	for (size_t i = w->piece; i < w->nr && w->v[i].start < end; i++)
		w->v[i].rss_bytes += overlap(start, end, w->v[i].start, w->v[i].end);
	while (w->block < w->in->nr_blocks && blocks[w->block].end <= start)
		w->block++;
	for (size_t i = w->block; i < w->in->nr_blocks && blocks[i].start < end; i++) {
		uint64_t bytes = overlap(start, end, blocks[i].start, blocks[i].end);

		blocks[i].rss_bytes += bytes;
		w->live_bytes += bytes * blocks[i].weight;
	}
	return 0;
}

/* No more than the mapping has, and what it has besides went, or came, while we read. */
static void charge(struct work *w, size_t first, size_t next, uint64_t rss_bytes)
{
	uint64_t left = rss_bytes;

	for (size_t i = first; i < next; i++) {
		struct piece *p = &w->v[i];

		p->rss_bytes = min(p->rss_bytes, left);
		left -= p->rss_bytes;
		w->bill->bytes[p->part] += p->rss_bytes;
	}
	w->bill->bytes[MT_BILL_UNEXPLAINED] += left;
	w->bill->rss_bytes += rss_bytes;
}

static int cut_all(struct work *w)
{
	const struct mt_smaps *s = w->in->smaps;
	int err = 0;

	for (w->map = 0; w->map < s->nr && !err; w->map++)
		if (s->v[w->map].rss_bytes)
			err = cut_map(w, &s->v[w->map].m);
	if (!err)
		claim_by_blocks(w);
	return err;
}

static int measure(struct work *w)
{
	int err = 0;

	for (size_t first = 0, next; first < w->nr && !err; first = next) {
		const struct mt_smap *map = &w->in->smaps->v[w->v[first].map];

		for (next = first; next < w->nr && w->v[next].map == w->v[first].map; next++)
			;
		if (is_anonymous(&map->m))
			err = mt_pagemap_each_resident(w->in->pagemap, map->m.start, map->m.end,
						       on_resident, w);
		if (err == -EFBIG) {
			w->bill->blind = true;
			err = 0;
		}
		if (next == first + 1)
			w->v[first].rss_bytes = map->rss_bytes;
		charge(w, first, next, map->rss_bytes);
	}
	return err;
}

/* ---- names ------------------------------------------------------------------------------- */

struct named {
	enum mt_bill_part part;
	bool bss;
	const char *path;
	uint64_t rss_bytes;
};

static int by_name(const void *va, const void *vb)
{
	const struct named *a = va, *b = vb;

	if (a->part != b->part)
		return (int)a->part - (int)b->part;
	return a->bss != b->bss ? (int)a->bss - (int)b->bss : strcmp(a->path, b->path);
}

static int by_size(const void *va, const void *vb)
{
	const struct named *a = va, *b = vb;

	return (a->rss_bytes < b->rss_bytes) - (a->rss_bytes > b->rss_bytes) ?: by_name(a, b);
}

static char *name_of(const struct named *n)
{
	static const char *const unnamed[] = {
		[MT_BILL_ALLOCATOR] = "[allocator]",
		[MT_BILL_STACKS] = "[thread stacks]",
		[MT_BILL_FILE] = "[file]",
		[MT_BILL_SHMEM] = "[shared]",
		[MT_BILL_OTHER_ANON] = "[anonymous]",
		[MT_BILL_UNEXPLAINED] = "[unknown]",
	};
	char *name = NULL;

	if (n->bss)
		return asprintf(&name, "[bss] %s", n->path) < 0 ? NULL : name;
	return strdup(*n->path ? n->path : unnamed[n->part]);
}

static int name_largest(struct work *w)
{
	const struct mt_smaps *s = w->in->smaps;
	_free_ struct named *v = calloc(w->nr + 1, sizeof(*v));
	size_t nr = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < w->nr; i++) {
		const struct piece *p = &w->v[i];
		bool bss = p->part == MT_BILL_OTHER_ANON && is_bss(s, p->map);

		v[i] = (struct named){ p->part, bss, s->v[p->map - bss].m.path, p->rss_bytes };
	}
	qsort(v, w->nr, sizeof(*v), by_name);
	for (size_t i = 0; i < w->nr; i++) {
		if (nr && !by_name(&v[nr - 1], &v[i]))
			v[nr - 1].rss_bytes += v[i].rss_bytes;
		else
			v[nr++] = v[i];
	}
	qsort(v, nr, sizeof(*v), by_size);
	for (size_t i = 0; i < nr && i < MT_BILL_MAPPINGS && v[i].rss_bytes; i++) {
		struct mt_bill_mapping m = { v[i].part, name_of(&v[i]), v[i].rss_bytes };

		if (!m.name)
			return -ENOMEM;
		w->bill->mappings[w->bill->nr_mappings++] = m;
	}
	return 0;
}

int mt_bill_make(struct mt_bill *out, const struct mt_bill_input *input)
{
	__cleanup(mt_bill_fini) struct mt_bill bill = { .heap_live_bytes = -1 };
	struct work w = { .in = input, .bill = &bill };
	int err = cut_all(&w);

	for (size_t i = 0; i < input->nr_blocks; i++)
		input->blocks[i].rss_bytes = 0;
	err = err ? err : measure(&w);
	err = err ? err : name_largest(&w);
	free(w.v);
	if (err)
		return err;
	if (input->all_blocks && !bill.blind)
		bill.heap_live_bytes = min(w.live_bytes, bill.bytes[MT_BILL_ALLOCATOR]);
	*out = bill;
	bill.nr_mappings = 0;
	return 0;
}

void mt_bill_fini(struct mt_bill *bill)
{
	for (size_t i = 0; i < bill->nr_mappings; i++)
		free(bill->mappings[i].name);
	bill->nr_mappings = 0;
}
