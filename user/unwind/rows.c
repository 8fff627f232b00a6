// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "unwind/rows.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define ROWS_MAX    (MT_TABLE_FANOUT * MT_TABLE_FANOUT * MT_TABLE_FANOUT)
#define LEAF_SPAN   0x10000
#define NODE_UNUSED UINT32_MAX
#define SLOTS	    (2 * MT_TABLE_RULES_MAX)

struct row {
	uint32_t offset;
	uint16_t rule;
};

struct mt_rows {
	struct row *v;
	size_t nr;
	size_t room;
	struct mt_rule *rules;
	uint32_t nr_rules;
	uint32_t *slots; /* of a hash table: number of the rule + 1 */
};

int mt_rows_new(struct mt_rows **out)
{
	__cleanup(mt_rows_free) struct mt_rows *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->rules = calloc(MT_TABLE_RULES_MAX, sizeof(*r->rules));
	r->slots = calloc(SLOTS, sizeof(*r->slots));
	if (!r->rules || !r->slots)
		return -ENOMEM;
	*out = TAKE_PTR(r);
	return 0;
}

void mt_rows_free(struct mt_rows **rows)
{
	struct mt_rows *r = *rows;

	if (!r)
		return;
	free(r->v);
	free(r->rules);
	free(r->slots);
	free(r);
	*rows = NULL;
}

/* The rule's number, or -E2BIG. Hashed by multiplication (Knuth, 6.4). */
static long rule_number(struct mt_rows *r, const struct mt_rule *rule)
{
	uint64_t word;
	uint32_t slot;

	memcpy(&word, rule, sizeof(word));
	slot = (word * 0x9e3779b97f4a7c15ULL) >> 32 & (SLOTS - 1);
	for (; r->slots[slot]; slot = (slot + 1) & (SLOTS - 1))
		if (!memcmp(&r->rules[r->slots[slot] - 1], rule, sizeof(*rule)))
			return r->slots[slot] - 1;
	if (r->nr_rules == MT_TABLE_RULES_MAX)
		return -E2BIG;
	r->rules[r->nr_rules++] = *rule;
	r->slots[slot] = r->nr_rules;
	return r->nr_rules - 1;
}

static int grow(struct mt_rows *r)
{
	size_t room = r->room ? 2 * r->room : 4096;
	struct row *v = reallocarray(r->v, room, sizeof(*v));

	if (!v)
		return -ENOMEM;
	r->v = v;
	r->room = room;
	return 0;
}

int mt_rows_add(struct mt_rows *r, uint64_t offset, const struct mt_rule *rule)
{
	long number;

	if (offset >= UINT32_MAX || (r->nr && offset <= r->v[r->nr - 1].offset))
		return 0;
	if (r->nr == ROWS_MAX)
		return -E2BIG;
	number = rule_number(r, rule);
	if (number < 0)
		return (int)number;
	if (r->nr == r->room && grow(r))
		return -ENOMEM;
	r->v[r->nr++] = (struct row){ (uint32_t)offset, (uint16_t)number };
	return 0;
}

