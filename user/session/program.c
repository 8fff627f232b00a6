// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "session/ledger.h"
#include "session/stackmaps.h"
#include "session/stacks.h"
#include "target/locate.h"
#include "target/maps.h"
#include "target/proc.h"
#include "util/cleanup.h"

int mt_program_new(struct mt_program **out, uint32_t slot, pid_t pid, enum mt_birth birth,
		   int64_t start_ns)
{
	__cleanup(mt_program_free) struct mt_program *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->slot = slot;
	p->pid = pid;
	p->shown_by = pid;
	p->birth = birth;
	p->start_ns = start_ns;
	p->end_ns = -1;
	p->seen_ns = -1;
	p->exit_status = -1;
	p->mapped_peak_bytes = -1;
	p->status_fd = -1;
	p->root_fd = -1;
	p->paced.exact_since_ns = -1;
	p->modules_stale = true;
	p->stale_ns = start_ns;
	mt_rss_init(&p->rss, 0);
	err = mt_ledger_new(&p->ledger);
	err = err ? err : mt_stacks_new(&p->stacks, pid);
	err = err ? err : mt_stackmaps_new(&p->stackmaps);
	if (err)
		return err;
	*out = TAKE_PTR(p);
	return 0;
}

static void free_modules(struct mt_module *modules, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		free(modules[i].path);
	free(modules);
}

void mt_program_free(struct mt_program **program)
{
	struct mt_program *p = *program;

	if (!p)
		return;
	mt_cleanup_fd(&p->status_fd);
	mt_cleanup_fd(&p->root_fd);
	mt_ledger_free(&p->ledger);
	mt_stacks_free(&p->stacks);
	mt_stackmaps_free(&p->stackmaps);
	free_modules(p->modules, p->nr_modules);
	free(p->exe);
	free(p->cgroup);
	mt_timeline_fini(&p->timeline);
	mt_bills_fini(&p->bills);
	free(p->gaps);
	free(p);
	*program = NULL;
}

void mt_program_identify(struct mt_program *p)
{
	struct mt_proc_stat stat;
	char *text = NULL;

	mt_proc_comm(p->pid, p->comm);
	if (!mt_proc_stat(p->pid, &stat))
		p->ppid = stat.ppid;
	if (!mt_proc_exe(p->pid, &text)) {
		free(p->exe);
		p->exe = TAKE_PTR(text);
	}
	if (!mt_proc_cgroup(p->pid, &text)) {
		free(p->cgroup);
		p->cgroup = TAKE_PTR(text);
	}
}

int64_t mt_program_cpu_now(const struct mt_program *p)
{
	struct timespec cpu;
	clockid_t clock;

	if (clock_getcpuclockid(p->pid, &clock) || clock_gettime(clock, &cpu))
		return -1;
	return cpu.tv_sec * 1000000000LL + cpu.tv_nsec;
}

static int append_module(struct mt_program *p, const struct mt_module *m)
{
	struct mt_module *v = reallocarray(p->modules, p->nr_modules + 1, sizeof(*v));
	char *path = strdup(m->path);

	if (v)
		p->modules = v;
	if (!v || !path) {
		free(path);
		return -ENOMEM;
	}
	p->modules[p->nr_modules] = *m;
	p->modules[p->nr_modules].path = path;
	p->modules[p->nr_modules++].kept = false;
	return 0;
}

int mt_program_inherit(struct mt_program *child, const struct mt_program *parent)
{
	child->parent_slot = parent->slot;
	child->ppid = parent->pid;
	memcpy(child->comm, parent->comm, sizeof(child->comm));
	memcpy(child->probed, parent->probed, sizeof(child->probed));
	child->nr_probed = parent->nr_probed;
	child->foreign = parent->foreign;
	child->expected = parent->expected;
	child->heap_note = parent->heap_note;
	free(child->exe);
	free(child->cgroup);
	child->exe = parent->exe ? strdup(parent->exe) : NULL;
	child->cgroup = parent->cgroup ? strdup(parent->cgroup) : NULL;
	child->modules_stale = parent->modules_stale;
	child->stale_ns = parent->stale_ns;
	for (size_t i = 0; i < parent->nr_modules; i++) {
		int err = append_module(child, &parent->modules[i]);

		if (err)
			return err;
	}
	return 0;
}

