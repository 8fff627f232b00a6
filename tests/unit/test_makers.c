// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* session/makers.h: whose a mapping is, by stacks as glibc, jemalloc and tcmalloc make them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "session/makers.h"
#include "session/program.h"
#include "target/locate.h"
#include "util/cleanup.h"

enum { PROGRAM = 0x1000000, LIBC = 0x2000000, MALLOCS = 0x3000000, NOWHERE = 0x9000000 };

/* Where functions are in their files; probes are 4 bytes behind their beginnings. */
enum { MALLOC = 0x1000, CREATE = 0x2000, SIZE = 0x100 };

static struct mt_allocator libc_sites = {
	.name = "glibc",
	.nr_sites = 2,
	.sites = { { .func = MT_FUNC_MALLOC,
		     .file_offset = MALLOC + 4,
		     .function_offset = 4,
		     .function_bytes = SIZE },
		   { .func = MT_FUNC_PTHREAD_CREATE,
		     .file_offset = CREATE + 4,
		     .function_offset = 4,
		     .function_bytes = SIZE } },
};
static struct mt_allocator static_sites;

static struct mt_probe_target program_file, libc_file, mallocs_file;
static struct mt_module modules[] = {
	{ .start = PROGRAM, .end = PROGRAM + 0x10000, .file = &program_file },
	{ .start = LIBC + 0x1000,
	  .end = LIBC + 0x10000,
	  .file_offset = 0x1000,
	  .file = &libc_file },
	{ .start = MALLOCS, .end = MALLOCS + 0x10000, .file = &mallocs_file },
};

static int setup(void **state)
{
	program_file = (struct mt_probe_target){ .allocator = NULL };
	libc_file = (struct mt_probe_target){ .allocator = &libc_sites, .soname = "libc.so.6" };
	mallocs_file = (struct mt_probe_target){ .allocator = &static_sites, .soname = "libx.so" };
	return 0;
}

static enum mt_maker maker_of(enum mt_stack_end end, const uint64_t *frames)
{
	struct mt_program p = { .modules = modules, .nr_modules = ARRAY_SIZE(modules) };
	struct mt_stack stack = { .end = end };

	while (frames[stack.nr]) {
		stack.frames[stack.nr] = frames[stack.nr];
		stack.nr++;
	}
	return mt_makers_by_frames(&p, &stack);
}

#define MAKER(end, ...) maker_of(MT_STACK_##end, (const uint64_t[]){ __VA_ARGS__, 0 })

static void test_libc(void **state)
{
	/* mmap, sysmalloc, malloc, main, __libc_start_main */
	assert_int_equal(MAKER(COMPLETE, LIBC + 0x5000, LIBC + 0x6000, LIBC + MALLOC + SIZE,
			       PROGRAM + 8, LIBC + 0x7000),
			 MT_MAKER_HEAP);
	/* memalign jumps to what does its work. */
	assert_int_equal(MAKER(COMPLETE, LIBC + 0x5000, LIBC + 0x6000, PROGRAM + 8), MT_MAKER_HEAP);
	assert_int_equal(
		MAKER(COMPLETE, LIBC + 0x5000, LIBC + 0x6000, LIBC + CREATE + 1, PROGRAM + 8),
		MT_MAKER_THREAD);
	/* mmap, main, __libc_start_main */
	assert_int_equal(MAKER(COMPLETE, LIBC + 0x5000, PROGRAM + 8, LIBC + 0x7000, LIBC + 0x7100),
			 MT_MAKER_PROGRAM);
	/* Its own system call. */
	assert_int_equal(MAKER(COMPLETE, PROGRAM + 8, LIBC + 0x7000), MT_MAKER_PROGRAM);
	/* Called by qsort: the program's all the same. */
	assert_int_equal(MAKER(COMPLETE, LIBC + 0x5000, PROGRAM + 8, LIBC + 0x6000, LIBC + 0x6100),
			 MT_MAKER_PROGRAM);
}

/* A return address is behind the call: at a function's first byte it is of the one before it. */
static void test_bounds(void **state)
{
	assert_int_equal(MAKER(COMPLETE, PROGRAM + 8, LIBC + MALLOC), MT_MAKER_PROGRAM);
	assert_int_equal(MAKER(COMPLETE, PROGRAM + 8, LIBC + MALLOC + 1), MT_MAKER_HEAP);
	assert_int_equal(MAKER(COMPLETE, PROGRAM + 8, LIBC + MALLOC + SIZE), MT_MAKER_HEAP);
	assert_int_equal(MAKER(COMPLETE, PROGRAM + 8, LIBC + MALLOC + SIZE + 1), MT_MAKER_PROGRAM);
}

static void test_library(void **state)
{
	/* jemalloc calls mmap of the C library. */
	assert_int_equal(MAKER(COMPLETE, LIBC + 0x5000, MALLOCS + 8, PROGRAM + 8), MT_MAKER_HEAP);
	/* tcmalloc has an mmap of its own, which the program calls. */
	assert_int_equal(MAKER(COMPLETE, MALLOCS + 8, PROGRAM + 8), MT_MAKER_PROGRAM);
	assert_int_equal(MAKER(COMPLETE, MALLOCS + 8, MALLOCS + 80, PROGRAM + 8), MT_MAKER_HEAP);
}

static void test_unknown(void **state)
{
	assert_int_equal(MAKER(NO_TABLE, LIBC + 0x5000, PROGRAM + 8), MT_MAKER_UNKNOWN);
	assert_int_equal(MAKER(NO_TABLE, LIBC + 0x5000, LIBC + 0x6000), MT_MAKER_HEAP);
	assert_int_equal(MAKER(NO_FILE, NOWHERE), MT_MAKER_UNKNOWN);
	assert_int_equal(maker_of(MT_STACK_NO_FILE, (const uint64_t[]){ 0 }), MT_MAKER_UNKNOWN);
	/* An allocator that is linked in may have no frame of its own. */
	program_file.allocator = &static_sites;
	assert_int_equal(MAKER(COMPLETE, LIBC + 0x5000, PROGRAM + 8), MT_MAKER_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_libc, setup),
		cmocka_unit_test_setup(test_bounds, setup),
		cmocka_unit_test_setup(test_library, setup),
		cmocka_unit_test_setup(test_unknown, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
