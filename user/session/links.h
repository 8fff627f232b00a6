/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * links.h: the probes in one file, for one process.
 *
 * With uprobe_multi two links serve all functions of the file, with perf events there is one
 * for each; which it is, the kernel object says. Return probes come first: a return without
 * an entry is ignored, an entry without a return would leave a call pending. The caller
 * closes the counted window (mt_kernel_control) around opening, so that no block is seen
 * whose release is not.
 *
 * A set holds file descriptors only: dying removes the breakpoints, and so does freeing it, soon
 * (closer.h).
 * One thread. Errors are -errno, not logged: -ESRCH when the process has ended.
 */
#ifndef MT_SESSION_LINKS_H
#define MT_SESSION_LINKS_H

#include <sys/types.h>

struct mt_kernel;
struct mt_links;
struct mt_probe_target;

int mt_links_open(struct mt_links **out, const struct mt_kernel *k, pid_t tgid,
		  const struct mt_probe_target *target);
void mt_links_free(struct mt_links **links);

/* The file that the probes are in. */
const struct mt_probe_target *mt_links_target(const struct mt_links *links);

#endif
