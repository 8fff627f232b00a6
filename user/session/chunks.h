/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * chunks.h: is anonymous memory that was mapped before we came glibc's malloc's?
 *
 * glibc maps a large block by itself and writes in front of it how long the mapping is, with a flag
 * (malloc/malloc.c: struct malloc_chunk, IS_MMAPPED). Where such a header is, there is such a
 * block, and its end may be the next one's beginning. Blocks with a larger alignment than usual
 * have their header elsewhere and are not told, and with them what is behind.
 *
 * Reads the target's memory, two words for each block. One thread; no errors: what cannot be read
 * is not told.
 */
#ifndef MT_SESSION_CHUNKS_H
#define MT_SESSION_CHUNKS_H

#include <stdint.h>

/*
 * The end of the last of those that lead on from `start`, which is returned where there is none.
 * memory: /proc/PID/mem.
 */
uint64_t mt_chunks_end(int memory, uint64_t start, uint64_t end);

#endif
