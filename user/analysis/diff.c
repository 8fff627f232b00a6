// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/diff.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/identity.h"
#include "analysis/storms.h"
#include "analysis/sum.h"
#include "util/cleanup.h"

#define NR_ORDERS (MT_PICK_TEMPORARY + 1)

/* A site of one of the recordings, by its identity. */
struct entry {
	struct mt_identity key;
	bool new;
	struct mt_diff_site site;
};

struct entries {
	struct entry *v;
	size_t nr;
};

/* ---- sites ------------------------------------------------------------------------------- */

/* Of bursts what lives is not known, which the recording says of itself. */
static struct mt_diff_range range_of(const struct mt_heap *heap, const struct mt_heap_site *s,
				     enum mt_pick_order order)
{
	bool counts = order == MT_PICK_CALLS || order == MT_PICK_TEMPORARY;
	struct mt_interval i = {
		.low = mt_pick_value(s, order),
		.high = mt_pick_value(s, order),
	};

	if (heap->windowed && order == MT_PICK_ALLOC)
		return (struct mt_diff_range){ s->burst_bytes.low, s->burst_bytes.high };
	if (heap->windowed)
		return order == MT_PICK_CALLS
			       ? (struct mt_diff_range){ s->burst_cnt.low, s->burst_cnt.high }
			       : (struct mt_diff_range){ 0, INFINITY };
	if (heap->sampled)
		i = mt_sampling_interval(i.low, counts ? s->sure.count_unit : s->sure.bytes_unit);
	return (struct mt_diff_range){ i.low, i.high };
}

