/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * predict.h: the order in which a process looks names up, also of what it has yet to map.
 *
 * That is the order of the files that its dynamic linker loads at the start: the program, what
 * is preloaded, then what each of them needs, breadth first. A file that is mapped has the name
 * that is looked for; what is not mapped yet is searched for as the linker will: by RPATH,
 * RUNPATH, LD_LIBRARY_PATH, and in the usual directories below the process's root, not by the
 * linker's cache. What that misses is found when it has been mapped; what it finds too much
 * costs a probe that is never hit.
 *
 * What is opened later comes behind all of it (RTLD_GLOBAL) or serves only itself, so it is not
 * in the order. Not known from outside are: what a linker was told on its own command line
 * (--preload, or the program where it is started as a command), auditors, files that put
 * themselves first (RTLD_DEEPBIND, dlmopen), and an environment that the program has
 * overwritten before it was attached to.
 *
 * A target belongs to the locator, which reads each file once. Not thread-safe, as the
 * locator is not. Errors are -errno, as in locate.h.
 */
#ifndef MT_TARGET_PREDICT_H
#define MT_TARGET_PREDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* More than any program needs; a hostile one may name files without end. */
#define MT_PREDICT_MAX 256

struct mt_locator;
struct mt_probe_target;

/*
 * `mapped`: what mt_locator_find has found. Returns how many files are in `out`, of at most
 * MT_PREDICT_MAX. A file that cannot be found is not an error.
 */
int mt_locator_predict(struct mt_locator *l, pid_t pid, const struct mt_probe_target **mapped,
		       size_t nr_mapped, const struct mt_probe_target *out[MT_PREDICT_MAX]);

/* In files of that order: is the malloc that is called one of no allocator that we know? */
bool mt_predict_is_foreign(const struct mt_probe_target *const *files, size_t nr);

#endif
