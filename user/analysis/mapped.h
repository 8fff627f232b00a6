/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * mapped.h: who mapped what a process has mapped.
 *
 * Results point into the model, which must outlive them. Pure over a const model:
 * thread-safe. Returns 0 or -ENOMEM.
 */
#ifndef MT_ANALYSIS_MAPPED_H
#define MT_ANALYSIS_MAPPED_H

#include "model/model.h"

struct mt_mapped {
	const struct mt_model_map_site **sites; /* largest at the ledger's peak first */
	size_t nr_sites;
};

/* Was the ledger kept? If not, a process's mapping numbers mean nothing. */
bool mt_mapped_watched(const struct mt_model *m);

int mt_mapped_new(struct mt_mapped **out, const struct mt_model_process *p);
void mt_mapped_free(struct mt_mapped **maps);

#endif
