/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * faults.h: page faults of the targets, seen by perf events; bpf/fault.bpf.c counts them.
 *
 * An event is opened for every thread that a target has when it is adopted, and inherited by all
 * that it creates later, processes too: no start is missed and nobody else is touched. What a task
 * inherits has a period of its own, which cannot be changed any more: a new period opens new events
 * for all threads and then closes the old ones. Both may tell of a fault meanwhile, or two events
 * of a thread that was created while its creator's was opened: bpf/logic/fault.h counts it once.
 *
 * Owns its events, which end with it. One thread. Errors are -errno, not logged: -ESRCH is normal.
 */
#ifndef MT_SESSION_FAULTS_H
#define MT_SESSION_FAULTS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mt_faults;
struct mt_kernel;

/* Of `period` faults the kernel tells of one; of `one_in` such events one gets a stack. */
struct mt_fault_sampling {
	uint32_t period;
	uint32_t one_in;
};

/* Since the beginning. */
struct mt_fault_stats {
	uint64_t event_cnt;
	uint64_t stack_cnt;
	uint64_t cost_ns; /* of the targets' time */
};

/* Both are 1 at first. */
int mt_faults_new(struct mt_faults **out, struct mt_kernel *kernel);
void mt_faults_free(struct mt_faults **faults);

/* Begin to see the faults of a target's threads, and of what they will create. */
int mt_faults_watch(struct mt_faults *f, pid_t pid);

/*
 * Change the sampling, for `pids`: all processes that are targets now. A new period costs about
 * as much as watching them all anew; a new `one_in` nothing. On an error the old one holds.
 */
int mt_faults_sample(struct mt_faults *f, const struct mt_fault_sampling *sampling,
		     const pid_t *pids, size_t nr);

struct mt_fault_sampling mt_faults_sampling(const struct mt_faults *f);

/* At most so many faults were there to a stack, so far. */
int64_t mt_faults_coarsest(const struct mt_faults *f);

/* The program's time is measured; event_ns: what the kernel takes to have it run. */
int mt_faults_stats(const struct mt_faults *f, double event_ns, struct mt_fault_stats *out);

/* How long the targets have run, since each is watched, to the nanosecond. */
int64_t mt_faults_running_ns(const struct mt_faults *f);

/* Stop seeing faults: nobody is told of any more. */
void mt_faults_stop(struct mt_faults *f);

#endif
