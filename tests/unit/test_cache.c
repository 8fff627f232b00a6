// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The cache of tables: whatever lies in its directory, what it hands out is what was stored.
 *
 * Root's is in one place, so root runs the tests as somebody else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "elf_fixture.h"
#include "unwind/cache.h"
#include "unwind/table.h"
#include "util/cleanup.h"

#define NOBODY	     65534
#define HEADER_BYTES 24

static const char name[] = "00ff-12345678";

/* ---- what all tests share ---------------------------------------------------------------- */

static bool is_root;

/* As who the cache is used. */
static void be_user(void)
{
	if (is_root)
		assert_int_equal(seteuid(NOBODY), 0);
}

static void be_root(void)
{
	if (is_root)
		assert_int_equal(seteuid(0), 0);
}

static int setup(void **state)
{
	is_root = !geteuid();
	fixture_new();
	if (is_root && chown(fixture_dir, NOBODY, NOBODY))
		return -1;
	setenv("XDG_CACHE_HOME", fixture_dir, 1);
	be_user();
	return 0;
}

static int teardown(void **state)
{
	be_root();
	fixture_free();
	return 0;
}

static struct mt_cache *cache(void)
{
	struct mt_cache *c = NULL;

	assert_int_equal(mt_cache_open(&c), 0);
	return c;
}

/* A table that passes the check, with something of one's own in its leaf. */
static struct mt_table *table(uint32_t content)
{
	struct mt_table *t = NULL;

	assert_int_equal(mt_table_empty(&t), 0);
	for (size_t i = 0; i < MT_TABLE_FANOUT; i++)
		t->nodes[t->nodes->header.first[1]].entries[i] = content;
	return t;
}

static void store(uint32_t content, const char *as)
{
	__cleanup(mt_table_free) struct mt_table *t = table(content);
	__cleanup(mt_cache_close) struct mt_cache *c = cache();

	assert_int_equal(mt_cache_store(c, as, t), 0);
}

/* What is in the cache under the name; 0: nothing that can be used. */
static uint32_t load(const char *as)
{
	__cleanup(mt_table_free) struct mt_table *t = NULL;
	__cleanup(mt_cache_close) struct mt_cache *c = cache();
	int err = mt_cache_load(c, as, &t);

	if (!err)
		return t->nodes[t->nodes->header.first[1]].entries[MT_TABLE_FANOUT - 1];
	assert_int_equal(err, -ENOENT);
	assert_null(t);
	return 0;
}

static const char *path_of(const char *as)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/memtide/%s", fixture_dir, as);
	return path;
}

