// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "symbol/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"

/* A system call, and what must be so of one of its arguments, if anything. */
struct rule {
	int call;
	bool conditional;
	struct scmp_arg_cmp condition;
};

#define ANY(name)                      \
	{                              \
		.call = SCMP_SYS(name) \
	}
#define IF(name, ...)                                                                 \
	{                                                                             \
		.call = SCMP_SYS(name), .conditional = true, .condition = __VA_ARGS__ \
	}

static int by_value(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* All but these. */
static int close_others(const int *fds, size_t nr)
{
	int kept[MT_CONFINE_FILES];
	unsigned int next = 0;

	if (nr > MT_CONFINE_FILES)
		return -EINVAL;
	memcpy(kept, fds, nr * sizeof(*fds));
	qsort(kept, nr, sizeof(*kept), by_value);
	for (size_t i = 0; i < nr; i++) {
		if (kept[i] < 0)
			continue;
		if ((unsigned int)kept[i] > next && close_range(next, (unsigned int)kept[i] - 1, 0))
			return -errno;
		next = (unsigned int)kept[i] + 1;
	}
	return close_range(next, ~0U, 0) ? -errno : 0;
}

/* A child has its parent's mappings, which are not its doing. */
static int used_memory(rlim_t *bytes)
{
	_fclose_ FILE *in = fopen("/proc/self/statm", "re");
	unsigned long long pages;

	if (!in)
		return -errno;
	if (fscanf(in, "%llu", &pages) != 1)
		return -EBADMSG;
	*bytes = pages * (rlim_t)sysconf(_SC_PAGESIZE);
	return 0;
}

static int limit(int resource, rlim_t value)
{
	const struct rlimit both = { .rlim_cur = value, .rlim_max = value };

	return setrlimit(resource, &both) ? -errno : 0;
}

static int limit_resources(void)
{
	struct rusage usage;
	rlim_t bytes = 0;
	int err = used_memory(&bytes);

	if (err)
		return err;
	getrusage(RUSAGE_SELF, &usage);
	return limit(RLIMIT_AS, bytes + MT_CONFINE_BYTES)
		       ?: limit(RLIMIT_CPU, (rlim_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
						    MT_CONFINE_SECONDS);
}

/* Root without capabilities is still the owner of files and processes: hence the filter. */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	/* Then nobody can trace it, and no crash of it is kept or reported. */
	if (prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return syscall(SYS_capset, &header, none) ? -errno : 0;
}

static int filter_calls(void)
{
	static const struct rule rules[] = {
		ANY(read),
		ANY(pread64),
		ANY(write),
		ANY(lseek),
		ANY(fstat),
		IF(newfstatat, SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH)), /* glibc's fstat */
		IF(fcntl, SCMP_A1(SCMP_CMP_EQ, F_GETFD)),	     /* libelf's look at its own */
		IF(fcntl, SCMP_A1(SCMP_CMP_EQ, F_GETFL)),
		ANY(brk),
		IF(mmap, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)),
		IF(mprotect, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)),
		ANY(mremap),
		ANY(munmap),
		ANY(madvise),
		ANY(futex),
		ANY(rt_sigreturn),
		ANY(exit),
		ANY(exit_group),
	};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = ctx ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < ARRAY_SIZE(rules); i++) {
		const struct rule *r = &rules[i];

		err = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, r->call, r->conditional,
					     &r->condition);
	}
	err = err ? err : seccomp_load(ctx);
	seccomp_release(ctx);
	return err;
}

int mt_confine(const int *fds, size_t nr)
{
	int err = close_others(fds, nr);

	err = err ? err : limit_resources();
	err = err ? err : drop_capabilities();
	return err ? err : filter_calls();
}
