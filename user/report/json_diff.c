// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <math.h>

#include "analysis/diff.h"
#include "report/json_internal.h"
#include "report/report.h"
#include "report/text_words.h"

static json_t *metric(const struct mt_diff_metric *m)
{
	int64_t change = 0;
	double pct = 0;
	bool known = mt_diff_change(m, &change, &pct);

	return json_pack("{so so so so}", "old", mt_json_known(m->old), "new",
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

static json_t *values(const int64_t v[], bool lives)
{
	return json_pack("{so so so so so}", "at_peak_bytes",
			 lives ? mt_json_number(v[MT_PICK_AT_PEAK]) : json_null(), "live_bytes",
			 lives ? mt_json_number(v[MT_PICK_LIVE]) : json_null(), "alloc_bytes",
			 mt_json_number(v[MT_PICK_ALLOC]), "alloc_count",
			 mt_json_number(v[MT_PICK_CALLS]), "temporary_count",
			 mt_json_number(v[MT_PICK_TEMPORARY]));
}

/* Function names only: what the two recordings share. */
static json_t *stack(const struct mt_model_stack *s)
{
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < s->nr; i++) {
		const struct mt_frame *f = s->frames[i];
		json_t *frame =
			json_pack("{so so so so so}", "function", mt_json_text(f->function), "file",
				  mt_json_text(f->file), "line",
				  f->line ? mt_json_number(f->line) : json_null(), "module",
				  mt_json_text(f->module), "inlined", json_boolean(f->inlined));

		if (json_array_append_new(array, frame))
			return NULL;
	}
	return TAKE_PTR(array);
}

static json_t *sites(const struct mt_diff *d)
{
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < d->nr_sites; i++) {
		const struct mt_diff_site *s = &d->sites[i];
		json_t *site = json_pack("{so so so so}", "comm", mt_json_text(s->comm), "stack",
					 stack(s->stack), "old", values(s->old, d->old_lives),
					 "new", values(s->new, d->new_lives));

		if (json_array_append_new(array, site))
			return NULL;
	}
	return TAKE_PTR(array);
}

int mt_report_diff_json(FILE *out, const struct mt_diff *d)
{
	_decref_ json_t *report =
		json_pack("{ss ss ss so so}", "schema", "memtide.diff/1", "old_kind",
			  mt_text_kind(d->old_trust), "new_kind", mt_text_kind(d->new_trust),
			  "metrics", metrics(d), "sites", sites(d));

	return mt_json_print(out, report, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
}
