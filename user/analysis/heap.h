/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * heap.h: a process's heap, in total and by stack.
 *
 * A site of the report is a stack: what malloc and calloc did there is one. live is alloc
 * less free. Bytes are as requested, times nanoseconds, -1 is unknown. Where blocks were sampled
 * the heap's allocations and number of frees are exact, all else is estimated, and its live is not
 * their difference. Where bursts counted, in mode auto, its sums are estimates, and what lives is
 * known of an exact phase that has not ended only. Results point into the model, which must outlive
 * them. Pure over a const model: thread-safe. Returns 0 or -ENOMEM.
 */
#ifndef MT_ANALYSIS_HEAP_H
#define MT_ANALYSIS_HEAP_H

#include "analysis/estimate.h"
#include "analysis/losses.h"
#include "analysis/sampling.h"
#include "model/model.h"

struct mt_heap_site {
	const struct mt_model_stack *stack;
	const struct mt_model_site *parts; /* one a kind */
	size_t nr_parts;
	int64_t alloc_cnt;
	int64_t alloc_bytes;
	int64_t free_cnt;
	int64_t free_bytes;
	int64_t live_cnt;
	int64_t live_bytes;
	int64_t at_peak_cnt;
	int64_t at_peak_bytes;
	double at_peak_pct; /* of the heap's peak; -1: that is unknown */
	int64_t temporary_cnt;
	int64_t short_lived_cnt;
	int64_t lifetime_p50_ns;
	int64_t lifetime_p90_ns;
	int64_t lifetime_p99_ns;
	int64_t live_age_p50_ns;
	int64_t live_age_max_ns;
	int64_t large_bytes; /* that live in blocks of 64 KiB and more; -1: not known */
	int64_t large_resident_bytes;
	int64_t size_p50_bytes;
	int64_t size_p99_bytes;
	int64_t size_max_bytes;
	struct mt_sampling sure;
	struct mt_estimate burst_cnt; /* alloc_cnt and alloc_bytes, where bursts counted */
	struct mt_estimate burst_bytes;
};

struct mt_heap {
	bool watched;	 /* false: its calls were never counted, and all below is 0 */
	bool entry_only; /* blocks have no address: what lives and how long is not known */
	bool sampled;	 /* not all blocks were followed */
	bool windowed;	 /* bursts counted: how long blocks live is not known */
	bool lives;	 /* what lives, and the peak, are known */
	int64_t alloc_cnt;
	int64_t alloc_bytes;
	int64_t free_cnt;
	int64_t free_bytes;
	int64_t live_cnt;
	int64_t live_bytes;
	int64_t temporary_cnt;
	int64_t short_lived_cnt;
	struct mt_heap_site *sites; /* largest at the peak first */
	size_t nr_sites;
	double count_unit; /* how sure sums are; sampling.h */
	double bytes_unit;
	double live_bytes_unit;
	double peak_bytes_unit;
	struct mt_estimate burst_cnt; /* likewise */
	struct mt_estimate burst_bytes;
};

int mt_heap_new(struct mt_heap **out, const struct mt_model *m, const struct mt_model_process *p);
void mt_heap_free(struct mt_heap **heap);

/*
 * How long the blocks of one stack lived together, those that live so far; -1: that is not known of
 * all of them. Each is known to an eighth, its bucket's middle.
 */
int64_t mt_heap_lived_ns(const struct mt_model_site *parts, size_t nr_parts);

/* "exact", "sampled", "windowed"; NULL where something was lost, or what lives was never known.
 * `trust` is the recording's, losses.h. */
const char *mt_heap_kind(const struct mt_heap *heap, enum mt_trust trust);

#endif
