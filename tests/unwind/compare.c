// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * compare: our unwinder and libdw's on snapshots of a running program.
 *
 * compare [-n SNAPSHOTS] [-v] -- COMMAND [ARG...]
 *
 * The command is stopped again and again wherever it is; both unwind it. A line says how many
 * stacks both found the same, frame for frame, how many were complete, and how many had more
 * frames than are kept. Where they differ -v prints both. Status 0 if there were snapshots.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "frames.h"

struct counts {
	unsigned int snapshots;
	unsigned int same;
	unsigned int complete;
	unsigned int deep;
	unsigned int theirs_failed;
	uint64_t frames;
};

static bool verbose;

static const char *end_name(uint32_t end)
{
	static const char *const names[] = {
#define NAME(id, name) [MT_STACK_##id] = name,
		MT_STACK_END_LIST(NAME)
#undef NAME
	};

	return end < sizeof(names) / sizeof(names[0]) && names[end] ? names[end] : "?";
}

static void print(const char *who, const struct frames *f)
{
	fprintf(stderr, "%s (%s):", who, end_name(f->end));
	for (size_t i = 0; i < f->nr; i++)
		fprintf(stderr, " %" PRIx64, f->pc[i]);
	fputc('\n', stderr);
}

static pid_t launch(char **argv)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC);
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return -1;
	return pid;
}

static bool is_same(const struct frames *a, const struct frames *b)
{
	return a->nr == b->nr && !memcmp(a->pc, b->pc, a->nr * sizeof(a->pc[0]));
}

static void take(struct ours *ours, struct theirs *theirs, pid_t pid, struct counts *c)
{
	static struct frames mine, other;
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs))
		return;
	ours_unwind(ours, &regs, &mine);
	theirs_unwind(theirs, pid, &other);
	if (other.end == MT_STACK_UNREADABLE) { /* a library may have come */
		theirs_refresh(theirs);
		theirs_unwind(theirs, pid, &other);
	}
	c->snapshots++;
	c->frames += mine.nr;
	c->complete += mine.end == MT_STACK_COMPLETE;
	c->deep += mine.end == MT_STACK_DEEP;
	c->theirs_failed += other.end == MT_STACK_UNREADABLE;
	if (is_same(&mine, &other)) {
		c->same++;
	} else if (verbose) {
		print("ours  ", &mine);
		print("theirs", &other);
	}
}

/* Lets it run for a while that is never the same; false: it has ended. */
static bool run_on(pid_t pid, unsigned int *seed)
{
	struct timespec some = { 0, 20000 + rand_r(seed) % 200000 };
	int status;

	if (ptrace(PTRACE_CONT, pid, NULL, NULL))
		return false;
	nanosleep(&some, NULL);
	kill(pid, SIGSTOP);
	for (;;) {
		if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
			return false;
		if (WSTOPSIG(status) == SIGSTOP)
			return true;
		ptrace(PTRACE_CONT, pid, NULL, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
	}
}

static int compare(pid_t pid, unsigned int wanted, struct counts *c)
{
	struct theirs *theirs = NULL;
	struct ours *ours = NULL;
	unsigned int seed = 1;
	int err = ours_new(&ours, pid);

	err = err ? err : theirs_new(&theirs, pid);
	while (!err && c->snapshots < wanted && run_on(pid, &seed))
		take(ours, theirs, pid, c);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	theirs_free(&theirs);
	ours_free(&ours);
	return err;
}

int main(int argc, char **argv)
{
	unsigned int wanted = 10000;
	struct counts c = { 0 };
	int option;
	pid_t pid;

	while ((option = getopt(argc, argv, "+n:v")) != -1) {
		if (option == 'n')
			wanted = strtoul(optarg, NULL, 10);
		else
			verbose = option == 'v';
	}
	pid = optind < argc ? launch(argv + optind) : -1;
	if (pid < 0 || compare(pid, wanted, &c)) {
		fprintf(stderr, "usage: compare [-n SNAPSHOTS] [-v] -- COMMAND [ARG...]\n");
		return 2;
	}
	printf("%u snapshots, %.1f frames each: %u the same, %u complete, %u deep; libdw gave up "
	       "on %u\n",
	       c.snapshots, c.snapshots ? (double)c.frames / c.snapshots : 0, c.same, c.complete,
	       c.deep, c.theirs_failed);
	return !c.snapshots;
}
