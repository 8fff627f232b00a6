/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * start.h: code that a program begins with, for which .eh_frame may say nothing: the dynamic
 * linker's, musl's. Nobody has called it: a stack is complete there.
 *
 * Thread-safe as far as the mt_elf is.
 */
#ifndef MT_UNWIND_START_H
#define MT_UNWIND_START_H

#include <stdint.h>

/* As long as glibc's dynamic linker needs; what has rows of its own is not meant. */
#define MT_START_BYTES 64

struct mt_elf;

/*
 * Its file offset; -ENOENT: there is none. Libraries name some address too: where a program
 * begins, its arguments are looked for at the stack pointer.
 */
int mt_start_find(const struct mt_elf *elf, uint64_t *offset);

#endif
