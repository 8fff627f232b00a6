/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* text_groups.h: processes by cgroup in the text report, where there are several. Errors as
 * printer.h. */
#ifndef MT_REPORT_TEXT_GROUPS_H
#define MT_REPORT_TEXT_GROUPS_H

#include "model/model.h"

struct mt_printer;

void mt_print_groups(struct mt_printer *p, const struct mt_model *m);

#endif
