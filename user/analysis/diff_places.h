/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * diff_places.h: realloc storms and what starts threads, of two recordings, by their identity
 * (identity.h).
 *
 * Results point into the models, which must outlive them; the caller frees `v`. Pure over const
 * models: thread-safe. Returns 0 or -ENOMEM.
 */
#ifndef MT_ANALYSIS_DIFF_PLACES_H
#define MT_ANALYSIS_DIFF_PLACES_H

#include "model/model.h"

enum mt_diff_kind {
	MT_DIFF_STORMS = 1,
	MT_DIFF_THREADS,
};

/* Its values, in this order. */
enum mt_diff_storm_value {
	MT_DIFF_STORM_CALLS,
	MT_DIFF_STORM_MOVED,
	MT_DIFF_STORM_COPIED_BYTES,
};

enum mt_diff_thread_value {
	MT_DIFF_THREAD_CREATED,
	MT_DIFF_THREAD_PEAK_ALIVE,
	MT_DIFF_THREAD_RESERVED_BYTES, /* of all that lived at once there */
};

#define MT_DIFF_PLACE_VALUES 3

/* 0 where a recording does not have it. */
struct mt_diff_place {
	const char *comm;
	const struct mt_model_stack
		*stack; /* the new one's, if it has it; without frames: unknown */
	const struct mt_model_process *process;
	int64_t old[MT_DIFF_PLACE_VALUES];
	int64_t new[MT_DIFF_PLACE_VALUES];
};

struct mt_diff_places {
	struct mt_diff_place *v; /* largest difference of the last value first */
	size_t nr;
};

int mt_diff_places(struct mt_diff_places *out, enum mt_diff_kind kind, const struct mt_model *old,
		   const struct mt_model *new);

#endif
