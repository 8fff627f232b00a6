// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <math.h>
#include <stdlib.h>

#include <libiberty/hashtab.h>

#include "analysis/diff.h"
#include "report/json_internal.h"
#include "report/report.h"
#include "report/text_words.h"
#include "util/cleanup.h"

static json_t *metric(const struct mt_diff_metric *m)
{
	int64_t change = 0;
	double pct = 0;
	bool known = mt_diff_change(m, &change, &pct);

	return json_pack("{ss so so so so}", "title", m->title, "old", mt_json_known(m->old), "new",
			 mt_json_known(m->new), "change",
			 known ? json_integer(change) : json_null(), "change_pct",
			 known && isfinite(pct) ? json_real(pct) : json_null());
}

static json_t *metrics(const struct mt_diff *d)
{
	_decref_ json_t *object = json_object();

	for (size_t i = 0; object && i < MT_DIFF_METRICS; i++)
		if (json_object_set_new(object, d->metrics[i].name, metric(&d->metrics[i])))
			return NULL;
	return TAKE_PTR(object);
}

/* A bound that is not known is null. */
static json_t *bound(double v)
{
	return v < (double)INT64_MAX ? mt_json_number(llround(v)) : json_null();
}

/* Of what is an estimate. */
static json_t *intervals(const struct mt_diff_range r[], bool lives)
{
	static const struct {
		const char *name;
		enum mt_pick_order order;
		bool of_living;
	} all[] = { { "at_peak_bytes", MT_PICK_AT_PEAK, true },
		    { "live_bytes", MT_PICK_LIVE, true },
		    { "alloc_bytes", MT_PICK_ALLOC },
		    { "alloc_count", MT_PICK_CALLS },
		    { "temporary_count", MT_PICK_TEMPORARY } };
	_decref_ json_t *object = json_object();

	for (size_t i = 0; object && i < ARRAY_SIZE(all); i++) {
		const struct mt_diff_range *range = &r[all[i].order];

		if (range->low < range->high && (lives || !all[i].of_living) &&
		    json_object_set_new(object, all[i].name,
					json_pack("[oo]", bound(range->low), bound(range->high))))
			return NULL;
	}
	return TAKE_PTR(object);
}

static json_t *values(const int64_t v[], const struct mt_diff_range r[], bool lives)
{
	return json_pack("{so so so so so so}", "at_peak_bytes",
			 lives ? mt_json_number(v[MT_PICK_AT_PEAK]) : json_null(), "live_bytes",
			 lives ? mt_json_number(v[MT_PICK_LIVE]) : json_null(), "alloc_bytes",
			 mt_json_number(v[MT_PICK_ALLOC]), "alloc_count",
			 mt_json_number(v[MT_PICK_CALLS]), "temporary_count",
			 mt_json_number(v[MT_PICK_TEMPORARY]), "ci95", intervals(r, lives));
}

/* A frame that stacks share is one object: pack.h goes by that. */
struct shared_frame {
	const struct mt_frame *frame;
	json_t *json;
};

static hashval_t hash_frame(const void *shared)
{
	return htab_hash_pointer(((const struct shared_frame *)shared)->frame);
}

static int same_frame(const void *a, const void *b)
{
	return ((const struct shared_frame *)a)->frame == ((const struct shared_frame *)b)->frame;
}

static void free_frame(void *shared)
{
	json_decref(((struct shared_frame *)shared)->json);
	free(shared);
}

static void free_frames(htab_t *frames)
{
	if (*frames)
		htab_delete(*frames);
}

/* Function names only: what the two recordings share. */
static json_t *new_frame(const struct mt_frame *f)
{
	return json_pack("{so so so so so}", "function", mt_json_text(f->function), "file",
			 mt_json_text(f->file), "line",
			 f->line ? mt_json_number(f->line) : json_null(), "module",
			 mt_json_text(f->module), "inlined", json_boolean(f->inlined));
}

/* Borrowed. */
static json_t *frame_of(htab_t frames, const struct mt_frame *f)
{
	struct shared_frame key = { .frame = f }, *shared;
	void **slot = htab_find_slot(frames, &key, INSERT);

	if (slot && *slot)
		return ((struct shared_frame *)*slot)->json;
	shared = slot ? malloc(sizeof(*shared)) : NULL;
	if (!shared) {
		if (slot)
			htab_clear_slot(frames, slot);
		return NULL;
	}
	*shared = (struct shared_frame){ f, new_frame(f) };
	*slot = shared;
	return shared->json;
}

static json_t *stack(htab_t frames, const struct mt_model_stack *s)
{
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < s->nr; i++)
		if (json_array_append(array, frame_of(frames, s->frames[i])))
			return NULL;
	return TAKE_PTR(array);
}

static json_t *sites(htab_t frames, const struct mt_diff *d)
{
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < d->nr_sites; i++) {
		const struct mt_diff_site *s = &d->sites[i];
		json_t *site = json_pack("{so so so so}", "comm", mt_json_text(s->comm), "stack",
					 stack(frames, s->stack), "old",
					 values(s->old, s->old_range, d->old_lives), "new",
					 values(s->new, s->new_range, d->new_lives));

		if (json_array_append_new(array, site))
			return NULL;
	}
	return TAKE_PTR(array);
}

static json_t *place_values(const int64_t v[MT_DIFF_PLACE_VALUES],
			    const char *const names[MT_DIFF_PLACE_VALUES])
{
	return json_pack("{so so so}", names[0], mt_json_number(v[0]), names[1],
			 mt_json_number(v[1]), names[2], mt_json_number(v[2]));
}

static json_t *places(htab_t frames, const struct mt_diff_places *all,
		      const char *const names[MT_DIFF_PLACE_VALUES])
{
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < all->nr; i++) {
		const struct mt_diff_place *p = &all->v[i];
		json_t *place =
			json_pack("{so so so so}", "comm", mt_json_text(p->comm), "stack",
				  stack(frames, p->stack), "old", place_values(p->old, names),
				  "new", place_values(p->new, names));

		if (json_array_append_new(array, place))
			return NULL;
	}
	return TAKE_PTR(array);
}

/* Unknown where something was lost. */
static json_t *kind(enum mt_trust trust)
{
	return trust < MT_TRUST_AT_LEAST ? json_string(mt_text_kind(trust)) : json_null();
}

json_t *mt_json_diff(const struct mt_diff *d)
{
	static const char *const of_storms[] = {
		[MT_DIFF_STORM_CALLS] = "calls",
		[MT_DIFF_STORM_MOVED] = "moved",
		[MT_DIFF_STORM_COPIED_BYTES] = "copied_bytes",
	};
	static const char *const of_threads[] = {
		[MT_DIFF_THREAD_CREATED] = "created",
		[MT_DIFF_THREAD_PEAK_ALIVE] = "peak_alive",
		[MT_DIFF_THREAD_RESERVED_BYTES] = "reserved_bytes",
	};
	__cleanup(free_frames) htab_t frames =
		htab_create_alloc(1024, hash_frame, same_frame, free_frame, calloc, free);

	return frames ? json_pack("{ss so so so so so so}", "schema", "memtide.diff/1", "old_kind",
				  kind(d->old_trust), "new_kind", kind(d->new_trust), "metrics",
				  metrics(d), "sites", sites(frames, d), "storms",
				  places(frames, &d->storms, of_storms), "threads",
				  places(frames, &d->threads, of_threads))
		      : NULL;
}

int mt_report_diff_json(FILE *out, const struct mt_diff *d)
{
	_decref_ json_t *report = mt_json_diff(d);

	return mt_json_print(out, report, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
}
