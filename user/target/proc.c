// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"

#define STATUS_SIZE 4096       /* what is wanted comes first, unless there are many groups */
#define STATUS_MAX  (1U << 20) /* 65,536 groups of 11 characters come before what is wanted */
#define SMALL_MAX   (64U << 10)
#define PF_KTHREAD  0x00200000 /* include/linux/sched.h; the same since 2.6.27 */

static int to_errno(int err)
{
	return err == ENOENT ? -ESRCH : err == EPERM ? -EACCES : -err;
}

int mt_proc_open(pid_t pid, const char *file)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? to_errno(errno) : fd;
}

static ssize_t pread_again(int fd, char *buf, size_t size, size_t at)
{
	ssize_t n;

	do
		n = pread(fd, buf, size, (off_t)at);
	while (n < 0 && errno == EINTR);
	return n < 0 ? to_errno(errno) : n;
}

int mt_proc_read_file(pid_t pid, const char *file, size_t max, char **text, size_t *len)
{
	_close_ int fd = mt_proc_open(pid, file);
	size_t size = 16384, used = 0;
	_free_ char *buf = NULL;

	if (fd < 0)
		return fd;
	for (;;) {
		char *grown = realloc(buf, size + 1);
		ssize_t n;

		if (!grown)
			return -ENOMEM;
		buf = grown;
		n = pread_again(fd, buf + used, size - used, used);
		if (n < 0)
			return (int)n;
		if (!n)
			break;
		used += (size_t)n;
		if (used > max)
			return -EFBIG;
		if (size - used < size / 4)
			size *= 2;
	}
	buf[used] = '\0';
	*len = used;
	*text = TAKE_PTR(buf);
	return 0;
}

static bool is_field(const char *line, const char *name, const char **value)
{
	size_t len = strlen(name);

	if (strncmp(line, name, len))
		return false;
	*value = line + len;
	return true;
}

/* The last of several numbers. */
static pid_t innermost(const char *value)
{
	const char *end = value + strcspn(value, "\n");

	while (end > value && end[-1] >= '0' && end[-1] <= '9')
		end--;
	return (pid_t)strtol(end, NULL, 10);
}

static int64_t kib(const char *value)
{
	long long n = strtoll(value, NULL, 10);

	return n < 0 || n > INT64_MAX / 1024 ? -1 : n * 1024;
}

static void parse_vm(const char *line, struct mt_proc_status *s)
{
	const char *value;

	if (is_field(line, "VmPeak:", &value))
		s->vm_peak_bytes = kib(value);
	else if (is_field(line, "VmSize:", &value))
		s->vm_size_bytes = kib(value);
	else if (is_field(line, "VmHWM:", &value))
		s->vm_hwm_bytes = kib(value);
	else if (is_field(line, "VmRSS:", &value))
		s->vm_rss_bytes = kib(value);
	else if (is_field(line, "VmStk:", &value))
		s->vm_stk_bytes = kib(value);
	else if (is_field(line, "VmPTE:", &value))
		s->vm_pte_bytes = kib(value);
}

/* "Threads:" comes after everything else that is wanted. */
int mt_proc_parse_status(const char *text, struct mt_proc_status *out)
{
	struct mt_proc_status s = {
		.threads = -1,
		.vm_peak_bytes = -1,
		.vm_size_bytes = -1,
		.vm_hwm_bytes = -1,
		.vm_rss_bytes = -1,
		.vm_stk_bytes = -1,
		.vm_pte_bytes = -1,
	};
	const char *value;

	for (const char *line = text; *line; line++) {
		if (is_field(line, "State:\t", &value))
			s.state = *value;
		else if (is_field(line, "Tgid:", &value))
			s.tgid = (pid_t)strtol(value, NULL, 10);
		else if (is_field(line, "PPid:", &value))
			s.ppid = (pid_t)strtol(value, NULL, 10);
		else if (is_field(line, "TracerPid:", &value))
			s.tracer = (pid_t)strtol(value, NULL, 10);
		else if (is_field(line, "Uid:", &value))
			sscanf(value, "%*u %u", &s.uid);
		else if (is_field(line, "NStgid:", &value))
			s.inner_tgid = innermost(value);
		else if (is_field(line, "Threads:", &value))
			s.threads = strtoll(value, NULL, 10);
		else
			parse_vm(line, &s);
		line = strchr(line, '\n');
		if (!line || s.threads >= 0)
			break;
	}
	if (s.threads < 0 || s.tgid <= 0 || !s.state)
		return -EBADMSG;
	if (!s.inner_tgid)
		s.inner_tgid = s.tgid;
	*out = s;
	return 0;
}

