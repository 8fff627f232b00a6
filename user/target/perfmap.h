/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * perfmap.h: the names of code that a process has compiled itself, as its runtime tells perf:
 * /tmp/perf-PID.map (Linux: tools/perf/Documentation/jit-interface.txt).
 *
 * /tmp is everybody's, so the file must be owned by root or by who runs the process, be
 * nobody else's to write, and be there itself: no link is followed, on no part of the path.
 * It is that of the process's own root directory, under the pid that it has in its own
 * namespace. Pids come again: what was last written before the process began is of another one.
 *
 * Nothing is owned but the descriptor that is handed out. Thread-safe. Errors are -errno:
 * -ENOENT there is none that is acceptable.
 */
#ifndef MT_TARGET_PERFMAP_H
#define MT_TARGET_PERFMAP_H

#include <stdint.h>
#include <sys/types.h>

struct mt_perfmap {
	uint32_t process; /* the capture's number of the process */
	int fd;
};

/* `born_ns`: when the process began, CLOCK_BOOTTIME as /proc has it. */
int mt_perfmap_open(int root_fd, pid_t inner_pid, uid_t owner, uint64_t born_ns);

#endif