static int count_files(void)
{
	_closedir_ DIR *dir = opendir(path_of(""));
	int n = 0;

	assert_non_null(dir);
	for (struct dirent *d; (d = readdir(dir));)
		n += strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
	return n;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

/* ---- what is stored ---------------------------------------------------------------------- */

static void test_hands_out_what_was_stored(void **state)
{
	__cleanup(mt_table_free) struct mt_table *was = table(7), *is = NULL;
	__cleanup(mt_cache_close) struct mt_cache *c = cache();

	assert_int_equal(mt_cache_load(c, name, &is), -ENOENT);
	assert_int_equal(mt_cache_store(c, name, was), 0);
	assert_int_equal(mt_cache_load(c, name, &is), 0);
	assert_int_equal(is->nr_nodes, was->nr_nodes);
	assert_memory_equal(is->nodes, was->nodes, was->nr_nodes * sizeof(*was->nodes));
	assert_int_equal(load("00ff-12345679"), 0);
	assert_int_equal(count_files(), 1);
}

static void test_the_newest_of_a_name_stays(void **state)
{
	store(1, name);
	store(2, name);
	assert_int_equal(load(name), 2);
	assert_int_equal(count_files(), 1);
}

static void test_nobody_else_may_look(void **state)
{
	mode_t before = umask(0);

	store(1, name);
	umask(before);
	assert_int_equal(mode_of(path_of("")), 0700);
	assert_int_equal(mode_of(path_of(name)), 0600);
}

/* ---- what somebody did to it ------------------------------------------------------------- */

/* Every byte of the file counts: its header, and the table by its checksum. */
static void test_damaged_is_not_taken(void **state)
{
	uint8_t byte, other;
	struct stat st;
	int fd;

	store(1, name);
	fd = open(path_of(name), O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	for (int i = 0; i < 200; i++) {
		off_t at = i < HEADER_BYTES ? i : (off_t)fixture_random((uint64_t)st.st_size);

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		other = byte ^ (uint8_t)(1 << fixture_random(8));
		assert_int_equal(pwrite(fd, &other, 1, at), 1);
		assert_int_equal(load(name), 0);
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	assert_int_equal(load(name), 1);
	close(fd);
}

static void test_of_another_length_is_not_taken(void **state)
{
	struct stat st;

	store(1, name);
	assert_int_equal(stat(path_of(name), &st), 0);
	assert_int_equal(truncate(path_of(name), st.st_size + 1), 0);
	assert_int_equal(load(name), 0);
	for (off_t len = st.st_size - 1; len > 0; len -= 1 + (off_t)fixture_random(100)) {
		assert_int_equal(truncate(path_of(name), len), 0);
		assert_int_equal(load(name), 0);
	}
	assert_int_equal(truncate(path_of(name), 0), 0);
	assert_int_equal(load(name), 0);
	store(2, name);
	assert_int_equal(load(name), 2);
}

/* What another version says is wrong, however whole it is. */
static void test_of_another_version_is_not_taken(void **state)
{
	uint32_t version = MT_TABLE_VERSION + 1;
	int fd;

	store(1, name);
	fd = open(path_of(name), O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, &version, sizeof(version), 4), sizeof(version));
	close(fd);
	assert_int_equal(load(name), 0);
}

/* With a checksum that is right, but a tree that leads out of the table. */
static void test_a_table_that_is_not_whole_is_not_taken(void **state)
{
	__cleanup(mt_table_free) struct mt_table *t = table(1);
	__cleanup(mt_cache_close) struct mt_cache *c = cache();

	t->nodes->header.first[1] += 100;
	assert_int_equal(mt_cache_store(c, name, t), 0);
	assert_int_equal(load(name), 0);
}

static void test_who_others_may_write_is_not_taken(void **state)
{
	static const mode_t modes[] = { 0620, 0602, 0666, 0777 };

	store(1, name);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		assert_int_equal(chmod(path_of(name), modes[i]), 0);
		assert_int_equal(load(name), 0);
	}
	assert_int_equal(chmod(path_of(name), 0644), 0);
	assert_int_equal(load(name), 1);
}

static void test_a_foreign_file_is_not_taken(void **state)
{
	if (!is_root)
		skip();
	store(1, name);
	be_root();
	assert_int_equal(chown(path_of(name), NOBODY - 1, 0), 0);
	assert_int_equal(chmod(path_of(name), 0644), 0);
	be_user();
	assert_int_equal(load(name), 0);
}

static void test_what_is_no_file_is_not_taken(void **state)
{
	store(1, "kept");
	assert_int_equal(symlink("kept", path_of("link")), 0);
	assert_int_equal(load("link"), 0);
	assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
	assert_int_equal(load("fifo"), 0); /* and it does not wait for a writer */
	assert_int_equal(mkdir(path_of("directory"), 0700), 0);
	assert_int_equal(load("directory"), 0);
	assert_int_equal(load("kept"), 1);
	store(2, "link");
	assert_int_equal(load("link"), 2);
	assert_int_equal(load("kept"), 1); /* not written through the link */
}

/* ---- the directory ----------------------------------------------------------------------- */

static int try_open(void)
{
	__cleanup(mt_cache_close) struct mt_cache *c = NULL;

	return mt_cache_open(&c);
}

static void test_a_directory_for_others_is_refused(void **state)
{
	assert_int_equal(try_open(), 0);
	assert_int_equal(chmod(path_of(""), 0770), 0);
	assert_int_equal(try_open(), -EACCES);
	assert_int_equal(chmod(path_of(""), 0707), 0);
	assert_int_equal(try_open(), -EACCES);
	assert_int_equal(chmod(path_of(""), 0700), 0);
	assert_int_equal(try_open(), 0);
}

static void test_a_foreign_directory_is_refused(void **state)
{
	if (!is_root)
		skip();
	assert_int_equal(try_open(), 0);
	be_root();
	assert_int_equal(chown(path_of(""), NOBODY - 1, 0), 0);
	assert_int_equal(chmod(path_of(""), 0755), 0);
	be_user();
	assert_int_equal(try_open(), -EACCES);
}

static void test_a_link_to_a_directory_is_refused(void **state)
{
	assert_int_equal(mkdir(fixture_path("elsewhere"), 0700), 0);
	assert_int_equal(symlink(fixture_path("elsewhere"), fixture_path("memtide")), 0);
	assert_int_equal(try_open(), -ENOTDIR);
}

static void test_without_a_home_there_is_none(void **state)
{
	char before[PATH_MAX];

	snprintf(before, sizeof(before), "%s", getenv("HOME") ?: "/");
	unsetenv("XDG_CACHE_HOME");
	unsetenv("HOME");
	assert_int_equal(try_open(), -ENOENT);
	setenv("HOME", "relative", 1);
	assert_int_equal(try_open(), -ENOENT);
	setenv("HOME", fixture_path("home"), 1);
	assert_int_equal(try_open(), -ENOENT);
	assert_int_equal(mkdir(fixture_path("home"), 0700), 0);
	assert_int_equal(try_open(), 0);
	assert_int_equal(mode_of(fixture_path("home/.cache/memtide")), 0700);
	setenv("HOME", before, 1);
}

static void test_one_that_cannot_be_written_fails(void **state)
{
	__cleanup(mt_table_free) struct mt_table *t = table(1);
	__cleanup(mt_cache_close) struct mt_cache *c = cache();

	if (!geteuid())
		skip();
	assert_int_equal(chmod(path_of(""), 0500), 0);
	assert_int_equal(mt_cache_store(c, name, t), -EACCES);
	assert_int_equal(chmod(path_of(""), 0700), 0);
	assert_int_equal(count_files(), 0);
}

/* ---- room -------------------------------------------------------------------------------- */

/* A file of 200 MiB without content, that was last used so many seconds after 1970. */
static void put_large(const char *as, time_t used)
{
	struct timespec times[2] = { { .tv_sec = used }, { .tv_sec = used } };
	int fd = open(path_of(as), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(ftruncate(fd, 200 << 20), 0);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static bool is_there(const char *as)
{
	return !access(path_of(as), F_OK);
}

static void test_the_least_recently_used_goes(void **state)
{
	store(1, "used");
	put_large("old", 1000);
	put_large("oldest", 999);
	store(2, name);
	assert_true(is_there("old") && is_there("oldest"));
	put_large("new", 1001);
	store(3, name);
	assert_false(is_there("oldest"));
	assert_true(is_there("old") && is_there("new") && is_there("used"));
	assert_int_equal(load(name), 3);
}

/* Who is loaded was used. */
static void test_a_load_keeps_it(void **state)
{
	const struct timespec long_ago[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	store(1, "loaded");
	assert_int_equal(utimensat(AT_FDCWD, path_of("loaded"), long_ago, 0), 0);
	put_large("a", 1000);
	put_large("b", 1001);
	assert_int_equal(load("loaded"), 1);
	put_large("c", 1002);
	store(2, name);
	assert_false(is_there("a"));
	assert_true(is_there("b") && is_there("c"));
	assert_int_equal(load("loaded"), 1);
}

/* ---- several at a time ------------------------------------------------------------------- */

#define WRITERS 4
#define ROUNDS	100

/* A table says which writer made it, throughout. */
static int write_and_read(uint32_t writer)
{
	for (int i = 0; i < ROUNDS; i++) {
		__cleanup(mt_table_free) struct mt_table *read = NULL;
		__cleanup(mt_table_free) struct mt_table *own = table(writer);
		__cleanup(mt_cache_close) struct mt_cache *c = cache();
		uint32_t *got;

		if (mt_cache_store(c, name, own) || mt_cache_load(c, name, &read))
			return 1;
		got = read->nodes[read->nodes->header.first[1]].entries;
		for (size_t n = 0; n < MT_TABLE_FANOUT; n++)
			if (got[n] != got[0] || !got[n] || got[n] > WRITERS)
				return 2;
	}
	return 0;
}

static void test_several_write_at_a_time(void **state)
{
	pid_t pids[WRITERS];
	int status;

	for (uint32_t i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		if (!pids[i])
			_exit(write_and_read(i + 1));
	}
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(count_files(), 1);
}

/* ---- names ------------------------------------------------------------------------------- */

static int name_of(const char *file, char out[MT_CACHE_NAME_LEN])
{
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	_close_ int fd = fixture_open(file);

	assert_int_equal(mt_elf_new(&elf, fd), 0);
	return mt_cache_name(elf, out);
}

static const char source[] = "int f(int n) { char a[n]; __asm__(\"\" : : \"r\"(a)); return 1; }\n"
			     "int main(void) { return !f(3); }\n";

static void test_a_name_is_the_content(void **state)
{
	char one[MT_CACHE_NAME_LEN], other[MT_CACHE_NAME_LEN];

	/* Two that say they are the same build, and are not. */
	fixture_compile("one", source, "-O1 -Wl,--build-id=0x0123456789abcdef");
	fixture_compile("two", source, "-O0 -Wl,--build-id=0x0123456789abcdef");
	fixture_run("cp one copy && strip copy");
	assert_int_equal(name_of("one", one), 0);
	assert_memory_equal(one, "0123456789abcdef-", 17);
	assert_int_equal(name_of("two", other), 0);
	assert_string_not_equal(one, other);
	assert_int_equal(name_of("copy", other), 0);
	assert_string_equal(one, other);
}

/* The code is elsewhere in the file, and all else is the same. */
static void test_a_name_is_the_place(void **state)
{
	char one[MT_CACHE_NAME_LEN], other[MT_CACHE_NAME_LEN];
	_free_ unsigned char *data = NULL;
	Elf64_Phdr *p;
	size_t len;

	fixture_compile("one", source, "-O1 -Wl,--build-id=0x0123456789abcdef");
	assert_int_equal(name_of("one", one), 0);
	data = fixture_read("one", &len);
	p = (Elf64_Phdr *)(data + ((Elf64_Ehdr *)data)->e_phoff);
	while (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
		p++;
	p->p_filesz -= 16;
	fixture_write("moved", data, len);
	assert_int_equal(name_of("moved", other), 0);
	assert_string_not_equal(one, other);
}

static void test_without_a_build_id_there_is_no_name(void **state)
{
	char got[MT_CACHE_NAME_LEN];

	fixture_compile("none", source, "-Wl,--build-id=none");
	assert_int_equal(name_of("none", got), -ENOENT);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_hands_out_what_was_stored),
		TEST(test_the_newest_of_a_name_stays),
		TEST(test_nobody_else_may_look),
		TEST(test_damaged_is_not_taken),
		TEST(test_of_another_length_is_not_taken),
		TEST(test_of_another_version_is_not_taken),
		TEST(test_a_table_that_is_not_whole_is_not_taken),
		TEST(test_who_others_may_write_is_not_taken),
		TEST(test_a_foreign_file_is_not_taken),
		TEST(test_what_is_no_file_is_not_taken),
		TEST(test_a_directory_for_others_is_refused),
		TEST(test_a_foreign_directory_is_refused),
		TEST(test_a_link_to_a_directory_is_refused),
		TEST(test_without_a_home_there_is_none),
		TEST(test_one_that_cannot_be_written_fails),
		TEST(test_the_least_recently_used_goes),
		TEST(test_a_load_keeps_it),
		TEST(test_several_write_at_a_time),
		TEST(test_a_name_is_the_content),
		TEST(test_a_name_is_the_place),
		TEST(test_without_a_build_id_there_is_no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
