/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * launcher fork|vfork: 200 MiB large when it executes itself as a child of 8 MiB, which says
 * how large it is by /proc/self/smaps_rollup: the launcher's size must not be taken for its own.
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include "truth.h"

#define MIB (1UL << 20)

SITE void touch(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		truth_die("launcher: cannot map");
}

/* The kernel walks the pages for this, so it is exact. */
static long rss_bytes(void)
{
	static char text[4096];
	int fd = open("/proc/self/smaps_rollup", O_RDONLY);
	ssize_t len = read(fd, text, sizeof(text) - 1);
	const char *line = len > 0 ? strstr(text, "\nRss:") : NULL;

	if (!line)
		truth_die("launcher: cannot tell its size");
	close(fd);
	return strtol(line + 5, NULL, 10) * 1024;
}

static int launch(bool with_vfork, char *self)
{
	char *const argv[] = { self, "child", NULL };
	pid_t pid = with_vfork ? vfork() : fork();
	int status;

	if (pid == 0) {
		execv("/proc/self/exe", argv);
		_exit(1);
	}
	return pid < 0 || waitpid(pid, &status, 0) != pid || status;
}

int main(int argc, char **argv)
{
	bool child = argc > 1 && !strcmp(argv[1], "child");
	int failed = 0;

	touch(child ? 8 * MIB : 200 * MIB);
	truth.now.rss_bytes = rss_bytes();
	if (!child)
		failed = launch(argc > 1 && !strcmp(argv[1], "vfork"), argv[0]);
	nap_ms(250); /* long enough for a tick of the recorder */
	truth_write();
	return failed;
}
