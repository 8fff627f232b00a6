/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * tree.h: stacks that begin alike, added up: who was called on the way to memory, or who called.
 *
 * Frames are alike by the name of their function, else by their address. The walk goes down from
 * the largest branch and leaves out what has less than a share of the whole; a branch that does not
 * part stays at the depth of its parent. Pure: thread-safe. Returns 0 or -ENOMEM, or what the
 * callback returned to stop it.
 */
#ifndef MT_ANALYSIS_TREE_H
#define MT_ANALYSIS_TREE_H

#include "analysis/pick.h"

struct mt_tree_node {
	const struct mt_frame *frame;
	int depth;     /* of branching */
	bool begins;   /* a branch; else it is all that its parent is */
	int64_t value; /* of all below */
	int64_t total; /* of the whole tree */
};

struct mt_tree {
	enum mt_pick_order order; /* what is added up */
	bool callers;		  /* from what allocated up to who called it; else from main down */
	int least_permille;	  /* of the whole, that a branch must have */
};

int mt_tree_walk(const struct mt_tree *tree, const struct mt_heap_site *const *sites, size_t nr,
		 int (*fn)(const struct mt_tree_node *node, void *arg), void *arg);

#endif
