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
#include "target/build.h"

struct mt_locator;
struct mt_maps;
struct mt_mapping;
struct mt_runtime;

/* A file with code. To attach by path, use /proc/self/fd/<fd>. */
struct mt_probe_target {
	int fd;		/* read-only */
	int debug;	/* of its separate debug file; -1: it has none, or needs none */
	char *path;	/* as /proc/PID/maps had it first */
	char *build_id; /* hex; NULL if it has none or is not ELF */
	dev_t dev;
	ino_t inode;
	off_t size;
	struct timespec mtime;
	bool is_elf;			  /* a program or library for this machine */
	struct mt_allocator *allocator;	  /* NULL: it is none */
	const struct mt_runtime *runtime; /* NULL: none that we know */
	struct mt_build build;
	bool exports_malloc; /* and free, to all that is looked up after it */
	bool foreign_malloc; /* that is of no allocator that we know, or one cannot be probed */
	bool no_symbols;     /* a static program without the name of any function */
	char *soname;	     /* or NULL */
	/* What a dynamic linker would look for, to the NULL, and where; or NULL. */
	char **needed;
	char *runpath;
	bool inherits; /* runpath is also for what the files need that it needs: DT_RPATH */
};

int mt_locator_new(struct mt_locator **out);
void mt_locator_free(struct mt_locator **locator);

/*
 * What is done with an allocator before anybody else sees it: `prove` may move its sites to
 * their functions' entries, or refuse them. Without it they are as the decoder chose them.
 */
void mt_locator_set_proof(struct mt_locator *l, void (*prove)(struct mt_probe_target *, void *),
			  void *arg);

/* Who is told of every file when it is opened, once. */
void mt_locator_set_opened(struct mt_locator *l,
			   void (*opened)(const struct mt_probe_target *, void *), void *arg);

/*
 * The user says that the file at `path`, as we see it or as a process does, has the standard
 * functions of an allocator under names that begin with `prefix`, which may be "". Before any
 * file is opened. -EEXIST: it was given before.
 */
int mt_locator_add_library(struct mt_locator *l, const char *path, const char *prefix);

/*
 * Can the file at `path` be such a one: has it a malloc whose name begins so? 1, 0 or -errno. A
 * program may have it where only its debug file says so.
 */
int mt_locate_has_malloc(const char *path, const char *prefix);

/* The file that `mapping` of process `pid` maps. */
int mt_locator_open(struct mt_locator *l, pid_t pid, const struct mt_mapping *mapping,
		    const struct mt_probe_target **out);

/*
 * The files with code that a live process has mapped, each once; the array is the caller's to
 * free. Returns how many, or -errno: a file that cannot be reached is an error only if nothing
 * was found.
 */
int mt_locator_find(struct mt_locator *l, pid_t pid, const struct mt_maps *maps,
		    const struct mt_probe_target ***out);

/* The file at `path` below the directory `root`, which it does not leave. */
int mt_locator_open_below(struct mt_locator *l, int root, const char *path,
			  const struct mt_probe_target **out);

/* Adds an allocator to `out`, if it is one, is not there yet, and has room. */
void mt_locator_collect(const struct mt_probe_target *t, const struct mt_probe_target **out,
			size_t max, size_t *nr);

/*
 * A file opened before: by build id where `build_id` is not NULL, else by path. NULL if there
 * is none, or if several files without a build id had that path.
 */
const struct mt_probe_target *mt_locator_lookup(const struct mt_locator *l, const char *path,
						const char *build_id);

/* The root directory of a process, as a path of its own. */
int mt_locate_open_root(pid_t pid);

/* Opens a regular file read-only, and nothing else: a FIFO would block, a device may act. */
int mt_locate_open_regular(int dirfd, const char *path, uint64_t resolve);

#endif
