// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/locate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "target/elf.h"
#include "target/maps.h"
#include "target/proc.h"
#include "util/cleanup.h"

struct mt_locator {
	struct mt_probe_target **v; /* each allocated: their addresses are handed out */
	size_t nr;
	size_t size;
};

static void target_free(struct mt_probe_target **target)
{
	struct mt_probe_target *t = *target;

	if (!t)
		return;
	if (t->fd >= 0)
		close(t->fd);
	free(t->path);
	free(t->build_id);
	free(t);
	*target = NULL;
}

int mt_locator_new(struct mt_locator **out)
{
	struct mt_locator *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	*out = l;
	return 0;
}

void mt_locator_free(struct mt_locator **locator)
{
	struct mt_locator *l = *locator;

	if (!l)
		return;
	for (size_t i = 0; i < l->nr; i++)
		target_free(&l->v[i]);
	free(l->v);
	free(l);
	*locator = NULL;
}

int mt_locate_open_regular(int dirfd, const char *path, uint64_t resolve)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = resolve };
	_close_ int handle = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	char link[32];
	struct stat st;
	int fd;

	if (handle < 0 || fstat(handle, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOEXEC;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", handle);
	fd = open(link, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_root(pid_t pid)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	return errno == ENOENT ? -ESRCH : errno == EPERM ? -EACCES : -errno;
}

static int open_below_root(int root, const char *path)
{
	return mt_locate_open_regular(root, path, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

/*
 * maps shows the device of the filesystem. On btrfs stat shows that of the subvolume; on
 * overlayfs that of the overlay, where maps has a layer's before Linux 6.8 (commit
 * 3efdc78fdc21).
 */
static bool has_device_of_its_own(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) &&
	       (fs.f_type == OVERLAYFS_SUPER_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC);
}

/*
 * By its name. That may be another file's by now, so inode and device must be the mapping's;
 * only the inode where the device says nothing. On an overlay over several filesystems even
 * the inode may differ: this then ends in -ENOENT, and next to never with another file.
 */
static int open_by_name(pid_t pid, const struct mt_mapping *m)
{
	_close_ int root = -1, fd = -1;
	struct stat st;

	root = open_root(pid);
	if (root < 0)
		return root;
	fd = open_below_root(root, m->path);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st))
		return -errno;
	if (st.st_ino != m->inode ||
	    (st.st_dev != makedev(m->dev_major, m->dev_minor) && !has_device_of_its_own(fd)))
		return -ENOENT;
	return TAKE_FD(fd);
}

/*
 * /proc/PID/map_files leads to the mapped file itself, whatever has become of its name, but
 * following it takes CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE. -ENOENT there means that the
 * mapping or its process is gone; its file may still be there.
 */
static int open_mapping(pid_t pid, const struct mt_mapping *m)
{
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid, m->start,
		 m->end);
	fd = mt_locate_open_regular(AT_FDCWD, path, 0);
	return fd >= 0 || fd == -ENOEXEC ? fd : open_by_name(pid, m);
}

static const struct mt_probe_target *find_same(const struct mt_locator *l, const struct stat *st)
{
	for (size_t i = 0; i < l->nr; i++) {
		const struct mt_probe_target *t = l->v[i];

		if (t->inode == st->st_ino && t->dev == st->st_dev && t->size == st->st_size &&
		    t->mtime.tv_sec == st->st_mtim.tv_sec &&
		    t->mtime.tv_nsec == st->st_mtim.tv_nsec)
			return t;
	}
	return NULL;
}

/* What is no ELF, or not one for this machine, or damaged, is a file without any of this. */
/* As ld.so of older glibcs does too, for itself: that one is nobody's heap. */
static bool defines_malloc(struct mt_elf *elf)
{
	const char *soname = mt_elf_soname(elf);
	uint64_t offset;

	return !(soname && !strncmp(soname, "ld", 2)) && !mt_elf_function(elf, "malloc", &offset);
}

static int read_elf(struct mt_probe_target *t)
{
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	int err = mt_elf_new(&elf, t->fd);

	if (err)
		return err == -ENOMEM ? err : 0;
	if (mt_elf_build_id(elf)) {
		t->build_id = strdup(mt_elf_build_id(elf));
		if (!t->build_id)
			return -ENOMEM;
	}
	mt_allocator_recognise(elf, &t->allocator);
	t->foreign_malloc = !t->allocator.nr_sites && defines_malloc(elf);
	return 0;
}

