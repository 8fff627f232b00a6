/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * select.h: from what the user names (-p, -n, -c, -a) to the processes that are meant.
 *
 * Each function hands out an array of process ids, rising, each once, the caller's to free.
 * This program itself is never among them; neither are kernel threads and zombies. A process
 * may still end before it is attached to.
 *
 * Errors are -errno and have been logged in one line that says what to do: -ESRCH when there
 * is no such target, -EACCES when there is but the kernel refuses it to us, -EINVAL when
 * the text makes no sense. Thread-safe.
 */
#ifndef MT_TARGET_SELECT_H
#define MT_TARGET_SELECT_H

#include <stddef.h>
#include <sys/types.h>

/* "12,34"; a thread's id stands for its process. All must be there. */
int mt_select_pids(const char *list, pid_t **pids, size_t *nr);

/* Every process with exactly this name (as in /proc/PID/comm: at most 15 bytes). */
int mt_select_comm(const char *comm, pid_t **pids, size_t *nr);

/*
 * Every process in the cgroup and below it. `path` is a directory of a cgroup filesystem, or
 * a path in one as /proc/PID/cgroup has it; version 2 is looked at first, then the
 * hierarchies of version 1 until one has processes there.
 */
int mt_select_cgroup(const char *path, pid_t **pids, size_t *nr);

/* Every process that there is. */
int mt_select_all(pid_t **pids, size_t *nr);

#endif