/* Is it known? What it overlaps was unmapped meanwhile and gives way. */
static bool module_known(struct mt_program *p, const struct mt_mapping *m)
{
	for (size_t i = 0; i < p->nr_modules; i++) {
		struct mt_module *old = &p->modules[i];

		if (old->start == m->start && old->end == m->end &&
		    old->file_offset == m->file_offset && !strcmp(old->path, m->path))
			return true;
		if (old->start < m->end && m->start < old->end) {
			free(old->path);
			*old = p->modules[--p->nr_modules];
			i--;
		}
	}
	return false;
}

int mt_program_note_modules(struct mt_program *p, struct mt_locator *locator, pid_t tid,
			    const struct mt_maps *maps)
{
	for (size_t i = 0; i < maps->nr; i++) {
		const struct mt_mapping *m = &maps->v[i];
		struct mt_module module = {
			.start = m->start,
			.end = m->end,
			.file_offset = m->file_offset,
			.path = m->path,
		};
		int err;

		if (!mt_mapping_is_code(m) || module_known(p, m))
			continue;
		mt_locator_open(locator, tid, m, &module.file); /* none: addresses stay bare */
		err = append_module(p, &module);
		if (err)
			return err;
	}
	p->modules_stale = false;
	return 0;
}

void mt_program_look_through(struct mt_program *p, pid_t tid)
{
	if (p->status_fd >= 0)
		close(p->status_fd);
	p->status_fd = mt_proc_open(tid, "status");
	p->shown_by = tid;
}

int mt_program_look(struct mt_program *p, int64_t now_ns, int64_t heap_live_bytes)
{
	bool first = p->status_fd < 0 && p->birth == MT_BIRTH_ATTACH;
	struct mt_proc_status status;
	struct mt_sample sample;
	struct mt_proc_stat stat;
	int64_t cpu_ns;
	int err;

	if (p->status_fd < 0)
		p->status_fd = mt_proc_open(p->pid, "status");
	if (p->status_fd < 0)
		return p->status_fd;
	if (p->root_fd < 0)
		p->root_fd = mt_locate_open_root(p->pid);
	if (!p->born_ns && !mt_proc_stat(p->pid, &stat))
		p->born_ns = stat.start_ns;
	err = mt_proc_read_status(p->status_fd, &status);
	if (err)
		return err;
	if (status.vm_rss_bytes < 0)
		return -ESRCH;
	cpu_ns = mt_program_cpu_now(p);
	if (cpu_ns >= 0)
		p->cpu_ns = cpu_ns - p->cpu_start_ns;
	p->rss_now_bytes = status.vm_rss_bytes;
	p->inner_pid = status.inner_tgid;
	p->uid = status.uid;
	mt_rss_tick(&p->rss, status.vm_hwm_bytes, status.vm_rss_bytes, status.threads, now_ns,
		    first);
	if (status.vm_peak_bytes > p->mapped_peak_bytes)
		p->mapped_peak_bytes = status.vm_peak_bytes;
	sample = (struct mt_sample){
		.t_ns = now_ns,
		.rss_bytes = status.vm_rss_bytes,
		.heap_live_bytes = heap_live_bytes,
		.mapped_bytes = status.vm_size_bytes,
		.threads = status.threads,
	};
	return mt_timeline_add(&p->timeline, &sample);
}

int mt_program_add_gap(struct mt_program *p, int64_t from_ns, int64_t to_ns, const char *why)
{
	struct mt_gap *v = reallocarray(p->gaps, p->nr_gaps + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	p->gaps = v;
	v[p->nr_gaps++] = (struct mt_gap){ .from_ns = from_ns, .to_ns = to_ns, .why = why };
	return 0;
}

bool mt_program_heap_watched(const struct mt_program *p)
{
	return p->seen_ns >= 0 && p->nr_probed;
}

const char *mt_program_heap_note(const struct mt_program *p)
{
	if (p->heap_note || mt_program_heap_watched(p))
		return p->heap_note;
	return "it was not attached to in time; mappings and faults only";
}

bool mt_program_seen_from_start(const struct mt_program *p)
{
	return p->birth != MT_BIRTH_ATTACH && p->seen_ns >= 0 && p->seen_ns <= p->start_ns;
}
