/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * pagemap.h: which pages of a process have been touched, from /proc/PID/pagemap.
 *
 * By the PAGEMAP_SCAN ioctl (6.7, commit 52526ca7fdb9), which walks page tables and skips
 * what is not there; else by reading an entry for each page. Touched is present or swapped.
 * Pages of MADV_GUARD_INSTALL (6.13; glibc 2.42 makes its stack guards so) look swapped but
 * are guards: told apart from 6.15 on (commit a516403787e0), not in 6.13 and 6.14.
 *
 * The descriptor belongs to the address space that the process had when it was opened: after
 * an exec or the end nothing is found any more. Whoever opens it closes it. Not thread-safe.
 * Addresses are whole pages. Errors are -errno, not logged; -ESRCH: no such process.
 */
#ifndef MT_SESSION_PAGEMAP_H
#define MT_SESSION_PAGEMAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct mt_pagemap {
	int fd;
	bool scan;   /* PAGEMAP_SCAN works, as far as is known; false forces reading */
	bool guards; /* and knows PAGE_IS_GUARD */
};

enum mt_pages {
	MT_PAGES_TOUCHED,
	MT_PAGES_GUARD,
};

int mt_pagemap_open(struct mt_pagemap *p, pid_t pid);
void mt_pagemap_close(struct mt_pagemap *p);

/*
 * The first such page in [*start, *end): 1 and its bounds in *start and *end (of guards those
 * of the whole run), or 0: there is none.
 */
int mt_pagemap_first(struct mt_pagemap *p, enum mt_pages what, uint64_t *start, uint64_t *end);

/*
 * Runs of pages of private memory in [start, end) that are resident, in their order; the zero page,
 * which what was only read shows, is not, where scanning can tell. A callback returns 0 to go on or
 * -errno to stop, which is then returned. -EFBIG: too much to be looked at without scanning.
 */
int mt_pagemap_each_resident(struct mt_pagemap *p, uint64_t start, uint64_t end,
			     int (*cb)(uint64_t start, uint64_t end, void *arg), void *arg);

#endif
