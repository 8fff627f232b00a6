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

static _Noreturn void run_child(int gate, int error, const char *path, char **argv,
				const struct mt_launch_signals *inherited)
{
	ssize_t n;
	char c;
	int err;

	if (inherited)
		restore_signals(inherited);
	do {
		n = read(gate, &c, 1);
	} while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(125);

	/* A path with a slash is not searched for again; a script without #! gets /bin/sh. */
	execvp(path, argv);
	err = errno;
	(void)!write(error, &err, sizeof(err));
	_exit(err == ENOENT ? 127 : 126);
}

int mt_launch_fork(struct mt_launch *out, const char *path, char **argv,
		   const struct mt_launch_signals *inherited)
{
	_close_ int gate_rd = -1, gate_wr = -1, error_rd = -1, error_wr = -1;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return mt_err(-errno, "cannot make a pipe: %s", strerror(errno));
	gate_rd = fds[0];
	gate_wr = fds[1];
	if (pipe2(fds, O_CLOEXEC))
		return mt_err(-errno, "cannot make a pipe: %s", strerror(errno));
	error_rd = fds[0];
	error_wr = fds[1];

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return mt_err(-errno, "cannot fork: %s", strerror(errno));
	if (pid == 0) {
		/* Its own copies would keep the gate from ever reading as closed. */
		close(gate_wr);
		close(error_rd);
		run_child(gate_rd, error_wr, path, argv, inherited);
	}
	*out = (struct mt_launch){
		.pid = pid,
		.gate_fd = TAKE_FD(gate_wr),
		.error_fd = TAKE_FD(error_rd),
	};
	return 0;
}

int mt_launch_exec(struct mt_launch *l)
{
	/* A child that a signal has killed meanwhile must not kill us by SIGPIPE. */
	sigset_t pipe_set, old;
	ssize_t n;

	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &pipe_set, &old);
	n = write(l->gate_fd, "", 1);
	if (n < 0 && errno == EPIPE && sigismember(&old, SIGPIPE) == 0) {
		sigtimedwait(&pipe_set, NULL, &(struct timespec){ 0 });
		n = 1;
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(TAKE_FD(l->gate_fd));
	return n == 1 ? 0 : -EIO;
}

int mt_launch_exec_result(struct mt_launch *l, int timeout_ms)
{
	struct pollfd pfd = { .fd = l->error_fd, .events = POLLIN };
	ssize_t n;
	int err;

	if (poll(&pfd, 1, timeout_ms) <= 0)
		return -EAGAIN;
	n = read(l->error_fd, &err, sizeof(err));
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return n == sizeof(err) ? -err : 0;
}

void mt_launch_close(struct mt_launch *l)
{
	mt_cleanup_fd(&l->gate_fd);
	mt_cleanup_fd(&l->error_fd);
}
