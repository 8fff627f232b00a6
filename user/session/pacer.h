/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * pacer.h: does what the governor orders (mode auto): opens and closes the links of all targets
 * and the windows in which their calls are counted, and measures what it needs to know.
 *
 * What a window has counted is handed on when it closes, for each program, before anything else
 * is counted: the kernel's tables hold one window at a time.
 *
 * The progress that targets make in a burst is their CPU time less what we have cost them. Where
 * nearly all of it is ours little is left that is not an error of our prices. So each burst is
 * followed by a census: with the links still there, calls are let pass and only their number is
 * taken, which costs a third. Where calls are dense, as many as in the burst are taken for as much
 * progress as they are in the census. And it tells by how much the host is slower now than when
 * traps were priced (rehearse.h), which their prices are multiplied by.
 *
 * Owned by the session, which it borrows. One thread. Errors are -errno, already logged.
 */
#ifndef MT_SESSION_PACER_H
#define MT_SESSION_PACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session/governor.h"

struct mt_pacer;
struct mt_program;
struct mt_session;

/* A window of one program that has closed: a burst, or an exact phase. */
struct mt_window {
	uint32_t slot;
	bool exact;
	/* Of a burst, in CPU time of all targets without what we have cost them: */
	double progress_ns;
	double stretch_ns; /* since the end of the one before */
	double spent_ns;   /* by us, of the targets' time */
	double doubt_ns;   /* what progress was told from: an error of our prices is a part of it */
};

typedef int (*mt_window_fn)(const struct mt_window *window, void *arg);

/* A layer that ran, until the next one or the end. */
struct mt_pacer_phase {
	int64_t from_ns;
	enum mt_layer layer;
};

int mt_pacer_new(struct mt_pacer **out, struct mt_session *s, double budget_pct);
void mt_pacer_free(struct mt_pacer **pacer);

/* Who takes what the windows have counted. */
void mt_pacer_set_window_fn(struct mt_pacer *p, mt_window_fn fn, void *arg);

/* When mt_pacer_run() wants to be called again, at the latest. */
int64_t mt_pacer_wake_ns(const struct mt_pacer *p);
int mt_pacer_run(struct mt_pacer *p);

/* The end: closes what is open, and hands it on. */
int mt_pacer_stop(struct mt_pacer *p);

/* A program has ended. */
void mt_pacer_ended(struct mt_pacer *p, struct mt_program *program);

/* What the targets have done in its life but in exact phases: what its bursts stand for. */
double mt_pacer_burst_progress_ns(const struct mt_pacer *p, const struct mt_program *program);

const struct mt_pacer_phase *mt_pacer_phases(const struct mt_pacer *p, size_t *nr);

#endif
