// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Bytes at the peak, per site and without a copy of all sites at each new peak: the epoch
 * advances at the first drop after a rise, when the state is the peak's. A site keeps what
 * it has changed since the epoch that `tag` names; at the peak it had that much less.
 */
#include "session/ledger.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "session/ranges.h"
#include "util/cleanup.h"

/* linux/mman.h; too new for the headers of an older libc. */
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/*
 * glibc, malloc/arena.c: a heap is HEAP_MAX_SIZE = 2 * DEFAULT_MMAP_THRESHOLD_MAX bytes,
 * 64 MiB with 64-bit longs, and aligned to that. It is mapped PROT_NONE, MAP_NORESERVE:
 * 64 MiB where the last one left an aligned hole, else 128 MiB with the ends unmapped.
 * Thread stacks are MAP_STACK without MAP_NORESERVE.
 */
#define ARENA_HEAP_BYTES (64ULL << 20)
#define ARENA_FLAGS	 (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

/* Of a range: whose it is (enum mt_maker), and whether it was mapped as such a heap is. */
#define MARK_MAKER 0xff
#define MARK_ARENA 0x100

struct site {
	struct mt_ledger_site s; /* at_peak_bytes: filled when asked for */
	uint64_t tag;
	int64_t since_bytes;
	struct site *next;
};

/* What left the ledger, in [start, end). */
struct span {
	uint64_t start;
	uint64_t end;
	struct mt_range *tree;
};

struct flight {
	uint32_t tid;
	uint64_t start; /* what the call named */
	uint64_t end;
	uint64_t new_len;     /* 0: it is not mremap */
	struct span kept;     /* mremap: lives on at the new address */
	struct span gone;     /* unmapped if the call succeeds */
	struct span replaced; /* mremap: what is at its MREMAP_FIXED target */
	struct flight *next;
};

struct mt_ledger {
	struct mt_ranges ranges;
	struct flight *flights; /* as many as threads are inside such calls */
	struct site *sites;
	void *site_index; /* tsearch(3) over the same */
	struct mt_ledger_totals t;
	uint64_t epoch;
	bool rising; /* the present state is the peak */
	uint64_t page;
};

/* ---- accounts ------------------------------------------------------------------------- */

static int compare_sites(const void *a, const void *b)
{
	const struct mt_ledger_site *x = a, *y = b;

	if (x->stack != y->stack)
		return x->stack < y->stack ? -1 : 1;
	return (int)x->kind - (int)y->kind;
}

/* NULL: no memory. */
static struct site *site_get(struct mt_ledger *l, uint64_t stack, enum mt_ledger_kind kind)
{
	struct mt_ledger_site key = { .stack = stack, .kind = kind };
	void *found = tfind(&key, &l->site_index, compare_sites);
	struct site *site;

	if (found)
		return *(struct site **)found;

	site = calloc(1, sizeof(*site));
	if (!site)
		return NULL;
	site->s = key;
	if (!tsearch(site, &l->site_index, compare_sites)) {
		free(site);
		return NULL;
	}
	site->next = l->sites;
	l->sites = site;
	return site;
}

static void site_change(struct mt_ledger *l, struct site *site, int64_t bytes)
{
	if (site->tag != l->epoch) {
		site->tag = l->epoch;
		site->since_bytes = 0;
	}
	site->since_bytes += bytes;
	site->s.live_bytes += bytes;
	l->t.live_bytes += bytes;
}

static void account_add(struct mt_ledger *l, struct site *site, uint64_t bytes, uint64_t ts_ns)
{
	site->s.cnt++;
	site->s.bytes += bytes;
	site_change(l, site, bytes);
	if (l->t.live_bytes > l->t.peak_bytes) {
		l->t.peak_bytes = l->t.live_bytes;
		l->t.peak_ns = ts_ns;
		l->rising = true;
	}
}

static void account_drop(struct mt_ledger *l, struct site *site, uint64_t bytes)
{
	if (l->rising) {
		l->rising = false;
		l->epoch++;
	}
	site_change(l, site, -(int64_t)bytes);
}

static uint64_t at_peak(const struct mt_ledger *l, const struct site *site)
{
	bool changed = site->tag == l->epoch && !l->rising;

	return site->s.live_bytes - (changed ? site->since_bytes : 0);
}

/* ---- ranges --------------------------------------------------------------------------- */

static bool is_arena(const struct mt_range *r)
{
	return r->mark & MARK_ARENA && r->end - r->start == ARENA_HEAP_BYTES &&
	       r->start % ARENA_HEAP_BYTES == 0;
}

