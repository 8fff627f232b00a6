// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* memtide.report/1. */
#include "report/json_internal.h"

#include <errno.h>

#include "analysis/coverage.h"
#include "analysis/faults.h"
#include "analysis/groups.h"
#include "analysis/lifetime.h"
#include "analysis/losses.h"
#include "analysis/mapped.h"
#include "analysis/overhead.h"
#include "analysis/threads.h"
#include "analysis/unwound.h"
#include "report/report.h"
#include "util/escape.h"

/* More threads than this are left out of the list, the shallow ones. */
#define THREADS_LISTED 1000

static json_t *date(const struct mt_model *m, int64_t at_ns)
{
	char rfc3339[MT_DATE_LEN];

	return mt_lifetime_date(rfc3339, m, at_ns) ? json_null() : json_string(rfc3339);
}

/* ---- threads and mappings ------------------------------------------------------------ */

static json_t *spawn_site(struct mt_json_process *ctx, const struct mt_spawn_site *s)
{
	const struct mt_spawn_row *row = &s->spawn->row;

	return json_pack("{so so so so so so}", "stack", mt_json_stack(ctx, &s->spawn->stack),
			 "created", mt_json_number(row->created), "peak_alive",
			 mt_json_number(row->peak_alive), "reserved_bytes",
			 mt_json_known(row->reserved_bytes), "touched_max_bytes",
			 mt_json_known(row->touched_max_bytes), "suggested_stack_bytes",
			 mt_json_known(s->suggested_stack_bytes));
}

static json_t *thread(const struct mt_thread_life *t)
{
	return json_pack("{so so so so so so}", "tid", mt_json_number(t->row->tid), "comm",
			 mt_json_text(t->row->comm), "reserved_bytes",
			 mt_json_known(t->row->reserved_bytes), "guard_bytes",
			 mt_json_known(t->row->guard_bytes), "touched_bytes",
			 mt_json_known(t->row->touched_bytes), "lifetime_s",
			 mt_json_seconds(t->lifetime_ns));
}

static json_t *threads(struct mt_json_process *ctx)
{
	__cleanup(mt_threads_free) struct mt_threads *bill = NULL;
	const struct mt_process_row *row = &ctx->process->row;
	_decref_ json_t *sites = json_array();
	_decref_ json_t *listed = json_array();

	if (!sites || !listed || mt_threads_new(&bill, ctx->model, ctx->process))
		return NULL;
	for (size_t i = 0; i < bill->nr_sites; i++)
		if (json_array_append_new(sites, spawn_site(ctx, &bill->sites[i])))
			return NULL;
	for (size_t i = 0; i < bill->nr_list && i < THREADS_LISTED; i++)
		if (json_array_append_new(listed, thread(&bill->list[i])))
			return NULL;
	return json_pack("{so so so so so sO sO}", "created", mt_json_number(row->threads_created),
			 "exited", mt_json_number(row->threads_exited), "peak_alive",
			 mt_json_number(row->threads_peak_alive), "stack_reserved_peak_bytes",
			 mt_json_number(row->stack_reserved_peak_bytes), "stack_touched_peak_bytes",
			 mt_json_known(row->stack_touched_peak_bytes), "spawn_sites", sites, "list",
			 listed);
}

static json_t *map_site(struct mt_json_process *ctx, const struct mt_model_map_site *s)
{
	return json_pack("{so so so so so}", "stack", mt_json_stack(ctx, &s->stack), "kind",
			 mt_json_text(s->row.kind), "live_bytes", mt_json_number(s->row.live_bytes),
			 "at_peak_bytes", mt_json_number(s->row.at_peak_bytes), "count",
			 mt_json_number(s->row.cnt));
}

static json_t *maps(struct mt_json_process *ctx)
{
	__cleanup(mt_mapped_free) struct mt_mapped *ledger = NULL;
	const struct mt_process_row *row = &ctx->process->row;
	_decref_ json_t *sites = json_array();

	if (!mt_mapped_watched(ctx->model))
		return json_null();
	if (!sites || mt_mapped_new(&ledger, ctx->process))
		return NULL;
	for (size_t i = 0; i < ledger->nr_sites; i++)
		if (json_array_append_new(sites, map_site(ctx, ledger->sites[i])))
			return NULL;
	return json_pack("{so so so so so so so sO}", "mmap_count", mt_json_number(row->mmap_cnt),
			 "mmap_bytes", mt_json_number(row->mmap_bytes), "munmap_count",
			 mt_json_number(row->munmap_cnt), "munmap_bytes",
			 mt_json_number(row->munmap_bytes), "mremap_count",
			 mt_json_number(row->mremap_cnt), "brk_grown_bytes",
			 mt_json_number(row->brk_grown_bytes), "live_bytes",
			 mt_json_number(row->map_live_bytes), "sites", sites);
}

