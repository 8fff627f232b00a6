// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * memtide.report/1. A helper that runs out of memory returns NULL; json_pack() then frees
 * what it was given and returns NULL too, so one check at the end is enough.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "analysis/coverage.h"
#include "analysis/faults.h"
#include "analysis/heap.h"
#include "analysis/lifetime.h"
#include "analysis/losses.h"
#include "analysis/mapped.h"
#include "analysis/overhead.h"
#include "analysis/storms.h"
#include "analysis/threads.h"
#include "analysis/unwound.h"
#include "report/escape.h"
#include "report/report.h"
#include "util/cleanup.h"

/* More threads than this are left out of the list, the shallow ones. */
#define THREADS_LISTED 1000

/* One process while it is printed; a frame becomes one object, shared by its stacks. */
struct context {
	const struct mt_model *model;
	const struct mt_model_process *process;
	json_t **frames;
};

static void free_context(struct context *ctx)
{
	for (size_t i = 0; ctx->frames && i < ctx->process->nr_frames; i++)
		json_decref(ctx->frames[i]);
	free(ctx->frames);
}

static void decref(json_t **json)
{
	json_decref(*json);
}

#define _decref_ __cleanup(decref)

/* ---- values: unknown is null --------------------------------------------------------------- */

static json_t *text(const char *s)
{
	_free_ char *escaped = s ? mt_escape_utf8(s) : NULL;

	if (!s)
		return json_null();
	return escaped ? json_string(escaped) : NULL;
}

static json_t *number(int64_t v)
{
	return json_integer(v);
}

static json_t *known(int64_t v)
{
	return v == -1 ? json_null() : json_integer(v);
}

/* A crafted capture may hold one beyond what JSON's consumers can. */
static json_t *offset(uint64_t v)
{
	return v > INT64_MAX ? json_null() : json_integer(v);
}

static json_t *seconds(int64_t ns)
{
	return json_real(ns / 1e9);
}

static json_t *known_seconds(int64_t ns)
{
	return ns == -1 ? json_null() : seconds(ns);
}

static json_t *percent(double v)
{
	return v < 0 ? json_null() : json_real(v);
}

static json_t *date(const struct mt_model *m, int64_t at_ns)
{
	char rfc3339[MT_DATE_LEN];

	return mt_lifetime_date(rfc3339, m, at_ns) ? json_null() : json_string(rfc3339);
}

/* "a,b" */
static json_t *list(const char *s)
{
	_decref_ json_t *array = json_array();
	_free_ char *copy = strdup(s ?: "");
	char *rest = copy, *item;

	if (!array || !copy)
		return NULL;
	while ((item = strsep(&rest, ",")))
		if (*item && json_array_append_new(array, text(item)))
			return NULL;
	return TAKE_PTR(array);
}

/* ---- stacks -------------------------------------------------------------------------------- */

static json_t *new_frame(const struct mt_frame *f)
{
	json_t *frame =
		json_pack("{so so so so so so sb}", "function", text(f->function), "file",
			  text(f->file), "line", f->line ? number(f->line) : json_null(), "module",
			  text(f->module), "build_id", text(f->build_id), "offset",
			  f->module ? offset(f->offset) : json_null(), "inlined", f->inlined);
	char address[24];

	if (!frame || f->module || f->function)
		return frame;
	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)f->address);
	json_object_set_new(frame, "address", json_string(address));
	return frame;
}

static json_t *stack(struct context *ctx, const struct mt_model_stack *s)
{
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < s->nr; i++) {
		json_t **frame = &ctx->frames[s->frames[i] - ctx->process->frames];

		if (!*frame)
			*frame = new_frame(s->frames[i]);
		if (json_array_append(array, *frame))
			return NULL;
	}
	return TAKE_PTR(array);
}

/* ---- a process's heap ------------------------------------------------------------------------ */

/* What needs a block's address is not known where calls were seen at their entry only. */
static json_t *by_address(const struct mt_heap *heap, int64_t v)
{
	return heap->entry_only ? json_null() : number(v);
}

static json_t *interval(int64_t estimate, double unit)
{
	struct mt_interval ci95 = mt_sampling_interval(estimate, unit);

	return json_pack("[oo]", number(ci95.low), number(ci95.high));
}

