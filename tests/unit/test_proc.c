// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "target/proc.h"
#include "util/cleanup.h"

/* A child that says over a pipe when it is ready, and then waits to be killed. */
static pid_t child_start(void (*prepare)(void *), void *arg)
{
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (prepare)
			prepare(arg);
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

static pid_t zombie_start(void)
{
	siginfo_t info;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	return pid;
}

static void test_status_text(void **state)
{
	static const char text[] =
		"Name:\tVmRSS:\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t42\n"
		"Ngid:\t0\nPid:\t43\nPPid:\t7\nUid:\t1\t2\t3\t4\nGroups:\t0 \n"
		"NStgid:\t42\t9\t15\nNSpid:\t43\t8\t14\n"
		"VmPeak:\t    3060 kB\nVmSize:\t    3059 kB\nVmHWM:\t    1744 kB\n"
		"VmRSS:\t    1743 kB\nVmStk:\t     132 kB\nThreads:\t5\n"
		"VmRSS:\t9 kB\n";
	struct mt_proc_status s;

	assert_int_equal(mt_proc_parse_status(text, &s), 0);
	assert_int_equal(s.state, 'S');
	assert_int_equal(s.tgid, 42);
	assert_int_equal(s.inner_tgid, 15);
	assert_int_equal(s.ppid, 7);
	assert_int_equal(s.uid, 2);
	assert_int_equal(s.threads, 5);
	assert_int_equal(s.vm_peak_bytes, 3060 * 1024);
	assert_int_equal(s.vm_size_bytes, 3059 * 1024);
	assert_int_equal(s.vm_hwm_bytes, 1744 * 1024);
	assert_int_equal(s.vm_rss_bytes, 1743 * 1024);
	assert_int_equal(s.vm_stk_bytes, 132 * 1024);

	assert_int_equal(mt_proc_parse_status("State:\tZ\nTgid:\t4\nThreads:\t1", &s), 0);
	assert_int_equal(s.state, 'Z');
	assert_int_equal(s.inner_tgid, 4);
	assert_int_equal(s.vm_rss_bytes, -1);
	assert_int_equal(s.vm_peak_bytes, -1);
	assert_int_equal(mt_proc_parse_status("State:\tZ\nTgid:\t4\n", &s), -EBADMSG);
	assert_int_equal(mt_proc_parse_status("State:\tZ\nThreads:\t4\n", &s), -EBADMSG);
	assert_int_equal(mt_proc_parse_status("Tgid:\t4\nThreads:\t4\n", &s), -EBADMSG);
	assert_int_equal(mt_proc_parse_status("", &s), -EBADMSG);
}

static void *idle_thread(void *arg)
{
	pthread_barrier_wait(arg);
	pthread_barrier_wait(arg);
	return NULL;
}

static void test_status_of_ourselves(void **state)
{
	struct mt_proc_status before, after;
	size_t len = 32UL << 20;
	pthread_barrier_t barrier;
	pthread_t threads[3];
	_free_ pid_t *tids = NULL;
	size_t nr = 0;
	char *block;

	assert_int_equal(mt_proc_status(getpid(), &before), 0);
	assert_int_equal(before.tgid, getpid());
	assert_int_equal(before.ppid, getppid());
	assert_int_equal(before.state, 'R');
	assert_int_equal(before.threads, 1);
	assert_true(before.vm_stk_bytes > 0);
	assert_true(before.vm_peak_bytes >= before.vm_size_bytes);

	block = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(block, MAP_FAILED);
	memset(block, 1, len);
	pthread_barrier_init(&barrier, NULL, 4);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, idle_thread, &barrier), 0);
	pthread_barrier_wait(&barrier);
	assert_int_equal(mt_proc_status(getpid(), &after), 0);
	assert_int_equal(mt_proc_tids(getpid(), &tids, &nr), 0);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	munmap(block, len);

	assert_int_equal(after.threads, 4);
	assert_true(after.vm_rss_bytes - before.vm_rss_bytes > (int64_t)len - (4 << 20));
	assert_true(after.vm_size_bytes - before.vm_size_bytes >= (int64_t)len);
	assert_true(after.vm_hwm_bytes >= after.vm_rss_bytes);
	assert_int_equal(nr, 4);
	assert_int_equal(tids[0], getpid());
}