static json_t *fault_site(struct mt_json_process *ctx, const struct mt_fault_site_bytes *s)
{
	const struct mt_fault_site_row *row = &s->site->row;

	return json_pack("{so so so so so so}", "stack", mt_json_stack(ctx, &s->site->stack),
			 "bytes", mt_json_number(s->bytes), "pct", mt_json_percent(s->pct), "class",
			 mt_json_text(row->class), "count", mt_json_number(row->fault_cnt),
			 "samples", mt_json_number(row->sample_cnt));
}

static json_t *faults(struct mt_json_process *ctx)
{
	__cleanup(mt_faults_by_site_free) struct mt_faults_by_site *f = NULL;
	const struct mt_process_row *row = &ctx->process->row;
	_decref_ json_t *sites = json_array();

	if (!sites || mt_faults_by_site_new(&f, ctx->process))
		return NULL;
	for (size_t i = 0; i < f->nr_sites; i++)
		if (json_array_append_new(sites, fault_site(ctx, &f->sites[i])))
			return NULL;
	return json_pack("{so so so sb so so so so sO}", "count", mt_json_known(row->fault_cnt),
			 "sampled_period", mt_json_known(row->fault_period), "kind",
			 mt_json_text(!f->watched  ? NULL
				      : f->sampled ? "sampled"
						   : "exact"),
			 "scaled", f->scaled, "grown_bytes", mt_json_known(f->grown_bytes),
			 "grown_anon_bytes", mt_json_known(row->anon_rss_bytes),
			 "grown_shared_bytes", mt_json_known(row->shared_rss_bytes),
			 "unexplained_bytes", mt_json_known(f->unexplained_bytes), "sites", sites);
}

static json_t *phases(const struct mt_lifetime *life, const struct mt_model *m,
		      const struct mt_model_process *p)
{
	_decref_ json_t *array = json_array();
	struct mt_phase ph;

	for (size_t i = 0; array && mt_lifetime_phase(&ph, life, m, p, i); i++) {
		json_t *phase =
			json_pack("{so so so}", "from_s", mt_json_seconds(ph.from_ns), "to_s",
				  mt_json_seconds(ph.to_ns), "layer", mt_json_text(ph.layer));

		if (json_array_append_new(array, phase))
			return NULL;
	}
	return TAKE_PTR(array);
}

static json_t *peak(const struct mt_process_row *row)
{
	return json_pack("{so so so so so so so}", "rss_bytes", mt_json_known(row->peak_rss_bytes),
			 "rss_at_s", mt_json_known_seconds(row->peak_rss_ns), "rss_kind",
			 mt_json_text(row->peak_rss_kind), "rss_error_bytes",
			 mt_json_known(row->peak_rss_error_bytes), "heap_live_bytes",
			 mt_json_known(row->heap_peak_bytes), "heap_at_s",
			 mt_json_known_seconds(row->heap_peak_ns), "mapped_bytes",
			 mt_json_known(row->peak_mapped_bytes));
}

/* How many stacks end in which way. */
static json_t *stack_ends(const struct mt_unwound *u)
{
	_decref_ json_t *ends = json_object();

	for (size_t i = 0; ends && i < u->nr_ends; i++) {
		_free_ char *name = mt_escape_utf8(u->ends[i].name);

		if (!name || json_object_set_new(ends, name, mt_json_number(u->ends[i].cnt)))
			return NULL;
	}
	return TAKE_PTR(ends);
}

static json_t *process(const struct mt_model *m, const struct mt_model_process *p)
{
	__cleanup(mt_json_process_fini) struct mt_json_process ctx = { 0 };
	__cleanup(mt_heap_free) struct mt_heap *heap = NULL;
	const struct mt_process_row *row = &p->row;
	struct mt_coverage coverage;
	struct mt_overhead cost;
	struct mt_unwound unwound;
	struct mt_lifetime life;

	if (mt_json_process_init(&ctx, m, p) || mt_heap_new(&heap, m, p))
		return NULL;
	mt_lifetime_get(&life, m, p);
	mt_coverage_get(&coverage, p);
	mt_overhead_process(&cost, row);
	mt_unwound_get(&unwound, m, p);
	return json_pack(
		"{so so so so so so so so sb so so so so so ss so so so so so so so so so so so so"
		" so so so}",
		"pid", mt_json_number(row->pid), "ppid", mt_json_number(row->ppid), "comm",
		mt_json_text(row->comm), "exe", mt_json_text(row->exe), "cgroup",
		mt_json_text(row->cgroup), "started", date(m, row->start_ns), "ended",
		mt_json_text(row->ended), "exit_status", mt_json_known(row->exit_status),
		"oom_killed", row->oom_killed, "cpu_s", mt_json_seconds(row->cpu_ns),
		"overhead_pct", mt_json_percent(cost.pct), "allocators",
		mt_json_list(row->allocators), "runtimes", mt_json_list(row->runtimes), "heap_note",
		mt_json_text(row->heap_note), "layer", life.layer, "phases", phases(&life, m, p),
		"coverage_pct", mt_json_percent(coverage.pct), "counted_time_pct",
		mt_json_percent(life.counted_pct), "stacks_complete_pct",
		mt_json_percent(unwound.complete_pct), "stack_ends", stack_ends(&unwound), "peak",
		peak(row), "rss_bill", mt_json_rss_bill(&ctx), "heap",
		mt_json_heap_totals(&ctx, heap), "sites", mt_json_heap_sites(&ctx, heap), "realloc",
		mt_json_realloc(&ctx, heap), "threads", threads(&ctx), "maps", maps(&ctx), "faults",
		faults(&ctx), "timeline", mt_json_timeline(&ctx), "findings",
		mt_json_findings(&ctx));
}

