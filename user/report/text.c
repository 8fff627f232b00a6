// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * For an engineer who was woken up: the headline of each process first, largest process
 * first; what was not seen last, but never left out.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "analysis/coverage.h"
#include "analysis/faults.h"
#include "analysis/heap.h"
#include "analysis/lifetime.h"
#include "analysis/losses.h"
#include "analysis/mapped.h"
#include "analysis/overhead.h"
#include "analysis/ranking.h"
#include "analysis/storms.h"
#include "analysis/threads.h"
#include "analysis/unwound.h"
#include "report/printer.h"
#include "report/report.h"
#include "report/text_bill.h"
#include "report/text_findings.h"
#include "report/text_groups.h"
#include "report/text_sites.h"
#include "report/text_stack.h"
#include "report/text_words.h"
#include "util/units.h"
#include "target/runtime.h"
#include "util/cleanup.h"

#define DEFAULT_WIDTH	   80
#define SMALLEST_WIDTH	   40
#define PROCESSES_DETAILED 10
#define SITES_SHOWN	   3
#define STACK_INDENT	   MT_STACK_INDENT

#define BYTES(n)	 (mt_unit_bytes(n).s)
#define COUNT(n)	 (mt_unit_count(n).s)
#define PCT(n)		 (mt_unit_pct(n).s)
#define THINGS(n, thing) (mt_unit_things(n, thing).s)
#define SECONDS(n)	 (mt_unit_seconds(n).s)

struct mt_text_options mt_text_options_for(FILE *out)
{
	struct mt_text_options options = { .width = DEFAULT_WIDTH };
	const char *no_color = getenv("NO_COLOR");
	struct winsize size;

	if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col)
		options.width = size.ws_col;
	options.color = isatty(fileno(out)) && !(no_color && *no_color);
	return options;
}

/* ---- one process --------------------------------------------------------------------------- */

static struct mt_unit outcome(const struct mt_process_row *row)
{
	struct mt_unit text = { "still running" };

	if (row->oom_killed)
		snprintf(text.s, sizeof(text.s), "killed by the OOM killer");
	else if (!strcmp(row->ended, "exit"))
		snprintf(text.s, sizeof(text.s), "exit status %d", row->exit_status);
	else if (!strcmp(row->ended, "signal"))
		snprintf(text.s, sizeof(text.s), "killed by signal %d", row->exit_status);
	else if (!strcmp(row->ended, "exec"))
		snprintf(text.s, sizeof(text.s), "replaced by exec");
	return text;
}

static void print_heap_peak(struct mt_printer *p, const struct mt_process_row *row,
			    const struct mt_heap *heap, enum mt_trust trust)
{
	const char *since = strcmp(row->since, "start") ? "the attach" : "its start";

	if (!heap->watched)
		mt_print_field(p, "Peak heap", "unknown: its allocator calls were not counted");
	else if (heap->entry_only)
		mt_print_field(p, "Peak heap", "unknown: calls were seen where they begin only");
	else if (!heap->lives)
		mt_print_field(p, "Peak heap", "unknown: calls were counted in bursts only");
	else if (!row->heap_peak_bytes && trust == MT_TRUST_EXACT)
		mt_print_field(p, "Peak heap", "%s since %s (exact)",
			       heap->alloc_cnt ? "0 B: it allocated blocks of no size only"
					       : "nothing was allocated",
			       since);
	else if (row->heap_peak_bytes == -1)
		mt_print_field(p, "Peak heap", "unknown: it was not read");
	else
		mt_print_field(
			p, "Peak heap", "%s%s live%s%s (%s%s, since %s)", mt_text_at_least(trust),
			BYTES(row->heap_peak_bytes), row->heap_peak_ns == -1 ? "" : " at ",
			row->heap_peak_ns == -1 ? "" : SECONDS(row->heap_peak_ns),
			mt_text_kind(trust),
			mt_text_spread(row->heap_peak_bytes, heap->peak_bytes_unit).s, since);
}

