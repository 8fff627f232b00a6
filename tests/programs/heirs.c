/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * heirs: a grandchild frees its grandparent's blocks; a child frees its parent's after the
 * parent itself has. All of them are inherited.
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCKS 100

static void *block[BLOCKS];

static void free_all(void)
{
	for (int i = 0; i < BLOCKS; i++)
		free(block[i]);
}

static void grandchild_frees(void)
{
	if (!fork()) {
		if (!fork()) {
			free_all();
			_exit(0);
		}
		wait(NULL);
		_exit(0);
	}
	wait(NULL);
}

int main(void)
{
	int gate[2];
	char byte;

	for (int i = 0; i < BLOCKS; i++)
		block[i] = malloc(50);
	grandchild_frees();
	if (pipe(gate))
		return 1;
	if (!fork()) {
		close(gate[1]);
		if (read(gate[0], &byte, 1)) /* 0: the parent has freed and closed */
			_exit(1);
		free_all();
		_exit(0);
	}
	free_all();
	close(gate[0]);
	close(gate[1]);
	wait(NULL);
	return 0;
}
