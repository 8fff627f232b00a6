/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * governor_sim.h: a program that allocates, the kernel that traps it, and the governor
 * between them. Counts what the program truly paid, whatever the governor believes.
 */
#ifndef MT_TESTS_UNIT_GOVERNOR_SIM_H
#define MT_TESTS_UNIT_GOVERNOR_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/governor.h"

#define US	 1000LL
#define MS	 1000000LL
#define S	 1000000000LL
#define BIN_NS	 (10 * MS)
#define BINS	 8000
#define SEGMENTS 2048
#define WINDOW	 (MT_GOVERNOR_WINDOW_NS / BIN_NS)

#define TRAP_NS 300
#define CALL_NS 2000

/* From one of them to the next is a step of the load. */
struct segment {
	int64_t end_ns;
	double threads; /* that want a CPU */
	double rate;	/* calls for each second of CPU time without us */
};

struct sim {
	/* Set by the test. */
	struct segment segments[SEGMENTS];
	int nr_segments;
	bool open_loop;	    /* requests come at their rate, however slow we make them */
	double util;	    /* of a CPU, each thread; in an open loop without us */
	double price_error; /* what the governor believes over what is true */
	double other_share; /* of the CPU time, for the kernel layer */
	int64_t tail_ns;    /* of each opening and closing, from half of this to all */
	int64_t attach_ns;
	int64_t detach_ns;
	double late;	  /* how often a wake-up is by up to 3 ms */
	int64_t accident; /* the first closing after that takes 60 ms more to take effect */

	struct mt_governor g;
	struct mt_governor_order order;
	uint64_t random;
	int64_t now;
	int64_t wake;
	int segment;

	double cpu, other;
	uint64_t calls, traps;
	bool links_open, tripped;
	int64_t opened, closed; /* when that will be the case; 0: not under way */
	int64_t trap_from, trap_until;

	/* What came of it. */
	double spent[BINS], useful[BINS];
	int64_t windows[20000], lengths[20000]; /* full ones */
	int nr_windows;
	int nr_openings;
	int nr_empty; /* windows in which no call was allowed */
	int64_t moves[4000];
	int nr_moves;
	int64_t exact_ns;
	int exact_trips;
	double window_spent, window_most; /* the dearest burst */
	double longest_count_ns;
};

static double sim_random(struct sim *s, double low, double high)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return low + (high - low) * (s->random >> 11) * 0x1p-53;
}

/* Whole calls, right on average. */
static uint64_t sim_whole(struct sim *s, double calls)
{
	uint64_t n = calls;

	return n + (sim_random(s, 0, 1) < calls - n);
}

static void sim_init(struct sim *s, double budget_pct, uint64_t seed)
{
	const struct mt_governor_options o = {
		.budget_pct = budget_pct,
		.tail_ns = 1 * MS,
		.burst_min_ns = 200 * US,
		.burst_max_ns = 2 * MS,
		.seed = seed,
	};

	memset(s, 0, sizeof(*s));
	s->random = seed * 0x9e3779b97f4a7c15ULL + 1;
	s->g.options = o;
	s->util = 1;
	s->late = 0.01;
	s->price_error = 1;
	s->tail_ns = 1 * MS;
	s->attach_ns = 9 * MS;
	s->detach_ns = 38 * MS;
}

static void sim_load(struct sim *s, int64_t length_ns, double threads, double rate)
{
	int64_t start = s->nr_segments ? s->segments[s->nr_segments - 1].end_ns : 0;

	if (s->nr_segments == SEGMENTS || start + length_ns > BINS * BIN_NS)
		abort();
	length_ns = (length_ns + BIN_NS - 1) / BIN_NS * BIN_NS;
	s->segments[s->nr_segments++] = (struct segment){ start + length_ns, threads, rate };
}

static bool sim_window_open(const struct sim *s)
{
	return s->links_open && s->order.links && !s->tripped && s->now < s->order.window_end_ns;
}

