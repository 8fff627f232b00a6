/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * children NR [LEAF]: children that come and go quickly, every other one executing LEAF.
 * An image for each, and two for those that execute.
 */
#include <sys/wait.h>
#include "truth.h"

#define TOGETHER 8

SITE void *in_child(size_t n)
{
	return T_MALLOC(n);
}

SITE void *in_parent(size_t n)
{
	return T_MALLOC(n);
}

static void child(int i, char *leaf)
{
	char *const argv[] = { leaf, "3", "500", NULL };

	truth_forked();
	for (int n = 0; n < 1 + i % 4; n++)
		in_child(10 * i + n);
	T_FREE(in_child(1));
	truth_write();
	if (leaf && i % 2) {
		execv(leaf, argv);
		_exit(1);
	}
	_exit(0);
}

static void reap(void)
{
	int status;

	if (wait(&status) < 0 || status)
		truth_die("children: a child failed");
}

int main(int argc, char **argv)
{
	int nr = argc > 1 ? atoi(argv[1]) : 40;

	for (int i = 0; i < nr; i++) {
		pid_t pid;

		T_FREE(in_parent(100 + i));
		pid = fork();
		if (pid < 0)
			truth_die("children: cannot fork");
		if (pid == 0)
			child(i, argc > 2 ? argv[2] : NULL);
		if (i >= TOGETHER)
			reap();
	}
	for (int i = 0; i < nr && i < TOGETHER; i++)
		reap();
	truth_write();
	return 0;
}
