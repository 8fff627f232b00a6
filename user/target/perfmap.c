// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/perfmap.h"

#include <errno.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>

#include "target/locate.h"
#include "util/cleanup.h"

int mt_perfmap_open(int root_fd, pid_t inner_pid, uid_t owner)
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
	return TAKE_FD(fd);
}