/* The program runs until `to`. */
static void sim_advance(struct sim *s, int64_t to)
{
	const struct segment *load = &s->segments[s->segment];
	double dt = to - s->now, rate = load->rate / S, price = 0, useful, spent;
	bool trapping = s->now >= s->trap_from && s->now < s->trap_until;
	bool open = trapping && sim_window_open(s);
	uint64_t n, full = 0, bin = s->now / BIN_NS;
	double full_ns = s->order.count_only ? TRAP_NS : CALL_NS;

	if (trapping)
		price = open ? full_ns : TRAP_NS;
	useful = load->threads * s->util * dt / (s->open_loop ? 1 : 1 + rate * price);
	if (useful > load->threads * dt / (1 + rate * price))
		useful = load->threads * dt / (1 + rate * price);
	n = trapping ? sim_whole(s, rate * useful) : 0;
	if (open) {
		full = n;
		if (s->calls + n >= s->order.calls_max) {
			full = s->order.calls_max > s->calls ? s->order.calls_max - s->calls : 0;
			s->tripped = true;
			s->exact_trips += s->order.window_end_ns == INT64_MAX;
		}
	}
	spent = full * full_ns + (n - full) * (double)TRAP_NS;
	s->calls += full;
	s->traps += n;
	s->window_spent += open ? spent : 0;
	spent += useful * s->other_share;
	s->other += useful * s->other_share;
	s->cpu += useful + spent;
	s->useful[bin] += useful;
	s->spent[bin] += spent;
	if (open && s->order.window_end_ns == INT64_MAX)
		s->exact_ns += dt;
	s->now = to;
}

/* What a new order changes. */
static void sim_obey(struct sim *s, const struct mt_governor_order *before)
{
	const struct mt_governor_order *o = &s->order;

	if (o->moved && s->nr_moves < 4000)
		s->moves[s->nr_moves++] = s->now;
	if (o->links && !before->links) {
		s->nr_openings++;
		s->opened = s->now + s->attach_ns * sim_random(s, 0.7, 1.5);
		s->trap_from = s->opened - s->tail_ns * sim_random(s, 0.1, 0.3);
		s->trap_until = INT64_MAX;
	}
	if (!o->links && before->links) {
		s->closed = s->now + s->detach_ns * sim_random(s, 0.7, 1.5);
		s->trap_until = s->now + s->tail_ns * sim_random(s, 0.3, 0.7);
		if (s->accident && s->now > s->accident) {
			s->trap_until += 60 * MS;
			s->closed += 60 * MS;
			s->accident = 0;
		}
	}
	if (o->window_end_ns != before->window_end_ns) {
		s->tripped = false;
		if (before->window_end_ns && before->window_end_ns != INT64_MAX &&
		    s->window_spent > s->window_most)
			s->window_most = s->window_spent;
		s->window_spent = 0;
		s->nr_empty += o->window_end_ns && o->calls_max <= s->calls;
		if (o->count_only && o->window_end_ns > s->now &&
		    o->window_end_ns - s->now > s->longest_count_ns)
			s->longest_count_ns = o->window_end_ns - s->now;
		if (o->window_end_ns && o->window_end_ns != INT64_MAX && !o->count_only) {
			s->windows[s->nr_windows] = s->now;
			s->lengths[s->nr_windows++] = o->window_end_ns - s->now;
		}
	}
}

static void sim_ask(struct sim *s)
{
	const struct mt_governor_input in = {
		.now_ns = s->now + 77 * S,
		.target_cpu_ns = s->cpu,
		.calls = s->calls,
		.traps = s->traps,
		.other_spent_ns = s->other * s->price_error,
		.links_open = s->links_open,
		.breaker_tripped = s->tripped,
	};
	struct mt_governor_order before = s->order;

	mt_governor_step(&s->g, &in, &s->order);
	if (s->order.window_end_ns && s->order.window_end_ns != INT64_MAX)
		s->order.window_end_ns -= 77 * S;
	/* Late as a busy host makes it. */
	s->wake = s->order.wake_ns - 77 * S + 50 * US +
		  (int64_t)(sim_random(s, 0, 1) < s->late ? sim_random(s, 0, 3 * MS)
							  : sim_random(s, 0, 200 * US));
	sim_obey(s, &before);
}

static int64_t sim_next(const struct sim *s)
{
	const int64_t events[] = { s->wake,
				   s->opened,
				   s->closed,
				   s->trap_from,
				   s->trap_until,
				   s->order.window_end_ns,
				   s->segments[s->segment].end_ns };
	int64_t next = s->now + 1 * MS;

	if (s->now < s->trap_until && s->now >= s->trap_from)
		next = s->now + (s->order.window_end_ns == INT64_MAX ? 100 * US : 20 * US);
	if (next > (s->now / BIN_NS + 1) * BIN_NS)
		next = (s->now / BIN_NS + 1) * BIN_NS;
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
		if (events[i] > s->now && events[i] < next)
			next = events[i];
	return next;
}

