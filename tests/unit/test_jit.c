// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#include "elf_fixture.h"
#include "symbol/demangle.h"
#include "symbol/jit.h"
#include "target/perfmap.h"
#include "util/cleanup.h"

#define SOMEBODY 4711
#define OTHER	 4712

/* ---- the text ------------------------------------------------------------------------- */

static struct mt_jit *read_map(const char *text, size_t len)
{
	struct mt_jit *jit = NULL;
	_close_ int fd = -1;

	fixture_write("map", text, len);
	fd = fixture_open("map");
	assert_int_equal(mt_jit_new(&jit, fd), 0);
	return jit;
}

static void expect(const struct mt_jit *jit, uint64_t address, const char *name)
{
	const char *found = mt_jit_find(jit, address);

	assert_true(!found == !name);
	if (name)
		assert_string_equal(found, name);
}

static void test_finds_names(void **state)
{
	static const char text[] = "7f0000001000 10 LazyCompile:*f /a b/c.js:1:2\n"
				   "0x7f0000001020 0X8 prefix\n"
				   "7f0000001040 8 upper\n"
				   "7F0000001060 A last\n";
	__cleanup(mt_jit_free) struct mt_jit *jit = read_map(text, strlen(text));

	expect(jit, 0x7f0000000fff, NULL);
	expect(jit, 0x7f0000001000, "LazyCompile:*f /a b/c.js:1:2");
	expect(jit, 0x7f000000100f, "LazyCompile:*f /a b/c.js:1:2");
	expect(jit, 0x7f0000001010, NULL);
	expect(jit, 0x7f0000001027, "prefix");
	expect(jit, 0x7f0000001047, "upper");
	expect(jit, 0x7f0000001069, "last");
	expect(jit, 0x7f000000106a, NULL);
	expect(jit, UINT64_MAX, NULL);
}

/* Code that was thrown away lies under what came later, in whatever order of addresses. */
static void test_last_one_counts(void **state)
{
	static const char text[] = "1000 100 old\n"
				   "1080 100 new\n"
				   "1000 10 newer\n"
				   "f00 200 newest but small in part\n"
				   "10f0 4 tiny\n";
	__cleanup(mt_jit_free) struct mt_jit *jit = read_map(text, strlen(text));

	expect(jit, 0x1000, "newest but small in part");
	expect(jit, 0x10f2, "tiny");
	expect(jit, 0x10f4, "newest but small in part");
	expect(jit, 0x1100, "new");
	expect(jit, 0x1180, NULL);
}

static void test_lines_that_make_no_sense(void **state)
{
	static const char text[] = "\n"
				   "1000\n"
				   "1000 \n"
				   "1000 10\n"
				   "1000 10 \n"
				   " 1000 10 space\n"
				   "-1000 10 sign\n"
				   "1000 -10 sign\n"
				   "1000 0 nothing\n"
				   "10000000000000000 10 more than 64 bits\n"
				   "ffffffffffffffff 10 around\n"
				   "1000 ffffffffffffffff around\n"
				   "2000 10 good\n"
				   "1000 10 has no end";
	__cleanup(mt_jit_free) struct mt_jit *jit = read_map(text, strlen(text));
	__cleanup(mt_jit_free) struct mt_jit *empty = read_map("", 0);

	expect(jit, 0x1000, NULL);
	expect(jit, 0x2000, "good");
	expect(jit, UINT64_MAX - 1, NULL);
	expect(empty, 0x1000, NULL);
}

static void test_long_names_and_zeros(void **state)
{
	enum { LEN = 3 * MT_SYMBOL_NAME_MAX };
	__cleanup(mt_jit_free) struct mt_jit *jit = NULL;
	static char text[LEN + 64];
	size_t len = (size_t)sprintf(text, "1000 10 ");
	const char *found;

	memset(text + len, 'x', LEN);
	len += LEN;
	memcpy(text + len, "\n2000 10 z\0ero\n", 15);
	jit = read_map(text, len + 15);
	found = mt_jit_find(jit, 0x1000);
	assert_non_null(found);
	assert_int_equal(strlen(found), MT_SYMBOL_NAME_MAX);
	assert_string_equal(found + MT_SYMBOL_NAME_MAX - 4, "x...");
	expect(jit, 0x2000, "z");
}

