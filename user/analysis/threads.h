/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * threads.h: the threads' bill: where threads come from and what their stacks need.
 *
 * Bytes and nanoseconds, -1 is unknown. Results point into the model, which must outlive
 * them. Pure over a const model: thread-safe. Returns 0 or -ENOMEM.
 */
#ifndef MT_ANALYSIS_THREADS_H
#define MT_ANALYSIS_THREADS_H

#include "model/model.h"

struct mt_spawn_site {
	const struct mt_model_spawn *spawn;
	/*
	 * Twice the deepest touch, rounded up to a power of two, at least 64 KiB: what was
	 * seen is not the deepest that can be, and ticks see less than was touched.
	 */
	int64_t suggested_stack_bytes;
};

struct mt_thread_life {
	const struct mt_thread_row *row;
	int64_t lifetime_ns; /* up to the end of the recording for one that still ran */
};

struct mt_threads {
	struct mt_spawn_site *sites; /* most reserved at once first */
	size_t nr_sites;
	struct mt_thread_life *list; /* deepest first; with the main thread */
	size_t nr_list;
};

int mt_threads_new(struct mt_threads **out, const struct mt_model *m,
		   const struct mt_model_process *p);
void mt_threads_free(struct mt_threads **threads);

/* Of the stacks of all that lived at once there. */
int64_t mt_threads_reserved_bytes(const struct mt_spawn_row *row);

#endif
