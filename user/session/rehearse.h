/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * rehearse.h: what a hit costs more than its trap and its program.
 *
 * The price of a trap (calibrate.h) is that of a loop that does nothing else. A program that is
 * probed also finds its caches and branch predictors used by us: another tenth or more. So a child
 * of ours allocates and frees for some milliseconds, alone and under the loaded programs, and what
 * its CPU time has grown by more than they account for, is added to the prices of all hits.
 *
 * A host is faster and slower by turns, and so are traps. How fast it was tells what our program
 * takes for a hit that is only counted (pacer.h: a census), which is the same code each time.
 *
 * One thread, before there are targets: what the child leaves in the kernel's maps and rings is
 * dropped. Errors are -errno, not logged: the prices are then left as they were.
 */
#ifndef MT_SESSION_REHEARSE_H
#define MT_SESSION_REHEARSE_H

struct mt_kernel;
struct mt_locator;

int mt_rehearse(struct mt_kernel *k, struct mt_locator *locator);

#endif
