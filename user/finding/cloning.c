// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* cloning: copies of the same size that are thrown away soon, or together hold much. */
#include "finding/place.h"
#include "finding/rules.h"
#include "util/units.h"

#define COPIES_MIN    1000
#define BYTES_MIN     (256 << 10)
#define PEAK_PERMILLE 30
#define SAME_SIZE     4 /* the 99th percentile against the median, at most */
#define BYTES_WARN    (64LL << 20)
#define SITES_MAX     5

static const char *const copies[] = {
	/* Rust */
	"::clone", "::Clone", "to_vec", "to_owned", "to_string", "extend_from_slice",
	/* C++: copy constructors and assignments of strings and containers */
	"basic_string(std::", "::vector(std::vector", "_M_construct<", "_M_assign",
	"uninitialized_copy", "_M_copy_assign",
	/* C */
	"strdup", "strndup", "memdup", "_copy", "copy_", "_dup", "_clone", "clone_", NULL
};

static bool fires(const struct mt_case *c, const struct mt_heap_site *s)
{
	bool brief = s->short_lived_cnt + s->temporary_cnt >= s->alloc_cnt / 2;

	return s->alloc_cnt >= COPIES_MIN && s->alloc_bytes >= BYTES_MIN &&
	       s->size_p99_bytes <= SAME_SIZE * s->size_p50_bytes &&
	       (brief || mt_case_weighs(c, s->at_peak_bytes, PEAK_PERMILLE)) &&
	       mt_place_goes_by(c->process, s->stack, copies);
}

static void report(struct mt_case *c, const struct mt_heap_site *s)
{
	struct mt_finding f;

	mt_finding_begin(&f, "cloning", s->stack);
	if (c->heap->lives) {
		f.saves_bytes = s->at_peak_bytes;
		f.saved_how = "the copies that lived at the peak";
	}
	if (s->alloc_bytes >= BYTES_WARN && !mt_case_weighs(c, s->at_peak_bytes, PEAK_PERMILLE))
		f.severity = MT_SEVERITY_WARN; /* it costs time rather than memory */
	mt_finding_evidence(&f, "alloc_count", s->alloc_cnt);
	mt_finding_evidence(&f, "alloc_bytes", s->alloc_bytes);
	mt_finding_evidence(&f, "size_p50_bytes", s->size_p50_bytes);
	mt_finding_evidence(&f, "temporary_count", s->temporary_cnt);
	mt_finding_evidence(&f, "short_lived_count", s->short_lived_cnt);
	mt_finding_evidence(&f, "at_peak_bytes", s->at_peak_bytes);
	mt_finding_title(&f, "%s copies %s %s", mt_place_name(c->process, s->stack).s,
			 mt_unit_bytes(s->size_p50_bytes).s,
			 mt_unit_things(s->alloc_cnt, "time").s);
	mt_finding_advice(
		&f, "Borrow or share instead of copying: %s.",
		mt_place_say(
			s->stack,
			"take &str, &[T] or Cow<'_, T>, share by Rc or Arc, reuse a buffer with "
			"clone_from()",
			"take std::string_view, std::span or a const reference, move with "
			"std::move, share by std::shared_ptr",
			"pass a pointer and a length, or keep one buffer and write into it"));
	mt_finding_add(c, &f);
}

void mt_rule_cloning(struct mt_case *c)
{
	mt_case_each_site(c, SITES_MAX, fires, report);
}
