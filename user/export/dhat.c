// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The file of valgrind's DHAT, version 2, as its dh_view.html reads it. It is of one process: the
 * one whose heap was largest. t-gmax is the peak of its heap.
 *
 * DHAT tells the most that each stack ever had alive. memtide does not know that, so mb is what is
 * known of it: the larger of what it had at the peak and at the end; cmd says so. Where what lives
 * is not known there are no block lifetimes (bklt); where only lifetimes are not, there is no tl,
 * which dh_view shows as NaN.
 */
#include <errno.h>
#include <string.h>

#include "analysis/heap.h"
#include "analysis/lifetime.h"
#include "analysis/sum.h"
#include "export/intern.h"
#include "export/sites.h"
#include "util/escape.h"
#include "util/json.h"
#include "util/log.h"

#define VERSION	  2
#define NS_PER_US 1000
/* What the JSON report calls short-lived: 1 ms. */
#define SHORT_US 1000

/* One for each stack as the file has it: dh_view refuses a stack that comes twice. */
struct point {
	int64_t values[MT_EXPORT_VALUES];
	int64_t lived_ns; /* -1: unknown */
};

struct writer {
	const struct mt_export_process *process;
	struct mt_intern *frames; /* text */
	struct mt_intern *stacks; /* numbers of frames, with their count before them */
	struct point *points;	  /* of each stack */
	bool lives;
};

static void writer_fini(struct writer *w)
{
	mt_intern_free(&w->frames);
	mt_intern_free(&w->stacks);
	free(w->points);
}

static const struct mt_export_process *largest(const struct mt_export_sites *sites)
{
	const struct mt_export_process *found = NULL;
	size_t nr = 0;

	for (size_t i = 0; i < sites->nr_processes; i++) {
		const struct mt_export_process *p = &sites->processes[i];
		int order;

		if (!p->watched)
			continue;
		nr++;
		order = !found ? -1
			       : mt_sum_falling(p->totals[MT_EXPORT_PEAK_BYTES],
						found->totals[MT_EXPORT_PEAK_BYTES])
					 ?: mt_sum_falling(p->totals[MT_EXPORT_ALLOC_BYTES],
							   found->totals[MT_EXPORT_ALLOC_BYTES]);
		if (order < 0)
			found = p;
	}
	if (nr > 1)
		mt_warn("DHAT's format has one process: this is %d (%s), of %zu the one with the "
			"largest heap; --pid takes another",
			found->model->row.pid, found->model->row.comm, nr);
	return found;
}

/* "0x401136: main (main.c:12)", "0x401136: ??? (in /usr/bin/server)" */
static int64_t frame_number(struct writer *w, const struct mt_frame *f)
{
	const char *function = f->function && *f->function ? f->function : "???";
	unsigned long long call = f->address - 1;
	_free_ char *text = NULL, *escaped = NULL;
	int n;

	if (f->file && f->line)
		n = asprintf(&text, "0x%llX: %s (%s:%u)", call, function, f->file, f->line);
	else if (f->module)
		n = asprintf(&text, "0x%llX: %s (in %s)", call, function, f->module);
	else
		n = asprintf(&text, "0x%llX: %s", call, function);
	if (n < 0)
		text = NULL;
	escaped = text ? mt_escape_terminal(text) : NULL;
	return escaped ? mt_intern(w->frames, escaped, strlen(escaped) + 1) : -ENOMEM;
}

static int64_t stack_number(struct writer *w, const struct mt_model_stack *stack)
{
	size_t nr = stack->nr ?: 1;
	_free_ int64_t *key = calloc(nr + 1, sizeof(*key));

	if (!key)
		return -ENOMEM;
	key[0] = (int64_t)nr;
	if (!stack->nr)
		key[1] = mt_intern(w->frames, MT_EXPORT_NO_STACK, sizeof(MT_EXPORT_NO_STACK));
	for (size_t i = 0; i < stack->nr; i++)
		key[1 + i] = frame_number(w, stack->frames[i]);
	for (size_t i = 1; i <= nr; i++)
		if (key[i] < 0)
			return key[i];
	return mt_intern(w->stacks, key, (nr + 1) * sizeof(*key));
}

static int add_site(struct writer *w, const struct mt_export_site *site)
{
	int64_t number = stack_number(w, site->stack);
	int64_t lived_ns = mt_heap_lived_ns(site->parts, site->nr_parts);
	struct point *point;

	if (number < 0)
		return (int)number;
	point = &w->points[number];
	for (int i = 0; i < MT_EXPORT_VALUES; i++)
		if (site->values[i] > 0)
			mt_sum_add(&point->values[i], site->values[i]);
	if (lived_ns < 0 || point->lived_ns < 0)
		point->lived_ns = -1;
	else
		mt_sum_add(&point->lived_ns, lived_ns);
	return 0;
}

static int add_sites(struct writer *w, const struct mt_export_sites *sites)
{
	int err = 0;

	w->points = calloc(sites->nr + 1, sizeof(*w->points));
	if (!w->points || mt_intern_new(&w->frames) || mt_intern_new(&w->stacks) ||
	    mt_intern(w->frames, "[root]", sizeof("[root]")) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < sites->nr && !err; i++)
		if (sites->v[i].process == w->process && sites->v[i].parts)
			err = add_site(w, &sites->v[i]);
	return err;
}

