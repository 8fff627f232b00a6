// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * events: what the kernel's records do to processes, programs and their ledgers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session/ledger.h"
#include "session/pacer.h"
#include "session/stackmaps.h"
#include "session/stacks.h"
#include "session/state.h"
#include "session/unwinder.h"
#include "util/log.h"

static int64_t pages_to_bytes(uint64_t pages)
{
	return pages * sysconf(_SC_PAGESIZE);
}

static struct mt_program *new_program(struct mt_session *s, const struct mt_event *e,
				      enum mt_birth birth)
{
	struct mt_program *p = NULL;
	int err = mt_program_new(&p, e->slot, e->tgid, birth, e->ts_ns);

	if (!err)
		err = mt_session_add_program(s, p);
	if (err) {
		mt_program_free(&p);
		s->strays++;
		return NULL;
	}
	return p;
}

static void on_fork(struct mt_session *s, const struct mt_event *e)
{
	struct mt_program *parent = mt_session_program(s, e->a), *child;
	struct mt_process *process;

	child = new_program(s, e, MT_BIRTH_FORK);
	if (!child)
		return;
	if (parent && mt_program_inherit(child, parent))
		s->strays++;
	process = mt_session_add_process(s, e->tgid, child);
	if (process)
		process->unseen = true;
}

static void on_vfork(struct mt_session *s, const struct mt_event *e)
{
	struct mt_program *shared = mt_session_program(s, e->slot);
	struct mt_process *process = shared ? mt_session_add_process(s, e->tgid, shared) : NULL;

	if (!process)
		s->strays++;
	else if (mt_kernel_links_by_process(s->kernel))
		process->shares_ns = e->ts_ns; /* until it is attached to */
}

/* What a vfork child did to its parent's heap was not counted. */
static void end_sharing(struct mt_process *process, const struct mt_event *e)
{
	struct mt_program *shared = process->program;

	if (process->shares_ns && !process->nr_links && shared && shared->ready)
		mt_program_add_gap(shared, process->shares_ns, e->ts_ns,
				   "a vfork child was not followed");
	process->shares_ns = 0;
}

static void end_program(struct mt_session *s, struct mt_program *p, enum mt_ended ended, int status,
			const struct mt_event *e)
{
	if (p->ended)
		return;
	p->ended = ended;
	p->exit_status = status;
	p->end_ns = e->ts_ns;
	p->cpu_ns = e->result - p->cpu_start_ns;
	if (s->pacer)
		mt_pacer_ended(s->pacer, p);
	mt_session_keep_map(s, p);
	mt_rss_end(&p->rss, pages_to_bytes(e->c), e->ts_ns, s->rss_per_cpu);
}

/*
 * The links were open already, so it is seen from its start. Or they were opened after the
 * exec, whose record only now arrives: then what was noted of the old program is of this one.
 * Or its window never opened: it may have ended before that.
 */
static void begin_seen(struct mt_program *p, struct mt_program *old)
{
	if (!old || old->seen_ns < 0)
		return;
	p->ready = true;
	p->seen_ns = p->start_ns;
	if (old->seen_ns <= p->start_ns)
		return;
	p->seen_ns = old->seen_ns;
	mt_program_add_gap(p, p->start_ns, p->seen_ns, "attached to after it began");
	old->seen_ns = -1;
}

static void on_exec(struct mt_session *s, const struct mt_event *e)
{
	struct mt_process *process = mt_session_process(s, e->tgid);
	struct mt_program *old, *p;

	if (!process) {
		s->strays++;
		return;
	}
	old = process->program;
	end_sharing(process, e);
	p = new_program(s, e, MT_BIRTH_EXEC);
	if (!p)
		return;
	mt_attach_settle(s, process);
	if (old && old->pid == process->pid)
		end_program(s, old, MT_ENDED_EXEC, -1, e);
	p->parent_slot = e->a;
	p->cpu_start_ns = e->result;
	mt_program_identify(p);
	memcpy(p->comm, e->comm, sizeof(p->comm));
	mt_rss_init(&p->rss, pages_to_bytes(e->c));
	process->program = p;
	process->at_exec = process->held;
	process->nr_targets = 0;
	if (e->b != e->tgid) /* the leader's links went with the leader */
		mt_attach_release(process);
	if (process->nr_links)
		begin_seen(p, old);
}

static void on_process_exit(struct mt_session *s, const struct mt_event *e)
{
	struct mt_program *p = mt_session_program(s, e->slot);
	struct mt_process *process = mt_session_process(s, e->tgid);
	int status = e->a;

	if (p)
		mt_stacks_exit(p->stacks, e->tid, e->comm, e->ts_ns);
	if (p && e->tid == e->tgid && p->pid == (pid_t)e->tgid)
		memcpy(p->comm, e->comm, sizeof(p->comm)); /* the leader's name is the program's */
	if (!e->b)
		return;
	if (p && p->pid == (pid_t)e->tgid) {
		if (WIFSIGNALED(status))
			end_program(s, p, MT_ENDED_SIGNAL, WTERMSIG(status), e);
		else
			end_program(s, p, MT_ENDED_EXIT, WEXITSTATUS(status), e);
	}
	if (!process)
		return;
	end_sharing(process, e);
	mt_session_drop_process(s, process);
}

