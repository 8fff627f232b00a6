// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* session/hold.c against real processes: the programs of hold_programs.h, and sh. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
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

static void note(struct seen *s, struct event e)
{
	if (s->cnt == MAX_EVENTS)
		abort();
	s->event[s->cnt++] = e;
}

static void on_forked(void *arg, pid_t parent, pid_t child, bool shares_mm)
{
	struct seen *s = arg;

	note(s, (struct event){ FORKED, child, parent, shares_mm });
	if (s->kill_at_fork)
		kill(s->kill_at_fork(parent, child), SIGKILL);
}

static int count(const struct seen *s, enum kind kind, pid_t pid)
{
	int n = 0;

	for (int i = 0; i < s->cnt; i++)
		n += s->event[i].kind == kind && (!pid || s->event[i].pid == pid);
	return n;
}

static bool on_execed(void *arg, pid_t tgid, pid_t former_tid)
{
	struct seen *s = arg;

	note(s, (struct event){ EXECED, tgid, former_tid, 0 });
	if (s->kill_at_exec)
		kill(tgid, SIGKILL);
	return !s->execs_to_release || count(s, EXECED, 0) < s->execs_to_release;
}

static void on_exiting(void *arg, pid_t tgid, pid_t tid)
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

static void on_ended(void *arg, pid_t tgid, int wait_status)
{
	note(arg, (struct event){ ENDED, tgid, 0, wait_status });
}

static const struct mt_hold_ops ops = { on_forked, on_execed, on_exiting, on_ended };

static struct mt_hold *launch(const char *path, char **argv, bool hold)
{
	struct mt_hold *h = NULL;

	memset(&seen, 0, sizeof(seen));
	assert_int_equal(mt_hold_launch(&h, path, argv, &inherited, hold, &ops, &seen), 0);
	return h;
}

static struct mt_hold *launch_program(const char *name, const char *arg)
{
	char *argv[] = { "self", (char *)name, (char *)arg, NULL };

	return launch(SELF, argv, true);
}

static void wait_sigchld(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	assert_int_equal(sigtimedwait(&set, NULL, &(struct timespec){ 30, 0 }), SIGCHLD);
}

/* Until the command and all that is held have ended; returns the command's wait status. */
static int run(struct mt_hold *h)
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
static char run_until_said(struct mt_hold *h)
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

static void tell(int n)
{
	while (n--)
		assert_int_equal(write(program_in, "g", 1), 1);
}

static int run_program_held(const char *name, const char *arg)
{
	struct mt_hold *h = launch_program(name, arg);

	assert_int_equal(mt_hold_start(h), 0);
	return run(h);
}

/* Each process: forked once (not the command), exiting once, ended once, in that order. */
static void check_order(const struct seen *s, bool killed)
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

static void test_status(void **state)
{
	assert_int_equal(run_program_held("exit", "42"), 42 << 8);
	check_order(&seen, false);
	assert_int_equal(seen.cnt, 3);
	assert_int_equal(seen.event[0].kind, EXECED);
	assert_int_equal(seen.event[1].kind, EXITING);
	assert_int_equal(seen.event[1].value, true); /* its memory was there */
	assert_int_equal(seen.event[2].value, 42 << 8);

	assert_int_equal(run_program_held("raise", "15"), SIGTERM);
	assert_int_equal(run_program_held("raise", "9"), SIGKILL);
	check_order(&seen, true);
	assert_int_equal(run_program_held("raise", "5"), SIGTRAP);
}

static void test_tree(void **state)
{
	int shares = 0, execs = 0, sum = 0;
	pid_t command;

	assert_int_equal(run_program_held("tree", ""), 0);
	check_order(&seen, false);
	command = seen.event[0].pid;
	assert_int_equal(count(&seen, FORKED, 0), 5);
	assert_int_equal(count(&seen, ENDED, 0), 6);
	assert_int_equal(count(&seen, EXECED, command), 1);
	for (int i = 0; i < seen.cnt; i++) {
		struct event *e = &seen.event[i];

		if (e->kind == FORKED)
			assert_int_equal(e->other, command);
		if (e->kind == FORKED)
			shares += e->value;
		if (e->kind == EXECED)
			execs++;
		if (e->kind == EXECED)
			assert_int_equal(count(&seen, EXECED, e->pid), 1);
		if (e->kind == ENDED)
			sum += e->value >> 8;
	}
	assert_int_equal(shares, 3); /* vfork, vfork, posix_spawn */
	assert_int_equal(execs, 4);
	assert_int_equal(sum, 1 + 3 + 3 + 4 + 3);
}

