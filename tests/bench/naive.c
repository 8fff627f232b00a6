// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * naive PID LIBC [no-stacks]: the naive tracer (naive.bpf.c), to be compared with.
 *
 * Attached as libbpf attaches uprobes by itself, through perf events. Says "attached", ends when
 * its stdin does, and says what it has seen.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "naive.h"
#include "naive.skel.h"

static struct bpf_link *attach(struct bpf_program *prog, const char *function, bool is_return,
			       pid_t pid, const char *libc)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .func_name = function, .retprobe = is_return);

	return bpf_program__attach_uprobe_opts(prog, pid, libc, 0, &opts);
}

static int attach_all(struct naive *naive, pid_t pid, const char *libc)
{
	naive->links.naive_malloc_return =
		attach(naive->progs.naive_malloc_return, "malloc", true, pid, libc);
	naive->links.naive_malloc = attach(naive->progs.naive_malloc, "malloc", false, pid, libc);
	naive->links.naive_free = attach(naive->progs.naive_free, "free", false, pid, libc);
	return naive->links.naive_malloc_return && naive->links.naive_malloc &&
			       naive->links.naive_free
		       ? 0
		       : -errno;
}

static void say_total(const struct naive *naive)
{
	int fd = bpf_map__fd(naive->maps.sums), nr = 0;
	unsigned long long calls = 0;
	struct naive_sum sum;
	__s64 stack, *previous = NULL;

	for (; !bpf_map_get_next_key(fd, previous, &stack); previous = &stack) {
		if (bpf_map_lookup_elem(fd, &stack, &sum))
			continue;
		calls += sum.alloc_cnt;
		nr++;
	}
	printf("allocations %llu at %d stacks\n", calls, nr);
}

int main(int argc, char **argv)
{
	struct naive *naive;
	int err;

	if (argc < 3)
		return 2;
	naive = naive__open();
	if (!naive)
		return 1;
	naive->rodata->with_stacks = argc == 3;
	err = naive__load(naive);
	err = err ? err : attach_all(naive, atoi(argv[1]), argv[2]);
	if (err) {
		fprintf(stderr, "naive: %s\n", strerror(-err));
	} else {
		puts("attached");
		fflush(stdout);
		while (getchar() != EOF)
			;
		say_total(naive);
	}
	naive__destroy(naive);
	return err != 0;
}
