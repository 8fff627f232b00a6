// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/ranges.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

/* Ranges that start below addr go to *lo, the others to *hi. */
static void split(struct mt_range *t, uint64_t addr, struct mt_range **lo, struct mt_range **hi)
{
	while (t) {
		if (t->start < addr) {
			*lo = t;
			lo = &t->right;
			t = *lo;
		} else {
			*hi = t;
			hi = &t->left;
			t = *hi;
		}
	}
	*lo = NULL;
	*hi = NULL;
}

/* Every range of lo is below every range of hi. */
static struct mt_range *join(struct mt_range *lo, struct mt_range *hi)
{
	struct mt_range *root, **link = &root;

	while (lo && hi) {
		if (lo->prio > hi->prio) {
			*link = lo;
			link = &lo->right;
			lo = *link;
		} else {
			*link = hi;
			link = &hi->left;
			hi = *link;
		}
	}
	*link = lo ? lo : hi;
	return root;
}

static uint32_t next_prio(struct mt_ranges *set)
{
	/* xorshift32 */
	set->random ^= set->random << 13;
	set->random ^= set->random >> 17;
	set->random ^= set->random << 5;
	return set->random;
}

void mt_ranges_init(struct mt_ranges *set)
{
	*set = (struct mt_ranges){};
	/* Not predictable, or a target could choose its mappings so that the tree is a list. */
	if (getrandom(&set->random, sizeof(set->random), GRND_NONBLOCK) < 0 || !set->random)
		set->random = 1;
}

struct mt_range *mt_ranges_find(struct mt_range *tree, uint64_t addr)
{
	while (tree && (addr < tree->start || addr >= tree->end))
		tree = addr < tree->start ? tree->left : tree->right;
	return tree;
}

void mt_ranges_put(struct mt_ranges *set, struct mt_range *tree, uint64_t start)
{
	struct mt_range *lo, *hi;

	split(set->root, start, &lo, &hi);
	set->root = join(join(lo, tree), hi);
}

int mt_ranges_add(struct mt_ranges *set, uint64_t start, uint64_t end, void *owner, uint32_t mark)
{
	struct mt_range *r = malloc(sizeof(*r));

	if (!r)
		return -ENOMEM;
	*r = (struct mt_range){
		.start = start,
		.end = end,
		.owner = owner,
		.mark = mark,
		.prio = next_prio(set),
	};
	mt_ranges_put(set, r, start);
	return 0;
}

/* Makes addr a boundary between ranges. */
static int cut(struct mt_ranges *set, uint64_t addr)
{
	struct mt_range *r = mt_ranges_find(set->root, addr);
	uint64_t end;
	int err;

	if (!r || r->start == addr)
		return 0;
	end = r->end;
	r->end = addr;
	err = mt_ranges_add(set, addr, end, r->owner, r->mark);
	if (err)
		r->end = end;
	return err;
}

int mt_ranges_take(struct mt_ranges *set, uint64_t start, uint64_t end, struct mt_range **out)
{
	struct mt_range *lo, *hi;

	*out = NULL;
	if (start == end)
		return 0;
	if (cut(set, start) || cut(set, end))
		return -ENOMEM;
	split(set->root, start, &lo, &hi);
	split(hi, end, out, &hi);
	set->root = join(lo, hi);
	return 0;
}

struct mt_range *mt_ranges_pop(struct mt_range **tree)
{
	struct mt_range *r = *tree;

	if (r) {
		*tree = join(r->left, r->right);
		r->left = NULL;
		r->right = NULL;
	}
	return r;
}

uint64_t mt_ranges_bytes(const struct mt_range *tree)
{
	if (!tree)
		return 0;
	return tree->end - tree->start + mt_ranges_bytes(tree->left) + mt_ranges_bytes(tree->right);
}
