// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* session/launch.c, and what hold.c makes of a command that does not get to its exec. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "hold_programs.h"
#include "session/hold.h"
#include "session/launch.h"
#include "util/cleanup.h"

static char dir[] = "/tmp/test_launch.XXXXXX";
static int called; /* ops of any kind */
static int ended_status;
static struct mt_launch_signals inherited;

static void on_forked(void *arg, pid_t parent, pid_t child, bool shares_mm)
{
	called++;
}

static bool on_execed(void *arg, pid_t tgid, pid_t former_tid)
{
	called++;
	return true;
}

static void on_exiting(void *arg, pid_t tgid, pid_t tid)
{
	called++;
}

static void on_ended(void *arg, pid_t tgid, int wait_status)
{
	called++;
	ended_status = wait_status;
}

static const struct mt_hold_ops ops = { on_forked, on_execed, on_exiting, on_ended };

static char *make_file(const char *name, const char *text, int mode)
{
	char *path = NULL;
	int fd;

	assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	fchmod(fd, mode);
	close(fd);
	return path;
}

static int run(struct mt_hold *h)
{
	sigset_t set;
	int status = -1;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	while (mt_hold_poll(h) || !mt_hold_done(h, &status))
		assert_int_equal(sigtimedwait(&set, NULL, &(struct timespec){ 30, 0 }), SIGCHLD);
	mt_hold_free(&h);
	return status;
}

static struct mt_hold *launch(const char *path, const char *arg, bool hold)
{
	char *argv[] = { "self", (char *)arg, "", NULL };
	struct mt_hold *h = NULL;

	called = 0;
	assert_int_equal(mt_hold_launch(&h, path, argv, &inherited, hold, &ops, NULL), 0);
	return h;
}

static void test_find(void **state)
{
	_free_ char *plain = make_file("plain", "text", 0644);
	_free_ char *tool = make_file("tool", "exit 12", 0755);
	_free_ char *old_path = strdup(getenv("PATH"));
	char *found = NULL;

	assert_int_equal(mt_launch_find("/no/such/file", &found), -ENOENT);
	assert_int_equal(mt_launch_find("no-such-command", &found), -ENOENT);
	assert_int_equal(mt_launch_find("", &found), -ENOENT);
	assert_int_equal(mt_launch_find(plain, &found), -EACCES);
	assert_int_equal(mt_launch_find("/", &found), -EACCES);
	assert_null(found);

	setenv("PATH", dir, 1);
	assert_int_equal(mt_launch_find("plain", &found), -EACCES);
	assert_null(found);
	assert_int_equal(mt_launch_find("tool", &found), 0);
	assert_string_equal(found, tool);
	free(TAKE_PTR(found));

	/* Empty: the current directory; what is not executable is passed over. */
	setenv("PATH", "/no/such/dir:", 1);
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(mt_launch_find("tool", &found), 0);
	assert_string_equal(found, "./tool");
	free(TAKE_PTR(found));
	setenv("PATH", old_path, 1);
}

static void test_exec_fails(void **state)
{
	_free_ char *orphan = make_file("orphan", "#!/no/such/interpreter\n", 0755);
	_free_ char *script = make_file("script", "exit 12\n", 0755);

	for (int hold = 0; hold < 2; hold++) {
		struct mt_hold *h = launch(orphan, "", hold);

		assert_int_equal(mt_hold_start(h), -ENOENT);
		mt_hold_free(&h);
		assert_int_equal(called, 0);
		assert_int_equal(waitpid(-1, NULL, __WALL), -1);

		h = launch(dir, "", hold);
		assert_int_equal(mt_hold_start(h), -EACCES);
		mt_hold_free(&h);
		assert_int_equal(called, 0);
		assert_int_equal(waitpid(-1, NULL, __WALL), -1);

		/* No #! line: execvp(3) hands it to a shell. */
		h = launch(script, "", hold);
		assert_int_equal(mt_hold_start(h), 0);
		assert_int_equal(run(h), 12 << 8);
	}
}

