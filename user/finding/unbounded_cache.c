// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * unbounded-cache: a site whose live bytes only grow. Next to nothing was freed, and the ages of
 * what lives are spread over the time that was recorded: blocks came steadily, not at the start.
 */
#include "finding/place.h"
#include "finding/rules.h"
#include "util/units.h"

#define BLOCKS_MIN     200
#define PEAK_PERMILLE  30
#define FREED_PERMILLE 50  /* of what was allocated, at most */
#define YOUNG_PERMILLE 250 /* the median age against the highest, at least */
#define OLD_PERMILLE   800 /* and at most */
#define SPAN_PERMILLE  500 /* the highest age against the time recorded, at least */
#define SITES_MAX      3

static bool steady(const struct mt_case *c, const struct mt_heap_site *s)
{
	double oldest = s->live_age_max_ns / 1000.0;

	return s->live_age_p50_ns >= oldest * YOUNG_PERMILLE &&
	       s->live_age_p50_ns <= oldest * OLD_PERMILLE &&
	       s->live_age_max_ns >= c->life.duration_ns / 1000.0 * SPAN_PERMILLE;
}

static bool fires(const struct mt_case *c, const struct mt_heap_site *s)
{
	return s->live_cnt >= BLOCKS_MIN && s->live_age_max_ns > 0 &&
	       mt_case_weighs(c, s->live_bytes, PEAK_PERMILLE) &&
	       s->free_cnt <= s->alloc_cnt / 1000.0 * FREED_PERMILLE && steady(c, s);
}

static void report(struct mt_case *c, const struct mt_heap_site *s)
{
	int64_t slope = s->live_bytes * 1e9 / s->live_age_max_ns;
	struct mt_finding f;

	mt_finding_begin(&f, "unbounded-cache", s->stack);
	f.saves_bytes = s->live_bytes;
	f.saved_how = "all that it held at the end; a bound keeps what it allows of that";
	mt_finding_evidence(&f, "live_bytes", s->live_bytes);
	mt_finding_evidence(&f, "live_count", s->live_cnt);
	mt_finding_evidence(&f, "freed_count", s->free_cnt);
	mt_finding_evidence(&f, "grows_bytes_per_second", slope);
	mt_finding_evidence(&f, "live_age_p50_ns", s->live_age_p50_ns);
	mt_finding_title(&f, "%s only grows: %s in %s, %s more each second",
			 mt_place_name(c->process, s->stack).s, mt_unit_bytes(s->live_bytes).s,
			 mt_unit_things(s->live_cnt, "block").s, mt_unit_bytes(slope).s);
	mt_finding_advice(
		&f, "Put a bound on it, by count, bytes or age, or find out who forgets it: %s.",
		mt_place_say(s->stack,
			     "an LRU such as lru::LruCache or moka with max_capacity and "
			     "time_to_live; Weak instead of Rc or Arc where it is a cycle",
			     "an LRU with a size, std::weak_ptr where it is a cycle",
			     "an LRU with a size; if nothing reads it again it is a leak"));
	mt_finding_add(c, &f);
}

void mt_rule_unbounded_cache(struct mt_case *c)
{
	if (c->heap->lives)
		mt_case_each_site(c, SITES_MAX, fires, report);
}
