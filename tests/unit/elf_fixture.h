/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * elf_fixture.h: for tests that read programs: a temporary directory, programs compiled into
 * it, and damaged copies of files.
 *
 * A test calls fixture_new first and fixture_free last. Everything that fails in here fails
 * the test.
 */
#ifndef MT_TESTS_ELF_FIXTURE_H
#define MT_TESTS_ELF_FIXTURE_H

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "target/elf.h"

#ifdef __x86_64__
#define FIXTURE_LIBC "/lib/x86_64-linux-gnu/libc.so.6"
#else
#define FIXTURE_LIBC "/lib/aarch64-linux-gnu/libc.so.6"
#endif

static char fixture_dir[64];
static uint64_t fixture_random_state;

static inline void fixture_new(void)
{
	const char *given = getenv("MT_SEED");
	uint64_t seed =
		given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) ^ (uint64_t)getpid();

	printf("MT_SEED=%llu\n", (unsigned long long)seed);
	fixture_random_state = seed * 2 + 1;
	strcpy(fixture_dir, "/tmp/memtide-elf-XXXXXX");
	if (!mkdtemp(fixture_dir) || chmod(fixture_dir, 0755))
		abort();
}

static inline int fixture_remove(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static inline void fixture_free(void)
{
	nftw(fixture_dir, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* xorshift64* */
static inline uint64_t fixture_random(uint64_t below)
{
	uint64_t x = fixture_random_state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	fixture_random_state = x;
	return (x * 0x2545f4914f6cdd1dULL) % below;
}

/* Path of `name` in the directory; valid until the eighth call after. */
static inline const char *fixture_path(const char *name)
{
	static char paths[8][PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % 8];

	snprintf(path, PATH_MAX, "%s/%s", fixture_dir, name);
	return path;
}

static inline void fixture_write(const char *name, const void *data, size_t len)
{
	int fd = open(fixture_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len || close(fd))
		abort();
}

/* Runs a shell command in the directory. */
static inline void __attribute__((format(printf, 1, 2))) fixture_run(const char *fmt, ...)
{
	char command[4096], all[5000];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	snprintf(all, sizeof(all), "cd %s && %s", fixture_dir, command);
	if (system(all)) {
		fprintf(stderr, "failed: %s\n", all);
		abort();
	}
}

/* Compiles `source` (C) to `name`. */
static inline void fixture_compile(const char *name, const char *source, const char *flags)
{
	char file[128];

	snprintf(file, sizeof(file), "%s.c", name);
	fixture_write(file, source, strlen(source));
	fixture_run("gcc -o %s %s %s", name, file, flags);
}

static inline int fixture_open(const char *name)
{
	int fd = open(name[0] == '/' ? name : fixture_path(name), O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		abort();
	return fd;
}

/* The content of a file; the caller frees. */
static inline unsigned char *fixture_read(const char *name, size_t *len)
{
	int fd = fixture_open(name);
	unsigned char *data;
	struct stat st;

	if (fstat(fd, &st))
		abort();
	data = malloc((size_t)st.st_size + 1);
	if (!data || read(fd, data, (size_t)st.st_size) != st.st_size)
		abort();
	close(fd);
	*len = (size_t)st.st_size;
	return data;
}

/* File offset of a function that is there. */
static inline uint64_t fixture_offset(const char *name, const char *function)
{
	int fd = fixture_open(name);
	struct mt_elf *elf = NULL;
	uint64_t offset = 0;

	if (mt_elf_new(&elf, fd) || mt_elf_function(elf, function, &offset))
		abort();
	mt_elf_free(&elf);
	close(fd);
	return offset;
}

/* A file in memory that can be damaged and healed. */
struct fixture_victim {
	unsigned char *data;
	size_t len;
	int fd;
	size_t damaged[64];
	size_t nr_damaged;
};

static inline void fixture_victim_new(struct fixture_victim *v, const char *name)
{
	v->data = fixture_read(name, &v->len);
	v->fd = memfd_create("victim", MFD_CLOEXEC);
	v->nr_damaged = 0;
	if (v->fd < 0 || write(v->fd, v->data, v->len) != (ssize_t)v->len)
		abort();
}

static inline void fixture_victim_free(struct fixture_victim *v)
{
	close(v->fd);
	free(v->data);
}

/* Where damage matters: the header, the tables at the beginning, the sections' at the end. */
static inline size_t fixture_weak_spot(const struct fixture_victim *v)
{
	size_t small = v->len < 8192 ? v->len : 8192;

	switch (fixture_random(4)) {
	case 0:
		return fixture_random(v->len < 1024 ? v->len : 1024);
	case 1:
		return fixture_random(v->len / 8 + 1);
	case 2:
		return v->len - 1 - fixture_random(small);
	default:
		return fixture_random(v->len);
	}
}

static inline void fixture_damage(struct fixture_victim *v)
{
	static const unsigned char nasty[] = { 0, 1, 0x7f, 0x80, 0xff };
	size_t nr = 1 + fixture_random(64);

	for (v->nr_damaged = 0; v->nr_damaged < nr; v->nr_damaged++) {
		size_t at = fixture_weak_spot(v);
		unsigned char byte = fixture_random(2) ? nasty[fixture_random(5)]
						       : (unsigned char)fixture_random(256);

		v->damaged[v->nr_damaged] = at;
		if (pwrite(v->fd, &byte, 1, (off_t)at) != 1)
			abort();
	}
}

static inline void fixture_heal(struct fixture_victim *v)
{
	for (size_t i = 0; i < v->nr_damaged; i++) {
		size_t at = v->damaged[i];

		if (pwrite(v->fd, v->data + at, 1, (off_t)at) != 1)
			abort();
	}
	v->nr_damaged = 0;
}

#endif
