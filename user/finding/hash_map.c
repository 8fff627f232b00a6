// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * hash-map: a table that grows by a new one of twice the size, with the old one still there: for a
 * moment it takes one and a half times what it will have. Known by the function that rehashes.
 */
#include "finding/place.h"
#include "finding/rules.h"
#include "util/units.h"

#define GROWTHS_MIN   4
#define TABLE_MIN     (1 << 20)
#define PEAK_PERMILLE 30
#define SITES_MAX     3

static const char *const rehashes[] = {
	/* Rust: hashbrown, which std::collections::HashMap is */
	"reserve_rehash",
	"RawTable",
	"resize_inner",
	/* C++: the buckets of libstdc++'s, and the nodes of none */
	"_M_rehash",
	"_M_allocate_buckets",
	/* C */
	"rehash",
	"hash_table_resize",
	"hash_resize",
	"dictExpand",
	"table_grow",
	NULL,
};

static bool fires(const struct mt_case *c, const struct mt_heap_site *s)
{
	return s->alloc_cnt >= GROWTHS_MIN && s->size_max_bytes >= TABLE_MIN &&
	       s->size_max_bytes >= 2 * s->size_p50_bytes &&
	       mt_case_weighs(c, s->size_max_bytes, PEAK_PERMILLE) &&
	       mt_place_goes_by(c->process, s->stack, rehashes);
}

static void report(struct mt_case *c, const struct mt_heap_site *s)
{
	struct mt_finding f;

	mt_finding_begin(&f, "hash-map", s->stack);
	f.saves_bytes = s->size_max_bytes / 2;
	f.saved_how = "the table before the largest, which lived beside it while it was filled";
	mt_finding_evidence(&f, "growth_count", s->alloc_cnt);
	mt_finding_evidence(&f, "largest_table_bytes", s->size_max_bytes);
	mt_finding_evidence(&f, "at_peak_bytes", s->at_peak_bytes);
	mt_finding_title(
		&f, "%s doubles a hash table %s, up to %s", mt_place_name(c->process, s->stack).s,
		mt_unit_things(s->alloc_cnt, "time").s, mt_unit_bytes(s->size_max_bytes).s);
	mt_finding_advice(
		&f, "Size it at once, and shrink it after the load: %s.",
		mt_place_say(
			s->stack,
			"HashMap::with_capacity(n), shrink_to_fit(); for data that is only read "
			"a sorted Vec and binary_search() take half",
			"reserve(n) before the loop; for data that is only read a sorted "
			"std::vector and std::lower_bound take half",
			"create it for the number of entries that is expected; for data that is "
			"only read a sorted array and bsearch() take half"));
	mt_finding_add(c, &f);
}

void mt_rule_hash_map(struct mt_case *c)
{
	mt_case_each_site(c, SITES_MAX, fires, report);
}
