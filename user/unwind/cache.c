// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "unwind/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <nettle/sha2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "target/elf.h"
#include "unwind/sigreturn.h"
#include "unwind/start.h"
#include "unwind/table.h"
#include "util/cleanup.h"

#define FILE_MAGIC 0x3243544d /* "MTC2" */

#define DIGEST_BYTES 16 /* of the 32 */

/* In front of the nodes. */
struct file_header {
	uint32_t magic;
	uint32_t version; /* MT_TABLE_VERSION */
	uint64_t nr_nodes;
	uint64_t crc; /* of the nodes */
};

struct mt_cache {
	int dir;
};

/* Root's is where services keep theirs: a home directory may be somebody else's, as under sudo. */
static int directory(char *path, size_t size)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int len;

	if (!geteuid())
		len = snprintf(path, size, "/var/cache/memtide");
	else if (base && *base == '/')
		len = snprintf(path, size, "%s/memtide", base);
	else if (home && *home == '/')
		len = snprintf(path, size, "%s/.cache/memtide", home);
	else
		return -ENOENT;
	return len < (int)size ? 0 : -ENAMETOOLONG;
}

/* Is what was opened ours alone to change? */
static bool is_ours(int fd, mode_t type, struct stat *st)
{
	return !fstat(fd, st) && (st->st_mode & S_IFMT) == type && st->st_uid == geteuid() &&
	       !(st->st_mode & (S_IWGRP | S_IWOTH));
}

int mt_cache_open(struct mt_cache **out)
{
	_free_ struct mt_cache *c = calloc(1, sizeof(*c));
	char path[4096], *slash;
	struct stat st;
	int err = directory(path, sizeof(path));

	if (err || !c)
		return err ? err : -ENOMEM;
	slash = strrchr(path, '/');
	*slash = '\0';
	mkdir(path, 0700);
	*slash = '/';
	mkdir(path, 0700);
	c->dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (c->dir < 0)
		return -errno;
	if (!is_ours(c->dir, S_IFDIR, &st)) {
		close(c->dir);
		return -EACCES;
	}
	*out = TAKE_PTR(c);
	return 0;
}

void mt_cache_close(struct mt_cache **cache)
{
	if (!*cache)
		return;
	close((*cache)->dir);
	free(*cache);
	*cache = NULL;
}

/* With its length in front: else what is cut from one part could be put to the next. */
static void hash_part(struct sha256_ctx *hash, const void *bytes, uint64_t len)
{
	sha256_update(hash, sizeof(len), (const uint8_t *)&len);
	sha256_update(hash, len, bytes);
}

/* Where the code is: a table has offsets in the file. */
static void hash_segments(const struct mt_elf *elf, struct sha256_ctx *hash)
{
	uint64_t segment[3];

	for (size_t i = 0; !mt_elf_code_segment(elf, i, &segment[0], &segment[1], &segment[2]); i++)
		hash_part(hash, segment, sizeof(segment));
	hash_part(hash, NULL, 0);
}

/* What has rows though .eh_frame is silent about it. */
static void hash_marks(const struct mt_elf *elf, struct sha256_ctx *hash)
{
	uint64_t marks[1 + MT_SIGRETURNS_MAX] = { 0 };
	size_t nr = mt_sigreturn_find(elf, marks + 1);

	mt_start_find(elf, marks);
	hash_part(hash, marks, (1 + nr) * sizeof(*marks));
}

/*
 * A build id is what the file says of itself: whoever makes a file can give it that of another one.
 * So what the table is made from is hashed too, and by a hash for which none can be made to fit.
 */
int mt_cache_name(const struct mt_elf *elf, char name[MT_CACHE_NAME_LEN])
{
	const char *build_id = mt_elf_build_id(elf);
	_free_ uint8_t *frames = NULL;
	uint8_t digest[DIGEST_BYTES];
	struct sha256_ctx hash;
	uint64_t address;
	size_t len;
	int n, err;

	if (!build_id)
		return -ENOENT;
	err = mt_elf_read_frames(elf, &frames, &len, &address);
	if (err && err != -ENOENT)
		return err;
	sha256_init(&hash);
	hash_part(&hash, &address, err ? 0 : sizeof(address));
	hash_part(&hash, frames, err ? 0 : len);
	hash_segments(elf, &hash);
	hash_marks(elf, &hash);
	sha256_digest(&hash, sizeof(digest), digest);
	n = snprintf(name, MT_CACHE_NAME_LEN, "%s-", build_id);
	for (size_t i = 0; i < sizeof(digest) && n < MT_CACHE_NAME_LEN; i++)
		n += snprintf(name + n, MT_CACHE_NAME_LEN - n, "%02x", digest[i]);
	return n < MT_CACHE_NAME_LEN ? 0 : -ENAMETOOLONG;
}

