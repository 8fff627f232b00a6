/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * launch.h: a command as a child that waits, before its exec, until it is let go.
 *
 * The child has memtide's standard streams, process group and terminal, and the signal mask
 * and dispositions that memtide itself inherited, so it runs as if started without memtide.
 * Between mt_launch_fork() and mt_launch_exec() it waits in a read from a pipe; if memtide
 * dies meanwhile it leaves without having run anything. It does not know whether it is traced.
 *
 * A struct mt_launch owns two descriptors but not the child: whoever forked it waits for it.
 * Not thread-safe. Errors are -errno; mt_launch_find() and mt_launch_exec() log theirs.
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

struct mt_launch {
	pid_t pid;
	int gate_fd;  /* a byte written here lets the child exec */
	int error_fd; /* carries the exec's errno; closed by an exec that succeeds */
};

void mt_launch_signals_save(struct mt_launch_signals *out);

/*
 * The file that execvp(3) would run for this name: *path is malloced. -ENOENT: none found;
 * -EACCES: found but not executable. A shell says 127 and 126 for these.
 */
int mt_launch_find(const char *name, char **path);

/* Forks the waiting child. A NULL inherited leaves signals as memtide has them. */
int mt_launch_fork(struct mt_launch *out, const char *path, char **argv,
		   const struct mt_launch_signals *inherited);

/* Opens the gate; mt_launch_exec_result() then says how the exec went. */
int mt_launch_exec(struct mt_launch *l);

/*
 * Waits for at most timeout_ms: 0 when the exec succeeded (or a signal ended the child before
 * it), -EAGAIN when it is not known yet, else the exec's error, not logged.
 */
int mt_launch_exec_result(struct mt_launch *l, int timeout_ms);

/* Closes the descriptors; a child still waiting at the gate then leaves. */
void mt_launch_close(struct mt_launch *l);

#endif
