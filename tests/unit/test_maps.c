// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "elf_fixture.h"
#include "target/maps.h"
#include "util/cleanup.h"

static int parse_one(const char *text, struct mt_mapping *m)
{
	static char line[8192];

	snprintf(line, sizeof(line), "%s", text);
	return mt_maps_parse_line(line, m);
}

static void test_every_field(void **state)
{
	struct mt_mapping m;

	assert_int_equal(parse_one("7f0123456000-7f0123457000 r-xp 0001e000 fe:1f 332835"
				   "                     /usr/lib/libc.so.6",
				   &m),
			 0);
	assert_int_equal(m.start, 0x7f0123456000);
	assert_int_equal(m.end, 0x7f0123457000);
	assert_int_equal(m.prot, PROT_READ | PROT_EXEC);
	assert_false(m.shared);
	assert_false(m.deleted);
	assert_int_equal(m.file_offset, 0x1e000);
	assert_int_equal(m.dev_major, 0xfe);
	assert_int_equal(m.dev_minor, 0x1f);
	assert_int_equal(m.inode, 332835);
	assert_string_equal(m.path, "/usr/lib/libc.so.6");
	assert_true(mt_mapping_is_code(&m));

	assert_int_equal(parse_one("1000-2000 -w-s 00000000 00:00 0 ", &m), 0);
	assert_int_equal(m.prot, PROT_WRITE);
	assert_true(m.shared);
	assert_string_equal(m.path, "");
	assert_int_equal(parse_one("1000-2000 rwxp 00000000 00:00 0", &m), 0);
	assert_string_equal(m.path, "");
	assert_false(mt_mapping_is_code(&m));
	assert_int_equal(parse_one("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 "
				   "                 [vsyscall]",
				   &m),
			 0);
	assert_string_equal(m.path, "[vsyscall]");
	assert_false(mt_mapping_is_code(&m));
	assert_int_equal(parse_one("1-2 ---p 0 1:2 18446744073709551615 /x", &m), 0);
	assert_int_equal(m.inode, UINT64_MAX);
	assert_false(mt_mapping_is_code(&m));
}

static void test_odd_names(void **state)
{
	char text[5000], name[4097];
	struct mt_mapping m;

	assert_int_equal(parse_one("1-2 r--p 0 1:2 3   /a b (deleted)", &m), 0);
	assert_string_equal(m.path, "/a b");
	assert_true(m.deleted);
	assert_int_equal(parse_one("1-2 r--p 0 1:2 3   /a\\012b\\013 \\\\012 ", &m), 0);
	assert_string_equal(m.path, "/a\nb\\013 \\\n ");
	assert_int_equal(parse_one("1-2 r--p 0 1:2 3   (deleted)", &m), 0);
	assert_string_equal(m.path, "(deleted)");
	assert_false(m.deleted);
	assert_int_equal(parse_one("1-2 r--p 0 1:2 3   /(deleted)", &m), 0);
	assert_false(m.deleted);
	assert_int_equal(parse_one("1-2 rw-p 0 0:0 0   [anon:a name]", &m), 0);
	assert_string_equal(m.path, "[anon:a name]");
	memset(name, 'x', sizeof(name) - 1);
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	snprintf(text, sizeof(text), "1-2 r--p 0 1:2 3   %s", name);
	assert_int_equal(parse_one(text, &m), 0);
	assert_string_equal(m.path, name);
}

static void test_refuses_what_is_no_line(void **state)
{
	static const char *const bad[] = {
		"",
		"1",
		"1-",
		"1-2",
		"1-2 ",
		"1-2 r",
		"1-2 rwx 0 0:0 0",
		"1-2 rwxq 0 0:0 0",
		"1-2 zwxp 0 0:0 0",
		"1-2 r--p",
		"1-2 r--p 0",
		"1-2 r--p 0 0:0",
		"1-2 r--p 0 0:0 ",
		"1-2 r--p 0 0:0 x",
		"1-2 r--p 0 0:0 3x",
		"2-1 r--p 0 0:0 0",
		"2-2 r--p 0 0:0 0",
		" 1-2 r--p 0 0:0 0",
		"-1-2 r--p 0 0:0 0",
		"+1-2 r--p 0 0:0 0",
		"1--2 r--p 0 0:0 0",
		"11112222333344445-2 r--p 0 0:0 0",
		"1-2 r--p 0 100000000:0 0",
		"1-2 r--p 0 0:100000000 0",
		"1-2 r--p 0 0:0 18446744073709551616",
		"1-2  r--p 0 0:0 0",
		"1-2 r--p  0 0:0 0",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct mt_mapping m;

		if (parse_one(bad[i], &m) != -EBADMSG)
			fail_msg("accepted '%s'", bad[i]);
	}
}

static const char sample[] = "1000-2000 r--p 00000000 00:00 0 \n"
			     "2000-4000 r-xp 00001000 08:01 7   /b\n"
			     "3000-5000 r--p 00000000 00:00 0   /overlaps\n"
			     "5000-6000 rw-p 00000000 00:00 0   [heap]";

