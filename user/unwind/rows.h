/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * rows.h: collects the rows of a table and lays them out as the tree of wire.h.
 *
 * A struct mt_rows owns what it collects; what mt_rows_finish hands out is the caller's to free.
 * Not thread-safe. -E2BIG: more rows or rules than a table has room for. -ENOMEM.
 */
#ifndef MT_UNWIND_ROWS_H
#define MT_UNWIND_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct mt_rows;

int mt_rows_new(struct mt_rows **out);
void mt_rows_free(struct mt_rows **rows);

/* From `offset` on the rule holds. In rising order; a row that is not is left out. */
int mt_rows_add(struct mt_rows *rows, uint64_t offset, const struct mt_rule *rule);

/* After all others: a rule for the `len` bytes at `offset`, as far as there is none for them. */
int mt_rows_add_gap(struct mt_rows *rows, uint64_t offset, uint64_t len,
		    const struct mt_rule *rule);

int mt_rows_finish(struct mt_rows *rows, union mt_table_node **nodes, size_t *nr_nodes);

#endif
