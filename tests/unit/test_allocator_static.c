// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Allocators that are linked into programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "allocator_fixture.h"

static const char program[] =
	"#include <pthread.h>\n"
	"#include <stdlib.h>\n"
	"#include <string.h>\n"
	"void *f(void *p) { return p; }\n"
	"#ifdef RJEM\n"
	"void *_rjem_mallocx(size_t, int); void _rjem_sdallocx(void *, size_t, int);\n"
	"#endif\n"
	"int main(void) { pthread_t t; void *p = strdup(\"\");\n"
	"	pthread_create(&t, 0, f, 0); p = realloc(p, 10); free(p);\n"
	"	p = calloc(1, 2); free(p); return posix_memalign(&p, 64, 64)\n"
	"#ifdef RJEM\n"
	"	+ (p = _rjem_mallocx(1, 0), _rjem_sdallocx(p, 1, 0), 0)\n"
	"#endif\n"
	"; }\n";

static const char glibc_static_functions[] =
	"malloc calloc realloc free posix_memalign aligned_alloc valloc pvalloc pthread_create";

static void test_static_glibc(void **state)
{
	const struct mt_probe_site *site;
	static struct mt_allocator a;
	uint64_t flusher;

	fixture_compile("glibc", program, "-static");
	assert_int_equal(recognise("glibc", &a), 0);
	expect_sites(&a, "glibc", glibc_static_functions);
	/* A thread that ends frees its cache from there, and the rest of libc is a caller. */
	flusher = fixture_offset("glibc", "__malloc_arena_thread_freeres");
	site = find_site(&a, "free");
	assert_int_equal((int64_t)site->file_offset + site->internal_from, flusher);
	assert_in_range(site->internal_to - site->internal_from, 16, 4096);
	fixture_run("strip glibc");
	assert_int_equal(recognise("glibc", &a), -ENOENT);
	/* What tells its version is linked in with what asks for it. */
	fixture_compile("versioned",
			"#include <stdio.h>\n"
			"#include <stdlib.h>\n"
			"#include <gnu/libc-version.h>\n"
			"int main(void) { puts(gnu_get_libc_version()); return !malloc(1); }\n",
			"-static");
	assert_int_equal(recognise("versioned", &a), 0);
	assert_string_equal(a.name, "glibc 2.36");
}

static void test_static_musl(void **state)
{
	static struct mt_allocator a;

	fixture_write("musl.c", program, strlen(program));
	fixture_run("musl-gcc -static -o musl musl.c");
	assert_int_equal(recognise("musl", &a), 0);
	expect_sites(&a, "musl",
		     "malloc calloc realloc free posix_memalign aligned_alloc pthread_create");
}

/* jemalloc as Rust's crates build it. */
static void make_rjem(void)
{
	fixture_run(
		"nm --defined-only " LIB_DIR "/libjemalloc_pic.a 2>/dev/null | "
		"awk 'NF == 3 && $2 ~ /[TW]/ && $3 !~ /^_Z|^je_/ { print $3, \"_rjem_\" $3 }' | "
		"sort -u >names && "
		"objcopy --redefine-syms=names " LIB_DIR "/libjemalloc_pic.a librjem.a");
}

/* Beside the C library's malloc, which is in the same file or in another. */
static void test_prefixed_jemalloc(void **state)
{
	static const char functions[] =
		"_rjem_malloc _rjem_calloc _rjem_realloc _rjem_free _rjem_posix_memalign "
		"_rjem_aligned_alloc _rjem_memalign _rjem_valloc _rjem_mallocx _rjem_rallocx "
		"_rjem_xallocx _rjem_dallocx _rjem_sdallocx";
	static struct mt_allocator a;
	char both[1000];

	if (is_missing(LIB_DIR "/libjemalloc_pic.a"))
		skip();
	make_rjem();
	fixture_write("rust.c", program, strlen(program));
	fixture_run("gcc -DRJEM -o rust rust.c librjem.a -lm");
	assert_int_equal(recognise("rust", &a), 0);
	expect_sites(&a, "jemalloc 5.3.0", functions);
	fixture_run("gcc -DRJEM -static -o rust rust.c librjem.a -lm");
	assert_int_equal(recognise("rust", &a), 0);
	snprintf(both, sizeof(both), "%s %s", functions, glibc_static_functions);
	expect_sites(&a, "glibc,jemalloc 5.3.0", both);
	assert_int_equal(find_site(&a, "_rjem_free")->internal_to, 0);
	assert_int_not_equal(find_site(&a, "free")->internal_to, 0);
	assert_int_equal(find_site(&a, "malloc")->internal_to, 0);
	/* Its operators, which no prefix is before, where a program of C++ has them. */
	fixture_run("printf 'int main() { delete new int; delete[] new int[2]; }' >rjem.cc && "
		    "g++ -o rjem rjem.cc librjem.a -lm");
	assert_int_equal(recognise("rjem", &a), 0);
	snprintf(both, sizeof(both), "%s %s", functions, FIXTURE_OPERATORS);
	expect_sites(&a, "jemalloc 5.3.0", both);
#ifdef __x86_64__
	assert_int_equal(find_site(&a, "_Znwm")->result, MT_RESULT_RET);
#endif
}

/* Instead of the C library's malloc: then that is not in use, but its threads are. */
static void test_static_jemalloc(void **state)
{
	static struct mt_allocator a;

	if (is_missing(LIB_DIR "/libjemalloc_pic.a"))
		skip();
	fixture_write("own.c", program, strlen(program));
	fixture_run("gcc -static -o own own.c " LIB_DIR "/libjemalloc_pic.a -lm");
	assert_int_equal(recognise("own", &a), 0);
	expect_sites(&a, "jemalloc 5.3.0", FIXTURE_JEMALLOC " pthread_create");
}

/* libstdc++'s operators are made of malloc, those of an allocator are not. */
static void test_static_operators(void **state)
{
	static const char source[] = "int main() { delete new int; delete[] new int[2]; }\n";
	static struct mt_allocator a;

	fixture_write("new.cc", source, strlen(source));
	fixture_run("g++ -static -o new new.cc");
	assert_int_equal(recognise("new", &a), 0);
	assert_true(fixture_offset("new", "_Znwm") > 0);
	expect_sites(&a, "glibc",
		     "malloc calloc realloc free posix_memalign aligned_alloc valloc pvalloc");
	if (is_missing(LIB_DIR "/libjemalloc_pic.a"))
		skip();
	fixture_run("g++ -o new new.cc " LIB_DIR "/libjemalloc_pic.a -lm");
	assert_int_equal(recognise("new", &a), 0);
	expect_sites(&a, "jemalloc 5.3.0", FIXTURE_JEMALLOC " " FIXTURE_OPERATORS);
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
		cmocka_unit_test(test_static_glibc),	  cmocka_unit_test(test_static_musl),
		cmocka_unit_test(test_prefixed_jemalloc), cmocka_unit_test(test_static_jemalloc),
		cmocka_unit_test(test_static_operators),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
