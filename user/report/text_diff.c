// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/diff.h"
#include "analysis/sum.h"
#include "report/printer.h"
#include "report/report.h"
#include "report/text_stack.h"
#include "report/text_words.h"
#include "util/cleanup.h"
#include "util/units.h"

#define TOP    10
#define INDENT MT_STACK_INDENT

static const char *const by[] = {
	[MT_PICK_AT_PEAK] = "what they had at the heap's peak",
	[MT_PICK_LIVE] = "what they had at the end",
	[MT_PICK_ALLOC] = "what they asked for",
	[MT_PICK_CALLS] = "how often they were called",
	[MT_PICK_TEMPORARY] = "their temporary blocks",
};

static struct mt_unit amount(int64_t v, enum mt_diff_unit unit)
{
	return unit == MT_DIFF_BYTES ? mt_unit_bytes(v)
	       : unit == MT_DIFF_NS  ? v == -1 ? (struct mt_unit){ "unknown" } : mt_unit_seconds(v)
				     : mt_unit_count(v);
}

/* "+1.5 MiB" */
static struct mt_unit difference(int64_t change, enum mt_diff_unit unit)
{
	struct mt_unit text;

	snprintf(text.s, sizeof(text.s), "%s%.30s", change < 0 ? "-" : "+",
		 amount(change < 0 ? -change : change, unit).s);
	return text;
}

static void print_metric(struct mt_printer *p, const struct mt_diff_metric *m)
{
	int64_t change;
	double pct;

	if (mt_diff_change(m, &change, &pct) && isfinite(pct))
		mt_print(p, 2, 4, "%-16s %14s %14s %14s %+9.1f%%", m->title,
			 amount(m->old, m->unit).s, amount(m->new, m->unit).s,
			 difference(change, m->unit).s, pct);
	else if (m->old != -1 && m->new != -1)
		mt_print(p, 2, 4, "%-16s %14s %14s %14s", m->title, amount(m->old, m->unit).s,
			 amount(m->new, m->unit).s, difference(change, m->unit).s);
	else
		mt_print(p, 2, 4, "%-16s %14s %14s", m->title, amount(m->old, m->unit).s,
			 amount(m->new, m->unit).s);
}

/* What an estimate has none of may not have been met. */
static const char *fate_of(const struct mt_diff *d, const struct mt_diff_site *s)
{
	if (!s->old[d->order])
		return d->old_trust == MT_TRUST_EXACT ? "; new" : "; not seen before";
	if (!s->new[d->order])
		return d->new_trust == MT_TRUST_EXACT ? "; gone" : "; not seen now";
	return mt_diff_is_certain(s, d->order) ? "" : "; within noise";
}

static void print_site(struct mt_printer *p, const struct mt_diff *d, const struct mt_diff_site *s,
		       size_t number)
{
	enum mt_diff_unit unit = d->order >= MT_PICK_CALLS ? MT_DIFF_COUNT : MT_DIFF_BYTES;
	int64_t old = s->old[d->order], new = s->new[d->order];

	mt_print(p, 4, INDENT, "%zu. %s: %s before, %s now%s, in %s", number,
		 difference(new - old, unit).s, amount(old, unit).s, amount(new, unit).s,
		 fate_of(d, s), s->comm);
	mt_print_stack(p, s->process, s->stack);
}

static void print_sure(struct mt_printer *p, const struct mt_diff *d)
{
	if (d->old_mode && d->new_mode && strcmp(d->old_mode, d->new_mode))
		mt_print(p, 2, 2,
			 "Recorded with --mode %s before and --mode %s now: part of the difference "
			 "may be how they were measured.",
			 d->old_mode, d->new_mode);
	if (d->old_trust != MT_TRUST_EXACT || d->new_trust != MT_TRUST_EXACT)
		mt_print(p, 2, 2,
			 "Heap numbers: before %s, now %s. A small difference may be none.",
			 mt_text_kind(d->old_trust), mt_text_kind(d->new_trust));
	if (!d->old_lives || !d->new_lives)
		mt_print(p, 2, 2,
			 "What lives, and the heap's peak, are not known of both: record them with "
			 "--mode exact.");
}

/* What there is to say of a place: its title, and of each value a word. */
struct place_words {
	const char *heading;
	const char *values[MT_DIFF_PLACE_VALUES];
};

static void print_places(struct mt_printer *p, const struct mt_diff_places *all,
			 const struct place_words *words, size_t top)
{
	const int last = MT_DIFF_PLACE_VALUES - 1;

	for (size_t i = 0; i < all->nr && i < top; i++) {
		const struct mt_diff_place *place = &all->v[i];
		int64_t change = mt_sum_subtract(place->new[last], place->old[last]);

		if (!change)
			return;
		if (!i)
			mt_print_heading(p, "%s", words->heading);
		mt_print(p, 4, INDENT, "%zu. %s %s, in %s; %s: %s before, %s now; %s: %s, %s",
			 i + 1, difference(change, MT_DIFF_BYTES).s, words->values[last],
			 place->comm, words->values[0], mt_unit_count(place->old[0]).s,
			 mt_unit_count(place->new[0]).s, words->values[1],
			 mt_unit_count(place->old[1]).s, mt_unit_count(place->new[1]).s);
		mt_print_stack(p, place->process, place->stack);
	}
}

int mt_report_diff_text(FILE *out, const struct mt_diff *d, const struct mt_text_options *options)
{
	static const struct place_words storms = { "Realloc storms:",
						   { "calls", "moved", "copied" } };
	static const struct place_words threads = {
		"What starts threads:", { "created", "at once", "of their stacks reserved" }
	};
	struct mt_printer p = { .out = out, .width = options->width, .color = options->color };
	size_t top = options->top ?: TOP;

	mt_print(&p, 2, 2, "%-16s %14s %14s %14s", "", "before", "now", "difference");
	for (size_t i = 0; i < MT_DIFF_METRICS; i++)
		print_metric(&p, &d->metrics[i]);
	print_sure(&p, d);
	mt_print_heading(&p, "Sites by the difference in %s:", by[d->order]);
	for (size_t i = 0; i < d->nr_sites && i < top; i++) {
		if (d->sites[i].old[d->order] == d->sites[i].new[d->order])
			break;
		print_site(&p, d, &d->sites[i], i + 1);
	}
	print_places(&p, &d->storms, &storms, top);
	print_places(&p, &d->threads, &threads, top);
	if (!p.err && fflush(out))
		p.err = -EIO;
	return p.err;
}
