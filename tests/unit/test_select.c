// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <mntent.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "target/select.h"
#include "util/cleanup.h"

static char our_name[16]; /* no other process has it */

/* A child with that name, waiting to be killed. */
static pid_t child_start(void)
{
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, our_name);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void child_end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void expect_pids(const pid_t *pids, size_t nr, pid_t a, pid_t b)
{
	size_t expected = b ? 2 : 1;

	assert_int_equal(nr, expected);
	assert_int_equal(pids[0], b && b < a ? b : a);
	if (b)
		assert_int_equal(pids[1], b < a ? a : b);
}

static int select_pids(const char *list)
{
	_free_ pid_t *pids = NULL;
	size_t nr;

	return mt_select_pids(list, &pids, &nr);
}

static void test_pids(void **state)
{
	pid_t a = child_start(), b = child_start();
	_free_ pid_t *pids = NULL;
	char list[64];
	size_t nr;

	snprintf(list, sizeof(list), "%d,%d,%d", b, a, b);
	assert_int_equal(mt_select_pids(list, &pids, &nr), 0);
	expect_pids(pids, nr, a, b);
	child_end(b);
	assert_int_equal(select_pids(list), -ESRCH);
	child_end(a);
}

static void test_no_pids(void **state)
{
	static const char *const bad[] = { "",	 ",",  "1,",  ",1",	     "1,,2",
					   "x",	 "1x", "1 2", "-1",	     "+1",
					   " 1", "0",  "1;2", "99999999999", "18446744073709551617",
					   "0x1" };
	char list[64];
	siginfo_t info;
	pid_t pid;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(select_pids(bad[i]), -EINVAL);
	assert_int_equal(select_pids("2147483647"), -ESRCH);
	snprintf(list, sizeof(list), "%d", getpid());
	assert_int_equal(select_pids(list), -EINVAL);
	pid = fork();
	if (!pid)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	snprintf(list, sizeof(list), "%d", pid);
	assert_int_equal(select_pids(list), -ESRCH);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

struct threaded {
	pthread_barrier_t barrier;
	pid_t tid;
};

static void *say_tid(void *arg)
{
	struct threaded *t = arg;

	t->tid = (pid_t)syscall(SYS_gettid);
	pthread_barrier_wait(&t->barrier);
	for (;;)
		pause();
	return NULL;
}

static void test_a_thread_stands_for_its_process(void **state)
{
	_free_ pid_t *pids = NULL;
	pid_t tid = 0, pid;
	char list[16];
	int told[2];
	size_t nr;

	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		struct threaded t = { 0 };
		pthread_t thread;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pthread_barrier_init(&t.barrier, NULL, 2);
		if (pthread_create(&thread, NULL, say_tid, &t))
			_exit(1);
		pthread_barrier_wait(&t.barrier);
		if (write(told[1], &t.tid, sizeof(t.tid)) != sizeof(t.tid))
			_exit(1);
		for (;;)
			pause();
	}
	close(told[1]);
	assert_int_equal(read(told[0], &tid, sizeof(tid)), sizeof(tid));
	close(told[0]);
	assert_int_not_equal(tid, pid);
	snprintf(list, sizeof(list), "%d", tid);
	assert_int_equal(mt_select_pids(list, &pids, &nr), 0);
	expect_pids(pids, nr, pid, 0);
	child_end(pid);
}

static void test_kernel_thread(void **state)
{
	char name[32] = "";
	_close_ int fd = open("/proc/2/comm", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, name, sizeof(name) - 1) < 0 || strcmp(name, "kthreadd\n")) {
		print_message("skipped: no kernel threads to be seen here\n");
		skip();
	}
	assert_int_equal(select_pids("2"), -ESRCH);
}

static void test_comm(void **state)
{
	pid_t a = child_start(), b = child_start();
	_free_ pid_t *pids = NULL, *none = NULL;
	char shorter[16], own[16] = "";
	size_t nr;

	assert_int_equal(mt_select_comm(our_name, &pids, &nr), 0);
	expect_pids(pids, nr, a, b);
	snprintf(shorter, sizeof(shorter), "%.*s", (int)strlen(our_name) - 1, our_name);
	assert_int_equal(mt_select_comm(shorter, &none, &nr), -ESRCH);

	/* Never ourselves, even if the name is ours too. */
	prctl(PR_GET_NAME, own);
	prctl(PR_SET_NAME, our_name);
	free(TAKE_PTR(pids));
	assert_int_equal(mt_select_comm(our_name, &pids, &nr), 0);
	expect_pids(pids, nr, a, b);
	child_end(a);
	child_end(b);
	assert_int_equal(mt_select_comm(our_name, &none, &nr), -ESRCH);
	prctl(PR_SET_NAME, own);

	assert_int_equal(mt_select_comm("", &none, &nr), -EINVAL);
	assert_int_equal(mt_select_comm("1234567890123456", &none, &nr), -EINVAL);
	assert_null(none);
}

