/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * coverage.h: how much of a process's memory its heap's numbers explain.
 *
 * Of the anonymous memory that became writable while it was recorded (mmap, brk, mremap,
 * mprotect of what was reserved; thread stacks aside, see session/stackmaps.h), the share that
 * a probed allocator asked for in the course of a call. A runtime with a heap of its own, an
 * allocator that is not known, or an arena that the program maps itself lowers it. Pure over a
 * const model.
 */
#ifndef MT_ANALYSIS_COVERAGE_H
#define MT_ANALYSIS_COVERAGE_H

#include "model/model.h"

struct mt_coverage {
	double pct;		   /* -1: it did not grow, or its heap was not watched */
	int64_t grown_bytes;	   /* -1: not watched */
	int64_t unexplained_bytes; /* -1: likewise */
	bool low;		   /* so little that the heap is not the whole story */
};

void mt_coverage_get(struct mt_coverage *out, const struct mt_model_process *p);

#endif
