/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * unwound.h: how many of a process's stacks are whole, and how the others end.
 *
 * A stack counts as often as it was taken: once an allocation, a mapping call. Names are those of
 * MT_STACK_END_LIST (wire.h), and "none", and point into the model. Pure over a const model:
 * thread-safe; nothing is allocated or fails.
 */
#ifndef MT_ANALYSIS_UNWOUND_H
#define MT_ANALYSIS_UNWOUND_H

#include "model/model.h"

#define MT_UNWOUND_ENDS 16

struct mt_unwound {
	double complete_pct; /* -1: no stack was taken */
	struct {
		const char *name;
		int64_t cnt;
	} ends[MT_UNWOUND_ENDS]; /* the most frequent first */
	size_t nr_ends;
	int64_t cnt;
};

/* For a person: where such a stack ends, as "in a ..."; NULL for one that is complete, or unknown.
 */
const char *mt_unwound_meaning(const char *end);

void mt_unwound_get(struct mt_unwound *out, const struct mt_model *m,
		    const struct mt_model_process *p);

#endif
