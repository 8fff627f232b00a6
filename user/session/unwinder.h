/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * unwinder.h: gives the BPF unwinder the tables of the files whose code it meets.
 *
 * The kernel numbers files when it first meets their code and tells of it (MT_EVENT_FILE); or
 * they are numbered beforehand (mt_unwinder_prepare), so that not even the first stacks lack
 * their tables: for what a held process is about to run. A table comes from the cache or
 * is built, in a thread of its own, and is published under the file's number: an array map of its
 * nodes in the array of maps `mt_tables`. A file of which nothing can be known gets an empty
 * one, so that the kernel does not ask again.
 *
 * All tables together take at most the bytes given. For one that has no room those go whose files
 * were met less than half as often, if that is enough; stacks in files without one end as in code
 * without a table. Who was left out is asked for again when the kernel meets it again.
 * mt_unwinder_stats says what there was. The files stay open, so that their inode numbers mean the
 * same as long as we run.
 *
 * Call it from one thread. Errors are -errno, logged where they cost more than one file's stacks.
 */
#ifndef MT_SESSION_UNWINDER_H
#define MT_SESSION_UNWINDER_H

#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct mt_kernel;
struct mt_probe_target;
struct mt_unwinder;

struct mt_unwinder_stats {
	uint64_t files;	     /* numbered */
	uint64_t tables;     /* published, with rows */
	uint64_t bytes;	     /* of these */
	uint64_t from_cache; /* of these */
	uint64_t evicted;    /* files that had none for a while, for want of room */
	uint64_t build_ns;   /* spent in building */
};

int mt_unwinder_new(struct mt_unwinder **out, struct mt_kernel *k, uint64_t bytes_max);
void mt_unwinder_free(struct mt_unwinder **unwinder);

/* MT_EVENT_FILE: opens what the process maps there, and has its table made. */
void mt_unwinder_on_file(struct mt_unwinder *u, const struct mt_event *e);

/* The file's code will run soon. */
void mt_unwinder_prepare(struct mt_unwinder *u, const struct mt_probe_target *file);

/* Waits until all that was asked for is published. */
void mt_unwinder_wait(struct mt_unwinder *u);

/* What was done by now; what is under way is not in it. */
void mt_unwinder_stats(struct mt_unwinder *u, struct mt_unwinder_stats *out);

#endif
