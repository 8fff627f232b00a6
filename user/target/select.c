// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/select.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <mntent.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "target/proc.h"
#include "util/cleanup.h"
#include "util/log.h"

#define CGROUP_DEPTH_MAX 64
#define BE_ROOT		 "run this as root with CAP_SYS_PTRACE"

struct pid_set {
	pid_t *v;
	size_t nr;
	size_t size;
};

static int set_add(struct pid_set *s, pid_t pid)
{
	if (s->nr == s->size) {
		size_t size = s->size ? 2 * s->size : 64;
		pid_t *grown = reallocarray(s->v, size, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		s->v = grown;
		s->size = size;
	}
	s->v[s->nr++] = pid;
	return 0;
}

static void set_free(struct pid_set *s)
{
	free(s->v);
}

static int by_pid(const void *a, const void *b)
{
	const pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

static void set_sort(struct pid_set *s)
{
	size_t kept = 0;

	if (s->nr)
		qsort(s->v, s->nr, sizeof(*s->v), by_pid);
	for (size_t i = 0; i < s->nr; i++) {
		if (!kept || s->v[i] != s->v[kept - 1])
			s->v[kept++] = s->v[i];
	}
	s->nr = kept;
}

static void set_hand_out(struct pid_set *s, pid_t **pids, size_t *nr)
{
	*nr = s->nr;
	*pids = TAKE_PTR(s->v);
}

/* Says why `pid` cannot be a target. */
static int refuse(pid_t pid, int err)
{
	switch (err) {
	case -ESRCH:
		return mt_err(err, "no process %d (it may have ended); ps -e lists them", pid);
	case -EOPNOTSUPP:
		return mt_err(-ESRCH, "%d is a kernel thread and has no memory of its own", pid);
	case -EACCES:
		return mt_err(err, "process %d is not ours to trace; " BE_ROOT, pid);
	default:
		return mt_err(err, "cannot look at process %d: %s", pid, strerror(-err));
	}
}

static int add_one(struct pid_set *set, pid_t pid)
{
	struct mt_proc_status status;
	int err = mt_proc_status(pid, &status);

	if (!err && status.tgid == getpid())
		return mt_err(-EINVAL, "%d is this program itself; name another process", pid);
	if (!err)
		err = mt_proc_check(status.tgid);
	return err ? refuse(pid, err) : set_add(set, status.tgid);
}

static int parse_list(const char *list, struct pid_set *set)
{
	const char *at = list;
	char *end;
	int err;

	do {
		long pid;

		errno = 0;
		pid = strtol(at, &end, 10);
		if (errno || *at < '0' || *at > '9' || (*end && *end != ',') || pid <= 0 ||
		    pid > INT_MAX)
			return mt_err(-EINVAL, "'%s' is no list of process ids; write 12,34", list);
		err = set_add(set, (pid_t)pid);
		at = end + 1;
	} while (!err && *end);
	return err;
}

int mt_select_pids(const char *list, pid_t **pids, size_t *nr)
{
	__cleanup(set_free) struct pid_set named = { 0 };
	__cleanup(set_free) struct pid_set set = { 0 };
	int err = parse_list(list, &named);

	for (size_t i = 0; !err && i < named.nr; i++)
		err = add_one(&set, named.v[i]);
	if (err)
		return err;
	set_sort(&set);
	set_hand_out(&set, pids, nr);
	return 0;
}

/* Adds `pid` if it can be a target; otherwise remembers in `refused` that it was not allowed. */
static int add_if_traceable(struct pid_set *set, pid_t pid, bool *refused)
{
	int err = pid == getpid() ? -ESRCH : mt_proc_check(pid);

	*refused |= err == -EACCES;
	return err ? 0 : set_add(set, pid);
}

/* Those of that name, NULL: all. */
static int add_from_proc(struct pid_set *set, const char *comm, bool *refused)
{
	_closedir_ DIR *dir = opendir("/proc");
	struct dirent *entry;

	if (!dir)
		return mt_err(-errno, "cannot read /proc: %s; is it mounted?", strerror(errno));
	while ((entry = readdir(dir))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		char name[MT_COMM_LEN];
		int err;

		if (pid <= 0 || (comm && (mt_proc_comm(pid, name) || strcmp(name, comm))))
			continue;
		err = add_if_traceable(set, pid, refused);
		if (err)
			return err;
	}
	return 0;
}

int mt_select_comm(const char *comm, pid_t **pids, size_t *nr)
{
	__cleanup(set_free) struct pid_set set = { 0 };
	bool refused = false;
	int err;

	if (!*comm || strlen(comm) >= MT_COMM_LEN)
		return mt_err(-EINVAL,
			      "'%s' can be no process's name; the kernel cuts them to "
			      "%d bytes, so give those",
			      comm, MT_COMM_LEN - 1);
	err = add_from_proc(&set, comm, &refused);
	if (err)
		return err;
	if (!set.nr && refused)
		return mt_err(-EACCES, "'%s' is not ours to trace; " BE_ROOT, comm);
	if (!set.nr)
		return mt_err(-ESRCH, "no process is named '%s'; ps -e shows the names", comm);
	set_sort(&set);
	set_hand_out(&set, pids, nr);
	return 0;
}

int mt_select_all(pid_t **pids, size_t *nr)
{
	__cleanup(set_free) struct pid_set set = { 0 };
	bool refused = false;
	int err = add_from_proc(&set, NULL, &refused);

	if (err)
		return err;
	if (!set.nr)
		return mt_err(refused ? -EACCES : -ESRCH,
			      "there is no process that is ours to trace; " BE_ROOT);
	set_sort(&set);
	set_hand_out(&set, pids, nr);
	return 0;
}

/* The processes of one cgroup. */
static int add_members(struct pid_set *set, int dir, bool *refused)
{
	int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	_fclose_ FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	int pid, err = 0;

	if (!f && fd >= 0)
		close(fd);
	/*
	 * A threaded cgroup does not let itself be read (EOPNOTSUPP); its processes are members
	 * of the domain above it. 0 is a process outside of our pid namespace.
	 */
	while (!err && f && fscanf(f, "%d", &pid) == 1) {
		if (pid > 0)
			err = add_if_traceable(set, pid, refused);
	}
	return err;
}

/* Takes `fd`. A cgroup may be removed meanwhile, which is the same as being empty. */
static int add_cgroup(struct pid_set *set, int fd, bool *refused, int depth)
{
	_closedir_ DIR *dir = fdopendir(fd);
	struct dirent *entry;
	int err;

	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	err = add_members(set, fd, refused);
	while (!err && depth && (entry = readdir(dir))) {
		int sub;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		sub = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			err = add_cgroup(set, sub, refused, depth - 1);
		else if (errno != ENOENT && errno != ENODEV)
			err = -errno;
	}
	return err;
}

static bool is_cgroup(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) &&
	       (fs.f_type == CGROUP2_SUPER_MAGIC || fs.f_type == CGROUP_SUPER_MAGIC);
}

/* `path` below the hierarchy that is mounted at `mount`. */
static int open_in_hierarchy(const char *mount, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	_close_ int root = open(mount, O_PATH | O_DIRECTORY | O_CLOEXEC);

	path += strspn(path, "/");
	if (root < 0)
		return -errno;
	return (int)syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));
}

