// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "report/json_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int mt_json_process_init(struct mt_json_process *p, const struct mt_model *model,
			 const struct mt_model_process *process)
{
	*p = (struct mt_json_process){ .model = model, .process = process };
	p->frames = calloc(process->nr_frames + 1, sizeof(json_t *));
	return p->frames ? 0 : -ENOMEM;
}

void mt_json_process_fini(struct mt_json_process *p)
{
	for (size_t i = 0; p->frames && i < p->process->nr_frames; i++)
		json_decref(p->frames[i]);
	free(p->frames);
}

/* A crafted capture may hold one beyond what JSON's consumers can. */
json_t *mt_json_offset(uint64_t v)
{
	return v > INT64_MAX ? json_null() : json_integer(v);
}

json_t *mt_json_seconds(int64_t ns)
{
	return json_real(ns / 1e9);
}

json_t *mt_json_known_seconds(int64_t ns)
{
	return ns == -1 ? json_null() : mt_json_seconds(ns);
}

json_t *mt_json_percent(double v)
{
	return v < 0 ? json_null() : json_real(v);
}

/* "a,b" */
json_t *mt_json_list(const char *s)
{
	_decref_ json_t *array = json_array();
	_free_ char *copy = strdup(s ?: "");
	char *rest = copy, *item;

	if (!array || !copy)
		return NULL;
	while ((item = strsep(&rest, ",")))
		if (*item && json_array_append_new(array, mt_json_text(item)))
			return NULL;
	return TAKE_PTR(array);
}

/* ---- stacks -------------------------------------------------------------------------------- */

static json_t *new_frame(const struct mt_frame *f)
{
	json_t *frame = json_pack(
		"{so so so so so so sb}", "function", mt_json_text(f->function), "file",
		mt_json_text(f->file), "line", f->line ? mt_json_number(f->line) : json_null(),
		"module", mt_json_text(f->module), "build_id", mt_json_text(f->build_id), "offset",
		f->module ? mt_json_offset(f->offset) : json_null(), "inlined", f->inlined);
	char address[24];

	if (!frame || f->module || f->function)
		return frame;
	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)f->address);
	json_object_set_new(frame, "address", json_string(address));
	return frame;
}

json_t *mt_json_stack(struct mt_json_process *ctx, const struct mt_model_stack *s)
{
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < s->nr; i++) {
		json_t **frame = &ctx->frames[s->frames[i] - ctx->process->frames];

		if (!*frame)
			*frame = new_frame(s->frames[i]);
		if (json_array_append(array, *frame))
			return NULL;
	}
	return TAKE_PTR(array);
}
