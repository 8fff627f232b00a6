/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * launch.h: a command as a child that waits, before its exec, until it is let go.
 *
 * The child has memtide's standard streams, process group and terminal, and the signal mask
 * and dispositions that memtide itself inherited, so it runs as if started without memtide.
 * Between mt_launch_fork() and mt_launch_exec() it waits in a read from a socket; if memtide
 * dies meanwhile it leaves without having run anything. It does not know whether it is traced.
 *
 * The caller owns the descriptor and the child: closes the one, waits for the other.
 * Not thread-safe. Errors are -errno, logged but for mt_launch_exec_result().
 */
#ifndef MT_SESSION_LAUNCH_H
#define MT_SESSION_LAUNCH_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/* What a command must get back. Saved before memtide blocks or ignores any signal. */
struct mt_launch_signals {
	sigset_t mask;
	sigset_t ignored;
};

void mt_launch_signals_save(struct mt_launch_signals *out);

/*
 * The file that execvp(3) would run for this name: *path is malloced. -ENOENT: none found;
 * -EACCES: found but not executable. A shell says 127 and 126 for these.
 */
int mt_launch_find(const char *name, char **path);

/*
 * Forks the waiting child and returns its pid. *gate is one end of a socket: a byte lets the
 * child exec, closing it makes the child leave, and what comes back is how the exec went.
 */
pid_t mt_launch_fork(int *gate, const char *path, char **argv,
		     const struct mt_launch_signals *inherited);

/* Lets the child exec; mt_launch_exec_result() then says how that went. */
void mt_launch_exec(int gate);

/*
 * Waits for at most timeout_ms: 0 when the exec succeeded (or a signal ended the child before
 * it), -EAGAIN when it is not known yet, else the exec's error.
 */
int mt_launch_exec_result(int gate, int timeout_ms);

#endif
