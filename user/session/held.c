// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/held.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "session/hold.h"
#include "session/launch.h"
#include "session/state.h"
#include "session/tables.h"
#include "target/elf.h"
#include "target/proc.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

/* Longer than a record of another CPU's can be under way, in front of one that is complete. */
#define RECORD_NS 500000000

/*
 * The kernel's record of what just happened comes before the stop, but may have to wait for one
 * that another CPU has begun and not completed. Which image it is about the maps say at once.
 */
static struct mt_process *catch_up(struct mt_session *s, pid_t pid)
{
	const struct timespec pause = { 0, 100000 };
	int64_t end = mt_clock_ns() + RECORD_NS;
	struct mt_image image;
	bool known = !mt_tables_image(s->kernel, pid, &image);

	for (;;) {
		struct mt_process *process;

		mt_events_read(s);
		process = mt_session_process(s, pid);
		if (!known || (process && process->program->slot == image.slot) ||
		    mt_clock_ns() > end)
			return process;
		nanosleep(&pause, NULL);
	}
}

static void on_forked(void *arg, pid_t parent, pid_t child, bool shares_mm)
{
	struct mt_session *s = arg;
	struct mt_process *process = catch_up(s, child);

	if (!process)
		return;
	process->held = true;
	process->unseen = false;
	/* A perf event sees every process of an address space: the parent's is enough. */
	if (shares_mm && !mt_kernel_links_by_process(s->kernel))
		return;
	mt_attach_process(s, process, false);
}

/* Sanitizers' leak check ptraces; so do debuggers. */
static const char *refusal(pid_t pid)
{
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	_free_ char *exe = NULL;
	_close_ int fd = mt_proc_open(pid, "exe");
	const char *why;

	if (!mt_proc_exe(pid, &exe)) {
		why = mt_hold_refusal(exe);
		if (why)
			return why;
	}
	if (fd < 0 || mt_elf_new(&elf, fd))
		return NULL;
	return mt_elf_is_sanitized(elf) ? "is built with a sanitizer" : NULL;
}

static bool on_execed(void *arg, pid_t pid, pid_t former_tid)
{
	struct mt_session *s = arg;
	struct mt_process *process = catch_up(s, pid);
	const char *why = refusal(pid);

	if (!process)
		return !why;
	process->at_exec = false;
	mt_attach_process(s, process, true);
	process->program->modules_stale = true; /* its libraries are still to come */
	process->program->stale_ns = mt_clock_ns();
	if (!why)
		return true;
	mt_info("process %d %s: it is not held, what it starts has a gap", pid, why);
	process->held = false;
	return false;
}

static void on_exiting(void *arg, pid_t pid, pid_t tid)
{
	struct mt_session *s = arg;
	struct mt_process *process = catch_up(s, pid);
	struct mt_program *p = process ? process->program : NULL;

	if (!p || p->pid != pid)
		return;
	if (tid != pid)
		mt_program_look_through(p, tid);
	if (!mt_program_look(p, mt_clock_ns(), mt_session_heap_live(s, p)))
		mt_rss_final_look(&p->rss, s->rss_per_cpu);
	mt_attach_refresh(s, process, tid);
	mt_bills_end(s, p);
	mt_bills_forget_blocks(&s->bills);
}

static void on_ended(void *arg, pid_t pid, int wait_status)
{
	catch_up(arg, pid);
}

static const struct mt_hold_ops ops = {
	.forked = on_forked,
	.execed = on_execed,
	.exiting = on_exiting,
	.ended = on_ended,
};

int mt_held_launch(struct mt_session *s, char **argv, const struct mt_launch_signals *inherited)
{
	_free_ char *path = NULL;
	const char *why;
	int err = mt_launch_find(argv[0], &path);

	if (err)
		return err;
	why = s->no_ptrace ? NULL : mt_hold_refusal(path);
	if (why)
		s->no_ptrace = true;
	err = mt_hold_launch(&s->hold, path, argv, inherited, !s->no_ptrace, &ops, s);
	if (err == -EPERM || err == -ENOSYS) {
		s->no_ptrace = true;
		why = "cannot be held: ptrace is refused";
		err = mt_hold_launch(&s->hold, path, argv, inherited, false, &ops, s);
	}
	if (!err && why)
		mt_warn("%s %s: what it starts is attached to when it is seen, with a gap", path,
			why);
	return err;
}
