// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* session/hold.c: ends that are not the program's own doing, and letting go. */
#include "hold_fixture.h"

#include <sys/prctl.h>

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
	h = launch_program("nest", "20");
	seen.kill_at_fork = the_parent;
	assert_int_equal(mt_hold_start(h), 0);
	assert_int_equal(run(h), SIGKILL);
	check_order(&seen, true);

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
	/* The first is about to be delivered, the others are pending: none may be lost. */
	wait_until_stopped(mt_hold_pid(h));
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_in_a_stop),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_detach_running),
		cmocka_unit_test(test_detach_uninterruptible),
		cmocka_unit_test(test_detach_zombie_leader),
		cmocka_unit_test(test_detach_among_forks),
		cmocka_unit_test(test_tracer_killed),
	};

	if (argc > 1)
		return run_program(argv);
	if (prepare(120))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
