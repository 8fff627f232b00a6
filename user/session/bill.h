/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * bill.h: what the resident memory of a process consists of, at one moment.
 *
 * The resident bytes of each mapping are those of smaps, which the kernel counts page by page.
 * Their sum is rss_bytes, and each byte of it is in one part. An anonymous mapping is first cut
 * where the ledger's ranges and the threads' stacks end; what of each piece is resident pagemap
 * tells.
 *
 * allocator: pieces that were mapped in the course of a probed call, or by an allocator's code;
 *   [heap]; heaps of glibc's arenas, by their size and alignment, and its mapped blocks, by their
 *   headers; pieces in which a block that we know lies, or a burst saw one and nobody else is known
 *   to have made them.
 * stacks: of threads that live; what pthread_create mapped (glibc keeps stacks of threads that have
 *   ended); [stack].
 * file: mappings of files, also what of them was written and is a copy (.data).
 * shmem: mappings of tmpfs files, by name or not: memfd, System V, MAP_SHARED.
 * other_anon: what the program itself mapped; .bss; mappings that have another name.
 * unexplained: anonymous memory that was mapped before the attach, or of whose stack too little is
 *   known, and that nothing of the above tells; and what went while we read.
 *
 * heap_live_bytes is the resident part of the blocks that live: of each block the bytes, as they
 * were asked for, that lie on resident pages. It is exact for a process that stands still, as at
 * its exit; one that runs on meanwhile moves it by what it does in that time. With sampled blocks,
 * each of which stands for several, it is an estimate. The rest of the allocator's part is what it
 * retains: free blocks, headers, rounding, fragmentation.
 *
 * Ownership: a bill owns its names until mt_bill_fini(). Not thread-safe. Sizes are bytes.
 * Errors are -errno, not logged: -ESRCH, the process has ended.
 */
#ifndef MT_SESSION_BILL_H
#define MT_SESSION_BILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mt_ledger;
struct mt_pagemap;
struct mt_smaps;

#define MT_BILL_MAPPINGS 20 /* the largest are kept */

enum mt_bill_part {
	MT_BILL_ALLOCATOR,
	MT_BILL_STACKS,
	MT_BILL_FILE,
	MT_BILL_SHMEM,
	MT_BILL_OTHER_ANON,
	MT_BILL_UNEXPLAINED,
	MT_BILL_PARTS
};

/* Mappings of one name, in one part. */
struct mt_bill_mapping {
	enum mt_bill_part part;
	char *name; /* as /proc has it, "[bss] FILE", or a word in brackets for those without */
	int64_t rss_bytes;
};

struct mt_bill {
	int64_t at_ns;
	int64_t rss_bytes;
	int64_t bytes[MT_BILL_PARTS];
	int64_t heap_live_bytes;     /* -1: unknown */
	bool blind;		     /* some memory was too large to be looked at */
	int64_t page_tables_bytes;   /* -1: unknown; this and the next are beside RSS */
	int64_t kernel_stacks_bytes; /* likewise */
	struct mt_bill_mapping mappings[MT_BILL_MAPPINGS];
	size_t nr_mappings;
};

struct mt_bill_range {
	uint64_t start;
	uint64_t end;
};

struct mt_bill_block {
	uint64_t start;
	uint64_t end;
	uint64_t stack;	    /* this and the function are its site */
	uint64_t rss_bytes; /* of it, filled */
	uint32_t func;
	uint32_t weight; /* of as many blocks; 0: there was one, once */
};

struct mt_bill_input {
	const struct mt_smaps *smaps;
	struct mt_pagemap *pagemap;
	const struct mt_ledger *ledger;
	/* What the ledger does not know; NULL: nobody does. An enum mt_maker, by the stack of
	 * mmap... */
	uint32_t (*maker)(void *arg, uint64_t stack);
	/* ... and up to where memory of unknown make is an allocator's by what is in it. */
	uint64_t (*heap_end)(void *arg, uint64_t start, uint64_t end);
	void *arg;
	const struct mt_bill_range *stacks; /* of threads, rising, disjoint */
	size_t nr_stacks;
	struct mt_bill_block *blocks; /* rising */
	size_t nr_blocks;
	bool all_blocks; /* those of some weight are all that live */
};

/* Fills all but the time and what is beside RSS; and what is resident of each block. */
int mt_bill_make(struct mt_bill *out, const struct mt_bill_input *input);
void mt_bill_fini(struct mt_bill *bill);

#endif