static void print_peaks(struct mt_printer *p, const struct mt_process_row *row,
			const struct mt_heap *heap, enum mt_trust trust)
{
	if (row->peak_rss_bytes == -1)
		mt_print_field(p, "Peak RSS", "unknown");
	else
		mt_print_field(p, "Peak RSS", "%s +- %s at %s (%s)", BYTES(row->peak_rss_bytes),
			       BYTES(row->peak_rss_error_bytes), SECONDS(row->peak_rss_ns),
			       row->peak_rss_kind ?: "unknown");
	print_heap_peak(p, row, heap, trust);
	mt_print_field(p, "Peak mapped", "%s (kernel)", BYTES(row->peak_mapped_bytes));
}

static void print_bursts(struct mt_printer *p, const struct mt_model_process *process,
			 const struct mt_heap *heap)
{
	const struct mt_process_row *row = &process->row;

	mt_print_field(p, "Heap calls",
		       "about %s of %s: %s temporary (windowed: from %s; bytes by 95%%%s)",
		       THINGS(heap->alloc_cnt, "allocation"), BYTES(heap->alloc_bytes),
		       COUNT(heap->temporary_cnt), THINGS(row->bursts.cnt, "burst"),
		       mt_text_estimated(&heap->burst_bytes).s);
}

static void print_heap(struct mt_printer *p, const struct mt_model_process *process,
		       const struct mt_heap *heap, enum mt_trust trust,
		       const struct mt_text_options *options)
{
	if (!heap->watched)
		return;
	if (heap->entry_only) {
		mt_print_field(p, "Heap calls", "%s of %s asked for, %s",
			       THINGS(heap->alloc_cnt, "allocation"), BYTES(heap->alloc_bytes),
			       THINGS(process->row.entry_free_cnt, "free"));
		return;
	}
	if (heap->windowed)
		print_bursts(p, process, heap);
	else if (heap->sampled)
		mt_print_field(p, "Heap calls",
			       "%s of %s, %s (exact; whose block was freed is not "
			       "known); about %s temporary, %s freed within 1 ms (%s)",
			       THINGS(heap->alloc_cnt, "allocation"), BYTES(heap->alloc_bytes),
			       THINGS(heap->free_cnt, "free"), COUNT(heap->temporary_cnt),
			       COUNT(heap->short_lived_cnt), mt_text_kind(trust));
	else
		mt_print_field(p, "Heap calls",
			       "%s%s of %s: %s temporary, %s freed within 1 ms; %s failed (%s)",
			       mt_text_at_least(trust), THINGS(heap->alloc_cnt, "allocation"),
			       BYTES(heap->alloc_bytes), COUNT(heap->temporary_cnt),
			       COUNT(heap->short_lived_cnt), COUNT(process->row.failed_cnt),
			       mt_text_kind(trust));
	if (heap->lives)
		mt_print_field(p, "Live at end", "%s%s in %s (%s%s)", mt_text_at_least(trust),
			       BYTES(heap->live_bytes), THINGS(heap->live_cnt, "block"),
			       mt_text_kind(trust),
			       mt_text_spread(heap->live_bytes, heap->live_bytes_unit).s);
	mt_print_sites(p, process, heap, trust, options);
}

static void print_worst_storm(struct mt_printer *p, const struct mt_model_process *process,
			      const struct mt_storms *storms, enum mt_trust trust)
{
	const struct mt_storm_site *worst = storms->sites;

	/* Blocks that grow in place cost nothing. */
	if (!storms->nr_sites || !worst->copied_bytes)
		return;
	mt_print(p, 2, 4,
		 "Worst realloc storm (%s; %s in all): %s copied %s, at most %s to one "
		 "block, %s in 100 ms",
		 mt_text_kind(trust), COUNT(storms->nr_sites), THINGS(worst->calls, "call"),
		 BYTES(worst->copied_bytes), COUNT(worst->longest_chain),
		 COUNT(worst->busiest_100ms_calls));
	mt_print_stack(p, process, worst->stack);
	if (worst->suggested_capacity_bytes >= 0)
		mt_print(p, STACK_INDENT, STACK_INDENT,
			 "reserve %s at first: 99%% of its blocks grew no larger",
			 BYTES(worst->suggested_capacity_bytes));
}

