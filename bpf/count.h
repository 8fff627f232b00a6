/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * count.h: add a block to what is counted, or take it away (count.bpf.c).
 *
 * A block's bytes move the process's word first, which says the epoch of the operation; its
 * site is told with that epoch (logic/peak.h).
 */
#ifndef MT_COUNT_H
#define MT_COUNT_H

#include "common.h"

/* How a block has gone. */
enum gone {
	GONE_FREED,
	GONE_TEMPORARY,	 /* freed by its thread before it allocated another */
	GONE_UNFOLLOWED, /* it lives on, but could not be remembered */
};

/* A sum over blocks: so many for each that this one stands for. */
static __always_inline __u64 mt_weighed(const struct mt_live *rec, __u64 n)
{
	return mt_sample_bytes ? n * rec->weight : n;
}

static __always_inline __u64 mt_weighed_bytes(const struct mt_live *rec)
{
	return mt_weighed(rec, rec->size_bytes);
}

/* The weight of a block that the thread asks for; 0: it is not to be followed. */
__u32 mt_sample(struct mt_thread *th, __u64 size);

/* Move the process's live bytes; the operation's epoch, or -1 when it could not be counted. */
long mt_proc_move(struct mt_proc *proc, __s64 delta);

/* A block has come to be: its site's side. */
int mt_site_alloc(struct mt_live *rec, __u32 slot, __u32 epoch);

/* A block has gone: its site's side. `how`: enum gone. */
int mt_site_free(struct mt_live *rec, __u32 slot, __u32 epoch, __u32 how);

/* realloc has made a block; `old` is what it was, or NULL. */
int mt_storm_add(struct mt_live *rec, __u32 slot, struct mt_live *old, __u32 moved);

/* The block is freed for good: how far its chain of reallocs went. */
int mt_storm_end(struct mt_live *rec, __u32 slot);

#endif
