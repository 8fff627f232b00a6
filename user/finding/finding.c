// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "finding/finding.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analysis/sum.h"
#include "finding/place.h"
#include "finding/rules.h"
#include "util/cleanup.h"

#define HIGH_PERMILLE 200 /* of the peak */
#define WARN_PERMILLE 30
#define BRIEF_NS      10000000000LL

static void (*const rules[])(struct mt_case *c) = {
	mt_rule_release_profile, mt_rule_preallocate,	  mt_rule_shrink,
	mt_rule_large_lifetime,	 mt_rule_cloning,	  mt_rule_streaming,
	mt_rule_compact_types,	 mt_rule_hash_map,	  mt_rule_thread_stacks,
	mt_rule_allocator,	 mt_rule_unbounded_cache, mt_rule_representative,
};

const char *mt_severity_name(enum mt_severity severity)
{
	return severity == MT_SEVERITY_HIGH   ? "high"
	       : severity == MT_SEVERITY_WARN ? "warn"
					      : "info";
}

/* ---- for rules --------------------------------------------------------------------------- */

void mt_finding_begin(struct mt_finding *f, const char *rule, const struct mt_model_stack *stack)
{
	*f = (struct mt_finding){
		.rule = rule,
		.stack = stack,
		.saves_bytes = -1,
		.saves_reserved_bytes = -1,
	};
}

static char *words(const char *fmt, va_list args)
{
	char *text;

	return vasprintf(&text, fmt, args) < 0 ? NULL : text;
}

void mt_finding_title(struct mt_finding *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	f->title = words(fmt, args);
	va_end(args);
}

void mt_finding_advice(struct mt_finding *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	f->advice = words(fmt, args);
	va_end(args);
}

void mt_finding_evidence(struct mt_finding *f, const char *name, int64_t value)
{
	if (f->nr_evidence < MT_EVIDENCE_MAX)
		f->evidence[f->nr_evidence++] = (struct mt_evidence){ name, value };
}

bool mt_case_weighs(const struct mt_case *c, int64_t bytes, int permille)
{
	return bytes > 0 && bytes >= (double)c->peak_bytes * permille / 1000;
}

static enum mt_severity by_saving(const struct mt_case *c, int64_t bytes)
{
	if (bytes <= 0 || !c->peak_bytes)
		return MT_SEVERITY_INFO;
	return mt_case_weighs(c, bytes, HIGH_PERMILLE)	 ? MT_SEVERITY_HIGH
	       : mt_case_weighs(c, bytes, WARN_PERMILLE) ? MT_SEVERITY_WARN
							 : MT_SEVERITY_INFO;
}

static void fini(struct mt_finding *f)
{
	free(f->title);
	free(f->advice);
}

void mt_finding_add(struct mt_case *c, struct mt_finding *f)
{
	struct mt_findings *found = c->found;
	struct mt_finding *v;

	if (!f->severity)
		f->severity = by_saving(c, f->saves_bytes);
	if (c->brief && f->severity > MT_SEVERITY_INFO) {
		f->severity = MT_SEVERITY_INFO;
		f->note = "only info, because the recording is short: it saw less than 10 s of a "
			  "program that runs longer";
	}
	f->own = f->stack ? mt_place_own(c->process, f->stack) : 0;
	v = f->title && f->advice ? reallocarray(found->v, found->nr + 1, sizeof(*v)) : NULL;
	if (!v) {
		fini(f);
		c->err = -ENOMEM;
		return;
	}
	found->v = v;
	v[found->nr++] = *f;
}

/* What bursts surely saw of it: the low ends of its intervals. */
static struct mt_heap_site surely(const struct mt_heap *heap, const struct mt_heap_site *s)
{
	struct mt_heap_site sure = *s;
	/* All of it, where a crafted capture has more at the low end than at all. */
	double part = s->burst_cnt.low < s->alloc_cnt ? s->burst_cnt.low / s->alloc_cnt : 1;

	if (!heap->windowed)
		return sure;
	sure.alloc_cnt = s->burst_cnt.low;
	sure.alloc_bytes = s->burst_bytes.low;
	sure.temporary_cnt *= part;
	sure.short_lived_cnt *= part;
	return sure;
}

static void tell_interval(struct mt_finding *f, const struct mt_estimate *bytes)
{
	mt_finding_evidence(f, "alloc_bytes_low", bytes->low);
	if (bytes->high < MT_ESTIMATE_MAX)
		mt_finding_evidence(f, "alloc_bytes_high", bytes->high);
	f->note = f->note ?: "judged by the least that bursts allow, with 95% confidence";
}

void mt_case_each_site(struct mt_case *c, int most,
		       bool (*fires)(const struct mt_case *c, const struct mt_heap_site *s),
		       void (*report)(struct mt_case *c, const struct mt_heap_site *s))
{
	for (size_t i = 0; i < c->heap->nr_sites && most; i++) {
		const struct mt_heap_site *s = &c->heap->sites[i];
		const struct mt_heap_site sure = surely(c->heap, s);
		size_t before = c->found->nr;

		if (!fires(c, &sure))
			continue;
		report(c, s);
		most--;
		if (c->heap->windowed && c->found->nr > before)
			tell_interval(&c->found->v[c->found->nr - 1], &s->burst_bytes);
	}
}

/* ---- the case ---------------------------------------------------------------------------- */

static int worst_first(const void *va, const void *vb)
{
	const struct mt_finding *a = va, *b = vb;

	return (int)b->severity - (int)a->severity
		       ?: mt_sum_falling(a->saves_bytes, b->saves_bytes)
		       ?: mt_sum_falling(a->saves_reserved_bytes, b->saves_reserved_bytes)
		       ?: strcmp(a->rule, b->rule)
		       ?: strcmp(a->title, b->title);
}

static bool is_brief(const struct mt_case *c)
{
	const struct mt_process_row *row = &c->process->row;
	bool whole = !strcmp(row->since, "start") && row->end_ns != -1;

	return !whole && c->life.duration_ns < BRIEF_NS;
}

int mt_findings_new(struct mt_findings **out, const struct mt_model *m,
		    const struct mt_model_process *p)
{
	__cleanup(mt_findings_free) struct mt_findings *found = calloc(1, sizeof(*found));
	__cleanup(mt_heap_free) struct mt_heap *heap = NULL;
	__cleanup(mt_storms_free) struct mt_storms *storms = NULL;
	__cleanup(mt_threads_free) struct mt_threads *threads = NULL;
	struct mt_case c = { .model = m, .process = p, .found = found };

	if (!found || mt_heap_new(&heap, m, p) || mt_storms_new(&storms, p) ||
	    mt_threads_new(&threads, m, p))
		return -ENOMEM;
	c.heap = heap;
	c.storms = storms;
	c.threads = threads;
	mt_lifetime_get(&c.life, m, p);
	c.peak_bytes = p->row.peak_rss_bytes > 0 ? p->row.peak_rss_bytes : 0;
	if (p->row.heap_peak_bytes > c.peak_bytes)
		c.peak_bytes = p->row.heap_peak_bytes;
	c.brief = is_brief(&c);
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		rules[i](&c);
	if (c.err)
		return c.err;
	if (found->nr)
		qsort(found->v, found->nr, sizeof(*found->v), worst_first);
	*out = TAKE_PTR(found);
	return 0;
}

void mt_findings_free(struct mt_findings **findings)
{
	struct mt_findings *f = *findings;

	if (!f)
		return;
	for (size_t i = 0; i < f->nr; i++)
		fini(&f->v[i]);
	free(f->v);
	free(f);
	*findings = NULL;
}
