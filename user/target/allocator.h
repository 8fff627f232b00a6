/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * allocator.h: the catalogue of allocators: which file is one, and where to probe it.
 *
 * The catalogue is data (catalogue.h); another allocator is another row. A file is
 * recognised by what it defines, never by its path. Offsets are bytes in the file. A match
 * points only to static strings and needs no free. Thread-safe as far as the mt_elf is.
 */
#ifndef MT_TARGET_ALLOCATOR_H
#define MT_TARGET_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/placement.h"
#include "wire.h"

struct mt_elf;

/* More than one file can have: each name once, and one malloc without a prefix. */
#define MT_ALLOCATOR_SITES_MAX 256

struct mt_probe_site {
	enum mt_func func;
	char function[64];    /* as the file calls it: "_rjem_malloc", "_Znwm"; else 0xADDRESS */
	uint64_t file_offset; /* of the probed instruction */
	uint32_t function_offset; /* of it in the function */
	uint32_t function_bytes;  /* 0: unknown */
	uint32_t entry; /* where in the function it can always be: behind its first nops */
	enum mt_placement placement;
	bool needs_trial; /* to be tried in a child before it is used (session/trial.h) */
	bool refused;	  /* there is no place for it */
	bool optional;	  /* without it blocks are not seen, and no block is lost */
	enum mt_result result;
	/* Numbers of the arguments, 1 to 3, 0: it has none; and where they are, enum mt_arg. */
	uint8_t size_arg, factor_arg, block_arg;
	uint8_t size_at, factor_at, block_at; /* a size without a factor has that of ONE */
	/* Callers at [probe + from, probe + to) are the allocator itself; both 0: not known. */
	int32_t internal_from;
	int32_t internal_to;
};

struct mt_allocator {
	char name[64]; /* "glibc 2.36", "musl 1.2.3,jemalloc 5.3.0"; "": it only creates threads */
	/* One per function, and the `ret`s of those that may throw, each once (MT_FUNC_RET). */
	struct mt_probe_site sites[MT_ALLOCATOR_SITES_MAX];
	size_t nr_sites;
};

/*
 * Every allocator of the catalogue that the file defines, in one. `prefix` may be NULL; else the
 * user says that the standard functions are there, under names that begin so.
 * A function that cannot be probed has a site that is refused. -ENOENT: not an allocator that we
 * know. -ENOEXEC: one that is damaged. `out` is then of no use.
 */
int mt_allocator_recognise(struct mt_elf *elf, const char *prefix, struct mt_allocator *out);

/* Has the file a malloc whose name begins so? */
bool mt_allocator_has_malloc(struct mt_elf *elf, const char *prefix);

/* Is the function that begins at `file_offset` probed? */
bool mt_allocator_has(const struct mt_allocator *a, uint64_t file_offset);

/* The same site at the function's entry, as yet untried there; a `ret` stays where it is. */
void mt_probe_site_to_entry(struct mt_probe_site *site);

/*
 * Takes the refused sites out, if the heap can be known without them. Else the first that it
 * cannot be known without is handed back, and nothing is changed.
 */
const struct mt_probe_site *mt_allocator_drop_refused(struct mt_allocator *a);

#endif
