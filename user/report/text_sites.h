/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * text_sites.h: the sites of a heap in the text report: the largest as a list, or all as a tree.
 * Errors are kept in the printer.
 */
#ifndef MT_REPORT_TEXT_SITES_H
#define MT_REPORT_TEXT_SITES_H

#include "analysis/heap.h"
#include "analysis/losses.h"
#include "report/report.h"

struct mt_printer;

void mt_print_sites(struct mt_printer *p, const struct mt_model_process *process,
		    const struct mt_heap *heap, enum mt_trust trust,
		    const struct mt_text_options *options);

#endif
