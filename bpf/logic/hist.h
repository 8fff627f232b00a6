/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * hist.h: the log-linear histogram of sizes and lifetimes.
 *
 * Values below 4 have a bucket each; above, every octave is cut into four equal buckets,
 * so a bucket's width is at most a quarter of its lower bound. No helpers: compiled into
 * BPF and on the host.
 */
#ifndef MT_LOGIC_HIST_H
#define MT_LOGIC_HIST_H

#include "../wire.h"

/* floor(log2(v)) for v > 0, by halving: BPF has no instruction for it. */
static inline __u32 mt_hist_log2(__u64 v)
{
	__u32 r = 0;

	if (v >> 32) {
		v >>= 32;
		r += 32;
	}
	if (v >> 16) {
		v >>= 16;
		r += 16;
	}
	if (v >> 8) {
		v >>= 8;
		r += 8;
	}
	if (v >> 4) {
		v >>= 4;
		r += 4;
	}
	if (v >> 2) {
		v >>= 2;
		r += 2;
	}
	return r + (v >> 1);
}

static inline __u32 mt_hist_index(__u64 v)
{
	__u32 octave, index;

	if (v < 4)
		return v;
	octave = mt_hist_log2(v);
	index = (octave - 1) * 4 + ((v >> (octave - 2)) & 3);
	return index < MT_HIST_BUCKETS ? index : MT_HIST_BUCKETS - 1;
}

/* The smallest value that lands in bucket `index`. */
static inline __u64 mt_hist_lower(__u32 index)
{
	if (index < 4)
		return index;
	return (4ULL + (index & 3)) << (index / 4 - 1);
}

#endif
