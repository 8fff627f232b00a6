/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * table.h: a file's .eh_frame as the table that the BPF unwinder searches.
 *
 * The layout is in wire.h: a header, a tree of rows, rules. A row says by which rule the code from
 * a file offset on finds its caller, up to the next row. Rows that say the same as the one
 * before are left out; between functions there is one of MT_CFA_NONE. What a rule cannot
 * express is MT_CFA_OTHER, and costs the stacks that pass there their outer frames.
 *
 * The file may be hostile: everything read from it is checked, and time and memory are bounded by
 * its size. A table is one block of nodes, the same in memory, in the cache (cache.h) and in the
 * kernel. It owns its nodes. Thread-safe as far as the mt_elf is. Errors are -errno, not logged.
 */
#ifndef MT_UNWIND_TABLE_H
#define MT_UNWIND_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "wire.h"

/* What a table says changed: those in the cache are of no use any more. */
#define MT_TABLE_VERSION 1

struct mt_elf;

struct mt_table {
	union mt_table_node *nodes;
	size_t nr_nodes;
};

/*
 * -ENOENT: the file says nothing of how to unwind it. -ENOEXEC: it is damaged. -ENOTSUP: it is for
 * another machine. -E2BIG: more rows or rules than a table has room for, or code beyond 4 GiB.
 */
int mt_table_build(struct mt_table **out, struct mt_elf *elf);

/* Of the vDSO, an ELF image that the kernel has mapped into this very process. -ENOENT: it has
 * none. */
int mt_table_build_vdso(struct mt_table **out);

/* A table of one header and no rows: there is nothing to be known of the file. */
int mt_table_empty(struct mt_table **out);

/* Is it whole: can the BPF unwinder search it without leaving it? For what comes from a disk. */
int mt_table_check(const union mt_table_node *nodes, size_t nr_nodes);

void mt_table_free(struct mt_table **table);

#endif
