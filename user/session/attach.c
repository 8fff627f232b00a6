// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * attach: getting probes into a process, and knowing since when they count.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "session/closer.h"
#include "session/links.h"
#include "session/stacks.h"
#include "session/state.h"
#include "session/tables.h"
#include "session/unwinder.h"
#include "target/locate.h"
#include "target/maps.h"
#include "target/predict.h"
#include "target/proc.h"
#include "target/runtime.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

static bool has_links(const struct mt_process *process, const struct mt_probe_target *target)
{
	for (size_t i = 0; i < process->nr_links; i++)
		if (mt_links_target(process->links[i]) == target)
			return true;
	return false;
}

void mt_attach_release(struct mt_process *process)
{
	while (process->nr_links)
		mt_links_free(&process->links[--process->nr_links]);
}

/*
 * May its calls' returns be probed? Go moves its stacks, with the return addresses in them, and
 * before "seccomp: passthrough uretprobe systemcall without filtering" (6.14) a filter may kill
 * who comes out of one.
 */
static bool is_entry_only(const struct mt_session *s, const struct mt_process *process)
{
	const struct mt_program *p = process->program;

	if (mt_proc_seccomp(process->pid) && !mt_kernel_returns_pass_seccomp(s->kernel))
		return true;
	for (size_t i = 0; i < p->nr_modules; i++) {
		const struct mt_probe_target *file = p->modules[i].file;

		if (file && file->runtime && file->runtime->return_probes_unsafe)
			return true;
	}
	return false;
}

/* Why what is counted is not the heap, or not all that there is to know of it. */
static const char *heap_note(const struct mt_session *s, const struct mt_program *p)
{
	bool no_symbols = false;

	for (size_t i = 0; i < p->nr_modules; i++)
		no_symbols |= p->modules[i].file && p->modules[i].file->no_symbols;
	if (mt_kernel_links(s->kernel) == MT_LINK_NONE)
		return "mode kernel: its calls are not counted; mappings and faults only";
	if (p->foreign)
		return "another malloc than a known one comes first: name its file with --lib; "
		       "mappings and faults only";
	if (!p->nr_probed && no_symbols)
		return "static binary without symbols: no allocator found; mappings and faults "
		       "only";
	if (!p->nr_probed)
		return "no allocator that is known: name its file with --lib; mappings and faults "
		       "only";
	if (p->entry_only)
		return "return probes could harm it: calls are counted where they begin, what "
		       "lives is not known";
	return NULL;
}

static void add_probed(struct mt_program *p, const struct mt_probe_target *target)
{
	for (size_t i = 0; i < p->nr_probed; i++)
		if (p->probed[i] == target)
			return;
	if (p->nr_probed < MT_FILES_MAX)
		p->probed[p->nr_probed++] = target;
}

/*
 * What it was seen to map takes the place of what was only expected; what it unmaps later
 * stays, as it has been called.
 */
static void note_probed(const struct mt_session *s, struct mt_process *process,
			const struct mt_probe_target **targets, int nr, bool expected)
{
	struct mt_program *p = process->program;
	bool kept = false;

	for (int i = 0; i < nr && !p->foreign; i++) {
		if (!s->pacer && !has_links(process, targets[i]))
			continue;
		if (p->expected && !kept)
			p->nr_probed = 0;
		kept = true;
		p->expected = expected;
		add_probed(p, targets[i]);
	}
}

void mt_attach_settle(const struct mt_session *s, struct mt_process *process)
{
	struct mt_program *p = process->program;
	const struct mt_probe_target *targets[MT_FILES_MAX];
	struct mt_proc counts;

	if (p->pid != process->pid || p->nr_probed || p->seen_ns < 0 ||
	    mt_tables_proc(s->kernel, p->slot, &counts) || !counts.hits)
		return;
	for (size_t i = 0; i < process->nr_links; i++)
		targets[i] = mt_links_target(process->links[i]);
	note_probed(s, process, targets, process->nr_links, true);
	p->heap_note = heap_note(s, p);
}

/*
 * The counted window has opened; what ran before it in this recording is a gap. One that is
 * held has not run yet; a vfork child's window is its parent's. What is new in it was there
 * since `since_ns`, -1: it is still to come.
 */
static void note_open(struct mt_process *process, int64_t since_ns)
{
	struct mt_program *p = process->program;
	int64_t now = mt_clock_ns();

	if (p->pid != process->pid)
		return;
	p->ready = true;
	if (p->seen_ns >= 0) {
		if (since_ns >= 0)
			mt_program_add_gap(p, since_ns, now,
					   "another library's calls were not seen yet");
		return;
	}
	p->seen_ns = process->held ? p->start_ns : now;
	if (!process->held && p->birth != MT_BIRTH_ATTACH)
		mt_program_add_gap(p, p->start_ns, now, "attached to after it began");
}

/*
 * An exec may make it a program that must not have return probes, with those of the one before
 * still in place: they go before it runs.
 */
static void drop_returns(struct mt_session *s, struct mt_process *process)
{
	process->program->entry_only = true;
	if (process->entry_only)
		return;
	process->entry_only = true;
	if (!process->nr_links)
		return;
	mt_attach_release(process);
	mt_closer_wait(mt_kernel_closer(s->kernel));
}

/* What it maps now or will; what it has mapped before may be called still. */
static void note_targets(struct mt_process *process, const struct mt_probe_target **targets, int nr)
{
	for (int i = 0; i < nr; i++) {
		bool known = false;

		for (size_t j = 0; j < process->nr_targets; j++)
			known |= process->targets[j] == targets[i];
		if (!known && process->nr_targets < MT_FILES_MAX)
			process->targets[process->nr_targets++] = targets[i];
	}
}

