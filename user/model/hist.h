/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * hist.h: what a log-linear histogram (bpf/logic/hist.h) says about its values.
 *
 * The q-quantile is the value of rank ceil(q * n). Inside the bucket that holds that rank
 * the values are taken to be spread evenly: the k-th of m lies at (2k - 1) / 2m of the way
 * from the bucket's smallest to its largest value. So the error is below a quarter of the
 * value, and none where a bucket holds one value (below 8). A known maximum caps it.
 *
 * Pure functions over counts that the caller owns; thread-safe.
 */
#ifndef MT_MODEL_HIST_H
#define MT_MODEL_HIST_H

#include <stdint.h>

#include "capture/capture.h"
#include "wire.h"

struct mt_hist {
	uint64_t counts[MT_HIST_BUCKETS];
};

#define MT_HIST_NO_MAX INT64_MAX

/* For a sum over several histograms: start from zeroes. */
void mt_hist_add(struct mt_hist *sum, const struct mt_hist_row *h);

uint64_t mt_hist_cnt(const struct mt_hist *h);

/* The sum of the values, each taken to be the middle of its bucket; UINT64_MAX: more than that. */
uint64_t mt_hist_sum(const struct mt_hist *h);

/* The quantile in thousandths (500: the median); -1 where nothing was counted. */
int64_t mt_hist_quantile(const struct mt_hist *h, unsigned int permille, int64_t max);

/* What at least that part of the values does not exceed: its bucket's end, or `max`. */
int64_t mt_hist_bound(const struct mt_hist *h, unsigned int permille, int64_t max);

#endif
