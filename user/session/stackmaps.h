/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * stackmaps.h: mappings that were made for stacks (MAP_STACK), until a thread runs on one.
 *
 * The kernel side counts them as growth like any other, because allocators and pools set that
 * flag too. Those that do become a thread's stack are summed up here, each once, to be taken off.
 * Without those that pthread_create makes: they are not counted in the first place.
 *
 * Fed with the mappings and the threads of one program image, each in their order: the two come
 * by different rings, so a thread's start waits until what was mapped before it is known.
 *
 * Ownership: a struct mt_stackmaps owns everything. Not thread-safe. Addresses and lengths are
 * bytes, times nanoseconds of any one clock. The only error is -ENOMEM; that mapping or thread is
 * then not known.
 */
#ifndef MT_SESSION_STACKMAPS_H
#define MT_SESSION_STACKMAPS_H

#include <stdbool.h>
#include <stdint.h>

struct mt_stackmaps;

struct mt_stackmaps_thread {
	int64_t ts_ns;
	uint64_t sp;
	uint64_t lo; /* [lo, hi) is one mapping to the kernel; 0: unknown */
	uint64_t hi;
};

int mt_stackmaps_new(struct mt_stackmaps **out);
void mt_stackmaps_free(struct mt_stackmaps **stackmaps);

/* A mapping for a stack; what was there before is gone. */
int mt_stackmaps_add(struct mt_stackmaps *m, uint64_t start, uint64_t len, bool writable,
		     int64_t ts_ns);

/* [start, start + len) is unmapped or mapped as something else. */
void mt_stackmaps_drop(struct mt_stackmaps *m, uint64_t start, uint64_t len, int64_t ts_ns);

int mt_stackmaps_thread(struct mt_stackmaps *m, const struct mt_stackmaps_thread *thread);

/* What was counted as growth and has become a stack; all that has happened is known by now. */
uint64_t mt_stackmaps_used_bytes(struct mt_stackmaps *m);

#endif
