/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * losses.h: what a recording has lost, and which of its numbers that touches.
 *
 * A loss is one of the whole recording: which process it hit is not known, so it touches
 * them all. Results are constants or point into the model. Pure over a const model:
 * thread-safe; nothing is allocated or fails.
 */
#ifndef MT_ANALYSIS_LOSSES_H
#define MT_ANALYSIS_LOSSES_H

#include "model/model.h"

enum mt_trust {
	MT_TRUST_EXACT,
	MT_TRUST_SAMPLED,  /* an estimate, from the blocks that were followed */
	MT_TRUST_WINDOWED, /* likewise, from bursts */
	MT_TRUST_AT_LEAST, /* what was lost can only be missing */
	MT_TRUST_ABOUT,	   /* frees were lost too, or what was is not known */
};

/* By kind of number. */
struct mt_losses {
	bool any;
	enum mt_trust heap;
	enum mt_trust storms;
	enum mt_trust ledgers; /* mappings and threads */
};

void mt_losses_get(struct mt_losses *out, const struct mt_model *m);

/* A process's heap and storms, where those of the recording are `trust`. */
enum mt_trust mt_losses_process(enum mt_trust trust, const struct mt_process_row *row);

/* For a person: what was lost, and what to do. NULL for a name of another version's. */
const char *mt_losses_meaning(const char *name);

#endif
