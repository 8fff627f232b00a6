// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/pacer.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "session/calibrate.h"
#include "session/closer.h"
#include "session/fault_budget.h"
#include "session/fault_pace.h"
#include "session/faults.h"
#include "session/kernel.h"
#include "session/state.h"
#include "session/tables.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

/* With links that have many probes; each perf event is opened and closed on its own. */
#define BURST_MIN_NS	  500000LL
#define BURST_MAX_NS	  2000000LL
#define BURST_MIN_PERF_NS 300000000LL
#define BURST_MAX_PERF_NS 500000000LL
#define TAIL_NS		  2000000LL
#define TAIL_PERF_NS	  200000000LL

#define CLOSING_LOOK_NS 40000000LL
#define STEPS_MAX	4 /* in a row: opened, window, ... */

/* What a counted hit costs more than its trap, before the first was timed: a stack, maps. */
#define RUN_NS 1000

#define HITS_MIN 30 /* of a window, for their mean price */

/* A census tells the progress where we cost so many times what the targets did for themselves. */
#define CENSUS_COST    2
#define CENSUS_NS      1000000LL
#define CENSUS_PERF_NS 300000000LL

/* Of all targets. */
struct hits {
	uint64_t cnt;
	uint64_t calls; /* of these: where one begins */
	double trap_ns; /* what they have cost, and the programs that they ran */
	double run_ns;
};

/* A time of the targets, from `begin_ns` on. */
struct span {
	double begin_ns; /* in progress */
	struct hits before;
};

struct mt_pacer {
	struct mt_session *session;
	struct mt_governor governor;
	struct mt_governor_order order;
	struct mt_governor_input totals;
	struct mt_fault_budget fault_budget;
	struct hits hits;	/* all */
	struct span opened;	/* the window */
	double window_end_ns;	/* of the last */
	uint64_t window_hits;	/* in it, of all targets */
	struct mt_window burst; /* the last window's, of any program */
	struct hits burst_hits;
	struct span census;
	int64_t census_end_ns; /* a time; 0: there is none */
	bool linked;
	bool closing;
	bool window;
	bool exact; /* the window is no burst */
	bool count_only;
	int64_t wake_ns;
	mt_window_fn fn;
	void *arg;
	struct mt_pacer_phase *phases;
	size_t nr_phases;
};

static void add_phase(struct mt_pacer *p, enum mt_layer layer)
{
	struct mt_pacer_phase *v = reallocarray(p->phases, p->nr_phases + 1, sizeof(*v));

	if (!v)
		return;
	p->phases = v;
	v[p->nr_phases++] = (struct mt_pacer_phase){ mt_clock_ns(), layer };
}

int mt_pacer_new(struct mt_pacer **out, struct mt_session *s, double budget_pct)
{
	const struct mt_trap_prices *prices = mt_kernel_prices(s->kernel);
	bool many = mt_kernel_links_by_process(s->kernel);
	struct mt_governor_options options = {
		.budget_pct = budget_pct,
		.tail_ns = many ? TAIL_NS : TAIL_PERF_NS,
		.burst_min_ns = many ? BURST_MIN_NS : BURST_MIN_PERF_NS,
		.burst_max_ns = many ? BURST_MAX_NS : BURST_MAX_PERF_NS,
	};
	_free_ struct mt_pacer *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	if (!s->faults)
		return mt_err(-ENOTSUP,
			      "page faults cannot be seen here, so no budget can be held: "
			      "use --mode exact");
	if (!prices)
		return mt_err(-ENOTSUP, "the price of a probe cannot be measured here, so no "
					"budget can be held: use --mode exact or --mode kernel");
	options.trap_ns = prices->push_ns;
	options.call_ns = prices->push_ns + RUN_NS;
	if (getrandom(&options.seed, sizeof(options.seed), 0) != sizeof(options.seed))
		options.seed = mt_clock_ns();
	mt_governor_init(&p->governor, &options);
	p->session = s;
	mt_fault_pace_init(s, &p->fault_budget, MT_FAULT_BUDGET_PART * budget_pct / 100);
	s->links_wait = true;
	add_phase(p, MT_LAYER_KERNEL);
	*out = TAKE_PTR(p);
	return 0;
}

void mt_pacer_free(struct mt_pacer **pacer)
{
	if (!*pacer)
		return;
	free((*pacer)->phases);
	free(*pacer);
	*pacer = NULL;
}

void mt_pacer_set_window_fn(struct mt_pacer *p, mt_window_fn fn, void *arg)
{
	p->fn = fn;
	p->arg = arg;
}

int64_t mt_pacer_wake_ns(const struct mt_pacer *p)
{
	return p->wake_ns;
}

