// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* How a program was built, by its file; and no damage to the file brings the reader down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "elf_fixture.h"
#include "target/build.h"
#include "util/cleanup.h"

#define MUTANTS 500

static int read_build(struct mt_build *out, int fd)
{
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	int err = mt_elf_new(&elf, fd);

	if (!err)
		mt_build_read(out, elf);
	return err;
}

static void check_optimised(const char *flags, int optimised)
{
	_close_ int fd = -1;
	struct mt_build b;

	fixture_compile("program", "int main(void) { return 0; }", flags);
	fd = fixture_open("program");
	assert_int_equal(read_build(&b, fd), 0);
	assert_int_equal(b.optimised, optimised);
	assert_int_equal(b.language, optimised == -1 ? MT_BUILD_UNKNOWN : MT_BUILD_GNU);
	assert_int_equal(b.overflow_checks, -1);
	assert_int_equal(b.unwinds, -1);
	assert_int_equal(b.codegen_units, -1);
	assert_true(b.unwind_bytes > 0);
}

static void test_gnu(void **state)
{
	check_optimised("-g", 0);
	check_optimised("-g -O0", 0);
	check_optimised("-g -O1", 1);
	check_optimised("-g -Os", 1);
	check_optimised("-O2 -s", -1); /* stripped: nobody can tell */
}

static void test_damage(void **state)
{
	struct fixture_victim v;
	struct mt_build b;

	fixture_compile("program", "int main(void) { return 0; }", "-g");
	fixture_victim_new(&v, "program");
	for (int i = 0; i < MUTANTS; i++) {
		fixture_damage(&v);
		read_build(&b, v.fd);
		fixture_heal(&v);
	}
	assert_int_equal(read_build(&b, v.fd), 0);
	assert_int_equal(b.optimised, 0);
	fixture_victim_free(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gnu),
		cmocka_unit_test(test_damage),
	};
	int failed;

	fixture_new();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	fixture_free();
	return failed;
}
