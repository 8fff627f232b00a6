/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * vforks: vfork children that allocate and free. The heap is their parent's, so is the truth,
 * until one executes leaf.
 */
#include <sys/wait.h>
#include "truth.h"

SITE void *in_parent(size_t n)
{
	return T_MALLOC(n);
}

SITE void *in_vforked(size_t n)
{
	return T_MALLOC(n);
}

static void *volatile kept;
static void *volatile given;

/* What a vfork child does before it goes; a function of its own, as its stack is the parent's. */
SITE void work(int i)
{
	kept = in_vforked(600 + i);
	T_FREE(in_vforked(100));
	T_FREE(given);
}

SITE void launch(int i, char *leaf)
{
	char *const argv[] = { leaf, "7", "1000", NULL };
	int status;
	pid_t pid;

	given = in_parent(50);
	in_parent(51);
	pid = vfork();
	if (pid == 0) {
		work(i);
		if (leaf)
			execv(leaf, argv);
		_exit(leaf ? 1 : 0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		truth_die("vforks: the child failed");
	if (i % 2)
		T_FREE(kept);
}

int main(int argc, char **argv)
{
	for (int i = 0; i < 6; i++)
		launch(i, argc > 1 && i >= 4 ? argv[1] : NULL);
	truth_write();
	return 0;
}
