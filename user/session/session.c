// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "session/fault_pace.h"
#include "session/faults.h"
#include "session/features.h"
#include "session/held.h"
#include "session/pacer.h"
#include "session/probes.h"
#include "session/rehearse.h"
#include "session/hold.h"
#include "session/stacks.h"
#include "session/state.h"
#include "session/tables.h"
#include "session/trial.h"
#include "session/unwinder.h"
#include "target/locate.h"
#include "target/maps.h"
#include "target/perfmap.h"
#include "target/proc.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

#include "logic/peak.h"

/* A process that shows no memory for so many ticks has ended, and its exit event was lost. */
#define UNHEARD_TICKS 20

/* Memory that has changed by less stands still. */
#define MOVES_BYTES (64LL << 10)

/* Each probed process and each file with code keeps descriptors open. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/*
 * No probe goes to a place where it has not been tried; if it cannot be, not behind an entry. By
 * one link where there are such: perf events are closed one by one, and none opens meanwhile.
 */
static void prove(struct mt_probe_target *target, void *session)
{
	struct mt_session *s = session;
	struct mt_allocator *a = target->allocator;
	struct mt_trial_options options = {
		.multi = mt_kernel_has_multi(s->kernel),
		.closer = mt_kernel_closer(s->kernel),
	};
	int err = mt_trial_run(target, a->sites, a->nr_sites, &options);

	if (!err)
		return;
	mt_warn("%s: probes cannot be tried (%s): they go to the functions' entries, which is "
		"dearer",
		target->path, strerror(-err));
	for (size_t i = 0; i < a->nr_sites; i++) {
		if (a->sites[i].needs_trial)
			mt_probe_site_to_entry(&a->sites[i]);
	}
}

/* Its code will run soon. */
static void on_opened(const struct mt_probe_target *target, void *session)
{
	struct mt_session *s = session;

	mt_unwinder_prepare(s->unwinder, target);
}

/* A path of another mount namespace is reached through a process that is in it. */
static int add_libraries(struct mt_session *s, const struct mt_session_options *options)
{
	for (size_t i = 0; i < options->nr_libraries; i++) {
		const struct mt_session_library *lib = &options->libraries[i];
		int has = mt_locate_has_malloc(lib->path, lib->prefix);
		int err =
			has < 0 ? has : mt_locator_add_library(s->locator, lib->path, lib->prefix);

		if (!has)
			return mt_err(
				-EINVAL,
				"--lib %s: it has no %smalloc: what stands in front of malloc "
				"in its names (nm -D) is for --symbol-prefix",
				lib->path, lib->prefix);
		if (err)
			return mt_err(err,
				      "--lib %s: %s: one in a container is at /proc/PID/root/...",
				      lib->path, strerror(-err));
	}
	return 0;
}

/* Without it what we cost is told too low. */
static void rehearse(struct mt_session *s)
{
	int err = mt_kernel_prices(s->kernel) ? mt_rehearse(s->kernel, s->locator) : 0;

	if (err)
		mt_info("what a hit costs could not be rehearsed: %s", strerror(-err));
}

int mt_session_new(struct mt_session **out, const struct mt_session_options *options)
{
	__cleanup(mt_session_free) struct mt_session *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	raise_file_limit();
	s->no_ptrace = options->no_ptrace;
	err = mt_locator_new(&s->locator);
	err = err ? err : add_libraries(s, options);
	err = err ? err : mt_kernel_load(&s->kernel, &options->kernel);
	if (err)
		return err;
	err = mt_faults_new(&s->faults, s->kernel);
	if (err)
		return err;
	if (mt_kernel_links(s->kernel) != MT_LINK_NONE)
		mt_locator_set_proof(s->locator, prove, s);
	if (!options->kernel.no_stacks) {
		err = mt_unwinder_new(&s->unwinder, s->kernel,
				      mt_kernel_table_bytes(&options->kernel));
		if (err)
			return err;
		mt_locator_set_opened(s->locator, on_opened, s);
	}
	rehearse(s);
	if (options->budget_pct > 0 && mt_kernel_links(s->kernel) != MT_LINK_NONE) {
		err = mt_pacer_new(&s->pacer, s, options->budget_pct);
		if (err)
			return err;
	} else if (options->budget_pct > 0 && s->faults) {
		mt_fault_pace_init(s, &s->fault_budget,
				   MT_FAULT_BUDGET_ALONE * options->budget_pct / 100);
	}
	mt_bills_budget_init(&s->bills, s->pacer ? options->budget_pct : 0, mt_clock_ns());
	s->rss_per_cpu = mt_features_rss_per_cpu();
	*out = TAKE_PTR(s);
	return 0;
}

