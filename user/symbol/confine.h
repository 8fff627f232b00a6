/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * confine.h: a process that can only compute.
 *
 * It is for one that reads what somebody hostile may have written, in libraries that were not
 * made for that. What it keeps: the descriptors it names, memory, its CPU. What it loses for
 * ever: every capability, every other descriptor, all system calls but those that read,
 * write, seek and look at descriptors, get memory, and end it (others fail with EPERM), and
 * executable memory.
 *
 * Not thread-safe: descriptors are the process's, system calls the calling thread's. Errors
 * are -errno; after one the process must end, as it may be confined in part.
 */
#ifndef MT_SYMBOL_CONFINE_H
#define MT_SYMBOL_CONFINE_H

#include <stddef.h>

#define MT_CONFINE_BYTES   (512ULL << 20) /* of address space, beyond what it has */
#define MT_CONFINE_SECONDS 10		  /* of CPU, beyond what it has used */

#define MT_CONFINE_FILES 8 /* descriptors at most; less than 0: none */

int mt_confine(const int *fds, size_t nr);

#endif