const struct mt_pacer_phase *mt_pacer_phases(const struct mt_pacer *p, size_t *nr)
{
	*nr = p->nr_phases;
	return p->phases;
}

/* ---- measuring --------------------------------------------------------------------------- */

/* Is it this process that runs the program, and not a vfork child in it? */
static bool is_paced(const struct mt_process *process)
{
	const struct mt_program *p = process->program;

	return p && p->pid == process->pid && !p->hidden && process->nr_targets;
}

/* Its hits since the last look, and those of them that an open window counted. */
static void add_hits(struct mt_pacer *p, struct mt_paced *paced, const struct mt_proc *proc)
{
	uint64_t hits = proc->hits - paced->hits, counted = 0;

	if (paced->in_window && p->window && !p->count_only)
		counted = proc->open || proc->hits_max >= proc->hits ? hits
			  : proc->hits_max > paced->hits	     ? proc->hits_max - paced->hits
								     : 0;
	p->hits.cnt += hits;
	p->hits.calls += hits - (proc->end_hits - paced->end_hits);
	p->hits.trap_ns += proc->trap_ns - paced->trap_ns;
	p->hits.run_ns += proc->run_ns - paced->run_ns;
	paced->hits = proc->hits;
	paced->end_hits = proc->end_hits;
	paced->trap_ns = proc->trap_ns;
	paced->run_ns = proc->run_ns;
	paced->window_hits += p->window ? hits : 0;
	paced->window_counted += counted;
}

/* CPU time of all targets without us. */
static double progress_ns(const struct mt_pacer *p)
{
	return p->totals.target_cpu_ns - p->hits.trap_ns - p->hits.run_ns -
	       p->totals.other_spent_ns;
}

static void begin(const struct mt_pacer *p, struct mt_paced *paced)
{
	if (paced->begun)
		return;
	paced->begun = true;
	paced->begin_ns = progress_ns(p);
}

/* In an exact phase a process that is new is probed when it is attached to. */
static void join(const struct mt_pacer *p, const struct mt_process *process)
{
	struct mt_paced *paced = &process->program->paced;

	if (!p->window || !p->exact || paced->in_window || !process->nr_links)
		return;
	paced->in_window = true;
	paced->exact_since_ns = mt_clock_ns();
}

/* What it has suffered since the last look goes into the totals. */
static void measure(struct mt_pacer *p, struct mt_process *process)
{
	struct mt_paced *paced = &process->program->paced;
	struct mt_governor_input *in = &p->totals;
	struct mt_proc proc;
	uint64_t hits;

	if (mt_tables_proc(p->session->kernel, process->program->slot, &proc))
		return;
	begin(p, paced);
	join(p, process);
	hits = proc.hits - paced->hits;
	if (p->window) {
		in->calls += hits;
		p->window_hits += hits;
	}
	in->traps += hits;
	in->breaker_tripped |= p->window && paced->in_window && !proc.open;
	add_hits(p, paced, &proc);
}

static void measure_all(struct mt_pacer *p)
{
	struct mt_session *s = p->session;
	struct mt_fault_stats faults;

	p->totals.target_cpu_ns = mt_faults_running_ns(s->faults);
	p->totals.breaker_tripped = false;
	for (size_t i = 0; i < s->nr_processes; i++)
		if (s->processes[i].program && !s->processes[i].program->hidden)
			measure(p, &s->processes[i]);
	if (!mt_faults_stats(s->faults, mt_kernel_prices(s->kernel)->push_ns, &faults))
		p->totals.other_spent_ns = faults.cost_ns;
	if (p->closing && mt_closer_idle(mt_kernel_closer(s->kernel)))
		p->closing = false;
	p->totals.links_open = p->linked || p->closing;
	p->totals.now_ns = mt_clock_ns();
}

/* ---- windows ----------------------------------------------------------------------------- */

static void open_window(struct mt_pacer *p, struct mt_process *process, uint64_t hits_max)
{
	struct mt_kernel *k = p->session->kernel;
	struct mt_program *program = process->program;

	if (mt_kernel_burst(k, process->pid, hits_max))
		return;
	program->paced.in_window = true;
	program->paced.window_hits = program->paced.window_counted = 0;
	program->paced.exact_since_ns = p->exact ? mt_clock_ns() : -1;
	program->ready = true;
	if (program->seen_ns < 0)
		program->seen_ns = mt_clock_ns();
}

static void leave_window(struct mt_pacer *p, struct mt_paced *paced)
{
	if (paced->in_window && p->exact)
		paced->exact_ns += progress_ns(p) - fmax(p->opened.begin_ns, paced->begin_ns);
	paced->in_window = false;
}

static struct span span_begin(const struct mt_pacer *p)
{
	return (struct span){ progress_ns(p), p->hits };
}

