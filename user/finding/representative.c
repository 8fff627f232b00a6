// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* representative: whether the recording saw enough to be believed, and what it could not see. */
#include <errno.h>

#include "analysis/coverage.h"
#include "analysis/mapped.h"
#include "finding/place.h"
#include "finding/rules.h"
#include "util/cleanup.h"
#include "util/units.h"

#define CALLS_MIN	 1000
#define COUNTED_MIN_PCT	 90
#define GROWING_PERMILLE 50 /* in the last quarter, of what it is at the end */
#define SAMPLES_MIN	 8

/* How much RSS grew in the last quarter of the recording; 0: it is no whole quarter, or it shrank.
 */
static int64_t grown_late(const struct mt_model_process *p)
{
	const struct mt_sample_row *v = p->samples;
	int64_t grown;

	if (p->nr_samples < SAMPLES_MIN)
		return 0;
	grown = v[p->nr_samples - 1].rss_bytes - v[p->nr_samples * 3 / 4].rss_bytes;
	return grown > v[p->nr_samples - 1].rss_bytes / 1000.0 * GROWING_PERMILLE ? grown : 0;
}

static void doubt(struct mt_case *c, const char *title, const char *advice)
{
	struct mt_finding f;

	mt_finding_begin(&f, "representative", NULL);
	f.severity = MT_SEVERITY_INFO;
	mt_finding_evidence(&f, "recorded_ns", c->life.duration_ns);
	mt_finding_evidence(&f, "alloc_count", c->heap->alloc_cnt);
	mt_finding_title(&f, "%s", title);
	mt_finding_advice(&f, "%s", advice);
	mt_finding_add(c, &f);
}

/* Memory that the program maps itself: the heap is not the whole story, so who maps most is told.
 */
static void uncovered(struct mt_case *c)
{
	__cleanup(mt_mapped_free) struct mt_mapped *maps = NULL;
	const struct mt_model_map_site *most;
	struct mt_coverage coverage;
	struct mt_finding f;

	mt_coverage_get(&coverage, c->process);
	if (!coverage.low || !c->heap->watched)
		return;
	if (mt_mapped_new(&maps, c->process)) {
		c->err = -ENOMEM;
		return;
	}
	most = maps->nr_sites ? maps->sites[0] : NULL;
	mt_finding_begin(&f, "representative", most ? &most->stack : NULL);
	f.severity = MT_SEVERITY_INFO;
	mt_finding_evidence(&f, "anonymous_growth_bytes", coverage.grown_bytes);
	mt_finding_evidence(&f, "unexplained_bytes", coverage.unexplained_bytes);
	mt_finding_title(&f, "%s of %s did not come from its allocators%s%s",
			 mt_unit_bytes(coverage.unexplained_bytes).s,
			 mt_unit_bytes(coverage.grown_bytes).s, most ? "; most was mapped by " : "",
			 most ? mt_place_name(c->process, &most->stack).s : "");
	mt_finding_advice(&f, "It maps memory by itself, as compilers and databases do, or has an "
			      "allocator that nobody named (--lib). Look at the mappings and page "
			      "faults by stack: the other findings see only the rest.");
	mt_finding_add(c, &f);
}

void mt_rule_representative(struct mt_case *c)
{
	const struct mt_process_row *row = &c->process->row;

	uncovered(c);
	if (c->heap->watched && c->heap->windowed && !c->heap->lives)
		doubt(c, "Calls were counted in bursts: what lives is not known",
		      "So shrink, large-lifetime, streaming, compact-types and unbounded-cache "
		      "could not be judged. Record a process of less load, or with --mode exact.");
	if (!c->heap->watched)
		doubt(c, "No allocator call was counted: findings go by mappings and threads only",
		      "Record with --mode exact, or name its allocator by --lib.");
	else if (c->heap->alloc_cnt < CALLS_MIN)
		doubt(c, "It hardly allocated while it was recorded",
		      "Record it under the load that makes its memory grow.");
	if (c->brief)
		doubt(c, "The recording is short for a program that runs on",
		      "Record a minute or more of its real load before a change is decided on, and "
		      "compare the two by memtide diff.");
	if (c->heap->watched && !c->heap->windowed && c->life.counted_pct >= 0 &&
	    c->life.counted_pct < COUNTED_MIN_PCT)
		doubt(c, "A part of its life was not counted",
		      "Launch it by memtide (-- COMMAND), or attach before the load comes.");
	if (row->end_ns == -1 && grown_late(c->process))
		doubt(c, "It was still growing when the recording ended",
		      "Its peak is yet to come: record until it is steady.");
}
