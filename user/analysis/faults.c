// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/faults.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/sum.h"
#include "util/cleanup.h"

/* The kernel maps at most so many pages of a file around the one that is touched. */
#define FAULT_AROUND 16

enum kind { ANON, SHARED, KINDS };

struct scale {
	double factor[KINDS];
};

static enum kind kind_of(const struct mt_model_fault_site *site)
{
	return strcmp(site->row.class, "file") ? ANON : SHARED;
}

/* A crafted capture may hold any number. */
static double at_least_0(int64_t v)
{
	return v > 0 ? v : 0;
}

static int64_t to_bytes(double v)
{
	return v < (double)INT64_MAX ? (int64_t)v : INT64_MAX;
}

/*
 * The faults at sites stand for all, those too that got no stack, and those of threads that ended
 * before their period was full. Then bytes are fitted to the growth.
 */
static void find_scale(struct scale *out, const struct mt_model_process *p)
{
	const double grown[KINDS] = {
		[ANON] = at_least_0(p->row.anon_rss_bytes),
		[SHARED] = at_least_0(p->row.shared_rss_bytes),
	};
	const double most[KINDS] = { [ANON] = 1, [SHARED] = FAULT_AROUND };
	double bytes[KINDS] = { 0 }, faults = 0, all = at_least_0(p->row.fault_cnt);

	for (size_t i = 0; i < p->nr_fault_sites; i++) {
		bytes[kind_of(&p->fault_sites[i])] += at_least_0(p->fault_sites[i].row.bytes);
		faults += at_least_0(p->fault_sites[i].row.fault_cnt);
	}
	for (int k = 0; k < KINDS; k++) {
		double whole = faults > 0 && all > faults ? all / faults : 1;
		double fit = bytes[k] > 0 ? grown[k] / (bytes[k] * whole) : 0;

		out->factor[k] = whole * (fit < most[k] ? fit : most[k]);
	}
}

static int by_bytes(const void *va, const void *vb)
{
	const struct mt_fault_site_bytes *a = va, *b = vb;

	return mt_sum_falling(a->bytes, b->bytes)
		       ?: mt_sum_falling(a->site->row.fault_cnt, b->site->row.fault_cnt)
		       ?: (a->site->row.stack > b->site->row.stack) -
				  (a->site->row.stack < b->site->row.stack)
		       ?: strcmp(a->site->row.class, b->site->row.class);
}

static int64_t grown(const struct mt_process_row *row)
{
	int64_t sum = row->anon_rss_bytes > 0 ? row->anon_rss_bytes : 0;

	mt_sum_add(&sum, row->shared_rss_bytes > 0 ? row->shared_rss_bytes : 0);
	return sum;
}

int mt_faults_by_site_new(struct mt_faults_by_site **out, const struct mt_model_process *p)
{
	__cleanup(mt_faults_by_site_free) struct mt_faults_by_site *f = calloc(1, sizeof(*f));
	struct scale scale;

	if (!f)
		return -ENOMEM;
	f->sites = calloc(p->nr_fault_sites + 1, sizeof(*f->sites));
	if (!f->sites)
		return -ENOMEM;
	find_scale(&scale, p);
	f->watched = p->row.fault_cnt >= 0;
	f->sampled = p->row.fault_period > 1;
	f->fault_cnt = p->row.fault_cnt;
	f->grown_bytes = f->watched ? grown(&p->row) : -1;
	f->unexplained_bytes = f->watched ? f->grown_bytes : -1;
	for (size_t i = 0; i < p->nr_fault_sites; i++) {
		const struct mt_model_fault_site *site = &p->fault_sites[i];
		int64_t bytes = to_bytes(scale.factor[kind_of(site)] * at_least_0(site->row.bytes));

		f->unexplained_bytes = mt_sum_subtract(f->unexplained_bytes, bytes);
		f->scaled |= bytes != site->row.bytes;
		f->sites[f->nr_sites++] = (struct mt_fault_site_bytes){
			.site = site,
			.bytes = bytes,
			.pct = f->grown_bytes > 0 ? 100.0 * bytes / f->grown_bytes : -1,
		};
	}
	qsort(f->sites, f->nr_sites, sizeof(*f->sites), by_bytes);
	*out = TAKE_PTR(f);
	return 0;
}

void mt_faults_by_site_free(struct mt_faults_by_site **faults)
{
	if (!*faults)
		return;
	free((*faults)->sites);
	free(*faults);
	*faults = NULL;
}
