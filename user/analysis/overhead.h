/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * overhead.h: what the recording cost its targets.
 *
 * A trap's price was measured on the host before the recording, in a throwaway process; what the
 * programs behind it take is measured while they run. Of both it is one trap in 16 that says it, so
 * of few traps little is known. A percentage is of the CPU time that a process would have used
 * without. While we read what its resident memory is, a process is taken to have stood still,
 * though it does so only where it changes its mappings. Pure over a const model: thread-safe;
 * nothing is allocated or fails.
 */
#ifndef MT_ANALYSIS_OVERHEAD_H
#define MT_ANALYSIS_OVERHEAD_H

#include "model/model.h"

struct mt_overhead {
	int64_t cpu_ns;	  /* of the target, with what it lost */
	int64_t spent_ns; /* or -1: unknown */
	int64_t own_ns;	  /* what is left; 0 where the prices add up to more than there was */
	double pct;	  /* or -1 */
	double exact_pct; /* what counting every call costs, or would by what bursts saw; or -1 */
};

void mt_overhead_process(struct mt_overhead *out, const struct mt_process_row *row);

/* Of all together. */
void mt_overhead_capture(struct mt_overhead *out, const struct mt_model *m);

#endif
