// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/sum.h"
#include "util/cleanup.h"

/* A site on its way down the tree. */
struct path {
	const struct mt_model_stack *stack;
	int64_t value;
};

/* Paths that share their frames up to here. */
struct branch {
	struct path *paths;
	size_t nr;
	int64_t value;
};

struct walk {
	const struct mt_tree *tree;
	int64_t total;
	int (*fn)(const struct mt_tree_node *node, void *arg);
	void *arg;
};

/* At that level of the tree; NULL: the stack has ended. */
static const struct mt_frame *frame_at(const struct walk *w, const struct path *p, size_t level)
{
	if (level >= p->stack->nr)
		return NULL;
	return p->stack->frames[w->tree->callers ? level : p->stack->nr - 1 - level];
}

static int compare(const struct mt_frame *a, const struct mt_frame *b)
{
	if (a == b)
		return 0;
	if (!a || !b)
		return a ? 1 : -1;
	if (a->function && b->function)
		return strcmp(a->function, b->function);
	if (a->function || b->function)
		return a->function ? 1 : -1;
	return (a->address > b->address) - (a->address < b->address);
}

struct level {
	const struct walk *walk;
	size_t level;
};

static int by_frame(const void *va, const void *vb, void *arg)
{
	const struct level *l = arg;

	return compare(frame_at(l->walk, va, l->level), frame_at(l->walk, vb, l->level));
}

static int by_value(const void *va, const void *vb)
{
	const struct branch *a = va, *b = vb;

	return mt_sum_falling(a->value, b->value) ?: (a->paths > b->paths) - (a->paths < b->paths);
}

/* The branches at that level that are large enough, largest first; returns how many. */
static size_t split(const struct walk *w, const struct branch *from, size_t level,
		    struct branch *out)
{
	struct level at = { w, level };
	size_t nr = 0;

	qsort_r(from->paths, from->nr, sizeof(*from->paths), by_frame, &at);
	for (size_t i = 0, first = 0; i < from->nr; first = i) {
		struct branch b = { .paths = &from->paths[first] };

		for (; i < from->nr && !by_frame(&from->paths[first], &from->paths[i], &at); i++) {
			mt_sum_add(&b.value, from->paths[i].value);
			b.nr++;
		}
		if (frame_at(w, b.paths, level) && b.value > 0 &&
		    b.value >= w->total / 1000.0 * w->tree->least_permille)
			out[nr++] = b;
	}
	qsort(out, nr, sizeof(*out), by_value);
	return nr;
}

static int descend(const struct walk *w, const struct branch *from, size_t level, int depth)
{
	_free_ struct branch *branches = calloc(from->nr + 1, sizeof(*branches));
	size_t nr = branches ? split(w, from, level, branches) : 0;
	int err = branches ? 0 : -ENOMEM;

	for (size_t i = 0; i < nr && !err; i++) {
		struct mt_tree_node node = {
			.frame = frame_at(w, branches[i].paths, level),
			.begins = !level || nr > 1 || branches[i].value != from->value,
			.value = branches[i].value,
			.total = w->total,
		};

		node.depth = depth + node.begins;
		err = w->fn(&node, w->arg) ?: descend(w, &branches[i], level + 1, node.depth);
	}
	return err;
}

int mt_tree_walk(const struct mt_tree *tree, const struct mt_heap_site *const *sites, size_t nr,
		 int (*fn)(const struct mt_tree_node *node, void *arg), void *arg)
{
	_free_ struct path *paths = calloc(nr + 1, sizeof(*paths));
	struct walk w = { .tree = tree, .fn = fn, .arg = arg };
	struct branch all = { .paths = paths };

	if (!paths)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++) {
		int64_t value = mt_pick_value(sites[i], tree->order);

		if (value <= 0)
			continue;
		paths[all.nr++] = (struct path){ sites[i]->stack, value };
		mt_sum_add(&all.value, value);
	}
	w.total = all.value;
	return descend(&w, &all, 0, 0);
}
