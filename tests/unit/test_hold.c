// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* session/hold.c: what is reported of real processes, once each and in order. */
#include "hold_fixture.h"

#include <sys/ptrace.h>

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

static void test_nested(void **state)
{
	pid_t parent = 0;

	assert_int_equal(run_program_held("nest", "50"), 0);
	check_order(&seen, false);
	assert_int_equal(count(&seen, FORKED, 0), 50);
	for (int i = 0; i < seen.cnt; i++) {
		struct event *e = &seen.event[i];

		if (e->kind == EXECED)
			parent = e->pid;
		if (e->kind != FORKED)
			continue;
		assert_int_equal(e->other, parent);
		parent = e->pid;
	}
}

/* Stops a program in its fork, with both events of it waiting for us; says who was born. */
static struct mt_hold *stop_in_fork(const char *who, pid_t *parent, pid_t *child)
{
	struct mt_hold *h = launch_program("fork-when-told", who);
	unsigned long msg = 0;

	assert_int_equal(mt_hold_start(h), 0);
	assert_int_equal(run_until_said(h), 'r');
	*parent = seen.event[seen.cnt - 1].pid;
	tell(1);
	wait_until_stopped(*parent);
	assert_int_equal(ptrace(PTRACE_GETEVENTMSG, *parent, NULL, &msg), 0);
	wait_until_stopped(msg);
	*child = msg;
	return h;
}

/*
 * waitpid() reports the caller's own children first, then tracees, the newest first. So where
 * the command forks its event comes first, and where its child does the grandchild's stop.
 */
static void test_order_of_fork_events(void **state)
{
	const char *who[] = { "self", "child" };

	for (int i = 0; i < 2; i++) {
		pid_t parent, child;
		struct mt_hold *h = stop_in_fork(who[i], &parent, &child);

		assert_int_equal(run(h), 0);
		check_order(&seen, false);
		assert_int_equal(count(&seen, FORKED, child), 1);

		/* Dead before its first stop is read: it may count as never born. */
		h = stop_in_fork(who[i], &parent, &child);
		kill(child, SIGKILL);
		assert_int_equal(run(h), 0);
		assert_int_equal(count(&seen, FORKED, child), count(&seen, ENDED, child));

		/* The parent's event will never come: the child must run all the same. */
		h = stop_in_fork(who[i], &parent, &child);
		kill(parent, SIGKILL);
		assert_int_equal(run(h), i ? 0 : SIGKILL);
		assert_int_equal(count(&seen, FORKED, child), 1);
		assert_int_equal(count(&seen, ENDED, child), 1);

		h = stop_in_fork(who[i], &parent, &child);
		seen.cnt = 0;
		assert_int_equal(mt_hold_detach(h), 0);
		assert_int_equal(run(h), 0);
		assert_int_equal(seen.cnt, 1); /* the command's end */
	}
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),	       cmocka_unit_test(test_tree),
		cmocka_unit_test(test_shell),	       cmocka_unit_test(test_quick_forks),
		cmocka_unit_test(test_nested),	       cmocka_unit_test(test_order_of_fork_events),
		cmocka_unit_test(test_threads),	       cmocka_unit_test(test_exec_from_thread),
		cmocka_unit_test(test_zombie_leader),  cmocka_unit_test(test_job_control),
		cmocka_unit_test(test_signals_once),   cmocka_unit_test(test_forward_to_own_group),
		cmocka_unit_test(test_already_traced), cmocka_unit_test(test_loose),
		cmocka_unit_test(test_price),
	};

	if (argc > 1)
		return run_program(argv);
	if (prepare(120))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
