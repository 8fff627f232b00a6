/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * state.h: what the files of the session share among themselves.
 *
 * A process (one tgid) has probes and runs a program; a program (one address space) has the
 * counts. They differ where address spaces and processes do: a vfork child runs in its
 * parent's program, exec gives a process a new one.
 */
#ifndef MT_SESSION_STATE_H
#define MT_SESSION_STATE_H

#include "session/bills.h"
#include "session/fault_budget.h"
#include "session/program.h"
#include "session/session.h"

#define MT_MAPS_MAX 1024 /* perf maps held; what compiles later is not named */

struct mt_faults;
struct mt_hold;
struct mt_links;
struct mt_pacer;

struct mt_process {
	pid_t pid;
	struct mt_program *program; /* owned by the session's table */
	struct mt_links *links[MT_FILES_MAX];
	size_t nr_links;
	/* What is to be probed, where the pacer says when. */
	const struct mt_probe_target *targets[MT_FILES_MAX];
	size_t nr_targets;
	bool entry_only;   /* its links have no return probes, since a program that it ran */
	bool held;	   /* it stops at exec and exit */
	bool at_exec;	   /* held, and its stop at an exec that we know of is still to come */
	bool unseen;	   /* it came without being held and has to be attached to */
	int unheard;	   /* ticks since it was last seen alive */
	int64_t rss_bytes; /* when it last moved, and the same of its heap */
	int64_t live_bytes;
	int64_t shares_ns; /* a vfork child that nobody watches, since then; 0: none */
};

struct mt_session {
	struct mt_kernel *kernel;
	struct mt_locator *locator;
	struct mt_faults *faults;     /* NULL: they cannot be seen */
	struct mt_unwinder *unwinder; /* NULL: no stacks are taken */
	struct mt_hold *hold;
	struct mt_pacer *pacer; /* NULL: calls are counted all the time, or never */
	bool links_wait;	/* for the pacer to open them */
	pid_t command;		/* 0: none was launched */
	bool no_ptrace;
	bool rss_per_cpu;
	uint64_t strays;
	struct mt_event *early; /* of programs that are not known yet */
	size_t nr_early;
	size_t nr_due; /* of these: what has begun by now has been read */

	struct mt_process *processes; /* alive, in no order */
	size_t nr_processes;
	struct mt_program **programs; /* by slot */
	uint32_t nr_programs;	      /* slots seen so far */
	struct mt_perfmap *maps;      /* of those that compile, for symbols */
	size_t nr_maps;
	struct mt_bills_budget bills;
	struct mt_fault_budget fault_budget; /* where there is a budget and no pacer */
	bool moved;			     /* something has, since the last tick */
	int still_ticks;		     /* at which nothing had, in a row */
	bool stopping;			     /* this tick is the last */
};

/* state.c: the tables. A process pointer is good until one is added or dropped. */
struct mt_process *mt_session_process(struct mt_session *s, pid_t pid);
struct mt_process *mt_session_add_process(struct mt_session *s, pid_t pid,
					  struct mt_program *program);
void mt_session_drop_process(struct mt_session *s, struct mt_process *process);
/* It is gone and nobody said so. */
void mt_session_bury(struct mt_session *s, struct mt_process *process, int64_t now_ns);
/* It ends, or we do: hold its perf map, if it has one. */
void mt_session_keep_map(struct mt_session *s, struct mt_program *program);
int mt_session_add_program(struct mt_session *s, struct mt_program *program);

/* attach.c: open probes in what the process maps, or will map where `predict` is set. */
int mt_attach_process(struct mt_session *s, struct mt_process *process, bool predict);
/* Its links, as noted when it was attached to; the window is the caller's. */
int mt_attach_open(struct mt_session *s, struct mt_process *process);
void mt_attach_release(struct mt_process *process);
/* Its program ends. Where its mappings were not read in time, calls that were counted tell. */
void mt_attach_settle(const struct mt_session *s, struct mt_process *process);
/* Read its mappings again: modules, and allocators that are not probed yet. */
int mt_attach_refresh(struct mt_session *s, struct mt_process *process, pid_t tid);
/* Threads that were there before us. */
void mt_attach_threads(struct mt_program *program);

/* session.c: what its heap holds now; -1: not all of its calls are counted. */
int64_t mt_session_heap_live(const struct mt_session *s, const struct mt_program *p);

/*
 * events.c: what has come. A process that begins between the look at one ring and that at the other
 * is seen to map before it is seen to begin: such events wait for the next read.
 */
int mt_events_read(struct mt_session *s);

#endif