/* Adds from the first hierarchy of this version (by its filesystem's name) that has some. */
static int add_from_hierarchies(struct pid_set *set, const char *path, const char *type,
				bool *found, bool *refused)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	char buf[2 * PATH_MAX];
	struct mntent entry;
	int err = 0;

	if (!mounts)
		return -errno;
	while (!err && !set->nr && getmntent_r(mounts, &entry, buf, sizeof(buf))) {
		int fd = strcmp(entry.mnt_type, type) ? -1 : open_in_hierarchy(entry.mnt_dir, path);

		if (fd < 0)
			continue;
		*found = true;
		err = add_cgroup(set, fd, refused, CGROUP_DEPTH_MAX);
	}
	endmntent(mounts);
	return err;
}

static int add_by_path(struct pid_set *set, const char *path, bool *found, bool *refused)
{
	int err, fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && is_cgroup(fd)) {
		*found = true;
		return add_cgroup(set, fd, refused, CGROUP_DEPTH_MAX);
	}
	if (fd >= 0)
		close(fd);
	err = add_from_hierarchies(set, path, "cgroup2", found, refused);
	if (!err && !set->nr)
		err = add_from_hierarchies(set, path, "cgroup", found, refused);
	return err;
}

int mt_select_cgroup(const char *path, pid_t **pids, size_t *nr)
{
	__cleanup(set_free) struct pid_set set = { 0 };
	bool found = false, refused = false;
	int err;

	if (!*path)
		return mt_err(-EINVAL, "a cgroup's path is needed, as in /proc/PID/cgroup");
	err = add_by_path(&set, path, &found, &refused);
	if (err)
		return mt_err(err, "cannot read cgroup %s: %s", path, strerror(-err));
	if (!found)
		return mt_err(-ESRCH, "no cgroup %s; /proc/PID/cgroup shows a process's", path);
	if (!set.nr && refused)
		return mt_err(-EACCES, "the processes of cgroup %s are not ours to trace; " BE_ROOT,
			      path);
	if (!set.nr)
		return mt_err(-ESRCH, "cgroup %s has no processes to trace", path);
	set_sort(&set);
	set_hand_out(&set, pids, nr);
	return 0;
}
