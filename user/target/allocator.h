/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * allocator.h: the catalogue of allocators: which file is one, and where to probe it.
 *
 * The catalogue is a table (allocator.c); another allocator is another row. A file is
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

struct mt_probe_site {
	enum mt_func func;
	const char *function;
	uint64_t file_offset;	  /* of the probed instruction */
	uint32_t function_offset; /* of it in the function */
	enum mt_placement placement;
	bool wants_return;    /* the function's result matters */
	uint32_t code_before; /* bytes of the allocator's own code before and after the probe */
	uint32_t code_after;
};

struct mt_allocator {
	char name[32]; /* "glibc 2.36"; "" for a library that only creates threads */
	struct mt_probe_site sites[MT_FUNC_MAX]; /* one per function address */
	size_t nr_sites;
};

/* -ENOENT: not an allocator that we know. -ENOEXEC: one that is damaged. */
int mt_allocator_recognise(struct mt_elf *elf, struct mt_allocator *out);

/* The library that catalogue row `i` is found in, as "libc.so.6"; NULL beyond the last. */
const char *mt_allocator_soname(size_t i);

#endif
