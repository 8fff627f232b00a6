/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * bills.h: when a program's resident memory is itemised (bill.h): near its peak, and at its end.
 *
 * Near its peak: whenever a tick finds resident memory 5% above where it was at the last such
 * bill; the highest bill is kept. At its end: while it is held at its exit, with its memory still
 * there, or when the recording stops. A program that was replaced by exec, or ended without being
 * held, has none; what it had just before is not known.
 *
 * Reading smaps holds the target's mmap lock, so time is bought: the session earns a share of the
 * time that passes (a part of the budget; 1% where there is none), up to MT_BILLS_CREDIT_NS, and
 * a bill is taken while there is credit, be it the last bit. One that takes long so keeps the next
 * ones away for long. A program's last bill, at its exit, may also be paid from its own life, at
 * five times the share, so that many short programs are not slowed down by theirs. The launched
 * command's own exit and the stop of the recording are not asked. Of what was spent the part that
 * reads a program's memory is counted against it, as if it had stood still meanwhile.
 *
 * Where blocks are is read from the kernel once for all programs of a tick: half a microsecond for
 * each, so 300,000 of them keep the next bill away for 15 s.
 *
 * Ownership: a struct mt_bills owns its bills, a budget the blocks of the tick. One thread. Times
 * are nanoseconds of CLOCK_MONOTONIC, sizes bytes. A bill that fails is not taken; nothing is
 * returned or logged: that a process has just ended is normal.
 */
#ifndef MT_SESSION_BILLS_H
#define MT_SESSION_BILLS_H

#include "session/bill.h"

#define MT_BILLS_CREDIT_NS 5000000LL
#define MT_BILLS_SEEN	   512

struct mt_program;
struct mt_session;

/* Blocks so large that pages of them may be missing. */
#define MT_BILLS_LARGE_BYTES (64LL << 10)

/* Those of a site that live, each as often as it weighs. */
struct mt_bills_large {
	uint64_t stack;
	uint32_t func;
	int64_t bytes;
	int64_t resident_bytes;
};

/* Of a program; zero is none. */
struct mt_bills {
	struct mt_bill *peak; /* NULL: none was taken; this and the next may be the same */
	struct mt_bill *end;
	int64_t reached_bytes; /* what the kernel's counter said at the highest */
	int64_t cost_ns;       /* of reading the program's memory */
	bool changed;	       /* since the drain wrote them */
	/* What lives in large blocks, by site, when `end` was taken; rising. */
	struct mt_bills_large *large;
	size_t nr_large;
	bool large_known;
	/* Where blocks were that are not followed any more, the last one of a place; 0: none. */
	uint64_t seen[MT_BILLS_SEEN];
};

void mt_bills_fini(struct mt_bills *bills);

/* A block at `addr` outlives the burst that saw it: an allocator's memory is there. */
void mt_bills_see(struct mt_bills *bills, uint64_t addr);

/* Of the site at the end; of zeroes, where it has none. False: that is not known. */
bool mt_bills_large_of(const struct mt_bills *bills, uint64_t stack, uint32_t func,
		       struct mt_bills_large *out);

/* Has resident memory grown enough? */
bool mt_bills_due(const struct mt_bills *bills, int64_t rss_bytes);

struct mt_bills_block;

/* Of a session. */
struct mt_bills_budget {
	double share;
	int64_t credit_ns;
	int64_t earned_ns; /* a time: up to then */
	struct mt_bills_block *blocks;
	size_t nr_blocks;
	size_t room_blocks;
	bool blocks_read;
};

/* budget_pct: of the targets' CPU time; 0: there is none. */
void mt_bills_budget_init(struct mt_bills_budget *b, double budget_pct, int64_t now_ns);
void mt_bills_budget_fini(struct mt_bills_budget *b);
bool mt_bills_budget_allows(struct mt_bills_budget *b, int64_t now_ns);
/* The last bill of a program that lived so long and is so large. */
bool mt_bills_budget_allows_last(const struct mt_bills_budget *b, int64_t life_ns,
				 int64_t rss_bytes);
void mt_bills_budget_spend(struct mt_bills_budget *b, int64_t cost_ns);

/* What was read of blocks will be old. */
void mt_bills_forget_blocks(struct mt_bills_budget *b);

/* After a look at the program, with all events dealt with. */
void mt_bills_tick(struct mt_session *s, struct mt_program *p);
void mt_bills_end(struct mt_session *s, struct mt_program *p);

#endif
