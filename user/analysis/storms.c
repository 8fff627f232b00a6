// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/storms.h"

#include <errno.h>

#include "analysis/sum.h"
#include "model/hist.h"
#include "util/cleanup.h"
#include "wire.h"

static int64_t max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void add_part(struct mt_storm_site *site, const struct mt_storm_row *row)
{
	mt_sum_add(&site->calls, row->calls);
	mt_sum_add(&site->grown, row->grown);
	mt_sum_add(&site->moved, row->moved);
	mt_sum_add(&site->copied_bytes, row->copied_bytes);
	mt_sum_add(&site->chains, row->chains);
	site->longest_chain = max(site->longest_chain, row->longest_chain);
	site->busiest_100ms_calls = max(site->busiest_100ms_calls, row->busiest_100ms_calls);
}

/* The sites from parts[0] on that share its stack, as one; returns how many they were. */
static size_t read_site(struct mt_storm_site *site, const struct mt_model_site *parts, size_t nr)
{
	struct mt_hist final_sizes = {};
	int64_t max_bytes = 0;
	size_t i;

	*site = (struct mt_storm_site){ .stack = &parts->stack };
	for (i = 0; i < nr && parts[i].stack.id == site->stack->id; i++) {
		const struct mt_storm_row *row = parts[i].row.storm;

		if (!row)
			continue;
		add_part(site, row);
		mt_hist_add(&final_sizes, &row->final_sizes);
		max_bytes = max(max_bytes, parts[i].row.max_bytes);
	}
	site->final_p50_bytes = mt_hist_quantile(&final_sizes, 500, max_bytes);
	site->final_p99_bytes = mt_hist_quantile(&final_sizes, 990, max_bytes);
	site->suggested_capacity_bytes = mt_hist_bound(&final_sizes, 990, max_bytes);
	return i;
}

static int by_copied(const void *va, const void *vb)
{
	const struct mt_storm_site *a = va, *b = vb;

	return mt_sum_falling(a->copied_bytes, b->copied_bytes)
		       ?: mt_sum_falling(a->calls, b->calls)
		       ?: (a->stack->id > b->stack->id) - (a->stack->id < b->stack->id);
}

int mt_storms_new(struct mt_storms **out, const struct mt_model_process *p)
{
	__cleanup(mt_storms_free) struct mt_storms *storms = calloc(1, sizeof(*storms));

	if (!storms)
		return -ENOMEM;
	storms->sites = calloc(p->nr_sites + 1, sizeof(*storms->sites));
	if (!storms->sites)
		return -ENOMEM;
	for (size_t i = 0; i < p->nr_sites;) {
		struct mt_storm_site *site = &storms->sites[storms->nr_sites];

		i += read_site(site, &p->sites[i], p->nr_sites - i);
		mt_sum_add(&storms->calls, site->calls);
		mt_sum_add(&storms->grown, site->grown);
		mt_sum_add(&storms->moved, site->moved);
		mt_sum_add(&storms->copied_bytes, site->copied_bytes);
		if (site->longest_chain >= MT_STORM_CHAIN)
			storms->nr_sites++;
	}
	qsort(storms->sites, storms->nr_sites, sizeof(*storms->sites), by_copied);
	*out = TAKE_PTR(storms);
	return 0;
}

void mt_storms_free(struct mt_storms **storms)
{
	if (!*storms)
		return;
	free((*storms)->sites);
	free(*storms);
	*storms = NULL;
}