static void on_thread(struct mt_session *s, struct mt_program *p, const struct mt_event *e)
{
	uint64_t lo = e->c, hi = e->d, guard = e->result;
	const struct mt_stackmaps_thread thread = { e->ts_ns, e->b, e->c, e->d };
	struct mt_ledger_range r;

	if (mt_stackmaps_thread(p->stackmaps, &thread) ||
	    mt_stacks_spawn(p->stacks, e->a, e->b, e->stack, e->ts_ns))
		s->strays++;
	/* Neighbours of equal permissions are one mapping to the kernel, not to the ledger. */
	if (lo && mt_ledger_find(p->ledger, e->b - 1, &r)) {
		lo = r.start > lo ? r.start : lo;
		hi = r.end < hi ? r.end : hi;
		guard = guard < lo - r.start ? guard : lo - r.start;
	}
	if (lo)
		mt_stacks_born_on(p->stacks, e->a, hi - lo, guard);
}

static int note_stackmap(struct mt_program *p, const struct mt_event *e)
{
	if (e->maker == MT_MAKER_PROGRAM && (e->flags & MAP_STACK))
		return mt_stackmaps_add(p->stackmaps, e->result, e->b, e->prot & PROT_WRITE,
					e->ts_ns);
	mt_stackmaps_drop(p->stackmaps, e->result, e->b, e->ts_ns);
	return 0;
}

static void on_mmap(struct mt_session *s, struct mt_program *p, const struct mt_event *e)
{
	struct mt_ledger_mmap call = {
		.start = e->result,
		.len = e->b,
		.stack = e->stack,
		.prot = e->prot,
		.flags = e->flags,
		.maker = e->maker,
	};

	if (e->result < 0) {
		mt_ledger_fail(p->ledger, e->tid);
		return;
	}
	if (mt_ledger_mmap(p->ledger, e->tid, &call, e->ts_ns) || note_stackmap(p, e))
		s->strays++;
	if ((e->prot & PROT_EXEC) && !(e->flags & MAP_ANONYMOUS) && !p->modules_stale) {
		p->modules_stale = true;
		p->stale_ns = e->ts_ns;
	}
}

static void on_munmap(struct mt_program *p, const struct mt_event *e)
{
	if (e->result < 0)
		mt_ledger_fail(p->ledger, e->tid);
	else
		mt_ledger_munmap(p->ledger, e->tid, e->a, e->b);
}

static void on_mremap(struct mt_session *s, struct mt_program *p, const struct mt_event *e)
{
	struct mt_ledger_mremap call = {
		.old_start = e->a,
		.old_len = e->b,
		.new_len = e->c,
		.new_start = e->d,
		.flags = e->flags,
		.maker = e->maker,
	};
	int err = 0;

	if (e->kind == MT_EVENT_MREMAP_BEGIN)
		err = mt_ledger_begin_mremap(p->ledger, e->tid, &call);
	else if (e->result < 0)
		err = mt_ledger_fail(p->ledger, e->tid);
	else
		err = mt_ledger_mremap(p->ledger, e->tid, &call, e->result, e->stack, e->ts_ns);
	if (err)
		s->strays++;
}

static void on_program_event(struct mt_session *s, struct mt_program *p, const struct mt_event *e)
{
	switch (e->kind) {
	case MT_EVENT_THREAD:
		on_thread(s, p, e);
		break;
	case MT_EVENT_MMAP_BEGIN:
	case MT_EVENT_MUNMAP_BEGIN:
		mt_ledger_begin(p->ledger, e->tid, e->a, e->b);
		mt_stackmaps_drop(p->stackmaps, e->a, e->b, e->ts_ns);
		break;
	case MT_EVENT_MMAP:
		on_mmap(s, p, e);
		break;
	case MT_EVENT_MUNMAP:
		on_munmap(p, e);
		break;
	case MT_EVENT_MREMAP_BEGIN:
	case MT_EVENT_MREMAP:
		on_mremap(s, p, e);
		break;
	case MT_EVENT_BRK:
		if (mt_ledger_brk(p->ledger, e->a, e->result, e->stack, e->ts_ns))
			s->strays++;
		break;
	case MT_EVENT_OOM:
		p->oom_killed = true;
		break;
	}
}

#define EARLY_MAX 4096 /* events: some hundred processes that begin at once */

static void keep_early(struct mt_session *s, const struct mt_event *e)
{
	struct mt_event *v = NULL;

	if (s->nr_early < EARLY_MAX)
		v = reallocarray(s->early, s->nr_early + 1, sizeof(*v));
	if (!v) {
		s->strays++;
		return;
	}
	s->early = v;
	v[s->nr_early++] = *e;
}

/* Before those that came after them. */
static void handle_due(struct mt_session *s)
{
	size_t due = s->nr_due;

	s->nr_due = 0;
	for (size_t i = 0; i < due; i++) {
		struct mt_program *p = mt_session_program(s, s->early[i].slot);

		if (p)
			on_program_event(s, p, &s->early[i]);
		else
			s->strays++;
	}
	s->nr_early -= due;
	if (due)
		memmove(s->early, s->early + due, s->nr_early * sizeof(*s->early));
}

static void handle(const struct mt_event *e, void *session)
{
	struct mt_session *s = session;
	struct mt_program *p;

	s->moved = true;
	switch (e->kind) {
	case MT_EVENT_FORK:
		on_fork(s, e);
		return;
	case MT_EVENT_VFORK:
		on_vfork(s, e);
		return;
	case MT_EVENT_EXEC:
		on_exec(s, e);
		return;
	case MT_EVENT_EXIT:
		on_process_exit(s, e);
		return;
	}
	if (e->kind == MT_EVENT_FILE) {
		mt_unwinder_on_file(s->unwinder, e);
		return;
	}
	handle_due(s);
	p = mt_session_program(s, e->slot);
	if (p)
		on_program_event(s, p, e);
	else
		keep_early(s, e);
}

int mt_events_read(struct mt_session *s)
{
	int err;

	s->nr_due = s->nr_early;
	err = mt_kernel_events(s->kernel, handle, s);
	handle_due(s);
	return err;
}
