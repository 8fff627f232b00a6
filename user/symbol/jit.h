/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * jit.h: names of code that a process has compiled itself, from its perf map.
 *
 * A line is "START SIZE NAME", the numbers in hexadecimal. Code comes and goes while lines
 * only come: of several that hold an address the last one counts. Lines that make no sense
 * are passed over, and so is one that does not end yet. The first MT_JIT_BYTES of the file are
 * read.
 *
 * The map is copied; the descriptor is not needed after mt_jit_new. Names may hold any bytes
 * but 0 and newline, live until mt_jit_free, and are cut at MT_SYMBOL_NAME_MAX. Not
 * thread-safe. Errors are -errno.
 */
#ifndef MT_SYMBOL_JIT_H
#define MT_SYMBOL_JIT_H

#include <stdint.h>

#define MT_JIT_BYTES (128U << 20)

struct mt_jit;

int mt_jit_new(struct mt_jit **out, int fd);
void mt_jit_free(struct mt_jit **jit);

/* NULL: it is in nothing that was named. */
const char *mt_jit_find(const struct mt_jit *jit, uint64_t address);

#endif
