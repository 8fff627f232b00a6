// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "report/text_bill.h"

#include <stdio.h>
#include <string.h>

#include "analysis/bill.h"
#include "report/printer.h"
#include "util/units.h"
#include "util/cleanup.h"

#define BYTES(n) (mt_unit_bytes(n).s)
#define PCT(n)	 (mt_unit_pct(n).s)

#define PCT_SHOWN   1.0	 /* smaller parts are left out */
#define PCT_NAMED   10.0 /* of larger ones the largest mapping is told */
#define NAME_INDENT 6

static const char *words(const char *part)
{
	static const char *const all[][2] = {
		{ "allocator", "the allocator's" },
		{ "thread_stacks", "thread stacks" },
		{ "file", "files (code and data)" },
		{ "shmem", "shared memory" },
		{ "other_anon", "mapped by the program itself, and .bss" },
		{ "unexplained", "unexplained: mapped while nobody looked" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (!strcmp(part, all[i][0]))
			return all[i][1];
	return part;
}

static void print_line(struct mt_printer *p, const struct mt_rss_bill *bill,
		       const struct mt_bill_line *line, bool sampled)
{
	const char *about = sampled ? "about " : "";
	char tail[64];

	if (line->pct < PCT_SHOWN)
		return;
	if (strcmp(line->part, "allocator")) {
		mt_print(p, 4, NAME_INDENT, "%s (%s) %s", BYTES(line->bytes), PCT(line->pct),
			 words(line->part));
		if (line->pct < PCT_NAMED || !line->largest || *line->largest->name == '[')
			return;
		snprintf(tail, sizeof(tail), ": %s", BYTES(line->largest->rss_bytes));
		mt_print_name(p, NAME_INDENT, line->largest->name, tail);
	} else if (bill->retained_bytes < 0) {
		mt_print(p, 4, NAME_INDENT, "%s (%s) %s: live blocks and what it retains",
			 BYTES(line->bytes), PCT(line->pct), words(line->part));
	} else {
		mt_print(p, 4, NAME_INDENT, "%s (%s) %s: %s%s in live blocks, %s%s retained",
			 BYTES(line->bytes), PCT(line->pct), words(line->part), about,
			 BYTES(bill->row->heap_live_bytes), about, BYTES(bill->retained_bytes));
	}
}

void mt_print_bill(struct mt_printer *p, const struct mt_model *m,
		   const struct mt_model_process *process)
{
	struct mt_rss_bill bill;

	if (!mt_rss_bill_get(&bill, process, "peak"))
		return;
	mt_print(p, 2, 4, "Where RSS was at its peak (%s at %s):", BYTES(bill.row->rss_bytes),
		 mt_unit_seconds(bill.row->t_ns).s);
	for (size_t i = 0; i < MT_BILL_LINES; i++)
		print_line(p, &bill, &bill.lines[i], m->meta.sample_bytes > 0);
	if (bill.row->page_tables_bytes >= 0 && bill.row->kernel_stacks_bytes >= 0)
		mt_print(p, 4, NAME_INDENT, "beside it: page tables %s, kernel stacks %s",
			 BYTES(bill.row->page_tables_bytes), BYTES(bill.row->kernel_stacks_bytes));
}
