/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* text_bill.h: what resident memory was at its peak, in the text report; private to user/report. */
#ifndef MT_REPORT_TEXT_BILL_H
#define MT_REPORT_TEXT_BILL_H

#include "model/model.h"

struct mt_printer;

/* Nothing where no bill was taken. */
void mt_print_bill(struct mt_printer *p, const struct mt_model *m,
		   const struct mt_model_process *process);

#endif