/* What is not exact, where blocks were sampled. */
static json_t *heap_intervals(const struct mt_heap *heap, const struct mt_process_row *row)
{
	if (!heap->sampled || heap->entry_only)
		return json_object();
	return json_pack("{so so so so so so}", "free_bytes",
			 interval(heap->free_bytes, heap->bytes_unit), "live_count",
			 interval(heap->live_cnt, heap->count_unit), "live_bytes",
			 interval(heap->live_bytes, heap->live_bytes_unit), "peak_live_bytes",
			 interval(row->heap_peak_bytes, heap->peak_bytes_unit), "temporary_count",
			 interval(heap->temporary_cnt, heap->count_unit), "short_lived_count",
			 interval(heap->short_lived_cnt, heap->count_unit));
}

static json_t *site_intervals(const struct mt_heap *heap, const struct mt_heap_site *s)
{
	const struct {
		const char *name;
		int64_t estimate;
		double unit;
		bool by_address;
	} estimates[] = {
		{ "alloc_count", s->alloc_cnt, s->sure.count_unit },
		{ "alloc_bytes", s->alloc_bytes, s->sure.bytes_unit },
		{ "live_count", s->live_cnt, s->sure.count_unit, true },
		{ "live_bytes", s->live_bytes, s->sure.bytes_unit, true },
		{ "at_peak_count", s->at_peak_cnt, s->sure.count_unit, true },
		{ "at_peak_bytes", s->at_peak_bytes, s->sure.bytes_unit, true },
		{ "temporary_count", s->temporary_cnt, s->sure.count_unit, true },
		{ "short_lived_count", s->short_lived_cnt, s->sure.count_unit, true },
	};
	_decref_ json_t *object = json_object();

	for (size_t i = 0; object && heap->sampled && i < ARRAY_SIZE(estimates); i++)
		if (!(heap->entry_only && estimates[i].by_address) &&
		    json_object_set_new(object, estimates[i].name,
					interval(estimates[i].estimate, estimates[i].unit)))
			return NULL;
	return TAKE_PTR(object);
}

static const char *heap_kind(const struct mt_heap *heap, enum mt_trust trust)
{
	if (heap->entry_only || trust > MT_TRUST_SAMPLED)
		return NULL;
	return trust == MT_TRUST_SAMPLED ? "sampled" : "exact";
}

/* Whose a freed block was is not known either, where not all were followed. */
static json_t *by_owner(const struct mt_heap *heap, int64_t v)
{
	return heap->sampled ? json_null() : by_address(heap, v);
}

static json_t *heap_totals(const struct context *ctx, const struct mt_heap *heap)
{
	const struct mt_process_row *row = &ctx->process->row;
	struct mt_losses losses;

	if (!heap->watched)
		return json_null();
	mt_losses_get(&losses, ctx->model);
	return json_pack(
		"{so so so so so so so so so so so so so so so so}", "kind",
		text(heap_kind(heap, losses.heap)), "since", text(row->since), "alloc_count",
		known(heap->alloc_cnt), "alloc_bytes", known(heap->alloc_bytes), "free_count",
		known(heap->entry_only ? row->entry_free_cnt : heap->free_cnt), "free_bytes",
		by_address(heap, heap->free_bytes), "live_count", by_address(heap, heap->live_cnt),
		"live_bytes", by_address(heap, heap->live_bytes), "peak_live_bytes",
		known(row->heap_peak_bytes), "temporary_count",
		by_address(heap, heap->temporary_cnt), "short_lived_count",
		by_address(heap, heap->short_lived_cnt), "unknown_free_count",
		by_owner(heap, row->unknown_free_cnt), "inherited_free_count",
		by_owner(heap, row->inherited_free_cnt), "flushed_free_count",
		by_address(heap, row->flushed_free_cnt), "failed_count",
		by_address(heap, row->failed_cnt), "ci95", heap_intervals(heap, row));
}

static json_t *kinds(const struct mt_heap_site *site)
{
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < site->nr_parts; i++)
		if (json_array_append_new(array, text(site->parts[i].row.kind)))
			return NULL;
	return TAKE_PTR(array);
}

static json_t *heap_site(struct context *ctx, const struct mt_heap *heap,
			 const struct mt_heap_site *s)
{
	return json_pack("{so so so so so so so so so so s{so so so} s{so so} s{so so so} so}",
			 "stack", stack(ctx, s->stack), "kinds", kinds(s), "alloc_count",
			 number(s->alloc_cnt), "alloc_bytes", number(s->alloc_bytes), "live_count",
			 by_address(heap, s->live_cnt), "live_bytes",
			 by_address(heap, s->live_bytes), "at_peak_count",
			 by_address(heap, s->at_peak_cnt), "at_peak_bytes",
			 by_address(heap, s->at_peak_bytes), "temporary_count",
			 by_address(heap, s->temporary_cnt), "short_lived_count",
			 by_address(heap, s->short_lived_cnt), "lifetime_ns", "p50",
			 known(s->lifetime_p50_ns), "p90", known(s->lifetime_p90_ns), "p99",
			 known(s->lifetime_p99_ns), "live_age_ns", "p50", known(s->live_age_p50_ns),
			 "max", known(s->live_age_max_ns), "size_bytes", "p50",
			 known(s->size_p50_bytes), "p99", known(s->size_p99_bytes), "max",
			 number(s->size_max_bytes), "ci95", site_intervals(heap, s));
}

