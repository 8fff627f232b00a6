// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/heap.h"

#include <errno.h>

#include "analysis/sum.h"
#include "model/hist.h"
#include "util/cleanup.h"
#include "wire.h"

static int64_t quantile_ns(const struct mt_hist *h, unsigned int permille, int64_t max_ns)
{
	int64_t v = mt_hist_quantile(h, permille, MT_HIST_NO_MAX);

	if (v < 0)
		return -1;
	/* The middle of the unit that times are counted in. */
	v = (v << MT_LIFETIME_SHIFT) + (1 << MT_LIFETIME_SHIFT) / 2;
	return max_ns >= 0 && v > max_ns ? max_ns : v;
}

static void set_quantiles(struct mt_heap_site *site, int64_t sample_bytes)
{
	struct mt_hist sizes = {}, lifetimes = {}, ages = {};

	for (size_t i = 0; i < site->nr_parts; i++) {
		mt_hist_add(&sizes, &site->parts[i].row.sizes);
		mt_hist_add(&lifetimes, &site->parts[i].row.lifetimes);
		mt_hist_add(&ages, &site->parts[i].row.ages);
	}
	site->size_p50_bytes = mt_hist_quantile(&sizes, 500, site->size_max_bytes);
	site->size_p99_bytes = mt_hist_quantile(&sizes, 990, site->size_max_bytes);
	site->lifetime_p50_ns = quantile_ns(&lifetimes, 500, -1);
	site->lifetime_p90_ns = quantile_ns(&lifetimes, 900, -1);
	site->lifetime_p99_ns = quantile_ns(&lifetimes, 990, -1);
	site->live_age_p50_ns = quantile_ns(&ages, 500, site->live_age_max_ns);
	mt_sampling_get(&site->sure, &sizes, sample_bytes);
}

/* What is not known of a part is not known of the sum. */
static void add_known(int64_t *sum, int64_t part)
{
	if (*sum < 0 || part < 0)
		*sum = -1;
	else
		mt_sum_add(sum, part);
}

static void add_part(struct mt_heap_site *site, const struct mt_site_row *row)
{
	mt_sum_add(&site->alloc_cnt, row->alloc_cnt);
	mt_sum_add(&site->alloc_bytes, row->alloc_bytes);
	mt_sum_add(&site->free_cnt, row->free_cnt);
	mt_sum_add(&site->free_bytes, row->free_bytes);
	mt_sum_add(&site->at_peak_cnt, row->at_peak_cnt);
	mt_sum_add(&site->at_peak_bytes, row->at_peak_bytes);
	mt_sum_add(&site->temporary_cnt, row->temporary_cnt);
	mt_sum_add(&site->short_lived_cnt, row->short_lived_cnt);
	add_known(&site->large_bytes, row->large_bytes);
	add_known(&site->large_resident_bytes, row->large_resident_bytes);
	if (row->max_bytes > site->size_max_bytes)
		site->size_max_bytes = row->max_bytes;
	if (row->max_age_ns > site->live_age_max_ns)
		site->live_age_max_ns = row->max_age_ns;
}

static void add_site(struct mt_heap *heap, const struct mt_heap_site *site)
{
	mt_sum_add(&heap->alloc_cnt, site->alloc_cnt);
	mt_sum_add(&heap->alloc_bytes, site->alloc_bytes);
	mt_sum_add(&heap->free_cnt, site->free_cnt);
	mt_sum_add(&heap->free_bytes, site->free_bytes);
	mt_sum_add(&heap->temporary_cnt, site->temporary_cnt);
	mt_sum_add(&heap->short_lived_cnt, site->short_lived_cnt);
}

/* What one site's bytes add to the variance of a sum. */
static double variance_of(const struct mt_heap_site *site, int64_t bytes)
{
	return (double)bytes * site->sure.bytes_unit;
}

/*
 * What was counted of all blocks; the rest is as sure as the sites that make it up. Of counts that
 * is as sure as the worst of them: a sample may lack the small blocks, which are most.
 */
static void set_sampled(struct mt_heap *heap, const struct mt_process_row *row,
			int64_t sample_bytes)
{
	double all = 0, live = 0, peak = 0, peak_bytes = 0, count_unit = 0;

	for (size_t i = 0; i < heap->nr_sites; i++) {
		const struct mt_heap_site *site = &heap->sites[i];

		all += variance_of(site, site->alloc_bytes);
		live += variance_of(site, site->live_bytes);
		peak += variance_of(site, site->at_peak_bytes);
		peak_bytes += site->at_peak_bytes;
		if (site->sure.count_unit > count_unit)
			count_unit = site->sure.count_unit;
	}
	heap->sampled = true;
	/* Without a sample there may be any number of blocks, between two points. */
	heap->count_unit = heap->nr_sites ? count_unit : row->alloc_cnt;
	heap->bytes_unit = heap->alloc_bytes > 0 ? all / heap->alloc_bytes : sample_bytes;
	heap->live_bytes_unit = heap->live_bytes > 0 ? live / heap->live_bytes : heap->bytes_unit;
	heap->peak_bytes_unit = peak_bytes > 0 ? peak / peak_bytes : heap->bytes_unit;
	heap->alloc_cnt = row->alloc_cnt;
	heap->alloc_bytes = row->alloc_bytes;
	heap->free_cnt = row->free_cnt;
}

