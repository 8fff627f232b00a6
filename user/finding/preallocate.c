// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * preallocate: blocks that grow step by step, each step a copy. Rust's Vec and String and C
 * programs grow by realloc, where memtide follows the chain; C++ containers allocate a new block
 * and free the old, so there the site is known by its function, and half of what it asked for was
 * copied.
 */
#include "finding/place.h"
#include "finding/rules.h"
#include "util/units.h"

#define COPIED_MIN_BYTES  (256 << 10)
#define COPIED_WARN_BYTES (4LL << 20)
#define COPIED_HIGH_BYTES (256LL << 20)
#define GROWTHS_MIN	  16 /* of C++ containers */
#define SITES_MAX	  5

static const char *const grows[] = {
	"::_M_realloc_insert",
	"::_M_realloc_append",
	"::_M_default_append",
	"::_M_range_insert",
	"::_M_mutate",
	"::_M_fill_insert",
	NULL,
};

static enum mt_severity severity(int64_t copied_bytes)
{
	return copied_bytes >= COPIED_HIGH_BYTES   ? MT_SEVERITY_HIGH
	       : copied_bytes >= COPIED_WARN_BYTES ? MT_SEVERITY_WARN
						   : MT_SEVERITY_INFO;
}

static void add(struct mt_case *c, struct mt_finding *f, int64_t copied_bytes, int64_t capacity)
{
	const struct mt_model_stack *stack = f->stack;

	f->severity = severity(copied_bytes);
	mt_finding_evidence(f, "copied_bytes", copied_bytes);
	mt_finding_evidence(f, "suggested_capacity_bytes", capacity);
	mt_finding_title(f, "%s grows blocks step by step and copied %s",
			 mt_place_name(c->process, stack).s, mt_unit_bytes(copied_bytes).s);
	mt_finding_advice(f, "Ask for the final size at once%s%s: %s.",
			  capacity > 0 ? "; 99% of these blocks became no larger than " : "",
			  capacity > 0 ? mt_unit_bytes(capacity).s : "",
			  mt_place_say(stack,
				       "Vec::with_capacity(n), String::with_capacity(n) or "
				       "reserve(n)",
				       "reserve(n) before the loop",
				       "malloc() what it will need, or at least double the size "
				       "each time"));
	mt_finding_add(c, f);
}

static void chain(struct mt_case *c, const struct mt_storm_site *s)
{
	struct mt_finding f;

	mt_finding_begin(&f, "preallocate", s->stack);
	mt_finding_evidence(&f, "realloc_count", s->calls);
	mt_finding_evidence(&f, "moved_count", s->moved);
	mt_finding_evidence(&f, "chain_count", s->chains);
	mt_finding_evidence(&f, "longest_chain_count", s->longest_chain);
	add(c, &f, s->copied_bytes, s->suggested_capacity_bytes);
}

static void container(struct mt_case *c, const struct mt_heap_site *s)
{
	struct mt_finding f;

	mt_finding_begin(&f, "preallocate", s->stack);
	mt_finding_evidence(&f, "growth_count", s->alloc_cnt);
	add(c, &f, s->alloc_bytes / 2, s->size_max_bytes);
}

void mt_rule_preallocate(struct mt_case *c)
{
	int nr = 0;

	for (size_t i = 0; i < c->storms->nr_sites && nr < SITES_MAX; i++)
		if (c->storms->sites[i].moved &&
		    c->storms->sites[i].copied_bytes >= COPIED_MIN_BYTES) {
			chain(c, &c->storms->sites[i]);
			nr++;
		}
	for (size_t i = 0; i < c->heap->nr_sites && nr < SITES_MAX; i++) {
		const struct mt_heap_site *s = &c->heap->sites[i];

		if (s->alloc_cnt >= GROWTHS_MIN && s->alloc_bytes / 2 >= COPIED_MIN_BYTES &&
		    mt_place_goes_by(c->process, s->stack, grows)) {
			container(c, s);
			nr++;
		}
	}
}
