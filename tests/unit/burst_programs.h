/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * burst_programs.h: simulated programs whose truth is known, and bursts that look at them.
 *
 * A program's progress is cut into cells of 200 us. In a burst each call costs a trap, so that
 * progress takes longer there. The governor is one that reacts at once: the dearer a burst,
 * the longer the next stretch. Private to test_estimate.c.
 */
#ifndef BURST_PROGRAMS_H
#define BURST_PROGRAMS_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "capture/tally.h"

#define CELL_NS	   200000.0
#define BURST	   10		 /* cells */
#define STRETCH	   (100 * BURST) /* on average: 1% */
#define TRAP_CELLS 0.005	 /* 1 us */
#define BUDGET	   0.005
#define RARE_SEEN  5.0 /* on average, by all bursts of a run */
#define GIB	   (1024.0 * 1024 * 1024)

/* ---- chance ------------------------------------------------------------------------------ */

static uint64_t chance = 1; /* xorshift's state, never 0 */

static double uniform(void)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return (chance >> 11) * 0x1p-53 + 0x1p-54;
}

static double exponential(double mean)
{
	return -mean * log(uniform());
}

static double normal(void)
{
	return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
}

static double poisson(double mean)
{
	double k = -1;

	if (mean > 30)
		return fmax(0, round(mean + sqrt(mean) * normal()));
	for (double t = 0; t < mean; k++)
		t += exponential(1);
	return fmax(k, 0);
}

/* ---- programs ---------------------------------------------------------------------------- */

enum kind { STEADY, SPIKES, WAVES, PHASES, HEAVY, RARE, NR_KINDS };

struct program {
	enum kind kind;
	int cells;
	double *calls; /* before each cell; one more for the end */
	double *bytes;
};

/* Calls with sizes around 100 bytes. */
static double small_bytes(double calls)
{
	return fmax(0, 100 * calls + 60 * sqrt(calls) * normal());
}

/* On and off: the mean lengths of both in cells, and the calls of a cell that is on. */
struct switching {
	double on, off, rate, left;
	int is_on;
};

static double switched_calls(struct switching *s)
{
	if (s->left <= 0) {
		s->is_on = !s->is_on;
		s->left = exponential(s->is_on ? s->on : s->off);
	}
	s->left--;
	return poisson(s->is_on ? s->rate : s->rate / 100);
}

static double cell_calls(const struct program *p, int cell, struct switching *s)
{
	static const double phases[] = { 2, 100, 10, 400, 50 };

	switch (p->kind) {
	case SPIKES:
	case WAVES:
		return switched_calls(s);
	case PHASES:
		return poisson(phases[(int64_t)cell * 5 / p->cells]);
	case HEAVY:
		return poisson(3);
	default:
		return poisson(50);
	}
}

static double cell_bytes(const struct program *p, double calls)
{
	double bytes = 0;

	if (p->kind != HEAVY)
		return small_bytes(calls) +
		       (p->kind == RARE ? GIB * poisson(RARE_SEEN * 100 / p->cells) : 0);
	/* Pareto's sizes: but for the limit they have no variance. */
	for (int i = 0; i < calls; i++)
		bytes += fmin(GIB, 16 * pow(uniform(), -1 / 2.0));
	return bytes;
}

static void program_make(struct program *p, enum kind kind, int bursts)
{
	struct switching s = { 5, 20, 400, 0, 0 };

	if (kind == WAVES)
		s = (struct switching){ 3 * STRETCH, 3 * STRETCH, 200, 0, 0 };
	*p = (struct program){ .kind = kind, .cells = bursts * STRETCH };
	p->calls = calloc(p->cells + 1, sizeof(double));
	p->bytes = calloc(p->cells + 1, sizeof(double));
	for (int i = 0; i < p->cells; i++) {
		double calls = cell_calls(p, i, &s);

		p->calls[i + 1] = p->calls[i] + calls;
		p->bytes[i + 1] = p->bytes[i] + cell_bytes(p, calls);
	}
}

static void program_free(struct program *p)
{
	free(p->calls);
	free(p->bytes);
}

/* ---- bursts ------------------------------------------------------------------------------ */

/* As tally.h wants it, and two ways that look as good. */
enum rule { BY_STRETCH, BY_MIDPOINTS, BY_THE_CLOCK };

struct recording {
	const struct program *program;
	enum rule rule;
	struct mt_bursts bursts;
	struct mt_tally bytes;
};

static double between(const double *sums, int from, int to)
{
	return sums[to] - sums[from];
}

/* Where a burst that opens at `from` ends. */
static int burst_end(const struct recording *r, int from)
{
	const struct program *p = r->program;
	double wall = 0;
	int to = from;

	if (r->rule != BY_THE_CLOCK)
		return from + BURST < p->cells ? from + BURST : p->cells;
	for (; to < p->cells && wall < BURST; to++)
		wall += 1 + TRAP_CELLS * between(p->calls, to, to + 1);
	return to;
}

static void record_burst(struct recording *r, int from, int to, double stretch)
{
	struct mt_burst b = { 0 };

	if (!mt_burst_extend(&b, &(struct mt_burst){ .progress_ns = (to - from) * CELL_NS,
						     .stretch_ns = stretch * CELL_NS }))
		return;
	mt_bursts_add(&r->bursts, &b);
	mt_tally_add(&r->bytes, &b, between(r->program->bytes, from, to));
}

/* The stretch after a burst, as its cost allows it. */
static double next_stretch(const struct recording *r, int from, int to)
{
	double length = TRAP_CELLS * between(r->program->calls, from, to) / BUDGET;

	return fmin(fmax(length, STRETCH / 8), STRETCH * 8);
}

static void record_stretches(struct recording *r)
{
	double length = STRETCH;
	int from, to, end;

	for (int at = 0; at + BURST < r->program->cells; at = end) {
		end = at + length * (0.5 + uniform());
		if (end + BURST > r->program->cells)
			end = r->program->cells;
		from = at + uniform() * (end - at - BURST + 1);
		to = burst_end(r, from);
		end = end > to ? end : to;
		record_burst(r, from, to, end - at);
		length = next_stretch(r, from, to);
	}
}

static void record_midpoints(struct recording *r)
{
	int from, to = 0, next, gap_before = 0;

	for (from = STRETCH * uniform(); from < r->program->cells; from = next) {
		to = burst_end(r, from);
		next = to + next_stretch(r, from, to) * (0.5 + uniform());
		record_burst(r, from, to, to - from + (gap_before + next - to) / 2.0);
		gap_before = next - to;
	}
}

static void record(struct recording *r, const struct program *p, enum rule rule)
{
	*r = (struct recording){ .program = p, .rule = rule };
	if (rule == BY_MIDPOINTS)
		record_midpoints(r);
	else
		record_stretches(r);
}

#endif
