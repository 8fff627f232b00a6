/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * storms.h: what a process's realloc calls did, and the sites where they are storms.
 *
 * A storm is a stack at which realloc resized one block MT_STORM_CHAIN times or more. The
 * suggested capacity is the 99th percentile of what such blocks had grown to when they were
 * freed; -1 while none was. Results point into the model, which must outlive them. Pure over
 * a const model: thread-safe. Returns 0 or -ENOMEM.
 */
#ifndef MT_ANALYSIS_STORMS_H
#define MT_ANALYSIS_STORMS_H

#include "model/model.h"

struct mt_storm_site {
	const struct mt_model_stack *stack;
	int64_t calls;
	int64_t grown;
	int64_t moved;
	int64_t copied_bytes;
	int64_t chains;
	int64_t longest_chain;
	int64_t busiest_100ms_calls;
	int64_t final_p50_bytes;
	int64_t final_p99_bytes;
	int64_t suggested_capacity_bytes;
};

struct mt_storms {
	int64_t calls;
	int64_t grown;
	int64_t moved;
	int64_t copied_bytes;
	struct mt_storm_site *sites; /* most bytes copied first */
	size_t nr_sites;
};

int mt_storms_new(struct mt_storms **out, const struct mt_model_process *p);
void mt_storms_free(struct mt_storms **storms);

#endif
