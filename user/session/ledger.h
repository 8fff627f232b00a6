/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * ledger.h: which ranges of one address space are mapped, and by whom.
 *
 * Fed with the events of one program image in their order. A range that a call may unmap
 * leaves at the call's begin, because another thread can be handed its addresses before the
 * call returns; until the call's outcome is known it still counts as live, at its site. A
 * failure puts back what nobody has mapped since, a success drops it.
 *
 * Credit. A mapping belongs to the stack that made it. mremap keeps that for what it moves
 * or shrinks; what it adds (growth, the copy of a shared mapping, the second range of
 * MREMAP_DONTUNMAP) belongs to the stack that called mremap. brk's growth is a kind of its
 * own. A forked child starts with a new, empty ledger.
 *
 * Gaps. What a munmap, mremap or shrinking brk names and the ledger does not know is older
 * than the attach: unknown_bytes. The holes that MAP_FIXED covers are not. After a lost
 * event the ledger stays consistent: an end without its begin removes what is there now,
 * and so does a begin whose end never came, at the thread's next call (both `unpaired`); a
 * new mapping replaces what is in its way (`overlaps`). A MAP_FIXED or MREMAP_FIXED that
 * fails is believed to have changed nothing, although the kernel may have unmapped first.
 *
 * Addresses and lengths are bytes, rounded out to pages as the kernel does; times are
 * nanoseconds of any one clock. Every update is O(log ranges) for each range that it
 * touches; the peak costs O(1). Not thread-safe. The only error is -ENOMEM; the ledger is
 * consistent after it and lacks that call.
 */
#ifndef MT_SESSION_LEDGER_H
#define MT_SESSION_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

struct mt_ledger;

enum mt_ledger_kind {
	MT_LEDGER_INVALID = 0,
	MT_LEDGER_MMAP = 1,
	MT_LEDGER_BRK = 2,
};

struct mt_ledger_mmap {
	uint64_t start; /* the result */
	uint64_t len;
	uint64_t stack;
	uint32_t prot;
	uint32_t flags;
	uint32_t maker; /* enum mt_maker, wire.h */
};

struct mt_ledger_mremap {
	uint64_t old_start;
	uint64_t old_len;
	uint64_t new_len;
	uint64_t new_start; /* read with MREMAP_FIXED only: the argument, and so the result */
	uint32_t flags;
	uint32_t maker; /* of what it adds */
};

struct mt_ledger_totals {
	uint64_t mmap_cnt; /* calls that succeeded */
	uint64_t mmap_bytes;
	uint64_t munmap_cnt;
	uint64_t munmap_bytes;
	uint64_t mremap_cnt;
	uint64_t brk_grown_bytes; /* shrinking does not take away from it */
	uint64_t live_bytes;
	uint64_t peak_bytes;
	uint64_t peak_ns; /* when peak_bytes was first reached */
	uint64_t unknown_bytes;
	uint64_t overlaps;
	uint64_t unpaired;
};

struct mt_ledger_site {
	uint64_t stack; /* 0: none could be taken */
	enum mt_ledger_kind kind;
	uint64_t cnt; /* calls that added bytes */
	uint64_t bytes;
	uint64_t live_bytes;
	uint64_t at_peak_bytes; /* their sum over all sites is peak_bytes */
};

struct mt_ledger_range {
	uint64_t start;
	uint64_t end;
	uint64_t stack;
	enum mt_ledger_kind kind;
	bool arena;	/* a heap of a glibc per-thread arena */
	uint32_t maker; /* brk: always unknown */
};

int mt_ledger_new(struct mt_ledger **out);
void mt_ledger_free(struct mt_ledger **ledger);

/*
 * A call that unmaps or replaces a range has begun in thread tid: munmap, or mmap with
 * MAP_FIXED. It ends with mt_ledger_munmap(), mt_ledger_mmap() or mt_ledger_fail().
 */
int mt_ledger_begin(struct mt_ledger *l, uint32_t tid, uint64_t start, uint64_t len);

/* The same for mremap; it ends with mt_ledger_mremap() or mt_ledger_fail(). */
int mt_ledger_begin_mremap(struct mt_ledger *l, uint32_t tid, const struct mt_ledger_mremap *call);

/* Thread tid's call failed. Harmless when it had none in flight. */
int mt_ledger_fail(struct mt_ledger *l, uint32_t tid);

/* Success of mmap (with or without a begin), munmap, mremap (result: the new address). */
int mt_ledger_mmap(struct mt_ledger *l, uint32_t tid, const struct mt_ledger_mmap *call,
		   uint64_t ts_ns);
int mt_ledger_munmap(struct mt_ledger *l, uint32_t tid, uint64_t start, uint64_t len);
int mt_ledger_mremap(struct mt_ledger *l, uint32_t tid, const struct mt_ledger_mremap *call,
		     uint64_t result, uint64_t stack, uint64_t ts_ns);

/* The break went from old_brk to new_brk; equal ones change nothing. */
int mt_ledger_brk(struct mt_ledger *l, uint64_t old_brk, uint64_t new_brk, uint64_t stack,
		  uint64_t ts_ns);

/* The range that holds addr; false when there is none, or it is in flight. */
bool mt_ledger_find(const struct mt_ledger *l, uint64_t addr, struct mt_ledger_range *out);

/*
 * The ranges that reach into [start, end), in their order. A callback returns 0 to go on or -errno
 * to stop, which is then returned.
 */
int mt_ledger_each_range(const struct mt_ledger *l, uint64_t start, uint64_t end,
			 int (*cb)(const struct mt_ledger_range *range, void *arg), void *arg);

/* Address space that glibc's per-thread arenas reserve; O(ranges). */
uint64_t mt_ledger_arena_bytes(const struct mt_ledger *l);

/* Valid as long as the ledger, and up to date after every call. */
const struct mt_ledger_totals *mt_ledger_totals(const struct mt_ledger *l);

/* A callback as above. */
int mt_ledger_each_site(const struct mt_ledger *l,
			int (*cb)(const struct mt_ledger_site *site, void *arg), void *arg);

#endif
