// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "capture/drain_program.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "capture/capture.h"
#include "capture/drain_heap.h"
#include "session/faults.h"
#include "session/ledger.h"
#include "session/pacer.h"
#include "session/program.h"
#include "session/session.h"
#include "session/stackmaps.h"
#include "session/stacks.h"
#include "session/tables.h"
#include "target/locate.h"
#include "target/runtime.h"

#include "logic/peak.h"

/* The capture's time; -1 stays unknown. */
static int64_t relative(const struct mt_drain_program *d, int64_t ns)
{
	return ns < 0 ? -1 : ns - d->start_ns;
}

static const char *const ended_names[] = {
	[MT_ENDED_RUNNING] = "running",
	[MT_ENDED_EXEC] = "exec",
	[MT_ENDED_EXIT] = "exit",
	[MT_ENDED_SIGNAL] = "signal",
};

static void fill_memory(const struct mt_drain_program *d, const struct mt_program *p,
			struct mt_process_row *row)
{
	const struct mt_ledger_totals *maps = mt_ledger_totals(p->ledger);
	const struct mt_stacks_totals *threads = mt_stacks_totals(p->stacks);

	row->peak_rss_bytes = p->rss.peak_bytes;
	row->peak_rss_ns = relative(d, p->rss.peak_ns);
	row->peak_rss_kind = p->rss.sampled ? "sampled" : "kernel";
	row->peak_rss_error_bytes = p->rss.error_bytes;
	row->peak_mapped_bytes = p->mapped_peak_bytes;

	row->mmap_cnt = maps->mmap_cnt;
	row->mmap_bytes = maps->mmap_bytes;
	row->munmap_cnt = maps->munmap_cnt;
	row->munmap_bytes = maps->munmap_bytes;
	row->mremap_cnt = maps->mremap_cnt;
	row->brk_grown_bytes = maps->brk_grown_bytes;
	row->map_live_bytes = maps->live_bytes;
	row->map_peak_bytes = maps->peak_bytes;
	row->arena_reserved_bytes = mt_ledger_arena_bytes(p->ledger);

	row->threads_created = threads->created;
	row->threads_exited = threads->exited;
	row->threads_peak_alive = threads->peak_alive;
	row->stack_reserved_peak_bytes = threads->reserved_peak_bytes;
	row->stack_touched_peak_bytes = threads->touched_peak_bytes;
}

/* Without what became a thread's stack, whose opening may have gone unseen. */
static int64_t grown_bytes(const struct mt_program *p, const struct mt_proc *proc)
{
	uint64_t unowned = proc->anon_grown_bytes - proc->anon_heap_bytes;
	uint64_t stacks = mt_stackmaps_used_bytes(p->stackmaps);

	return proc->anon_grown_bytes - (stacks < unowned ? stacks : unowned);
}

static void fill_bursts(const struct mt_drain_program *d, const struct mt_program *p,
			struct mt_process_row *row)
{
	const struct mt_pacer *pacer = mt_session_pacer(d->session);

	if (!pacer)
		return;
	row->windowed = p->windowed;
	row->exact_since_ns = relative(d, p->paced.exact_since_ns);
	mt_drain_heap_fill(d->heap, p->slot, row);
	row->burst_own_ns = mt_pacer_burst_progress_ns(pacer, p);
}

static void fill_heap(const struct mt_drain_program *d, const struct mt_program *p,
		      struct mt_process_row *row)
{
	const struct mt_kernel *k = mt_session_kernel(d->session);
	struct mt_proc proc;

