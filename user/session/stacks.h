/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * stacks.h: the threads of one program image and their stacks.
 *
 * A thread's creation tells its stack pointer; the next tick finds the mapping that holds it
 * and looks how deep it has been touched. Reserved is that mapping without the guard.
 * Touched is from the top down to the lowest page that is present or swapped, and only
 * grows; every tick looks at the part below that only. What no tick saw is -1, never 0.
 *
 * A stack that glibc reuses may hold pages of its former thread. At a thread's exit glibc
 * gives back (MADV_DONTNEED) all but PTHREAD_STACK_MIN (16 KiB) below the last frame, so at
 * most that is too much.
 *
 * A tick looks at MT_STACKS_LOOKS threads at most, in turn, besides at each new one.
 * Alive means created and its exit event not seen. The main thread is in no total and at no
 * site, but is listed: reserved is its RLIMIT_STACK (-1: unlimited).
 *
 * Ownership: a struct mt_stacks owns everything, with one descriptor from the first tick on.
 * Not thread-safe. Times are the caller's nanoseconds, -1 unknown; errors are -errno, not
 * logged: -ESRCH (the process has ended) is normal.
 */
#ifndef MT_SESSION_STACKS_H
#define MT_SESSION_STACKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire.h"

#define MT_STACKS_LOOKS	   128
#define MT_STACKS_FINISHED 1000 /* finished threads that are kept: the deepest */

struct mt_ledger;
struct mt_stacks;

struct mt_stacks_thread {
	pid_t tid;
	bool main;
	char comm[MT_COMM_LEN]; /* "" until it has ended */
	int64_t start_ns;	/* main: -1, it is the program's */
	int64_t end_ns;
	uint64_t spawn_stack; /* 0: unknown */
	uint64_t lo;	      /* its stack, when a tick has found it */
	uint64_t hi;
	int64_t reserved_bytes;
	int64_t guard_bytes;
	int64_t touched_bytes;
};

/* Threads by where they were created. */
struct mt_stacks_site {
	uint64_t stack; /* 0: unknown */
	int64_t created;
	int64_t alive;
	int64_t peak_alive;
	int64_t reserved_bytes; /* of one thread, the largest */
	int64_t touched_max_bytes;
};

struct mt_stacks_totals {
	int64_t created;
	int64_t exited;
	int64_t alive;
	int64_t peak_alive;
	int64_t reserved_peak_bytes; /* of the sum over alive threads */
	int64_t touched_peak_bytes;  /* likewise; -1: no tick saw one */
};

int mt_stacks_new(struct mt_stacks **out, pid_t pid);
void mt_stacks_free(struct mt_stacks **stacks);

/* Never scan, only read, as on kernels before 6.7. */
void mt_stacks_forbid_scan(struct mt_stacks *s);

/* A thread was created; sp: its first stack pointer. Main is known already, and ignored. */
int mt_stacks_spawn(struct mt_stacks *s, pid_t tid, uint64_t sp, uint64_t spawn_stack,
		    int64_t ts_ns);

/* What its stack was when it was created, for one that no tick will see. -1: unknown. */
void mt_stacks_born_on(struct mt_stacks *s, pid_t tid, int64_t reserved_bytes, int64_t guard_bytes);

/* A thread was found running: alive, but not created. One that is known is ignored. */
int mt_stacks_adopt(struct mt_stacks *s, pid_t tid, int64_t start_ns);

/* A thread, or main, has ended. One that was never heard of is ignored. */
void mt_stacks_exit(struct mt_stacks *s, pid_t tid, const char *comm, int64_t ts_ns);

/* Look at the stacks; `ledger` may be NULL and tells merged mappings apart. */
int mt_stacks_tick(struct mt_stacks *s, const struct mt_ledger *ledger);

/* Valid as long as s, and up to date after every call. */
const struct mt_stacks_totals *mt_stacks_totals(const struct mt_stacks *s);

/* A callback returns 0 to go on or -errno to stop, which is then returned. */
int mt_stacks_each_thread(const struct mt_stacks *s,
			  int (*cb)(const struct mt_stacks_thread *thread, void *arg), void *arg);
int mt_stacks_each_site(const struct mt_stacks *s,
			int (*cb)(const struct mt_stacks_site *site, void *arg), void *arg);

#endif
