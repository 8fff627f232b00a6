/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * golden_capture.h: the captures of tests/golden as files, whole and damaged, for the tests of what
 * is printed of them. Tests run from the root of the tree.
 *
 * make_path() and remove_path() are a test's setup and teardown; `path` is where the capture goes.
 */
#ifndef MT_TESTS_GOLDEN_CAPTURE_H
#define MT_TESTS_GOLDEN_CAPTURE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "capture/capture.h"
#include "model/model.h"
#include "util/cleanup.h"

#define GOLDEN	"tests/golden/"
#define DAMAGES 500

static char path[] = "/tmp/memtide-test-XXXXXX";

static inline int make_path(void **state)
{
	strcpy(path + strlen(path) - 6, "XXXXXX");
	return close(mkstemp(path));
}

static inline int remove_path(void **state)
{
	return unlink(path);
}

static inline char *read_all(const char *name, size_t *size)
{
	_close_ int fd = open(name, O_RDONLY);
	struct stat st;
	char *bytes;

	if (fd < 0 || fstat(fd, &st))
		fail_msg("%s: %s (tests run from the root of the tree)", name, strerror(errno));
	bytes = malloc(st.st_size + 1);
	assert_int_equal(read(fd, bytes, st.st_size), st.st_size);
	bytes[st.st_size] = '\0';
	*size = st.st_size;
	return bytes;
}

static inline void write_all(const char *bytes, size_t size)
{
	_close_ int fd = open(path, O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, bytes, size), size);
}

/* The golden capture `name` at `path`. */
static inline void restore(const char *name)
{
	_free_ char *sql_name = NULL, *sql = NULL;
	sqlite3 *db;
	size_t size;

	assert_true(asprintf(&sql_name, GOLDEN "%s.sql", name) > 0);
	sql = read_all(sql_name, &size);
	unlink(path);
	assert_int_equal(sqlite3_open(path, &db), 0);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL))
		fail_msg("%s: %s", sql_name, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static inline int load(struct mt_model **out)
{
	__cleanup(mt_capture_free) struct mt_capture *c = NULL;
	int err = mt_capture_open(&c, path);

	return err ? err : mt_model_load(out, c);
}

/* MT_SEED, or another one each time; printed, so that a failure can be repeated. */
static inline void seed_random(void)
{
	unsigned int seed = getenv("MT_SEED") ? atoi(getenv("MT_SEED")) : time(NULL);

	print_message("MT_SEED=%u\n", seed);
	srandom(seed);
}

/* Bytes flipped, a stretch overwritten by another, or the end cut off. */
static inline size_t damage(char *bytes, size_t size)
{
	size_t from = random() % size, to = random() % size, length = 1 + random() % 64;

	switch (random() % 4) {
	case 0:
		return random() % size;
	case 1:
		if (from + length <= size && to + length <= size)
			memmove(bytes + to, bytes + from, length);
		return size;
	default:
		for (int n = 1 + random() % 20; n; n--)
			bytes[random() % size] ^= 1 << random() % 8;
		return size;
	}
}

static inline bool is_clean(int err)
{
	return !err || err == -EBADMSG || err == -EPROTO || err == -EIO;
}

/*
 * Damages the capture "ordinary", which is small and nearly empty of slack, so that damage hits
 * what is read, DAMAGES times; what can still be loaded is printed, to nowhere.
 */
static inline void each_damaged(void (*print)(FILE *out, const struct mt_model *m))
{
	_fclose_ FILE *null = fopen("/dev/null", "w");
	_free_ char *whole = NULL;
	int loaded = 0;
	size_t size;

	seed_random();
	restore("ordinary");
	whole = read_all(path, &size);
	for (int i = 0; i < DAMAGES; i++) {
		__cleanup(mt_model_free) struct mt_model *m = NULL;
		_free_ char *bytes = malloc(size);
		int err;

		memcpy(bytes, whole, size);
		write_all(bytes, damage(bytes, size));
		err = load(&m);
		if (!is_clean(err))
			fail_msg("damage %d: %s", i, strerror(-err));
		if (err)
			continue;
		print(null, m);
		loaded++;
	}
	print_message("%d loaded, %d refused\n", loaded, DAMAGES - loaded);
	assert_true(loaded && loaded < DAMAGES);
}

#endif