static void test_shell(void **state)
{
	char *argv[] = { "sh", "-c", "(sleep 0; exit 3) & /bin/true | cat; wait $!", NULL };
	struct mt_hold *h = launch("/bin/sh", argv, true);

	assert_int_equal(mt_hold_start(h), 0);
	assert_int_equal(run(h), 3 << 8);
	check_order(&seen, false);
	assert_int_equal(count(&seen, FORKED, 0), 4);
	assert_int_equal(count(&seen, EXECED, 0), 4);
}

static void test_quick_forks(void **state)
{
	assert_int_equal(run_program_held("forks", "200"), 0);
	check_order(&seen, false);
	assert_int_equal(count(&seen, FORKED, 0), 200);
	assert_int_equal(count(&seen, EXITING, 0), 201);
	assert_int_equal(count(&seen, ENDED, 0), 201);
}

static void test_threads(void **state)
{
	assert_int_equal(run_program_held("threads", "50"), 5 << 8);
	check_order(&seen, false);
	assert_int_equal(count(&seen, FORKED, 0), 0);
	assert_int_equal(count(&seen, EXITING, 0), 1);
}

static void test_exec_from_thread(void **state)
{
	const char *leader[] = { "live", "dead" };

	for (int i = 0; i < 2; i++) {
		assert_int_equal(run_program_held("exec-thread", leader[i]), 7 << 8);
		check_order(&seen, false);
		assert_int_equal(seen.cnt, 4);
		assert_int_equal(seen.event[0].other, seen.event[0].pid);
		assert_int_equal(seen.event[1].kind, EXECED);
		assert_int_equal(seen.event[1].pid, seen.event[0].pid);
		assert_int_not_equal(seen.event[1].other, seen.event[1].pid);
		assert_int_equal(seen.event[2].other, seen.event[1].pid);
	}
}

static void test_zombie_leader(void **state)
{
	struct mt_hold *h = launch_program("zombie-leader", "");

	assert_int_equal(mt_hold_start(h), 0);
	assert_int_equal(run_until_said(h), 'z');
	assert_int_equal(count(&seen, EXITING, 0), 0);
	assert_int_equal(mt_hold_alive(h), 1);
	tell(1);
	assert_int_equal(run(h), 9 << 8);
	check_order(&seen, false);
	assert_int_equal(seen.event[1].kind, EXITING);
	assert_int_not_equal(seen.event[1].other, seen.event[1].pid);
	assert_int_equal(seen.event[1].value, true);
}

static void test_job_control(void **state)
{
	assert_int_equal(run_program_held("job-control", "0"), 0);
	assert_int_equal(run_program_held("job-control", "5"), 0);
	check_order(&seen, false);
}

static void test_signals_once(void **state)
{
	struct mt_hold *h = launch_program("count-signals", "40");

	assert_int_equal(mt_hold_start(h), 0);
	assert_int_equal(run_until_said(h), 'r');
	for (int i = 0; i < 40; i++) {
		sigqueue(mt_hold_pid(h), SIGRTMIN, (union sigval){ .sival_int = i });
		if (i % 8 == 0)
			mt_hold_poll(h);
	}
	/* The terminal's reached it already. */
	mt_hold_forward(h, SIGTERM, SI_KERNEL);
	mt_hold_forward(h, SIGRTMIN + 1, SI_USER);
	assert_int_equal(run(h), 0);
}

static void test_forward_to_own_group(void **state)
{
	char *argv[] = { "setsid", "sleep", "100", NULL };
	struct mt_hold *h = launch("/usr/bin/setsid", argv, true);

	assert_int_equal(mt_hold_start(h), 0);
	while (count(&seen, EXECED, 0) < 2) {
		wait_sigchld();
		mt_hold_poll(h);
	}
	mt_hold_forward(h, SIGINT, SI_KERNEL); /* our terminal's did not reach it */
	assert_int_equal(run(h), SIGINT);
}

static pid_t the_child(pid_t parent, pid_t child)
{
	return child;
}

static pid_t the_parent(pid_t parent, pid_t child)
{
	return parent ? parent : child;
}

