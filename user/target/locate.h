/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * locate.h: the files that processes run code from, opened while they can be reached.
 *
 * A process may run in another mount namespace, and the file it maps may have been deleted
 * or replaced. A struct mt_locator finds the very file, opens it once however many processes
 * map it (a file is told by device, inode, size and time of change), reads it once, and
 * keeps the descriptor: for attaching probes, and for symbols when the recording ends.
 *
 * The locator owns every struct mt_probe_target it hands out; they live until
 * mt_locator_free. One descriptor stays open per distinct file, so raise RLIMIT_NOFILE. Not
 * thread-safe.
 *
 * Errors are -errno: -ESRCH the process is gone, -EACCES it is not ours to look at, -ENOENT
 * the file cannot be reached any more, -ENOEXEC the mapping is not of a regular file.
 */
#ifndef MT_TARGET_LOCATE_H
#define MT_TARGET_LOCATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "target/allocator.h"

struct mt_locator;
struct mt_maps;
struct mt_mapping;

/* A file with code. To attach by path, use /proc/self/fd/<fd>. */
struct mt_probe_target {
	int fd;		/* read-only */
	char *path;	/* as the first process that mapped it sees it */
	char *build_id; /* hex; NULL if it has none or is not ELF */
	dev_t dev;
	ino_t inode;
	off_t size;
	struct timespec mtime;
	struct mt_allocator allocator; /* nr_sites 0: it is none */
	bool foreign_malloc;	       /* it defines malloc, and is no allocator that we know */
};

int mt_locator_new(struct mt_locator **out);
void mt_locator_free(struct mt_locator **locator);

/* The file that `mapping` of process `pid` maps. */
int mt_locator_open(struct mt_locator *l, pid_t pid, const struct mt_mapping *mapping,
		    const struct mt_probe_target **out);

/*
 * The allocators that a live process has mapped. Returns how many of them are in `out`, 0
 * for none, or -errno. A file that cannot be reached is an error only if nothing was found.
 */
int mt_locator_find(struct mt_locator *l, pid_t pid, const struct mt_maps *maps,
		    const struct mt_probe_target **out, size_t max);

/*
 * The allocators that a process will probably map that has only just been executed: those in
 * the usual directories below its root. Returns as mt_locator_find does.
 */
int mt_locator_predict(struct mt_locator *l, pid_t pid, const struct mt_probe_target **out,
		       size_t max);

/*
 * A file opened before: by build id where `build_id` is not NULL, else by path. NULL if there
 * is none, or if several files without a build id had that path.
 */
const struct mt_probe_target *mt_locator_lookup(const struct mt_locator *l, const char *path,
						const char *build_id);

/* Opens a regular file read-only, and nothing else: a FIFO would block, a device may act. */
int mt_locate_open_regular(int dirfd, const char *path, uint64_t resolve);

#endif
