// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * OpenMetrics text, which is Prometheus' own too, as node_exporter's textfile collector reads it.
 *
 * Without pids, which would make a new series of every process: those of one name, whose heaps are
 * of one kind, are added up. A sum that lacks one of them is not there. All are gauges, for they
 * are of one recording, and the next one begins anew.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "analysis/sum.h"
#include "export/sites.h"
#include "util/cleanup.h"
#include "util/escape.h"

enum unit {
	NONE,
	BYTES,
	SECONDS,
};

struct metric {
	const char *name;
	enum unit unit; /* in which the value is; of seconds in nanoseconds */
	const char *help;
};

enum {
	PROCESSES,
	PEAK_RSS,
	LIVE_BYTES,
	LIVE_CNT,
	PEAK_BYTES,
	ALLOC_BYTES,
	ALLOC_CNT,
	MAPPED,
	STACKS,
	THREADS,
	FAULTS,
	CPU,
	NR_METRICS
};

static const struct metric metrics[NR_METRICS] = {
	[PROCESSES] = { "memtide_processes", NONE, "Program images that were recorded." },
	[PEAK_RSS] = { "memtide_peak_resident_bytes", BYTES,
		       "Peak resident memory; the sum of peaks of different moments." },
	[LIVE_BYTES] = { "memtide_heap_live_bytes", BYTES,
			 "Heap that was allocated while recorded and lives at the end." },
	[LIVE_CNT] = { "memtide_heap_live_blocks", NONE, "Blocks of that." },
	[PEAK_BYTES] = { "memtide_heap_peak_bytes", BYTES,
			 "Peak of the live heap; the sum of peaks of different moments." },
	[ALLOC_BYTES] = { "memtide_heap_allocated_bytes", BYTES,
			  "Heap that was allocated while recorded, freed or not." },
	[ALLOC_CNT] = { "memtide_heap_allocations", NONE, "Allocations while recorded." },
	[MAPPED] = { "memtide_peak_mapped_bytes", BYTES, "Peak of the address space." },
	[STACKS] = { "memtide_thread_stacks_peak_bytes", BYTES,
		     "Peak of what thread stacks reserve, without the main thread's." },
	[THREADS] = { "memtide_peak_threads", NONE,
		      "Most threads at once, without the main thread." },
	[FAULTS] = { "memtide_page_faults", NONE, "Page faults while recorded." },
	[CPU] = { "memtide_cpu_seconds", SECONDS,
		  "CPU time while recorded, with what memtide took of it." },
};

struct group {
	const char *comm;
	const char *heap;
	int64_t values[NR_METRICS]; /* -1: of one of its processes it is unknown */
};

struct groups {
	struct group *v;
	size_t nr;
};

static void free_groups(struct groups *g)
{
	free(g->v);
}

/* ---- adding up ------------------------------------------------------------------------------- */

static const char *heap_of(const struct mt_export_process *p)
{
	return p->watched ? p->heap_kind ?: "incomplete" : "unwatched";
}

static void add(struct group *g, const struct mt_export_process *p)
{
	const struct mt_process_row *row = &p->model->row;
	const int64_t values[NR_METRICS] = {
		[PROCESSES] = 1,
		[PEAK_RSS] = row->peak_rss_bytes,
		[LIVE_BYTES] = p->totals[MT_EXPORT_LIVE_BYTES],
		[LIVE_CNT] = p->totals[MT_EXPORT_LIVE_CNT],
		[PEAK_BYTES] = p->totals[MT_EXPORT_PEAK_BYTES],
		[ALLOC_BYTES] = p->totals[MT_EXPORT_ALLOC_BYTES],
		[ALLOC_CNT] = p->totals[MT_EXPORT_ALLOC_CNT],
		[MAPPED] = row->peak_mapped_bytes,
		[STACKS] = row->stack_reserved_peak_bytes,
		[THREADS] = row->threads_peak_alive,
		[FAULTS] = row->fault_cnt,
		[CPU] = row->cpu_ns,
	};

	for (int i = 0; i < NR_METRICS; i++) {
		if (values[i] < 0 || g->values[i] < 0)
			g->values[i] = -1;
		else
			mt_sum_add(&g->values[i], values[i]);
	}
}