static struct hits since(const struct mt_pacer *p, const struct span *s)
{
	return (struct hits){
		.cnt = p->hits.cnt - s->before.cnt,
		.calls = p->hits.calls - s->before.calls,
		.trap_ns = p->hits.trap_ns - s->before.trap_ns,
		.run_ns = p->hits.run_ns - s->before.run_ns,
	};
}

/* What the window that is open has seen so far. */
static void take_burst(struct mt_pacer *p)
{
	p->burst_hits = since(p, &p->opened);
	p->burst = (struct mt_window){
		.exact = p->exact,
		.progress_ns = progress_ns(p) - p->opened.begin_ns,
		.stretch_ns = progress_ns(p) - p->window_end_ns,
		.spent_ns = p->burst_hits.trap_ns + p->burst_hits.run_ns,
	};
	p->burst.doubt_ns = p->burst.spent_ns;
}

static int hand_on(struct mt_pacer *p, struct mt_program *program)
{
	struct mt_paced *paced = &program->paced;
	struct mt_window window = p->burst;

	window.slot = program->slot;
	if (!paced->in_window)
		return 0;
	/* What the breaker left out was as dense as what it let through. */
	if (paced->window_counted < paced->window_hits) {
		double let = (double)paced->window_counted / paced->window_hits;

		window.progress_ns *= let;
		window.spent_ns *= let;
		window.doubt_ns *= let;
	}
	leave_window(p, paced);
	paced->exact_since_ns = -1;
	program->windowed |= !p->exact;
	return p->fn ? p->fn(&window, p->arg) : 0;
}

/* Half of what it was, half of what this window's calls have cost. */
static void learn_price(struct mt_pacer *p)
{
	double spent_ns = p->burst.spent_ns;

	if (p->window_hits < HITS_MIN)
		return;
	spent_ns /= p->window_hits;
	p->totals.call_ns = p->totals.call_ns > 0 ? (p->totals.call_ns + spent_ns) / 2 : spent_ns;
}

static int hand_all_on(struct mt_pacer *p)
{
	struct mt_session *s = p->session;
	int err = 0;

	for (size_t i = 0; i < s->nr_processes && !err; i++)
		err = hand_on(p, s->processes[i].program);
	return err;
}

static void begin_census(struct mt_pacer *p)
{
	bool many = mt_kernel_links_by_process(p->session->kernel);

	p->census = span_begin(p);
	p->census_end_ns = mt_clock_ns() + (many ? CENSUS_NS : CENSUS_PERF_NS);
}

/* How much slower the host is than when traps were priced: 1 is as fast. */
static double slowness(const struct mt_pacer *p, const struct hits *census)
{
	double run_ns = mt_kernel_prices(p->session->kernel)->census_run_ns;

	return run_ns > 0 ? fmin(fmax(census->run_ns / census->cnt / run_ns, 0.5), 2) : 1;
}

/* What the burst's calls have been, by as many as passed since. */
static void take_census(struct mt_pacer *p)
{
	struct hits census = since(p, &p->census);
	double more, as_many;

	if (census.calls < HITS_MIN)
		return;
	more = slowness(p, &census) - 1;
	p->burst.progress_ns -= more * p->burst_hits.trap_ns;
	p->burst.spent_ns += more * p->burst_hits.trap_ns;
	p->burst.doubt_ns = p->burst.spent_ns;
	if (p->burst.spent_ns < CENSUS_COST * p->burst.progress_ns)
		return;
	as_many = (double)p->burst_hits.calls / census.calls;
	p->burst.progress_ns =
		as_many * (progress_ns(p) - p->census.begin_ns - more * census.trap_ns);
	p->burst.doubt_ns = as_many * (census.run_ns + census.trap_ns * (1 + more));
}

static int end_census(struct mt_pacer *p)
{
	if (!p->census_end_ns)
		return 0;
	measure_all(p);
	p->census_end_ns = 0;
	take_census(p);
	return hand_all_on(p);
}

static int close_windows(struct mt_pacer *p)
{
	struct mt_session *s = p->session;

	if (!p->window)
		return 0;
	for (size_t i = 0; i < s->nr_processes && !p->count_only; i++)
		if (is_paced(&s->processes[i]))
			mt_kernel_control(s->kernel, MT_CONTROL_CLOSE, s->processes[i].pid, NULL);
	measure_all(p);
	p->window = false;
	s->links_wait = true;
	if (p->count_only)
		return 0;
	take_burst(p);
	learn_price(p);
	p->window_end_ns = progress_ns(p);
	if (p->exact)
		return hand_all_on(p);
	begin_census(p);
	return 0;
}