/* What a sum is that exact phases have counted too: theirs is what bursts do not explain. */
static struct mt_estimate with_exact(int64_t sum, const struct mt_tally *t,
				     const struct mt_process_row *row)
{
	struct mt_estimate e = mt_estimate_total(t, &row->bursts, row->burst_own_ns);
	double counted = sum > e.value ? sum - e.value : 0;

	e.value += counted;
	e.low += counted;
	e.high += counted;
	return e;
}

static void set_site_estimates(struct mt_heap_site *site, const struct mt_process_row *row)
{
	struct mt_tally cnt = { 0 }, bytes = { 0 };

	for (size_t i = 0; i < site->nr_parts; i++) {
		const struct mt_site_row *part = &site->parts[i].row;

		mt_tally_join(&cnt, &part->alloc_cnt_tally);
		mt_tally_join(&bytes, &part->alloc_bytes_tally);
	}
	site->burst_cnt = with_exact(site->alloc_cnt, &cnt, row);
	site->burst_bytes = with_exact(site->alloc_bytes, &bytes, row);
}

static void set_windowed(struct mt_heap *heap, const struct mt_process_row *row)
{
	heap->windowed = true;
	heap->lives = heap->lives && row->exact_since_ns >= 0;
	for (size_t i = 0; i < heap->nr_sites; i++)
		set_site_estimates(&heap->sites[i], row);
	heap->burst_cnt = with_exact(heap->alloc_cnt, &row->alloc_cnt_tally, row);
	heap->burst_bytes = with_exact(heap->alloc_bytes, &row->alloc_bytes_tally, row);
}

static int by_peak(const void *va, const void *vb)
{
	const struct mt_heap_site *a = va, *b = vb;

	return mt_sum_falling(a->at_peak_bytes, b->at_peak_bytes)
		       ?: mt_sum_falling(a->alloc_bytes, b->alloc_bytes)
		       ?: (a->stack->id > b->stack->id) - (a->stack->id < b->stack->id);
}

int mt_heap_new(struct mt_heap **out, const struct mt_model *m, const struct mt_model_process *p)
{
	__cleanup(mt_heap_free) struct mt_heap *heap = calloc(1, sizeof(*heap));
	int64_t peak_bytes = p->row.heap_peak_bytes;

	if (!heap)
		return -ENOMEM;
	heap->sites = calloc(p->nr_sites + 1, sizeof(*heap->sites));
	if (!heap->sites)
		return -ENOMEM;
	heap->watched = p->row.seen_ns >= 0;
	heap->entry_only = p->row.entry_only;
	heap->lives = !heap->entry_only;
	for (size_t i = 0; i < p->nr_sites;) {
		struct mt_heap_site *site = &heap->sites[heap->nr_sites++];

		site->stack = &p->sites[i].stack;
		site->parts = &p->sites[i];
		site->live_age_max_ns = -1;
		for (; i < p->nr_sites && p->sites[i].stack.id == site->stack->id; i++)
			add_part(site, &site->parts[site->nr_parts++].row);
		site->live_cnt = mt_sum_subtract(site->alloc_cnt, site->free_cnt);
		site->live_bytes = mt_sum_subtract(site->alloc_bytes, site->free_bytes);
		site->at_peak_pct = peak_bytes > 0 ? 100.0 * site->at_peak_bytes / peak_bytes : -1;
		set_quantiles(site, m->meta.sample_bytes);
		add_site(heap, site);
	}
	heap->live_cnt = mt_sum_subtract(heap->alloc_cnt, heap->free_cnt);
	heap->live_bytes = mt_sum_subtract(heap->alloc_bytes, heap->free_bytes);
	if (m->meta.sample_bytes > 0)
		set_sampled(heap, &p->row, m->meta.sample_bytes);
	if (p->row.windowed)
		set_windowed(heap, &p->row);
	qsort(heap->sites, heap->nr_sites, sizeof(*heap->sites), by_peak);
	*out = TAKE_PTR(heap);
	return 0;
}

void mt_heap_free(struct mt_heap **heap)
{
	if (!*heap)
		return;
	free((*heap)->sites);
	free(*heap);
	*heap = NULL;
}

int64_t mt_heap_lived_ns(const struct mt_model_site *parts, size_t nr_parts)
{
	struct mt_hist freed = {}, alive = {};
	int64_t alloc_cnt = 0, free_cnt = 0;
	double sum;

	for (size_t i = 0; i < nr_parts; i++) {
		mt_hist_add(&freed, &parts[i].row.lifetimes);
		mt_hist_add(&alive, &parts[i].row.ages);
		mt_sum_add(&alloc_cnt, parts[i].row.alloc_cnt);
		mt_sum_add(&free_cnt, parts[i].row.free_cnt);
	}
	if (free_cnt < 0 || mt_hist_cnt(&freed) != (uint64_t)free_cnt ||
	    mt_hist_cnt(&alive) != (uint64_t)mt_sum_subtract(alloc_cnt, free_cnt))
		return -1;
	sum = ((double)mt_hist_sum(&freed) + (double)mt_hist_sum(&alive)) *
	      (1 << MT_LIFETIME_SHIFT);
	return sum < 0x1p62 ? (int64_t)sum : 1LL << 62;
}

const char *mt_heap_kind(const struct mt_heap *heap, enum mt_trust trust)
{
	if (!heap->watched || heap->entry_only || trust > MT_TRUST_WINDOWED)
		return NULL;
	return heap->windowed ? "windowed" : trust == MT_TRUST_SAMPLED ? "sampled" : "exact";
}