static void test_not_ours(void **state)
{
	pid_t target, pid;
	int status = -1;

	if (geteuid()) {
		print_message("skipped: setuid needs root\n");
		skip();
	}
	target = child_start();
	pid = fork();
	if (!pid) {
		char list[16];
		pid_t *pids;
		size_t nr;

		if (setgroups(0, NULL) || setgid(65534) || setuid(65534))
			_exit(1);
		snprintf(list, sizeof(list), "%d", target);
		_exit(mt_select_pids(list, &pids, &nr) == -EACCES &&
				      mt_select_comm(our_name, &pids, &nr) == -EACCES
			      ? 0
			      : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	child_end(target);
}

/* ---- cgroups -------------------------------------------------------------------------- */

/* A new cgroup in a hierarchy of this version; false where there is none. */
static bool cgroup_make(char path[PATH_MAX], const char *type)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	bool made = false;

	while (mounts && !made && (m = getmntent(mounts))) {
		if (strcmp(m->mnt_type, type) || hasmntopt(m, "cpuset"))
			continue;
		snprintf(path, PATH_MAX, "%s/%s", m->mnt_dir, our_name);
		made = !mkdir(path, 0755);
	}
	if (mounts)
		endmntent(mounts);
	return made;
}

static void cgroup_enter(const char *path, pid_t pid)
{
	char file[PATH_MAX + 16], text[16];
	_close_ int fd = -1;

	snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	fd = open(file, O_WRONLY | O_CLOEXEC);
	snprintf(text, sizeof(text), "%d", pid);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void cgroup_remove(const char *path)
{
	for (int i = 0; i < 1000 && rmdir(path) && errno == EBUSY; i++)
		usleep(1000);
}

static int select_cgroup(const char *path)
{
	_free_ pid_t *pids = NULL;
	size_t nr;

	return mt_select_cgroup(path, &pids, &nr);
}

static void expect_cgroup(const char *path, pid_t a, pid_t b)
{
	_free_ pid_t *pids = NULL;
	size_t nr;

	assert_int_equal(mt_select_cgroup(path, &pids, &nr), 0);
	expect_pids(pids, nr, a, b);
}

static void check_hierarchy(const char *type)
{
	char path[PATH_MAX], below[PATH_MAX + 8], relative[64];
	pid_t a, b;

	if (!cgroup_make(path, type)) {
		print_message("skipped: cannot make a cgroup of type %s here\n", type);
		skip();
	}
	snprintf(below, sizeof(below), "%s/below", path);
	assert_int_equal(mkdir(below, 0755), 0);
	assert_int_equal(select_cgroup(path), -ESRCH);
	assert_int_equal(select_cgroup(our_name), -ESRCH);
	a = child_start();
	b = child_start();
	cgroup_enter(path, a);
	cgroup_enter(below, b);
	expect_cgroup(path, a, b);
	expect_cgroup(below, b, 0);
	expect_cgroup(our_name, a, b);
	snprintf(relative, sizeof(relative), "/%s/below", our_name);
	expect_cgroup(relative, b, 0);
	/* Not out of the hierarchy, even if it leads back. */
	*strrchr(below, '/') = '\0';
	*strrchr(below, '/') = '\0';
	snprintf(relative, sizeof(relative), "..%s/%s", strrchr(below, '/'), our_name);
	assert_int_equal(select_cgroup(relative), -ESRCH);
	snprintf(below, sizeof(below), "%s/below", path);
	child_end(a);
	child_end(b);
	cgroup_remove(below);
	cgroup_remove(path);
	assert_int_equal(select_cgroup(path), -ESRCH);
}

static void test_cgroup_v2(void **state)
{
	check_hierarchy("cgroup2");
}

static void test_cgroup_v1(void **state)
{
	check_hierarchy("cgroup");
}

/* On a hybrid host the version 2 cgroup may be there and empty; then the first of version 1. */
static void test_cgroup_hybrid(void **state)
{
	char v1[PATH_MAX], other_v1[PATH_MAX], v2[PATH_MAX];
	bool two;
	pid_t a, b;

	if (!cgroup_make(v2, "cgroup2")) {
		print_message("skipped: cannot make a cgroup here\n");
		skip();
	}
	if (!cgroup_make(v1, "cgroup")) {
		cgroup_remove(v2);
		print_message("skipped: no cgroups of version 1 here\n");
		skip();
	}
	a = child_start();
	b = child_start();
	two = cgroup_make(other_v1, "cgroup"); /* in the next hierarchy: one has it already */
	if (two)
		cgroup_enter(other_v1, b);
	cgroup_enter(v1, a);
	expect_cgroup(our_name, a, 0);
	cgroup_enter(v2, b);
	expect_cgroup(our_name, b, 0);
	child_end(a);
	child_end(b);
	if (two)
		cgroup_remove(other_v1);
	cgroup_remove(v1);
	cgroup_remove(v2);
}

static void test_no_cgroup(void **state)
{
	assert_int_equal(select_cgroup(""), -EINVAL);
	assert_int_equal(select_cgroup("/tmp"), -ESRCH);
	assert_int_equal(select_cgroup("no such cgroup"), -ESRCH);
	assert_int_equal(select_cgroup("/proc/self/cgroup"), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pids),
		cmocka_unit_test(test_no_pids),
		cmocka_unit_test(test_a_thread_stands_for_its_process),
		cmocka_unit_test(test_kernel_thread),
		cmocka_unit_test(test_comm),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_cgroup_v2),
		cmocka_unit_test(test_cgroup_v1),
		cmocka_unit_test(test_cgroup_hybrid),
		cmocka_unit_test(test_no_cgroup),
	};

	snprintf(our_name, sizeof(our_name), "mt-%d", getpid());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
