// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/pick.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/sum.h"
#include "util/cleanup.h"

enum mt_pick_order mt_pick_order(const struct mt_pick *pick, const struct mt_heap *heap)
{
	if (pick->leaks)
		return MT_PICK_LIVE;
	if (pick->order != MT_PICK_ANY)
		return pick->order;
	return heap->lives ? MT_PICK_AT_PEAK : MT_PICK_ALLOC;
}

int64_t mt_pick_value(const struct mt_heap_site *site, enum mt_pick_order order)
{
	switch (order) {
	case MT_PICK_LIVE:
		return site->live_bytes;
	case MT_PICK_ALLOC:
		return site->alloc_bytes;
	case MT_PICK_CALLS:
		return site->alloc_cnt;
	case MT_PICK_TEMPORARY:
		return site->temporary_cnt;
	default:
		return site->at_peak_bytes;
	}
}

static bool has(const struct mt_model_stack *stack, const char *pattern)
{
	for (size_t i = 0; i < stack->nr; i++) {
		const struct mt_frame *f = stack->frames[i];

		if ((f->function && strstr(f->function, pattern)) ||
		    (f->module && strstr(f->module, pattern)))
			return true;
	}
	return false;
}

static bool is_wanted(const struct mt_heap_site *site, const struct mt_pick *pick)
{
	if (pick->pattern && !has(site->stack, pick->pattern))
		return false;
	if (!pick->leaks)
		return true;
	return site->live_bytes > 0 &&
	       (!pick->min_age_ns || site->live_age_p50_ns >= pick->min_age_ns);
}

static int by_value(const void *va, const void *vb, void *order)
{
	const struct mt_heap_site *a = *(const struct mt_heap_site *const *)va;
	const struct mt_heap_site *b = *(const struct mt_heap_site *const *)vb;
	enum mt_pick_order by = *(enum mt_pick_order *)order;

	return mt_sum_falling(mt_pick_value(a, by), mt_pick_value(b, by))
		       ?: mt_sum_falling(a->alloc_bytes, b->alloc_bytes)
		       ?: (a->stack->id > b->stack->id) - (a->stack->id < b->stack->id);
}

int mt_pick_sites(const struct mt_heap_site ***out, size_t *nr, const struct mt_heap *heap,
		  const struct mt_pick *pick)
{
	const struct mt_heap_site **sites = calloc(heap->nr_sites + 1, sizeof(*sites));
	enum mt_pick_order order = mt_pick_order(pick, heap);

	if (!sites)
		return -ENOMEM;
	*nr = 0;
	for (size_t i = 0; i < heap->nr_sites; i++)
		if (is_wanted(&heap->sites[i], pick))
			sites[(*nr)++] = &heap->sites[i];
	qsort_r(sites, *nr, sizeof(*sites), by_value, &order);
	*out = sites;
	return 0;
}
