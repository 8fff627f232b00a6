// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "report/json_internal.h"

#include <math.h>
#include <stdlib.h>

#include "analysis/losses.h"
#include "analysis/storms.h"

/* What needs a block's address is not known where calls were seen at their entry only. */
static json_t *by_address(const struct mt_heap *heap, int64_t v)
{
	return heap->entry_only ? json_null() : mt_json_number(v);
}

static json_t *of_living(const struct mt_heap *heap, int64_t v)
{
	return heap->lives ? mt_json_number(v) : json_null();
}

static json_t *known_living(const struct mt_heap *heap, int64_t v)
{
	return heap->lives ? mt_json_known(v) : json_null();
}

/* Nor, by bursts, how long blocks live: most outlive the burst. */
static json_t *by_age(const struct mt_heap *heap, int64_t v)
{
	return heap->windowed ? json_null() : by_address(heap, v);
}

static json_t *known_age(const struct mt_heap *heap, int64_t v)
{
	return heap->windowed ? json_null() : mt_json_known(v);
}

static json_t *interval(int64_t estimate, double unit)
{
	struct mt_interval ci95 = mt_sampling_interval(estimate, unit);

	return json_pack("[oo]", mt_json_number(ci95.low), mt_json_number(ci95.high));
}

/* A bound that is not known is null. */
static json_t *bound(double v)
{
	return v < (double)INT64_MAX ? mt_json_number(llround(v)) : json_null();
}

static json_t *burst_intervals(const struct mt_estimate *cnt, const struct mt_estimate *bytes)
{
	return json_pack("{s[oo] s[oo]}", "alloc_count", bound(cnt->low), bound(cnt->high),
			 "alloc_bytes", bound(bytes->low), bound(bytes->high));
}

/* What is not exact, where blocks were sampled. */
static json_t *heap_intervals(const struct mt_heap *heap, const struct mt_process_row *row)
{
	if (heap->windowed)
		return burst_intervals(&heap->burst_cnt, &heap->burst_bytes);
	if (!heap->sampled || heap->entry_only)
		return json_object();
	return json_pack("{so so so so so so}", "free_bytes",
			 interval(heap->free_bytes, heap->bytes_unit), "live_count",
			 interval(heap->live_cnt, heap->count_unit), "live_bytes",
			 interval(heap->live_bytes, heap->live_bytes_unit), "peak_live_bytes",
			 interval(row->heap_peak_bytes, heap->peak_bytes_unit), "temporary_count",
			 interval(heap->temporary_cnt, heap->count_unit), "short_lived_count",
			 interval(heap->short_lived_cnt, heap->count_unit));
}

static json_t *site_intervals(const struct mt_heap *heap, const struct mt_heap_site *s)
{
	const struct {
		const char *name;
		int64_t estimate;
		double unit;
		bool by_address;
	} estimates[] = {
		{ "alloc_count", s->alloc_cnt, s->sure.count_unit },
		{ "alloc_bytes", s->alloc_bytes, s->sure.bytes_unit },
		{ "live_count", s->live_cnt, s->sure.count_unit, true },
		{ "live_bytes", s->live_bytes, s->sure.bytes_unit, true },
		{ "at_peak_count", s->at_peak_cnt, s->sure.count_unit, true },
		{ "at_peak_bytes", s->at_peak_bytes, s->sure.bytes_unit, true },
		{ "temporary_count", s->temporary_cnt, s->sure.count_unit, true },
		{ "short_lived_count", s->short_lived_cnt, s->sure.count_unit, true },
	};
	_decref_ json_t *object = json_object();

	if (heap->windowed)
		return burst_intervals(&s->burst_cnt, &s->burst_bytes);
	for (size_t i = 0; object && heap->sampled && i < ARRAY_SIZE(estimates); i++)
		if (!(heap->entry_only && estimates[i].by_address) &&
		    json_object_set_new(object, estimates[i].name,
					interval(estimates[i].estimate, estimates[i].unit)))
			return NULL;
	return TAKE_PTR(object);
}

/* Whose a freed block was is not known either, where not all were followed. Nor are calls all. */
static json_t *by_owner(const struct mt_heap *heap, int64_t v)
{
	return heap->sampled || heap->windowed ? json_null() : by_address(heap, v);
}

