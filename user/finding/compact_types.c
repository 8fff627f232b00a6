// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * compact-types: very many small blocks of one size, and what the allocator adds to each.
 *
 * glibc: a block is the request and 8 bytes, rounded up to 16, at least 32 (malloc.c, request2size
 * on 64 bits). The size classes of jemalloc, tcmalloc and mimalloc: 8, 16, then by 16 up to 128 and
 * by an eighth to a quarter of the size beyond; their least common waste is taken.
 */
#include <string.h>

#include "finding/place.h"
#include "finding/rules.h"
#include "util/units.h"

#define BLOCKS_MIN    10000
#define BLOCK_MAX     512
#define PEAK_PERMILLE 30
#define ADDED_MIN     8 /* an eighth of what was asked for */
#define SITES_MAX     5

static int64_t round_up(int64_t n, int64_t to)
{
	return (n + to - 1) / to * to;
}

/* What a block of that size takes. */
static int64_t taken(const struct mt_case *c, int64_t bytes)
{
	const char *allocators = c->process->row.allocators;

	if (allocators && !strncmp(allocators, "glibc", strlen("glibc")))
		return bytes <= 24 ? 32 : round_up(bytes + 8, 16);
	return bytes <= 8 ? 8 : round_up(bytes, 16);
}

/* What the allocator adds to its blocks, and a pointer to each. */
static int64_t added(const struct mt_case *c, const struct mt_heap_site *s)
{
	int64_t waste = s->at_peak_cnt * taken(c, s->size_p50_bytes) - s->at_peak_bytes;

	return (waste > 0 ? waste : 0) + s->at_peak_cnt * (int64_t)sizeof(void *);
}

static bool fires(const struct mt_case *c, const struct mt_heap_site *s)
{
	return s->at_peak_cnt >= BLOCKS_MIN && s->size_max_bytes <= BLOCK_MAX &&
	       s->size_p50_bytes > 0 &&
	       s->size_max_bytes - s->size_p50_bytes <= s->size_p50_bytes / 8 &&
	       added(c, s) >= s->at_peak_bytes / ADDED_MIN &&
	       mt_case_weighs(c, s->at_peak_bytes, PEAK_PERMILLE);
}

static void report(struct mt_case *c, const struct mt_heap_site *s)
{
	int64_t block = taken(c, s->size_p50_bytes);
	struct mt_finding f;

	mt_finding_begin(&f, "compact-types", s->stack);
	f.saves_bytes = added(c, s);
	f.saved_how =
		"what the allocator adds to each, and a pointer to it; not what smaller types "
		"save beside";
	mt_finding_evidence(&f, "at_peak_count", s->at_peak_cnt);
	mt_finding_evidence(&f, "size_bytes", s->size_p50_bytes);
	mt_finding_evidence(&f, "block_bytes", block);
	mt_finding_evidence(&f, "at_peak_bytes", s->at_peak_bytes);
	mt_finding_title(&f, "%s keeps %s of %s, for which the allocator takes %s each",
			 mt_place_name(c->process, s->stack).s,
			 mt_unit_things(s->at_peak_cnt, "block").s,
			 mt_unit_bytes(s->size_p50_bytes).s, mt_unit_bytes(block).s);
	mt_finding_advice(
		&f, "Keep them in one array, by value or index, and make the type smaller: %s.",
		mt_place_say(
			s->stack,
			"Vec<T> instead of Vec<Box<T>>, u32 indices instead of references, "
			"Box<str> instead of String, smaller integers, enums without one large "
			"variant",
			"std::vector<T> instead of pointers or list nodes, 32-bit indices, members "
			"ordered by size, smaller integers",
			"one array and 32-bit indices, members ordered by size, bit fields"));
	mt_finding_add(c, &f);
}

void mt_rule_compact_types(struct mt_case *c)
{
	if (c->heap->lives)
		mt_case_each_site(c, SITES_MAX, fires, report);
}
