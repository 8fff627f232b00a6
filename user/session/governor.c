// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/governor.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

#define MS 1000000LL

#define SLICE_NS      (25 * MS)
#define SPAN_NS	      (40 * MS)	 /* of the ledger, the least that tells how much CPU is used */
#define LOOK_NS	      (250 * MS) /* from one step to the next, at most */
#define LOOK_EXACT_NS (20 * MS)	 /* a change of the load must be seen and acted on in 100 ms */
#define PROBES	      2		 /* bursts that count only, before the first decision */
#define PROBE_NS      (2 * MS)
#define FIRST_NS      (30 * MS) /* from one probe to the next, mean */
#define PERIOD_NS     (100 * MS)
#define RETRY_NS      (40 * MS)
#define LATE_NS	      (3 * MS)	  /* of a wake-up on a busy host */
#define DEAR_NS	      (2000 * MS) /* until bursts are given up */
#define BURSTS	      8		  /* in 2 s */

#define EXACT_ENTER 0.7 /* of what may be used */
#define EXACT_LEAVE 0.9
#define UNSEEN	    2 /* calls */
#define CALM_MIN_NS (500 * MS)
#define CALM_MAX_NS (60000 * MS)
#define CALM_STAY   16 /* exact must last twice as many calms for the calm not to grow */

#define MAX_NUMBER 40

#define KEEP   0.7  /* of what earlier bursts taught */
#define FORGET 0.02 /* of a tail, each RETRY_NS that bursts are too dear */

/* What the ledger says. */
struct room {
	double whole_ns; /* that 2 s may cost */
	double left_ns;	 /* of it, at the worst of the 2 s */
	double left_part;
	double other_part; /* of it, for the kernel layer */
	double cpus;	   /* that the targets use, now or in 2 s, whichever is more */
};

static double lesser(double a, double b)
{
	return a < b ? a : b;
}