static void test_a_whole_file(void **state)
{
	__cleanup(mt_maps_free) struct mt_maps *maps = NULL;
	struct mt_maps *none = NULL;

	assert_int_equal(mt_maps_parse(&maps, sample, strlen(sample)), 0);
	assert_int_equal(maps->nr, 3);
	assert_string_equal(maps->v[2].path, "[heap]");
	assert_null(mt_maps_find(maps, 0xfff));
	assert_ptr_equal(mt_maps_find(maps, 0x1000), &maps->v[0]);
	assert_ptr_equal(mt_maps_find(maps, 0x1fff), &maps->v[0]);
	assert_ptr_equal(mt_maps_find(maps, 0x2000), &maps->v[1]);
	assert_ptr_equal(mt_maps_find(maps, 0x3fff), &maps->v[1]);
	assert_null(mt_maps_find(maps, 0x4000));
	assert_ptr_equal(mt_maps_find(maps, 0x5fff), &maps->v[2]);
	assert_null(mt_maps_find(maps, 0x6000));
	assert_null(mt_maps_find(maps, UINT64_MAX));

	assert_int_equal(mt_maps_parse(&none, "1000-2000 r--p 0 0:0 0\nnonsense\n", 32), -EBADMSG);
	assert_int_equal(mt_maps_parse(&none, "1-2 r--p 0 0:0 0 \0\n", 19), -EBADMSG);
	assert_int_equal(mt_maps_parse(&none, "\n", 1), -EBADMSG);
	assert_null(none);
}

static void test_nothing(void **state)
{
	__cleanup(mt_maps_free) struct mt_maps *maps = NULL;

	assert_int_equal(mt_maps_parse(&maps, "", 0), 0);
	assert_int_equal(maps->nr, 0);
	assert_null(mt_maps_find(maps, 0));
}

static void test_ourselves(void **state)
{
	__cleanup(mt_maps_free) struct mt_maps *maps = NULL;
	const struct mt_mapping *m;
	char exe[PATH_MAX] = "";
	int local = 0;

	assert_int_equal(mt_maps_load(&maps, getpid()), 0);
	m = mt_maps_find(maps, (uintptr_t)test_ourselves);
	assert_non_null(m);
	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	assert_string_equal(m->path, exe);
	assert_true(mt_mapping_is_code(m));
	m = mt_maps_find(maps, (uintptr_t)&local);
	assert_non_null(m);
	assert_true(m->prot & PROT_WRITE);
}

static void test_an_odd_file(void **state)
{
	static const char name[] = "a new\nline \\ and (parts) ";
	const char *path = fixture_path(name);
	_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;
	void *at;

	assert_int_equal(ftruncate(fd, 8192), 0);
	assert_int_equal(fstat(fd, &st), 0);
	at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 4096);
	assert_ptr_not_equal(at, MAP_FAILED);
	for (int gone = 0; gone < 2; gone++) {
		__cleanup(mt_maps_free) struct mt_maps *maps = NULL;
		const struct mt_mapping *m;

		assert_int_equal(mt_maps_load(&maps, getpid()), 0);
		m = mt_maps_find(maps, (uintptr_t)at + 4095);
		assert_non_null(m);
		assert_string_equal(m->path, path);
		assert_int_equal(m->deleted, gone);
		assert_int_equal(m->inode, st.st_ino);
		assert_int_equal(m->file_offset, 4096);
		assert_true(m->shared);
		unlink(path);
	}
	munmap(at, 4096);
}

/* More text than the loader's first buffer has room for. */
static void test_many_mappings(void **state)
{
	enum { COUNT = 3000 };
	__cleanup(mt_maps_free) struct mt_maps *maps = NULL;
	char *at = mmap(NULL, COUNT * 8192UL, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(at, MAP_FAILED);
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(mprotect(at + i * 8192, 4096, PROT_READ), 0);
	assert_int_equal(mt_maps_load(&maps, getpid()), 0);
	for (size_t i = 0; i < COUNT; i++) {
		const struct mt_mapping *m = mt_maps_find(maps, (uintptr_t)at + i * 8192);

		assert_non_null(m);
		assert_int_equal(m->start, (uintptr_t)at + i * 8192);
		assert_int_equal(m->end - m->start, 4096);
		assert_int_equal(m->prot, PROT_READ);
	}
	munmap(at, COUNT * 8192UL);
}

static void test_no_address_space(void **state)
{
	__cleanup(mt_maps_free) struct mt_maps *maps = NULL, *none = NULL;
	siginfo_t info;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(mt_maps_load(&maps, pid), 0);
	assert_int_equal(maps->nr, 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(mt_maps_load(&none, pid), -ESRCH);
	assert_null(none);
}

static void test_survives_damage(void **state)
{
	_free_ char *text = malloc(sizeof(sample));

	for (int i = 0; i < 20000; i++) {
		__cleanup(mt_maps_free) struct mt_maps *maps = NULL;
		size_t len = fixture_random(sizeof(sample));

		memcpy(text, sample, sizeof(sample));
		for (uint64_t n = fixture_random(8); n; n--)
			text[fixture_random(sizeof(sample))] = (char)fixture_random(256);
		if (mt_maps_parse(&maps, text, len))
			continue;
		for (size_t m = 0; m < maps->nr; m++) {
			assert_true(maps->v[m].start < maps->v[m].end);
			assert_true(!m || maps->v[m].start >= maps->v[m - 1].end);
			assert_ptr_equal(mt_maps_find(maps, maps->v[m].end - 1), &maps->v[m]);
		}
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
		cmocka_unit_test(test_every_field),
		cmocka_unit_test(test_odd_names),
		cmocka_unit_test(test_refuses_what_is_no_line),
		cmocka_unit_test(test_a_whole_file),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_ourselves),
		cmocka_unit_test(test_an_odd_file),
		cmocka_unit_test(test_many_mappings),
		cmocka_unit_test(test_no_address_space),
		cmocka_unit_test(test_survives_damage),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