/* How many rows are not behind `offset`. */
static size_t rows_up_to(const struct mt_rows *r, uint64_t offset)
{
	size_t low = 0, high = r->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (r->v[middle].offset <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int insert(struct mt_rows *r, size_t at, uint64_t offset, long rule)
{
	if (r->nr == r->room && grow(r))
		return -ENOMEM;
	memmove(&r->v[at + 1], &r->v[at], (r->nr - at) * sizeof(*r->v));
	r->v[at] = (struct row){ (uint32_t)offset, (uint16_t)rule };
	r->nr++;
	return 0;
}

int mt_rows_add_gap(struct mt_rows *r, uint64_t offset, uint64_t len, const struct mt_rule *rule)
{
	const struct mt_rule none = { .cfa = MT_CFA_NONE };
	size_t at = rows_up_to(r, offset);
	uint64_t end = offset + len;
	long number = rule_number(r, rule), behind = rule_number(r, &none);

	if (number < 0 || behind < 0 || r->nr > ROWS_MAX - 2 || end >= UINT32_MAX)
		return -E2BIG;
	if (at && r->rules[r->v[at - 1].rule].cfa != MT_CFA_NONE)
		return 0;
	if ((at == r->nr || r->v[at].offset > end) && insert(r, at, end, behind))
		return -ENOMEM;
	if (!at || r->v[at - 1].offset != offset)
		return insert(r, at, offset, number);
	r->v[at - 1].rule = (uint16_t)number;
	return 0;
}

/* ---- the tree ---------------------------------------------------------------------------- */

/* How many rows from `first` on are in one leaf. */
static size_t leaf_rows(const struct mt_rows *r, size_t first)
{
	size_t n = 1;

	while (n < MT_TABLE_FANOUT && first + n < r->nr &&
	       r->v[first + n].offset - r->v[first].offset < LEAF_SPAN)
		n++;
	return n;
}

static size_t count_leaves(const struct mt_rows *r)
{
	size_t leaves = 0;

	for (size_t i = 0; i < r->nr; i += leaf_rows(r, i))
		leaves++;
	return leaves ? leaves : 1;
}

static size_t parents(size_t nodes)
{
	return (nodes + MT_TABLE_FANOUT - 1) / MT_TABLE_FANOUT;
}

/* Leaves, and the offset at which each begins. Without a row there is one that nobody searches. */
static void fill_leaves(const struct mt_rows *r, union mt_table_node *leaf, uint32_t *starts)
{
	for (size_t first = 0, n; first < r->nr; first += n, leaf++) {
		uint32_t start = r->v[first].offset, row = 0;

		n = leaf_rows(r, first);
		for (size_t i = 0; i < MT_TABLE_FANOUT; i++) {
			if (i < n)
				row = (r->v[first + i].offset - start) << 16 | r->v[first + i].rule;
			leaf->entries[i] = row;
		}
		*starts++ = start;
	}
}

/* The level above: `starts` of the children become those of the parents. */
static void fill_parents(union mt_table_node *node, uint32_t *starts, size_t children)
{
	for (size_t first = 0; first < children; first += MT_TABLE_FANOUT, node++) {
		for (size_t i = 0; i < MT_TABLE_FANOUT; i++)
			node->entries[i] = first + i < children ? starts[first + i] : NODE_UNUSED;
		starts[first / MT_TABLE_FANOUT] = node->entries[0];
	}
}

static void plan(const struct mt_rows *r, struct mt_table_header *h)
{
	size_t nodes[MT_TABLE_LEVELS_MAX];
	uint32_t next = 1;

	h->magic = MT_TABLE_MAGIC;
	nodes[0] = count_leaves(r);
	nodes[1] = parents(nodes[0]);
	h->levels = 2;
	if (nodes[1] > 1) {
		nodes[2] = parents(nodes[1]);
		h->levels = 3;
	}
	for (uint32_t level = 0; level < h->levels; level++) {
		h->first[level] = next;
		next += nodes[h->levels - 1 - level];
	}
	h->rules = next;
	h->nr_rules = r->nr_rules;
	h->nr_nodes = next + (r->nr_rules + MT_TABLE_NODE_RULES - 1) / MT_TABLE_NODE_RULES;
}

int mt_rows_finish(struct mt_rows *r, union mt_table_node **nodes, size_t *nr_nodes)
{
	struct mt_table_header h = { 0 };
	_free_ union mt_table_node *v = NULL;
	_free_ uint32_t *starts = NULL;

	plan(r, &h);
	if (h.levels == MT_TABLE_LEVELS_MAX && h.first[1] - h.first[0] > 1)
		return -E2BIG;
	v = calloc(h.nr_nodes, sizeof(*v));
	starts = calloc(h.nr_nodes, sizeof(*starts));
	if (!v || !starts)
		return -ENOMEM;
	v[0].header = h;
	fill_leaves(r, v + h.first[h.levels - 1], starts);
	for (uint32_t level = h.levels - 1; level > 0; level--)
		fill_parents(v + h.first[level - 1], starts,
			     (level + 1 < h.levels ? h.first[level + 1] : h.rules) -
				     h.first[level]);
	memcpy(v + h.rules, r->rules, r->nr_rules * sizeof(*r->rules));
	*nodes = TAKE_PTR(v);
	*nr_nodes = h.nr_nodes;
	return 0;
}
