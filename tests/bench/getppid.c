// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * getppid: what a system call costs a process that nobody traces.
 *
 * Takes lines "MS" on stdin and answers each with the mean CPU time of a getppid, "ns X".
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define CALLS 1000 /* between two looks at the clock */

static int64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

int main(void)
{
	char line[64];
	int ms;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		int64_t begin_ns = cpu_ns(), spent_ns, calls = 0;

		if (sscanf(line, "%d", &ms) != 1)
			return 2;
		do {
			for (int i = 0; i < CALLS; i++)
				getppid();
			calls += CALLS;
			spent_ns = cpu_ns() - begin_ns;
		} while (spent_ns < ms * INT64_C(1000000));
		printf("ns %.2f\n", (double)spent_ns / calls);
	}
	return 0;
}
