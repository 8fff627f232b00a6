// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * shrink: large blocks that have long stopped growing and are hardly used.
 *
 * Used is what is resident at the end: a page that was touched once counts, whether or not it will
 * be again, and one that went to swap does not. What was never touched costs no resident memory, so
 * what is saved is address space, and what the kernel has promised to find when it is touched.
 */
#include "finding/place.h"
#include "finding/rules.h"
#include "util/units.h"

#define TIMES_RESIDENT	4
#define SAVES_MIN_BYTES (1 << 20)
#define PEAK_PERMILLE	30
#define WARN_PERMILLE	200
#define OLD_PERMILLE	300 /* the median age against the time recorded, at least */
#define SITES_MAX	5

static int64_t saves(const struct mt_heap_site *s)
{
	return s->large_bytes - s->large_resident_bytes;
}

static bool fires(const struct mt_case *c, const struct mt_heap_site *s)
{
	return s->large_resident_bytes >= 0 && saves(s) >= SAVES_MIN_BYTES &&
	       s->large_bytes / TIMES_RESIDENT >= s->large_resident_bytes &&
	       mt_case_weighs(c, saves(s), PEAK_PERMILLE) &&
	       s->live_age_p50_ns >= c->life.duration_ns / 1000.0 * OLD_PERMILLE;
}

static void report(struct mt_case *c, const struct mt_heap_site *s)
{
	struct mt_finding f;

	mt_finding_begin(&f, "shrink", s->stack);
	f.saves_reserved_bytes = saves(s);
	f.saved_how = "what these blocks have beyond their resident pages; those are all that is "
		      "in memory";
	f.severity =
		mt_case_weighs(c, saves(s), WARN_PERMILLE) ? MT_SEVERITY_WARN : MT_SEVERITY_INFO;
	mt_finding_evidence(&f, "large_bytes", s->large_bytes);
	mt_finding_evidence(&f, "large_resident_bytes", s->large_resident_bytes);
	mt_finding_evidence(&f, "live_age_p50_ns", s->live_age_p50_ns);
	mt_finding_title(&f, "%s holds %s in large blocks, of which %s are resident",
			 mt_place_name(c->process, s->stack).s, mt_unit_bytes(s->large_bytes).s,
			 mt_unit_bytes(s->large_resident_bytes).s);
	mt_finding_advice(&f,
			  "They have not grown for %s. Give back what is not used once they are "
			  "filled, or ask for less: %s.",
			  mt_unit_seconds(s->live_age_p50_ns).s,
			  mt_place_say(s->stack,
				       "shrink_to_fit() or into_boxed_slice() after the last push, "
				       "or a smaller with_capacity()",
				       "shrink_to_fit() after the last push_back, or a smaller "
				       "reserve()",
				       "realloc() to what was filled, or a smaller malloc()"));
	mt_finding_add(c, &f);
}

void mt_rule_shrink(struct mt_case *c)
{
	if (c->heap->lives)
		mt_case_each_site(c, SITES_MAX, fires, report);
}
