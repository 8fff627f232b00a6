/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * rss.h: the peak of a program image's resident memory, and how far off it can be.
 *
 * The kernel keeps a high-water mark for each address space (VmHWM: the larger of its mark
 * and what is resident now) and one for each process that survives exec (signal->maxrss).
 * The first is read at ticks; the second at exec and exit, where it counts only if it
 * exceeds its value at the image's start: else it may be an earlier image's.
 *
 * Both marks come from counters that the kernel batches: before 6.2 a thread keeps up to 64
 * events (TASK_RSS_EVENTS_THRESH) to itself, since then (kernel commit f1a7941243c1) each of
 * three counters (file, anonymous, shared) is short of up to max(32, 2 x CPUs) pages for each
 * CPU. That is the error bound.
 *
 * Times are nanoseconds of CLOCK_MONOTONIC, sizes bytes. No errors, no ownership.
 */
#ifndef MT_SESSION_RSS_H
#define MT_SESSION_RSS_H

#include <stdbool.h>
#include <stdint.h>

struct mt_rss {
	int64_t peak_bytes;	 /* -1: unknown */
	int64_t peak_ns;	 /* -1: unknown, before the recording */
	bool sampled;		 /* only ticks saw it: it may have been higher in between */
	int64_t error_bytes;	 /* -1: unknown */
	int64_t inherited_bytes; /* maxrss when the image began; INT64_MAX: unknown */
	int64_t max_threads;
};

void mt_rss_init(struct mt_rss *rss, int64_t inherited_bytes);

/* What /proc/PID/status says at `now_ns`; `first` look at an image that ran before us. */
void mt_rss_tick(struct mt_rss *rss, int64_t hwm_bytes, int64_t rss_bytes, int64_t threads,
		 int64_t now_ns, bool first);

/*
 * maxrss at exec or at the end of the last thread. per_cpu: the kernel's counters are the ones
 * of 6.2 and later.
 */
void mt_rss_end(struct mt_rss *rss, int64_t maxrss_bytes, int64_t now_ns, bool per_cpu);

/* The last tick saw its mark at the very end, of its life or of the recording. */
void mt_rss_final_look(struct mt_rss *rss, bool per_cpu);

#endif