void mt_session_free(struct mt_session **session)
{
	struct mt_session *s = *session;

	if (!s)
		return;
	mt_hold_free(&s->hold);
	mt_pacer_free(&s->pacer);
	for (size_t i = 0; i < s->nr_processes; i++)
		mt_attach_release(&s->processes[i]);
	for (uint32_t i = 0; i < s->nr_programs; i++)
		mt_program_free(&s->programs[i]);
	for (size_t i = 0; i < s->nr_maps; i++)
		close(s->maps[i].fd);
	mt_bills_budget_fini(&s->bills);
	free(s->maps);
	free(s->early);
	free(s->processes);
	free(s->programs);
	mt_unwinder_free(&s->unwinder);
	mt_faults_free(&s->faults);
	mt_kernel_free(&s->kernel);
	mt_locator_free(&s->locator);
	free(s);
	*session = NULL;
}

/* Tell the kernel that this process is a target, and begin its first program. */
static int begin_target(struct mt_session *s, pid_t pid, struct mt_process **out)
{
	struct mt_program *p = NULL;
	uint32_t slot = 0;
	int err = mt_kernel_control(s->kernel, MT_CONTROL_ADOPT, pid, &slot);

	if (err)
		return err;
	err = mt_program_new(&p, slot, pid, MT_BIRTH_ATTACH, mt_clock_ns());
	err = err ? err : mt_session_add_program(s, p);
	if (err) {
		mt_program_free(&p);
		return err;
	}
	*out = mt_session_add_process(s, pid, p);
	return *out ? 0 : -ENOMEM;
}

/* Before anything else that takes time. Where the kernel refuses them, the rest can be had. */
static void watch_faults(struct mt_session *s, pid_t pid)
{
	int err = s->faults ? mt_faults_watch(s->faults, pid) : 0;

	if (!err || err == -ESRCH)
		return;
	mt_warn("page faults cannot be watched (%s)%s: they are not counted", strerror(-err),
		err == -EMFILE ? ": raise the limit of open files (ulimit -n)" : "");
	mt_faults_free(&s->faults);
}

int mt_session_adopt(struct mt_session *s, pid_t pid)
{
	struct mt_process *process;
	int err = begin_target(s, pid, &process);

	if (err == -EEXIST)
		return 0;
	if (err)
		return mt_err(err, "cannot follow process %d: %s", pid, strerror(-err));
	watch_faults(s, pid);
	mt_rss_init(&process->program->rss, INT64_MAX);
	process->program->cpu_start_ns = mt_program_cpu_now(process->program);
	mt_program_identify(process->program);
	mt_attach_threads(process->program);
	err = mt_attach_process(s, process, false);
	if (err == -ESRCH || !mt_proc_alive(pid))
		return mt_err(-ESRCH, "process %d ended while it was attached to", pid);
	if (!err && process->program->heap_note && mt_kernel_links(s->kernel) != MT_LINK_NONE)
		mt_warn("process %d: %s", pid, process->program->heap_note);
	return err;
}

int mt_session_launch(struct mt_session *s, char **argv, const struct mt_launch_signals *inherited)
{
	struct mt_process *process;
	int err = mt_held_launch(s, argv, inherited);

	if (err)
		return err;
	s->command = mt_hold_pid(s->hold);
	err = begin_target(s, s->command, &process);
	if (err)
		return mt_err(err, "cannot follow the command: %s", strerror(-err));
	watch_faults(s, s->command);
	process->program->hidden = true;
	process->held = !s->no_ptrace;
	/* One that is held gets its probes when it has executed the command. */
	return process->held ? 0 : mt_attach_process(s, process, true);
}

int mt_session_start(struct mt_session *s)
{
	return mt_hold_start(s->hold);
}

pid_t mt_session_command(const struct mt_session *s)
{
	return s->command;
}

void mt_session_forward(struct mt_session *s, int signo, int si_code)
{
	if (s->hold)
		mt_hold_forward(s->hold, signo, si_code);
}

int mt_session_events_fd(const struct mt_session *s)
{
	return mt_kernel_events_fd(s->kernel);
}

/* It has been forked by one that is held, and its own stop is still to be dealt with. */
static bool will_be_held(const struct mt_session *s, const struct mt_process *process)
{
	struct mt_proc_status status;

	return s->hold && process->unseen && !mt_proc_status(process->pid, &status) &&
	       status.tracer == getpid();
}

/*
 * Processes that came without being held, and new images whose libraries have been mapped
 * since: the sooner they are attached to, the smaller the gap. A later library can wait for
 * the next tick.
 */
static void attach_late(struct mt_session *s)
{
	for (size_t i = 0; i < s->nr_processes; i++) {
		struct mt_process *process = &s->processes[i];
		struct mt_program *p = process->program;

		bool known = process->nr_links && p->nr_modules;

		if (p->pid != process->pid || p->hidden || process->at_exec)
			continue;
		if (!process->unseen && (known || !p->modules_stale))
			continue;
		if (will_be_held(s, process))
			continue;
		process->unseen = false;
		mt_attach_process(s, process, false);
	}
}

int mt_session_poll(struct mt_session *s)
{
	int err = mt_events_read(s);

	if (s->hold)
		while (mt_hold_poll(s->hold) > 0)
			;
	err = err ? err : mt_events_read(s);
	attach_late(s);
	return err || !s->pacer ? err : mt_pacer_run(s->pacer);
}

