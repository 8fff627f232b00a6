/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * capability.h: which of the kernel's capabilities (capabilities(7)) this process may use.
 *
 * Thread-safe; nothing is allocated. What the kernel does not tell counts as not had.
 */
#ifndef MT_UTIL_CAPABILITY_H
#define MT_UTIL_CAPABILITY_H

#include <stdbool.h>

/* CAP_* of linux/capability.h */
bool mt_capability_has(unsigned int number);

struct mt_capability_names {
	char s[64];
};

/*
 * Those of CAP_BPF and CAP_PERFMON, which loading and attaching programs takes, that are missing:
 * "CAP_BPF and CAP_PERFMON"; "" where none is. CAP_SYS_ADMIN stands for both. By value, as units.h
 * has it.
 */
struct mt_capability_names mt_capability_missing(void);

#endif
