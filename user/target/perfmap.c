// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/perfmap.h"

#include <errno.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "target/locate.h"
#include "util/cleanup.h"

/* Three clocks are cut down to seconds. */
#define INEXACT_S 3

static bool is_older(const struct stat *st, uint64_t born_ns)
{
	struct timespec now, running;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &running);
	return st->st_mtim.tv_sec + INEXACT_S <
	       now.tv_sec - running.tv_sec + (int64_t)(born_ns / 1000000000);
}

int mt_perfmap_open(int root_fd, pid_t inner_pid, uid_t owner, uint64_t born_ns)
{
	_close_ int fd = -1;
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "tmp/perf-%d.map", inner_pid);
	fd = mt_locate_open_regular(root_fd, path, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
	if (fd < 0 || fstat(fd, &st))
		return -ENOENT;
	if ((st.st_uid != 0 && st.st_uid != owner) || st.st_mode & (S_IWGRP | S_IWOTH))
		return -ENOENT;
	if (is_older(&st, born_ns))
		return -ENOENT;
	return TAKE_FD(fd);
}