static double greater(double a, double b)
{
	return a > b ? a : b;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* xorshift64* */
static double random_between(struct mt_governor *g, double low, double high)
{
	g->random ^= g->random >> 12;
	g->random ^= g->random << 25;
	g->random ^= g->random >> 27;
	return low + (high - low) * ((g->random * 0x2545f4914f6cdd1dULL) >> 11) * 0x1p-53;
}

const char *mt_layer_name(enum mt_layer layer)
{
	return layer == MT_LAYER_EXACT ? "exact" : layer == MT_LAYER_BURST ? "burst" : "kernel";
}

/* ---- ledger ------------------------------------------------------------------------------ */

/* Keeps what may lie in a window that ends now. */
static void ledger_roll(struct mt_governor *g, int64_t now_ns)
{
	struct mt_governor_slice *s = g->slices;
	int old = 0;

	while (old + 1 < g->nr_slices && s[old + 1].start_ns <= now_ns - MT_GOVERNOR_WINDOW_NS)
		old++;
	g->nr_slices -= old;
	memmove(s, s + old, g->nr_slices * sizeof(*s));
	if (now_ns - s[g->nr_slices - 1].start_ns >= SLICE_NS)
		s[g->nr_slices++] = (struct mt_governor_slice){ .start_ns = now_ns };
}

static double may_cost(const struct mt_governor *g, double cpus)
{
	return MT_GOVERNOR_USE * MT_GOVERNOR_WINDOW_NS *
	       greater(g->options.budget_pct / 100 * cpus, MT_GOVERNOR_FLOOR);
}

/* What the kernel layer costs in 2 s. */
static double ledger_other(const struct mt_governor *g)
{
	double other = 0;

	for (int i = 0; i < g->nr_slices; i++)
		other += g->slices[i].other_ns;
	return other / later(g->last.now_ns - g->slices[0].start_ns, 1) * MT_GOVERNOR_WINDOW_NS;
}

/* Of the parts of the last 2 s, that count from any slice on, the one that leaves least. */
static struct room ledger_room(const struct mt_governor *g)
{
	struct room r = { .left_ns = DBL_MAX, .left_part = 1 };
	double useful = 0, spent = 0, other = ledger_other(g), cpus = 0;
	bool newest = true;

	for (int i = g->nr_slices - 1; i >= 0; i--) {
		const struct mt_governor_slice *s = &g->slices[i];
		int64_t span = later(g->last.now_ns - s->start_ns, 1);
		double left;

		useful += s->useful_ns;
		spent += s->spent_ns;
		if (span < SPAN_NS && i)
			continue;
		cpus = useful / span;
		if (newest) {
			r.cpus = cpus;
			newest = false;
		}
		r.whole_ns = may_cost(g, cpus);
		/* The kernel layer goes on for the rest of these 2 s. */
		left = r.whole_ns - spent;
		left -= other * greater(1 - (double)span / MT_GOVERNOR_WINDOW_NS, 0);
		r.left_ns = lesser(r.left_ns, left);
		r.left_part = lesser(r.left_part, left / r.whole_ns);
	}
	r.cpus = greater(r.cpus, cpus);
	r.other_part = lesser(other / r.whole_ns, 1);
	return r;
}

static double would_cost_pct(const struct mt_governor *g)
{
	const struct mt_governor_count *n = &g->recent;

	return n->useful_ns > 0 ? 100 * n->calls * g->options.call_ns / n->useful_ns : -1;
}

static void count_add(struct mt_governor_count *sum, double keep, const struct mt_governor_count *n)
{
	sum->calls = sum->calls * keep + n->calls;
	sum->useful_ns = sum->useful_ns * keep + n->useful_ns;
	sum->wall_ns = sum->wall_ns * keep + n->wall_ns;
}

/* Counts and prices what happened since the last step. */
static void account(struct mt_governor *g, const struct mt_governor_input *in)
{
	struct mt_governor_slice *s = &g->slices[g->nr_slices - 1];
	const struct mt_governor_input *last = &g->last;
	double calls = in->calls - last->calls, wall = in->now_ns - last->now_ns;
	double outside = (greater(in->traps - last->traps, calls) - calls) * g->options.trap_ns;
	double inside = calls * (g->count_only ? g->options.trap_ns : g->options.call_ns);
	double other = in->other_spent_ns - last->other_spent_ns;
	double cpu = in->target_cpu_ns - last->target_cpu_ns;
	double useful = greater(cpu - inside - outside - other, 0);

	s->useful_ns += useful;
	s->spent_ns += inside + outside + other;
	s->other_ns += other;
	g->window_spent_ns += inside;
	g->outside_spent_ns += outside;
	g->window.calls += calls;
	if (g->phase == MT_GOVERNOR_WINDOW || g->phase == MT_GOVERNOR_EXACT) {
		double in_window = lesser(wall, greater(g->window_end_ns - last->now_ns, 0));

		/* With a price that is too high, nothing would be left of a busy program. */
		useful = greater(useful, cpu / 20);
		g->window.useful_ns += wall > 0 ? useful * in_window / wall : 0;
		g->window.wall_ns += in_window;
	}
	if (in->call_ns > 0)
		g->options.call_ns = in->call_ns;
	g->last = *in;
}

/* ---- bursts ------------------------------------------------------------------------------ */

/* An unknown price is the highest possible: CPUs in use that do nothing but trap. */
static double burst_density(const struct mt_governor *g, const struct room *room)
{
	return room->cpus * (g->density < 0 ? 1 : g->density);
}

static double burst_tail(const struct mt_governor *g, const struct room *room)
{
	return room->cpus * (g->tail_ns < 0 ? g->options.tail_ns : g->tail_ns);
}

/*
 * What a burst costs more that is closed late, because a busy host did not let us run at once.
 * A program that calls all the time may do nothing but trap then, and a service whose requests
 * wait uses more CPUs than before.
 */
static double burst_late(const struct mt_governor *g, const struct room *room)
{
	double share = lesser(would_cost_pct(g) / 100, 1);

	return LATE_NS * greater(burst_density(g, room), room->cpus * share);
}

static double burst_shortest(const struct mt_governor *g, bool count_only)
{
	return count_only ? lesser(g->options.burst_min_ns, PROBE_NS) : g->options.burst_min_ns;
}

static double burst_least_cost(const struct mt_governor *g, const struct room *room,
			       bool count_only)
{
	return burst_shortest(g, count_only) * burst_density(g, room) + burst_tail(g, room) +
	       burst_late(g, room);
}

/* So that BURSTS fit in 2 s, their tails aside. */
static double burst_longest(const struct mt_governor *g, const struct room *room, bool count_only)
{
	double density = burst_density(g, room), spend = room->whole_ns / BURSTS;
	double most =
		count_only ? lesser(g->options.burst_max_ns, PROBE_NS) : g->options.burst_max_ns;

	most = density * most > spend ? spend / density : most;
	return greater(most, burst_shortest(g, count_only));
}

/* A burst's length is random, from half the longest on. */
static double burst_mean(const struct mt_governor *g, const struct room *room)
{
	return 0.75 * burst_longest(g, room, false);
}

/* From one opening to the next, mean. */
static double burst_period(const struct mt_governor *g, const struct room *room)
{
	double cost = burst_mean(g, room) * burst_density(g, room) + burst_tail(g, room);
	double most = room->whole_ns * greater(1 - room->other_part, 0.01);

	return lesser(greater(cost / most * MT_GOVERNOR_WINDOW_NS, PERIOD_NS),
		      MT_GOVERNOR_WINDOW_NS);
}

static void burst_retry(struct mt_governor *g)
{
	g->next_ns = g->last.now_ns + (int64_t)random_between(g, RETRY_NS * 0.5, RETRY_NS * 1.5);
}

/*
 * What made bursts dear may have been an accident, or is over: no window costs more than all
 * CPUs in use, or the breaker ends it; tails get back to the guess, the slower the dearer.
 */
static void burst_dear(struct mt_governor *g)
{
	if (!g->dear_since_ns)
		g->dear_since_ns = g->last.now_ns;
	g->density = lesser(g->density, 1);
	if (g->last.now_ns - g->dear_since_ns < DEAR_NS)
		return;
	g->layer = MT_LAYER_KERNEL;
	if (g->tail_ns > g->options.tail_ns)
		g->tail_ns -= (g->tail_ns - g->options.tail_ns) * FORGET;
}

static void burst_begin(struct mt_governor *g)
{
	struct room room = ledger_room(g);
	bool count_only = g->layer == MT_LAYER_KERNEL;
	double shortest = burst_shortest(g, count_only), density = burst_density(g, &room);
	double length = burst_longest(g, &room, count_only) * random_between(g, 0.5, 1);
	double left = room.left_ns - burst_tail(g, &room) - burst_late(g, &room);

	burst_retry(g);
	if (burst_least_cost(g, &room, count_only) > room.whole_ns * (1 - room.other_part)) {
		burst_dear(g);
		return;
	}
	g->dear_since_ns = 0;
	length = greater(length, shortest);
	if (length * density > left)
		length = left / density;
	if (length < shortest)
		return;
	g->phase = MT_GOVERNOR_OPENING;
	g->count_only = count_only;
	g->opening_ns = g->last.now_ns;
	g->length_ns = length;
	g->outside_spent_ns = 0;
}

static void window_begin(struct mt_governor *g)
{
	struct room room = ledger_room(g);
	double price = g->count_only ? g->options.trap_ns : g->options.call_ns;
	double left = room.left_ns - burst_tail(g, &room) - burst_late(g, &room);

	if (left < price) {
		/* Opening took it all. */
		g->phase = MT_GOVERNOR_CLOSING;
		return;
	}
	g->phase = MT_GOVERNOR_WINDOW;
	g->window_end_ns = g->last.now_ns + g->length_ns;
	g->calls_max = g->last.calls + left / price;
	g->window = (struct mt_governor_count){};
	g->window_spent_ns = 0;
}

static void learn_density(struct mt_governor *g, const struct room *room)
{
	double wall = g->window.wall_ns * room->cpus;
	double seen = wall > 0 ? g->window_spent_ns / wall : 0;

	if (g->count_only || g->phase == MT_GOVERNOR_EXACT) {
		/* A program that does nothing but call is slowed down by what its calls cost. */
		double share = would_cost_pct(g) / 100;

		g->density = share < 0 ? -1 : share / (1 + share);
		return;
	}
	if (wall > 0)
		g->density = g->density < 0 ? seen : (g->density + seen) / 2;
}

static void burst_end(struct mt_governor *g)
{
	struct room room = ledger_room(g);
	double period = burst_period(g, &room);
	double tail = room.cpus > 0 ? g->outside_spent_ns / room.cpus : 0;

	/* Links that have been open for long take a grace period of RCU longer to close. */
	if (!g->exact_since_ns)
		g->tail_ns = greater(tail, g->tail_ns * 0.75 + tail * 0.25);
	g->exact_since_ns = 0;
	if (g->nr_bursts < PROBES)
		period = FIRST_NS;
	g->phase = MT_GOVERNOR_REST;
	burst_retry(g);
	g->next_ns = later(g->next_ns, g->opening_ns + period * random_between(g, 0.5, 1.5));
}

/* ---- exact ------------------------------------------------------------------------------- */

static bool exact_fits(const struct mt_governor *g, const struct room *room, double calls)
{
	double cost = calls * g->options.call_ns;
	double part = EXACT_ENTER * MT_GOVERNOR_USE * (1 - room->other_part);

	return cost <= part * g->options.budget_pct / 100 * g->calm.useful_ns ||
	       cost <= part * MT_GOVERNOR_FLOOR * g->calm.wall_ns;
}

static void exact_forget(struct mt_governor *g)
{
	g->calm = (struct mt_governor_count){};
	g->calm_since_ns = g->last.now_ns;
}

/* Few calls say little: where none was seen, there were UNSEEN to come in one case of seven. */
static bool exact_may_begin(struct mt_governor *g, const struct room *room)
{
	count_add(&g->calm, 1, &g->window);
	if (g->last.breaker_tripped || !exact_fits(g, room, g->calm.calls)) {
		exact_forget(g);
		return false;
	}
	return g->nr_bursts >= PROBES && exact_fits(g, room, g->calm.calls + UNSEEN) &&
	       g->last.now_ns - g->calm_since_ns >= g->calm_ns && room->left_part > 1 - EXACT_ENTER;
}

static void exact_begin(struct mt_governor *g, const struct room *room)
{
	g->phase = MT_GOVERNOR_EXACT;
	g->layer = MT_LAYER_EXACT;
	g->count_only = false;
	g->exact_since_ns = g->last.now_ns;
	g->window_end_ns = INT64_MAX;
	g->window = (struct mt_governor_count){};
	g->calls_max = g->last.calls + room->left_ns / g->options.call_ns;
}

static void window_end(struct mt_governor *g)
{
	struct room room = ledger_room(g);

	g->nr_bursts++;
	g->phase = MT_GOVERNOR_CLOSING;
	g->window_end_ns = 0;
	count_add(&g->recent, KEEP, &g->window);
	learn_density(g, &room);
	if (exact_may_begin(g, &room))
		exact_begin(g, &room);
	else if (g->nr_bursts >= PROBES && g->layer == MT_LAYER_KERNEL &&
		 burst_least_cost(g, &room, false) <= room.whole_ns / 2) {
		g->layer = MT_LAYER_BURST;
		/* A burst without a call, after others that had some, is no calm yet. */
		g->calm_ns = later(g->calm_ns, CALM_MIN_NS);
	}
}

static void exact_end(struct mt_governor *g, const struct room *room)
{
	int64_t stay = g->last.now_ns - g->exact_since_ns;

	learn_density(g, room);
	g->phase = MT_GOVERNOR_CLOSING;
	g->layer = MT_LAYER_BURST;
	g->opening_ns = g->last.now_ns;
	g->window_end_ns = 0;
	g->outside_spent_ns = 0;
	g->calm_ns = later(2 * g->calm_ns - stay / CALM_STAY, CALM_MIN_NS);
	g->calm_ns = lesser(g->calm_ns, CALM_MAX_NS);
	exact_forget(g);
}

static void exact_go_on(struct mt_governor *g)
{
	struct room room = ledger_room(g);
	bool over = g->last.breaker_tripped || room.left_part < 1 - EXACT_LEAVE;

	if (g->window.wall_ns >= SLICE_NS || over) {
		count_add(&g->recent, KEEP, &g->window);
		g->window = (struct mt_governor_count){};
	}
	g->calls_max = g->last.calls + greater(room.left_ns, 0) / g->options.call_ns;
	if (over)
		exact_end(g, &room);
}

/* ---- orders -------------------------------------------------------------------------------- */

static int64_t next_look(const struct mt_governor *g)
{
	int64_t look = g->last.now_ns + (g->phase == MT_GOVERNOR_EXACT ? LOOK_EXACT_NS : LOOK_NS);

	if (g->phase == MT_GOVERNOR_REST && g->next_ns < look)
		return later(g->next_ns, g->last.now_ns);
	return g->phase == MT_GOVERNOR_WINDOW ? g->window_end_ns : look;
}

void mt_governor_init(struct mt_governor *g, const struct mt_governor_options *options)
{
	*g = (struct mt_governor){
		.options = *options,
		.random = options->seed ? options->seed : 1,
		.layer = MT_LAYER_KERNEL,
		.phase = MT_GOVERNOR_REST,
		.density = -1,
		.tail_ns = -1,
	};
}

static void begin(struct mt_governor *g, const struct mt_governor_input *in)
{
	g->started = true;
	g->last = *in;
	g->slices[0] = (struct mt_governor_slice){ .start_ns = in->now_ns };
	g->nr_slices = 1;
	g->next_ns = in->now_ns + (int64_t)random_between(g, FIRST_NS * 0.6, FIRST_NS * 1.4);
}

void mt_governor_step(struct mt_governor *g, const struct mt_governor_input *in,
		      struct mt_governor_order *out)
{
	enum mt_layer before = g->layer;

	if (!g->started)
		begin(g, in);
	account(g, in);
	if (g->phase == MT_GOVERNOR_REST && in->now_ns >= g->next_ns)
		burst_begin(g);
	else if (g->phase == MT_GOVERNOR_OPENING && in->links_open)
		window_begin(g);
	else if (g->phase == MT_GOVERNOR_CLOSING && !in->links_open)
		burst_end(g);
	else if (g->phase == MT_GOVERNOR_EXACT)
		exact_go_on(g);
	else if (g->phase == MT_GOVERNOR_WINDOW &&
		 (in->breaker_tripped || in->now_ns >= g->window_end_ns))
		window_end(g);
	ledger_roll(g, in->now_ns);
	*out = (struct mt_governor_order){
		.layer = g->layer,
		.moved = g->layer != before,
		.links = g->phase == MT_GOVERNOR_OPENING || g->phase == MT_GOVERNOR_WINDOW ||
			 g->phase == MT_GOVERNOR_EXACT,
		.count_only = g->count_only,
		.window_end_ns = g->phase == MT_GOVERNOR_CLOSING ? 0 : g->window_end_ns,
		.calls_max = g->calls_max,
		.wake_ns = next_look(g),
		.would_cost_pct = would_cost_pct(g),
	};
}

/* With commas, to three digits. */
static void print_calls(char text[MAX_NUMBER], double calls)
{
	char digits[MAX_NUMBER / 2];
	double unit = 1;
	int nr, to = 0;

	while (calls / unit >= 1000)
		unit *= 10;
	nr = snprintf(digits, sizeof(digits), "%.0f", (uint64_t)(calls / unit + 0.5) * unit);
	for (int i = 0; i < nr && i < MAX_NUMBER / 2 - 1; i++) {
		if (i && (nr - i) % 3 == 0)
			text[to++] = ',';
		text[to++] = digits[i];
	}
	text[to] = '\0';
}

static void print_short(char text[MAX_NUMBER], double n)
{
	snprintf(text, MAX_NUMBER, n < 10 ? "%.2g" : "%.0f", n);
}

void mt_governor_describe(const struct mt_governor *g, char *text, size_t size)
{
	const struct mt_governor_count *n = &g->recent;
	struct room room = ledger_room(g);
	char calls[MAX_NUMBER], cost[MAX_NUMBER], length[MAX_NUMBER], period[MAX_NUMBER];

	if (n->useful_ns <= 0) {
		snprintf(text, size, "%s",
			 g->layer == MT_LAYER_EXACT ? "idle: exact costs nothing; using it"
						    : "calls not counted yet");
		return;
	}
	print_calls(calls, n->calls / n->useful_ns * room.cpus * 1e9);
	print_short(cost, would_cost_pct(g));
	print_short(length, burst_mean(g, &room) / MS);
	print_short(period, burst_period(g, &room) / MS);
	if (g->layer == MT_LAYER_EXACT)
		snprintf(text, size, "%s calls/s: exact costs %s%%; using it", calls, cost);
	else if (g->layer == MT_LAYER_BURST)
		snprintf(text, size,
			 "%s calls/s: exact would cost %s%%; using bursts of %s ms every %s ms",
			 calls, cost, length, period);
	else
		snprintf(text, size,
			 "%s calls/s: exact would cost %s%%; not even bursts fit the budget", calls,
			 cost);
}
