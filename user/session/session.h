/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * session.h: one recording: which processes are targets, their probes, their programs.
 *
 *	new -> (adopt... | launch) -> [poll on events and SIGCHLD, tick]... -> stop -> free
 *
 * The session turns the kernel's events into programs (program.h) and keeps their probes in
 * place. The drain (capture/drain.h) reads programs and the kernel's tables and writes them
 * down; what has ended and was written for good it hands back with mt_session_forget().
 *
 * One thread. Times are nanoseconds of CLOCK_MONOTONIC. Errors are -errno and logged: -ESRCH
 * no such target, -EPERM and -EOPNOTSUPP the kernel or a privilege does not suffice.
 */
#ifndef MT_SESSION_SESSION_H
#define MT_SESSION_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "session/kernel.h"

struct mt_faults;
struct mt_launch_signals;
struct mt_locator;
struct mt_pacer;
struct mt_perfmap;
struct mt_program;
struct mt_session;
struct mt_unwinder_stats;

/* A file that has an allocator's functions, under names with a prefix. */
struct mt_session_library {
	const char *path;
	const char *prefix;
};

struct mt_session_options {
	struct mt_kernel_options kernel;
	bool no_ptrace;
	double budget_pct; /* as far as it goes calls are counted and faults have stacks; 0: all */
	const struct mt_session_library *libraries;
	size_t nr_libraries;
};

int mt_session_new(struct mt_session **out, const struct mt_session_options *options);
void mt_session_free(struct mt_session **session);

/* Make a running process a target, and count its calls from now on. */
int mt_session_adopt(struct mt_session *s, pid_t pid);

/*
 * Make a command a target: launched it waits, with its probes in place, until it is started.
 * -ENOENT and -EACCES: not found, not executable (a shell's 127 and 126).
 */
int mt_session_launch(struct mt_session *s, char **argv, const struct mt_launch_signals *inherited);
int mt_session_start(struct mt_session *s);
/* The command's pid; 0 when none was launched. */
pid_t mt_session_command(const struct mt_session *s);
void mt_session_forward(struct mt_session *s, int signo, int si_code);

/* To wait on, beside SIGCHLD for a launched command. */
int mt_session_events_fd(const struct mt_session *s);

/* Deal with all that has come: events, and what became of held processes. Never blocks. */
int mt_session_poll(struct mt_session *s);

/* Look at every program's memory; call this every tick. */
int mt_session_tick(struct mt_session *s);

/* From this tick to the next: MT_TICK_NS; each tick at which nothing has moved makes it longer. */
#define MT_TICK_NS     100000000LL
#define MT_TICK_MAX_NS 250000000LL /* a few of them are not in the capture yet */
int64_t mt_session_tick_ns(const struct mt_session *s);

/* Has all ended that was asked for? *status: the command's, as from waitpid, else 0. */
bool mt_session_over(const struct mt_session *s, int *status);

/* Stop counting and remove every probe. Programs stay for a last drain. */
void mt_session_stop(struct mt_session *s);

const struct mt_kernel *mt_session_kernel(const struct mt_session *s);
const struct mt_locator *mt_session_locator(const struct mt_session *s);

/* Where programs that have ended, or were there at the stop, name what they compiled. */
const struct mt_perfmap *mt_session_maps(const struct mt_session *s, size_t *nr);

/*
 * May a probe be a perf event from here on? Those take CAP_SYS_ADMIN. They are all that there is
 * where a kernel has no uprobe_multi, and what the later ones of a crowd share: of a command's
 * children too.
 */
bool mt_session_opens_events(const struct mt_session *s);

/* Events of which no program was known any more, and links that could not be opened. */
uint64_t mt_session_strays(const struct mt_session *s);

/* Of page faults; NULL: they cannot be seen. */
struct mt_faults *mt_session_faults(const struct mt_session *s);

/* NULL where no calls are counted, or all. */
struct mt_pacer *mt_session_pacer(const struct mt_session *s);

/* Of the tables for unwinding; false: stacks are not taken. */
bool mt_session_unwinder_stats(const struct mt_session *s, struct mt_unwinder_stats *out);

/* By slot, NULL for none; slots run from 1 to mt_session_slots(). */
struct mt_program *mt_session_program(const struct mt_session *s, uint32_t slot);
uint32_t mt_session_slots(const struct mt_session *s);
/* Does a process run in it? */
bool mt_session_inhabited(const struct mt_session *s, const struct mt_program *program);
void mt_session_forget(struct mt_session *s, uint32_t slot);

#endif
