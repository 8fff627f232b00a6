// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "elf_fixture.h"
#include "target/locate.h"
#include "target/maps.h"
#include "target/predict.h"
#include "target/runtime.h"
#include "util/cleanup.h"

/* The mapping of a process that holds `at`, in a snapshot of its own. */
static struct mt_maps *maps_at(pid_t pid, const void *at, const struct mt_mapping **m)
{
	struct mt_maps *maps = NULL;

	assert_int_equal(mt_maps_load(&maps, pid), 0);
	*m = mt_maps_find(maps, (uintptr_t)at);
	assert_non_null(*m);
	return maps;
}

static void *map_code(const char *name)
{
	_close_ int fd = fixture_open(name);
	void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

	assert_ptr_not_equal(at, MAP_FAILED);
	return at;
}

static void expect_content(const struct mt_probe_target *t, const char *expected)
{
	char text[32] = "";

	assert_true(pread(t->fd, text, sizeof(text) - 1, 0) >= 0);
	assert_string_equal(text, expected);
}

/* The allocators that a process has mapped, or those in its order of lookup. */
static int allocators(struct mt_locator *l, pid_t pid, const struct mt_maps *maps, bool order,
		      const struct mt_probe_target *out[4])
{
	_free_ const struct mt_probe_target **files = NULL;
	const struct mt_probe_target *all[MT_PREDICT_MAX];
	int count = mt_locator_find(l, pid, maps, &files);
	size_t nr = 0;

	if (count >= 0 && order)
		count = mt_locator_predict(l, pid, files, count, all);
	if (count < 0)
		return count;
	for (int i = 0; i < count; i++)
		mt_locator_collect(order ? all[i] : files[i], out, 4, &nr);
	return (int)nr;
}

static void test_finds_our_libc(void **state)
{
	__cleanup(mt_locator_free) struct mt_locator *l = NULL;
	__cleanup(mt_maps_free) struct mt_maps *maps = NULL;
	const struct mt_probe_target *found[4], *again[MT_PREDICT_MAX], *predicted[4],
		**files = NULL;
	void *twice = map_code(FIXTURE_LIBC);
	struct stat st;
	pid_t child;

	assert_int_equal(mt_locator_new(&l), 0);
	assert_int_equal(mt_maps_load(&maps, getpid()), 0);
	assert_int_equal(allocators(l, getpid(), maps, false, found), 1);
	munmap(twice, 4096);
	assert_int_equal(stat(FIXTURE_LIBC, &st), 0);
	assert_int_equal(found[0]->inode, st.st_ino);
	assert_int_equal(found[0]->dev, st.st_dev);
	assert_int_equal(found[0]->size, st.st_size);
	assert_non_null(found[0]->build_id);
	assert_true(found[0]->allocator->nr_sites >= 10);
	assert_int_equal(strncmp(found[0]->allocator->name, "glibc 2.", 8), 0);
	assert_int_equal(fstat(found[0]->fd, &st), 0);
	assert_int_equal(found[0]->inode, st.st_ino);

	/* The same object for another process, and for what will be mapped. */
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	assert_int_equal(allocators(l, child, maps, false, again), 1);
	assert_ptr_equal(again[0], found[0]);
	assert_int_equal(allocators(l, child, maps, true, predicted), 1);
	assert_ptr_equal(predicted[0], found[0]);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(mt_locator_predict(l, child, predicted, 1, again), -ESRCH);
	assert_int_equal(mt_locator_find(l, child, maps, &files), -ESRCH);
	assert_null(files);
}

/* The file that is mapped, not the one that has its name now. */
static void test_replaced_and_deleted(void **state)
{
	__cleanup(mt_locator_free) struct mt_locator *l = NULL;
	const struct mt_probe_target *t = NULL, *u = NULL;
	const struct mt_mapping *m;
	struct mt_maps *maps;
	void *at;

	fixture_write("file", "old", 3);
	at = map_code("file");
	fixture_write("new", "new", 3);
	assert_int_equal(rename(fixture_path("new"), fixture_path("file")), 0);
	assert_int_equal(mt_locator_new(&l), 0);
	maps = maps_at(getpid(), at, &m);
	assert_true(m->deleted);
	assert_int_equal(mt_locator_open(l, getpid(), m, &t), 0);
	expect_content(t, "old");
	assert_string_equal(t->path, fixture_path("file"));
	assert_null(t->build_id);
	assert_null(t->allocator);
	assert_false(t->is_elf);
	assert_int_equal(mt_locator_open(l, getpid(), m, &u), 0);
	assert_ptr_equal(t, u);
	mt_maps_free(&maps);
	munmap(at, 4096);

	at = map_code("file");
	maps = maps_at(getpid(), at, &m);
	unlink(fixture_path("file"));
	assert_int_equal(mt_locator_open(l, getpid(), m, &u), 0);
	assert_ptr_not_equal(t, u);
	expect_content(u, "new");
	/* Two files of one path and no build id: neither can be told. */
	assert_null(mt_locator_lookup(l, t->path, NULL));
	mt_maps_free(&maps);
	munmap(at, 4096);
}

