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

#include "target/debugfile.h"
#include "target/elf.h"
#include "target/maps.h"
#include "target/proc.h"
#include "target/runtime.h"
#include "util/cleanup.h"
#include "util/log.h"

/* What the user says to be an allocator. */
struct library {
	char *path;
	char *prefix;
};

struct mt_locator {
	struct mt_probe_target **v; /* each allocated: their addresses are handed out */
	size_t nr;
	size_t size;
	struct library *libraries;
	size_t nr_libraries;
	void (*prove)(struct mt_probe_target *, void *);
	void *prove_arg;
	void (*opened)(const struct mt_probe_target *, void *);
	void *opened_arg;
};

static void free_strings(char **strings)
{
	for (char **s = strings; s && *s; s++)
		free(*s);
	free(strings);
}

static void target_free(struct mt_probe_target **target)
{
	struct mt_probe_target *t = *target;

	if (!t)
		return;
	mt_cleanup_fd(&t->fd);
	mt_cleanup_fd(&t->debug);
	free(t->path);
	free(t->build_id);
	free(t->allocator);
	free_strings(t->needed);
	free(t->runpath);
	free(t->soname);
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
	for (size_t i = 0; i < l->nr_libraries; i++) {
		free(l->libraries[i].path);
		free(l->libraries[i].prefix);
	}
	free(l->libraries);
	free(l);
	*locator = NULL;
}

void mt_locator_set_proof(struct mt_locator *l, void (*prove)(struct mt_probe_target *, void *),
			  void *arg)
{
	l->prove = prove;
	l->prove_arg = arg;
}

void mt_locator_set_opened(struct mt_locator *l,
			   void (*opened)(const struct mt_probe_target *, void *), void *arg)
{
	l->opened = opened;
	l->opened_arg = arg;
}

