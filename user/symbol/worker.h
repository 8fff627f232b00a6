/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * worker.h: questions about files that others made, answered in a child process.
 *
 * libelf and libdw read what a hostile program may have written. They do it in a child, so
 * that a crash or an endless loop in them costs the names of one file and not the capture;
 * and a confined one (confine.h), so that who takes it over gains nothing but wrong names.
 *
 * Questions are numbered and come in groups, one per file; equal groups are neighbours. Each
 * group has a child of its own. `open` and `put` run in the caller, `ask` in the child. `open`
 * says what the child may read; if it fails, or the child does not survive its group, the
 * questions that are left of the group have an empty answer (one frame, unknown). `put` is
 * called for every question once and in order.
 *
 * `ask` finds an empty answer and fills it. An answer lives until the callback returns. Errors of
 * `put` end the run.
 */
#ifndef MT_SYMBOL_WORKER_H
#define MT_SYMBOL_WORKER_H

#include <stddef.h>

#define MT_WORKER_SECONDS 20 /* for a group, should its file be slow to read */
#define MT_WORKER_FILES	  2

struct mt_symbol_stack;

struct mt_worker_ops {
	size_t (*group)(void *arg, size_t question);
	/* Descriptors for the group of that question; they stay open until the next call. */
	int (*open)(void *arg, size_t question, int fds[MT_WORKER_FILES]);
	int (*ask)(void *arg, size_t question, struct mt_symbol_stack *answer);
	int (*put)(void *arg, size_t question, const struct mt_symbol_stack *answer);
};

/* 0, or -errno of `put` or of starting a child. */
int mt_worker_run(const struct mt_worker_ops *ops, void *arg, size_t nr);

#endif
