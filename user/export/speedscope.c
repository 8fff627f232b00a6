// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * speedscope's own format (https://www.speedscope.app/file-format-schema.json): a sampled profile
 * for each value, whose stacks, outermost first, are numbers of frames that all profiles share.
 */
#include <errno.h>
#include <string.h>

#include "export/intern.h"
#include "export/sites.h"
#include "util/escape.h"
#include "util/json.h"

#define SCHEMA "https://www.speedscope.app/file-format-schema.json"

struct writer {
	const struct mt_export_sites *sites;
	struct mt_intern *frames; /* "name", "file", each with its 0 */
	json_t **stacks;	  /* of each site: one array for all profiles */
};

static void writer_fini(struct writer *w)
{
	for (size_t i = 0; w->stacks && i < w->sites->nr; i++)
		json_decref(w->stacks[i]);
	free(w->stacks);
	mt_intern_free(&w->frames);
}

/* Without the line: a function is one, wherever in it the call is. */
static json_t *frame_number(struct writer *w, const char *name, const char *file)
{
	size_t name_bytes = name ? strlen(name) + 1 : 0, file_bytes = strlen(file) + 1;
	_free_ char *key = malloc(name_bytes + file_bytes);
	int64_t number;

	if (!name || !key)
		return NULL;
	memcpy(key, name, name_bytes);
	memcpy(key + name_bytes, file, file_bytes);
	number = mt_intern(w->frames, key, name_bytes + file_bytes);
	return number < 0 ? NULL : json_integer(number);
}

static json_t *new_stack(struct writer *w, const struct mt_export_site *site)
{
	_decref_ json_t *stack = json_array();
	_free_ char *root = mt_export_root(site);

	if (!stack || json_array_append_new(stack, frame_number(w, root, "")))
		return NULL;
	for (size_t i = site->stack->nr; i > 0; i--) {
		const struct mt_frame *f = site->stack->frames[i - 1];
		_free_ char *name = mt_export_frame(f);

		if (json_array_append_new(stack, frame_number(w, name, f->file ?: "")))
			return NULL;
	}
	if (!site->stack->nr &&
	    json_array_append_new(stack, frame_number(w, MT_EXPORT_NO_STACK, "")))
		return NULL;
	return TAKE_PTR(stack);
}

static json_t *frames(const struct writer *w)
{
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < mt_intern_cnt(w->frames); i++) {
		const char *name = mt_intern_key(w->frames, i), *file = name + strlen(name) + 1;
		_decref_ json_t *frame = json_pack("{so}", "name", mt_json_text(name));

		if (!frame || (*file && json_object_set_new(frame, "file", mt_json_text(file))) ||
		    json_array_append(array, frame))
			return NULL;
	}
	return TAKE_PTR(array);
}

static json_t *profile(const struct writer *w, enum mt_export_value value)
{
	const struct mt_export_value_name *name = mt_export_value_name(value);
	_decref_ json_t *samples = json_array(), *weights = json_array();
	int64_t sum = 0;

	for (size_t i = 0; samples && weights && i < w->sites->nr; i++) {
		int64_t v = w->sites->v[i].values[value];

		if (v <= 0)
			continue;
		if (__builtin_add_overflow(sum, v, &sum))
			sum = INT64_MAX;
		if (json_array_append(samples, w->stacks[i]) ||
		    json_array_append_new(weights, json_integer(v)))
			return NULL;
	}
	return json_pack("{ss ss ss si sI sO sO}", "type", "sampled", "name", name->profile, "unit",
			 strcmp(name->unit, "bytes") ? "none" : "bytes", "startValue", 0,
			 "endValue", (json_int_t)sum, "samples", samples, "weights", weights);
}

static json_t *document(struct writer *w, enum mt_export_value first)
{
	_decref_ json_t *profiles = json_array();
	int active = 0;

	for (int i = 0; profiles && i < MT_EXPORT_VALUES; i++) {
		if (!w->sites->known[i])
			continue;
		if (json_array_append_new(profiles, profile(w, i)))
			return NULL;
		active += i < (int)first;
	}
	return json_pack("{ss ss ss si s{so} sO}", "$schema", SCHEMA, "exporter", "memtide", "name",
			 "memtide", "activeProfileIndex", active, "shared", "frames", frames(w),
			 "profiles", profiles);
}

int mt_export_speedscope(FILE *out, const struct mt_export_sites *sites, enum mt_export_value first)
{
	__cleanup(writer_fini) struct writer w = { .sites = sites };
	_decref_ json_t *json = NULL;

	w.stacks = calloc(sites->nr + 1, sizeof(json_t *));
	if (!w.stacks || mt_intern_new(&w.frames))
		return -ENOMEM;
	for (size_t i = 0; i < sites->nr; i++) {
		w.stacks[i] = new_stack(&w, &sites->v[i]);
		if (!w.stacks[i])
			return -ENOMEM;
	}
	json = document(&w, first);
	return mt_json_print(out, json, JSON_COMPACT);
}