/* Without the privilege to follow map_files, by name; but only the same file will do. */
static int open_by_name(void *at, bool replace)
{
	__cleanup(mt_locator_free) struct mt_locator *l = NULL;
	__cleanup(mt_maps_free) struct mt_maps *maps = NULL;
	const struct mt_probe_target *t;
	const struct mt_mapping *m;
	char link[64];
	struct stat st;

	if (replace && rename(fixture_path("other"), fixture_path("named")))
		return 10;
	if (setgroups(0, NULL) || setgid(65534) || setuid(65534) || prctl(PR_SET_DUMPABLE, 1))
		return 11;
	if (mt_maps_load(&maps, getpid()) || mt_locator_new(&l))
		return 12;
	m = mt_maps_find(maps, (uintptr_t)at);
	snprintf(link, sizeof(link), "/proc/self/map_files/%lx-%lx", (long)m->start, (long)m->end);
	if (!stat(link, &st))
		return 13;
	switch (mt_locator_open(l, getpid(), m, &t)) {
	case 0:
		return fstat(t->fd, &st) || st.st_ino != m->inode ? 14 : 1;
	case -ENOENT:
		return 2;
	default:
		return 15;
	}
}

static int in_child(int (*body)(void *, bool), void *at, bool flag)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(body(at, flag));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_by_name(void **state)
{
	void *at;

	if (geteuid()) {
		print_message("skipped: needs root to begin with\n");
		skip();
	}
	fixture_write("named", "old", 3);
	fixture_write("other", "new", 3);
	at = map_code("named");
	assert_int_equal(in_child(open_by_name, at, false), 1);
	assert_int_equal(in_child(open_by_name, at, true), 2);
	munmap(at, 4096);
}

/*
 * A mount namespace of its own, gone with the process, and a directory to mount on. In what
 * follows 3 stands for mounts that are not to be had here.
 */
static bool own_mounts(const char *name)
{
	return !unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	       (!mkdir(fixture_path(name), 0755) || errno == EEXIST);
}

/* Two filesystems number their files alike: the second hides the first's, under its name. */
static int open_same_inode(void *unused, bool hide)
{
	struct stat before, after;
	void *at;

	if (!own_mounts("mnt") || mount("none", fixture_path("mnt"), "tmpfs", 0, NULL))
		return 3;
	fixture_write("mnt/file", "old", 3);
	at = map_code("mnt/file");
	if (stat(fixture_path("mnt/file"), &before))
		return 4;
	if (hide) {
		if (mount("none", fixture_path("mnt"), "tmpfs", 0, NULL))
			return 5;
		fixture_write("mnt/file", "new", 3);
	}
	if (stat(fixture_path("mnt/file"), &after))
		return 6;
	if (before.st_ino != after.st_ino)
		return 3;
	return open_by_name(at, false);
}

static void test_same_inode_elsewhere(void **state)
{
	if (geteuid() || in_child(open_same_inode, NULL, true) == 3) {
		print_message("skipped: no two tmpfs with files of one inode number\n");
		skip();
	}
	assert_int_equal(in_child(open_same_inode, NULL, false), 1);
	assert_int_equal(in_child(open_same_inode, NULL, true), 2);
}

/* Where the device says nothing, the inode has to do. */
static int open_on_overlay(void *unused, bool upper)
{
	char options[512];

	if (!own_mounts("merged"))
		return 3;
	fixture_run("mkdir -p lower upper work && echo old > lower/file && rm -f upper/file");
	if (upper)
		fixture_run("echo new > upper/file");
	snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s",
		 fixture_path("lower"), fixture_path("upper"), fixture_path("work"));
	if (mount("overlay", fixture_path("merged"), "overlay", 0, options))
		return 3;
	return open_by_name(map_code("merged/file"), false);
}

