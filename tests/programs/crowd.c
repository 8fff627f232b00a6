/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * crowd PROCESSES PAIRS: processes that all wait for a byte on the parent's stdin ("ready" is
 * said before) and then call the allocator at once. Each says "cost NS", its mean time per
 * malloc and free.
 */
#include <sys/wait.h>
#include "truth.h"

SITE void *in_crowd(size_t n)
{
	return T_MALLOC(n);
}

static void member(int i, int pairs, int gate)
{
	char line[64], c;
	uint64_t begin;

	truth_forked();
	if (read(gate, &c, 1) != 0)
		truth_die("crowd: the gate is broken");
	begin = truth_ns();
	for (int n = 0; n < pairs; n++)
		T_FREE(in_crowd(1 + (i + n) % 1000));
	snprintf(line, sizeof(line), "cost %ld", (long)(truth_ns() - begin) / pairs);
	say(line);
	in_crowd(1000 + i);
	truth_write();
	_exit(0);
}

int main(int argc, char **argv)
{
	int nr = argc > 1 ? atoi(argv[1]) : 100, pairs = argc > 2 ? atoi(argv[2]) : 100;
	int gate[2], status, failed = 0;

	if (pipe(gate))
		truth_die("crowd: no pipe");
	for (int i = 0; i < nr; i++) {
		pid_t pid = fork();

		if (pid < 0)
			truth_die("crowd: cannot fork");
		if (pid == 0) {
			close(gate[1]);
			member(i, pairs, gate[0]);
		}
	}
	say("ready");
	await_go();
	close(gate[1]); /* opens it for all */
	for (int i = 0; i < nr; i++)
		failed += wait(&status) < 0 || status;
	return failed != 0;
}
