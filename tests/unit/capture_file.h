/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * capture_file.h: a capture in a directory of its own, for the tests of user/capture.
 *
 * make_directory() and remove_directory() are a test's setup and teardown; `path` is where
 * the capture goes. TMPDIR is that directory too, so that what is left behind is seen.
 */
#ifndef MT_TESTS_CAPTURE_FILE_H
#define MT_TESTS_CAPTURE_FILE_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/capture.h"
#include "util/cleanup.h"

static char directory[64];
static char path[128];

static inline int make_directory(void **state)
{
	strcpy(directory, "/tmp/memtide-test-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/capture", directory);
	setenv("TMPDIR", directory, 1);
	return 0;
}

static inline int count_files(void)
{
	_closedir_ DIR *dir = opendir(directory);
	int n = 0;

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));)
		n += e->d_name[0] != '.';
	return n;
}

static inline int remove_directory(void **state)
{
	_closedir_ DIR *dir = opendir(directory);

	for (struct dirent *e; dir && (e = readdir(dir));)
		unlinkat(dirfd(dir), e->d_name, 0);
	return rmdir(directory);
}

static inline struct mt_capture *create(void)
{
	struct mt_capture *c = NULL;

	assert_int_equal(mt_capture_create(&c, path, true), 0);
	return c;
}

static inline int open_it(void)
{
	__cleanup(mt_capture_free) struct mt_capture *c = NULL;

	return mt_capture_open(&c, path);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

#endif