/* To the end of the load; more of it may follow. */
static void sim_go(struct sim *s)
{
	while (s->segment < s->nr_segments) {
		bool tripped = s->tripped, event;

		sim_advance(s, sim_next(s));
		event = s->tripped && !tripped;
		if (s->opened && s->now >= s->opened) {
			s->links_open = event = true;
			s->opened = 0;
		}
		if (s->closed && s->now >= s->closed) {
			s->links_open = false;
			event = true;
			s->closed = 0;
		}
		if (event && s->wake > s->now + 300 * US)
			s->wake = s->now + (int64_t)sim_random(s, 50 * US, 300 * US);
		if (s->now >= s->wake)
			sim_ask(s);
		if (s->now >= s->segments[s->segment].end_ns)
			s->segment++;
	}
}

static void sim_run(struct sim *s)
{
	struct mt_governor_options o = s->g.options;

	o.trap_ns = TRAP_NS * s->price_error;
	o.call_ns = CALL_NS * s->price_error;
	mt_governor_init(&s->g, &o);
	sim_ask(s);
	sim_go(s);
}

/* ---- what must hold ---------------------------------------------------------------------- */

static double sim_budget(const struct sim *s, double useful, double wall)
{
	double pct = s->g.options.budget_pct / 100 * useful;

	return pct > MT_GOVERNOR_FLOOR * wall ? pct : MT_GOVERNOR_FLOOR * wall;
}

/*
 * The worst 2 s: spent over budget. Steady: those that begin 100 ms or more after a step and
 * end before the next one. Else all, with one more budget at full load to react in.
 */
static double sim_worst(const struct sim *s, bool steady)
{
	int nr = s->segments[s->nr_segments - 1].end_ns / BIN_NS;
	double spent = 0, useful = 0, worst = 0, threads = 0;

	for (int i = 0; i < s->nr_segments; i++)
		threads = s->segments[i].threads > threads ? s->segments[i].threads : threads;
	for (int i = 0, segment = 0; i < nr; i++) {
		double budget, reaction = 0;
		int64_t begin = (i + 1 - WINDOW) * BIN_NS, step;

		spent += s->spent[i] - (i >= WINDOW ? s->spent[i - WINDOW] : 0);
		useful += s->useful[i] - (i >= WINDOW ? s->useful[i - WINDOW] : 0);
		while (s->segments[segment].end_ns <= i * BIN_NS)
			segment++;
		step = segment ? s->segments[segment - 1].end_ns : 0;
		if (begin < 0 || (steady && begin < step + 100 * MS))
			continue;
		budget = sim_budget(s, useful, MT_GOVERNOR_WINDOW_NS);
		if (!steady)
			reaction = sim_budget(s, threads * MT_GOVERNOR_WINDOW_NS, 0) +
				   threads * (s->tail_ns + MS);
		if (spent / (budget + reaction) > worst)
			worst = spent / (budget + reaction);
	}
	return worst;
}

/* Of the whole run. */
static inline double sim_share(const struct sim *s)
{
	int nr = s->segments[s->nr_segments - 1].end_ns / BIN_NS;
	double spent = 0, useful = 0;

	for (int i = 0; i < nr; i++) {
		spent += s->spent[i];
		useful += s->useful[i];
	}
	return spent / sim_budget(s, useful, nr * BIN_NS);
}

/* Moves in the worst minute. */
static int sim_flaps(const struct sim *s)
{
	int worst = 0;

	for (int i = 0, first = 0; i < s->nr_moves; i++) {
		while (s->moves[first] < s->moves[i] - 60 * S)
			first++;
		if (i - first + 1 > worst)
			worst = i - first + 1;
	}
	return worst;
}

static int sim_windows(const struct sim *s, int64_t from, int64_t to)
{
	int n = 0;

	for (int i = 0; i < s->nr_windows; i++)
		n += s->windows[i] >= from && s->windows[i] < to;
	return n;
}

#endif
