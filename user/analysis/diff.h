/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * diff.h: two recordings of a program beside each other, the one before a change and the one after.
 *
 * Metrics are of the whole recording: sums over its programs, and of peaks the sum of each one's.
 * -1 is unknown, and so is what comes of it. Sites, storms and what starts threads are matched by
 * their identity (identity.h).
 *
 * Results point into the models, which must outlive them. Pure over const models: thread-safe.
 * Returns 0 or -ENOMEM.
 */
#ifndef MT_ANALYSIS_DIFF_H
#define MT_ANALYSIS_DIFF_H

#include "analysis/diff_places.h"
#include "analysis/losses.h"
#include "analysis/pick.h"
#include "model/model.h"

enum mt_diff_unit {
	MT_DIFF_BYTES = 1,
	MT_DIFF_COUNT,
	MT_DIFF_NS,
};

struct mt_diff_metric {
	const char *name;  /* "peak_rss_bytes" */
	const char *title; /* "Peak RSS" */
	enum mt_diff_unit unit;
	int64_t old;
	int64_t new;
};

#define MT_DIFF_METRICS 14

/* Of 95%; without width where it is exact. What is not known of it is infinite. */
struct mt_diff_range {
	double low;
	double high;
};

/* The heap at one identity; 0 where a recording does not have it. */
struct mt_diff_site {
	const char *comm;
	const struct mt_model_stack *stack; /* the new one's, if it has it */
	const struct mt_model_process *process;
	int64_t old[MT_PICK_TEMPORARY + 1]; /* by enum mt_pick_order */
	int64_t new[MT_PICK_TEMPORARY + 1];
	struct mt_diff_range old_range[MT_PICK_TEMPORARY + 1];
	struct mt_diff_range new_range[MT_PICK_TEMPORARY + 1];
};

struct mt_diff {
	struct mt_diff_metric metrics[MT_DIFF_METRICS];
	struct mt_diff_site *sites; /* largest difference first */
	size_t nr_sites;
	struct mt_diff_places storms; /* of calls that were counted */
	struct mt_diff_places threads;
	enum mt_pick_order order; /* by which sites are compared */
	bool old_lives;		  /* what lives, and the peak, are known */
	bool new_lives;
	const char *old_mode; /* the --mode it was recorded with; NULL is unknown */
	const char *new_mode;
	enum mt_trust old_trust; /* of its heaps, all together */
	enum mt_trust new_trust;
};

/* order: MT_PICK_ANY is at the peak where both know it, else what was asked for. */
int mt_diff_new(struct mt_diff **out, const struct mt_model *old, const struct mt_model *new,
		enum mt_pick_order order);
void mt_diff_free(struct mt_diff **diff);

/* Is there a difference for certain: do the intervals lie apart? */
bool mt_diff_is_certain(const struct mt_diff_site *site, enum mt_pick_order order);

/* Of metric `i`, below MT_DIFF_METRICS. */
const char *mt_diff_metric_name(int i);
/* new - old; pct is infinite for growth from 0. Of a metric that is not known in both the result is
 * false. */
bool mt_diff_change(const struct mt_diff_metric *metric, int64_t *change, double *pct);

#endif
