/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * pick.h: the sites of a heap that a reader asks for, in the order that he asks for.
 *
 * Results point into the heap, which must outlive them; the array is the caller's to free. Pure:
 * thread-safe. Returns 0 or -ENOMEM.
 */
#ifndef MT_ANALYSIS_PICK_H
#define MT_ANALYSIS_PICK_H

#include "analysis/heap.h"

enum mt_pick_order {
	MT_PICK_ANY = 0, /* at the peak; where that is not known what was asked for */
	MT_PICK_AT_PEAK,
	MT_PICK_LIVE,
	MT_PICK_ALLOC,
	MT_PICK_CALLS,
	MT_PICK_TEMPORARY,
};

struct mt_pick {
	enum mt_pick_order order;
	const char *pattern; /* in the name of a function or module of the stack; NULL: all */
	bool leaks;	     /* only what lives at the end, by that */
	int64_t min_age_ns;  /* of these, half of whose blocks are as old; 0: all */
};

/* Never MT_PICK_ANY. */
enum mt_pick_order mt_pick_order(const struct mt_pick *pick, const struct mt_heap *heap);
/* What the order goes by: bytes, or a count. */
int64_t mt_pick_value(const struct mt_heap_site *site, enum mt_pick_order order);

int mt_pick_sites(const struct mt_heap_site ***out, size_t *nr, const struct mt_heap *heap,
		  const struct mt_pick *pick);

#endif
