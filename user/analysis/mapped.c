// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/mapped.h"

#include <errno.h>
#include <string.h>

#include "analysis/sum.h"
#include "util/cleanup.h"

static int by_peak(const void *va, const void *vb)
{
	const struct mt_map_site_row *a = &(*(const struct mt_model_map_site *const *)va)->row;
	const struct mt_map_site_row *b = &(*(const struct mt_model_map_site *const *)vb)->row;

	return mt_sum_falling(a->at_peak_bytes, b->at_peak_bytes)
		       ?: mt_sum_falling(a->live_bytes, b->live_bytes)
		       ?: (a->stack > b->stack) - (a->stack < b->stack)
		       ?: strcmp(a->kind, b->kind);
}

bool mt_mapped_watched(const struct mt_model *m)
{
	return m->meta.hooks_vm && strcmp(m->meta.hooks_vm, "none");
}

int mt_mapped_new(struct mt_mapped **out, const struct mt_model_process *p)
{
	__cleanup(mt_mapped_free) struct mt_mapped *maps = calloc(1, sizeof(*maps));

	if (!maps)
		return -ENOMEM;
	maps->sites = calloc(p->nr_map_sites + 1, sizeof(const struct mt_model_map_site *));
	if (!maps->sites)
		return -ENOMEM;
	for (size_t i = 0; i < p->nr_map_sites; i++)
		maps->sites[i] = &p->map_sites[i];
	maps->nr_sites = p->nr_map_sites;
	qsort(maps->sites, maps->nr_sites, sizeof(const struct mt_model_map_site *), by_peak);
	*out = TAKE_PTR(maps);
	return 0;
}

void mt_mapped_free(struct mt_mapped **maps)
{
	if (!*maps)
		return;
	free((*maps)->sites);
	free(*maps);
	*maps = NULL;
}
