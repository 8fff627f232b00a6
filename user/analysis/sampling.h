/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * sampling.h: how sure an estimate is that was made from sampled blocks (bpf/logic/sample.h).
 *
 * Where blocks were sampled every `sample_bytes` bytes, a sum over them has a variance that follows
 * from their sizes. It is told by its unit, variance over sum: the estimate is as sure as if it
 * were that unit times a number of events of a Poisson process, and so is its interval, also for
 * few events and none. Units of sums over a part of the blocks (those alive, those freed) are taken
 * to be that of all.
 *
 * Intervals are of 95%. Bytes and counts alike; where nothing was sampled an interval is the number
 * itself. Pure functions: thread-safe, nothing is allocated or fails.
 */
#ifndef MT_ANALYSIS_SAMPLING_H
#define MT_ANALYSIS_SAMPLING_H

#include "model/hist.h"

struct mt_interval {
	int64_t low;
	int64_t high;
};

struct mt_sampling {
	double count_unit;
	double bytes_unit;
};

/* Of blocks of these sizes, counted by weight; sample_bytes <= 0: all were followed. */
void mt_sampling_get(struct mt_sampling *out, const struct mt_hist *sizes, int64_t sample_bytes);

struct mt_interval mt_sampling_interval(int64_t estimate, double unit);

#endif
