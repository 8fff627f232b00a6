// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/fault_budget.h"

#define SPAN_NS	   10000000LL /* of the targets' CPU time, the least that is judged */
#define ONE_IN_MAX 64
#define PERIOD_MAX 256
#define CALM	   8 /* times under the limit, until more get a stack again */

bool mt_fault_budget_step(struct mt_fault_budget *b, int64_t cost_ns, int64_t cpu_ns,
			  struct mt_fault_sampling *sampling)
{
	int64_t span_ns = cpu_ns - b->cpu_ns;
	double over;

	if (span_ns < SPAN_NS)
		return false;
	over = (double)(cost_ns - b->cost_ns) / span_ns / b->limit;
	b->cost_ns = cost_ns;
	b->cpu_ns = cpu_ns;
	if (over > 1 && sampling->one_in < ONE_IN_MAX) {
		for (; over > 1 && sampling->one_in < ONE_IN_MAX; over /= 2)
			sampling->one_in *= 2;
		return true;
	}
	if (over > 1 && sampling->period < PERIOD_MAX) {
		sampling->period *= 4;
		return true;
	}
	if (over < 1.0 / CALM && sampling->one_in > 1) {
		sampling->one_in /= 2;
		return true;
	}
	return false;
}
