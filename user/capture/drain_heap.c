// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "capture/drain_heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/capture.h"
#include "capture/drain_stacks.h"
#include "capture/keyed.h"
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
	uint64_t *ages;	  /* of live blocks, MT_HIST_BUCKETS */
	uint64_t *finals; /* sizes of live blocks that went through a storm */
};

struct mt_drain_heap {
	struct mt_capture *capture;
	struct mt_session *session;
	struct mt_drain_stacks *stacks;
	int64_t start_ns;
	htab_t sites;
	struct mt_live_key *dead; /* live blocks of programs that have ended */
	size_t nr_dead;
	size_t room_dead;
};

static void free_site(void *entry)
{
	struct site *site = entry;

	free(site->ages);
	free(site->finals);
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
	free(h->dead);
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

static int remember_dead(struct mt_drain_heap *h, const struct mt_live_key *key)
{
	if (h->nr_dead == h->room_dead) {
		size_t room = h->room_dead ? h->room_dead * 2 : 1024;
		struct mt_live_key *v = reallocarray(h->dead, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		h->dead = v;
		h->room_dead = room;
	}
	h->dead[h->nr_dead++] = *key;
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
	if (!a->final && remember_dead(a->h, key))
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
	if (!mt_tables_storm(mt_session_kernel(h->session), key, &storm)) {
		fill_storm(&storm, site, finals, &storm_row);
		row.storm = &storm_row;
	}
	return mt_capture_put_site(h->capture, &row);
}

struct walk {
	struct mt_drain_heap *h;
	bool all;	 /* write also what has not changed */
	uint64_t *words; /* of each slot, as they were before the walk */
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
	return err;
}

int mt_drain_heap_tick(struct mt_drain_heap *h, bool final)
{
	struct mt_kernel *k = (struct mt_kernel *)mt_session_kernel(h->session);
	int err;

	mt_kernel_control(k, MT_CONTROL_SWEEP, 0, NULL);
	h->nr_dead = 0;
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
	mt_tables_drop_live(mt_session_kernel(h->session), h->dead, h->nr_dead);
	htab_traverse_noresize(h->sites, drop_site, h);
}