static int open_links(struct mt_session *s, struct mt_process *process,
		      const struct mt_probe_target **targets, int nr)
{
	struct mt_links_options options = {
		.entry_only = process->entry_only,
		.alone = process->program->pid != process->pid,
	};

	for (int i = 0; i < nr && process->nr_links < MT_FILES_MAX; i++) {
		int err;

		if (has_links(process, targets[i]))
			continue;
		err = mt_links_open(&process->links[process->nr_links], s->kernel, process->pid,
				    targets[i], &options);
		if (err == -ESRCH)
			return err;
		if (err)
			return mt_err(err, "cannot probe %s in process %d: %s%s", targets[i]->path,
				      process->pid, strerror(-err),
				      err == -EMFILE ? ": raise the limit of open files (ulimit -n)"
						     : "");
		process->nr_links++;
	}
	return 0;
}

/*
 * The window is closed while links are opened: a block must not be counted whose release
 * could go unseen.
 */
static int attach_targets(struct mt_session *s, struct mt_process *process,
			  const struct mt_probe_target **targets, int nr, int64_t since)
{
	const struct mt_program *p = process->program;
	bool missing = p->pid == process->pid && p->seen_ns < 0;
	int err;

	for (int i = 0; i < nr; i++)
		missing |= !has_links(process, targets[i]);
	if (!missing)
		return 0;
	if (process->nr_links)
		mt_kernel_control(s->kernel, MT_CONTROL_CLOSE, process->pid, NULL);
	err = open_links(s, process, targets, nr);
	if (err)
		return err;
	err = mt_kernel_control(s->kernel,
				process->held ? MT_CONTROL_OPEN_AT_BIRTH : MT_CONTROL_OPEN,
				process->pid, NULL);
	if (!err)
		note_open(process, since);
	return err;
}

/*
 * The allocators that it has mapped, and with `predict` those that it will map. Whose malloc it
 * calls can be told as well: with a sanitizer, what calls libc's is not the program.
 */
static int find_targets(struct mt_session *s, struct mt_program *p, pid_t tid,
			const struct mt_maps *maps, bool predict,
			const struct mt_probe_target *out[MT_FILES_MAX])
{
	const struct mt_probe_target *order[MT_PREDICT_MAX];
	_free_ const struct mt_probe_target **mapped = NULL;
	int nr_mapped = mt_locator_find(s->locator, tid, maps, &mapped), nr_order;
	size_t nr = 0;

	if (nr_mapped <= 0)
		return nr_mapped;
	for (int i = 0; i < nr_mapped; i++)
		mt_locator_collect(mapped[i], out, MT_FILES_MAX, &nr);
	nr_order = mt_locator_predict(s->locator, tid, mapped, nr_mapped, order);
	for (int i = 0; i < nr_order && predict; i++)
		mt_locator_collect(order[i], out, MT_FILES_MAX, &nr);
	if (nr_order > 0 && mt_predict_is_foreign(order, nr_order)) {
		p->foreign = true;
		p->nr_probed = 0;
	}
	/* All the same they are opened: the unwinder wants the tables of what will be mapped. */
	return mt_kernel_links(s->kernel) == MT_LINK_NONE ? 0 : (int)nr;
}

/*
 * What its mappings show goes first: whether it may have return probes depends on it. What is
 * predicted joins what is mapped, so that there is one window without a gap.
 */
static int attach(struct mt_session *s, struct mt_process *process, pid_t tid, bool predict)
{
	const struct mt_probe_target *targets[MT_FILES_MAX];
	__cleanup(mt_maps_free) struct mt_maps *maps = NULL;
	struct mt_program *p = process->program;
	int64_t since = predict ? -1 : p->modules_stale ? p->stale_ns : mt_clock_ns();
	int err = mt_maps_load(&maps, tid), nr;

	err = err ? err : mt_program_note_modules(p, s->locator, tid, maps);
	if (err)
		return err;
	if (is_entry_only(s, process))
		drop_returns(s, process);
	nr = find_targets(s, p, tid, maps, predict, targets);
	/* Before its first stack; an exec is seen from its start on, and has new files. */
	if (s->unwinder && (predict || p->seen_ns < 0))
		mt_unwinder_wait(s->unwinder);
	if (s->pacer)
		note_targets(process, targets, nr);
	if (nr > 0 && !s->links_wait)
		err = attach_targets(s, process, targets, nr, since);
	note_probed(s, process, targets, nr, predict);
	p->heap_note = heap_note(s, p);
	return err ? err : nr < 0 ? nr : 0;
}

int mt_attach_open(struct mt_session *s, struct mt_process *process)
{
	return open_links(s, process, process->targets, process->nr_targets);
}

int mt_attach_process(struct mt_session *s, struct mt_process *process, bool predict)
{
	return attach(s, process, process->pid, predict);
}

int mt_attach_refresh(struct mt_session *s, struct mt_process *process, pid_t tid)
{
	return attach(s, process, tid, false);
}

void mt_attach_threads(struct mt_program *p)
{
	_free_ pid_t *tids = NULL;
	size_t nr = 0;

	if (mt_proc_tids(p->pid, &tids, &nr))
		return;
	for (size_t i = 0; i < nr; i++)
		if (tids[i] != p->pid)
			mt_stacks_adopt(p->stacks, tids[i], p->start_ns);
}
