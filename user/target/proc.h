/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * proc.h: what /proc says about a process.
 *
 * A process may end at any time: everything here then returns -ESRCH, and never a half-read
 * answer. -EACCES means that the kernel refuses to show this process to us, -EBADMSG that a
 * file is not as expected. Strings that are handed out are the caller's to free. Sizes are
 * bytes. Thread-safe: there is no state.
 *
 * For a look at many processes many times a second keep the descriptor of
 * mt_proc_open(pid, "status") and call mt_proc_read_status on it: one pread. Such a
 * descriptor stays with its process; it never shows one that got the same pid later.
 */
#ifndef MT_TARGET_PROC_H
#define MT_TARGET_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire.h"

/* From /proc/PID/status. The sizes are -1 where there is no address space. */
struct mt_proc_status {
	char state; /* as in ps(1): 'Z' is a zombie */
	pid_t tgid;
	pid_t inner_tgid; /* in its own pid namespace; the same where the kernel has none */
	pid_t ppid;
	pid_t tracer; /* who ptraces it, 0: nobody */
	uid_t uid;    /* effective */
	int64_t threads;
	int64_t vm_peak_bytes;
	int64_t vm_size_bytes;
	int64_t vm_hwm_bytes; /* peak of resident memory */
	int64_t vm_rss_bytes;
	int64_t vm_stk_bytes;
	int64_t vm_pte_bytes; /* of its page tables */
};

/* From /proc/PID/stat. */
struct mt_proc_stat {
	char state;
	bool kernel_thread;
	pid_t ppid;
	uint64_t start_ns; /* CLOCK_BOOTTIME, in steps of 10 ms */
};

/* /proc/PID/FILE, for reading; -errno, or a descriptor. */
int mt_proc_open(pid_t pid, const char *file);

/* All of /proc/PID/FILE and a 0 after it; -EFBIG beyond `max`. */
int mt_proc_read_file(pid_t pid, const char *file, size_t max, char **text, size_t *len);

int mt_proc_parse_status(const char *text, struct mt_proc_status *out);
int mt_proc_read_status(int fd, struct mt_proc_status *out);
int mt_proc_status(pid_t pid, struct mt_proc_status *out);

int mt_proc_parse_stat(const char *text, struct mt_proc_stat *out);
int mt_proc_stat(pid_t pid, struct mt_proc_stat *out);

/* The thread's name as the kernel has it: any bytes. */
int mt_proc_comm(pid_t tid, char comm[MT_COMM_LEN]);

/* Path of the program as the process sees it; "/path (deleted)" if its name is gone. */
int mt_proc_exe(pid_t pid, char **path);

/* Its cgroup: that of version 2, or where that is the root a version 1 one that says more. */
int mt_proc_cgroup(pid_t pid, char **path);
int mt_proc_parse_cgroup(char *text, char **path);

/* Its threads, the caller's to free. */
int mt_proc_tids(pid_t pid, pid_t **tids, size_t *nr);

/* Stack pointer of a thread that sleeps; -EAGAIN if it runs. */
int mt_proc_stack_pointer(pid_t pid, pid_t tid, uint64_t *sp);
int mt_proc_parse_syscall(const char *text, uint64_t *sp);

/* Has a thread of it a seccomp filter, or strict mode? 1, 0, or -errno. */
int mt_proc_seccomp(pid_t pid);

/* It exists and is no zombie. */
bool mt_proc_alive(pid_t pid);

/*
 * Can it be traced? 0, -ESRCH (none, or a zombie), -EOPNOTSUPP (a kernel thread), or -EACCES
 * (not by us).
 */
int mt_proc_check(pid_t pid);

#endif
