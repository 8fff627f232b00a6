/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * fault_pace.h: keeps what page faults cost the targets to a budget (fault_budget.h), by having
 * them sampled less.
 *
 * The caller's struct mt_fault_budget is all its state. One thread: the session's.
 */
#ifndef MT_SESSION_FAULT_PACE_H
#define MT_SESSION_FAULT_PACE_H

#include <stdint.h>

struct mt_fault_budget;
struct mt_session;

/* From now on; limit: a share of the targets' CPU time. */
void mt_fault_pace_init(struct mt_session *s, struct mt_fault_budget *b, double limit);

/* Totals: what faults have cost, and how long the targets have run. */
void mt_fault_pace(struct mt_session *s, struct mt_fault_budget *b, int64_t cost_ns,
		   int64_t running_ns);

/* The same by what is measured now; for a session without a pacer. */
void mt_fault_pace_tick(struct mt_session *s, struct mt_fault_budget *b);

#endif
