/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * bill.h: what a program's resident memory consisted of, at its peak and at its end.
 *
 * The peak's is the highest that was taken: up to 5% below the highest that the program reached,
 * or further where the recorder could not afford one or nobody looked; its own resident memory and
 * time say so. Results point into the model, which must outlive them. Pure over a const model:
 * thread-safe; nothing is allocated or fails. Sizes are bytes, -1 is unknown.
 */
#ifndef MT_ANALYSIS_BILL_H
#define MT_ANALYSIS_BILL_H

#include "model/model.h"

#define MT_BILL_LINES 6

/* One part of it. */
struct mt_bill_line {
	const char *part; /* as in the capture: "allocator" */
	int64_t bytes;
	double pct;				   /* of resident memory */
	const struct mt_bill_mapping_row *largest; /* of its mappings; NULL: not among those kept */
};

struct mt_rss_bill {
	const struct mt_bill_row *row;
	int64_t retained_bytes; /* by the allocator, beyond live blocks; or -1 */
	const struct mt_bill_mapping_row *mappings; /* largest first */
	size_t nr_mappings;
	struct mt_bill_line lines[MT_BILL_LINES]; /* largest first */
};

/* at: "peak" or "end". False: none was taken. */
bool mt_rss_bill_get(struct mt_rss_bill *out, const struct mt_model_process *p, const char *at);

#endif
