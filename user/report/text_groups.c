// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "report/text_groups.h"

#include <errno.h>
#include <stdlib.h>

#include "analysis/groups.h"
#include "report/printer.h"
#include "util/units.h"
#include "util/cleanup.h"

#define GROUPS_SHOWN 10

void mt_print_groups(struct mt_printer *p, const struct mt_model *m)
{
	__cleanup(mt_groups_free) struct mt_groups *groups = NULL;

	if (mt_groups_new(&groups, m)) {
		p->err = p->err ?: -ENOMEM;
		return;
	}
	if (groups->nr < 2)
		return;
	mt_print_heading(p, "By unit or container (sums of peaks, of different moments):");
	for (size_t i = 0; i < groups->nr && i < GROUPS_SHOWN; i++) {
		const struct mt_group *g = &groups->v[i];

		mt_print(p, 2, 4, "%s: RSS %s in %s; it grew by %s", g->name,
			 mt_unit_bytes(g->peak_rss_bytes).s,
			 mt_unit_things(g->process_cnt, "image").s,
			 mt_unit_bytes(g->grown_bytes).s);
	}
	if (groups->nr > GROUPS_SHOWN)
		mt_print(p, 2, 4, "and %zu smaller ones", groups->nr - GROUPS_SHOWN);
}
