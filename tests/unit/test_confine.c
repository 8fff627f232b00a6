// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "symbol/confine.h"
#include "target/proc.h"
#include "util/cleanup.h"

struct inmate {
	pid_t pid;
	int line; /* it says a byte when it is confined, and ends with this */
};

/* The child; it keeps `wr` and `rd`. */
static void serve(int rd, int wr)
{
	const int fds[] = { wr, -1, rd };
	char byte = 'x';

	if (mt_confine(fds, ARRAY_SIZE(fds)) || write(wr, &byte, 1) != 1)
		_exit(1);
	/* Not _exit: LeakSanitizer would do its work there, and fail. */
	syscall(SYS_exit_group, (int)read(rd, &byte, 1));
}

static struct inmate inmate_new(void)
{
	int said[2], wait[2];
	struct inmate i = { 0 };
	char byte;

	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	assert_int_equal(pipe2(wait, O_CLOEXEC), 0);
	i.line = wait[1];
	i.pid = fork();
	if (!i.pid)
		serve(wait[0], said[1]);
	close(said[1]);
	close(wait[0]);
	assert_int_equal(read(said[0], &byte, 1), 1);
	close(said[0]);
	return i;
}

/* Its end comes from the other end's: it holds no copy of that. */
static void inmate_end(struct inmate *i)
{
	int status;

	close(i->line);
	assert_int_equal(waitpid(i->pid, &status, 0), i->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void expect_field(const char *status, const char *field)
{
	assert_non_null(strstr(status, field));
}

static void test_privileges(void **state)
{
	struct inmate i = inmate_new();
	_free_ char *status = NULL;
	size_t len;

	assert_int_equal(mt_proc_read_file(i.pid, "status", 65536, &status, &len), 0);
	expect_field(status, "\nCapInh:\t0000000000000000\n");
	expect_field(status, "\nCapPrm:\t0000000000000000\n");
	expect_field(status, "\nCapEff:\t0000000000000000\n");
	expect_field(status, "\nCapAmb:\t0000000000000000\n");
	expect_field(status, "\nNoNewPrivs:\t1\n");
	expect_field(status, "\nSeccomp:\t2\n");
	inmate_end(&i);
}

static void test_limits(void **state)
{
	unsigned long long soft, hard, pages;
	struct inmate i = inmate_new();
	_free_ char *limits = NULL, *statm = NULL;
	const char *line;
	size_t len;

	assert_int_equal(mt_proc_read_file(i.pid, "limits", 65536, &limits, &len), 0);
	assert_int_equal(mt_proc_read_file(i.pid, "statm", 4096, &statm, &len), 0);
	line = strstr(limits, "Max cpu time");
	assert_int_equal(sscanf(line, "Max cpu time %llu %llu", &soft, &hard), 2);
	assert_int_equal(soft, hard);
	assert_in_range(hard, MT_CONFINE_SECONDS, MT_CONFINE_SECONDS + 1);
	line = strstr(limits, "Max address space");
	assert_int_equal(sscanf(line, "Max address space %llu %llu", &soft, &hard), 2);
	assert_int_equal(sscanf(statm, "%llu", &pages), 1);
	assert_int_equal(soft, hard);
	assert_true(hard <= pages * 4096 + MT_CONFINE_BYTES);
	assert_true(hard > pages * 4096 + MT_CONFINE_BYTES - (64 << 20));
	inmate_end(&i);
}

static void test_descriptors(void **state)
{
	struct inmate i = inmate_new();
	_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	char path[64];
	int nr = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", i.pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		nr += entry->d_name[0] != '.';
	assert_int_equal(nr, 2);
	inmate_end(&i);
}

static void test_too_many_descriptors(void **state)
{
	const int fds[MT_CONFINE_FILES + 1] = { 0 };

	assert_int_equal(mt_confine(fds, ARRAY_SIZE(fds)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_privileges),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_too_many_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
