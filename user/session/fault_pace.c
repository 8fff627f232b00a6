// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/fault_pace.h"

#include <stdlib.h>

#include "session/fault_budget.h"
#include "session/faults.h"
#include "session/kernel.h"
#include "session/state.h"
#include "util/cleanup.h"
#include "util/log.h"

/* What the kernel takes to have an event's program run, where that was not measured: in a virtual
 * machine, rather too much. */
#define EVENT_NS 800

/* Of so many faults one gets a stack, until their cost is known; of all where that is no matter. */
#define FIRST	  8
#define NO_MATTER 0.1

void mt_fault_pace_init(struct mt_session *s, struct mt_fault_budget *b, double limit)
{
	/* A program faults most when it begins. */
	const struct mt_fault_sampling sampling = { 1, limit < NO_MATTER ? FIRST : 1 };

	*b = (struct mt_fault_budget){ .limit = limit };
	mt_faults_sample(s->faults, &sampling, NULL, 0);
}

void mt_fault_pace(struct mt_session *s, struct mt_fault_budget *b, int64_t cost_ns,
		   int64_t running_ns)
{
	struct mt_fault_sampling sampling = mt_faults_sampling(s->faults);
	_free_ pid_t *pids = NULL;

	if (!mt_fault_budget_step(b, cost_ns, running_ns, &sampling))
		return;
	pids = calloc(s->nr_processes + 1, sizeof(*pids));
	for (size_t i = 0; pids && i < s->nr_processes; i++)
		pids[i] = s->processes[i].pid;
	if (!pids || mt_faults_sample(s->faults, &sampling, pids, s->nr_processes))
		mt_info("page faults cannot be told of less often");
}

void mt_fault_pace_tick(struct mt_session *s, struct mt_fault_budget *b)
{
	struct mt_fault_stats stats;

	if (s->faults && !mt_faults_stats(s->faults, EVENT_NS, &stats))
		mt_fault_pace(s, b, (int64_t)stats.cost_ns, mt_faults_running_ns(s->faults));
}