int mt_proc_read_status(int fd, struct mt_proc_status *out)
{
	_free_ char *large = NULL;
	char buf[STATUS_SIZE];
	ssize_t n = pread_again(fd, buf, sizeof(buf) - 1, 0);

	if (n < 0)
		return (int)n;
	buf[n] = '\0';
	if (n < (ssize_t)sizeof(buf) - 1 || strstr(buf, "\nThreads:"))
		return mt_proc_parse_status(buf, out);
	large = malloc(STATUS_MAX);
	if (!large)
		return -ENOMEM;
	n = pread_again(fd, large, STATUS_MAX - 1, 0);
	if (n < 0)
		return (int)n;
	large[n] = '\0';
	return mt_proc_parse_status(large, out);
}

int mt_proc_status(pid_t pid, struct mt_proc_status *out)
{
	_close_ int fd = mt_proc_open(pid, "status");

	return fd < 0 ? fd : mt_proc_read_status(fd, out);
}

int mt_proc_parse_stat(const char *text, struct mt_proc_stat *out)
{
	/* The name in parentheses may hold anything, parentheses and spaces too. */
	const char *after = strrchr(text, ')');
	unsigned long long ticks;
	unsigned int flags;
	char state;
	int ppid;

	/* Fields 3, 4, 9 and 22. */
	if (!after || sscanf(after + 1,
			     " %c %d %*s %*s %*s %*s %u %*s %*s %*s %*s %*s %*s %*s %*s"
			     " %*s %*s %*s %*s %llu",
			     &state, &ppid, &flags, &ticks) != 4)
		return -EBADMSG;
	*out = (struct mt_proc_stat){
		.state = state,
		.kernel_thread = flags & PF_KTHREAD,
		.ppid = ppid,
		.start_ns = ticks * (1000000000ULL / (unsigned long)sysconf(_SC_CLK_TCK)),
	};
	return 0;
}

int mt_proc_stat(pid_t pid, struct mt_proc_stat *out)
{
	_free_ char *text = NULL;
	size_t len;
	int err = mt_proc_read_file(pid, "stat", SMALL_MAX, &text, &len);

	return err ? err : mt_proc_parse_stat(text, out);
}

int mt_proc_comm(pid_t tid, char comm[MT_COMM_LEN])
{
	_free_ char *text = NULL;
	size_t len;
	int err = mt_proc_read_file(tid, "comm", SMALL_MAX, &text, &len);

	if (err)
		return err;
	/* A newline ends it, and may also be in it. */
	if (len && text[len - 1] == '\n')
		len--;
	if (len > MT_COMM_LEN - 1)
		len = MT_COMM_LEN - 1;
	memcpy(comm, text, len);
	memset(comm + len, 0, MT_COMM_LEN - len);
	return 0;
}

int mt_proc_exe(pid_t pid, char **path)
{
	char link[32], target[PATH_MAX + 1];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return to_errno(errno);
	target[n] = '\0';
	*path = strdup(target);
	return *path ? 0 : -ENOMEM;
}

/* How much a hierarchy's path says: version 2, memory, systemd's, any other; the root nothing. */
static int cgroup_rank(const char *controllers, const char *path)
{
	if (!strcmp(path, "/"))
		return 0;
	if (!*controllers)
		return 4;
	if (!strcmp(controllers, "memory"))
		return 3;
	return strcmp(controllers, "name=systemd") ? 1 : 2;
}

