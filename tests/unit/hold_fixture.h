/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * hold_fixture.h: launches a program of hold_programs.h, or any other, writes down what the
 * hold reports of it, and waits for the end of all.
 */
#ifndef MT_TESTS_HOLD_FIXTURE_H
#define MT_TESTS_HOLD_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <time.h>

#include "hold_programs.h"
#include "session/hold.h"
#include "session/launch.h"

#define MAX_EVENTS 4096

enum kind { FORKED = 1, EXECED, EXITING, ENDED };

struct event {
	enum kind kind;
	pid_t pid;
	pid_t other; /* parent, former tid, exiting tid */
	int value;   /* shares_mm, wait status */
};

struct seen {
	struct event event[MAX_EVENTS];
	int cnt;
	int execs_to_release; /* from this exec on, execed() says no */
	pid_t (*kill_at_fork)(pid_t parent, pid_t child);
	bool kill_at_exec;
};

static int program_in, program_out; /* our ends */
static struct seen seen;
static struct mt_launch_signals inherited; /* SIGCHLD blocked would hang a shell's wait */

static inline void note(struct seen *s, struct event e)
{
	if (s->cnt == MAX_EVENTS)
		abort();
	s->event[s->cnt++] = e;
}

static inline void on_forked(void *arg, pid_t parent, pid_t child, bool shares_mm)
{
	struct seen *s = arg;

	note(s, (struct event){ FORKED, child, parent, shares_mm });
	if (s->kill_at_fork)
		kill(s->kill_at_fork(parent, child), SIGKILL);
}

static inline int count(const struct seen *s, enum kind kind, pid_t pid)
{
	int n = 0;

	for (int i = 0; i < s->cnt; i++)
		n += s->event[i].kind == kind && (!pid || s->event[i].pid == pid);
	return n;
}

static inline bool on_execed(void *arg, pid_t tgid, pid_t former_tid)
{
	struct seen *s = arg;

	note(s, (struct event){ EXECED, tgid, former_tid, 0 });
	if (s->kill_at_exec)
		kill(tgid, SIGKILL);
	return !s->execs_to_release || count(s, EXECED, 0) < s->execs_to_release;
}

static inline void on_exiting(void *arg, pid_t tgid, pid_t tid)
{
	char path[64], line[128];
	bool has_mm = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		has_mm |= !strncmp(line, "VmHWM:", 6);
	if (f)
		fclose(f);
	note(arg, (struct event){ EXITING, tgid, tid, has_mm });
}

static inline void on_ended(void *arg, pid_t tgid, int wait_status)
{
	note(arg, (struct event){ ENDED, tgid, 0, wait_status });
}

static const struct mt_hold_ops ops = { on_forked, on_execed, on_exiting, on_ended };

static inline struct mt_hold *launch(const char *path, char **argv, bool hold)
{
	struct mt_hold *h = NULL;

	memset(&seen, 0, sizeof(seen));
	assert_int_equal(mt_hold_launch(&h, path, argv, &inherited, hold, &ops, &seen), 0);
	return h;
}

static inline struct mt_hold *launch_program(const char *name, const char *arg)
{
	char *argv[] = { "self", (char *)name, (char *)arg, NULL };

	return launch(SELF, argv, true);
}

static inline void wait_sigchld(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	assert_int_equal(sigtimedwait(&set, NULL, &(struct timespec){ 30, 0 }), SIGCHLD);
}

/* Until the command and all that is held have ended; returns the command's wait status. */
static inline int run(struct mt_hold *h)
{
	int status = -1;

	for (;;) {
		int more = mt_hold_poll(h);

		if (mt_hold_done(h, &status) && !mt_hold_alive(h))
			break;
		if (!more)
			wait_sigchld();
	}
	mt_hold_free(&h);
	assert_null(h);
	assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
	return status;
}

/* Polls until the program has said a letter. */
static inline char run_until_said(struct mt_hold *h)
{
	struct pollfd pfd = { .fd = program_out, .events = POLLIN };
	char c = 0;

	while (!poll(&pfd, 1, h ? 1 : 30000)) {
		assert_non_null(h);
		mt_hold_poll(h);
	}
	assert_int_equal(read(program_out, &c, 1), 1);
	return c;
}

static inline void tell(int n)
{
	while (n--)
		assert_int_equal(write(program_in, "g", 1), 1);
}

static inline int run_program_held(const char *name, const char *arg)
{
	struct mt_hold *h = launch_program(name, arg);

	assert_int_equal(mt_hold_start(h), 0);
	return run(h);
}

/* Each process: forked once (not the command), exiting once, ended once, in that order. */
static inline void check_order(const struct seen *s, bool killed)
{
	for (int i = 0; i < s->cnt; i++) {
		const struct event *e = &s->event[i];
		bool born = e->pid == s->event[0].pid, exiting = false, ended = false;

		if (count(s, ENDED, e->pid) != 1)
			fail_msg("%d ended %d times", e->pid, count(s, ENDED, e->pid));
		for (int j = 0; j < s->cnt; j++) {
			const struct event *o = &s->event[j];

			if (o->pid != e->pid)
				continue;
			assert_false(ended);
			assert_true(born == (o->kind != FORKED));
			assert_false(exiting && o->kind != ENDED);
			born = true;
			exiting |= o->kind == EXITING;
			ended |= o->kind == ENDED;
		}
		assert_true(exiting || killed);
	}
}

static inline void wait_until_stopped(pid_t pid)
{
	char path[64], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	while (state != 't') {
		FILE *f = fopen(path, "re");

		assert_non_null(f);
		assert_int_equal(fscanf(f, "%*d (%*[^)]) %c", &state), 1);
		fclose(f);
		sched_yield();
	}
}

/* The two ends that a program has, on descriptors that survive its execs. */
static inline int open_pipes(void)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || dup2(in[0], PROGRAM_IN) < 0 ||
	    dup2(out[1], PROGRAM_OUT) < 0)
		return -errno;
	program_in = in[1];
	program_out = out[0];
	return 0;
}

/* SIGCHLD blocked, as hold.h wants it, and a limit to how long a test can hang. */
static inline int prepare(int limit_s)
{
	sigset_t sigchld;

	/* A leak check inside a held program finds its threads taken. */
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	mt_launch_signals_save(&inherited);
	sigemptyset(&sigchld);
	sigaddset(&sigchld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &sigchld, NULL);
	alarm(limit_s);
	return open_pipes();
}

#endif