static void print_threads(struct mt_printer *p, const struct mt_model_process *process,
			  const struct mt_threads *threads, enum mt_trust trust)
{
	const struct mt_process_row *row = &process->row;
	const struct mt_spawn_site *most = threads->sites;

	if (!row->threads_created && !threads->nr_sites)
		return;
	mt_print_field(p, "Threads",
		       "%s%s created, at most %s at once; stacks: %s reserved (%s), %s touched "
		       "(sampled)",
		       mt_text_at_least(trust), COUNT(row->threads_created),
		       COUNT(row->threads_peak_alive), BYTES(row->stack_reserved_peak_bytes),
		       mt_text_kind(trust), BYTES(row->stack_touched_peak_bytes));
	if (!threads->nr_sites)
		return;
	mt_print(p, 4, STACK_INDENT, "Most from here: %s created, %s at once, %s each, %s touched",
		 COUNT(most->spawn->row.created), COUNT(most->spawn->row.peak_alive),
		 BYTES(most->spawn->row.reserved_bytes), BYTES(most->spawn->row.touched_max_bytes));
	mt_print_stack(p, process, &most->spawn->stack);
	if (most->suggested_stack_bytes >= 0)
		mt_print(p, STACK_INDENT, STACK_INDENT,
			 "a stack of %s would be at least twice what was seen touched",
			 BYTES(most->suggested_stack_bytes));
}

static void print_maps(struct mt_printer *p, const struct mt_model *m,
		       const struct mt_model_process *process, const struct mt_mapped *maps,
		       enum mt_trust trust)
{
	const struct mt_process_row *row = &process->row;

	if (!mt_mapped_watched(m)) {
		mt_print_field(p, "Mappings", "unknown: no system calls were hooked");
		return;
	}
	mt_print_field(
		p, "Mappings",
		"%s%s mmap of %s, %s munmap of %s, %s mremap, brk grew by %s; %s mapped at the "
		"peak, %s at the end (%s)",
		mt_text_at_least(trust), COUNT(row->mmap_cnt), BYTES(row->mmap_bytes),
		COUNT(row->munmap_cnt), BYTES(row->munmap_bytes), COUNT(row->mremap_cnt),
		BYTES(row->brk_grown_bytes), BYTES(row->map_peak_bytes), BYTES(row->map_live_bytes),
		mt_text_kind(trust));
	if (row->arena_reserved_bytes > 0)
		mt_print_field(p, "", "%s of address space is glibc's per-thread arenas",
			       BYTES(row->arena_reserved_bytes));
	if (!maps->nr_sites)
		return;
	mt_print(p, 4, STACK_INDENT, "Largest at its peak: %s in %s of %s",
		 BYTES(maps->sites[0]->row.at_peak_bytes), THINGS(maps->sites[0]->row.cnt, "call"),
		 maps->sites[0]->row.kind);
	mt_print_stack(p, process, &maps->sites[0]->stack);
}