static struct group *group_of(struct groups *groups, const char *comm, const char *heap)
{
	struct group *g;

	for (size_t i = 0; i < groups->nr; i++)
		if (!strcmp(groups->v[i].comm, comm) && !strcmp(groups->v[i].heap, heap))
			return &groups->v[i];
	g = &groups->v[groups->nr++];
	*g = (struct group){ .comm = comm, .heap = heap };
	return g;
}

static int add_up(struct groups *out, const struct mt_export_sites *sites)
{
	out->v = calloc(sites->nr_processes + 1, sizeof(*out->v));
	if (!out->v)
		return -ENOMEM;
	for (size_t i = 0; i < sites->nr_processes; i++) {
		const struct mt_export_process *p = &sites->processes[i];

		add(group_of(out, p->model->row.comm, heap_of(p)), p);
	}
	return 0;
}

/* ---- printing -------------------------------------------------------------------------------- */

static void print_head(FILE *out, const struct metric *m)
{
	static const char *const units[] = { [BYTES] = "bytes", [SECONDS] = "seconds" };

	fprintf(out, "# TYPE %s gauge\n", m->name);
	if (m->unit != NONE)
		fprintf(out, "# UNIT %s %s\n", m->name, units[m->unit]);
	fprintf(out, "# HELP %s %s\n", m->name, m->help);
}

/* Of what is printable, two characters have a meaning in a label's value. */
static int print_label(FILE *out, const char *name, const char *value)
{
	_free_ char *escaped = mt_escape_terminal(value);

	if (!escaped)
		return -ENOMEM;
	fprintf(out, "%s=\"", name);
	for (const char *c = escaped; *c; c++) {
		if (*c == '"' || *c == '\\')
			fputc('\\', out);
		fputc(*c, out);
	}
	fputc('"', out);
	return 0;
}

static void print_value(FILE *out, enum unit unit, int64_t v)
{
	if (unit == SECONDS)
		fprintf(out, " %.9g\n", v / 1e9);
	else
		fprintf(out, " %lld\n", (long long)v);
}

static int print_groups(FILE *out, const struct groups *groups, int metric)
{
	const struct metric *m = &metrics[metric];
	bool any = false;
	int err = 0;

	for (size_t i = 0; i < groups->nr && !err; i++) {
		const struct group *g = &groups->v[i];

		if (g->values[metric] < 0)
			continue;
		if (!any)
			print_head(out, m);
		any = true;
		fprintf(out, "%s{", m->name);
		err = print_label(out, "comm", g->comm);
		fputc(',', out);
		err = err ? err : print_label(out, "heap", g->heap);
		fputc('}', out);
		print_value(out, m->unit, g->values[metric]);
	}
	return err;
}

static int print_capture(FILE *out, const struct mt_model *m)
{
	static const struct metric duration = { "memtide_recording_seconds", SECONDS,
						"How long was recorded." };
	static const struct metric finished = { "memtide_recording_finished", NONE,
						"1, or 0 where the recording was cut off." };
	static const struct metric lost = {
		"memtide_lost", NONE, "What was lost while recording, by the report's names."
	};
	int err = 0;

	if (m->meta.duration_ns >= 0) {
		print_head(out, &duration);
		fputs(duration.name, out);
		print_value(out, duration.unit, m->meta.duration_ns);
	}
	print_head(out, &finished);
	fprintf(out, "%s %d\n", finished.name, m->meta.finished == 1);
	print_head(out, &lost);
	for (size_t i = 0; i < m->nr_lost && !err; i++) {
		fprintf(out, "%s{", lost.name);
		err = print_label(out, "what", m->lost[i].name);
		fputc('}', out);
		print_value(out, lost.unit, m->lost[i].cnt);
	}
	return err;
}

int mt_export_openmetrics(FILE *out, const struct mt_export_sites *sites)
{
	__cleanup(free_groups) struct groups groups = {};
	int err = add_up(&groups, sites);

	for (int i = 0; i < NR_METRICS && !err; i++)
		err = print_groups(out, &groups, i);
	err = err ? err : print_capture(out, sites->model);
	fputs("# EOF\n", out);
	return err;
}
