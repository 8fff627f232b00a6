// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/predict.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "target/locate.h"
#include "target/proc.h"
#include "util/cleanup.h"

#define NAMES_MAX   1024
#define ENVIRON_MAX (1U << 20)
#define CONFIG_MAX  (64U << 10)
#define AUXV_MAX    4096

#if defined(__x86_64__)
#define ARCH "x86_64"
#elif defined(__aarch64__)
#define ARCH "aarch64"
#endif

/* Where glibc's linker looks on one distribution or another, and what is built locally goes. */
#define USUAL_DIRS                                                                    \
	"/lib/" ARCH "-linux-gnu:/usr/lib/" ARCH "-linux-gnu:/lib64:/usr/lib64:/lib:" \
	"/usr/lib:/usr/local/lib/" ARCH "-linux-gnu:/usr/local/lib64:/usr/local/lib"
#define MUSL_DIRS "/lib:/usr/local/lib:/usr/lib"

/* A file in the order of lookup. */
struct file {
	const struct mt_probe_target *target;
	char *path;		   /* as the process sees it */
	const struct file *loader; /* what needs it, or NULL */
};

struct search {
	struct mt_locator *locator;
	pid_t pid;
	const struct mt_probe_target **mapped;
	size_t nr_mapped;
	int root;
	char root_path[PATH_MAX]; /* as we see it; "" for our own */
	char *environment;	  /* NULL: not looked at */
	const char *preload;
	const char *library_path;
	char *system_path; /* the linker's configuration, or NULL */
	bool is_musl;
	struct file files[MT_PREDICT_MAX];
	size_t nr;
	const char *names[NAMES_MAX]; /* looked for already; each is a target's */
	size_t nr_names;
};

static void search_free(struct search **search)
{
	struct search *s = *search;

	if (!s)
		return;
	for (size_t i = 0; i < s->nr; i++)
		free(s->files[i].path);
	free(s->environment);
	free(s->system_path);
	if (s->root >= 0)
		close(s->root);
	free(s);
	*search = NULL;
}

/*
 * Opens the root. What /proc says of the process are paths of ours, where its root is below
 * ours; of another mount namespace they are those of that namespace, and so is this.
 */
static int open_root(struct search *s)
{
	char link[32];
	ssize_t len;

	s->root = mt_locate_open_root(s->pid);
	if (s->root < 0)
		return s->root;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", s->root);
	len = readlink(link, s->root_path, sizeof(s->root_path) - 1);
	if (len <= 1) /* "/" */
		len = 0;
	s->root_path[len] = '\0';
	return 0;
}

/* A path of /proc, as the process sees it. */
static const char *inside(const struct search *s, const char *path)
{
	size_t len = strlen(s->root_path);

	if (strncmp(path, s->root_path, len) || (path[len] && path[len] != '/'))
		return path;
	return path + len;
}

static int add_file(struct search *s, const struct mt_probe_target *target, const char *path,
		    const struct file *loader)
{
	struct file *f = &s->files[s->nr];

	for (size_t i = 0; i < s->nr; i++) {
		if (s->files[i].target == target)
			return 0;
	}
	if (s->nr == MT_PREDICT_MAX)
		return 0;
	f->path = strdup(path);
	if (!f->path)
		return -ENOMEM;
	f->target = target;
	f->loader = loader;
	s->nr++;
	return 0;
}

/* The file at `path`. -ENOENT, too, if a dynamic linker would look further. */
static int load_path(struct search *s, const char *path, const struct file *loader)
{
	const struct mt_probe_target *t;
	char absolute[PATH_MAX];
	int err;

	if (path[0] != '/') {
		char link[32], cwd[PATH_MAX];
		ssize_t len;

		snprintf(link, sizeof(link), "/proc/%d/cwd", s->pid);
		len = readlink(link, cwd, sizeof(cwd) - 1);
		if (len < 0)
			return -ENOENT;
		cwd[len] = '\0';
		if (snprintf(absolute, sizeof(absolute), "%s/%s", inside(s, cwd), path) >= PATH_MAX)
			return -ENOENT;
		path = absolute;
	}
	err = mt_locator_open_below(s->locator, s->root, path, &t);
	if (err)
		return err == -ENOMEM ? err : -ENOENT;
	return t->is_elf ? add_file(s, t, path, loader) : -ENOENT;
}

