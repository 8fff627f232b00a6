// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* session/calibrate.c: prices that a host can have, and nothing left behind. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session/calibrate.h"
#include "session/features.h"

static void check_prices(bool multi)
{
	struct mt_trap_prices p;

	assert_int_equal(mt_calibrate(&p, multi), 0);
	print_message("%s: push %.0f nop %.0f branch %.0f stepped %.0f return %.0f ns\n",
		      multi ? "multi" : "perf", p.push_ns, p.nop_ns, p.branch_ns, p.stepped_ns,
		      p.return_ns);
	/* A trap is never had for 50 ns. The emulated ones are alike, which a busy host blurs. */
	assert_true(p.push_ns > 50 && p.nop_ns > 50 && p.branch_ns > 50 && p.return_ns > 50);
	assert_true(p.push_ns < 3 * p.nop_ns && p.nop_ns < 3 * p.push_ns);
	assert_true(p.branch_ns < 3 * p.nop_ns && p.nop_ns < 3 * p.branch_ns);
	assert_true(p.stepped_ns > 1.3 * p.push_ns);
	assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void test_prices(void **state)
{
	struct mt_features features;

	mt_features_probe(&features);
	if (features.uprobe_multi)
		check_prices(true);
	check_prices(false);
}

static void test_unprivileged(void **state)
{
	struct mt_trap_prices p;
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(!setgid(65534) && !setuid(65534) && mt_calibrate(&p, false) < 0 ? 42 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 42 << 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prices),
		cmocka_unit_test(test_unprivileged),
	};

	if (geteuid()) {
		printf("needs root\n");
		return 77;
	}
#ifndef __x86_64__
	printf("x86-64 only\n");
	return 77;
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}
