// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "capture/past.h"

#include <math.h>

static void add_hist(float *sum, const uint64_t *counts, double factor)
{
	for (size_t i = 0; i < MT_HIST_BUCKETS; i++)
		sum[i] += factor * counts[i];
}

static void add_storm(struct mt_past *past, const struct mt_storm *s, double factor)
{
	past->has_storm = true;
	past->calls += factor * s->calls;
	past->grown += factor * s->grown;
	past->moved += factor * s->moved;
	past->copied_bytes += factor * s->copied_bytes;
	past->chains += factor * s->chains;
	if (s->longest_chain > past->longest_chain)
		past->longest_chain = s->longest_chain;
	if (s->busiest_window_calls > past->busiest_calls)
		past->busiest_calls = s->busiest_window_calls;
	for (size_t i = 0; i < MT_HIST_BUCKETS; i++)
		past->finals[i] += factor * s->final_sizes[i];
}

void mt_past_add(struct mt_past *past, const struct mt_past_counts *c, const struct mt_burst *burst)
{
	double factor = burst ? burst->stretch_ns / burst->progress_ns : 1;
	const struct mt_site *s = c->site;

	past->alloc_cnt += factor * s->alloc_cnt;
	past->alloc_bytes += factor * s->alloc_bytes;
	past->temporary_cnt += factor * s->temporary_cnt;
	past->short_lived_cnt += factor * s->short_lived_cnt;
	if (s->max_bytes > past->max_bytes)
		past->max_bytes = s->max_bytes;
	add_hist(past->sizes, c->sizes, factor);
	if (c->storm)
		add_storm(past, c->storm, factor);
	if (!burst) {
		add_hist(past->lifetimes, c->lifetimes, 1);
		return;
	}
	mt_tally_add(&past->cnt, burst, s->alloc_cnt);
	mt_tally_add(&past->bytes, burst, s->alloc_bytes);
}

static void put_hist(const float *sum, double scale, uint64_t *out)
{
	for (size_t i = 0; i < MT_HIST_BUCKETS; i++)
		out[i] += llround(scale * sum[i]);
}

static void put_storm(const struct mt_past *past, double scale, struct mt_storm_row *row)
{
	row->calls += llround(scale * past->calls);
	row->grown += llround(scale * past->grown);
	row->moved += llround(scale * past->moved);
	row->copied_bytes += llround(scale * past->copied_bytes);
	row->chains += llround(scale * past->chains);
	if ((int64_t)past->longest_chain > row->longest_chain)
		row->longest_chain = past->longest_chain;
	if ((int64_t)past->busiest_calls > row->busiest_100ms_calls)
		row->busiest_100ms_calls = past->busiest_calls;
}

void mt_past_put(const struct mt_past *past, double scale, struct mt_site_row *row,
		 struct mt_storm_row *storm, uint64_t *sizes, uint64_t *lifetimes, uint64_t *finals)
{
	double cnt = past->alloc_cnt + (scale - 1) * past->cnt.sum;
	double bytes = past->alloc_bytes + (scale - 1) * past->bytes.sum;

	scale = past->alloc_cnt > 0 ? cnt / past->alloc_cnt : 1; /* of all, exact phases too */
	row->alloc_cnt += llround(cnt);
	row->alloc_bytes += llround(bytes);
	row->free_cnt += llround(cnt);
	row->free_bytes += llround(bytes);
	row->temporary_cnt += llround(scale * past->temporary_cnt);
	row->short_lived_cnt += llround(scale * past->short_lived_cnt);
	if ((int64_t)past->max_bytes > row->max_bytes)
		row->max_bytes = past->max_bytes;
	row->alloc_cnt_tally = past->cnt;
	row->alloc_bytes_tally = past->bytes;
	put_hist(past->sizes, scale, sizes);
	put_hist(past->lifetimes, 1, lifetimes);
	if (!past->has_storm)
		return;
	put_hist(past->finals, scale, finals);
	put_storm(past, scale, storm);
}
