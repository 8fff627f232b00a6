/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * sigreturn.h: code that returns from a signal, for which .eh_frame often says nothing.
 *
 * musl and Go have `mov $15, %rax; syscall` without a word about it; glibc describes its own.
 * Thread-safe as far as the mt_elf is.
 */
#ifndef MT_UNWIND_SIGRETURN_H
#define MT_UNWIND_SIGRETURN_H

#include <stddef.h>
#include <stdint.h>

#define MT_SIGRETURNS_MAX  16
#define MT_SIGRETURN_BYTES 9

struct mt_elf;

/* File offsets, rising; how many. Of more code than any libc has, only the first is looked at. */
size_t mt_sigreturn_find(const struct mt_elf *elf, uint64_t out[static MT_SIGRETURNS_MAX]);

#endif
