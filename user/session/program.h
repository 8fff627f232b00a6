/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * program.h: one program image, from its exec, fork or attach to its end: what user space
 * keeps of it beside the kernel's maps. DESIGN section 6: exec ends one and begins another.
 *
 * A program is owned by the session and freed when its data has been kept for good. Times
 * are nanoseconds of CLOCK_MONOTONIC, -1 for unknown. One thread; errors are -errno, not
 * logged: that a process has ended (-ESRCH) is normal everywhere.
 */
#ifndef MT_SESSION_PROGRAM_H
#define MT_SESSION_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "session/bills.h"
#include "session/rss.h"
#include "session/timeline.h"
#include "wire.h"

struct mt_ledger;
struct mt_locator;
struct mt_maps;
struct mt_probe_target;
struct mt_stackmaps;
struct mt_stacks;

#define MT_FILES_MAX 8 /* allocator libraries probed in one process */

enum mt_ended {
	MT_ENDED_RUNNING = 0,
	MT_ENDED_EXEC,
	MT_ENDED_EXIT,
	MT_ENDED_SIGNAL,
};

/* A file's code in its address space, now or earlier. */
struct mt_module {
	uint64_t start;
	uint64_t end;
	uint64_t file_offset;
	char *path;			    /* as the process sees it */
	const struct mt_probe_target *file; /* NULL: could not be opened */
	bool kept;			    /* the drain has written it */
};

/* What the pacer (pacer.h) knows of a program; in progress, that of all targets. */
struct mt_paced {
	bool begun;
	bool ended;
	double begin_ns;
	double end_ns;
	double exact_ns; /* in exact phases that have ended */
	uint64_t hits;
	uint64_t end_hits;
	uint64_t trap_ns;
	uint64_t run_ns;
	uint64_t window_hits; /* these two in the last window */
	uint64_t window_counted;
	bool in_window;
	int64_t exact_since_ns; /* a time: of one that has not ended; -1 */
};

struct mt_gap {
	int64_t from_ns;
	int64_t to_ns;
	const char *why; /* static */
};

struct mt_program {
	uint32_t slot;
	uint32_t parent_slot;
	pid_t pid;
	pid_t ppid;
	enum mt_birth birth;
	char comm[MT_COMM_LEN];
	char *exe;
	char *cgroup;
	const char *heap_note; /* static: why its heap is not watched, or only in part */

	int64_t start_ns;
	int64_t end_ns;
	int64_t seen_ns; /* since when its calls are counted */
	enum mt_ended ended;
	int exit_status;
	bool oom_killed;
	bool hidden;	 /* the launched child before its exec: nobody's program */
	bool ready;	 /* its links are open, be anything mapped that they are in or not */
	bool foreign;	 /* another malloc than the probed one comes first: its heap is not seen */
	bool entry_only; /* without return probes, links.h */

	pid_t shown_by; /* the thread by which /proc shows its memory */
	int status_fd;
	int root_fd;	 /* its root directory, which outlives it */
	pid_t inner_pid; /* in its own pid namespace, and who runs it: as last seen */
	uid_t uid;
	uint64_t born_ns; /* CLOCK_BOOTTIME: when the process began, of which this is an image */
	struct mt_rss rss;
	int64_t rss_now_bytes; /* at the last look */
	int64_t mapped_peak_bytes;
	int64_t cpu_start_ns; /* the process's CPU time when it began, or we attached */
	int64_t cpu_ns;	      /* since then, as last seen */
	struct mt_ledger *ledger;
	struct mt_stacks *stacks;
	struct mt_stackmaps *stackmaps;

	/* The allocators that are probed; none where another malloc comes first. */
	const struct mt_probe_target *probed[MT_FILES_MAX];
	size_t nr_probed;
	bool expected; /* `probed` is not what it was seen to map, but what it should */
	struct mt_module *modules;
	size_t nr_modules;
	struct mt_paced paced;
	bool windowed; /* bursts have counted of it */
	bool modules_stale;
	int64_t stale_ns; /* since then code may be mapped that is not in `modules` */
	struct mt_timeline timeline;
	struct mt_bills bills;
	struct mt_gap *gaps;
	size_t nr_gaps;
};

int mt_program_new(struct mt_program **out, uint32_t slot, pid_t pid, enum mt_birth birth,
		   int64_t start_ns);
void mt_program_free(struct mt_program **program);

/* Name, path, cgroup and parent, as /proc has them now. */
void mt_program_identify(struct mt_program *p);

/* The CPU time of a process, all of its threads together; -1: it has ended. */
int64_t mt_program_cpu_now(const struct mt_program *p);

/* What a forked child has in common with its parent at that moment. */
int mt_program_inherit(struct mt_program *child, const struct mt_program *parent);

/* Merge the code that is mapped now into `modules`; what was there before stays. */
int mt_program_note_modules(struct mt_program *p, struct mt_locator *locator, pid_t tid,
			    const struct mt_maps *maps);

/*
 * Look at its memory: peaks, and a sample of the timeline. -ESRCH when it has ended. A leader
 * that has ended shows nothing: another thread, by mt_program_look_through(), does.
 */
int mt_program_look(struct mt_program *p, int64_t now_ns, int64_t heap_live_bytes);
void mt_program_look_through(struct mt_program *p, pid_t tid);

/* Its allocator is probed: what the kernel counted is its heap. */
bool mt_program_heap_watched(const struct mt_program *p);

/* Why not, or only in part; NULL: there is nothing to say. */
const char *mt_program_heap_note(const struct mt_program *p);

/* Its calls were counted from its first instruction on. */
bool mt_program_seen_from_start(const struct mt_program *p);

int mt_program_add_gap(struct mt_program *p, int64_t from_ns, int64_t to_ns, const char *why);

#endif