static void test_overlay(void **state)
{
	if (geteuid() || in_child(open_on_overlay, NULL, false) == 3) {
		print_message("skipped: no overlayfs\n");
		skip();
	}
	assert_int_equal(in_child(open_on_overlay, NULL, false), 1);
	assert_int_equal(in_child(open_on_overlay, NULL, true), 1);
}

static void test_no_file(void **state)
{
	__cleanup(mt_locator_free) struct mt_locator *l = NULL;
	struct mt_mapping heap = { .start = 4096, .end = 8192, .path = "[heap]" };
	struct mt_mapping gone = { .start = 4096, .end = 8192, .inode = 1, .path = "/no such" };
	const struct mt_probe_target *t = NULL;

	assert_int_equal(mt_locator_new(&l), 0);
	assert_int_equal(mt_locator_open(l, getpid(), &heap, &t), -ENOEXEC);
	assert_int_equal(mt_locator_open(l, getpid(), &gone, &t), -ENOENT);
	assert_null(t);
	assert_null(mt_locator_lookup(l, "/no such", NULL));
}

static void test_changed_content(void **state)
{
	__cleanup(mt_locator_free) struct mt_locator *l = NULL;
	const struct mt_probe_target *t, *u;
	const struct timespec before[2] = { { .tv_sec = 1 }, { .tv_sec = 1, .tv_nsec = 1 } };
	const struct timespec after[2] = { { .tv_sec = 1 }, { .tv_sec = 1, .tv_nsec = 2 } };
	const struct mt_mapping *m;
	struct mt_maps *maps;
	void *at;

	fixture_write("changes", "one", 3);
	assert_int_equal(utimensat(AT_FDCWD, fixture_path("changes"), before, 0), 0);
	at = map_code("changes");
	maps = maps_at(getpid(), at, &m);
	assert_int_equal(mt_locator_new(&l), 0);
	assert_int_equal(mt_locator_open(l, getpid(), m, &t), 0);
	assert_int_equal(utimensat(AT_FDCWD, fixture_path("changes"), after, 0), 0);
	assert_int_equal(mt_locator_open(l, getpid(), m, &u), 0);
	assert_ptr_not_equal(t, u);
	mt_maps_free(&maps);
	munmap(at, 4096);
}