int mt_locator_add_library(struct mt_locator *l, const char *path, const char *prefix)
{
	struct library *grown;

	for (size_t i = 0; i < l->nr_libraries; i++) {
		if (!strcmp(l->libraries[i].path, path))
			return -EEXIST;
	}
	grown = reallocarray(l->libraries, l->nr_libraries + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	l->libraries = grown;
	grown += l->nr_libraries++;
	*grown = (struct library){ .path = strdup(path), .prefix = strdup(prefix) };
	return grown->path && grown->prefix ? 0 : -ENOMEM;
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

int mt_locate_open_root(pid_t pid)
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

	root = mt_locate_open_root(pid);
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

static bool leads_to(int root, const char *path, const struct mt_probe_target *t)
{
	_close_ int fd =
		root < 0 ? mt_locate_open_regular(AT_FDCWD, path, 0) : open_below_root(root, path);
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && st.st_dev == t->dev && st.st_ino == t->inode;
}

/* The prefix that the user gave for a file which a process with this root maps, or NULL. */
static const char *prefix_of(const struct mt_locator *l, const struct mt_probe_target *t, int root)
{
	for (size_t i = 0; i < l->nr_libraries; i++) {
		const struct library *lib = &l->libraries[i];

		if (leads_to(-1, lib->path, t) || (root >= 0 && leads_to(root, lib->path, t)))
			return lib->prefix;
	}
	return NULL;
}

static int stop(const struct mt_elf_symbol *sym, void *arg)
{
	return 1;
}

/* A library has a name, or needs others; a program that does neither is static. */
static bool is_static_program(struct mt_elf *elf)
{
	return mt_elf_is_static(elf) && !mt_elf_soname(elf) && !mt_elf_needed(elf, 0);
}

/* As ld.so of older glibcs does too, for itself: that one is nobody's heap. */
static bool exports_malloc(struct mt_elf *elf, uint64_t *malloc)
{
	const char *soname = mt_elf_soname(elf);
	uint64_t free;

	return (!soname || strncmp(soname, "ld", 2)) && !mt_elf_exported(elf, "malloc", malloc) &&
	       !mt_elf_exported(elf, "free", &free);
}

/* A program that has its C library in itself: nothing could come before its malloc. */
static bool has_own_malloc(struct mt_elf *elf, uint64_t *malloc)
{
	uint64_t other;

	return is_static_program(elf) && !mt_elf_function(elf, "__libc_start_main", &other) &&
	       !mt_elf_function(elf, "malloc", malloc) && !mt_elf_function(elf, "free", &other);
}

/* Where a file has no debug information of its own. Nothing here reads it but for names. */
static int open_debug(struct mt_elf *elf, const struct mt_probe_target *t, uid_t owner, int root)
{
	const char *link;
	uint32_t crc = 0;
	int fd;

	if (root < 0 || mt_elf_has_section(elf, ".debug_info"))
		return -1;
	link = mt_elf_debuglink(elf, &crc);
	fd = mt_debugfile_open(root, t->path, owner, mt_elf_build_id(elf), link, crc);
	return fd < 0 ? -1 : fd;
}

/*
 * A program may have an allocator linked in that only its debug file names. Libraries export
 * what others call, so theirs say no more.
 */
static bool may_hide_allocator(struct mt_elf *elf)
{
	return (!mt_elf_is_static(elf) || is_static_program(elf)) &&
	       !mt_elf_has_section(elf, ".symtab");
}

int mt_locate_has_malloc(const char *path, const char *prefix)
{
	_close_ int fd = mt_locate_open_regular(AT_FDCWD, path, 0);
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	int err = fd < 0 ? fd : mt_elf_new(&elf, fd);

	return err ? err : mt_allocator_has_malloc(elf, prefix) || may_hide_allocator(elf);
}

static int read_allocator(struct mt_elf *elf, const char *prefix, struct mt_probe_target *t)
{
	_free_ struct mt_allocator *a = malloc(sizeof(*a));
	uint64_t at;
	int err;

	if (!a)
		return -ENOMEM;
	err = mt_allocator_recognise(elf, prefix, a);
	if (err == -ENOENT && t->debug >= 0 && may_hide_allocator(elf) &&
	    !mt_elf_attach_debug(elf, t->debug))
		err = mt_allocator_recognise(elf, prefix, a);
	if (!err)
		t->allocator = TAKE_PTR(a);
	if (err == -ENOEXEC)
		mt_warn("%s is an allocator, and damaged: the heap of who uses it is not known",
			t->path);
	t->exports_malloc = exports_malloc(elf, &at);
	t->foreign_malloc =
		err == -ENOEXEC || ((t->exports_malloc || has_own_malloc(elf, &at)) &&
				    !(t->allocator && mt_allocator_has(t->allocator, at)));
	t->no_symbols = is_static_program(elf) && !mt_elf_each_function(elf, stop, NULL);
	return 0;
}

static int copy_text(const char *text, char **out)
{
	if (!text)
		return 0;
	*out = strdup(text);
	return *out ? 0 : -ENOMEM;
}

static int read_needs(struct mt_elf *elf, struct mt_probe_target *t)
{
	size_t nr = 0;
	int err;

	while (mt_elf_needed(elf, nr))
		nr++;
	t->needed = calloc(nr + 1, sizeof(*t->needed));
	if (!t->needed)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++) {
		err = copy_text(mt_elf_needed(elf, i), &t->needed[i]);
		if (err)
			return err;
	}
	t->inherits = mt_elf_inherits_runpath(elf);
	err = copy_text(mt_elf_soname(elf), &t->soname);
	return err ? err : copy_text(mt_elf_runpath(elf), &t->runpath);
}

/* What is no ELF, or not one for this machine, or damaged, is a file without any of this. */
static int read_elf(const struct mt_locator *l, struct mt_probe_target *t, uid_t owner, int root)
{
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	int err = mt_elf_new(&elf, t->fd);

	if (err)
		return err == -ENOMEM ? err : 0;
	t->is_elf = true;
	err = copy_text(mt_elf_build_id(elf), &t->build_id);
	if (!err)
		err = read_needs(elf, t);
	if (err)
		return err;
	t->debug = open_debug(elf, t, owner, root);
	err = read_allocator(elf, prefix_of(l, t, root), t);
	t->runtime = mt_runtime_recognise(elf);
	mt_build_read(&t->build, elf);
	return err;
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

/* Says which functions cannot be probed, and goes without them or without the allocator. */
static void drop_refused(struct mt_probe_target *t)
{
	struct mt_allocator *a = t->allocator;
	const struct mt_probe_site *lacking;

	for (size_t i = 0; i < a->nr_sites; i++) {
		if (a->sites[i].refused && a->sites[i].optional)
			mt_warn("%s: %s cannot be probed: what it does is not seen", t->path,
				a->sites[i].function);
	}
	lacking = mt_allocator_drop_refused(a);
	if (lacking)
		mt_warn("%s is an allocator, and its %s cannot be probed: the heap of who uses it "
			"is not known",
			t->path, lacking->function);
	t->foreign_malloc = t->foreign_malloc || lacking;
	if (!lacking && a->nr_sites)
		return;
	free(t->allocator);
	t->allocator = NULL;
}

/* The target of an open file. Takes `fd`. `root` is that of a process that sees it, or -1. */
static int intern(struct mt_locator *l, int fd, const char *path, int root,
		  const struct mt_probe_target **out)
{
	__cleanup(target_free) struct mt_probe_target *t = NULL;
	_close_ int owned = fd;
	struct stat st;
	int err;

	if (fstat(owned, &st))
		return -EIO;
	*out = find_same(l, &st);
	if (*out)
		return 0;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->fd = TAKE_FD(owned);
	t->debug = -1;
	t->dev = st.st_dev;
	t->inode = st.st_ino;
	t->size = st.st_size;
	t->mtime = st.st_mtim;
	t->path = strdup(path);
	if (!t->path)
		return -ENOMEM;
	err = read_elf(l, t, st.st_uid, root);
	if (!err && t->allocator && l->prove)
		l->prove(t, l->prove_arg);
	if (!err && t->allocator)
		drop_refused(t);
	if (!err)
		err = add(l, t);
	if (err)
		return err;
	if (l->opened)
		l->opened(t, l->opened_arg);
	*out = TAKE_PTR(t);
	return 0;
}

int mt_locator_open(struct mt_locator *l, pid_t pid, const struct mt_mapping *m,
		    const struct mt_probe_target **out)
{
	const struct mt_probe_target *t;
	_close_ int root = -1;
	struct stat st;
	int err, fd;

	fd = m->inode && m->path[0] == '/' ? open_mapping(pid, m) : -ENOEXEC;
	if (fd < 0)
		return fd;
	if (!fstat(fd, &st) && !find_same(l, &st))
		root = mt_locate_open_root(pid); /* for its debug file */
	err = intern(l, fd, m->path, root, &t);
	if (!err)
		*out = t;
	return err;
}

int mt_locator_open_below(struct mt_locator *l, int root, const char *path,
			  const struct mt_probe_target **out)
{
	int fd = open_below_root(root, path), err;
	const struct mt_probe_target *t;
	char link[32], real[PATH_MAX];
	ssize_t len;

	if (fd < 0)
		return fd;
	/* As /proc/PID/maps will call it. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, real, sizeof(real) - 1);
	real[len < 0 ? 0 : len] = '\0';
	err = intern(l, fd, len < 0 ? path : real, root, &t);
	if (!err)
		*out = t;
	return err;
}

static bool has(const struct mt_probe_target *const *v, size_t nr, const struct mt_probe_target *t)
{
	for (size_t i = 0; i < nr; i++) {
		if (v[i] == t)
			return true;
	}
	return false;
}

void mt_locator_collect(const struct mt_probe_target *t, const struct mt_probe_target **out,
			size_t max, size_t *nr)
{
	if (t->allocator && *nr < max && !has(out, *nr, t))
		out[(*nr)++] = t;
}

int mt_locator_find(struct mt_locator *l, pid_t pid, const struct mt_maps *maps,
		    const struct mt_probe_target ***out)
{
	_free_ const struct mt_probe_target **v = calloc(maps->nr + 1, sizeof(*v));
	size_t nr = 0;
	int failed = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < maps->nr; i++) {
		const struct mt_probe_target *t;
		int err;

		if (!mt_mapping_is_code(&maps->v[i]))
			continue;
		err = mt_locator_open(l, pid, &maps->v[i], &t);
		if (!err && !has(v, nr, t))
			v[nr++] = t;
		else if (err && err != -ENOEXEC)
			failed = err;
	}
	if (!nr)
		return failed;
	*out = TAKE_PTR(v);
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
