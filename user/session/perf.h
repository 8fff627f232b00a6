/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * perf.h: perf events that BPF programs attach to: uprobes, syscall tracepoints, faults.
 *
 * Functions return a file descriptor that the caller owns, or -errno. The events end with
 * their descriptors, so nothing outlives the recorder. Thread-safe.
 */
#ifndef MT_SESSION_PERF_H
#define MT_SESSION_PERF_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Can uprobes be opened as perf events? 0 or -errno. */
int mt_perf_uprobe_probe(void);

/* A probe in the file at `path`, for every thread that shares pid's address space. */
int mt_perf_uprobe_open(const char *path, uint64_t offset, bool is_return, pid_t pid);

/*
 * The root of tracefs, mounted for us alone: it appears in no mount table, and is gone with
 * the descriptor.
 */
int mt_tracefs_open(bool writable);

/* A tracepoint such as "syscalls/sys_enter_mmap", on all CPUs as BPF programs see it. */
int mt_perf_tracepoint_open(int tracefs, const char *name);

/* Its number, and an event of that number for one task alone; with no samples and no count. */
int mt_perf_tracepoint_id(int tracefs, const char *name, unsigned int *id);
int mt_perf_tracepoint_open_task(unsigned int id, pid_t tid);

/*
 * A task's page faults, and those of all threads and processes that it comes to create: prog_fd
 * runs at one in `period` of each.
 */
int mt_perf_faults_open(pid_t tid, uint64_t period, int prog_fd);

/* An event of a task that never happens, for mt_perf_ran(). */
int mt_perf_clock_open(pid_t tid);

/*
 * How long the tasks of an event have run since it was opened, to the nanosecond: what the kernel's
 * clocks of a process say of one that runs is as old as the last tick. Of faults and clocks.
 */
int mt_perf_ran(int event, int64_t *ns);

#endif