static void test_only_regular_files(void **state)
{
	struct stat st;
	int fd;

	assert_int_equal(mkfifo(fixture_path("fifo"), 0600), 0);
	assert_int_equal(mt_locate_open_regular(AT_FDCWD, fixture_path("fifo"), 0), -ENOEXEC);
	assert_int_equal(mt_locate_open_regular(AT_FDCWD, "/dev/zero", 0), -ENOEXEC);
	assert_int_equal(mt_locate_open_regular(AT_FDCWD, "/", 0), -ENOEXEC);
	assert_int_equal(mt_locate_open_regular(AT_FDCWD, fixture_path("nothing"), 0), -ENOENT);
	fd = mt_locate_open_regular(AT_FDCWD, FIXTURE_LIBC, 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	close(fd);
}

static const char allocating[] = "#include <stdlib.h>\n"
				 "int main(void) { free(malloc(1)); return 0; }\n";

/* What the locator says of a file; it is the caller's to free the locator. */
static const struct mt_probe_target *look_at(struct mt_locator *l, const char *name)
{
	const struct mt_probe_target *t = NULL;
	const struct mt_mapping *m;
	struct mt_maps *maps;
	void *at = map_code(name);

	maps = maps_at(getpid(), at, &m);
	assert_int_equal(mt_locator_open(l, getpid(), m, &t), 0);
	mt_maps_free(&maps);
	munmap(at, 4096);
	assert_true(t->is_elf);
	return t;
}

static void test_given_library(void **state)
{
	__cleanup(mt_locator_free) struct mt_locator *l = NULL;
	static const char source[] = "void *my_malloc(unsigned long n) { return (void *)n; }\n";
	const struct mt_probe_target *t;

	fixture_compile("my.so", source, "-shared -fPIC");
	fixture_compile("your.so", source, "-shared -fPIC");
	fixture_run("ln -sf my.so link.so");
	assert_int_equal(mt_locator_new(&l), 0);
	assert_int_equal(mt_locator_add_library(l, fixture_path("link.so"), "my_"), 0);
	assert_int_equal(mt_locator_add_library(l, fixture_path("link.so"), ""), -EEXIST);
	assert_int_equal(mt_locator_add_library(l, "/nowhere", ""), 0);
	assert_int_equal(mt_locator_add_library(l, fixture_dir, ""), 0);
	t = look_at(l, "my.so");
	assert_non_null(t->allocator);
	assert_string_equal(t->allocator->name, "my_malloc");
	assert_string_equal(t->allocator->sites[0].function, "my_malloc");
	assert_null(look_at(l, "your.so")->allocator);
}

static void test_has_malloc(void **state)
{
	fixture_compile("my.so", "void *my_malloc(unsigned long n) { return (void *)n; }\n",
			"-shared -fPIC");
	fixture_compile("hidden", "int main(void) { return 0; }\n", "-s");
	assert_int_equal(mt_locate_has_malloc(fixture_path("my.so"), "my_"), 1);
	assert_int_equal(mt_locate_has_malloc(fixture_path("my.so"), ""), 0);
	assert_int_equal(mt_locate_has_malloc(fixture_path("my.so"), "my"), 0);
	assert_int_equal(mt_locate_has_malloc(fixture_path("hidden"), "my_"), 1);
	assert_int_equal(mt_locate_has_malloc("/nowhere", "my_"), -ENOENT);
	assert_int_equal(mt_locate_has_malloc(fixture_dir, "my_"), -ENOEXEC);
}

static void test_foreign_malloc(void **state)
{
	__cleanup(mt_locator_free) struct mt_locator *l = NULL;
	static const char source[] =
		"void *malloc(unsigned long n) { return (void *)n; }\n"
		"#ifndef NO_FREE\n"
		"void free(void *p) { *(volatile char *)p = 1; }\n"
		"#endif\n"
		"#ifdef MIMALLOC\n"
		"int mi_version(void) { return 209; }\n"
		"void *mi_malloc(unsigned long n) { return (void *)(n + 1); }\n"
		"#endif\n";
	const struct mt_probe_target *t;

	fixture_compile("foreign.so", source, "-shared -fPIC -fno-builtin");
	fixture_compile("half.so", source, "-shared -fPIC -fno-builtin -DNO_FREE");
	fixture_compile("both.so", source, "-shared -fPIC -fno-builtin -O1 -DMIMALLOC");
	fixture_compile("ld.so", source, "-shared -fPIC -fno-builtin -Wl,-soname,ld-linux.so.2");
	fixture_compile("given.so", source, "-shared -fPIC -fno-builtin");
	fixture_compile("own.so", source, "-shared -fPIC -fno-builtin -fvisibility=hidden");
	fixture_compile("protected.so", source,
			"-shared -fPIC -fno-builtin -fvisibility=protected");
	assert_int_equal(mt_locator_new(&l), 0);
	assert_int_equal(mt_locator_add_library(l, fixture_path("given.so"), ""), 0);
	assert_true(look_at(l, "foreign.so")->foreign_malloc);
	assert_false(look_at(l, "half.so")->foreign_malloc);
	assert_false(look_at(l, "own.so")->foreign_malloc);
	assert_false(look_at(l, "own.so")->exports_malloc);
	assert_true(look_at(l, "protected.so")->foreign_malloc);
	assert_false(look_at(l, "ld.so")->foreign_malloc);
	assert_false(look_at(l, FIXTURE_LIBC)->foreign_malloc);
	assert_true(look_at(l, FIXTURE_LIBC)->exports_malloc);
	t = look_at(l, "given.so");
	assert_false(t->foreign_malloc);
	assert_string_equal(t->allocator->name, "malloc");
	/* Its mimalloc is known, its malloc is another. */
	t = look_at(l, "both.so");
	assert_true(t->foreign_malloc);
	assert_string_equal(t->allocator->name, "mimalloc 2.0.9");
}

static void refuse(struct mt_probe_target *t, void *name)
{
	for (size_t i = 0; i < t->allocator->nr_sites; i++) {
		struct mt_probe_site *site = &t->allocator->sites[i];

		site->refused = !strcmp(site->function, name);
		site->optional = !strcmp(site->function, "pthread_create");
	}
}

/* An allocator whose function cannot be probed is one that is not known. */
static void test_refused(void **state)
{
	for (int i = 0; i < 2; i++) {
		__cleanup(mt_locator_free) struct mt_locator *l = NULL;
		const struct mt_probe_target *t;

		assert_int_equal(mt_locator_new(&l), 0);
		mt_locator_set_proof(l, refuse, i ? (char *)"free" : (char *)"pthread_create");
		t = look_at(l, FIXTURE_LIBC);
		assert_int_equal(t->foreign_malloc, i);
		if (i) {
			assert_null(t->allocator);
			continue;
		}
		for (size_t s = 0; s < t->allocator->nr_sites; s++)
			assert_int_not_equal(t->allocator->sites[s].func, MT_FUNC_PTHREAD_CREATE);
	}
}

static void test_static_programs(void **state)
{
	__cleanup(mt_locator_free) struct mt_locator *l = NULL;
	const struct mt_probe_target *t;

	fixture_compile("named", allocating, "-static -fno-builtin");
	fixture_compile("own",
			"void *malloc(unsigned long n) { return (void *)n; }\n"
			"void *calloc(unsigned long n, unsigned long m) { return malloc(n * m); }\n"
			"void *realloc(void *p, unsigned long n) { return malloc(n); }\n"
			"void free(void *p) { *(volatile char *)p = 1; }\n"
			"int main(void) { free(malloc(1)); return 0; }\n",
			"-static -fno-builtin");
	fixture_run("strip -o bare named");
	fixture_run("cp named linked && objcopy --only-keep-debug linked linked.debug && "
		    "objcopy --strip-all --add-gnu-debuglink=linked.debug linked");
	fixture_compile("plugin.so", "int x;\n", "-shared -fPIC -nostdlib -Wl,-soname,plugin.so");
	assert_int_equal(mt_locator_new(&l), 0);
	t = look_at(l, "named");
	assert_string_equal(t->allocator->name, "glibc");
	assert_false(t->foreign_malloc);
	assert_false(t->no_symbols);
	t = look_at(l, "own");
	assert_true(t->foreign_malloc);
	assert_true(!t->allocator || !strstr(t->allocator->name, "glibc"));
	t = look_at(l, "bare");
	assert_null(t->allocator);
	assert_true(t->no_symbols);
	/* Its debug file lies beside it. */
	t = look_at(l, "linked");
	assert_non_null(t->allocator);
	assert_string_equal(t->allocator->name, "glibc");
	assert_false(t->no_symbols);
	t = look_at(l, "plugin.so");
	assert_null(t->allocator);
	assert_false(t->no_symbols);
	assert_null(t->runtime);
	fixture_compile("jvm.so", "int f(void) { return 1; }\n",
			"-shared -fPIC -nostdlib -Wl,-soname,libjvm.so");
	t = look_at(l, "jvm.so");
	assert_non_null(t->runtime);
	assert_string_equal(t->runtime->name, "JVM");
}

static void test_lookup(void **state)
{
	__cleanup(mt_locator_free) struct mt_locator *l = NULL;
	__cleanup(mt_maps_free) struct mt_maps *maps = NULL;
	const struct mt_probe_target *found[4];

	assert_int_equal(mt_locator_new(&l), 0);
	assert_int_equal(mt_maps_load(&maps, getpid()), 0);
	assert_int_equal(allocators(l, getpid(), maps, false, found), 1);
	assert_ptr_equal(mt_locator_lookup(l, "/elsewhere", found[0]->build_id), found[0]);
	assert_null(mt_locator_lookup(l, found[0]->path, "00"));
	assert_null(mt_locator_lookup(l, found[0]->path, NULL));
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
		cmocka_unit_test(test_finds_our_libc),	cmocka_unit_test(test_replaced_and_deleted),
		cmocka_unit_test(test_by_name),		cmocka_unit_test(test_same_inode_elsewhere),
		cmocka_unit_test(test_overlay),		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_changed_content), cmocka_unit_test(test_only_regular_files),
		cmocka_unit_test(test_given_library),	cmocka_unit_test(test_has_malloc),
		cmocka_unit_test(test_foreign_malloc),	cmocka_unit_test(test_refused),
		cmocka_unit_test(test_static_programs), cmocka_unit_test(test_lookup),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
