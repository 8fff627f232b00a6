/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * governor.h: which layer runs, and when a burst may, so that the budget holds (mode auto).
 *
 * Only decisions: the caller reads the counters, calls mt_governor_step() at wake_ns and
 * whenever links have been opened or closed or the breaker tripped, and does what the order
 * says. The same inputs and seed give the same orders.
 *
 * Spent is what the targets paid: counted traps times their price, never the plan. A ledger
 * keeps it with the targets' CPU time, in slices, for 2 s. Whatever moment of these 2 s the
 * load may have changed at, what was spent since then must fit 2 s of the CPU time used since
 * then; MT_GOVERNOR_USE of that, because prices are known to 30%. A token bucket would not do:
 * one that holds a burst lets two follow each other, one window with twice the budget.
 *
 * The kernel layer always runs; its cost is paid first. It starts with bursts that only count.
 * Exact comes where it would fit with a margin and has for a calm time, which doubles when
 * exact soon ends again; it ends when 2 s of budget are all but gone. Bursts come where one
 * fits, opening and closing included; most often several do.
 *
 * Ownership: struct mt_governor is plain state, the caller's. Not thread-safe. Allocates
 * nothing, does no I/O, cannot fail. Times are nanoseconds of one clock (util/clock.h).
 */
#ifndef MT_SESSION_GOVERNOR_H
#define MT_SESSION_GOVERNOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MT_GOVERNOR_WINDOW_NS 2000000000LL
#define MT_GOVERNOR_USE	      0.68  /* of the budget */
#define MT_GOVERNOR_FLOOR     0.001 /* of one CPU: the budget of a target that uses less */
#define MT_GOVERNOR_SLICES    96    /* 2 s of 25 ms or more each, and some in part */

enum mt_layer {
	MT_LAYER_KERNEL = 1,
	MT_LAYER_BURST,
	MT_LAYER_EXACT,
};

/* "kernel", "burst", "exact" */
const char *mt_layer_name(enum mt_layer layer);

struct mt_governor_options {
	double budget_pct; /* of the targets' CPU time without us */
	double trap_ns; /* a call outside a window, or only counted: a trap that BPF ends at once */
	double call_ns; /* a call inside a window, mean: traps, stack and maps */
	int64_t tail_ns; /* how long calls trap before and after a window; then learnt */
	int64_t burst_min_ns;
	int64_t burst_max_ns;
	uint64_t seed;
};

/* Totals since the start; they never fall. */
struct mt_governor_input {
	int64_t now_ns;
	int64_t target_cpu_ns; /* our traps included; current to the microsecond, not to the tick */
	uint64_t calls;	       /* that an open window saw; read before traps */
	uint64_t traps;	       /* calls that trapped, in a window or not */
	int64_t other_spent_ns; /* by the kernel layer */
	double call_ns;		/* what such a call cost of late, mean; 0: not known yet */
	bool links_open;	/* from the end of opening to the end of closing */
	bool breaker_tripped;	/* calls_max was reached in this window */
};

struct mt_governor_order {
	enum mt_layer layer;
	bool moved;	       /* the layer is another than before */
	bool links;	       /* wanted open */
	bool count_only;       /* the window counts calls and does nothing else */
	int64_t window_end_ns; /* BPF closes the window then; 0: closed, INT64_MAX: exact */
	uint64_t calls_max;    /* and BPF closes it when `calls` gets there */
	int64_t wake_ns;
	double would_cost_pct; /* exact, of the targets' CPU time; -1: not measured yet */
};

struct mt_governor_slice {
	int64_t start_ns;
	double useful_ns; /* CPU time of the targets without us */
	double spent_ns;
	double other_ns; /* the kernel layer's part of that */
};

/* Calls seen and what they were seen in. */
struct mt_governor_count {
	double calls;
	double useful_ns;
	double wall_ns;
};

enum mt_governor_phase {
	MT_GOVERNOR_REST,
	MT_GOVERNOR_OPENING,
	MT_GOVERNOR_WINDOW,
	MT_GOVERNOR_CLOSING,
	MT_GOVERNOR_EXACT,
};

/* Private to governor.c. */
struct mt_governor {
	struct mt_governor_options options;
	uint64_t random;
	enum mt_layer layer;
	enum mt_governor_phase phase;
	bool started;
	struct mt_governor_input last;

	struct mt_governor_slice slices[MT_GOVERNOR_SLICES]; /* oldest first */
	int nr_slices;

	/* This burst, or the one before. */
	bool count_only;
	int64_t opening_ns; /* when it was ordered */
	int64_t length_ns;
	int64_t window_end_ns;
	uint64_t calls_max;
	struct mt_governor_count window;
	double window_spent_ns;
	double outside_spent_ns;
	int64_t next_ns;

	/* What bursts have taught. */
	int nr_bursts;
	double density; /* spent by each CPU in use for each nanosecond of window; -1: unknown */
	double tail_ns; /* likewise, before and after a window; -1: unknown */
	int64_t dear_since_ns; /* since when not even the shortest fits; 0: one does */
	struct mt_governor_count recent;

	/* For exact. */
	struct mt_governor_count calm;
	int64_t calm_since_ns;
	int64_t calm_ns; /* how long it must last */
	int64_t exact_since_ns;
};

void mt_governor_init(struct mt_governor *g, const struct mt_governor_options *options);

void mt_governor_step(struct mt_governor *g, const struct mt_governor_input *in,
		      struct mt_governor_order *out);

/* "412,000 calls/s: exact would cost 58%; using bursts of 2 ms every 310 ms" */
void mt_governor_describe(const struct mt_governor *g, char *text, size_t size);

#endif
