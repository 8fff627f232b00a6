// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/bill.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/sum.h"

static int falling(const void *va, const void *vb)
{
	const struct mt_bill_line *a = va, *b = vb;

	return mt_sum_falling(a->bytes, b->bytes) ?: strcmp(a->part, b->part);
}

static void fill_lines(struct mt_rss_bill *bill)
{
	const struct mt_bill_row *row = bill->row;
	const struct mt_bill_line parts[MT_BILL_LINES] = {
		{ "allocator", row->allocator_bytes },
		{ "thread_stacks", row->thread_stacks_bytes },
		{ "file", row->file_bytes },
		{ "shmem", row->shmem_bytes },
		{ "other_anon", row->other_anon_bytes },
		{ "unexplained", row->unexplained_bytes },
	};

	memcpy(bill->lines, parts, sizeof(parts));
	for (size_t i = 0; i < MT_BILL_LINES; i++) {
		struct mt_bill_line *line = &bill->lines[i];

		line->pct = row->rss_bytes > 0 ? 100.0 * line->bytes / row->rss_bytes : 0;
		for (size_t j = bill->nr_mappings; j-- > 0;)
			if (!strcmp(bill->mappings[j].part, line->part))
				line->largest = &bill->mappings[j];
	}
	qsort(bill->lines, MT_BILL_LINES, sizeof(*bill->lines), falling);
}

bool mt_rss_bill_get(struct mt_rss_bill *out, const struct mt_model_process *p, const char *at)
{
	size_t i = 0;

	*out = (struct mt_rss_bill){ .retained_bytes = -1 };
	while (i < p->nr_bills && strcmp(p->bills[i].at, at))
		i++;
	if (i == p->nr_bills)
		return false;
	out->row = &p->bills[i];
	if (out->row->heap_live_bytes >= 0)
		out->retained_bytes =
			mt_sum_subtract(out->row->allocator_bytes, out->row->heap_live_bytes);
	/* Those of one bill are neighbours. */
	for (i = 0; i < p->nr_bill_mappings; i++) {
		if (strcmp(p->bill_mappings[i].at, at))
			continue;
		if (!out->nr_mappings++)
			out->mappings = &p->bill_mappings[i];
	}
	fill_lines(out);
	return true;
}