/* Copies `len` bytes of `text`, with $ORIGIN replaced by the directory of `loader`. */
static int expand(const char *text, size_t len, const struct file *loader, char out[PATH_MAX])
{
	static const char *const origins[] = { "$ORIGIN", "${ORIGIN}" };
	size_t at = 0;

	for (size_t i = 0; i < len;) {
		const char *slash = loader ? strrchr(loader->path, '/') : NULL;
		size_t taken = 1, dir;

		for (size_t o = 0; slash && o < ARRAY_SIZE(origins); o++) {
			if (len - i >= strlen(origins[o]) &&
			    !strncmp(text + i, origins[o], strlen(origins[o])))
				taken = strlen(origins[o]);
		}
		dir = taken > 1 ? (size_t)(slash - loader->path) : 1;
		if (at + dir >= PATH_MAX)
			return -ENAMETOOLONG;
		memcpy(out + at, taken > 1 ? loader->path : text + i, dir);
		at += dir;
		i += taken;
	}
	out[at] = '\0';
	return 0;
}

/* `name` in one of `dirs`, of which $ORIGIN is that of `origin`. */
static int load_from(struct search *s, const char *dirs, const struct file *origin,
		     const char *name, const struct file *loader)
{
	while (dirs && *dirs) {
		size_t len = strcspn(dirs, ":;\n");
		char path[PATH_MAX], dir[PATH_MAX];
		int err;

		if (!expand(dirs, len, origin, dir) &&
		    snprintf(path, sizeof(path), "%s/%s", len ? dir : ".", name) < PATH_MAX) {
			err = load_path(s, path, loader);
			if (err != -ENOENT)
				return err;
		}
		dirs += len + (dirs[len] != '\0');
	}
	return -ENOENT;
}

/* The mapped file that a dynamic linker would know by that name. */
static const struct mt_probe_target *find_mapped(const struct search *s, const char *name)
{
	for (size_t i = 0; i < s->nr_mapped; i++) {
		const struct mt_probe_target *t = s->mapped[i];
		const char *slash = strrchr(t->path, '/');

		if ((t->soname && !strcmp(t->soname, name)) || (slash && !strcmp(slash + 1, name)))
			return t;
	}
	return NULL;
}

/* In the order of ld.so(8): RPATH, and that of the loader's loaders; the environment; RUNPATH. */
static int load_name(struct search *s, const char *name, const struct file *loader)
{
	bool has_runpath = loader && loader->target->runpath && !loader->target->inherits;
	int err = -ENOENT;

	for (const struct file *f = has_runpath ? NULL : loader; f && err == -ENOENT;
	     f = f->loader) {
		if (f->target->inherits)
			err = load_from(s, f->target->runpath, f, name, loader);
	}
	if (err == -ENOENT)
		err = load_from(s, s->library_path, loader, name, loader);
	if (err == -ENOENT && has_runpath)
		err = load_from(s, loader->target->runpath, loader, name, loader);
	if (err == -ENOENT)
		err = load_from(s, s->system_path, NULL, name, loader);
	if (err == -ENOENT)
		err = load_from(s, s->is_musl ? MUSL_DIRS : USUAL_DIRS, NULL, name, loader);
	return err;
}

static int load(struct search *s, const char *name, const struct file *loader)
{
	const struct mt_probe_target *known = find_mapped(s, name);
	char path[PATH_MAX];
	int err;

	if (known)
		err = add_file(s, known, inside(s, known->path), loader);
	else if (!strchr(name, '/'))
		err = load_name(s, name, loader);
	else if (!expand(name, strlen(name), loader, path))
		err = load_path(s, path, loader);
	else
		return 0;
	return err == -ENOENT ? 0 : err;
}

static int load_needed(struct search *s, const struct file *loader)
{
	for (char **name = loader->target->needed; name && *name; name++) {
		bool known = false;
		int err;

		for (size_t i = 0; i < s->nr_names && !known; i++)
			known = !strcmp(s->names[i], *name);
		if (known || s->nr_names == NAMES_MAX)
			continue;
		s->names[s->nr_names++] = *name;
		err = load(s, *name, loader);
		if (err)
			return err;
	}
	return 0;
}

/* Each word of `list`. */
static int load_list(struct search *s, const char *list, const char *separators)
{
	while (list && *list) {
		size_t len = strcspn(list, separators);
		char name[PATH_MAX];
		int err = 0;

		if (len && len < sizeof(name)) {
			memcpy(name, list, len);
			name[len] = '\0';
			err = load(s, name, s->nr ? &s->files[0] : NULL);
		}
		if (err)
			return err;
		list += len + (list[len] != '\0');
	}
	return 0;
}

