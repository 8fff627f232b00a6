// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "capture/drain_heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/capture.h"
#include "capture/drain_stacks.h"
#include "capture/keyed.h"
#include "capture/past.h"
#include "session/pacer.h"
#include "session/program.h"
#include "session/session.h"
#include "session/tables.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

#include "logic/hist.h"
#include "logic/peak.h"

/* How often the sites of a program that grows and grows are read in one tick. */
#define WALKS_MAX 3

/* What is known of a site beside what the kernel keeps of it. */
struct site {
	struct mt_site_key key; /* first: it is what is hashed */
	uint64_t ops;		/* allocations and frees when it was last written */
	uint64_t epoch;		/* the process's then: a new peak changes what was at it */
	bool aged;		/* ages are valid */
	int64_t max_age_ns;
	uint64_t *ages;	      /* of live blocks, MT_HIST_BUCKETS */
	uint64_t *finals;     /* sizes of live blocks that went through a storm */
	struct mt_past *past; /* windows that have closed; NULL: none has seen it */
	bool past_changed;    /* since it was written */
};

/* A program's bursts. */
struct bursts {
	struct mt_bursts all;
	struct mt_burst next; /* too short as yet to be one */
	struct mt_tally cnt;
	struct mt_tally bytes;
};

/* Blocks to be dropped from the kernel's table. */
struct keys {
	struct mt_live_key *v;
	size_t nr;
	size_t room;
};

struct mt_drain_heap {
	struct mt_capture *capture;
	struct mt_session *session;
	struct mt_drain_stacks *stacks;
	int64_t start_ns;
	htab_t sites;
	struct bursts *bursts; /* by slot */
	uint32_t nr_bursts;
	struct keys dead; /* live blocks of programs that have ended */
};

static void free_site(void *entry)
{
	struct site *site = entry;

	free(site->ages);
	free(site->finals);
	free(site->past);
	free(site);
}

int mt_drain_heap_new(struct mt_drain_heap **out, struct mt_capture *capture,
		      struct mt_session *session, struct mt_drain_stacks *stacks, int64_t start_ns)
{
	__cleanup(mt_drain_heap_free) struct mt_drain_heap *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->capture = capture;
	h->session = session;
	h->stacks = stacks;
	h->start_ns = start_ns;
	h->sites = mt_keyed_new(free_site);
	if (!h->sites)
		return -ENOMEM;
	*out = TAKE_PTR(h);
	return 0;
}

void mt_drain_heap_free(struct mt_drain_heap **heap)
{
	struct mt_drain_heap *h = *heap;

	if (!h)
		return;
	if (h->sites)
		htab_delete(h->sites);
	free(h->bursts);
	free(h->dead.v);
	free(h);
	*heap = NULL;
}

static struct site *site_get(struct mt_drain_heap *h, const struct mt_site_key *key)
{
	return mt_keyed_get(h->sites, key, sizeof(struct site));
}

static bool has_ended(const struct mt_drain_heap *h, uint32_t slot)
{
	const struct mt_program *p = mt_session_program(h->session, slot);

	return !p || p->ended;
}

/* ---- live blocks: their ages, and the sizes of those that a storm left ------------------ */

struct aging {
	struct mt_drain_heap *h;
	int64_t now_ns;
	bool final;
};