void mt_pacer_ended(struct mt_pacer *p, struct mt_program *program)
{
	struct mt_paced *paced = &program->paced;
	struct mt_proc proc;

	/* Else the last look will do: that reads an event for each thread. */
	if (paced->in_window)
		p->totals.target_cpu_ns = mt_faults_running_ns(p->session->faults);
	if (!mt_tables_proc(p->session->kernel, program->slot, &proc))
		add_hits(p, paced, &proc);
	if (p->window)
		take_burst(p);
	if (p->exact)
		leave_window(p, paced);
	else
		hand_on(p, program);
	paced->ended = true;
	paced->end_ns = progress_ns(p);
}

double mt_pacer_burst_progress_ns(const struct mt_pacer *p, const struct mt_program *program)
{
	const struct mt_paced *paced = &program->paced;
	double exact_ns = paced->exact_ns, now_ns = paced->ended ? paced->end_ns : progress_ns(p);

	if (!paced->begun)
		return 0;
	if (paced->in_window && p->exact)
		exact_ns += now_ns - fmax(p->opened.begin_ns, paced->begin_ns);
	return fmax(now_ns - paced->begin_ns - exact_ns, 0);
}

static void open_windows(struct mt_pacer *p, const struct mt_governor_order *o)
{
	struct mt_session *s = p->session;
	uint64_t hits_max = o->calls_max > p->totals.calls ? o->calls_max - p->totals.calls : 1;

	p->window = true;
	p->count_only = o->count_only;
	p->exact = o->layer == MT_LAYER_EXACT;
	s->links_wait = !p->exact;
	p->totals.target_cpu_ns = mt_faults_running_ns(s->faults);
	p->opened = span_begin(p);
	p->window_hits = 0;
	for (size_t i = 0; i < s->nr_processes && !p->count_only; i++)
		if (is_paced(&s->processes[i]))
			open_window(p, &s->processes[i], p->exact ? 0 : hits_max);
}

/* ---- links ------------------------------------------------------------------------------- */

static int open_links(struct mt_pacer *p)
{
	struct mt_session *s = p->session;

	for (size_t i = 0; i < s->nr_processes; i++) {
		int err = is_paced(&s->processes[i]) ? mt_attach_open(s, &s->processes[i]) : 0;

		if (err && err != -ESRCH)
			return err;
	}
	p->linked = true;
	return 0;
}

static void close_links(struct mt_pacer *p)
{
	for (size_t i = 0; i < p->session->nr_processes; i++)
		mt_attach_release(&p->session->processes[i]);
	p->linked = false;
	p->closing = true;
}

/* What the order wants, one thing after the other; true: it has changed something. */
static int obey(struct mt_pacer *p, const struct mt_governor_order *o, bool *changed)
{
	bool window = o->links && p->linked && o->window_end_ns;
	bool other = p->window &&
		     (p->exact != (o->layer == MT_LAYER_EXACT) || p->count_only != o->count_only);
	int err = 0;

	*changed = false;
	if (p->window && (!window || other)) {
		err = close_windows(p);
		*changed = true;
	}
	if (p->census_end_ns && (o->links || mt_clock_ns() >= p->census_end_ns))
		err = err ?: end_census(p);
	if (!err && p->linked && !o->links && !p->census_end_ns) {
		close_links(p);
		*changed = true;
	}
	if (!err && !p->linked && o->links) {
		err = open_links(p);
		*changed = true;
	}
	if (!err && window && !p->window)
		open_windows(p, o);
	return err;
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t wake_ns(const struct mt_pacer *p)
{
	int64_t wake = p->order.wake_ns;

	if (p->closing)
		wake = sooner(wake, p->totals.now_ns + CLOSING_LOOK_NS);
	return p->census_end_ns ? sooner(wake, p->census_end_ns) : wake;
}

static void tell(struct mt_pacer *p)
{
	char text[128];

	if (!p->order.moved)
		return;
	add_phase(p, p->order.layer);
	mt_governor_describe(&p->governor, text, sizeof(text));
	mt_info("%s", text);
}

int mt_pacer_run(struct mt_pacer *p)
{
	bool changed = mt_clock_ns() >= p->wake_ns;
	int err = 0;

	for (int i = 0; i < STEPS_MAX && changed && !err; i++) {
		measure_all(p);
		/* It has a part of the budget that is its own. */
		mt_fault_pace(p->session, &p->fault_budget, p->totals.other_spent_ns,
			      p->totals.target_cpu_ns);
		mt_governor_step(&p->governor, &p->totals, &p->order);
		tell(p);
		err = obey(p, &p->order, &changed);
		p->wake_ns = wake_ns(p);
	}
	return err;
}

int mt_pacer_stop(struct mt_pacer *p)
{
	int err = p->exact ? 0 : close_windows(p);

	err = err ?: end_census(p);
	if (p->linked)
		close_links(p);
	return err;
}