static json_t *heap_sites(struct context *ctx, const struct mt_heap *heap)
{
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < heap->nr_sites; i++)
		if (json_array_append_new(array, heap_site(ctx, heap, &heap->sites[i])))
			return NULL;
	return TAKE_PTR(array);
}

static json_t *storm(struct context *ctx, const struct mt_storm_site *s)
{
	return json_pack("{so so so so so so so s{so so} so s{}}", "stack", stack(ctx, s->stack),
			 "calls", number(s->calls), "moved", number(s->moved), "copied_bytes",
			 number(s->copied_bytes), "chains", number(s->chains), "longest_chain",
			 number(s->longest_chain), "busiest_100ms_calls",
			 number(s->busiest_100ms_calls), "final_size_bytes", "p50",
			 known(s->final_p50_bytes), "p99", known(s->final_p99_bytes),
			 "suggested_capacity_bytes", known(s->suggested_capacity_bytes), "ci95");
}

static json_t *realloc_calls(struct context *ctx)
{
	__cleanup(mt_storms_free) struct mt_storms *storms = NULL;
	_decref_ json_t *array = json_array();

	if (ctx->process->row.seen_ns < 0)
		return json_null();
	if (!array || mt_storms_new(&storms, ctx->process))
		return NULL;
	for (size_t i = 0; i < storms->nr_sites; i++)
		if (json_array_append_new(array, storm(ctx, &storms->sites[i])))
			return NULL;
	return json_pack("{so so so so so sO}", "count", number(storms->calls), "grow_count",
			 number(storms->grown), "moved_count", number(storms->moved),
			 "copied_bytes", number(storms->copied_bytes), "failed_count",
			 number(ctx->process->row.realloc_failed_cnt), "storms", array);
}

/* ---- a process's threads, mappings and time ----------------------------------------------------
 */

static json_t *spawn_site(struct context *ctx, const struct mt_spawn_site *s)
{
	const struct mt_spawn_row *row = &s->spawn->row;

	return json_pack("{so so so so so so}", "stack", stack(ctx, &s->spawn->stack), "created",
			 number(row->created), "peak_alive", number(row->peak_alive),
			 "reserved_bytes", known(row->reserved_bytes), "touched_max_bytes",
			 known(row->touched_max_bytes), "suggested_stack_bytes",
			 known(s->suggested_stack_bytes));
}

static json_t *thread(const struct mt_thread_life *t)
{
	return json_pack("{so so so so so so}", "tid", number(t->row->tid), "comm",
			 text(t->row->comm), "reserved_bytes", known(t->row->reserved_bytes),
			 "guard_bytes", known(t->row->guard_bytes), "touched_bytes",
			 known(t->row->touched_bytes), "lifetime_s", seconds(t->lifetime_ns));
}

static json_t *threads(struct context *ctx)
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
	return json_pack("{so so so so so sO sO}", "created", number(row->threads_created),
			 "exited", number(row->threads_exited), "peak_alive",
			 number(row->threads_peak_alive), "stack_reserved_peak_bytes",
			 number(row->stack_reserved_peak_bytes), "stack_touched_peak_bytes",
			 known(row->stack_touched_peak_bytes), "spawn_sites", sites, "list",
			 listed);
}

static json_t *map_site(struct context *ctx, const struct mt_model_map_site *s)
{
	return json_pack("{so so so so so}", "stack", stack(ctx, &s->stack), "kind",
			 text(s->row.kind), "live_bytes", number(s->row.live_bytes),
			 "at_peak_bytes", number(s->row.at_peak_bytes), "count",
			 number(s->row.cnt));
}

static json_t *maps(struct context *ctx)
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
	return json_pack("{so so so so so so so sO}", "mmap_count", number(row->mmap_cnt),
			 "mmap_bytes", number(row->mmap_bytes), "munmap_count",
			 number(row->munmap_cnt), "munmap_bytes", number(row->munmap_bytes),
			 "mremap_count", number(row->mremap_cnt), "brk_grown_bytes",
			 number(row->brk_grown_bytes), "live_bytes", number(row->map_live_bytes),
			 "sites", sites);
}

