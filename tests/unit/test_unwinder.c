// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The session's unwinder: which files get tables, and that nothing stays of it. With the BPF
 * programs loaded, so as root only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "elf_fixture.h"
#include "session/kernel.h"
#include "session/unwinder.h"
#include "target/allocator.h"
#include "target/locate.h"
#include "util/cleanup.h"

#define MIB	   (1ULL << 20)
#define NUMBER	   1000 /* of a file that the kernel tells of */
#define COPIES	   40
#define VDSO_FILES 1

static struct mt_kernel *kernel;

static int setup(void **state)
{
	struct mt_kernel_options options = { .map_memory_bytes = 128 * MIB };

	fixture_new();
	/* Each recording has its own: files have numbers once. */
	return geteuid() ? 0 : mt_kernel_load(&kernel, &options);
}

static int teardown(void **state)
{
	mt_kernel_free(&kernel);
	fixture_free();
	return 0;
}

static struct mt_unwinder *unwinder(void)
{
	struct mt_unwinder *u = NULL;

	if (!kernel)
		skip();
	assert_int_equal(mt_unwinder_new(&u, kernel, 16 * MIB), 0);
	return u;
}

static struct mt_unwinder_stats stats(struct mt_unwinder *u)
{
	struct mt_unwinder_stats s;

	mt_unwinder_wait(u);
	mt_unwinder_stats(u, &s);
	return s;
}

static size_t count(const char *directory)
{
	_closedir_ DIR *dir = opendir(directory);
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	return n;
}

static void prepare(struct mt_unwinder *u, const char *path)
{
	_close_ int fd = fixture_open(path);
	const struct mt_probe_target target = { .fd = fd, .is_elf = true };

	mt_unwinder_prepare(u, &target);
}

/* What the kernel tells of the code of a mapping that holds `at`, in this process. */
static struct mt_event event_of(const void *at)
{
	struct mt_event e = { .kind = MT_EVENT_FILE, .tgid = (uint32_t)getpid(), .result = NUMBER };
	_fclose_ FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long long start, end, inode;
	char line[PATH_MAX];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%llx-%llx %*s %*s %*s %llu", &start, &end, &inode) == 3 &&
		    start <= (uintptr_t)at && (uintptr_t)at < end) {
			e.a = start;
			e.b = end;
			e.c = inode;
		}
	assert_true(e.c);
	return e;
}

static void test_a_file_has_one_table(void **state)
{
	__cleanup(mt_unwinder_free) struct mt_unwinder *u = unwinder();
	struct mt_unwinder_stats s;

	for (int i = 0; i < 3; i++)
		prepare(u, FIXTURE_LIBC);
	s = stats(u);
	assert_int_equal(s.files, VDSO_FILES + 1);
	assert_int_equal(s.tables, VDSO_FILES + 1);
	assert_true(s.bytes > 64 << 10 && s.bytes < MIB);
}

static void test_a_file_that_is_mapped_gets_a_table(void **state)
{
	__cleanup(mt_unwinder_free) struct mt_unwinder *u = unwinder();
	struct mt_event e = event_of((const void *)getpid);

	for (int i = 0; i < 3; i++)
		mt_unwinder_on_file(u, &e);
	assert_int_equal(stats(u).tables, VDSO_FILES + 1);
}

/* When the news comes another file may be mapped there. */
static void test_another_file_in_its_place_gets_none(void **state)
{
	__cleanup(mt_unwinder_free) struct mt_unwinder *u = unwinder();
	struct mt_event e = event_of((const void *)getpid), gone = e, bad = e;

	e.c++;
	mt_unwinder_on_file(u, &e);
	gone.a -= 4096;
	mt_unwinder_on_file(u, &gone);
	bad.result = MT_FILES_TABLES_MAX;
	mt_unwinder_on_file(u, &bad);
	bad.result = 0;
	mt_unwinder_on_file(u, &bad);
	assert_int_equal(stats(u).files, VDSO_FILES);
	e.c--;
	mt_unwinder_on_file(u, &e); /* who maps it next is told of */
	assert_int_equal(stats(u).files, VDSO_FILES + 1);
}

/* Of what is no program, or has no tables, there is nothing to be known: but that is known. */
static void test_a_file_without_frames_has_an_empty_table(void **state)
{
	__cleanup(mt_unwinder_free) struct mt_unwinder *u = unwinder();

	fixture_write("text", "not a program", 13);
	prepare(u, "text");
	assert_int_equal(stats(u).tables, VDSO_FILES + 1);
	assert_int_equal(stats(u).evicted, 0);
}

static void test_nothing_stays_of_it(void **state)
{
	struct mt_unwinder *u = unwinder();
	size_t fds, threads = count("/proc/self/task");
	struct mt_event e;

	mt_unwinder_free(&u);
	fds = count("/proc/self/fd");
	u = unwinder();
	e = event_of((const void *)getpid);
	prepare(u, FIXTURE_LIBC);
	mt_unwinder_on_file(u, &e);
	mt_unwinder_wait(u);
	mt_unwinder_free(&u);
	assert_null(u);
	assert_int_equal(count("/proc/self/fd"), fds);
	/* One that was joined may be there for a moment. */
	for (int i = 0; i < 1000000 && count("/proc/self/task") >= threads; i++)
		sched_yield();
	assert_int_equal(count("/proc/self/task"), threads - 1);
}

/* It ends without the tables that nobody will use. */
static void test_it_ends_with_work_left(void **state)
{
	struct mt_unwinder *u = unwinder();
	size_t fds = count("/proc/self/fd");
	struct mt_unwinder_stats s;
	char name[16];

	fixture_run("objcopy --remove-section .note.gnu.build-id %s copy", FIXTURE_LIBC);
	for (int i = 0; i < COPIES; i++)
		fixture_run("cp copy copy%d", i);
	for (int i = 0; i < COPIES; i++) {
		snprintf(name, sizeof(name), "copy%d", i);
		prepare(u, name);
	}
	mt_unwinder_stats(u, &s);
	assert_int_equal(s.files, VDSO_FILES + COPIES);
	assert_true(s.tables < COPIES);
	mt_unwinder_free(&u);
	assert_true(count("/proc/self/fd") < fds);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_file_has_one_table),
		TEST(test_a_file_that_is_mapped_gets_a_table),
		TEST(test_another_file_in_its_place_gets_none),
		TEST(test_a_file_without_frames_has_an_empty_table),
		TEST(test_nothing_stays_of_it),
		TEST(test_it_ends_with_work_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
