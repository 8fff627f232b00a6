/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * rules.h: the rules, and what they judge by; private to user/finding.
 *
 * A rule reads a case and adds what it found. It fills a struct mt_finding of its own, begun by
 * mt_finding_begin(), and hands it over to mt_finding_add(), which keeps the first error; so rules
 * cannot fail. Thresholds are constants at the top of each rule's file.
 */
#ifndef MT_FINDING_RULES_H
#define MT_FINDING_RULES_H

#include "analysis/heap.h"
#include "analysis/lifetime.h"
#include "analysis/storms.h"
#include "analysis/threads.h"
#include "finding/finding.h"

struct mt_case {
	const struct mt_model *model;
	const struct mt_model_process *process;
	const struct mt_heap *heap;
	const struct mt_storms *storms;
	const struct mt_threads *threads;
	struct mt_lifetime life;
	int64_t peak_bytes; /* resident; what a saving is measured by. 0: not known */
	bool brief;	    /* little was seen of a program that began before, or goes on */
	struct mt_findings *found;
	int err;
};

void mt_finding_begin(struct mt_finding *f, const char *rule, const struct mt_model_stack *stack);
void mt_finding_title(struct mt_finding *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void mt_finding_advice(struct mt_finding *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void mt_finding_evidence(struct mt_finding *f, const char *name, int64_t value);
/* Where no severity was set, by what it saves of the peak. */
void mt_finding_add(struct mt_case *c, struct mt_finding *f);

/* Reports the sites of the heap that a rule fires on, largest at the peak first, `most` of them. */
void mt_case_each_site(struct mt_case *c, int most,
		       bool (*fires)(const struct mt_case *c, const struct mt_heap_site *s),
		       void (*report)(struct mt_case *c, const struct mt_heap_site *s));
/* Is that at least so many thousandths of the peak? */
bool mt_case_weighs(const struct mt_case *c, int64_t bytes, int permille);

void mt_rule_release_profile(struct mt_case *c);
void mt_rule_preallocate(struct mt_case *c);
void mt_rule_shrink(struct mt_case *c);
void mt_rule_large_lifetime(struct mt_case *c);
void mt_rule_cloning(struct mt_case *c);
void mt_rule_streaming(struct mt_case *c);
void mt_rule_compact_types(struct mt_case *c);
void mt_rule_hash_map(struct mt_case *c);
void mt_rule_thread_stacks(struct mt_case *c);
void mt_rule_allocator(struct mt_case *c);
void mt_rule_unbounded_cache(struct mt_case *c);
void mt_rule_representative(struct mt_case *c);

#endif
