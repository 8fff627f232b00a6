/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * fault_budget.h: how page faults are sampled, so that their layer keeps to its part of the budget.
 *
 * A stack is most of what a fault costs, so first fewer of them get one; then the kernel tells of
 * fewer. A period once raised stays: a lower one costs as much as watching all threads anew. Pure:
 * the same inputs give the same answers. Thread-safe for distinct states; nothing is allocated or
 * fails.
 */
#ifndef MT_SESSION_FAULT_BUDGET_H
#define MT_SESSION_FAULT_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "session/faults.h"

/* Of the targets' CPU time: so much of the whole budget. */
#define MT_FAULT_BUDGET_PART 0.3
/* And where calls are not counted, so that nothing else is paid from it. */
#define MT_FAULT_BUDGET_ALONE 0.7

struct mt_fault_budget {
	double limit;	 /* a share of the targets' CPU time */
	int64_t cost_ns; /* when it was judged last */
	int64_t cpu_ns;
};

/* True: `sampling` is to be another from now on. `cost_ns`, `cpu_ns`: totals that never fall. */
bool mt_fault_budget_step(struct mt_fault_budget *b, int64_t cost_ns, int64_t cpu_ns,
			  struct mt_fault_sampling *sampling);

#endif
