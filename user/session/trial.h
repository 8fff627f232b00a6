/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * trial.h: tries probes in a throwaway process before they are put into a real one.
 *
 * A probe behind a function's entry rests on what a decoder made of its first instructions. A
 * mistake would lose arguments, or, with a return probe and a moved stack pointer, kill the
 * target; at an entry the kernel may refuse it. So each place is tried first, with the kernel's
 * own probe in the very file, in a process of ours (puppet.h) that runs the function up to
 * there and no further: it must be reached, by a small size and by a large one, once, with the
 * stack and frame pointers of the entry and the arguments where the site says; and the return
 * must come by the return probe where one is wanted. That a call does not come by again later
 * is the decoder's to know.
 *
 * One process and one pair of links serve all sites of a file, and another those that fail.
 * Call it from one thread; no child of ours but that process is waited for.
 */
#ifndef MT_SESSION_TRIAL_H
#define MT_SESSION_TRIAL_H

#include <stdbool.h>
#include <stddef.h>

struct mt_closer;
struct mt_probe_site;
struct mt_probe_target;

struct mt_trial_options {
	bool multi;		  /* by uprobe_multi links; else by perf events */
	struct mt_closer *closer; /* where they are closed; NULL: here, which takes longer */
};

/*
 * Tries all sites that need it. One that fails is moved to its function's entry and tried there;
 * one that fails there is refused; said with -v. Or -errno, not logged, if there could be no
 * trial: then the caller must move all that still need it.
 */
int mt_trial_run(const struct mt_probe_target *target, struct mt_probe_site *sites, size_t nr,
		 const struct mt_trial_options *options);

#endif