static void test_waits_at_the_gate(void **state)
{
	for (int hold = 0; hold < 2; hold++) {
		struct mt_hold *h = launch(SELF, "exit", hold);
		int status;

		assert_int_equal(mt_hold_poll(h), 0);
		assert_false(mt_hold_done(h, &status));
		assert_int_equal(called, 0);
		mt_hold_free(&h);
		assert_int_equal(called, 0);
		assert_int_equal(waitpid(-1, NULL, __WALL), -1);
	}
}

static void test_leaves_with_us(void **state)
{
	char *argv[] = { "true", NULL };
	int gate = -1, status;
	pid_t pid = mt_launch_fork(&gate, "/bin/true", argv, &inherited);

	assert_true(pid > 0);
	close(gate); /* as when memtide dies */
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 125 << 8);
}

/* A signal stops a held child at the gate; start must pass it on, not wait for ever. */
static void test_signal_before_exec(void **state)
{
	for (int hold = 0; hold < 2; hold++) {
		struct mt_hold *h = launch("/bin/true", "exit", hold);

		kill(mt_hold_pid(h), SIGWINCH);
		assert_int_equal(mt_hold_start(h), 0);
		assert_int_equal(run(h), 0);

		h = launch("/bin/true", "exit", hold);
		kill(mt_hold_pid(h), SIGTERM);
		assert_int_equal(mt_hold_start(h), 0);
		assert_int_equal(run(h), SIGTERM);
		assert_int_equal(ended_status, SIGTERM);
	}
}

/* SIGHUP ignored and SIGUSR1 blocked were inherited; the rest is memtide's own doing. */
static void test_signals_restored(void **state)
{
	struct mt_launch_signals ours = inherited;
	sigset_t set, old;
	struct mt_hold *h;

	signal(SIGHUP, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_SETMASK, &set, &old);
	mt_launch_signals_save(&inherited);

	signal(SIGPIPE, SIG_IGN);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_SETMASK, &set, NULL);
	h = launch(SELF, "signal-state", true);
	assert_int_equal(mt_hold_start(h), 0);
	assert_int_equal(run(h), 0);

	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	inherited = ours;
}

/* A parent that ignores SIGCHLD must not cost us the status. */
static void test_sigchld_ignored(void **state)
{
	struct mt_hold *h;

	signal(SIGCHLD, SIG_IGN);
	h = launch("/bin/false", "exit", false);
	assert_int_equal(mt_hold_start(h), 0);
	assert_int_equal(run(h), 1 << 8);
}

static void test_refusal(void **state)
{
	const char *refused[] = { "strace", "/usr/bin/gdb", "/usr/bin/lldb-14", "./rr",
				  "/opt/lldb-server-17.0" };
	const char *held[] = { "/usr/bin/gdb-add-index",
			       "/bin/strace-log-merge",
			       "/bin/rrd",
			       "gd",
			       "/strace/true",
			       "" };

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		assert_non_null(mt_hold_refusal(refused[i]));
	for (size_t i = 0; i < ARRAY_SIZE(held); i++)
		assert_null(mt_hold_refusal(held[i]));
}

static int setup(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	const char *files[] = { "plain", "tool", "orphan", "script" };
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	return rmdir(dir);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_exec_fails),
		cmocka_unit_test(test_waits_at_the_gate),
		cmocka_unit_test(test_leaves_with_us),
		cmocka_unit_test(test_signal_before_exec),
		cmocka_unit_test(test_signals_restored),
		cmocka_unit_test(test_sigchld_ignored),
		cmocka_unit_test(test_refusal),
	};
	sigset_t sigchld;

	if (argc > 1)
		return run_program(argv);
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* not in a held program */
	mt_launch_signals_save(&inherited);
	sigemptyset(&sigchld);
	sigaddset(&sigchld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &sigchld, NULL);
	alarm(60); /* a test that hangs fails */
	return cmocka_run_group_tests(tests, setup, teardown);
}
