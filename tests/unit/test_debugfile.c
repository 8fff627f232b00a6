// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <zlib.h>

#include "elf_fixture.h"
#include "target/debugfile.h"
#include "util/cleanup.h"

#define ID	 "0011223344"
#define ID_FILE	 "jail/usr/lib/debug/.build-id/00/11223344.debug"
#define PROGRAM	 "/opt/app/program"
#define SOMEBODY 4711
#define OTHER	 4712

static int root_fd = -1;

static uint32_t crc_of(const char *text)
{
	return (uint32_t)crc32(0, (const unsigned char *)text, (unsigned int)strlen(text));
}

static void put(const char *name, const char *text)
{
	fixture_write(name, text, strlen(text));
}

/* What is opened, as text: "" for nothing. */
static const char *opened(uid_t owner, const char *id, const char *link, uint32_t crc)
{
	static char text[64];
	_close_ int fd = mt_debugfile_open(root_fd, PROGRAM, owner, id, link, crc);

	memset(text, 0, sizeof(text));
	if (fd < 0)
		assert_int_equal(fd, -ENOENT);
	else
		assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	return text;
}

static void test_build_id(void **state)
{
	put(ID_FILE, "by id");
	assert_string_equal(opened(0, ID, NULL, 0), "by id");
	assert_string_equal(opened(0, "0011223345", NULL, 0), "");
	assert_string_equal(opened(0, "00", NULL, 0), "");
	assert_string_equal(opened(0, "", NULL, 0), "");
	assert_string_equal(opened(0, NULL, NULL, 0), "");
	/* The build id comes first, and needs no CRC. */
	put("jail/opt/app/x.debug", "linked");
	assert_string_equal(opened(0, ID, "x.debug", crc_of("linked")), "by id");
	assert_string_equal(opened(0, "ff11223344", "x.debug", crc_of("linked")), "linked");
	fixture_run("rm " ID_FILE " jail/opt/app/x.debug");
}

static void test_link(void **state)
{
	static const char *const places[] = { "jail/usr/lib/debug/opt/app/x.debug",
					      "jail/opt/app/.debug/x.debug",
					      "jail/opt/app/x.debug" };

	/* Each is found, and before those above it; one of another CRC is passed over. */
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		assert_string_equal(opened(0, NULL, "x.debug", crc_of(places[i])), "");
		put(places[i], places[i]);
		assert_string_equal(opened(0, NULL, "x.debug", crc_of(places[i])), places[i]);
		assert_string_equal(opened(0, NULL, "x.debug", crc_of(places[0])), places[0]);
	}
	assert_string_equal(opened(0, NULL, "x.debug", 1), "");
	assert_string_equal(opened(0, NULL, "../app/x.debug", crc_of(places[2])), "");
	assert_string_equal(opened(0, NULL, "/opt/app/x.debug", crc_of(places[2])), "");
	assert_string_equal(opened(0, NULL, "..", 0), "");
	assert_string_equal(opened(0, NULL, "", 0), "");
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		assert_int_equal(unlink(fixture_path(places[i])), 0);
}

/* More than is read at once; a CRC of its beginning is not one of the file. */
static void test_long_file(void **state)
{
	size_t len = 1000003;
	_free_ unsigned char *data = malloc(len);
	_close_ int fd = -1;

	for (size_t i = 0; i < len; i++)
		data[i] = (unsigned char)fixture_random(256);
	fixture_write("jail/opt/app/long.debug", data, len);
	fd = mt_debugfile_open(root_fd, PROGRAM, 0, NULL, "long.debug",
			       (uint32_t)crc32_z(0, data, len));
	assert_true(fd >= 0);
	assert_int_equal(mt_debugfile_open(root_fd, PROGRAM, 0, NULL, "long.debug",
					   (uint32_t)crc32_z(0, data, 256U << 10)),
			 -ENOENT);
}

static void test_long_path(void **state)
{
	char path[PATH_MAX + 64];

	memset(path, '/', sizeof(path));
	path[sizeof(path) - 1] = 0;
	assert_int_equal(mt_debugfile_open(root_fd, path, 0, NULL, "x.debug", 0), -ENOENT);
	assert_int_equal(mt_debugfile_open(root_fd, "", 0, NULL, "x.debug", 0), -ENOENT);
	assert_int_equal(mt_debugfile_open(root_fd, PROGRAM, 0, path, NULL, 0), -ENOENT);
}

static void test_owner(void **state)
{
	const char *path = fixture_path(ID_FILE);

	if (geteuid()) {
		print_message("skipped: chown needs root\n");
		skip();
	}
	put(ID_FILE, "by id");
	assert_string_equal(opened(SOMEBODY, ID, NULL, 0), "by id");
	assert_int_equal(chown(path, SOMEBODY, SOMEBODY), 0);
	assert_string_equal(opened(SOMEBODY, ID, NULL, 0), "by id");
	assert_string_equal(opened(OTHER, ID, NULL, 0), "");
	assert_string_equal(opened(0, ID, NULL, 0), "");
	assert_int_equal(chown(path, 0, 0), 0);
	assert_int_equal(chmod(path, 0664), 0);
	assert_string_equal(opened(0, ID, NULL, 0), "by id");
	assert_int_equal(chmod(path, 0646), 0);
	assert_string_equal(opened(0, ID, NULL, 0), "");
	unlink(path);
}

static void test_stays_below_the_root(void **state)
{
	put("outside", "outside");
	fixture_run("ln -s ../../../../../../../../../..%s/outside " ID_FILE, fixture_dir);
	assert_string_equal(opened(0, ID, NULL, 0), "");
	fixture_run("ln -sf %s/outside " ID_FILE, fixture_dir);
	assert_string_equal(opened(0, ID, NULL, 0), "");
	/* An absolute link is one below the root. */
	put("jail/inside", "inside");
	fixture_run("ln -sf /inside " ID_FILE);
	assert_string_equal(opened(0, ID, NULL, 0), "inside");
	fixture_run("rm " ID_FILE " && mkfifo " ID_FILE);
	assert_string_equal(opened(0, ID, NULL, 0), "");
	fixture_run("rm " ID_FILE " && mkdir " ID_FILE);
	assert_string_equal(opened(0, ID, NULL, 0), "");
	fixture_run("rmdir " ID_FILE);
}

/* Debian's own, from libc6-dbg, for the libc that runs here. */
static void test_libc(void **state)
{
	_close_ int fd = fixture_open(FIXTURE_LIBC), debug = -1, root = open("/", O_PATH);
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	uint64_t offset;

	assert_int_equal(mt_elf_new(&elf, fd), 0);
	debug = mt_debugfile_open(root, FIXTURE_LIBC, 0, mt_elf_build_id(elf), NULL, 0);
	if (debug < 0) {
		print_message("skipped: libc6-dbg is not installed\n");
		skip();
	}
	assert_int_equal(mt_elf_attach_debug(elf, debug), 0);
	assert_int_equal(mt_elf_function(elf, "_int_malloc", &offset), 0);
}

static int setup(void **state)
{
	fixture_new();
	fixture_run("mkdir -p jail/usr/lib/debug/.build-id/00 jail/usr/lib/debug/opt/app "
		    "jail/opt/app/.debug");
	root_fd = open(fixture_path("jail"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root_fd < 0;
}

static int teardown(void **state)
{
	close(root_fd);
	fixture_free();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build_id),  cmocka_unit_test(test_link),
		cmocka_unit_test(test_long_file), cmocka_unit_test(test_long_path),
		cmocka_unit_test(test_owner),	  cmocka_unit_test(test_stays_below_the_root),
		cmocka_unit_test(test_libc),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
