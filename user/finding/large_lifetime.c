// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* large-lifetime: big blocks that were held across the peak, for most of the recording. */
#include "finding/place.h"
#include "finding/rules.h"
#include "util/units.h"

#define BLOCK_MIN_BYTES (1 << 20)
#define PEAK_PERMILLE	100
#define HELD_PERMILLE	500 /* of the time that was recorded */
#define WARN_PERMILLE	250
#define SITES_MAX	5

/* The median life of its blocks so far; -1: not known. */
static int64_t held_ns(const struct mt_heap_site *s)
{
	return s->live_cnt > 0 ? s->live_age_p50_ns : s->lifetime_p50_ns;
}

/* What it had at the peak; where that lives on, less what is not resident even at the end. */
static int64_t held_bytes(const struct mt_heap_site *s)
{
	if (s->large_bytes <= 0)
		return s->at_peak_bytes;
	return s->at_peak_bytes * ((double)s->large_resident_bytes / s->large_bytes);
}

static bool fires(const struct mt_case *c, const struct mt_heap_site *s)
{
	return s->size_p50_bytes >= BLOCK_MIN_BYTES &&
	       mt_case_weighs(c, held_bytes(s), PEAK_PERMILLE) && s->temporary_cnt == 0 &&
	       held_ns(s) >= c->life.duration_ns / 1000.0 * HELD_PERMILLE;
}

static void report(struct mt_case *c, const struct mt_heap_site *s)
{
	struct mt_finding f;

	mt_finding_begin(&f, "large-lifetime", s->stack);
	/* It may be needed: more than a warning would be too sure. */
	f.severity = mt_case_weighs(c, held_bytes(s), WARN_PERMILLE) ? MT_SEVERITY_WARN
								     : MT_SEVERITY_INFO;
	f.saves_bytes = held_bytes(s);
	f.saved_how = "what of these blocks was resident at the peak, as far as is known, if "
		      "they are freed before it";
	mt_finding_evidence(&f, "at_peak_bytes", s->at_peak_bytes);
	mt_finding_evidence(&f, "at_peak_count", s->at_peak_cnt);
	mt_finding_evidence(&f, "held_p50_ns", held_ns(s));
	mt_finding_title(&f, "%s holds %s in large blocks across the peak, for %s",
			 mt_place_name(c->process, s->stack).s, mt_unit_bytes(s->at_peak_bytes).s,
			 mt_unit_seconds(held_ns(s)).s);
	mt_finding_advice(
		&f, "If they are done with before the peak, free them there: %s.",
		mt_place_say(s->stack,
			     "drop(value), or an inner scope around their use, or take() from the "
			     "struct that keeps them",
			     "an inner scope, reset() of the smart pointer, or "
			     "std::exchange(v, {}) for a container",
			     "free() after the last use rather than at the end"));
	mt_finding_add(c, &f);
}

void mt_rule_large_lifetime(struct mt_case *c)
{
	if (c->heap->lives)
		mt_case_each_site(c, SITES_MAX, fires, report);
}