static void join_many_groups(void *arg)
{
	static gid_t groups[20000];

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		groups[i] = (gid_t)(4000000000U + i);
	if (setgroups(ARRAY_SIZE(groups), groups))
		_exit(1);
}

/* The fields that are wanted lie beyond the first buffer. */
static void test_status_with_many_groups(void **state)
{
	struct mt_proc_status s;
	pid_t pid;

	if (geteuid()) {
		print_message("skipped: setgroups needs root\n");
		skip();
	}
	pid = child_start(join_many_groups, NULL);
	assert_int_equal(mt_proc_status(pid, &s), 0);
	assert_int_equal(s.tgid, pid);
	assert_int_equal(s.threads, 1);
	assert_true(s.vm_rss_bytes > 0);
	child_end(pid);
}

static void test_process_that_ends(void **state)
{
	pid_t pid = child_start(NULL, NULL);
	_close_ int fd = mt_proc_open(pid, "status");
	char comm[MT_COMM_LEN];
	struct mt_proc_status s;
	struct mt_proc_stat stat;
	_free_ char *text = NULL;
	_free_ pid_t *tids = NULL;
	uint64_t sp;
	size_t nr;

	assert_true(fd >= 0);
	assert_int_equal(mt_proc_read_status(fd, &s), 0);
	assert_int_equal(mt_proc_read_status(fd, &s), 0);
	assert_true(mt_proc_alive(pid));
	assert_int_equal(mt_proc_check(pid), 0);
	child_end(pid);
	assert_int_equal(mt_proc_read_status(fd, &s), -ESRCH);
	assert_int_equal(mt_proc_open(pid, "status"), -ESRCH);
	assert_int_equal(mt_proc_status(pid, &s), -ESRCH);
	assert_int_equal(mt_proc_stat(pid, &stat), -ESRCH);
	assert_int_equal(mt_proc_comm(pid, comm), -ESRCH);
	assert_int_equal(mt_proc_exe(pid, &text), -ESRCH);
	assert_int_equal(mt_proc_cgroup(pid, &text), -ESRCH);
	assert_int_equal(mt_proc_tids(pid, &tids, &nr), -ESRCH);
	assert_int_equal(mt_proc_stack_pointer(pid, pid, &sp), -ESRCH);
	assert_int_equal(mt_proc_check(pid), -ESRCH);
	assert_false(mt_proc_alive(pid));
	assert_null(text);
	assert_null(tids);
}