static int remember(struct keys *keys, const struct mt_live_key *key)
{
	if (keys->nr == keys->room) {
		size_t room = keys->room ? keys->room * 2 : 1024;
		struct mt_live_key *v = reallocarray(keys->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		keys->v = v;
		keys->room = room;
	}
	keys->v[keys->nr++] = *key;
	return 0;
}

static int age_block(const struct mt_live_key *key, const struct mt_live *live, void *arg)
{
	struct aging *a = arg;
	const struct mt_program *p = mt_session_program(a->h->session, key->slot);
	struct mt_site_key site_key = { live->stack, key->slot, live->func };
	struct site *site;
	int64_t age;

	if (!a->final && !has_ended(a->h, key->slot))
		return 0;
	if (!a->final && remember(&a->h->dead, key))
		return -ENOMEM;
	site = p ? site_get(a->h, &site_key) : NULL;
	if (!site)
		return p ? -ENOMEM : 0;
	if (!site->ages)
		site->ages = calloc(MT_HIST_BUCKETS, sizeof(*site->ages));
	if (!site->finals && live->chain_len >= MT_STORM_CHAIN)
		site->finals = calloc(MT_HIST_BUCKETS, sizeof(*site->finals));
	if (!site->ages || (!site->finals && live->chain_len >= MT_STORM_CHAIN))
		return -ENOMEM;
	age = (p->ended ? p->end_ns : a->now_ns) - (int64_t)live->born_ns;
	age = age > 0 ? age : 0;
	site->aged = true;
	site->max_age_ns = age > site->max_age_ns ? age : site->max_age_ns;
	site->ages[mt_hist_index(age >> MT_LIFETIME_SHIFT)] += live->weight;
	if (live->chain_len >= MT_STORM_CHAIN)
		site->finals[mt_hist_index(live->size_bytes)] += live->weight;
	return 0;
}

/* The whole of `live` is walked, so only when a program has ended or the recording has. */
static int age_blocks(struct mt_drain_heap *h, bool final)
{
	struct aging a = { .h = h, .now_ns = mt_clock_ns(), .final = final };
	bool needed = final;

	for (uint32_t slot = 1; slot <= mt_session_slots(h->session) && !needed; slot++) {
		const struct mt_program *p = mt_session_program(h->session, slot);

		needed = p && p->ended && p->ready;
	}
	return needed ? mt_tables_each_live(mt_session_kernel(h->session), age_block, &a) : 0;
}

/* ---- sites ------------------------------------------------------------------------------ */

static const char *const kinds[MT_FUNC_MAX] = {
	[MT_FUNC_MALLOC] = "malloc",
	[MT_FUNC_CALLOC] = "calloc",
	[MT_FUNC_REALLOC] = "realloc",
	[MT_FUNC_REALLOCARRAY] = "reallocarray",
	[MT_FUNC_POSIX_MEMALIGN] = "posix_memalign",
	[MT_FUNC_ALIGNED_ALLOC] = "aligned_alloc",
	[MT_FUNC_MEMALIGN] = "memalign",
	[MT_FUNC_VALLOC] = "valloc",
	[MT_FUNC_PVALLOC] = "pvalloc",
	[MT_FUNC_MALLOCX] = "mallocx",
	[MT_FUNC_REALLOCF] = "reallocf",
	[MT_FUNC_RALLOCX] = "rallocx",
	[MT_FUNC_XALLOCX] = "xallocx",
	[MT_FUNC_NEW] = "operator new",
	[MT_FUNC_NEW_ARRAY] = "operator new[]",
};

static void widen(const uint32_t *counts, uint64_t *out)
{
	for (size_t i = 0; i < MT_HIST_BUCKETS; i++)
		out[i] = counts[i];
}

/* The buckets of a site's first blocks, and those of its others. */
static void add_first(const uint8_t *first, uint64_t *counts)
{
	for (size_t i = 0; i < MT_SITE_FIRST; i++)
		if (first[i] && first[i] <= MT_HIST_BUCKETS)
			counts[first[i] - 1]++;
}

static void fill_hists(const struct mt_drain_heap *h, const struct mt_site *s,
		       const struct mt_site_key *key, uint64_t *sizes, uint64_t *lifetimes)
{
	const struct mt_kernel *k = mt_session_kernel(h->session);
	struct mt_hists others = { 0 };

	if (mt_kernel_sample_bytes(k) || s->alloc_cnt > MT_SITE_FIRST ||
	    s->free_cnt > MT_SITE_FIRST)
		mt_tables_hists(k, key, &others);
	widen(others.sizes, sizes);
	widen(others.lifetimes, lifetimes);
	add_first(s->first_sizes, sizes);
	add_first(s->first_lifetimes, lifetimes);
}

static void fill_storm(const struct mt_storm *storm, const struct site *site, uint64_t *finals,
		       struct mt_storm_row *row)
{
	widen(storm->final_sizes, finals);
	for (size_t i = 0; site->finals && i < MT_HIST_BUCKETS; i++)
		finals[i] += site->finals[i];
	*row = (struct mt_storm_row){
		.calls = storm->calls,
		.grown = storm->grown,
		.moved = storm->moved,
		.copied_bytes = storm->copied_bytes,
		.chains = storm->chains,
		.longest_chain = storm->longest_chain,
		.busiest_100ms_calls = storm->busiest_window_calls,
		.final_sizes = { finals, MT_HIST_BUCKETS },
	};
}

static void fill_large(const struct mt_drain_heap *h, const struct mt_site_key *key,
		       struct mt_site_row *row)
{
	const struct mt_program *p = mt_session_program(h->session, key->slot);
	struct mt_bills_large large;

	row->large_bytes = row->large_resident_bytes = -1;
	if (!p || !mt_bills_large_of(&p->bills, key->stack, key->func, &large))
		return;
	row->large_bytes = large.bytes;
	row->large_resident_bytes = large.resident_bytes;
}

/* What the program's bursts stand for, over their stretches: the last one has no burst. */
static double scale_of(const struct mt_drain_heap *h, uint32_t slot)
{
	const struct mt_pacer *pacer = mt_session_pacer(h->session);
	const struct mt_program *p = mt_session_program(h->session, slot);
	const struct bursts *b = slot < h->nr_bursts ? &h->bursts[slot] : NULL;

	if (!pacer || !p || !b || b->all.stretch_ns <= 0)
		return 1;
	return mt_pacer_burst_progress_ns(pacer, p) / b->all.stretch_ns;
}

static int put_site(struct mt_drain_heap *h, const struct mt_site *s, const struct site *site,
		    uint64_t word)
{
	uint64_t sizes[MT_HIST_BUCKETS], lifetimes[MT_HIST_BUCKETS], finals[MT_HIST_BUCKETS];
	const struct mt_site_key *key = &site->key;
	struct mt_storm_row storm_row;
	struct mt_storm storm;
	struct mt_site_row row = {
		.process = key->slot,
		.stack = key->stack,
		.kind = kinds[key->func % MT_FUNC_MAX],
		.alloc_cnt = s->alloc_cnt,
		.alloc_bytes = s->alloc_bytes,
		.free_cnt = s->free_cnt,
		.free_bytes = s->free_bytes,
		.at_peak_cnt = mt_since_at_peak(s->since_cnt, word, s->alloc_cnt - s->free_cnt),
		.at_peak_bytes =
			mt_since_at_peak(s->since_bytes, word, s->alloc_bytes - s->free_bytes),
		.temporary_cnt = s->temporary_cnt,
		.short_lived_cnt = s->short_lived_cnt,
		.max_bytes = s->max_bytes,
		.sizes = { sizes, MT_HIST_BUCKETS },
		.lifetimes = { lifetimes, MT_HIST_BUCKETS },
		.ages = { site->ages, site->ages ? MT_HIST_BUCKETS : 0 },
		.max_age_ns = site->aged ? site->max_age_ns : -1,
	};

	fill_hists(h, s, key, sizes, lifetimes);
	if (!mt_tables_storm(mt_session_kernel(h->session), key, &storm))
		row.storm = &storm_row;
	else if (site->past && site->past->has_storm) {
		storm = (struct mt_storm){};
		row.storm = &storm_row;
	}
	if (row.storm)
		fill_storm(&storm, site, finals, &storm_row);
	fill_large(h, key, &row);
	if (site->past)
		mt_past_put(site->past, scale_of(h, key->slot), &row, &storm_row, sizes, lifetimes,
			    finals);
	return mt_capture_put_site(h->capture, &row);
}

struct walk {
	struct mt_drain_heap *h;
	bool all;	 /* write also what has not changed */
	uint64_t *words; /* of each slot, as they were before the walk */
	int err;
};

static int on_site(const struct mt_site_key *key, const struct mt_site *s, void *arg)
{
	struct walk *w = arg;
	const struct mt_program *p = mt_session_program(w->h->session, key->slot);
	uint64_t ops = s->alloc_cnt + s->free_cnt, word, epoch;
	struct site *site;
	int err;

	if (!p || p->hidden || !mt_program_heap_watched(p))
		return 0;
	site = site_get(w->h, key);
	if (!site)
		return -ENOMEM;
	word = w->words[key->slot];
	epoch = word & ~MT_HEADROOM_MASK;
	if (site->ops == ops && site->epoch == epoch && !w->all && !(p->ended && site->aged))
		return 0;
	site->ops = ops;
	site->epoch = epoch;
	err = mt_drain_stacks_put(w->h->stacks, key->stack);
	return err ? err : put_site(w->h, s, site, word);
}

/* Read every program's word; was there a new peak since they were last read? */
static bool read_words(struct walk *w)
{
	const struct mt_session *session = w->h->session;
	bool moved = false;

	for (uint32_t slot = 1; slot <= mt_session_slots(session); slot++) {
		struct mt_proc proc;

		if (!mt_session_program(session, slot) ||
		    mt_tables_proc(mt_session_kernel(session), slot, &proc))
			continue;
		moved |= (proc.word ^ w->words[slot]) & ~MT_HEADROOM_MASK;
		w->words[slot] = proc.word;
	}
	return moved;
}

/* Of windows that have closed; the walk has put those that the open one has seen too. */
static int put_past(void **slot, void *arg)
{
	static const struct mt_site none;
	struct walk *w = arg;
	struct site *site = *slot;
	struct mt_site now;

	if (!site->past || w->err || !(site->past_changed || w->all) ||
	    !mt_tables_site(mt_session_kernel(w->h->session), &site->key, &now))
		return 1;
	site->past_changed = false;
	w->err = mt_drain_stacks_put(w->h->stacks, site->key.stack);
	w->err = w->err ? w->err : put_site(w->h, &none, site, 0);
	return 1;
}

/*
 * What was at the peak is right for the sites that were read in the peak's epoch. Where a new
 * peak came during the walk the sites are read again, those that changed are written again.
 */
static int put_sites(struct mt_drain_heap *h, bool final)
{
	_free_ uint64_t *words = calloc(mt_session_slots(h->session) + 1, sizeof(*words));
	struct walk w = { .h = h, .all = final, .words = words };
	int err = 0;

	if (!words)
		return -ENOMEM;
	read_words(&w);
	for (int tries = 0; !err && tries < WALKS_MAX; tries++) {
		err = mt_tables_each_site(mt_session_kernel(h->session), on_site, &w);
		if (final || !read_words(&w))
			break;
	}
	if (!err)
		htab_traverse_noresize(h->sites, put_past, &w);
	return err ? err : w.err;
}

/* ---- windows ---------------------------------------------------------------------------- */

struct folding {
	struct mt_drain_heap *h;
	const struct mt_window *window;
	const struct mt_burst *burst; /* NULL: an exact phase */
	double cnt;
	double bytes;
	struct mt_site_key *sites; /* to be dropped */
	size_t nr_sites;
};

static int fold_site(const struct mt_site_key *key, const struct mt_site *s, void *arg)
{
	uint64_t sizes[MT_HIST_BUCKETS], lifetimes[MT_HIST_BUCKETS];
	struct folding *f = arg;
	const struct mt_kernel *k = mt_session_kernel(f->h->session);
	struct mt_past_counts counts = { .site = s, .sizes = sizes, .lifetimes = lifetimes };
	struct mt_site_key *v;
	struct mt_storm storm;
	struct site *site;

	if (key->slot != f->window->slot)
		return 0;
	v = reallocarray(f->sites, f->nr_sites + 1, sizeof(*v));
	site = site_get(f->h, key);
	if (site && !site->past)
		site->past = calloc(1, sizeof(*site->past));
	if (v)
		f->sites = v;
	if (!v || !site || !site->past)
		return -ENOMEM;
	v[f->nr_sites++] = *key;
	fill_hists(f->h, s, key, sizes, lifetimes);
	if (!mt_tables_storm(k, key, &storm))
		counts.storm = &storm;
	mt_past_add(site->past, &counts, f->burst);
	site->past_changed = true;
	f->cnt += s->alloc_cnt;
	f->bytes += s->alloc_bytes;
	return mt_drain_stacks_put(f->h->stacks, key->stack);
}

/* Its counts become the past's, and the kernel forgets them. */
static int fold(struct folding *f)
{
	const struct mt_kernel *k = mt_session_kernel(f->h->session);
	int err = mt_tables_each_site(k, fold_site, f);

	for (size_t i = 0; i < f->nr_sites; i++)
		mt_tables_drop_site(k, &f->sites[i]);
	free(f->sites);
	return err;
}

struct leaving {
	struct mt_program *program; /* or NULL */
	uint32_t slot;
	struct keys keys;
};

static int on_leaving(const struct mt_live_key *key, const struct mt_live *live, void *arg)
{
	struct leaving *l = arg;

	if (key->slot != l->slot)
		return 0;
	if (l->program)
		mt_bills_see(&l->program->bills, key->addr);
	return remember(&l->keys, key);
}

/* Of what lives on after a window nothing is known any more. */
static int drop_live(struct mt_drain_heap *h, uint32_t slot)
{
	const struct mt_kernel *k = mt_session_kernel(h->session);
	struct leaving l = { .program = mt_session_program(h->session, slot), .slot = slot };
	int err = mt_tables_each_live(k, on_leaving, &l);

	mt_tables_drop_live(k, l.keys.v, l.keys.nr);
	free(l.keys.v);
	return err;
}

static struct bursts *bursts_of(struct mt_drain_heap *h, uint32_t slot)
{
	if (slot >= h->nr_bursts) {
		uint32_t nr = 2 * slot + 16;
		struct bursts *v = reallocarray(h->bursts, nr, sizeof(*v));

		if (!v)
			return NULL;
		memset(v + h->nr_bursts, 0, (nr - h->nr_bursts) * sizeof(*v));
		h->bursts = v;
		h->nr_bursts = nr;
	}
	return &h->bursts[slot];
}

int mt_drain_heap_window(const struct mt_window *window, void *heap)
{
	struct mt_drain_heap *h = heap;
	struct folding f = { .h = h, .window = window };
	const struct mt_burst more = {
		.progress_ns = window->progress_ns,
		.stretch_ns = window->stretch_ns,
		.spent_ns = window->spent_ns,
		.doubt_ns = window->doubt_ns,
	};
	struct bursts *b = bursts_of(h, window->slot);
	int err = b ? drop_live(h, window->slot) : -ENOMEM;

	if (err)
		return err;
	if (window->exact)
		return fold(&f);
	if (!mt_burst_extend(&b->next, &more))
		return 0;
	f.burst = &b->next;
	err = fold(&f);
	mt_bursts_add(&b->all, &b->next);
	mt_tally_add(&b->cnt, &b->next, f.cnt);
	mt_tally_add(&b->bytes, &b->next, f.bytes);
	b->next = (struct mt_burst){};
	return err;
}

void mt_drain_heap_fill(const struct mt_drain_heap *h, uint32_t slot, struct mt_process_row *row)
{
	const struct bursts *b = slot < h->nr_bursts ? &h->bursts[slot] : NULL;

	if (!b || !b->all.cnt)
		return;
	row->bursts = b->all;
	row->alloc_cnt_tally = b->cnt;
	row->alloc_bytes_tally = b->bytes;
}

int mt_drain_heap_tick(struct mt_drain_heap *h, bool final)
{
	struct mt_kernel *k = (struct mt_kernel *)mt_session_kernel(h->session);
	int err;

	/* It takes the kernel 2 ms, for peaks that are known where all calls are counted. */
	if (htab_elements(h->sites) && !mt_session_pacer(h->session))
		mt_kernel_control(k, MT_CONTROL_SWEEP, 0, NULL);
	h->dead.nr = 0;
	err = age_blocks(h, final);
	err = err ? err : put_sites(h, final);
	return err ? mt_err(err, "cannot read the kernel's tables: %s", strerror(-err)) : 0;
}

/* ---- what has ended --------------------------------------------------------------------- */

static int drop_site(void **slot, void *arg)
{
	struct mt_drain_heap *h = arg;
	struct site *site = *slot;

	if (has_ended(h, site->key.slot)) {
		mt_tables_drop_site(mt_session_kernel(h->session), &site->key);
		mt_drain_stacks_drop(h->stacks, site->key.stack);
		htab_clear_slot(h->sites, slot);
	}
	return 1;
}

void mt_drain_heap_drop_ended(struct mt_drain_heap *h)
{
	mt_tables_drop_live(mt_session_kernel(h->session), h->dead.v, h->dead.nr);
	htab_traverse_noresize(h->sites, drop_site, h);
}
