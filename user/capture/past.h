/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * past.h: what windows that have closed counted at a site (mode auto).
 *
 * The kernel's tables hold one window at a time (session/pacer.h). Of an exact phase the counts
 * are added as they are; of a burst as what they say of its stretch (tally.h), so that sums of
 * counts, as those of a burst's sizes, are estimates. How long blocks live a burst cannot tell: its
 * lifetimes are left out. Plain state from zeroes on; nothing fails.
 */
#ifndef MT_CAPTURE_PAST_H
#define MT_CAPTURE_PAST_H

#include "capture/capture.h"
#include "capture/tally.h"
#include "wire.h"

struct mt_past {
	double alloc_cnt; /* and as many frees: of what lived on nothing is known any more */
	double alloc_bytes;
	double temporary_cnt;
	double short_lived_cnt;
	uint64_t max_bytes;
	struct mt_tally cnt;   /* of alloc_cnt what is from bursts */
	struct mt_tally bytes; /* of alloc_bytes */
	float sizes[MT_HIST_BUCKETS];
	float lifetimes[MT_HIST_BUCKETS]; /* of exact phases */

	bool has_storm;
	double calls;
	double grown;
	double moved;
	double copied_bytes;
	double chains;
	uint64_t longest_chain;
	uint64_t busiest_calls;
	float finals[MT_HIST_BUCKETS];
};

/* What a window has counted at a site; `storm` may be NULL. */
struct mt_past_counts {
	const struct mt_site *site;
	const uint64_t *sizes;
	const uint64_t *lifetimes;
	const struct mt_storm *storm;
};

/* `burst` NULL: of an exact phase. */
void mt_past_add(struct mt_past *past, const struct mt_past_counts *c,
		 const struct mt_burst *burst);

/*
 * Adds it to the row, and to the row's storm if it has one. `hists`: sizes, lifetimes, finals. What
 * is from bursts counts `scale` times: for what they stand for, over their stretches. The row's
 * tallies are as they are.
 */
void mt_past_put(const struct mt_past *past, double scale, struct mt_site_row *row,
		 struct mt_storm_row *storm, uint64_t *sizes, uint64_t *lifetimes,
		 uint64_t *finals);

#endif
