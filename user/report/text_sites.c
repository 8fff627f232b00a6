// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "report/text_sites.h"

#include <errno.h>
#include <stdio.h>

#include "analysis/tree.h"
#include "report/printer.h"
#include "report/text_stack.h"
#include "report/text_words.h"
#include "util/cleanup.h"

#define TOP	     3
#define LEAST	     10 /* thousandths of a tree that a branch must have */
#define DEPTH_MAX    16 /* of indentation */
#define STACK_INDENT MT_STACK_INDENT

#define BYTES(n)	 (mt_unit_bytes(n).s)
#define PCT(n)		 (mt_unit_pct(n).s)
#define THINGS(n, thing) (mt_unit_things(n, thing).s)

/* What a list is of, by its order. */
static const char *const headings[] = {
	[MT_PICK_AT_PEAK] = "Largest at the heap's peak",
	[MT_PICK_LIVE] = "Live at the end",
	[MT_PICK_ALLOC] = "Asked for most",
	[MT_PICK_CALLS] = "Called most",
	[MT_PICK_TEMPORARY] = "Most temporary blocks",
};

/* ---- list -------------------------------------------------------------------------------- */

static void print_at_peak(struct mt_printer *p, const struct mt_heap_site *site, size_t number)
{
	mt_print(p, 4, STACK_INDENT, "%zu. %s (%s%s) in %s; %s live at the end", number,
		 BYTES(site->at_peak_bytes), PCT(site->at_peak_pct),
		 mt_text_spread(site->at_peak_bytes, site->sure.bytes_unit).s,
		 THINGS(site->at_peak_cnt, "block"), BYTES(site->live_bytes));
}

static void print_live(struct mt_printer *p, const struct mt_heap_site *site, size_t number)
{
	mt_print(p, 4, STACK_INDENT, "%zu. %s in %s, half of them older than %s, the oldest %s",
		 number, BYTES(site->live_bytes), THINGS(site->live_cnt, "block"),
		 mt_unit_seconds(site->live_age_p50_ns).s,
		 mt_unit_seconds(site->live_age_max_ns).s);
}

static void print_asked(struct mt_printer *p, const struct mt_heap *heap,
			const struct mt_heap_site *site, size_t number)
{
	double pct = 100.0 * site->alloc_bytes / (heap->alloc_bytes ?: 1);

	mt_print(p, 4, STACK_INDENT, "%zu. %s (%s%s) in %s", number, BYTES(site->alloc_bytes),
		 PCT(pct), heap->windowed ? mt_text_estimated(&site->burst_bytes).s : "",
		 THINGS(site->alloc_cnt, "allocation"));
}

static void print_calls(struct mt_printer *p, const struct mt_heap_site *site, size_t number)
{
	mt_print(p, 4, STACK_INDENT, "%zu. %s of %s, %s temporary", number,
		 THINGS(site->alloc_cnt, "allocation"), BYTES(site->alloc_bytes),
		 mt_unit_count(site->temporary_cnt).s);
}

static void print_site(struct mt_printer *p, const struct mt_heap *heap,
		       const struct mt_heap_site *site, enum mt_pick_order order, size_t number)
{
	switch (order) {
	case MT_PICK_LIVE:
		print_live(p, site, number);
		break;
	case MT_PICK_ALLOC:
		print_asked(p, heap, site, number);
		break;
	case MT_PICK_CALLS:
	case MT_PICK_TEMPORARY:
		print_calls(p, site, number);
		break;
	default:
		print_at_peak(p, site, number);
	}
}

/* ---- tree -------------------------------------------------------------------------------- */

/* A line without a number is as much as the one above. */
struct tree_printer {
	struct mt_printer *p;
	bool counts;
};

static int print_node(const struct mt_tree_node *node, void *arg)
{
	const struct tree_printer *t = arg;
	int depth = node->depth < DEPTH_MAX ? node->depth : DEPTH_MAX;
	double pct = 100.0 * node->value / (node->total ?: 1);
	_free_ char *name = mt_frame_name(node->frame), *tail = NULL;
	int err = name ? 0 : -ENOMEM;

	if (!err && node->begins)
		err = asprintf(&tail, "  %s, %s", PCT(pct),
			       t->counts ? mt_unit_count(node->value).s : BYTES(node->value));
	if (err < 0)
		return -ENOMEM;
	mt_print_name(t->p, 2 + 2 * depth, name, tail ?: "");
	return t->p->err;
}

/* ---- both -------------------------------------------------------------------------------- */

static void print_tree(struct mt_printer *p, const struct mt_heap_site *const *sites, size_t nr,
		       enum mt_pick_order order, const struct mt_text_options *options)
{
	struct tree_printer printer = { p, order >= MT_PICK_CALLS };
	struct mt_tree tree = {
		.order = order,
		.callers = options->tree == MT_TEXT_CALLERS,
		.least_permille = LEAST,
	};
	int err = mt_tree_walk(&tree, sites, nr, print_node, &printer);

	p->err = p->err ?: err;
}

static void print_list(struct mt_printer *p, const struct mt_model_process *process,
		       const struct mt_heap *heap, const struct mt_heap_site *const *sites,
		       size_t nr, enum mt_pick_order order)
{
	for (size_t i = 0; i < nr && mt_pick_value(sites[i], order) > 0; i++) {
		print_site(p, heap, sites[i], order, i + 1);
		mt_print_stack(p, process, sites[i]->stack);
	}
}

void mt_print_sites(struct mt_printer *p, const struct mt_model_process *process,
		    const struct mt_heap *heap, enum mt_trust trust,
		    const struct mt_text_options *options)
{
	_free_ const struct mt_heap_site **sites = NULL;
	enum mt_pick_order order = mt_pick_order(&options->pick, heap);
	size_t nr, top = options->top ?: TOP;

	if (mt_pick_sites(&sites, &nr, heap, &options->pick)) {
		p->err = p->err ?: -ENOMEM;
		return;
	}
	if (!nr || mt_pick_value(sites[0], order) <= 0)
		return;
	mt_print(
		p, 2, 4, "%s (%s):", headings[order],
		mt_text_kind(heap->windowed && order == MT_PICK_ALLOC ? MT_TRUST_WINDOWED : trust));
	if (options->tree)
		print_tree(p, sites, nr, order, options);
	else
		print_list(p, process, heap, sites, nr < top ? nr : top, order);
}
