/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * json_internal.h: what the parts of the JSON report share: values, stacks, and one process while
 * it is printed. Private to json*.c.
 *
 * Values are owned, and fail, as in util/json.h.
 */
#ifndef MT_REPORT_JSON_INTERNAL_H
#define MT_REPORT_JSON_INTERNAL_H

#include <stdint.h>

#include "analysis/heap.h"
#include "model/model.h"
#include "util/json.h"

/* A frame becomes one object, shared by its stacks. */
struct mt_json_process {
	const struct mt_model *model;
	const struct mt_model_process *process;
	json_t **frames;
};

int mt_json_process_init(struct mt_json_process *p, const struct mt_model *model,
			 const struct mt_model_process *process);
void mt_json_process_fini(struct mt_json_process *p);

json_t *mt_json_offset(uint64_t v);
json_t *mt_json_seconds(int64_t ns);
json_t *mt_json_known_seconds(int64_t ns); /* -1: unknown */
json_t *mt_json_percent(double v);	   /* below 0: unknown */
json_t *mt_json_list(const char *s);	   /* "a,b" */
json_t *mt_json_stack(struct mt_json_process *p, const struct mt_model_stack *s);

json_t *mt_json_report(const struct mt_model *m);

/* json_diff.c */
struct mt_diff;
json_t *mt_json_diff(const struct mt_diff *d);

/* json_heap.c */
json_t *mt_json_heap_totals(const struct mt_json_process *p, const struct mt_heap *heap);
json_t *mt_json_heap_sites(struct mt_json_process *p, const struct mt_heap *heap);
json_t *mt_json_realloc(struct mt_json_process *p, const struct mt_heap *heap);

/* json_findings.c */
json_t *mt_json_findings(struct mt_json_process *p);

/* json_memory.c */
json_t *mt_json_rss_bill(const struct mt_json_process *p);
json_t *mt_json_timeline(const struct mt_json_process *p);

#endif