/* Against a list that is walked from its end. */
static void test_against_model(void **state)
{
	enum { ENTRIES = 100, SPACE = 500 };
	__cleanup(mt_jit_free) struct mt_jit *jit = NULL;
	uint64_t starts[ENTRIES], sizes[ENTRIES];
	char text[ENTRIES * 32];
	size_t len = 0;

	for (size_t i = 0; i < ENTRIES; i++) {
		starts[i] = fixture_random(SPACE);
		sizes[i] = 1 + fixture_random(30);
		len += (size_t)sprintf(text + len, "%zx %zx n%zu\n", (size_t)starts[i],
				       (size_t)sizes[i], i);
	}
	jit = read_map(text, len);
	for (uint64_t at = 0; at < SPACE + 40; at++) {
		char name[16] = "";

		for (size_t i = 0; i < ENTRIES; i++) {
			if (at >= starts[i] && at - starts[i] < sizes[i])
				sprintf(name, "n%zu", i);
		}
		expect(jit, at, name[0] ? name : NULL);
	}
}

/* ---- the file ------------------------------------------------------------------------- */

static int open_as(const char *mode, uid_t file_owner, uid_t owner)
{
	_close_ int root = open(fixture_path("jail"), O_PATH | O_CLOEXEC);
	int fd;

	fixture_run("chmod %s jail/tmp/perf-7.map && chown %u jail/tmp/perf-7.map", mode,
		    file_owner);
	fd = mt_perfmap_open(root, 7, owner, 0);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static void test_who_may_write_it(void **state)
{
	if (getuid())
		skip();
	fixture_run("mkdir -p jail/tmp && : > jail/tmp/perf-7.map");
	assert_int_equal(open_as("0644", SOMEBODY, SOMEBODY), 0);
	assert_int_equal(open_as("0644", 0, SOMEBODY), 0);
	assert_int_equal(open_as("0644", OTHER, SOMEBODY), -ENOENT);
	assert_int_equal(open_as("0644", OTHER, 0), -ENOENT);
	assert_int_equal(open_as("0664", SOMEBODY, SOMEBODY), -ENOENT);
	assert_int_equal(open_as("0646", SOMEBODY, SOMEBODY), -ENOENT);
}

static void test_what_it_may_be(void **state)
{
	static const char *const makes[] = {
		"true",
		"ln -s ../secret jail/tmp/perf-7.map",
		"ln -s /secret jail/tmp/perf-7.map",
		"mkfifo jail/tmp/perf-7.map",
		"mkdir jail/tmp/perf-7.map",
		"rmdir jail/tmp && mkdir jail/var && echo > jail/var/perf-7.map && "
		"ln -s var jail/tmp",
	};

	for (size_t i = 0; i < ARRAY_SIZE(makes); i++) {
		_close_ int root = -1;

		fixture_run("rm -rf jail && mkdir -p jail/tmp && echo > jail/secret && %s",
			    makes[i]);
		root = open(fixture_path("jail"), O_PATH | O_CLOEXEC);
		assert_int_equal(mt_perfmap_open(root, 7, getuid(), 0), -ENOENT);
	}
}

/* A process that begins now has not written it an hour ago. */
static void test_of_another_process(void **state)
{
	static const struct {
		const char *when;
		bool taken;
	} cases[] = { { "now", true }, { "1 hour", true }, { "-1 hour", false } };

	fixture_run("rm -rf jail && mkdir -p jail/tmp && : > jail/tmp/perf-7.map");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_close_ int root = open(fixture_path("jail"), O_PATH | O_CLOEXEC), fd = -1;
		struct timespec now;

		fixture_run("touch -d '%s' jail/tmp/perf-7.map", cases[i].when);
		clock_gettime(CLOCK_BOOTTIME, &now);
		fd = mt_perfmap_open(root, 7, getuid(), (uint64_t)now.tv_sec * 1000000000);
		assert_int_equal(fd >= 0, cases[i].taken);
	}
}

static int setup(void **state)
{
	fixture_new();
	return 0;
}

static int teardown(void **state)
{
	fixture_free();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_names),
		cmocka_unit_test(test_last_one_counts),
		cmocka_unit_test(test_lines_that_make_no_sense),
		cmocka_unit_test(test_long_names_and_zeros),
		cmocka_unit_test(test_against_model),
		cmocka_unit_test(test_who_may_write_it),
		cmocka_unit_test(test_what_it_may_be),
		cmocka_unit_test(test_of_another_process),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
