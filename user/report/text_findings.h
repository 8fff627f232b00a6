/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * text_findings.h: what to change, worst first, in the text report. Errors are kept in the printer.
 */
#ifndef MT_REPORT_TEXT_FINDINGS_H
#define MT_REPORT_TEXT_FINDINGS_H

#include "model/model.h"

struct mt_printer;

void mt_print_findings(struct mt_printer *p, const struct mt_model *m,
		       const struct mt_model_process *process);

#endif
