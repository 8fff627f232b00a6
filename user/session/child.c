// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/child.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sched.h>

pid_t mt_child_fork(void)
{
	struct clone_args args = { .exit_signal = 0 };
	pid_t parent = getpid();
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid)
		return pid < 0 ? -errno : pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1); /* it ended before it could be told of */
	return 0;
}

int mt_child_wait(pid_t pid)
{
	int status;

	/* Without __WALL only children that raise SIGCHLD are waited for. */
	while (waitpid(pid, &status, __WALL) < 0)
		if (errno != EINTR)
			return -errno;
	return status;
}
