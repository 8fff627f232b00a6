/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * ranges.h: a set of disjoint address ranges, each with an owner.
 *
 * A treap: a search tree by address whose shape follows from random priorities, so that it
 * can be split at an address and joined again in O(log n). What is taken out of a set is a
 * tree of its own, which can be put back, or popped range by range.
 *
 * Ownership: a set, or who took a tree out, owns its ranges; free(3) releases a popped one.
 * Not thread-safe. The only error is -ENOMEM; the set then holds what it held before.
 */
#ifndef MT_SESSION_RANGES_H
#define MT_SESSION_RANGES_H

#include <stdint.h>

struct mt_range {
	uint64_t start;
	uint64_t end;
	void *owner;   /* the caller's; a piece of a range has the same */
	uint32_t mark; /* likewise */
	uint32_t prio;
	struct mt_range *left;
	struct mt_range *right;
};

struct mt_ranges {
	struct mt_range *root;
	uint32_t random;
};

void mt_ranges_init(struct mt_ranges *set);

/* The range of a tree that holds addr, or NULL. */
struct mt_range *mt_ranges_find(struct mt_range *tree, uint64_t addr);

/* Adds a range in a gap. */
int mt_ranges_add(struct mt_ranges *set, uint64_t start, uint64_t end, void *owner, uint32_t mark);

/* Takes out all of [start, end), cutting the ranges at both ends if need be. */
int mt_ranges_take(struct mt_ranges *set, uint64_t start, uint64_t end, struct mt_range **out);

/* Puts a tree, or a popped range, into a gap; start: its first address, or lower in the gap. */
void mt_ranges_put(struct mt_ranges *set, struct mt_range *tree, uint64_t start);

/* Takes one range out of a tree, in no order; NULL: it is empty. */
struct mt_range *mt_ranges_pop(struct mt_range **tree);

/* Sum of the lengths. */
uint64_t mt_ranges_bytes(const struct mt_range *tree);

#endif