int64_t mt_session_heap_live(const struct mt_session *s, const struct mt_program *p)
{
	struct mt_proc proc;

	if (!mt_program_heap_watched(p) || s->pacer || mt_tables_proc(s->kernel, p->slot, &proc))
		return -1;
	return proc.peak_bytes - mt_peak_headroom(proc.word);
}

/* Its leader has ended, perhaps before its other threads. */
static void look_elsewhere(struct mt_process *process)
{
	_free_ pid_t *tids = NULL;
	size_t nr = 0;

	if (mt_proc_tids(process->pid, &tids, &nr))
		return;
	for (size_t i = 0; i < nr; i++) {
		if (tids[i] == process->pid || !mt_proc_alive(tids[i]))
			continue;
		mt_program_look_through(process->program, tids[i]);
		process->unheard = 0;
		return;
	}
}

static bool moves(int64_t *was, int64_t is)
{
	if (llabs(is - *was) < MOVES_BYTES)
		return false;
	*was = is;
	return true;
}

static void look(struct mt_session *s, struct mt_process *process, int64_t now)
{
	struct mt_program *p = process->program;
	int64_t live = mt_session_heap_live(s, p);

	if (p->pid != process->pid || p->hidden)
		return;
	if (mt_program_look(p, now, live)) {
		process->unheard++;
		s->moved = true;
		look_elsewhere(process);
		return;
	}
	process->unheard = 0;
	s->moved |=
		moves(&process->rss_bytes, p->rss_now_bytes) | moves(&process->live_bytes, live);
	if (p->modules_stale && !process->at_exec)
		mt_attach_refresh(s, process, process->pid);
	mt_attach_settle(s, process);
	mt_stacks_tick(p->stacks, p->ledger);
	if (s->stopping)
		mt_bills_end(s, p);
	else
		mt_bills_tick(s, p);
}

int mt_session_tick(struct mt_session *s)
{
	int64_t now = mt_clock_ns();
	int err = mt_session_poll(s);

	for (size_t i = 0; i < s->nr_processes; i++)
		look(s, &s->processes[i], now);
	if (s->fault_budget.limit > 0)
		mt_fault_pace_tick(s, &s->fault_budget);
	mt_bills_forget_blocks(&s->bills);
	for (size_t i = s->nr_processes; i-- > 0;)
		if (s->processes[i].unheard > UNHEARD_TICKS)
			mt_session_bury(s, &s->processes[i], now);
	s->still_ticks = s->moved ? 0 : s->still_ticks + 1;
	s->moved = false;
	return err;
}

int64_t mt_session_tick_ns(const struct mt_session *s)
{
	int64_t ns = MT_TICK_NS * (s->moved ? 1 : 1 + s->still_ticks);

	return ns < MT_TICK_MAX_NS ? ns : MT_TICK_MAX_NS;
}

bool mt_session_over(const struct mt_session *s, int *status)
{
	*status = 0;
	return s->command ? mt_hold_done(s->hold, status) : !s->nr_processes;
}

void mt_session_stop(struct mt_session *s)
{
	if (s->pacer)
		mt_pacer_stop(s->pacer);
	for (size_t i = 0; i < s->nr_processes; i++)
		mt_kernel_control(s->kernel, MT_CONTROL_CLOSE, s->processes[i].pid, NULL);
	if (s->faults)
		mt_faults_stop(s->faults);
	s->stopping = true;
	mt_session_tick(s);
	for (size_t i = 0; i < s->nr_processes; i++) {
		mt_rss_final_look(&s->processes[i].program->rss, s->rss_per_cpu);
		mt_session_keep_map(s, s->processes[i].program);
		mt_attach_release(&s->processes[i]);
	}
	mt_kernel_unhook(s->kernel);
	mt_hold_free(&s->hold);
}

bool mt_session_opens_events(const struct mt_session *s)
{
	if (mt_kernel_links(s->kernel) == MT_LINK_NONE)
		return false;
	return !mt_kernel_links_by_process(s->kernel) || s->command ||
	       s->nr_processes > MT_PROBES_CROWD;
}

const struct mt_kernel *mt_session_kernel(const struct mt_session *s)
{
	return s->kernel;
}

const struct mt_locator *mt_session_locator(const struct mt_session *s)
{
	return s->locator;
}

const struct mt_perfmap *mt_session_maps(const struct mt_session *s, size_t *nr)
{
	*nr = s->nr_maps;
	return s->maps;
}

uint64_t mt_session_strays(const struct mt_session *s)
{
	return s->strays + s->nr_early;
}

struct mt_faults *mt_session_faults(const struct mt_session *s)
{
	return s->faults;
}

struct mt_pacer *mt_session_pacer(const struct mt_session *s)
{
	return s->pacer;
}

bool mt_session_unwinder_stats(const struct mt_session *s, struct mt_unwinder_stats *out)
{
	if (s->unwinder)
		mt_unwinder_stats(s->unwinder, out);
	return s->unwinder;
}
