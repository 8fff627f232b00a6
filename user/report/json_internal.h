/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * json_internal.h: what the parts of the JSON report share: values, stacks, and one process while
 * it is printed. Private to json*.c.
 *
 * Whoever makes a value owns it. A helper that runs out of memory returns NULL; json_pack() then
 * frees what it was given and returns NULL too, so one check at the end is enough. Unknown is null.
 */
#ifndef MT_REPORT_JSON_INTERNAL_H
#define MT_REPORT_JSON_INTERNAL_H

#include <jansson.h>
#include <stdint.h>

#include "analysis/heap.h"
#include "model/model.h"
#include "util/cleanup.h"

/* A frame becomes one object, shared by its stacks. */
struct mt_json_process {
	const struct mt_model *model;
	const struct mt_model_process *process;
	json_t **frames;
};

int mt_json_process_init(struct mt_json_process *p, const struct mt_model *model,
			 const struct mt_model_process *process);
void mt_json_process_fini(struct mt_json_process *p);

void mt_json_decref(json_t **json);
#define _decref_ __cleanup(mt_json_decref)

json_t *mt_json_text(const char *s);
json_t *mt_json_number(int64_t v);
json_t *mt_json_known(int64_t v); /* -1: unknown */
json_t *mt_json_offset(uint64_t v);
json_t *mt_json_seconds(int64_t ns);
json_t *mt_json_known_seconds(int64_t ns); /* -1: unknown */
json_t *mt_json_percent(double v);	   /* below 0: unknown */
json_t *mt_json_list(const char *s);	   /* "a,b" */
json_t *mt_json_stack(struct mt_json_process *p, const struct mt_model_stack *s);

/* json_heap.c */
json_t *mt_json_heap_totals(const struct mt_json_process *p, const struct mt_heap *heap);
json_t *mt_json_heap_sites(struct mt_json_process *p, const struct mt_heap *heap);
json_t *mt_json_realloc(struct mt_json_process *p, const struct mt_heap *heap);

#endif
