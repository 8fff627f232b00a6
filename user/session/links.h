/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * links.h: the probes in one file, for one process.
 *
 * Which kind of link it gets the kernel object says (enum mt_link_kind), but in a crowd: when
 * more than MT_PROBES_CROWD processes have probes in the file, those that come later share one
 * event for each function. Their hits carry no process; the BPF side is told to count them.
 *
 * Return probes come first: a return without an entry is ignored, an entry without a return
 * would leave a call pending. The caller closes the counted window (mt_kernel_control) around
 * opening, so that no block is seen whose release is not.
 *
 * A set holds file descriptors only: dying removes the breakpoints, and so does freeing it, soon
 * (closer.h).
 * One thread. Errors are -errno, not logged: -ESRCH when the process has ended.
 */
#ifndef MT_SESSION_LINKS_H
#define MT_SESSION_LINKS_H

#include <stdbool.h>
#include <sys/types.h>

struct mt_kernel;
struct mt_links;
struct mt_probe_target;

struct mt_links_options {
	bool entry_only; /* return probes would harm it */
	bool alone;	 /* never by shared events: it runs in its parent's address space */
};

int mt_links_open(struct mt_links **out, struct mt_kernel *k, pid_t tgid,
		  const struct mt_probe_target *target, const struct mt_links_options *options);
void mt_links_free(struct mt_links **links);

/* The file that the probes are in. */
const struct mt_probe_target *mt_links_target(const struct mt_links *links);

#endif
