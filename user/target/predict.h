/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * predict.h: the allocators that a process will map which has only just been executed.
 *
 * Its dynamic linker has not run yet. So this looks for what that will load, as it will:
 * what is preloaded, and what the program needs, and what that needs; by RPATH, RUNPATH,
 * LD_LIBRARY_PATH, and in the usual directories below the process's root, not by the
 * linker's cache. What it misses is found when it has been mapped; what it finds too much
 * costs a probe that is never hit.
 *
 * A target belongs to the locator, which reads each file once. Not thread-safe, as the
 * locator is not. Errors are -errno, as in locate.h.
 */
#ifndef MT_TARGET_PREDICT_H
#define MT_TARGET_PREDICT_H

#include <stddef.h>
#include <sys/types.h>

struct mt_locator;
struct mt_probe_target;

/* Returns as mt_locator_find does. A file that cannot be found is not an error. */
int mt_locator_predict(struct mt_locator *l, pid_t pid, const struct mt_probe_target **out,
		       size_t max);

#endif