static uint64_t arena_bytes(const struct mt_range *t)
{
	if (!t)
		return 0;
	return (is_arena(t) ? ARENA_HEAP_BYTES : 0) + arena_bytes(t->left) + arena_bytes(t->right);
}

static uint64_t page_up(const struct mt_ledger *l, uint64_t addr)
{
	return addr > -l->page ? -l->page : (addr + l->page - 1) & -l->page;
}

/* A span's bounds, in whole pages, from a call's arguments; those may be any numbers. */
static struct span span_of(const struct mt_ledger *l, uint64_t start, uint64_t len)
{
	struct span s = { .start = start & -l->page };

	len = page_up(l, len);
	s.end = len > -l->page - s.start ? -l->page : s.start + len;
	return s;
}

static uint64_t span_len(const struct span *s)
{
	return s->end - s->start;
}

/* Moves what the ledger has in the span's bounds into the span. */
static int take(struct mt_ledger *l, struct span *s)
{
	return mt_ranges_take(&l->ranges, s->start, s->end, &s->tree);
}

static void drop(struct mt_ledger *l, struct span *s)
{
	struct mt_range *r;

	while ((r = mt_ranges_pop(&s->tree))) {
		account_drop(l, r->owner, r->end - r->start);
		free(r);
	}
}

/* Drops what the ledger has in [start, end), and tells whether that was anything. */
static int clear(struct mt_ledger *l, uint64_t start, uint64_t end, bool *had)
{
	struct span s = { .start = start, .end = end };
	int err = take(l, &s);

	if (err)
		return err;
	*had = s.tree != NULL;
	drop(l, &s);
	return 0;
}

/* Adds a range that nothing is in the way of. */
static int install(struct mt_ledger *l, uint64_t start, uint64_t end, uint64_t stack,
		   enum mt_ledger_kind kind, uint32_t mark, uint64_t ts_ns)
{
	struct site *site;

	if (start == end)
		return 0;
	site = site_get(l, stack, kind);
	if (!site || mt_ranges_add(&l->ranges, start, end, site, mark))
		return -ENOMEM;
	account_add(l, site, end - start, ts_ns);
	return 0;
}

/* Puts a span back, less what has been mapped there since. */
static int restore(struct mt_ledger *l, struct span *s)
{
	struct span since = { .start = s->start, .end = s->end };
	struct mt_range *r;
	bool had;
	int err;

	err = take(l, &since);
	if (err) {
		drop(l, s);
		return err;
	}
	mt_ranges_put(&l->ranges, s->tree, s->start);
	s->tree = NULL;
	while ((r = mt_ranges_pop(&since.tree))) {
		err = clear(l, r->start, r->end, &had);
		if (err) {
			account_drop(l, r->owner, r->end - r->start);
			free(r);
			drop(l, &since);
			return err;
		}
		mt_ranges_put(&l->ranges, r, r->start);
	}
	return 0;
}

/* ---- calls in flight ------------------------------------------------------------------ */

static struct flight *flight_unlink(struct mt_ledger *l, uint32_t tid)
{
	for (struct flight **link = &l->flights; *link; link = &(*link)->next) {
		struct flight *f = *link;

		if (f->tid == tid) {
			*link = f->next;
			return f;
		}
	}
	return NULL;
}

/* Ends a flight that still owns ranges: they are gone. */
static void flight_drop(struct mt_ledger *l, struct flight *f)
{
	drop(l, &f->kept);
	drop(l, &f->gone);
	drop(l, &f->replaced);
	free(f);
}

/* The flight of the call that tid now returns from, or NULL: its begin was lost. */
static struct flight *flight_land(struct mt_ledger *l, uint32_t tid, const struct span *s,
				  uint64_t new_len)
{
	struct flight *f = flight_unlink(l, tid);

	if (!f || (f->start == s->start && f->end == s->end && f->new_len == new_len))
		return f;
	l->t.unpaired++;
	flight_drop(l, f);
	return NULL;
}

static int flight_begin(struct mt_ledger *l, const struct flight *call)
{
	struct flight *f = flight_unlink(l, call->tid);

	if (f) {
		l->t.unpaired++;
		flight_drop(l, f);
	}
	f = malloc(sizeof(*f));
	if (!f)
		return -ENOMEM;
	*f = *call;
	f->next = l->flights;
	l->flights = f;
	if (take(l, &f->kept) || take(l, &f->gone) || take(l, &f->replaced)) {
		mt_ledger_fail(l, call->tid);
		return -ENOMEM;
	}
	return 0;
}