	row->heap_live_bytes = -1;
	row->heap_peak_bytes = -1;
	row->heap_peak_ns = -1;
	row->anon_grown_bytes = -1;
	row->anon_heap_bytes = -1;
	row->cpu_ns = p->cpu_ns;
	row->bill_ns = p->bills.cost_ns;
	row->trap_ns = -1;
	row->exact_since_ns = -1;
	row->alloc_cnt = -1;
	row->alloc_bytes = -1;
	row->free_cnt = -1;
	if (mt_tables_proc(k, p->slot, &proc))
		return;
	/* A session does not wait for calls whose blocks are not followed: what they map is
	 * unknown. */
	if (mt_kernel_vm_hooks(k) != MT_VM_NONE &&
	    !(mt_kernel_sample_bytes(k) && mt_kernel_links(k) == MT_LINK_SESSION)) {
		row->anon_grown_bytes = grown_bytes(p, &proc);
		row->anon_heap_bytes = proc.anon_heap_bytes;
	}
	if (mt_kernel_prices(mt_session_kernel(d->session)))
		row->trap_ns = proc.trap_ns;
	row->run_ns = proc.run_ns + proc.fault_run_ns;
	fill_bursts(d, p, row);
	if (!mt_program_heap_watched(p))
		return;
	row->seen_ns = relative(d, p->seen_ns);
	row->heap_live_bytes = proc.peak_bytes - mt_peak_headroom(proc.word);
	row->heap_peak_bytes = proc.peak_bytes;
	row->heap_peak_ns = proc.peak_ns ? relative(d, proc.peak_ns) : -1;
	row->unknown_free_cnt = proc.unknown_free_cnt;
	row->inherited_free_cnt = proc.inherited_free_cnt;
	row->flushed_free_cnt = proc.flushed_free_cnt;
	row->failed_cnt = proc.failed_cnt;
	row->realloc_failed_cnt = proc.realloc_failed_cnt;
	row->discarded_cnt = proc.discarded_cnt;
	row->entry_only = proc.entry_only;
	row->entry_free_cnt = proc.entry_free_cnt;
	if (mt_kernel_sample_bytes(k)) {
		row->alloc_cnt = proc.alloc_cnt;
		row->alloc_bytes = proc.alloc_bytes;
		row->free_cnt = proc.free_cnt;
	}
	if (!proc.entry_only && !(p->windowed && p->paced.exact_since_ns < 0))
		return;
	row->heap_live_bytes = -1;
	row->heap_peak_bytes = -1;
	row->heap_peak_ns = -1;
}

static void fill_faults(const struct mt_drain_program *d, const struct mt_program *p,
			struct mt_process_row *row)
{
	const struct mt_faults *faults = mt_session_faults(d->session);
	int64_t page = sysconf(_SC_PAGESIZE);
	struct mt_proc proc;

	row->fault_cnt = -1;
	row->fault_period = -1;
	row->anon_rss_bytes = -1;
	row->shared_rss_bytes = -1;
	if (!faults || mt_tables_proc(mt_session_kernel(d->session), p->slot, &proc))
		return;
	row->fault_cnt = proc.fault_cnt;
	row->fault_period = mt_faults_coarsest(faults);
	row->anon_rss_bytes = (proc.anon_most_pages - proc.anon_first_pages) * page;
	row->shared_rss_bytes = (proc.shared_most_pages - proc.shared_first_pages) * page;
}

/* "a", then "a,b"; what has no room is left out. */
static void append_name(char *list, size_t size, const char *name)
{
	size_t used = strlen(list);

	if (!strstr(list, name) && used + strlen(name) + 2 <= size)
		snprintf(list + used, size - used, "%s%s", used ? "," : "", name);
}

int mt_drain_program_put(const struct mt_drain_program *d, const struct mt_program *p)
{
	char allocators[96] = "", runtimes[32] = "";
	struct mt_process_row row = {
		.id = p->slot,
		.parent_id = p->parent_slot,
		.pid = p->pid,
		.ppid = p->ppid,
		.comm = p->comm,
		.exe = p->exe,
		.cgroup = p->cgroup,
		.heap_note = mt_program_heap_note(p),
		.build = MT_BUILD_INIT,
		.start_ns = p->start_ns - d->start_ns,
		.end_ns = relative(d, p->end_ns),
		.ended = ended_names[p->ended],
		.exit_status = p->exit_status,
		.oom_killed = p->oom_killed,
		.since = mt_program_seen_from_start(p) ? "start" : "attach",
		.seen_ns = -1,
	};

	for (size_t i = 0; i < p->nr_probed; i++)
		append_name(allocators, sizeof(allocators), p->probed[i]->allocator->name);
	for (size_t i = 0; i < p->nr_modules; i++) {
		const struct mt_probe_target *file = p->modules[i].file;

		if (file && file->runtime)
			append_name(runtimes, sizeof(runtimes), file->runtime->name);
		if (file && p->exe && !strcmp(p->exe, p->modules[i].path))
			row.build = file->build;
	}
	row.allocators = allocators[0] ? allocators : NULL;
	row.runtimes = runtimes[0] ? runtimes : NULL;
	fill_memory(d, p, &row);
	fill_heap(d, p, &row);
	fill_faults(d, p, &row);
	return mt_capture_put_process(d->capture, &row);
}