json_t *mt_json_heap_totals(const struct mt_json_process *ctx, const struct mt_heap *heap)
{
	const struct mt_process_row *row = &ctx->process->row;
	struct mt_losses losses;

	if (!heap->watched)
		return json_null();
	mt_losses_get(&losses, ctx->model);
	return json_pack("{so so so so so so so so so so so so so so so so}", "kind",
			 mt_json_text(mt_heap_kind(heap, losses.heap)), "since",
			 mt_json_text(row->since), "alloc_count", mt_json_known(heap->alloc_cnt),
			 "alloc_bytes", mt_json_known(heap->alloc_bytes), "free_count",
			 mt_json_known(heap->windowed	  ? -1
				       : heap->entry_only ? row->entry_free_cnt
							  : heap->free_cnt),
			 "free_bytes", by_age(heap, heap->free_bytes), "live_count",
			 of_living(heap, heap->live_cnt), "live_bytes",
			 of_living(heap, heap->live_bytes), "peak_live_bytes",
			 mt_json_known(row->heap_peak_bytes), "temporary_count",
			 by_address(heap, heap->temporary_cnt), "short_lived_count",
			 by_age(heap, heap->short_lived_cnt), "unknown_free_count",
			 by_owner(heap, row->unknown_free_cnt), "inherited_free_count",
			 by_owner(heap, row->inherited_free_cnt), "flushed_free_count",
			 by_age(heap, row->flushed_free_cnt), "failed_count",
			 by_age(heap, row->failed_cnt), "ci95", heap_intervals(heap, row));
}

static json_t *kinds(const struct mt_heap_site *site)
{
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < site->nr_parts; i++)
		if (json_array_append_new(array, mt_json_text(site->parts[i].row.kind)))
			return NULL;
	return TAKE_PTR(array);
}

static json_t *heap_site(struct mt_json_process *ctx, const struct mt_heap *heap,
			 const struct mt_heap_site *s)
{
	return json_pack(
		"{so so so so so so so so so so so so s{so so so} s{so so} s{so so so} so}",
		"stack", mt_json_stack(ctx, s->stack), "kinds", kinds(s), "alloc_count",
		mt_json_number(s->alloc_cnt), "alloc_bytes", mt_json_number(s->alloc_bytes),
		"live_count", of_living(heap, s->live_cnt), "live_bytes",
		of_living(heap, s->live_bytes), "at_peak_count", of_living(heap, s->at_peak_cnt),
		"at_peak_bytes", of_living(heap, s->at_peak_bytes), "temporary_count",
		by_address(heap, s->temporary_cnt), "short_lived_count",
		by_age(heap, s->short_lived_cnt), "live_large_bytes",
		known_living(heap, s->large_bytes), "live_large_resident_bytes",
		known_living(heap, s->large_resident_bytes), "lifetime_ns", "p50",
		known_age(heap, s->lifetime_p50_ns), "p90", known_age(heap, s->lifetime_p90_ns),
		"p99", known_age(heap, s->lifetime_p99_ns), "live_age_ns", "p50",
		known_age(heap, s->live_age_p50_ns), "max", known_age(heap, s->live_age_max_ns),
		"size_bytes", "p50", mt_json_known(s->size_p50_bytes), "p99",
		mt_json_known(s->size_p99_bytes), "max", mt_json_number(s->size_max_bytes), "ci95",
		site_intervals(heap, s));
}

json_t *mt_json_heap_sites(struct mt_json_process *ctx, const struct mt_heap *heap)
{
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < heap->nr_sites; i++)
		if (json_array_append_new(array, heap_site(ctx, heap, &heap->sites[i])))
			return NULL;
	return TAKE_PTR(array);
}

static json_t *storm(struct mt_json_process *ctx, const struct mt_storm_site *s)
{
	return json_pack(
		"{so so so so so so so s{so so} so s{}}", "stack", mt_json_stack(ctx, s->stack),
		"calls", mt_json_number(s->calls), "moved", mt_json_number(s->moved),
		"copied_bytes", mt_json_number(s->copied_bytes), "chains",
		mt_json_number(s->chains), "longest_chain", mt_json_number(s->longest_chain),
		"busiest_100ms_calls", mt_json_number(s->busiest_100ms_calls), "final_size_bytes",
		"p50", mt_json_known(s->final_p50_bytes), "p99", mt_json_known(s->final_p99_bytes),
		"suggested_capacity_bytes", mt_json_known(s->suggested_capacity_bytes), "ci95");
}

json_t *mt_json_realloc(struct mt_json_process *ctx, const struct mt_heap *heap)
{
	__cleanup(mt_storms_free) struct mt_storms *storms = NULL;
	_decref_ json_t *array = json_array();

	if (!heap->watched)
		return json_null();
	if (!array || mt_storms_new(&storms, ctx->process))
		return NULL;
	for (size_t i = 0; i < storms->nr_sites; i++)
		if (json_array_append_new(array, storm(ctx, &storms->sites[i])))
			return NULL;
	return json_pack(
		"{so so so so so sO}", "count", mt_json_number(storms->calls), "grow_count",
		mt_json_number(storms->grown), "moved_count", mt_json_number(storms->moved),
		"copied_bytes", mt_json_number(storms->copied_bytes), "failed_count",
		heap->windowed ? json_null() : mt_json_number(ctx->process->row.realloc_failed_cnt),
		"storms", array);
}
