/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * rusage COMMAND...: runs it and appends its pid, what it is and its ru_maxrss, as wait4 says
 * it, to the file that MT_TRUTH names; a compiler driver takes it as its -wrapper.
 */
#include <sys/resource.h>
#include <sys/wait.h>
#include "truth.h"

int main(int argc, char **argv)
{
	const char *path = getenv("MT_TRUTH"), *name;
	struct rusage used;
	char line[256];
	int status, fd, len;
	pid_t pid;

	if (argc < 2 || !path)
		truth_die("rusage: MT_TRUTH=FILE rusage COMMAND...");
	pid = vfork();
	if (pid == 0) {
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &used) != pid)
		truth_die("rusage: cannot run it");
	name = strrchr(argv[1], '/');
	len = snprintf(line, sizeof(line), "{\"pid\":%d,\"comm\":\"%.64s\",\"rss_bytes\":%ld}\n",
		       pid, name ? name + 1 : argv[1], used.ru_maxrss * 1024);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
	if (fd < 0 || write(fd, line, len) != len)
		truth_die("rusage: cannot write");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
