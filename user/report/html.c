// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * One offline page: what web/ is built to, with the report as inert data in the middle. The page
 * draws it and computes nothing that another report would have otherwise.
 */
#include <errno.h>
#include <stdbool.h>

#include "analysis/losses.h"
#include "report/json_internal.h"
#include "report/pack.h"
#include "report/page.h"
#include "report/report.h"

/* The packed report, and in words what was lost. */
static json_t *page_data(const struct mt_model *m)
{
	_decref_ json_t *report = mt_json_report(m);
	_decref_ json_t *data = report ? mt_pack(report) : NULL;
	_decref_ json_t *meanings = json_object();

	for (size_t i = 0; meanings && i < m->nr_lost; i++) {
		const char *meaning = mt_losses_meaning(m->lost[i].name);

		if (meaning && json_object_set_new(meanings, m->lost[i].name, json_string(meaning)))
			return NULL;
	}
	return !data || json_object_set(data, "meanings", meanings) ? NULL : TAKE_PTR(data);
}

/* A "<" is always inside of a string; without one no name can end the element. */
static int write_inert(const char *buffer, size_t size, void *out)
{
	for (size_t i = 0; i < size; i++)
		if ((buffer[i] == '<' ? fputs("\\u003c", out) : putc_unlocked(buffer[i], out)) ==
		    EOF)
			return -1;
	return 0;
}

bool mt_report_has_html(void)
{
	return mt_page_head_end - mt_page_head > 0;
}

static int print_page(FILE *out, json_t *data)
{
	size_t head_bytes = mt_page_head_end - mt_page_head;
	size_t tail_bytes = mt_page_tail_end - mt_page_tail;

	if (!data)
		return -ENOMEM;
	if (fwrite(mt_page_head, 1, head_bytes, out) != head_bytes ||
	    json_dump_callback(data, write_inert, out,
			       JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15)) ||
	    fwrite(mt_page_tail, 1, tail_bytes, out) != tail_bytes || fflush(out))
		return -EIO;
	return 0;
}

int mt_report_html(FILE *out, const struct mt_model *m)
{
	_decref_ json_t *data = page_data(m);

	return print_page(out, data);
}

int mt_report_diff_html(FILE *out, const struct mt_diff *d)
{
	_decref_ json_t *diff = mt_json_diff(d);
	_decref_ json_t *data = diff ? mt_pack(diff) : NULL;

	return print_page(out, data);
}
