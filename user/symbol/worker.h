/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * worker.h: questions about files that others made, answered in a child process.
 *
 * libelf and libdw read what a hostile program may have written. They do it in a child, so
 * that a crash or an endless loop in them costs the names of one file and not the capture.
 *
 * Questions are numbered and come in groups, one per file; equal groups are neighbours. `ask`
 * runs in the child, `put` in the caller, for every question once and in order; where the
 * child did not survive a group, or took more than MT_WORKER_SECONDS for it, `put` gets an
 * empty answer (one frame, unknown) for the rest of that group, and a new child goes on with the
 * next.
 *
 * `ask` finds an empty answer and fills it. An answer lives until the callback returns. Errors of
 * `put` end the run.
 */
#ifndef MT_SYMBOL_WORKER_H
#define MT_SYMBOL_WORKER_H

#include <stddef.h>

#define MT_WORKER_SECONDS 60

struct mt_symbol_stack;

struct mt_worker_ops {
	size_t (*group)(void *arg, size_t question);
	int (*ask)(void *arg, size_t question, struct mt_symbol_stack *answer);
	int (*put)(void *arg, size_t question, const struct mt_symbol_stack *answer);
};

/* 0, or -errno of `put` or of starting a child. */
int mt_worker_run(const struct mt_worker_ops *ops, void *arg, size_t nr);

#endif
