/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * symbolizer.h: one module file, and what the offsets in it are called.
 *
 * Function names come from .symtab and .dynsym (they name every function that was not
 * inlined), those of inlined functions, files and lines from the DWARF in the file itself.
 * Debug information that lies in another file is not looked for: what a hostile file names is
 * never opened. A unit whose functions are described there (split DWARF) has no lines: they
 * could be those of an inlined function.
 *
 * mt_symbolizer_new borrows the descriptor, which must stay open until mt_symbolizer_free.
 * Strings that are handed out live until the next mt_symbolizer_find, and may hold any bytes.
 * Not thread-safe. Errors as in target/elf.h; damaged tables are taken as far as they go.
 */
#ifndef MT_SYMBOL_SYMBOLIZER_H
#define MT_SYMBOL_SYMBOLIZER_H

#include <stddef.h>
#include <stdint.h>

/* Functions at one address; where even more were inlined, the outermost is all that is named. */
#define MT_SYMBOL_DEPTH 64

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

int mt_symbolizer_new(struct mt_symbolizer **out, int fd);
void mt_symbolizer_free(struct mt_symbolizer **s);

const char *mt_symbolizer_build_id(const struct mt_symbolizer *s); /* hex, or NULL */

/* What holds the byte at `file_offset`; `out` has NULL for what is not known. -ENOMEM. */
int mt_symbolizer_find(struct mt_symbolizer *s, uint64_t file_offset, struct mt_symbol_stack *out);

#endif