/* The value of the last `name=` in the environment, or NULL. */
static const char *variable(const char *environment, size_t len, const char *name)
{
	const char *value = NULL;

	for (size_t at = 0; at < len; at += strlen(environment + at) + 1) {
		if (!strncmp(environment + at, name, strlen(name)))
			value = environment + at + strlen(name);
	}
	return value;
}

/* A set-user-ID program, whose dynamic linker does not listen to the environment. */
static bool is_secure(pid_t pid)
{
	_free_ char *text = NULL;
	size_t len;

	if (mt_proc_read_file(pid, "auxv", AUXV_MAX, &text, &len))
		return false;
	for (size_t at = 0; at + 2 * sizeof(unsigned long) <= len;
	     at += 2 * sizeof(unsigned long)) {
		unsigned long pair[2];

		memcpy(pair, text + at, sizeof(pair));
		if (pair[0] == AT_SECURE)
			return pair[1];
	}
	return false;
}

static void read_environment(struct search *s)
{
	size_t len;

	if (is_secure(s->pid) ||
	    mt_proc_read_file(s->pid, "environ", ENVIRON_MAX, &s->environment, &len))
		return;
	s->preload = variable(s->environment, len, "LD_PRELOAD=");
	s->library_path = variable(s->environment, len, "LD_LIBRARY_PATH=");
}

/* A small text file below the root; NULL if there is none. */
static char *read_config(const struct search *s, const char *path)
{
	_close_ int fd =
		mt_locate_open_regular(s->root, path, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	_free_ char *text = NULL;
	ssize_t len;

	if (fd < 0)
		return NULL;
	text = malloc(CONFIG_MAX);
	len = text ? read(fd, text, CONFIG_MAX - 1) : -1;
	if (len < 0)
		return NULL;
	text[len] = '\0';
	return TAKE_PTR(text);
}

/*
 * The program, and whether its dynamic linker is musl's, which is its libc. On an overlay the
 * mapped file may be that of a layer, which has its name only (locate.c); one that was deleted
 * has only its inode.
 */
static int load_program(struct search *s)
{
	_close_ int fd = mt_proc_open(s->pid, "exe");
	_free_ char *path = NULL;
	struct stat st;
	int err = mt_proc_exe(s->pid, &path);

	if (err)
		return err;
	if (fd < 0 || fstat(fd, &st))
		return fd < 0 ? fd : -errno;
	for (size_t i = 0; i < s->nr_mapped && !err; i++) {
		const struct mt_probe_target *t = s->mapped[i];

		if ((t->dev == st.st_dev && t->inode == st.st_ino) || !strcmp(t->path, path))
			err = add_file(s, t, inside(s, path), NULL);
		if (t->allocator && !strncmp(t->allocator->name, "musl", strlen("musl")))
			s->is_musl = true;
	}
	return err;
}

static int load_preloaded(struct search *s)
{
	_free_ char *everywhere = NULL;
	int err = load_list(s, s->preload, " :");

	if (err || s->is_musl)
		return err;
	everywhere = read_config(s, "/etc/ld.so.preload");
	return load_list(s, everywhere, " \t\n:");
}

int mt_locator_predict(struct mt_locator *l, pid_t pid, const struct mt_probe_target **mapped,
		       size_t nr_mapped, const struct mt_probe_target *out[MT_PREDICT_MAX])
{
	__cleanup(search_free) struct search *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->locator = l;
	s->pid = pid;
	s->mapped = mapped;
	s->nr_mapped = nr_mapped;
	err = open_root(s);
	err = err ? err : load_program(s);
	if (err)
		return err;
	read_environment(s);
	if (s->is_musl)
		s->system_path = read_config(s, "/etc/ld-musl-" ARCH ".path");
	err = load_preloaded(s);
	for (size_t i = 0; i < s->nr && !err; i++)
		err = load_needed(s, &s->files[i]);
	if (err)
		return err;
	for (size_t i = 0; i < s->nr; i++)
		out[i] = s->files[i].target;
	return (int)s->nr;
}

/* The first that exports malloc is called; an allocator that a file has for itself, too. */
bool mt_predict_is_foreign(const struct mt_probe_target *const *files, size_t nr)
{
	bool bound = false;

	for (size_t i = 0; i < nr; i++) {
		if (files[i]->foreign_malloc && !(files[i]->exports_malloc && bound))
			return true;
		bound |= files[i]->exports_malloc;
	}
	return false;
}