int mt_ledger_begin(struct mt_ledger *l, uint32_t tid, uint64_t start, uint64_t len)
{
	struct span s = span_of(l, start, len);

	return flight_begin(
		l, &(struct flight){ .tid = tid, .start = s.start, .end = s.end, .gone = s });
}

int mt_ledger_begin_mremap(struct mt_ledger *l, uint32_t tid, const struct mt_ledger_mremap *call)
{
	struct span old = span_of(l, call->old_start, call->old_len);
	struct flight f = {
		.tid = tid,
		.start = old.start,
		.end = old.end,
		.new_len = call->new_len,
	};
	uint64_t keep = page_up(l, call->new_len);

	if (!(call->flags & MREMAP_DONTUNMAP)) {
		if (keep > span_len(&old))
			keep = span_len(&old);
		f.kept = (struct span){ .start = old.start, .end = old.start + keep };
		f.gone = (struct span){ .start = old.start + keep, .end = old.end };
	}
	if (call->flags & MREMAP_FIXED)
		f.replaced = span_of(l, call->new_start, call->new_len);
	return flight_begin(l, &f);
}

int mt_ledger_fail(struct mt_ledger *l, uint32_t tid)
{
	_free_ struct flight *f = flight_unlink(l, tid);
	int err = 0;

	if (!f)
		return 0;
	if (restore(l, &f->replaced))
		err = -ENOMEM;
	if (restore(l, &f->gone))
		err = -ENOMEM;
	if (restore(l, &f->kept))
		err = -ENOMEM;
	return err;
}

/* ---- calls that succeeded ------------------------------------------------------------- */

int mt_ledger_mmap(struct mt_ledger *l, uint32_t tid, const struct mt_ledger_mmap *call,
		   uint64_t ts_ns)
{
	struct span s = span_of(l, call->start, call->len);
	bool replaces = (call->flags & MAP_FIXED) && !(call->flags & MAP_FIXED_NOREPLACE);
	bool arena = call->prot == PROT_NONE && (call->flags & ARENA_FLAGS) == ARENA_FLAGS;
	struct flight *f = flight_land(l, tid, &s, 0);
	bool had;
	int err;

	if (f)
		flight_drop(l, f);
	else if (replaces)
		l->t.unpaired++;
	err = clear(l, s.start, s.end, &had);
	if (err)
		return err;
	/* What another thread's failed call put back meanwhile is there to be replaced. */
	if (had && !replaces)
		l->t.overlaps++;
	err = install(l, s.start, s.end, call->stack, MT_LEDGER_MMAP,
		      call->maker | (arena ? MARK_ARENA : 0), ts_ns);
	if (err)
		return err;
	l->t.mmap_cnt++;
	l->t.mmap_bytes += span_len(&s);
	return 0;
}

int mt_ledger_munmap(struct mt_ledger *l, uint32_t tid, uint64_t start, uint64_t len)
{
	struct span s = span_of(l, start, len);
	struct flight *f = flight_land(l, tid, &s, 0);

	if (!f) {
		int err = mt_ledger_begin(l, tid, start, len);

		if (err)
			return err;
		l->t.unpaired++;
		f = flight_unlink(l, tid);
	}
	l->t.unknown_bytes += span_len(&f->gone) - mt_ranges_bytes(f->gone.tree);
	flight_drop(l, f);
	l->t.munmap_cnt++;
	l->t.munmap_bytes += span_len(&s);
	return 0;
}

/* Moves what an mremap kept to its new address. */
static void relocate(struct mt_ledger *l, struct span *kept, uint64_t start)
{
	uint64_t distance = start - kept->start; /* wraps when it moves down */
	struct mt_range *r;

	while ((r = mt_ranges_pop(&kept->tree))) {
		r->start += distance;
		r->end += distance;
		mt_ranges_put(&l->ranges, r, r->start);
	}
}

int mt_ledger_mremap(struct mt_ledger *l, uint32_t tid, const struct mt_ledger_mremap *call,
		     uint64_t result, uint64_t stack, uint64_t ts_ns)
{
	struct span old = span_of(l, call->old_start, call->old_len);
	struct span new = span_of(l, result, call->new_len);
	struct flight *f = flight_land(l, tid, &old, call->new_len);
	uint64_t moved;
	bool had;
	int err;

	if (!f) {
		err = mt_ledger_begin_mremap(l, tid, call);
		if (err)
			return err;
		l->t.unpaired++;
		f = flight_unlink(l, tid);
	}
	l->t.unknown_bytes += span_len(&f->kept) - mt_ranges_bytes(f->kept.tree);
	l->t.unknown_bytes += span_len(&f->gone) - mt_ranges_bytes(f->gone.tree);
	moved = span_len(&f->kept);

	err = clear(l, new.start, new.end, &had);
	if (err) {
		flight_drop(l, f);
		return err;
	}
	if (had && !(call->flags & MREMAP_FIXED))
		l->t.overlaps++;
	relocate(l, &f->kept, new.start);
	flight_drop(l, f);
	l->t.mremap_cnt++;
	return install(l, new.start + moved, new.end, stack, MT_LEDGER_MMAP, call->maker, ts_ns);
}

