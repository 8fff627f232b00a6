// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <paths.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/log.h"

void mt_launch_signals_save(struct mt_launch_signals *out)
{
	struct sigaction act;

	sigprocmask(SIG_SETMASK, NULL, &out->mask);
	sigemptyset(&out->ignored);
	for (int sig = 1; sig < NSIG; sig++)
		if (!sigaction(sig, NULL, &act) && act.sa_handler == SIG_IGN)
			sigaddset(&out->ignored, sig);
}

static void restore_signals(const struct mt_launch_signals *inherited)
{
	/* glibc refuses its two internal signals: they cannot have been changed either. */
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, sigismember(&inherited->ignored, sig) == 1 ? SIG_IGN : SIG_DFL);
	sigprocmask(SIG_SETMASK, &inherited->mask, NULL);
}

static int check_executable(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS))
		return -EACCES;
	return 0;
}

/* As execvp(3): the first that can be executed; what cannot is remembered and passed over. */
static int search_path(const char *name, char **path)
{
	const char *dir = getenv("PATH");
	bool denied = false;

	if (!dir)
		dir = _PATH_DEFPATH;
	for (;;) {
		int len = strcspn(dir, ":");
		_free_ char *file = NULL;
		int err;

		/* An empty entry is the current directory. */
		if (asprintf(&file, "%.*s%s%s", len, dir, len ? "/" : "./", name) < 0)
			return -ENOMEM;
		err = check_executable(file);
		if (!err) {
			*path = TAKE_PTR(file);
			return 0;
		}
		denied |= err == -EACCES;
		if (!dir[len])
			return denied ? -EACCES : -ENOENT;
		dir += len + 1;
	}
}

int mt_launch_find(const char *name, char **path)
{
	_free_ char *file = NULL;
	int err;

	if (strchr(name, '/')) {
		file = strdup(name);
		err = file ? check_executable(file) : -ENOMEM;
	} else {
		err = *name ? search_path(name, &file) : -ENOENT;
	}
	if (err)
		return mt_err(err, "cannot run %s: %s", name,
			      err == -ENOENT && !strchr(name, '/') ? "not found in PATH"
								   : strerror(-err));
	*path = TAKE_PTR(file);
	return 0;
}

static _Noreturn void run_child(int gate, const char *path, char **argv,
				const struct mt_launch_signals *inherited)
{
	ssize_t n;
	char c;
	int err;

	restore_signals(inherited);
	do {
		n = read(gate, &c, 1);
	} while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(125);

	/* A path with a slash is not searched for again; a script without #! gets /bin/sh. */
	execvp(path, argv);
	err = errno;
	send(gate, &err, sizeof(err), MSG_NOSIGNAL);
	_exit(err == ENOENT ? 127 : 126);
}

pid_t mt_launch_fork(int *gate, const char *path, char **argv,
		     const struct mt_launch_signals *inherited)
{
	_close_ int ours = -1, theirs = -1;
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return mt_err(-errno, "cannot make a socket: %s", strerror(errno));
	ours = fds[0];
	theirs = fds[1];

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return mt_err(-errno, "cannot fork: %s", strerror(errno));
	if (pid == 0) {
		/* With a copy of our end the child would never see it close. */
		close(ours);
		run_child(theirs, path, argv, inherited);
	}
	*gate = TAKE_FD(ours);
	return pid;
}

void mt_launch_exec(int gate)
{
	/* Fails only when a signal has killed the child; its wait status will say so. */
	send(gate, "", 1, MSG_NOSIGNAL);
}

int mt_launch_exec_result(int gate, int timeout_ms)
{
	struct pollfd pfd = { .fd = gate, .events = POLLIN };
	int err;

	if (poll(&pfd, 1, timeout_ms) <= 0)
		return -EAGAIN;
	/* The end of file: closed by the exec. ECONNRESET: killed with the byte unread. */
	if (recv(gate, &err, sizeof(err), MSG_WAITALL) != sizeof(err))
		return 0;
	return -err;
}