static json_t *fault_site(struct context *ctx, const struct mt_fault_site_bytes *s)
{
	const struct mt_fault_site_row *row = &s->site->row;

	return json_pack("{so so so so so so}", "stack", stack(ctx, &s->site->stack), "bytes",
			 number(s->bytes), "pct", percent(s->pct), "class", text(row->class),
			 "count", number(row->fault_cnt), "samples", number(row->sample_cnt));
}

static json_t *faults(struct context *ctx)
{
	__cleanup(mt_faults_by_site_free) struct mt_faults_by_site *f = NULL;
	const struct mt_process_row *row = &ctx->process->row;
	_decref_ json_t *sites = json_array();

	if (!sites || mt_faults_by_site_new(&f, ctx->process))
		return NULL;
	for (size_t i = 0; i < f->nr_sites; i++)
		if (json_array_append_new(sites, fault_site(ctx, &f->sites[i])))
			return NULL;
	return json_pack("{so so so sb so so so so sO}", "count", known(row->fault_cnt),
			 "sampled_period", known(row->fault_period), "kind",
			 text(!f->watched  ? NULL
			      : f->sampled ? "sampled"
					   : "exact"),
			 "scaled", f->scaled, "grown_bytes", known(f->grown_bytes),
			 "grown_anon_bytes", known(row->anon_rss_bytes), "grown_shared_bytes",
			 known(row->shared_rss_bytes), "unexplained_bytes",
			 known(f->unexplained_bytes), "sites", sites);
}

static json_t *timeline(const struct mt_model_process *p)
{
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < p->nr_samples; i++) {
		const struct mt_sample_row *s = &p->samples[i];
		json_t *sample = json_pack("{so so so so so}", "t_s", seconds(s->t_ns), "rss_bytes",
					   number(s->rss_bytes), "heap_live_bytes",
					   known(s->heap_live_bytes), "mapped_bytes",
					   number(s->mapped_bytes), "threads", number(s->threads));

		if (json_array_append_new(array, sample))
			return NULL;
	}
	return TAKE_PTR(array);
}

static json_t *phases(const struct mt_lifetime *life)
{
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < life->nr_phases; i++) {
		json_t *phase =
			json_pack("{so so ss}", "from_s", seconds(life->phases[i].from_ns), "to_s",
				  seconds(life->phases[i].to_ns), "layer", life->phases[i].layer);

		if (json_array_append_new(array, phase))
			return NULL;
	}
	return TAKE_PTR(array);
}

static json_t *peak(const struct mt_process_row *row)
{
	return json_pack("{so so so so so so so}", "rss_bytes", known(row->peak_rss_bytes),
			 "rss_at_s", known_seconds(row->peak_rss_ns), "rss_kind",
			 text(row->peak_rss_kind), "rss_error_bytes",
			 known(row->peak_rss_error_bytes), "heap_live_bytes",
			 known(row->heap_peak_bytes), "heap_at_s", known_seconds(row->heap_peak_ns),
			 "mapped_bytes", known(row->peak_mapped_bytes));
}

/* How many stacks end in which way. */
static json_t *stack_ends(const struct mt_unwound *u)
{
	_decref_ json_t *ends = json_object();

	for (size_t i = 0; ends && i < u->nr_ends; i++) {
		_free_ char *name = mt_escape_utf8(u->ends[i].name);

		if (!name || json_object_set_new(ends, name, number(u->ends[i].cnt)))
			return NULL;
	}
	return TAKE_PTR(ends);
}

