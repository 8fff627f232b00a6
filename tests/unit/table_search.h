/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * table_search.h: the searcher of the BPF programs over a table in memory, and a stack that has a
 * word at every address: one of its own, so that a rule that reads the wrong place is seen.
 */
#ifndef MT_TESTS_TABLE_SEARCH_H
#define MT_TESTS_TABLE_SEARCH_H

#include "unwind/table.h"
#include "wire.h"

/* Above every stack pointer that a test uses, as the unwinder wants a caller's frame to be. */
static inline uint64_t stack_word(uint64_t address)
{
	return ((address * 0x9e3779b97f4a7c15ULL) >> 8) | 1ULL << 58;
}

static int mt_unwind_word(struct mt_thread *th, __u64 address, __u64 *word)
{
	*word = stack_word(address);
	return 0;
}

static const union mt_table_node *mt_unwind_node(void *table, __u32 number)
{
	const struct mt_table *t = table;

	return number < t->nr_nodes ? &t->nodes[number] : NULL;
}

#include "logic/unwind.h"

#endif
