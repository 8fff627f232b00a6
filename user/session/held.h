/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * held.h: the session's side of a launched command: what is done while a process is held at
 * fork, exec and exit (hold.h).
 *
 * One thread; errors are -errno and logged.
 */
#ifndef MT_SESSION_HELD_H
#define MT_SESSION_HELD_H

struct mt_launch_signals;
struct mt_session;

/*
 * Find the command and fork the child that will run it. Sets s->hold, and s->no_ptrace where
 * the command cannot be held: its images after the first then have a gap, which is stated.
 */
int mt_held_launch(struct mt_session *s, char **argv, const struct mt_launch_signals *inherited);

#endif
