/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * symbolizer.h: one module file, and what the offsets in it are called.
 *
 * Function names come from .symtab, .dynsym and .gnu_debugdata (they name every function that
 * was not inlined), those of inlined functions, files and lines from the DWARF. Both may be in a
 * separate debug file. Which one that is, the caller decides: nothing is opened here, least of
 * all by a name that a file gives (.gnu_debugaltlink, split DWARF). A unit whose functions are
 * described elsewhere has no lines: they could be those of an inlined function. DWARF of more
 * than MT_SYMBOL_DWARF_MAX bytes is left alone, and the names are all there is.
 *
 * mt_symbolizer_new borrows the descriptors, which must stay open until mt_symbolizer_free.
 * Strings that are handed out live until the next mt_symbolizer_find, and may hold any bytes.
 * Not thread-safe. Errors as in target/elf.h; damaged tables are taken as far as they go. When
 * memory ends, libdw ends the process: run it in one that may end (worker.h).
 */
#ifndef MT_SYMBOL_SYMBOLIZER_H
#define MT_SYMBOL_SYMBOLIZER_H

#include <stddef.h>
#include <stdint.h>

/* Functions at one address; where even more were inlined, the outermost is all that is named. */
#define MT_SYMBOL_DEPTH 64

/* libdw reads all debug sections at once: half of what a worker may have, confine.h. */
#define MT_SYMBOL_DWARF_MAX (256U << 20)

struct mt_symbolizer;

struct mt_symbol {
	const char *function; /* demangled, or NULL */
	const char *file;     /* or NULL */
	uint32_t line;	      /* 0: unknown */
};

/* What one address stands for, innermost first: all but the last were inlined into the next. */
struct mt_symbol_stack {
	struct mt_symbol frames[MT_SYMBOL_DEPTH];
	size_t nr; /* at least 1 */
};

/* `debug` is its debug file's, or -1; one of another build (elf.h) is ignored. */
int mt_symbolizer_new(struct mt_symbolizer **out, int fd, int debug);
void mt_symbolizer_free(struct mt_symbolizer **s);

const char *mt_symbolizer_build_id(const struct mt_symbolizer *s); /* hex, or NULL */

/* What holds the byte at `file_offset`; `out` has NULL for what is not known. -ENOMEM. */
int mt_symbolizer_find(struct mt_symbolizer *s, uint64_t file_offset, struct mt_symbol_stack *out);

#endif
