// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/seccomp.h"

#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "session/child.h"
#include "session/perf.h"
#include "util/cleanup.h"

/* How the child ends. */
enum { PASSED = 1, FILTERED, UNTRIED };

/* The function that has the probe. */
__attribute__((noinline)) static void probed(void)
{
	__asm__ volatile("");
}

/* Its place in our own program, which is the first object. */
static int find_probed(struct dl_phdr_info *info, size_t size, void *file_offset)
{
	uint64_t at = (uintptr_t)probed - info->dlpi_addr;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && at - p->p_vaddr < p->p_filesz)
			*(uint64_t *)file_offset = at - p->p_vaddr + p->p_offset;
	}
	return 1;
}

static void on_sigsys(int sig)
{
	_exit(FILTERED);
}

/* A filter that traps where others kill: it leaves no core and no line in the audit log. */
static void run_filtered(int go)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	struct sock_fprog filter = { .len = ARRAY_SIZE(code), .filter = code };
	eventfd_t value;

	signal(SIGSYS, on_sigsys);
	if (eventfd_read(go, &value) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		_exit(UNTRIED);
	probed();
	/* Not _exit(): before what does not return, the address sanitizer makes system calls. */
	syscall(SYS_exit_group, PASSED);
}

/* What became of the child, once the probe is where it should be. */
static int judge(int event, int status)
{
	uint64_t hits = 0;

	if (!WIFEXITED(status) || WEXITSTATUS(status) == FILTERED)
		return -EPERM;
	if (WEXITSTATUS(status) != PASSED)
		return -ENOTSUP;
	/* A probe that was not hit proves nothing. */
	return read(event, &hits, sizeof(hits)) == sizeof(hits) && hits ? 0 : -ENOTSUP;
}

int mt_seccomp_probe(void)
{
	_close_ int go = eventfd(0, EFD_CLOEXEC), event = -1;
	uint64_t file_offset = 0;
	int status;
	pid_t pid;

	if (go < 0)
		return -errno;
	dl_iterate_phdr(find_probed, &file_offset);
	pid = mt_child_fork();
	if (!pid)
		run_filtered(go);
	if (pid < 0)
		return pid;
	event = mt_perf_uprobe_open("/proc/self/exe", file_offset, true, pid);
	if (event < 0)
		kill(pid, SIGKILL);
	else
		eventfd_write(go, 1);
	status = mt_child_wait(pid);
	if (event < 0 || status < 0)
		return event < 0 ? event : status;
	return judge(event, status);
}
