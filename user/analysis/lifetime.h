/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * lifetime.h: when a process ran within the recording, and when its calls were counted.
 *
 * Nanoseconds since the start of the recording. Pure over a const model: thread-safe;
 * nothing is allocated or fails, but for dates on a capture without one.
 */
#ifndef MT_ANALYSIS_LIFETIME_H
#define MT_ANALYSIS_LIFETIME_H

#include "model/model.h"

struct mt_phase {
	int64_t from_ns;
	int64_t to_ns;
	const char *layer; /* "kernel", "burst", "exact" */
};

struct mt_lifetime {
	int64_t from_ns;
	int64_t to_ns;
	int64_t duration_ns;
	int64_t uncounted_ns; /* of these its heap calls were not counted */
	double counted_pct;   /* the rest's share; -1: it has no duration */
	const char *layer;    /* the finest that it reached */
};

/* The end of the recording, as far as the capture knows. */
int64_t mt_lifetime_end(const struct mt_model *m);

void mt_lifetime_get(struct mt_lifetime *out, const struct mt_model *m,
		     const struct mt_model_process *p);

/* Its phase `i`, in the order of time; false: there are no more. */
bool mt_lifetime_phase(struct mt_phase *out, const struct mt_lifetime *l, const struct mt_model *m,
		       const struct mt_model_process *p, size_t i);

/* When the recording began, in nanoseconds since 1970; -ENODATA if that is unknown. */
int mt_lifetime_epoch(int64_t *out_ns, const struct mt_model *m);

#define MT_DATE_LEN 40

/* The moment as RFC 3339 in UTC with milliseconds; -ENODATA if the start is unknown. */
int mt_lifetime_date(char date[MT_DATE_LEN], const struct mt_model *m, int64_t at_ns);

#endif