static const char *class_words(const char *class)
{
	static const char *const words[][2] = {
		{ "heap", "the break" },
		{ "stack", "stacks" },
		{ "anon", "anonymous mappings" },
		{ "file", "files and shared memory" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(class, words[i][0]))
			return words[i][1];
	return "memory of a kind that is not known";
}

/* Who made its memory resident: for any language, and with no probe in the process. */
static void print_faults(struct mt_printer *p, const struct mt_model_process *process,
			 const struct mt_faults_by_site *faults)
{
	const char *kind = faults->sampled ? "sampled" : "exact";

	if (!faults->watched)
		return;
	mt_print_field(p, "Page faults", "%s (%s); resident memory grew by %s",
		       COUNT(faults->fault_cnt), faults->sampled ? "stacks sampled" : "exact",
		       BYTES(faults->grown_bytes));
	if (faults->unexplained_bytes > faults->grown_bytes / 100)
		mt_print_field(p, "", "%s of that came by no fault that was seen",
			       BYTES(faults->unexplained_bytes));
	for (size_t i = 0; i < faults->nr_sites && i < SITES_SHOWN; i++) {
		const struct mt_fault_site_bytes *site = &faults->sites[i];

		if (i ? site->pct < 1 : site->bytes <= 0) /* they are sorted by it */
			break;
		if (!i)
			mt_print(p, 2, 4, "Touched first by (%s%s):", kind,
				 faults->scaled ? ", scaled to the growth" : "");
		mt_print(p, 4, STACK_INDENT, "%zu. %s (%s) of %s, in %s", i + 1, BYTES(site->bytes),
			 PCT(site->pct), class_words(site->site->row.class),
			 THINGS(site->site->row.fault_cnt, "fault"));
		mt_print_stack(p, process, &site->site->stack);
	}
}

/* "Go,V8": what each keeps from the heap's numbers. */
static void print_runtimes(struct mt_printer *p, const char *names)
{
	_free_ char *copy = names ? strdup(names) : NULL;
	char *rest = copy, *name;

	if (names && !copy)
		p->err = p->err ?: -ENOMEM;
	while ((name = strsep(&rest, ","))) {
		const struct mt_runtime *runtime = mt_runtime_named(name);

		mt_print_field(p, "Runtime", "%s", runtime ? runtime->says : name);
	}
}

/* Whether the heap is the whole story, and what else owns memory. */
static void print_coverage(struct mt_printer *p, const struct mt_model_process *process)
{
	const struct mt_process_row *row = &process->row;
	struct mt_coverage c;

	mt_coverage_get(&c, process);
	if (row->heap_note)
		mt_print_field(p, "Heap", "%s", row->heap_note);
	print_runtimes(p, row->runtimes);
	if (c.pct >= 0)
		mt_print_field(p, "Coverage", "%s%.0f%% of %s of anonymous growth is %s's",
			       c.low ? "LOW: " : "", c.pct, BYTES(c.grown_bytes),
			       row->allocators ?: "a known allocator");
	if (c.low)
		mt_print_field(p, c.pct < 0 ? "Coverage" : "",
			       "%s%s came otherwise: see the mappings", c.pct < 0 ? "none: " : "",
			       BYTES(c.unexplained_bytes));
}

/* How far its stacks reach, where that is not to the end. */
static void print_unwound(struct mt_printer *p, const struct mt_model *m,
			  const struct mt_model_process *process)
{
	struct mt_unwound u;

	mt_unwound_get(&u, m, process);
	if (u.complete_pct < 0 || u.complete_pct == 100)
		return;
	mt_print_field(p, "Stacks", "%.1f%% complete", u.complete_pct);
	for (size_t i = 0; i < u.nr_ends; i++)
		if (mt_unwound_meaning(u.ends[i].name))
			mt_print_field(p, "", "%.1f%% end %s", 100.0 * u.ends[i].cnt / u.cnt,
				       mt_unwound_meaning(u.ends[i].name));
}

/* What the recording cost it. */
static void print_overhead(struct mt_printer *p, const struct mt_process_row *row)
{
	struct mt_overhead cost;

	mt_overhead_process(&cost, row);
	if (cost.pct < 0)
		mt_print_field(p, "CPU time", "%s; how much of it is memtide's is unknown",
			       SECONDS(cost.cpu_ns));
	else
		mt_print_field(p, "CPU time",
			       "%s, and %s of it more for memtide's probes (sampled)",
			       SECONDS(cost.own_ns), PCT(cost.pct));
}

/* Mode auto: "kernel 0.3 s, burst 12 s, exact 5 s", and what exact would cost. */
static void print_layers(struct mt_printer *p, const struct mt_model *m,
			 const struct mt_model_process *process, const struct mt_lifetime *life)
{
	static const char *const layers[] = { "kernel", "burst", "exact" };
	int64_t ns[ARRAY_SIZE(layers)] = { 0 };
	struct mt_overhead cost;
	struct mt_phase phase;
	size_t nr = 0;

	if (!m->nr_phases)
		return;
	for (; mt_lifetime_phase(&phase, life, m, process, nr); nr++)
		for (size_t i = 0; i < ARRAY_SIZE(layers); i++)
			if (!strcmp(phase.layer, layers[i]))
				ns[i] += phase.to_ns - phase.from_ns;
	mt_overhead_process(&cost, &process->row);
	mt_print_field(p, "Layers", "%s kernel, %s burst, %s exact, in %s", SECONDS(ns[0]),
		       SECONDS(ns[1]), SECONDS(ns[2]), THINGS(nr, "phase"));
	if (cost.exact_pct >= 0)
		mt_print_field(p, "", "--mode exact would cost it %s more CPU time",
			       PCT(cost.exact_pct));
}

/* What this process's numbers leave out. */
static void print_unseen(struct mt_printer *p, const struct mt_model_process *process,
			 const struct mt_lifetime *life)
{
	const struct mt_process_row *row = &process->row;
	const struct {
		int64_t cnt;
		const char *what;
	} unseen[] = {
		{ row->windowed ? 0 : row->unknown_free_cnt,
		  "frees of blocks older than the attach" },
		{ row->inherited_free_cnt, "frees of blocks inherited by fork" },
		{ row->flushed_free_cnt, "frees by a thread's cache, when it ended" },
		{ row->discarded_cnt, "calls that never returned" },
	};

	if (life->counted_pct < 0)
		mt_print_field(p, "Counted", "unknown: it had no time");
	else if (process->nr_gaps)
		mt_print_field(p, "Counted", "%.2f%% of its time; not counted: %s, in %s",
			       life->counted_pct, SECONDS(life->uncounted_ns),
			       THINGS(process->nr_gaps, "gap"));
	else
		mt_print_field(p, "Counted", "%.2f%% of its time", life->counted_pct);
	for (size_t i = 0; i < ARRAY_SIZE(unseen); i++)
		if (unseen[i].cnt)
			mt_print_field(p, "", "%s: %s", unseen[i].what, COUNT(unseen[i].cnt));
}

static int print_process(struct mt_printer *p, const struct mt_model *m,
			 const struct mt_model_process *process, const struct mt_losses *losses,
			 const struct mt_text_options *options)
{
	__cleanup(mt_heap_free) struct mt_heap *heap = NULL;
	__cleanup(mt_storms_free) struct mt_storms *storms = NULL;
	__cleanup(mt_threads_free) struct mt_threads *threads = NULL;
	__cleanup(mt_mapped_free) struct mt_mapped *maps = NULL;
	__cleanup(mt_faults_by_site_free) struct mt_faults_by_site *faults = NULL;
	struct mt_lifetime life;
	enum mt_trust heap_trust;
	int err = mt_heap_new(&heap, m, process) ?:
		  mt_storms_new(&storms, process) ?:
		  mt_threads_new(&threads, m, process) ?:
		  mt_mapped_new(&maps, process) ?:
		  mt_faults_by_site_new(&faults, process);

	if (err)
		return err;
	mt_lifetime_get(&life, m, process);
	heap_trust = mt_losses_process(losses->heap, &process->row);
	mt_print_heading(p, "%s, pid %d: %s; recorded from %s to %s", process->row.comm,
			 process->row.pid, outcome(&process->row).s, SECONDS(life.from_ns),
			 SECONDS(life.to_ns));
	print_peaks(p, &process->row, heap, heap_trust);
	mt_print_findings(p, m, process);
	mt_print_bill(p, m, process);
	print_heap(p, process, heap, heap_trust, options);
	print_worst_storm(p, process, storms, mt_losses_process(losses->storms, &process->row));
	print_threads(p, process, threads, losses->ledgers);
	print_maps(p, m, process, maps, losses->ledgers);
	print_faults(p, process, faults);
	print_coverage(p, process);
	print_unwound(p, m, process);
	print_overhead(p, &process->row);
	print_layers(p, m, process, &life);
	print_unseen(p, process, &life);
	return p->err;
}

static void print_summary(struct mt_printer *p, const struct mt_model_process *process,
			  enum mt_trust trust)
{
	const struct mt_process_row *row = &process->row;
	const char *rss_kind = row->peak_rss_bytes == -1 ? NULL : row->peak_rss_kind;
	bool heap = row->heap_peak_bytes != -1;

	mt_print(p, 2, 4, "%s (%d): RSS %s%s%s%s, heap %s%s%s%s%s, %s", row->comm, row->pid,
		 BYTES(row->peak_rss_bytes), rss_kind ? " (" : "", rss_kind ?: "",
		 rss_kind ? ")" : "", heap ? mt_text_at_least(trust) : "",
		 BYTES(row->heap_peak_bytes), heap ? " (" : "", heap ? mt_text_kind(trust) : "",
		 heap ? ")" : "", outcome(row).s);
}

/* ---- the capture ---------------------------------------------------------------------------- */

static void print_capture(struct mt_printer *p, const struct mt_model *m)
{
	const struct mt_model_meta *meta = &m->meta;

	mt_print(p, 0, 2, "memtide report of %s", meta->command ?: "an unknown command");
	mt_print(p, 2, 2, "recorded %s for %s, mode %s; times below count from its start",
		 meta->started ?: "at an unknown time", SECONDS(meta->duration_ns),
		 meta->mode ?: "unknown");
	if (meta->budget_ppm >= 0)
		mt_print(p, 2, 2, "budget: %s of the targets' CPU time",
			 PCT(meta->budget_ppm / 1e4));
	mt_print(p, 2, 2, "program images: %s, traps: %s, CPU time of memtide itself: %s",
		 COUNT(m->nr_processes), COUNT(meta->traps), SECONDS(meta->self_cpu_ns));
	if (meta->syscall_tax_ns > 0)
		mt_print(p, 2, 2,
			 "every system call of this host took %lld ns more (tracepoints: fentry is "
			 "not allowed here)",
			 (long long)meta->syscall_tax_ns);
	if (meta->sample_bytes > 0)
		mt_print(p, 2, 2,
			 "blocks sampled every %s: heap calls are all counted, the rest about the "
			 "heap "
			 "is estimated from the sample; ranges are of 95%%",
			 BYTES(meta->sample_bytes));
	if (meta->finished != 1)
		mt_print(p, 2, 2,
			 "INCOMPLETE: the recorder did not end in order; numbers are those of its "
			 "last tick");
}

static void print_losses(struct mt_printer *p, const struct mt_model *m,
			 const struct mt_losses *losses)
{
	if (losses->any)
		mt_print_heading(p, "Lost:");
	for (size_t i = 0; i < m->nr_lost; i++) {
		const char *meaning = mt_losses_meaning(m->lost[i].name);

		if (m->lost[i].cnt)
			mt_print(p, 2, 4, "%s: %s %s", m->lost[i].name, COUNT(m->lost[i].cnt),
				 meaning ?: "(this version does not know what that is)");
	}
	if (m->meta.finished != 1)
		mt_print_heading(p, "What was lost up to the end is unknown: the recording was cut "
				    "off.");
	else if (!m->nr_processes)
		mt_print_heading(p, "Nothing was recorded: no process was seen.");
	else if (!losses->any)
		mt_print_heading(p, "Nothing was lost.");
}

int mt_report_text(FILE *out, const struct mt_model *m, const struct mt_text_options *options)
{
	_free_ const struct mt_model_process **ranking = NULL;
	struct mt_printer p = {
		.out = out,
		.width = options->width > SMALLEST_WIDTH ? options->width : SMALLEST_WIDTH,
		.color = options->color,
	};
	struct mt_losses losses;
	int err = mt_ranking_new(&ranking, m);

	if (err)
		return err;
	mt_losses_get(&losses, m);
	print_capture(&p, m);
	mt_print_groups(&p, m);
	for (size_t i = 0; i < m->nr_processes && i < PROCESSES_DETAILED && !err; i++)
		err = print_process(&p, m, ranking[i], &losses, options);
	if (err)
		return err;
	if (m->nr_processes > PROCESSES_DETAILED)
		mt_print_heading(&p,
				 "%zu smaller processes:", m->nr_processes - PROCESSES_DETAILED);
	for (size_t i = PROCESSES_DETAILED; i < m->nr_processes; i++)
		print_summary(&p, ranking[i], mt_losses_process(losses.heap, &ranking[i]->row));
	print_losses(&p, m, &losses);
	if (!p.err && fflush(out))
		p.err = -EIO;
	return p.err;
}
