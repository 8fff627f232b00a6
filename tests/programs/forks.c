/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * forks: children that free, resize and add to what they inherited, down to a grandchild.
 * An image for each of the three processes, the children's first.
 */
#include <sys/wait.h>
#include "truth.h"

#define BLOCKS 60

static void *block[BLOCKS];

SITE void *in_parent(size_t n)
{
	return T_MALLOC(n);
}

SITE void *in_child(size_t n)
{
	return T_MALLOC(n);
}

SITE void *in_grandchild(size_t n)
{
	return T_CALLOC(1, n);
}

SITE void *resized(void *p, size_t n)
{
	return T_REALLOC(p, n);
}

/* fork; the parent waits, after which the child's truth is written. */
static bool fork_child(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		truth_forked();
		return true;
	}
	if (waitpid(pid, &status, 0) != pid || status)
		truth_die("forks: the child failed");
	return false;
}

static int grandchild(void)
{
	for (int i = 40; i < 50; i++)
		T_FREE(block[i]);
	for (int i = 0; i < 15; i++)
		in_grandchild(300 + i);
	truth_write();
	return 0;
}

static int child(void)
{
	for (int i = 0; i < 20; i++)
		T_FREE(block[i]);
	for (int i = 20; i < 30; i++)
		block[i] = resized(block[i], 900 + i);
	for (int i = 40; i < 50; i++)
		block[i] = in_child(200 + i);
	if (fork_child())
		return grandchild();
	T_FREE(block[45]);
	in_child(1);
	truth_write();
	return 0;
}

int main(void)
{
	for (int i = 0; i < BLOCKS; i++)
		block[i] = in_parent(100 + i);
	if (fork_child())
		return child();
	for (int i = 0; i < BLOCKS; i += 3)
		T_FREE(block[i]);
	in_parent(5000);
	truth_write();
	return 0;
}