static uint64_t crc_of(const struct mt_table *t)
{
	return crc32_z(0, (const Bytef *)t->nodes, t->nr_nodes * sizeof(*t->nodes));
}

static bool read_all(int fd, void *out, size_t len)
{
	char *at = out;

	while (len) {
		ssize_t n = read(fd, at, len);

		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static bool write_all(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

int mt_cache_load(struct mt_cache *c, const char *name, struct mt_table **out)
{
	__cleanup(mt_table_free) struct mt_table *t = NULL;
	struct file_header h;
	_close_ int fd = -1;
	struct stat st;

	fd = openat(c->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || !is_ours(fd, S_IFREG, &st) || !read_all(fd, &h, sizeof(h)) ||
	    h.magic != FILE_MAGIC || h.version != MT_TABLE_VERSION ||
	    h.nr_nodes > MT_CACHE_BYTES_MAX / sizeof(union mt_table_node) ||
	    (uint64_t)st.st_size != sizeof(h) + h.nr_nodes * sizeof(union mt_table_node))
		return -ENOENT;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->nr_nodes = h.nr_nodes;
	t->nodes = malloc(h.nr_nodes * sizeof(*t->nodes));
	if (!t->nodes)
		return -ENOMEM;
	if (!read_all(fd, t->nodes, h.nr_nodes * sizeof(*t->nodes)) || crc_of(t) != h.crc ||
	    mt_table_check(t->nodes, t->nr_nodes))
		return -ENOENT;
	futimens(fd, NULL); /* it was used */
	*out = TAKE_PTR(t);
	return 0;
}

/* ---- room -------------------------------------------------------------------------------- */

struct entry {
	char name[NAME_MAX + 1];
	struct timespec used;
	off_t bytes;
};

static int by_age(const void *va, const void *vb)
{
	const struct entry *a = va, *b = vb;

	if (a->used.tv_sec != b->used.tv_sec)
		return a->used.tv_sec < b->used.tv_sec ? -1 : 1;
	return (a->used.tv_nsec > b->used.tv_nsec) - (a->used.tv_nsec < b->used.tv_nsec);
}

/* All files of the cache, the least recently used first; how many. */
static size_t list(const struct mt_cache *c, struct entry **out, uint64_t *bytes)
{
	int fd = dup(c->dir);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct entry *v = NULL;
	size_t nr = 0, room = 0;
	struct dirent *d;
	struct stat st;

	if (!dir && fd >= 0)
		close(fd);
	if (dir)
		rewinddir(dir);
	while (dir && (d = readdir(dir))) {
		if (fstatat(c->dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
			continue;
		if (nr == room) {
			struct entry *grown = reallocarray(v, room = 2 * room + 64, sizeof(*v));

			if (!grown)
				break;
			v = grown;
		}
		snprintf(v[nr].name, sizeof(v[nr].name), "%s", d->d_name);
		v[nr].used = st.st_mtim;
		v[nr++].bytes = st.st_size;
		*bytes += (uint64_t)st.st_size;
	}
	if (dir)
		closedir(dir);
	if (nr)
		qsort(v, nr, sizeof(*v), by_age);
	*out = v;
	return nr;
}

static void make_room(struct mt_cache *c)
{
	_free_ struct entry *v = NULL;
	uint64_t bytes = 0;
	size_t nr = list(c, &v, &bytes);

	for (size_t i = 0; i < nr && bytes > MT_CACHE_BYTES_MAX; i++) {
		if (!unlinkat(c->dir, v[i].name, 0))
			bytes -= (uint64_t)v[i].bytes;
	}
}

/* A new file under a name that no other recorder has, in no other container either. */
static int create(const struct mt_cache *c, char *name, size_t size)
{
	uint64_t number;
	int fd;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -EIO;
	snprintf(name, size, ".%016" PRIx64, number);
	fd = openat(c->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

int mt_cache_store(struct mt_cache *c, const char *name, const struct mt_table *t)
{
	const struct file_header h = { FILE_MAGIC, MT_TABLE_VERSION, t->nr_nodes, crc_of(t) };
	_close_ int fd = -1;
	char temporary[32];
	int err = 0;

	fd = create(c, temporary, sizeof(temporary));
	if (fd < 0)
		return fd;
	if (!write_all(fd, &h, sizeof(h)) ||
	    !write_all(fd, t->nodes, t->nr_nodes * sizeof(*t->nodes)))
		err = errno ? -errno : -EIO;
	else if (renameat(c->dir, temporary, c->dir, name))
		err = -errno;
	if (err)
		unlinkat(c->dir, temporary, 0);
	make_room(c);
	return err;
}