/* ---- the capture --------------------------------------------------------------------------------
 */

static json_t *lost(const struct mt_model *m)
{
	_decref_ json_t *object = json_object();

	for (size_t i = 0; object && i < m->nr_lost; i++) {
		_free_ char *name = mt_escape_utf8(m->lost[i].name);

		if (!name || json_object_set_new(object, name, mt_json_number(m->lost[i].cnt)))
			return NULL;
	}
	return TAKE_PTR(object);
}

static json_t *probes(const struct mt_model *m)
{
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < m->nr_probes; i++) {
		const struct mt_probe_row *row = &m->probes[i];
		json_t *probe = json_pack(
			"{so so so so so}", "module", mt_json_text(row->module), "function",
			mt_json_text(row->function), "offset", mt_json_offset(row->offset),
			"placement", mt_json_text(row->placement), "kind", mt_json_text(row->kind));

		if (json_array_append_new(array, probe))
			return NULL;
	}
	return TAKE_PTR(array);
}

/* The tables for unwinding; null without stacks. */
static json_t *unwind(const struct mt_model_meta *meta)
{
	if (meta->unwind_files == -1)
		return json_null();
	return json_pack(
		"{so so so so so so}", "files", mt_json_number(meta->unwind_files), "tables",
		mt_json_known(meta->unwind_tables), "bytes", mt_json_known(meta->unwind_bytes),
		"from_cache", mt_json_known(meta->unwind_from_cache), "evicted",
		mt_json_known(meta->unwind_evicted), "build_ms",
		meta->unwind_build_ns == -1 ? json_null() : json_real(meta->unwind_build_ns / 1e6));
}

static json_t *capture(const struct mt_model *m)
{
	const struct mt_model_meta *meta = &m->meta;
	struct mt_overhead cost;

	mt_overhead_capture(&cost, m);
	return json_pack("{so so so so so so so so so so so so s{so so so} so so so}", "started",
			 mt_json_text(meta->started), "duration_s",
			 mt_json_known_seconds(meta->duration_ns), "finished",
			 json_boolean(meta->finished == 1), "command", mt_json_text(meta->command),
			 "mode", mt_json_text(meta->mode), "sample_bytes",
			 mt_json_known(meta->sample_bytes), "budget_pct",
			 meta->budget_ppm < 0 ? json_null() : json_real(meta->budget_ppm / 1e4),
			 "overhead_pct", mt_json_percent(cost.pct), "exact_would_cost_pct",
			 mt_json_percent(cost.exact_pct), "trap_cost_ns",
			 mt_json_known(meta->trap_cost_ns), "traps", mt_json_known(meta->traps),
			 "self_cpu_s", mt_json_known_seconds(meta->self_cpu_ns), "hooks", "vm",
			 mt_json_text(meta->hooks_vm), "return", mt_json_text(meta->hooks_return),
			 "syscall_tax_ns", mt_json_known(meta->syscall_tax_ns), "unwind",
			 unwind(meta), "lost", lost(m), "probes", probes(m));
}

static json_t *processes(const struct mt_model *m)
{
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < m->nr_processes; i++)
		if (json_array_append_new(array, process(m, &m->processes[i])))
			return NULL;
	return TAKE_PTR(array);
}

static json_t *groups(const struct mt_model *m)
{
	__cleanup(mt_groups_free) struct mt_groups *g = NULL;
	_decref_ json_t *array = json_array();

	if (!array || mt_groups_new(&g, m))
		return NULL;
	for (size_t i = 0; i < g->nr; i++) {
		json_t *group =
			json_pack("{so so so so so}", "cgroup", mt_json_text(g->v[i].cgroup),
				  "name", mt_json_text(g->v[i].name), "processes",
				  mt_json_number(g->v[i].process_cnt), "peak_rss_bytes",
				  mt_json_number(g->v[i].peak_rss_bytes), "grown_bytes",
				  mt_json_number(g->v[i].grown_bytes));

		if (json_array_append_new(array, group))
			return NULL;
	}
	return TAKE_PTR(array);
}

json_t *mt_json_report(const struct mt_model *m)
{
	return json_pack("{ss s{so so so} so so so}", "schema", "memtide.report/1", "host",
			 "kernel", mt_json_text(m->meta.kernel), "arch", mt_json_text(m->meta.arch),
			 "cpus", mt_json_known(m->meta.cpus), "capture", capture(m), "groups",
			 groups(m), "processes", processes(m));
}

int mt_report_json(FILE *out, const struct mt_model *m)
{
	_decref_ json_t *report = mt_json_report(m);

	return mt_json_print(out, report, JSON_INDENT(1));
}
