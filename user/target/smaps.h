/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * smaps.h: what of each mapping of a process is resident, from /proc/PID/smaps.
 *
 * Reading it makes the kernel walk the page tables of the process, some mappings at a time, with
 * its mmap lock held: dear for a large one. A struct mt_smaps is a snapshot and owns its paths.
 * Mappings rise and do not overlap, as in maps.h. Sizes are bytes. Not thread-safe while it is
 * changed, which only mt_smaps_free does.
 *
 * Errors are -errno: -ESRCH when there is no such process, -EACCES, -EBADMSG for text that is not
 * an smaps file or ends within a mapping. A process that has no address space has no mappings,
 * which is no error.
 */
#ifndef MT_TARGET_SMAPS_H
#define MT_TARGET_SMAPS_H

#include <stdio.h>

#include "target/maps.h"

struct mt_smap {
	struct mt_mapping m;
	int64_t rss_bytes;
	bool shmem; /* of a tmpfs: shared memory, be it a file by name or not */
};

struct mt_smaps {
	struct mt_smap *v;
	size_t nr;
	size_t room;
};

int mt_smaps_load(struct mt_smaps **out, pid_t pid);

/* Without `shmem`, which the text does not say. */
int mt_smaps_read(struct mt_smaps **out, FILE *in);
void mt_smaps_free(struct mt_smaps **smaps);

#endif
