// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/ranking.h"

#include <errno.h>

#include "analysis/sum.h"
#include "util/cleanup.h"

static int by_rss(const void *va, const void *vb)
{
	const struct mt_process_row *a = &(*(const struct mt_model_process *const *)va)->row;
	const struct mt_process_row *b = &(*(const struct mt_model_process *const *)vb)->row;

	return mt_sum_falling(a->peak_rss_bytes, b->peak_rss_bytes) ?: mt_sum_falling(b->id, a->id);
}

int mt_ranking_new(const struct mt_model_process ***out, const struct mt_model *m)
{
	const struct mt_model_process **ranking;

	ranking = calloc(m->nr_processes + 1, sizeof(const struct mt_model_process *));
	if (!ranking)
		return -ENOMEM;
	for (size_t i = 0; i < m->nr_processes; i++)
		ranking[i] = &m->processes[i];
	qsort(ranking, m->nr_processes, sizeof(const struct mt_model_process *), by_rss);
	*out = ranking;
	return 0;
}