static int add_sites(struct entries *e, const struct mt_model_process *p,
		     const struct mt_heap *heap, bool new)
{
	struct entry *v = reallocarray(e->v, e->nr + heap->nr_sites + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	e->v = v;
	for (size_t i = 0; i < heap->nr_sites; i++) {
		const struct mt_heap_site *s = &heap->sites[i];
		struct entry *entry = &v[e->nr++];
		int64_t *values = new ? entry->site.new : entry->site.old;
		struct mt_diff_range *ranges = new ? entry->site.new_range : entry->site.old_range;

		*entry = (struct entry){
			.key = mt_identity_of(p->row.comm, s->stack, new),
			.new = new,
			.site = { .comm = p->row.comm, .stack = s->stack, .process = p },
		};
		for (int order = MT_PICK_AT_PEAK; order < NR_ORDERS; order++) {
			values[order] = mt_pick_value(s, order);
			ranges[order] = range_of(heap, s, order);
		}
	}
	return 0;
}

/* Of equal identities the new one's stack is shown. */
static int by_key(const void *va, const void *vb)
{
	const struct entry *a = va, *b = vb;

	return mt_identity_compare(&a->key, &b->key)
		       ?: (int)b->new - (int)a->new
		       ?: (a->site.stack->id > b->site.stack->id) -
				  (a->site.stack->id < b->site.stack->id);
}

static int64_t distance(const struct mt_diff_site *s, enum mt_pick_order order)
{
	int64_t d = mt_sum_subtract(s->new[order], s->old[order]);

	return d == INT64_MIN ? INT64_MAX : d < 0 ? -d : d;
}

static int by_difference(const void *va, const void *vb, void *order)
{
	const struct mt_diff_site *a = va, *b = vb;
	enum mt_pick_order by = *(enum mt_pick_order *)order;

	return mt_sum_falling(distance(a, by), distance(b, by))
		       ?: mt_sum_falling(a->new[by], b->new[by])
		       ?: strcmp(a->comm, b->comm)
		       ?: (a->stack->id > b->stack->id) - (a->stack->id < b->stack->id);
}

/* As if they erred the same way: no narrower than it is. */
static void widen(struct mt_diff_range *into, const struct mt_diff_range *r)
{
	into->low += r->low;
	into->high += r->high;
}

static void merge(struct mt_diff_site *into, const struct mt_diff_site *s)
{
	for (int order = MT_PICK_AT_PEAK; order < NR_ORDERS; order++) {
		mt_sum_add(&into->old[order], s->old[order]);
		mt_sum_add(&into->new[order], s->new[order]);
		widen(&into->old_range[order], &s->old_range[order]);
		widen(&into->new_range[order], &s->new_range[order]);
	}
}

/* Entries of one identity become one site. */
static int match(struct mt_diff *d, struct entries *e)
{
	d->sites = calloc(e->nr + 1, sizeof(*d->sites));
	if (!d->sites)
		return -ENOMEM;
	qsort(e->v, e->nr, sizeof(*e->v), by_key);
	for (size_t i = 0; i < e->nr; i++) {
		struct mt_diff_site *last = d->nr_sites ? &d->sites[d->nr_sites - 1] : NULL;

		if (last && !mt_identity_compare(&e->v[i - 1].key, &e->v[i].key))
			merge(last, &e->v[i].site);
		else
			d->sites[d->nr_sites++] = e->v[i].site;
	}
	qsort_r(d->sites, d->nr_sites, sizeof(*d->sites), by_difference, &d->order);
	return 0;
}

/* ---- metrics ----------------------------------------------------------------------------- */

static const struct {
	const char *name;
	const char *title;
	enum mt_diff_unit unit;
} metrics[MT_DIFF_METRICS] = {
	{ "peak_rss_bytes", "Peak RSS", MT_DIFF_BYTES },
	{ "at_peak_bytes", "Peak heap", MT_DIFF_BYTES },
	{ "live_bytes", "Live at end", MT_DIFF_BYTES },
	{ "alloc_bytes", "Allocated", MT_DIFF_BYTES },
	{ "alloc_count", "Allocations", MT_DIFF_COUNT },
	{ "realloc_count", "Reallocs", MT_DIFF_COUNT },
	{ "realloc_copied_bytes", "Copied by them", MT_DIFF_BYTES },
	{ "storm_count", "Realloc storms", MT_DIFF_COUNT },
	{ "mapped_bytes", "Peak mapped", MT_DIFF_BYTES },
	{ "threads_peak_alive", "Threads at once", MT_DIFF_COUNT },
	{ "stack_reserved_peak_bytes", "Their stacks", MT_DIFF_BYTES },
	{ "fault_count", "Page faults", MT_DIFF_COUNT },
	{ "cpu_ns", "CPU time", MT_DIFF_NS },
	{ "wall_ns", "Wall time", MT_DIFF_NS },
};

const char *mt_diff_metric_name(int i)
{
	return metrics[i].name;
}

/* A sum with something unknown in it is unknown. */
static void add(int64_t *sum, int64_t v)
{
	if (v == -1)
		*sum = -1;
	else if (*sum != -1)
		mt_sum_add(sum, v);
}

static void add_process(int64_t v[MT_DIFF_METRICS], const struct mt_model_process *p,
			const struct mt_heap *heap, const struct mt_storms *storms)
{
	const struct mt_process_row *row = &p->row;
	bool exact = heap->watched && !heap->windowed;
	const int64_t values[MT_DIFF_METRICS] = {
		row->peak_rss_bytes,
		heap->lives ? row->heap_peak_bytes : -1,
		heap->lives ? heap->live_bytes : -1,
		heap->watched ? heap->alloc_bytes : -1,
		heap->watched ? heap->alloc_cnt : -1,
		exact ? storms->calls : -1,
		exact ? storms->copied_bytes : -1,
		exact ? (int64_t)storms->nr_sites : -1,
		row->peak_mapped_bytes,
		row->threads_peak_alive,
		row->stack_reserved_peak_bytes,
		row->fault_cnt,
		row->cpu_ns,
		0, /* wall time is the recording's */
	};

	for (int i = 0; i < MT_DIFF_METRICS; i++)
		add(&v[i], values[i]);
}

/* ---- both -------------------------------------------------------------------------------- */

struct side {
	int64_t values[MT_DIFF_METRICS];
	bool lives;
	enum mt_trust trust;
};

static int read_side(struct side *side, struct entries *e, const struct mt_model *m, bool new)
{
	struct mt_losses losses;

	mt_losses_get(&losses, m);
	*side = (struct side){ .lives = true, .trust = losses.heap };
	for (size_t i = 0; i < m->nr_processes; i++) {
		const struct mt_model_process *p = &m->processes[i];
		__cleanup(mt_heap_free) struct mt_heap *heap = NULL;
		__cleanup(mt_storms_free) struct mt_storms *storms = NULL;
		enum mt_trust trust = mt_losses_process(losses.heap, &p->row);

		if (mt_heap_new(&heap, m, p) || mt_storms_new(&storms, p) ||
		    add_sites(e, p, heap, new))
			return -ENOMEM;
		add_process(side->values, p, heap, storms);
		side->lives &= heap->lives;
		if (trust > side->trust)
			side->trust = trust;
	}
	side->values[MT_DIFF_METRICS - 1] = m->meta.duration_ns;
	return 0;
}

int mt_diff_new(struct mt_diff **out, const struct mt_model *old, const struct mt_model *new,
		enum mt_pick_order order)
{
	__cleanup(mt_diff_free) struct mt_diff *d = calloc(1, sizeof(*d));
	struct entries entries = { 0 };
	struct side before, after;
	int err;

	if (!d)
		return -ENOMEM;
	err = read_side(&after, &entries, new, true);
	err = err ?: read_side(&before, &entries, old, false);
	if (!err) {
		d->old_lives = before.lives;
		d->new_lives = after.lives;
		d->old_mode = old->meta.mode;
		d->new_mode = new->meta.mode;
		d->old_trust = before.trust;
		d->new_trust = after.trust;
		d->order = order != MT_PICK_ANY		 ? order
			   : before.lives && after.lives ? MT_PICK_AT_PEAK
							 : MT_PICK_ALLOC;
		err = match(d, &entries);
	}
	err = err ?: mt_diff_places(&d->storms, MT_DIFF_STORMS, old, new);
	err = err ?: mt_diff_places(&d->threads, MT_DIFF_THREADS, old, new);
	free(entries.v);
	if (err)
		return err;
	for (int i = 0; i < MT_DIFF_METRICS; i++)
		d->metrics[i] = (struct mt_diff_metric){
			.name = metrics[i].name,
			.title = metrics[i].title,
			.unit = metrics[i].unit,
			.old = before.values[i],
			.new = after.values[i],
		};
	*out = TAKE_PTR(d);
	return 0;
}

void mt_diff_free(struct mt_diff **diff)
{
	if (!*diff)
		return;
	free((*diff)->sites);
	free((*diff)->storms.v);
	free((*diff)->threads.v);
	free(*diff);
	*diff = NULL;
}

bool mt_diff_is_certain(const struct mt_diff_site *s, enum mt_pick_order order)
{
	const struct mt_diff_range *old = &s->old_range[order], *new = &s->new_range[order];

	return old->high < new->low || new->high < old->low;
}

bool mt_diff_change(const struct mt_diff_metric *m, int64_t *change, double *pct)
{
	if (m->old == -1 || m->new == -1)
		return false;
	*change = mt_sum_subtract(m->new, m->old);
	*pct = m->old ? 100.0 * *change / m->old : *change > 0 ? INFINITY : 0;
	return true;
}
