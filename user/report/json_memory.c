// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* memtide.report/1: what resident memory consists of, and memory against time. */
#include "analysis/bill.h"
#include "report/json_internal.h"

static json_t *mappings(const struct mt_rss_bill *bill)
{
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < bill->nr_mappings; i++) {
		const struct mt_bill_mapping_row *row = &bill->mappings[i];
		json_t *mapping = json_pack("{so so so}", "name", mt_json_text(row->name), "part",
					    mt_json_text(row->part), "rss_bytes",
					    mt_json_number(row->rss_bytes));

		if (json_array_append_new(array, mapping))
			return NULL;
	}
	return TAKE_PTR(array);
}

static json_t *bill(const struct mt_model *m, const struct mt_rss_bill *b)
{
	const struct mt_bill_row *row = b->row;
	bool live = row->heap_live_bytes >= 0, sampled = m->meta.sample_bytes > 0;

	return json_pack(
		"{so so so so so so so so so so so so so so so}", "at", mt_json_text(row->at),
		"at_s", mt_json_seconds(row->t_ns), "rss_bytes", mt_json_number(row->rss_bytes),
		"allocator_bytes", mt_json_number(row->allocator_bytes), "heap_live_bytes",
		mt_json_known(row->heap_live_bytes), "heap_retained_bytes",
		mt_json_known(b->retained_bytes), "heap_live_kind",
		mt_json_text(!live     ? NULL
			     : sampled ? "sampled"
				       : "exact"),
		"thread_stacks_bytes", mt_json_number(row->thread_stacks_bytes), "file_bytes",
		mt_json_number(row->file_bytes), "shmem_bytes", mt_json_number(row->shmem_bytes),
		"other_anon_bytes", mt_json_number(row->other_anon_bytes), "unexplained_bytes",
		mt_json_number(row->unexplained_bytes), "page_tables_bytes",
		mt_json_known(row->page_tables_bytes), "kernel_stacks_bytes",
		mt_json_known(row->kernel_stacks_bytes), "mappings", mappings(b));
}

json_t *mt_json_rss_bill(const struct mt_json_process *ctx)
{
	static const char *const moments[] = { "peak", "end" };
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < ARRAY_SIZE(moments); i++) {
		struct mt_rss_bill b;

		if (mt_rss_bill_get(&b, ctx->process, moments[i]) &&
		    json_array_append_new(array, bill(ctx->model, &b)))
			return NULL;
	}
	return TAKE_PTR(array);
}

json_t *mt_json_timeline(const struct mt_json_process *ctx)
{
	const struct mt_model_process *p = ctx->process;
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < p->nr_samples; i++) {
		const struct mt_sample_row *s = &p->samples[i];
		json_t *sample = json_pack("{so so so so so}", "t_s", mt_json_seconds(s->t_ns),
					   "rss_bytes", mt_json_number(s->rss_bytes),
					   "heap_live_bytes", mt_json_known(s->heap_live_bytes),
					   "mapped_bytes", mt_json_number(s->mapped_bytes),
					   "threads", mt_json_number(s->threads));

		if (json_array_append_new(array, sample))
			return NULL;
	}
	return TAKE_PTR(array);
}