static void test_zombie(void **state)
{
	pid_t pid = zombie_start();
	struct mt_proc_status s;

	assert_int_equal(mt_proc_status(pid, &s), 0);
	assert_int_equal(s.state, 'Z');
	assert_int_equal(s.vm_rss_bytes, -1);
	assert_false(mt_proc_alive(pid));
	assert_int_equal(mt_proc_check(pid), -ESRCH);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_kernel_thread(void **state)
{
	struct mt_proc_stat stat;
	char comm[MT_COMM_LEN] = "";

	if (mt_proc_comm(2, comm) || strcmp(comm, "kthreadd")) {
		print_message("skipped: no kernel threads to be seen here\n");
		skip();
	}
	assert_int_equal(mt_proc_stat(2, &stat), 0);
	assert_true(stat.kernel_thread);
	assert_int_equal(mt_proc_check(2), -EOPNOTSUPP);
}

static void test_not_ours(void **state)
{
	pid_t parent = getpid(), pid;
	int status = -1;

	if (geteuid()) {
		print_message("skipped: setuid needs root\n");
		skip();
	}
	pid = fork();
	if (!pid) {
		struct mt_proc_status s;

		if (setgroups(0, NULL) || setgid(65534) || setuid(65534))
			_exit(1);
		_exit(mt_proc_check(parent) == -EACCES && !mt_proc_status(parent, &s) &&
				      mt_proc_alive(parent)
			      ? 0
			      : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_stat(void **state)
{
	struct mt_proc_stat stat;
	struct timespec ts;
	uint64_t now_ns;
	pid_t pid;

	assert_int_equal(
		mt_proc_parse_stat("1 (a) R (b c) S 7 1 1 0 -1 2097216 0 0 0 0 0 0 0 0 20 0 "
				   "1 0 250 0 0",
				   &stat),
		0);
	assert_int_equal(stat.state, 'S');
	assert_int_equal(stat.ppid, 7);
	assert_true(stat.kernel_thread);
	assert_int_equal(stat.start_ns, 2500000000);
	assert_int_equal(
		mt_proc_parse_stat("1 (a) S 7 1 1 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 3 ", &stat),
		0);
	assert_false(stat.kernel_thread);
	assert_int_equal(mt_proc_parse_stat("1 (a) S 7 1 1 0 -1 4194304 0 0", &stat), -EBADMSG);
	assert_int_equal(mt_proc_parse_stat("", &stat), -EBADMSG);

	pid = child_start(NULL, NULL);
	clock_gettime(CLOCK_BOOTTIME, &ts);
	now_ns = (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
	assert_int_equal(mt_proc_stat(pid, &stat), 0);
	assert_int_equal(stat.ppid, getpid());
	assert_false(stat.kernel_thread);
	assert_in_range(stat.start_ns, now_ns - 10000000000ULL, now_ns);
	child_end(pid);
}

static void take_name(void *name)
{
	prctl(PR_SET_NAME, name);
}

static void test_comm(void **state)
{
	static const char *const names[] = { "plain", "a) S 1\n", "\n", "123456789012345", "" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		pid_t pid = child_start(take_name, (void *)names[i]);
		char comm[MT_COMM_LEN];
		struct mt_proc_status s;
		struct mt_proc_stat stat;

		memset(comm, 'x', sizeof(comm));
		assert_int_equal(mt_proc_comm(pid, comm), 0);
		assert_string_equal(comm, names[i]);
		assert_int_equal(mt_proc_stat(pid, &stat), 0);
		assert_int_equal(stat.ppid, getpid());
		assert_int_equal(mt_proc_status(pid, &s), 0);
		assert_int_equal(s.ppid, getpid());
		child_end(pid);
	}
}

static void test_exe(void **state)
{
	char expected[4096] = "";
	_free_ char *exe = NULL;

	assert_true(readlink("/proc/self/exe", expected, sizeof(expected) - 1) > 0);
	assert_int_equal(mt_proc_exe(getpid(), &exe), 0);
	assert_string_equal(exe, expected);
}

static void expect_cgroup(const char *text, const char *expected)
{
	_free_ char *copy = strdup(text), *path = NULL;

	assert_int_equal(mt_proc_parse_cgroup(copy, &path), 0);
	assert_string_equal(path, expected);
}

static void test_cgroup(void **state)
{
	char junk[] = "nothing\nof:this\nkind:x:y\n";
	_free_ char *path = NULL;

	expect_cgroup("0::/user.slice/a:b c\n", "/user.slice/a:b c");
	expect_cgroup("9:name=systemd:/s\n4:memory:/m\n0::/v2\n", "/v2");
	expect_cgroup("9:name=systemd:/s\n8:pids:/p\n4:memory:/m\n0::/\n", "/m");
	expect_cgroup("9:name=systemd:/s\n8:pids:/p\n4:memory:/\n0::/\n", "/s");
	expect_cgroup("9:name=systemd:/\n8:pids:/p\n4:memory:/\n0::/\n", "/p");
	expect_cgroup("9:name=systemd:/\n4:memory:/\n0::/\n", "/");
	assert_int_equal(mt_proc_parse_cgroup(junk, &path), -EBADMSG);
	assert_null(path);
	assert_int_equal(mt_proc_cgroup(getpid(), &path), 0);
	assert_int_equal(path[0], '/');
}

static void test_syscall_text(void **state)
{
	uint64_t sp = 0;

	assert_int_equal(mt_proc_parse_syscall("running\n", &sp), -EAGAIN);
	assert_int_equal(mt_proc_parse_syscall("0 0x3 0x7f 0x20 0x7e 0xffffffff 0x0 0x7ffef7042068 "
					       "0x7f520d09b2ad\n",
					       &sp),
			 0);
	assert_int_equal(sp, 0x7ffef7042068);
	assert_int_equal(mt_proc_parse_syscall("-1 0x7ffc01 0x7f0000\n", &sp), 0);
	assert_int_equal(sp, 0x7ffc01);
	assert_int_equal(mt_proc_parse_syscall("0 0x3 0x7f", &sp), -EBADMSG);
	assert_int_equal(mt_proc_parse_syscall("", &sp), -EBADMSG);
}

/* A signal moves the child onto a stack whose place the parent knows. */
static char known_stack[256 << 10] __attribute__((aligned(64)));

static void enter_known_stack(int sig)
{
	for (;;)
		pause();
}

static void prepare_known_stack(void *arg)
{
	stack_t alt = { .ss_sp = known_stack, .ss_size = sizeof(known_stack) };
	struct sigaction sa = { .sa_handler = enter_known_stack, .sa_flags = SA_ONSTACK };

	if (sigaltstack(&alt, NULL) || sigaction(SIGUSR1, &sa, NULL))
		_exit(1);
}

static bool within_known_stack(uint64_t sp)
{
	return sp >= (uintptr_t)known_stack && sp < (uintptr_t)known_stack + sizeof(known_stack);
}

static void test_stack_pointer(void **state)
{
	pid_t pid = child_start(prepare_known_stack, NULL);
	uint64_t sp = 0;
	int err = -EAGAIN;

	for (int i = 0; i < 2000 && err == -EAGAIN; i++, usleep(1000))
		err = mt_proc_stack_pointer(pid, pid, &sp);
	assert_int_equal(err, 0);
	assert_false(within_known_stack(sp));
	kill(pid, SIGUSR1);
	for (int i = 0; i < 2000 && !within_known_stack(sp); i++, usleep(1000))
		err = mt_proc_stack_pointer(pid, pid, &sp);
	assert_int_equal(err, 0);
	assert_true(within_known_stack(sp));
	child_end(pid);
}

static void spin(int sig)
{
	for (;;)
		__asm__ volatile("");
}

static void prepare_spin(void *arg)
{
	signal(SIGUSR1, spin);
}

static void test_stack_pointer_of_a_running_thread(void **state)
{
	pid_t pid = child_start(prepare_spin, NULL);
	uint64_t sp;
	int seen = 0;

	kill(pid, SIGUSR1);
	for (int i = 0; i < 100000 && !seen; i++)
		seen = mt_proc_stack_pointer(pid, pid, &sp) == -EAGAIN;
	assert_true(seen);
	child_end(pid);
}

static void test_read_file_limits(void **state)
{
	_free_ char *text = NULL;
	size_t len;

	assert_int_equal(mt_proc_read_file(getpid(), "maps", 16, &text, &len), -EFBIG);
	assert_null(text);
	assert_int_equal(mt_proc_read_file(getpid(), "no such file", 16, &text, &len), -ESRCH);
	assert_int_equal(mt_proc_read_file(getpid(), "comm", 4096, &text, &len), 0);
	assert_int_equal(strlen(text), len);
}

static void *filter_itself(void *arg)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog filter = { .len = 1, .filter = &allow };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
	sem_post(arg);
	while (pause())
		;
	return NULL;
}

/* Only a thread other than the main one has the filter. */
static void filter_a_thread(void *arg)
{
	static sem_t done;
	pthread_t thread;

	sem_init(&done, 0, 0);
	pthread_create(&thread, NULL, filter_itself, &done);
	sem_wait(&done);
}

static void test_seccomp(void **state)
{
	pid_t free_of_it = child_start(NULL, NULL), filtered = child_start(filter_a_thread, NULL);

	assert_int_equal(mt_proc_seccomp(free_of_it), 0);
	assert_int_equal(mt_proc_seccomp(filtered), 1);
	child_end(free_of_it);
	child_end(filtered);
	assert_int_equal(mt_proc_seccomp(filtered), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_text),
		cmocka_unit_test(test_status_of_ourselves),
		cmocka_unit_test(test_status_with_many_groups),
		cmocka_unit_test(test_process_that_ends),
		cmocka_unit_test(test_zombie),
		cmocka_unit_test(test_kernel_thread),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_comm),
		cmocka_unit_test(test_exe),
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_seccomp),
		cmocka_unit_test(test_syscall_text),
		cmocka_unit_test(test_stack_pointer),
		cmocka_unit_test(test_stack_pointer_of_a_running_thread),
		cmocka_unit_test(test_read_file_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