static void test_killed_in_a_stop(void **state)
{
	struct mt_hold *h;

	h = launch_program("orphans", "20");
	seen.kill_at_fork = the_child;
	assert_int_equal(mt_hold_start(h), 0);
	assert_int_equal(run(h), 0);
	assert_int_equal(count(&seen, FORKED, 0), 20);
	check_order(&seen, true);

	/* In either order of the two events; the child must not be left stopped. */
	for (int i = 0; i < 40; i++) {
		h = launch_program("orphans", "1");
		seen.kill_at_fork = the_parent;
		assert_int_equal(mt_hold_start(h), 0);
		assert_int_equal(run(h), SIGKILL);
		assert_int_equal(count(&seen, FORKED, 0), 1);
		assert_int_equal(run_until_said(NULL), 'o');
	}

	h = launch_program("exit", "0");
	seen.kill_at_exec = true;
	assert_int_equal(mt_hold_start(h), 0);
	assert_int_equal(run(h), SIGKILL);
	assert_int_equal(count(&seen, ENDED, 0), 1);
}

static void test_release(void **state)
{
	struct mt_hold *h = launch_program("tree", "");

	/* The command itself: nothing more but its end. */
	seen.execs_to_release = 1;
	assert_int_equal(mt_hold_start(h), 0);
	assert_int_equal(run(h), 0);
	assert_int_equal(seen.cnt, 2);
	assert_int_equal(seen.event[1].kind, ENDED);

	/* Its children, from their exec on. */
	h = launch_program("tree", "");
	seen.execs_to_release = 2;
	assert_int_equal(mt_hold_start(h), 0);
	assert_int_equal(run(h), 0);
	assert_int_equal(count(&seen, FORKED, 0), 5);
	assert_int_equal(count(&seen, EXECED, 0), 4);
	assert_int_equal(count(&seen, ENDED, 0), 3);
}

static void test_detach_running(void **state)
{
	struct mt_hold *h = launch_program("long", "15");

	assert_int_equal(mt_hold_start(h), 0);
	assert_int_equal(run_until_said(h), 'r');
	assert_int_equal(mt_hold_alive(h), 3);
	for (int i = 0; i < 15; i++)
		sigqueue(mt_hold_pid(h), SIGRTMIN, (union sigval){ .sival_int = i });
	assert_int_equal(mt_hold_detach(h), 0);
	assert_int_equal(mt_hold_alive(h), 0);
	seen.cnt = 0;
	tell(4);
	assert_int_equal(run(h), 0);
	assert_int_equal(seen.cnt, 1); /* the command's end; its later forks were not ours */
	for (int i = 0; i < 3; i++)
		assert_int_equal(run_until_said(NULL), 't');
}

static void test_detach_uninterruptible(void **state)
{
	struct mt_hold *h = launch_program("vfork-wait", "");

	assert_int_equal(mt_hold_start(h), 0);
	assert_int_equal(run_until_said(h), 'v');
	assert_int_equal(mt_hold_detach(h), -ETIMEDOUT);
	assert_int_equal(mt_hold_alive(h), 1);
	seen.cnt = 0;
	tell(1);
	assert_int_equal(run(h), 0);
	assert_int_equal(seen.cnt, 1);
}

/* A dead leader does not stop again and must not be waited for. */
static void test_detach_zombie_leader(void **state)
{
	struct mt_hold *h = launch_program("zombie-leader", "");

	assert_int_equal(mt_hold_start(h), 0);
	assert_int_equal(run_until_said(h), 'z');
	assert_int_equal(mt_hold_detach(h), 0);
	tell(1);
	assert_int_equal(run(h), 9 << 8);
	assert_int_equal(count(&seen, ENDED, 0), 1);
}

static void test_detach_among_forks(void **state)
{
	for (int i = 0; i < 20; i++) {
		struct mt_hold *h = launch_program("forks", "60");

		assert_int_equal(mt_hold_start(h), 0);
		while (count(&seen, FORKED, 0) < 1 + i)
			mt_hold_poll(h);
		assert_int_equal(mt_hold_detach(h), 0);
		assert_int_equal(run(h), 0);
	}
}

/* A tracer that dies by kill -9 while the programs are at work, and others held. */
static void test_tracer_killed(void **state)
{
	int status;
	pid_t tracer, program = 0;

	/* The orphans come to us, so that their end can be seen. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	tracer = fork();
	if (tracer == 0) {
		struct mt_hold *h = launch_program("long", "0");

		alarm(60); /* not for ever, whatever becomes of the test */
		mt_hold_start(h);
		for (;;)
			mt_hold_poll(h);
	}
	assert_int_equal(run_until_said(NULL), 'r');
	kill(tracer, SIGKILL);
	assert_int_equal(waitpid(tracer, &status, 0), tracer);
	assert_int_equal(status, SIGKILL);
	tell(4);
	program = waitpid(-1, &status, 0);
	assert_true(program > 0);
	assert_int_equal(status, 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(run_until_said(NULL), 't');
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
}