int mt_ledger_brk(struct mt_ledger *l, uint64_t old_brk, uint64_t new_brk, uint64_t stack,
		  uint64_t ts_ns)
{
	uint64_t from = page_up(l, old_brk), to = page_up(l, new_brk);
	struct span s = { .start = to, .end = from };
	bool had;
	int err;

	if (to > from) {
		err = clear(l, from, to, &had);
		if (err)
			return err;
		if (had)
			l->t.overlaps++;
		err = install(l, from, to, stack, MT_LEDGER_BRK, 0, ts_ns);
		if (err)
			return err;
		l->t.brk_grown_bytes += to - from;
		return 0;
	}
	err = take(l, &s);
	if (err)
		return err;
	l->t.unknown_bytes += span_len(&s) - mt_ranges_bytes(s.tree);
	drop(l, &s);
	return 0;
}

/* ---- questions ------------------------------------------------------------------------ */

static struct mt_ledger_range range_of(const struct mt_range *r)
{
	const struct site *site = r->owner;

	return (struct mt_ledger_range){
		.start = r->start,
		.end = r->end,
		.stack = site->s.stack,
		.kind = site->s.kind,
		.arena = is_arena(r),
		.maker = r->mark & MARK_MAKER,
	};
}

bool mt_ledger_find(const struct mt_ledger *l, uint64_t addr, struct mt_ledger_range *out)
{
	const struct mt_range *r = mt_ranges_find(l->ranges.root, addr);

	if (r)
		*out = range_of(r);
	return r;
}

struct visit {
	uint64_t start;
	uint64_t end;
	int (*cb)(const struct mt_ledger_range *range, void *arg);
	void *arg;
};

static int visit(const struct mt_range *r, const struct visit *v)
{
	struct mt_ledger_range range;
	int err;

	if (!r)
		return 0;
	err = r->start > v->start ? visit(r->left, v) : 0;
	if (!err && r->start < v->end && r->end > v->start) {
		range = range_of(r);
		err = v->cb(&range, v->arg);
	}
	return err || r->end >= v->end ? err : visit(r->right, v);
}

int mt_ledger_each_range(const struct mt_ledger *l, uint64_t start, uint64_t end,
			 int (*cb)(const struct mt_ledger_range *range, void *arg), void *arg)
{
	return visit(l->ranges.root, &(struct visit){ start, end, cb, arg });
}

uint64_t mt_ledger_arena_bytes(const struct mt_ledger *l)
{
	return arena_bytes(l->ranges.root);
}

const struct mt_ledger_totals *mt_ledger_totals(const struct mt_ledger *l)
{
	return &l->t;
}

int mt_ledger_each_site(const struct mt_ledger *l,
			int (*cb)(const struct mt_ledger_site *site, void *arg), void *arg)
{
	for (const struct site *site = l->sites; site; site = site->next) {
		struct mt_ledger_site s = site->s;
		int err;

		s.at_peak_bytes = at_peak(l, site);
		err = cb(&s, arg);
		if (err)
			return err;
	}
	return 0;
}

/* ---- life ----------------------------------------------------------------------------- */

int mt_ledger_new(struct mt_ledger **out)
{
	struct mt_ledger *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->page = sysconf(_SC_PAGESIZE);
	mt_ranges_init(&l->ranges);
	*out = l;
	return 0;
}

static void keep_site(void *site)
{
}

void mt_ledger_free(struct mt_ledger **ledger)
{
	struct mt_ledger *l = *ledger;
	struct span all;

	if (!l)
		return;
	while (l->flights)
		flight_drop(l, flight_unlink(l, l->flights->tid));
	all = (struct span){ .tree = l->ranges.root };
	drop(l, &all);
	tdestroy(l->site_index, keep_site);
	for (struct site *site = l->sites, *next; site; site = next) {
		next = site->next;
		free(site);
	}
	free(l);
	*ledger = NULL;
}
