// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * attach: getting probes into a process, and knowing since when they count.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/links.h"
#include "session/stacks.h"
#include "session/state.h"
#include "target/locate.h"
#include "target/maps.h"
#include "target/proc.h"
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

/* What is probed and mapped has a name in the report. */
static void note_watched(struct mt_process *process)
{
	struct mt_program *p = process->program;

	/* jemalloc, a sanitizer: what calls libc's malloc then is not the program. */
	for (size_t i = 0; i < p->nr_modules; i++)
		p->foreign |= p->modules[i].file && p->modules[i].file->foreign_malloc;
	for (size_t i = 0; i < p->nr_modules && !p->foreign; i++) {
		const struct mt_probe_target *file = p->modules[i].file;

		if (!file || !has_links(process, file))
			continue;
		p->watched = true;
		if (!strstr(p->allocators, file->allocator.name))
			snprintf(p->allocators + strlen(p->allocators),
				 sizeof(p->allocators) - strlen(p->allocators), "%s%s",
				 p->allocators[0] ? "," : "", file->allocator.name);
	}
}

/*
 * The counted window has opened; what ran before it in this recording is a gap. One that is
 * held has not run yet; a vfork child's window is its parent's.
 */
static void note_open(struct mt_process *process, int64_t since_ns)
{
	struct mt_program *p = process->program;
	int64_t now = mt_clock_ns();

	if (p->pid != process->pid)
		return;
	p->ready = true;
	if (p->seen_ns >= 0) {
		mt_program_add_gap(p, since_ns, now, "probes added to another library");
		return;
	}
	p->seen_ns = process->held ? p->start_ns : now;
	if (!process->held && p->birth != MT_BIRTH_ATTACH)
		mt_program_add_gap(p, p->start_ns, now, "attached to after it began");
}

static int open_links(struct mt_session *s, struct mt_process *process,
		      const struct mt_probe_target **targets, int nr)
{
	for (int i = 0; i < nr && process->nr_links < MT_FILES_MAX; i++) {
		int err;

		if (has_links(process, targets[i]))
			continue;
		err = mt_links_open(&process->links[process->nr_links], s->kernel, process->pid,
				    targets[i]);
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
			  const struct mt_probe_target **targets, int nr)
{
	int64_t since = mt_clock_ns();
	bool missing = false;
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

static int attach_mapped(struct mt_session *s, struct mt_process *process, pid_t tid)
{
	const struct mt_probe_target *targets[MT_FILES_MAX];
	__cleanup(mt_maps_free) struct mt_maps *maps = NULL;
	int err = mt_maps_load(&maps, tid), nr;

	if (err)
		return err;
	nr = mt_locator_find(s->locator, tid, maps, targets, MT_FILES_MAX);
	if (nr > 0)
		err = attach_targets(s, process, targets, nr);
	if (err)
		return err;
	err = mt_program_note_modules(process->program, s->locator, tid, maps);
	note_watched(process);
	return err ? err : nr < 0 ? nr : 0;
}

int mt_attach_process(struct mt_session *s, struct mt_process *process, bool predict)
{
	const struct mt_probe_target *targets[MT_FILES_MAX];
	int nr;

	if (!predict)
		return attach_mapped(s, process, process->pid);
	nr = mt_locator_predict(s->locator, process->pid, targets, MT_FILES_MAX);
	return nr < 0 ? nr : attach_targets(s, process, targets, nr);
}

int mt_attach_refresh(struct mt_session *s, struct mt_process *process, pid_t tid)
{
	return attach_mapped(s, process, tid);
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