static json_t *process(const struct mt_model *m, const struct mt_model_process *p)
{
	__cleanup(free_context) struct context ctx = { .model = m, .process = p };
	__cleanup(mt_heap_free) struct mt_heap *heap = NULL;
	const struct mt_process_row *row = &p->row;
	struct mt_coverage coverage;
	struct mt_overhead cost;
	struct mt_unwound unwound;
	struct mt_lifetime life;

	ctx.frames = calloc(p->nr_frames + 1, sizeof(json_t *));
	if (!ctx.frames || mt_heap_new(&heap, m, p))
		return NULL;
	mt_lifetime_get(&life, m, p);
	mt_coverage_get(&coverage, p);
	mt_overhead_process(&cost, row);
	mt_unwound_get(&unwound, m, p);
	return json_pack(
		"{so so so so so so so so sb so so so so so ss so so so so so so s[] so so so so so"
		" so so s[]}",
		"pid", number(row->pid), "ppid", number(row->ppid), "comm", text(row->comm), "exe",
		text(row->exe), "cgroup", text(row->cgroup), "started", date(m, row->start_ns),
		"ended", text(row->ended), "exit_status", known(row->exit_status), "oom_killed",
		row->oom_killed, "cpu_s", seconds(row->cpu_ns), "overhead_pct", percent(cost.pct),
		"allocators", list(row->allocators), "runtimes", list(row->runtimes), "heap_note",
		text(row->heap_note), "layer", life.layer, "phases", phases(&life), "coverage_pct",
		percent(coverage.pct), "counted_time_pct", percent(life.counted_pct),
		"stacks_complete_pct", percent(unwound.complete_pct), "stack_ends",
		stack_ends(&unwound), "peak", peak(row), "rss_bill", "heap",
		heap_totals(&ctx, heap), "sites", heap_sites(&ctx, heap), "realloc",
		realloc_calls(&ctx), "threads", threads(&ctx), "maps", maps(&ctx), "faults",
		faults(&ctx), "timeline", timeline(p), "findings");
}

/* ---- the capture --------------------------------------------------------------------------------
 */

static json_t *lost(const struct mt_model *m)
{
	_decref_ json_t *object = json_object();

	for (size_t i = 0; object && i < m->nr_lost; i++) {
		_free_ char *name = mt_escape_utf8(m->lost[i].name);

		if (!name || json_object_set_new(object, name, number(m->lost[i].cnt)))
			return NULL;
	}
	return TAKE_PTR(object);
}

static json_t *probes(const struct mt_model *m)
{
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < m->nr_probes; i++) {
		const struct mt_probe_row *row = &m->probes[i];
		json_t *probe =
			json_pack("{so so so so so}", "module", text(row->module), "function",
				  text(row->function), "offset", offset(row->offset), "placement",
				  text(row->placement), "kind", text(row->kind));

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
		"{so so so so so so}", "files", number(meta->unwind_files), "tables",
		known(meta->unwind_tables), "bytes", known(meta->unwind_bytes), "from_cache",
		known(meta->unwind_from_cache), "evicted", known(meta->unwind_evicted), "build_ms",
		meta->unwind_build_ns == -1 ? json_null() : json_real(meta->unwind_build_ns / 1e6));
}

static json_t *capture(const struct mt_model *m)
{
	const struct mt_model_meta *meta = &m->meta;
	bool was_exact = meta->mode && !strcmp(meta->mode, "exact") && meta->sample_bytes <= 0;
	struct mt_overhead cost;

	mt_overhead_capture(&cost, m);
	return json_pack("{so so so so so so sn so so so so so s{so so} so so so}", "started",
			 text(meta->started), "duration_s", known_seconds(meta->duration_ns),
			 "finished", json_boolean(meta->finished == 1), "command",
			 text(meta->command), "mode", text(meta->mode), "sample_bytes",
			 known(meta->sample_bytes), "budget_pct", "overhead_pct", percent(cost.pct),
			 "exact_would_cost_pct", percent(was_exact ? cost.pct : -1), "trap_cost_ns",
			 known(meta->trap_cost_ns), "traps", known(meta->traps), "self_cpu_s",
			 known_seconds(meta->self_cpu_ns), "hooks", "vm", text(meta->hooks_vm),
			 "return", text(meta->hooks_return), "unwind", unwind(meta), "lost",
			 lost(m), "probes", probes(m));
}

static json_t *processes(const struct mt_model *m)
{
	_decref_ json_t *array = json_array();

	for (size_t i = 0; array && i < m->nr_processes; i++)
		if (json_array_append_new(array, process(m, &m->processes[i])))
			return NULL;
	return TAKE_PTR(array);
}

int mt_report_json(FILE *out, const struct mt_model *m)
{
	_decref_ json_t *report =
		json_pack("{ss s{so so so} so so}", "schema", "memtide.report/1", "host", "kernel",
			  text(m->meta.kernel), "arch", text(m->meta.arch), "cpus",
			  known(m->meta.cpus), "capture", capture(m), "processes", processes(m));

	if (!report)
		return -ENOMEM;
	/* ASCII, so that no name reaches a terminal; 15 digits, so that 0.1 is 0.1. */
	if (json_dumpf(report, out, JSON_INDENT(1) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15)) ||
	    fputc('\n', out) == EOF || fflush(out))
		return -EIO;
	return 0;
}