static int add(struct mt_locator *l, struct mt_probe_target *t)
{
	if (l->nr == l->size) {
		size_t size = l->size ? 2 * l->size : 16;
		struct mt_probe_target **grown = reallocarray(l->v, size, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		l->v = grown;
		l->size = size;
	}
	l->v[l->nr++] = t;
	return 0;
}

/* The target of an open file. Takes `fd`. */
static int intern(struct mt_locator *l, int fd, const char *path,
		  const struct mt_probe_target **out)
{
	__cleanup(target_free) struct mt_probe_target *t = NULL;
	_close_ int owned = fd;
	struct stat st;
	int err;

	if (fstat(owned, &st))
		return -errno;
	*out = find_same(l, &st);
	if (*out)
		return 0;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->fd = TAKE_FD(owned);
	t->dev = st.st_dev;
	t->inode = st.st_ino;
	t->size = st.st_size;
	t->mtime = st.st_mtim;
	t->path = strdup(path);
	if (!t->path)
		return -ENOMEM;
	err = read_elf(t);
	if (!err)
		err = add(l, t);
	if (err)
		return err;
	*out = TAKE_PTR(t);
	return 0;
}

int mt_locator_open(struct mt_locator *l, pid_t pid, const struct mt_mapping *m,
		    const struct mt_probe_target **out)
{
	const struct mt_probe_target *t;
	int err, fd;

	fd = m->inode && m->path[0] == '/' ? open_mapping(pid, m) : -ENOEXEC;
	if (fd < 0)
		return fd;
	err = intern(l, fd, m->path, &t);
	if (!err)
		*out = t;
	return err;
}

/* Adds `t` if it is an allocator, is not there yet, and has room. */
static void collect(const struct mt_probe_target *t, const struct mt_probe_target **out, size_t max,
		    size_t *nr)
{
	for (size_t i = 0; i < *nr; i++) {
		if (out[i] == t)
			return;
	}
	if (t->allocator.nr_sites && *nr < max)
		out[(*nr)++] = t;
}

int mt_locator_find(struct mt_locator *l, pid_t pid, const struct mt_maps *maps,
		    const struct mt_probe_target **out, size_t max)
{
	size_t nr = 0;
	int failed = 0;

	for (size_t i = 0; i < maps->nr; i++) {
		const struct mt_probe_target *t;
		int err;

		if (!mt_mapping_is_code(&maps->v[i]))
			continue;
		err = mt_locator_open(l, pid, &maps->v[i], &t);
		if (!err)
			collect(t, out, max, &nr);
		else if (err != -ENOEXEC)
			failed = err;
	}
	return nr ? (int)nr : failed;
}

int mt_locator_predict(struct mt_locator *l, pid_t pid, const struct mt_probe_target **out,
		       size_t max)
{
	static const char *const dirs[] = {
#if defined(__x86_64__)
		"/lib/x86_64-linux-gnu",
		"/usr/lib/x86_64-linux-gnu",
#elif defined(__aarch64__)
		"/lib/aarch64-linux-gnu",
		"/usr/lib/aarch64-linux-gnu",
#endif
		"/lib64",
		"/usr/lib64",
		"/lib",
		"/usr/lib",
	};
	_close_ int root = open_root(pid);
	const char *soname;
	size_t nr = 0;

	if (root < 0)
		return root;
	for (size_t s = 0; (soname = mt_allocator_soname(s)); s++) {
		for (size_t d = 0; d < ARRAY_SIZE(dirs); d++) {
			const struct mt_probe_target *t = NULL;
			char path[64];
			int err, fd;

			snprintf(path, sizeof(path), "%s/%s", dirs[d], soname);
			fd = open_below_root(root, path);
			if (fd < 0)
				continue;
			err = intern(l, fd, path, &t);
			if (err || !t)
				return err;
			collect(t, out, max, &nr);
		}
	}
	return (int)nr;
}

const struct mt_probe_target *mt_locator_lookup(const struct mt_locator *l, const char *path,
						const char *build_id)
{
	const struct mt_probe_target *found = NULL;

	for (size_t i = 0; i < l->nr; i++) {
		const struct mt_probe_target *t = l->v[i];

		if (build_id && t->build_id && !strcmp(t->build_id, build_id))
			return t;
		if (build_id || t->build_id || strcmp(t->path, path))
			continue;
		if (found)
			return NULL;
		found = t;
	}
	return found;
}
