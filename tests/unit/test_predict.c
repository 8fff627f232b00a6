// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "elf_fixture.h"
#include "target/locate.h"
#include "target/maps.h"
#include "target/predict.h"
#include "util/cleanup.h"

/* A process that has only just been executed; its root is `root` unless that is NULL. */
static pid_t hold(const char *root, uid_t uid, const char *program, char *const environment[])
{
	char *const argv[] = { (char *)program, NULL };
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if ((root && (chroot(root) || chdir("/"))) || (!root && chdir(fixture_dir)) ||
		    (uid && setresuid(uid, uid, uid)) || ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(1);
		execve(program, argv, environment);
		_exit(2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* The files in its order of lookup. */
static size_t look_up(struct mt_locator *l, pid_t pid,
		      const struct mt_probe_target *order[MT_PREDICT_MAX])
{
	_free_ const struct mt_probe_target **mapped = NULL;
	__cleanup(mt_maps_free) struct mt_maps *maps = NULL;
	int nr;

	assert_int_equal(mt_maps_load(&maps, pid), 0);
	nr = mt_locator_find(l, pid, maps, &mapped);
	assert_true(nr > 0);
	nr = mt_locator_predict(l, pid, mapped, (size_t)nr, order);
	assert_true(nr >= 0);
	return (size_t)nr;
}

/* The paths of the allocators in that order: below our directory, of others the last part. */
static const char *predict(struct mt_locator *l, pid_t pid)
{
	const struct mt_probe_target *order[MT_PREDICT_MAX];
	size_t nr = look_up(l, pid, order);
	static char names[512];

	names[0] = '\0';
	for (size_t i = 0; i < nr; i++) {
		size_t len = strlen(names), ours = strlen(fixture_dir);
		const char *path = order[i]->path;

		if (!order[i]->allocator)
			continue;
		path = strncmp(path, fixture_dir, ours) ? strrchr(path, '/') : path + ours;
		snprintf(names + len, sizeof(names) - len, "%s%s", len ? " " : "", path + 1);
	}
	return names;
}

static bool is_foreign(pid_t pid)
{
	__cleanup(mt_locator_free) struct mt_locator *l = NULL;
	const struct mt_probe_target *order[MT_PREDICT_MAX];
	size_t nr;

	assert_int_equal(mt_locator_new(&l), 0);
	nr = look_up(l, pid, order);
	return mt_predict_is_foreign(order, nr);
}

static void expect_predicted(const char *program, const char *variable, const char *value,
			     const char *expected)
{
	__cleanup(mt_locator_free) struct mt_locator *l = NULL;
	char setting[PATH_MAX];
	char *environment[] = { setting, NULL };
	pid_t pid;

	assert_int_equal(mt_locator_new(&l), 0);
	snprintf(setting, sizeof(setting), "%s=%s", variable, value);
	pid = hold(NULL, 0, fixture_path(program), environment);
	assert_string_equal(predict(l, pid), expected);
	end(pid);
}

static const char trivial[] = "int main(void) { return 0; }\n";
static const char allocating[] = "#include <stdlib.h>\n"
				 "int main(void) { free(malloc(1)); return 0; }\n";
/* One that the catalogue takes for a jemalloc. */
static const char allocator[] = "void *malloc(unsigned long n) { return (void *)n; }\n"
				"void mallctl(void) {}\n";

static void compile_allocator(const char *name)
{
	fixture_compile(name, allocator, "-shared -fPIC -fno-builtin");
}

/* A root directory that tries to lead out of itself. */
static void build_jail(void)
{
	fixture_run("mkdir -p jail/lib/x86_64-linux-gnu jail/lib/aarch64-linux-gnu jail/usr/lib "
		    "jail/lib64 jail/usr/lib64 jail/usr/local/lib jail/etc");
	fixture_run("cp " FIXTURE_LIBC " jail/usr/lib/real.so");
	fixture_run("ln -s /usr/lib/real.so jail/lib64/libc.so.6"); /* absolute: in the jail */
	fixture_run("ln -s ../../../../../../usr/lib/real.so jail/usr/lib64/libc.so.6");
	fixture_run("ln -s /proc/self/exe jail/lib/libc.so.6");
	fixture_run("mkfifo jail/usr/lib/libc.so.6");
	fixture_run("mkdir jail/lib/x86_64-linux-gnu/libc.so.6");
	fixture_run("echo no ELF > jail/lib/aarch64-linux-gnu/libc.so.6");
	fixture_run("mkdir -p jail/proc && ln -s / jail/proc/root");
	fixture_compile("jail/program", trivial, "");
	/* The kernel opens the interpreter below the same root. */
	fixture_run("i=$(readelf -l jail/program | sed -n 's/.*interpreter: \\(.*\\)]/\\1/p') && "
		    "mkdir -p jail/$(dirname $i) && cp $i jail/$i");
	compile_allocator("jail/usr/local/lib/libpre.so");
	fixture_compile("jail/usr/local/lib/libmine.so.1",
			"void *my_malloc(unsigned long n) { return (void *)n; }\n",
			"-shared -fPIC");
	fixture_run("ln -s /usr/local/lib/libmine.so.1 jail/usr/local/lib/libmine.so");
	fixture_run("cp jail/usr/local/lib/libmine.so.1 jail/usr/local/lib/libhere.so");
	fixture_run("echo '/nowhere.so libpre.so /usr/local/lib/libmine.so libhere.so' > "
		    "jail/etc/ld.so.preload");
}

static void test_stays_below_the_root(void **state)
{
	__cleanup(mt_locator_free) struct mt_locator *l = NULL;
	char *environment[] = { NULL };
	pid_t pid;

	if (geteuid()) {
		print_message("skipped: chroot needs root\n");
		skip();
	}
	build_jail();
	pid = hold(fixture_path("jail"), 0, "/program", environment);
	assert_int_equal(mt_locator_new(&l), 0);
	/* A path that leads nowhere for us. */
	assert_int_equal(mt_locator_add_library(l, "/usr/local/lib/libmine.so", "my_"), 0);
	/* And one that leads nowhere for the process. */
	assert_int_equal(
		mt_locator_add_library(l, fixture_path("jail/usr/local/lib/libhere.so"), "my_"), 0);
	assert_string_equal(predict(l, pid), "jail/usr/local/lib/libpre.so "
					     "jail/usr/local/lib/libmine.so.1 "
					     "jail/usr/local/lib/libhere.so "
					     "jail/usr/lib/real.so");
	end(pid);
}

/* What /proc says of its program and its directory are our paths, not its own. */
static void test_own_paths_below_the_root(void **state)
{
	__cleanup(mt_locator_free) struct mt_locator *l = NULL;
	char *environment[] = { "LD_PRELOAD=./libhere.so", NULL };
	pid_t pid;

	if (geteuid()) {
		print_message("skipped: chroot needs root\n");
		skip();
	}
	fixture_run("mkdir -p cell/bin/own");
	fixture_compile("cell/bin/program", trivial, "-Wl,-rpath,'$ORIGIN/own'");
	fixture_run("i=$(readelf -l cell/bin/program | sed -n "
		    "'s/.*interpreter: \\(.*\\)]/\\1/p') && "
		    "mkdir -p cell/$(dirname $i) && cp $i cell/$i");
	fixture_run("cp " FIXTURE_LIBC " cell/bin/own/libc.so.6");
	compile_allocator("cell/libhere.so");
	pid = hold(fixture_path("cell"), 0, "/bin/program", environment);
	assert_int_equal(mt_locator_new(&l), 0);
	assert_string_equal(predict(l, pid), "cell/libhere.so cell/bin/own/libc.so.6");
	end(pid);
}

/* Known by its name where the mapped file is that of a layer, by its inode where it is gone. */
static void test_finds_the_program(void **state)
{
	__cleanup(mt_locator_free) struct mt_locator *l = NULL;
	const struct mt_probe_target *order[MT_PREDICT_MAX], *mapped[1];
	char *environment[] = { NULL };
	struct mt_probe_target layer;
	pid_t pid;

	fixture_compile("program", trivial, "");
	assert_int_equal(mt_locator_new(&l), 0);
	pid = hold(NULL, 0, fixture_path("program"), environment);
	assert_true(look_up(l, pid, order) > 1);
	layer = *order[0];
	layer.inode++;
	mapped[0] = &layer;
	assert_true(mt_locator_predict(l, pid, mapped, 1, order) > 1);
	assert_ptr_equal(order[0], &layer);
	assert_int_equal(unlink(fixture_path("program")), 0);
	assert_string_equal(predict(l, pid), "libc.so.6");
	end(pid);
}

static void test_preloaded(void **state)
{
	char value[PATH_MAX];

	fixture_compile("program", trivial, "");
	compile_allocator("libpre.so");
	fixture_run("mkdir -p 'a b' && cp libpre.so 'a b/libother.so' && cp libpre.so libthird.so");
	expect_predicted("program", "LD_PRELOADED", fixture_path("libpre.so"), "libc.so.6");
	expect_predicted("program", "LD_PRELOAD", fixture_path("libpre.so"), "libpre.so libc.so.6");
	expect_predicted("program", "LD_PRELOAD", "./libpre.so", "libpre.so libc.so.6");
	expect_predicted("program", "LD_PRELOAD", "$ORIGIN/libpre.so:/nowhere",
			 "libpre.so libc.so.6");
	expect_predicted("program", "LD_PRELOAD", "libpre.so", "libc.so.6");
	snprintf(value, sizeof(value), "%s %s:", fixture_path("libthird.so"),
		 fixture_path("libpre.so"));
	expect_predicted("program", "LD_PRELOAD", value, "libthird.so libpre.so libc.so.6");
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 20] = '\0';
	expect_predicted("program", "LD_PRELOAD", value, "libc.so.6");
}

/* The dynamic linker of a set-user-ID program does not listen to the environment. */
static void test_set_user_id(void **state)
{
	__cleanup(mt_locator_free) struct mt_locator *l = NULL;
	char setting[PATH_MAX];
	char *environment[] = { setting, NULL };
	pid_t pid;

	if (geteuid()) {
		print_message("skipped: needs root\n");
		skip();
	}
	fixture_compile("suid", trivial, "");
	compile_allocator("libpre.so");
	snprintf(setting, sizeof(setting), "LD_PRELOAD=%s", fixture_path("libpre.so"));
	assert_int_equal(mt_locator_new(&l), 0);
	pid = hold(NULL, 65534, fixture_path("suid"), environment);
	assert_string_equal(predict(l, pid), "libpre.so libc.so.6");
	end(pid);
	assert_int_equal(chmod(fixture_path("suid"), 04755), 0);
	pid = hold(NULL, 65534, fixture_path("suid"), environment);
	assert_string_equal(predict(l, pid), "libc.so.6");
	end(pid);
}

#define LINK "-Wl,--no-as-needed -Wl,--allow-shlib-undefined "

#define DEEP "libc.so.6 sub/deep/libdeep.so"

/* sub/liba.so, which needs libdeep.so. */
static void link_between(const char *flags)
{
	fixture_compile("sub/liba.so", "int a;\n", "-shared -fPIC -nostdlib");
	fixture_run("gcc -shared -fPIC -o sub/liba.so sub/liba.so.c " LINK
		    "-Wl,-soname,liba.so -Lsub/deep -ldeep %s",
		    flags);
}

/* A program that needs a library that needs an allocator. */
static void test_needed(void **state)
{
	fixture_run("mkdir -p sub/deep other");
	fixture_compile("sub/deep/libdeep.so", allocator,
			"-shared -fPIC -fno-builtin -Wl,-soname,libdeep.so");
	link_between("-Wl,--enable-new-dtags -Wl,-rpath,'/nowhere:${ORIGIN}/deep'");
	fixture_compile("program", trivial,
			LINK "-Lsub -la -Wl,--enable-new-dtags -Wl,-rpath,'$ORIGIN/sub'");
	expect_predicted("program", "X", "", DEEP);
	/* RUNPATH is not for what others need, RPATH is. */
	link_between("");
	fixture_compile("program", trivial,
			LINK "-Lsub -la -Wl,--enable-new-dtags "
			     "-Wl,-rpath,'$ORIGIN/sub:$ORIGIN/sub/deep'");
	expect_predicted("program", "X", "", "libc.so.6");
	expect_predicted("program", "LD_LIBRARY_PATH", fixture_path("sub/deep"), DEEP);
	expect_predicted("program", "LD_LIBRARY_PATH", "/nowhere;sub/deep", DEEP);
	fixture_compile("program", trivial,
			LINK "-Lsub -la -Wl,--disable-new-dtags "
			     "-Wl,-rpath,'$ORIGIN/sub:$ORIGIN/sub/deep'");
	expect_predicted("program", "X", "", DEEP);
	/* Nor is RPATH for what has a RUNPATH of its own. */
	link_between("-Wl,--enable-new-dtags -Wl,-rpath,/nowhere");
	expect_predicted("program", "X", "", "libc.so.6");
	link_between("");
	/* A circle. */
	fixture_run(
		"gcc -shared -fPIC -o sub/deep/libdeep.so sub/deep/libdeep.so.c -fno-builtin " LINK
		"-Wl,-soname,libdeep.so -Lsub -la");
	expect_predicted("program", "X", "", DEEP);
}

/* RPATH wins over the environment, and that over RUNPATH. What is no ELF is passed. */
static void test_order_of_directories(void **state)
{
	fixture_run("mkdir -p sub/deep other text");
	fixture_compile("sub/deep/libdeep.so", allocator,
			"-shared -fPIC -fno-builtin -Wl,-soname,libdeep.so");
	fixture_run("cp sub/deep/libdeep.so other && echo 'INPUT(libdeep.a)' > text/libdeep.so");
	fixture_compile("program", trivial,
			LINK
			"-Lsub/deep -ldeep -Wl,--enable-new-dtags -Wl,-rpath,'$ORIGIN/sub/deep'");
	expect_predicted("program", "LD_LIBRARY_PATH", "text:other", "other/libdeep.so libc.so.6");
	expect_predicted("program", "LD_LIBRARY_PATH", "text", "sub/deep/libdeep.so libc.so.6");
	fixture_compile("program", trivial,
			LINK
			"-Lsub/deep -ldeep -Wl,--disable-new-dtags -Wl,-rpath,'$ORIGIN/sub/deep'");
	expect_predicted("program", "LD_LIBRARY_PATH", "other", "sub/deep/libdeep.so libc.so.6");
}

static void test_predicts_musl(void **state)
{
	__cleanup(mt_locator_free) struct mt_locator *l = NULL;
	const struct mt_probe_target *found[MT_PREDICT_MAX], *again[MT_PREDICT_MAX];
	char *environment[] = { NULL };
	pid_t pid;

	fixture_run("mkdir -p sub");
	fixture_write("musl.c", allocating, strlen(allocating));
	fixture_run("musl-gcc -o musl musl.c && musl-gcc -static -o static musl.c");
	assert_int_equal(mt_locator_new(&l), 0);
	pid = hold(NULL, 0, fixture_path("musl"), environment);
	assert_int_equal(look_up(l, pid, found), 2);
	assert_string_equal(found[1]->allocator->name, "musl 1.2.3");
	assert_int_equal(look_up(l, pid, again), 2);
	assert_ptr_equal(found[1], again[1]);
	end(pid);
	/* It does not look where glibc's linker does. */
	fixture_compile("sub/libdeep.so", allocator,
			"-shared -fPIC -fno-builtin -Wl,-soname,libjemalloc.so.2");
	fixture_run("musl-gcc -o musl musl.c " LINK "-Lsub -ldeep");
	pid = hold(NULL, 0, fixture_path("musl"), environment);
	assert_string_equal(predict(l, pid), "libc.so");
	end(pid);
	pid = hold(NULL, 0, fixture_path("static"), environment);
	assert_string_equal(predict(l, pid), "static");
	end(pid);
}

/* A malloc of nobody's, and programs that load it in one way or another. */
static const char strange[] = "void *malloc(unsigned long n) { return (void *)n; }\n"
			      "void free(void *p) { *(volatile char *)p = 1; }\n";

static bool foreign_held(const char *program, const char *preload)
{
	char setting[PATH_MAX];
	char *environment[] = { setting, NULL };
	bool foreign;
	pid_t pid;

	snprintf(setting, sizeof(setting), "LD_PRELOAD=%s", preload);
	pid = hold(NULL, 0, fixture_path(program), environment);
	foreign = is_foreign(pid);
	end(pid);
	return foreign;
}

/* Whose malloc comes first is called; what comes behind it is not. */
static void test_foreign_by_order(void **state)
{
	fixture_compile("libstrange.so", strange, "-shared -fPIC -fno-builtin");
	fixture_compile("libbetween.so", "int x;\n",
			"-shared -fPIC " LINK "-L. -lstrange -Wl,-rpath,'$ORIGIN'");
	fixture_compile("plain", trivial, "");
	fixture_compile("before", trivial, LINK "-L. -lstrange -Wl,-rpath,'$ORIGIN'");
	fixture_compile("behind", trivial, LINK "-L. -lc -lstrange -Wl,-rpath,'$ORIGIN'");
	fixture_compile("deeper", trivial, LINK "-L. -lbetween -Wl,-rpath,'$ORIGIN'");
	fixture_compile("main.o", trivial, "-c");
	fixture_compile("itself", strange, "-fno-builtin main.o");
	assert_false(foreign_held("plain", ""));
	assert_true(foreign_held("plain", fixture_path("libstrange.so")));
	/* Its needs come behind the program's. */
	assert_false(foreign_held("plain", fixture_path("libbetween.so")));
	assert_true(foreign_held("before", ""));
	assert_false(foreign_held("behind", ""));
	assert_true(foreign_held("behind", fixture_path("libstrange.so")));
	assert_false(foreign_held("deeper", ""));
	assert_true(foreign_held("itself", ""));
}

/* A plugin is bound to for itself, or comes behind: when it runs, that is what is seen. */
static void test_foreign_plugin(void **state)
{
	static const char opens[] = "#include <dlfcn.h>\n"
				    "#include <unistd.h>\n"
				    "int main(int argc, char **argv)\n"
				    "{ return write(1, dlopen(\"./libstrange.so\", RTLD_NOW"
				    " | RTLD_GLOBAL) ? \"y\" : \"n\", 1) + pause(); }\n";
	char *environment[] = { NULL };
	char answer = 0;
	int pipes[2];
	pid_t pid;

	fixture_compile("libstrange.so", strange, "-shared -fPIC -fno-builtin");
	fixture_compile("opens", opens, "-ldl");
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (!pid) {
		char *const argv[] = { "opens", NULL };

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (chdir(fixture_dir) || dup2(pipes[1], 1) < 0)
			_exit(1);
		execve("./opens", argv, environment);
		_exit(2);
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &answer, 1), 1);
	assert_int_equal(answer, 'y');
	assert_false(is_foreign(pid));
	end(pid);
	close(pipes[0]);
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
		cmocka_unit_test(test_stays_below_the_root),
		cmocka_unit_test(test_own_paths_below_the_root),
		cmocka_unit_test(test_finds_the_program),
		cmocka_unit_test(test_preloaded),
		cmocka_unit_test(test_set_user_id),
		cmocka_unit_test(test_needed),
		cmocka_unit_test(test_order_of_directories),
		cmocka_unit_test(test_predicts_musl),
		cmocka_unit_test(test_foreign_by_order),
		cmocka_unit_test(test_foreign_plugin),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