/* Where we are traced with all that we fork, as under strace -f, nobody else can hold it. */
static void test_already_traced(void **state)
{
	int status, options = PTRACE_O_TRACEFORK | PTRACE_O_EXITKILL;
	char *argv[] = { "true", NULL };
	pid_t pid, tid;

	pid = fork();
	if (pid == 0) {
		struct mt_hold *h = NULL;
		int err;

		hear();
		err = mt_hold_launch(&h, "/bin/true", argv, &inherited, true, &ops, &seen);
		_exit(err == -EPERM && !h && waitpid(-1, NULL, WNOHANG) == -1 ? 0 : 1);
	}
	assert_int_equal(ptrace(PTRACE_SEIZE, pid, NULL, options), 0);
	tell(1);
	for (;;) {
		tid = waitpid(-1, &status, __WALL);
		assert_true(tid > 0);
		if (tid == pid && !WIFSTOPPED(status))
			break;
		if (WIFSTOPPED(status))
			ptrace(PTRACE_CONT, tid, NULL,
			       (void *)(long)(status >> 16 ? 0 : WSTOPSIG(status)));
	}
	assert_int_equal(status, 0);
}

static void test_loose(void **state)
{
	char *argv[] = { "self", "tree", "", NULL };
	struct mt_hold *h = launch(SELF, argv, false);

	assert_int_equal(mt_hold_start(h), 0);
	assert_int_equal(mt_hold_alive(h), 0);
	assert_int_equal(run(h), 0);
	assert_int_equal(seen.cnt, 1);
	assert_int_equal(seen.event[0].kind, ENDED);
}

static double seconds_of_execs(bool hold)
{
	char *argv[] = { "sh", "-c", "i=0; while [ $i -lt 100 ]; do /bin/true; i=$((i+1)); done",
			 NULL };
	struct mt_hold *h = launch("/bin/sh", argv, hold);
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(mt_hold_start(h), 0);
	assert_int_equal(run(h), 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_int_equal(count(&seen, EXECED, 0), hold ? 101 : 0);
	return b.tv_sec - a.tv_sec + (b.tv_nsec - a.tv_nsec) / 1e9;
}

static void test_price(void **state)
{
	double loose = 1e9, held = 1e9;

	for (int i = 0; i < 5; i++) {
		double l = seconds_of_execs(false), h = seconds_of_execs(true);

		loose = l < loose ? l : loose;
		held = h < held ? h : held;
	}
	print_message("100 execs: %.1f ms, held %.1f ms, ratio %.2f\n", loose * 1e3, held * 1e3,
		      held / loose);
	assert_true(held < 5 * loose);
}

/* The two ends that a program has, on descriptors that survive its execs. */
static int open_pipes(void)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || dup2(in[0], PROGRAM_IN) < 0 ||
	    dup2(out[1], PROGRAM_OUT) < 0)
		return -errno;
	program_in = in[1];
	program_out = out[0];
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_shell),
		cmocka_unit_test(test_quick_forks),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_exec_from_thread),
		cmocka_unit_test(test_zombie_leader),
		cmocka_unit_test(test_job_control),
		cmocka_unit_test(test_signals_once),
		cmocka_unit_test(test_forward_to_own_group),
		cmocka_unit_test(test_killed_in_a_stop),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_detach_running),
		cmocka_unit_test(test_detach_uninterruptible),
		cmocka_unit_test(test_detach_zombie_leader),
		cmocka_unit_test(test_detach_among_forks),
		cmocka_unit_test(test_tracer_killed),
		cmocka_unit_test(test_already_traced),
		cmocka_unit_test(test_loose),
		cmocka_unit_test(test_price),
	};
	sigset_t sigchld;

	if (argc > 1)
		return run_program(argv);
	/* A leak check inside a held program finds its threads taken. */
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	mt_launch_signals_save(&inherited);
	sigemptyset(&sigchld);
	sigaddset(&sigchld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &sigchld, NULL);
	alarm(120); /* a test that hangs fails */
	if (open_pipes())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