/* ---- the document ---------------------------------------------------------------------------- */

static json_t *stack(const struct writer *w, size_t number)
{
	const int64_t *key = mt_intern_key(w->stacks, number);
	_decref_ json_t *array = json_array();

	for (int64_t i = 1; array && i <= key[0]; i++)
		if (json_array_append_new(array, json_integer(key[i])))
			return NULL;
	return TAKE_PTR(array);
}

static json_t *point(const struct writer *w, size_t number)
{
	const struct point *p = &w->points[number];
	const int64_t *v = p->values;
	bool at_end = v[MT_EXPORT_LIVE_BYTES] > v[MT_EXPORT_PEAK_BYTES];
	const struct {
		const char *key;
		int64_t value;
		bool known;
	} fields[] = {
		{ "tb", v[MT_EXPORT_ALLOC_BYTES], true },
		{ "tbk", v[MT_EXPORT_ALLOC_CNT], true },
		{ "tl", p->lived_ns / NS_PER_US, w->lives && p->lived_ns >= 0 },
		{ "mb", v[at_end ? MT_EXPORT_LIVE_BYTES : MT_EXPORT_PEAK_BYTES], w->lives },
		{ "mbk", v[at_end ? MT_EXPORT_LIVE_CNT : MT_EXPORT_PEAK_CNT], w->lives },
		{ "gb", v[MT_EXPORT_PEAK_BYTES], w->lives },
		{ "gbk", v[MT_EXPORT_PEAK_CNT], w->lives },
		{ "eb", v[MT_EXPORT_LIVE_BYTES], w->lives },
		{ "ebk", v[MT_EXPORT_LIVE_CNT], w->lives },
	};
	_decref_ json_t *json = json_object();

	for (size_t i = 0; json && i < ARRAY_SIZE(fields); i++)
		if (fields[i].known &&
		    json_object_set_new(json, fields[i].key, json_integer(fields[i].value)))
			return NULL;
	if (!json || json_object_set_new(json, "fs", stack(w, number)))
		return NULL;
	return TAKE_PTR(json);
}

static json_t *points(const struct writer *w)
{
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < mt_intern_cnt(w->stacks); i++)
		if (json_array_append_new(array, point(w, i)))
			return NULL;
	return TAKE_PTR(array);
}

static json_t *frame_table(const struct writer *w)
{
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < mt_intern_cnt(w->frames); i++)
		if (json_array_append_new(array, mt_json_text(mt_intern_key(w->frames, i))))
			return NULL;
	return TAKE_PTR(array);
}

/* The one place for a remark that dh_view shows. */
static json_t *command(const struct writer *w)
{
	const struct mt_process_row *row = &w->process->model->row;
	_free_ char *text = NULL, *escaped = NULL;

	if (asprintf(&text, "%s [memtide: heap %s, since the %s%s]", row->exe ?: row->comm,
		     w->process->heap_kind ?: "incomplete", row->since,
		     w->lives ? "; Max: at least" : "") < 0)
		return NULL;
	escaped = mt_escape_terminal(text);
	return escaped ? mt_json_text(escaped) : NULL;
}

static json_t *document(const struct writer *w, const struct mt_model *m)
{
	const struct mt_process_row *row = &w->process->model->row;
	struct mt_lifetime life;
	_decref_ json_t *json = NULL;

	mt_lifetime_get(&life, m, w->process->model);
	json = json_pack("{si ss ss sb sb ss ss so si sI so so}", "dhatFileVersion", VERSION,
			 "mode", "heap", "verb", "Allocated", "bklt", w->lives, "bkacc", 0, "tu",
			 "\u00b5s", "Mtu", "s", "cmd", command(w), "pid", (int)row->pid, "te",
			 (json_int_t)(life.duration_ns / NS_PER_US), "pps", points(w), "ftbl",
			 frame_table(w));
	if (json && w->lives &&
	    (json_object_set_new(
		     json, "tg",
		     json_integer(mt_sum_subtract(row->heap_peak_ns, life.from_ns) / NS_PER_US)) ||
	     json_object_set_new(json, "tuth", json_integer(SHORT_US))))
		return NULL;
	return TAKE_PTR(json);
}

int mt_export_dhat(FILE *out, const struct mt_export_sites *sites)
{
	__cleanup(writer_fini) struct writer w = { .process = largest(sites) };
	_decref_ json_t *json = NULL;
	int err;

	if (!w.process)
		return mt_err(-ENODATA, "no heap was watched: DHAT's format is about nothing else");
	/* The viewer wants to know when the peak was. */
	w.lives = w.process->known[MT_EXPORT_LIVE_BYTES] && w.process->model->row.heap_peak_ns >= 0;
	err = add_sites(&w, sites);
	if (err)
		return err;
	json = document(&w, sites->model);
	return mt_json_print(out, json, JSON_COMPACT);
}