int mt_proc_parse_cgroup(char *text, char **path)
{
	const char *best = NULL;
	int best_rank = -1;
	char *save;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *controllers = strchr(line, ':');
		char *dir = controllers ? strchr(controllers + 1, ':') : NULL;
		int rank;

		if (!dir || dir[1] != '/')
			continue;
		*dir++ = '\0';
		rank = cgroup_rank(controllers + 1, dir);
		if (rank > best_rank) {
			best_rank = rank;
			best = dir;
		}
	}
	if (!best)
		return -EBADMSG;
	*path = strdup(best);
	return *path ? 0 : -ENOMEM;
}

int mt_proc_cgroup(pid_t pid, char **path)
{
	_free_ char *text = NULL;
	size_t len;
	int err = mt_proc_read_file(pid, "cgroup", 1U << 20, &text, &len);

	return err ? err : mt_proc_parse_cgroup(text, path);
}

int mt_proc_tids(pid_t pid, pid_t **tids, size_t *nr)
{
	_closedir_ DIR *dir = NULL;
	_free_ pid_t *v = NULL;
	struct dirent *entry;
	size_t used = 0, size = 0;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return to_errno(errno);
	while ((entry = readdir(dir))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid <= 0)
			continue;
		if (used == size) {
			pid_t *grown = reallocarray(v, size ? 2 * size : 64, sizeof(*v));

			if (!grown)
				return -ENOMEM;
			v = grown;
			size = size ? 2 * size : 64;
		}
		v[used++] = tid;
	}
	if (!used)
		return -ESRCH;
	*nr = used;
	*tids = TAKE_PTR(v);
	return 0;
}

/* "running", "NR ARG1..ARG6 SP PC", or "-1 SP PC" outside of a system call. */
int mt_proc_parse_syscall(const char *text, uint64_t *sp)
{
	unsigned long long value;

	if (!strncmp(text, "running", 7))
		return -EAGAIN;
	if (sscanf(text, "-1 %llx %*x", &value) != 1 &&
	    sscanf(text, "%*u %*x %*x %*x %*x %*x %*x %llx %*x", &value) != 1)
		return -EBADMSG;
	*sp = value;
	return 0;
}

int mt_proc_stack_pointer(pid_t pid, pid_t tid, uint64_t *sp)
{
	_free_ char *text = NULL;
	char file[32];
	size_t len;
	int err;

	snprintf(file, sizeof(file), "task/%d/syscall", tid);
	err = mt_proc_read_file(pid, file, SMALL_MAX, &text, &len);
	return err ? err : mt_proc_parse_syscall(text, sp);
}

/* A kernel without seccomp has no such line. */
static int thread_seccomp(pid_t pid, pid_t tid)
{
	_free_ char *text = NULL;
	const char *line;
	char file[32];
	size_t len;
	int err;

	snprintf(file, sizeof(file), "task/%d/status", tid);
	err = mt_proc_read_file(pid, file, STATUS_MAX, &text, &len);
	if (err)
		return err;
	line = strstr(text, "\nSeccomp:\t");
	return line && line[strlen("\nSeccomp:\t")] != '0';
}

int mt_proc_seccomp(pid_t pid)
{
	_free_ pid_t *tids = NULL;
	size_t nr = 0;
	int found = mt_proc_tids(pid, &tids, &nr);

	/* A thread that ended meanwhile does not matter. */
	for (size_t i = 0; i < nr && found <= 0; i++) {
		found = thread_seccomp(pid, tids[i]);
		if (found < 0 && found != -ESRCH)
			break;
	}
	return found == -ESRCH && nr ? 0 : found;
}

bool mt_proc_alive(pid_t pid)
{
	struct mt_proc_stat stat;

	return !mt_proc_stat(pid, &stat) && stat.state != 'Z' && stat.state != 'X';
}

int mt_proc_check(pid_t pid)
{
	struct mt_proc_stat stat;
	_close_ int fd = -1, root = -1;
	int err = mt_proc_stat(pid, &stat);

	if (err)
		return err;
	if (stat.kernel_thread)
		return -EOPNOTSUPP;
	if (stat.state == 'Z' || stat.state == 'X')
		return -ESRCH;
	fd = mt_proc_open(pid, "maps");
	if (fd < 0)
		return fd;
	/* Who has CAP_PERFMON may read maps, since 6.14, but not the files that they name. */
	root = mt_proc_open(pid, "root");
	return root < 0 ? root : 0;
}
