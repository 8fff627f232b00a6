// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glob.h>

#include "elf_fixture.h"
#include "target/runtime.h"
#include "util/cleanup.h"

static void expect(const char *file, const char *name)
{
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	_close_ int fd = fixture_open(file);
	const struct mt_runtime *runtime;

	assert_int_equal(mt_elf_new(&elf, fd), 0);
	runtime = mt_runtime_recognise(elf);
	if (!name) {
		assert_null(runtime);
		return;
	}
	assert_non_null(runtime);
	assert_string_equal(runtime->name, name);
	assert_true(strlen(runtime->says) > 40);
	assert_int_equal(runtime->return_probes_unsafe, !strcmp(name, "Go"));
}

static void expect_built(const char *source, const char *flags, const char *name)
{
	fixture_compile("built", source, flags);
	expect("built", name);
	fixture_run("strip built");
	expect("built", name);
}

static void test_go(void **state)
{
	expect_built("asm(\".section .go.buildinfo,\\\"aw\\\"\\n.ascii \\\"\\\\xff Go "
		     "buildinf:\\\"\");\n"
		     "int main(void) { return 0; }\n",
		     "", "Go");
	expect_built("asm(\".section .note.go.buildid,\\\"a\\\",@note\\n.long 4, 4, 4\\n"
		     ".asciz \\\"Go\\\\0\\\"\\n.ascii \\\"abcd\\\"\");\n"
		     "int main(void) { return 0; }\n",
		     "-static", "Go");
}

static void test_others_built(void **state)
{
	expect_built("int x;\n", "-shared -Wl,-soname,libjvm.so", "JVM");
	expect_built("int x;\n", "-shared -Wl,-soname,libpython3.12.so.1.0", "CPython");
	/* Embedded: exported for extension modules. */
	expect_built("void PyObject_Malloc(void) {} int main(void) { return 0; }\n", "-rdynamic",
		     "CPython");
	expect_built("void _ZN2v87Isolate7DisposeEv(void) {}\n", "-shared -fPIC", "V8");
	/* As Chromium, whose text is all that it shows. */
	expect_built("const char *volatile t = \"Fatal JavaScript invalid size error %d\";\n"
		     "int main(void) { return 0; }\n",
		     "", "V8");
}

static void test_none(void **state)
{
	expect_built("int main(void) { return 0; }\n", "", NULL);
	/* It uses Python and has no runtime: an extension module. */
	expect_built("void PyObject_Malloc(void); void f(void) { PyObject_Malloc(); }\n",
		     "-shared -fPIC", NULL);
	/* The text of a library is not looked for. */
	expect_built("const char t[] = \"Fatal JavaScript invalid size error %d\";\n",
		     "-shared -fPIC", NULL);
	expect_built("int x;\n", "-shared -Wl,-soname,libjvmti.so", NULL);
	expect(FIXTURE_LIBC, NULL);
}

/* What is installed, of every version. */
static void expect_files(const char *pattern, const char *name)
{
	glob_t found;

	if (glob(pattern, 0, NULL, &found))
		print_message("not installed: %s\n", pattern);
	for (size_t i = 0; i < found.gl_pathc; i++)
		expect(found.gl_pathv[i], name);
	globfree(&found);
}

static void test_installed(void **state)
{
	expect_files("/usr/bin/node", "V8");
	expect_files("/usr/lib/*/libnode.so.*", "V8");
	expect_files("/usr/lib/jvm/*/lib/server/libjvm.so", "JVM");
	expect_files("/usr/bin/python3.[0-9]*[0-9]", "CPython");
	expect_files("/usr/bin/bash", NULL);
	expect_files("/usr/bin/redis-check-rdb", NULL);
}

static void test_survives_damage(void **state)
{
	struct fixture_victim v;

	fixture_compile("go",
			"asm(\".section .go.buildinfo,\\\"aw\\\"\\n.long 1\");\n"
			"int main(void) { return 0; }\n",
			"");
	fixture_victim_new(&v, "go");
	for (int i = 0; i < 300; i++) {
		__cleanup(mt_elf_free) struct mt_elf *elf = NULL;

		fixture_damage(&v);
		if (!mt_elf_new(&elf, v.fd))
			mt_runtime_recognise(elf);
		fixture_heal(&v);
	}
	fixture_victim_free(&v);
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
		cmocka_unit_test(test_go),
		cmocka_unit_test(test_others_built),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_installed),
		cmocka_unit_test(test_survives_damage),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
