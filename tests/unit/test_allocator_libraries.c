// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Allocators that Debian has as libraries, and whose C++'s operators are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "allocator_fixture.h"

static void test_jemalloc(void **state)
{
	static struct mt_allocator a;

	if (is_missing(LIB_DIR "/libjemalloc.so.2"))
		skip();
	assert_int_equal(recognise(LIB_DIR "/libjemalloc.so.2", &a), 0);
	expect_sites(&a, "jemalloc 5.3.0", FIXTURE_JEMALLOC " " FIXTURE_OPERATORS);
	expect_internal(&a, LIB_DIR "/libjemalloc.so.2", false);
	/* What throws ends by `ret`s that are probed, each once; the local functions have no names.
	 */
	expect_result(&a, "_Znwm _ZnwmSt11align_val_t _Znam _ZnamSt11align_val_t");
	expect_rets(&a, "_Znwm+157 0xaddf0+15 0xadd50+138 _ZnwmSt11align_val_t+21 "
			"_ZnamSt11align_val_t+21");
}

/* new[] is new by another name, and so on. */
static void test_tcmalloc(void **state)
{
	static const char *const files[] = { LIB_DIR "/libtcmalloc_minimal.so.4",
					     LIB_DIR "/libtcmalloc.so.4" };
	static struct mt_allocator a;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (is_missing(files[i]))
			continue;
		assert_int_equal(recognise(files[i], &a), 0);
		expect_sites(&a, "tcmalloc 2.10",
			     "malloc calloc realloc free posix_memalign aligned_alloc valloc "
			     "pvalloc tc_malloc_skip_new_handler _Znwm _ZnwmRKSt9nothrow_t "
			     "_ZnwmSt11align_val_t _ZnwmSt11align_val_tRKSt9nothrow_t _ZdlPvm "
			     "_ZdlPvRKSt9nothrow_t _ZdlPvSt11align_val_t _ZdlPvmSt11align_val_t "
			     "_ZdlPvSt11align_val_tRKSt9nothrow_t");
		expect_internal(&a, files[i], false);
		expect_result(&a, "_Znwm _ZnwmSt11align_val_t");
		if (!i)
			expect_rets(&a, "_Znwm+113 _ZN8tcmalloc27allocate_full_cpp_throw_oomEm+128 "
					"_ZN8tcmalloc27allocate_full_cpp_throw_oomEm+250 "
					"_ZN8tcmalloc11ThreadCache21FetchFromCentralCacheEjiPFPvmE"
					"+164 _ZnwmSt11align_val_t+152 0x1cd60+380");
	}
}

static void test_mimalloc(void **state)
{
	static struct mt_allocator a;

	if (is_missing(LIB_DIR "/libmimalloc.so.2"))
		skip();
	assert_int_equal(recognise(LIB_DIR "/libmimalloc.so.2", &a), 0);
	expect_sites(
		&a, "mimalloc 2.0.9",
		"malloc calloc realloc reallocarray free cfree posix_memalign aligned_alloc "
		"memalign valloc pvalloc _Znwm _ZnwmRKSt9nothrow_t _ZnwmSt11align_val_t "
		"_ZnwmSt11align_val_tRKSt9nothrow_t _ZnamRKSt9nothrow_t "
		"_ZnamSt11align_val_tRKSt9nothrow_t _ZdlPvm _ZdlPvSt11align_val_t "
		"_ZdlPvmSt11align_val_t _ZdaPvSt11align_val_t _ZdaPvmSt11align_val_t "
		"mi_malloc_small mi_mallocn mi_zalloc mi_zalloc_small mi_reallocf mi_rezalloc "
		"mi_reallocn mi_recalloc mi_reallocarray mi_cfree mi_free_aligned "
		"mi_free_size_aligned mi_posix_memalign mi_aligned_alloc mi_memalign mi_valloc "
		"mi_pvalloc mi_malloc_aligned mi_malloc_aligned_at mi_zalloc_aligned "
		"mi_zalloc_aligned_at mi_calloc_aligned mi_calloc_aligned_at mi_realloc_aligned "
		"mi_realloc_aligned_at mi_rezalloc_aligned mi_rezalloc_aligned_at "
		"mi_recalloc_aligned mi_recalloc_aligned_at mi_aligned_recalloc "
		"mi_aligned_offset_recalloc mi_new_nothrow mi_new_aligned_nothrow mi_new_n "
		"mi_new_realloc mi_new_reallocn mi_heap_malloc mi_heap_malloc_small "
		"mi_heap_mallocn mi_heap_zalloc mi_heap_calloc mi_heap_realloc mi_heap_reallocf "
		"mi_heap_rezalloc mi_heap_malloc_aligned mi_heap_malloc_aligned_at "
		"mi_heap_zalloc_aligned mi_heap_zalloc_aligned_at mi_heap_calloc_aligned "
		"mi_heap_calloc_aligned_at mi_heap_realloc_aligned mi_heap_realloc_aligned_at "
		"mi_heap_rezalloc_aligned mi_heap_rezalloc_aligned_at mi_heap_alloc_new "
		"mi_heap_alloc_new_n");
	expect_internal(&a, LIB_DIR "/libmimalloc.so.2", false);
	expect_result(&a, "_Znwm _ZnwmSt11align_val_t mi_new_n mi_new_realloc mi_new_reallocn "
			  "mi_heap_alloc_new mi_heap_alloc_new_n");
	expect_rets(&a, "_Znwm+68 0x11960+83 0x11960+156 _ZnwmSt11align_val_t+36 mi_new_n+85 "
			"mi_new_n+168 mi_new_realloc+78 mi_new_reallocn+58 mi_heap_alloc_new+50 "
			"mi_heap_alloc_new_n+72 mi_heap_alloc_new_n+151");
}

static void test_musl(void **state)
{
	static struct mt_allocator a;

	if (is_missing(MUSL))
		skip();
	assert_int_equal(recognise(MUSL, &a), 0);
	expect_sites(&a, "musl 1.2.3",
		     "malloc calloc realloc reallocarray free posix_memalign aligned_alloc "
		     "memalign valloc pthread_create");
}

static void test_libstdcxx_is_none(void **state)
{
	static struct mt_allocator a;

	assert_int_equal(recognise(LIB_DIR "/libstdc++.so.6", &a), -ENOENT);
}

/* Operators made of malloc are not counted twice, whoever's malloc it is. */
static void test_operators_made_of_malloc(void **state)
{
	static const char source[] =
		"extern \"C\" {\n"
		"void *malloc(unsigned long n) { return (void *)n; }\n"
		"void free(void *p) { *(volatile char *)p = 1; }\n"
		"void mallctl() {} }\n"
		"void *operator new(unsigned long n) { return (char *)malloc(n) + 1; }\n"
		"void operator delete(void *p) noexcept { free(p); }\n";
	static struct mt_allocator a;

	fixture_write("cxx.cc", source, strlen(source));
	fixture_run("g++ -w -O0 -fno-builtin -shared -fPIC -Wl,-Bsymbolic -o cxx cxx.cc");
	assert_int_equal(recognise("cxx", &a), 0);
	expect_sites(&a, "jemalloc", "malloc free");
	fixture_run("sed -i 's/malloc(n) + 1/n/' cxx.cc && "
		    "g++ -w -O0 -fno-builtin -shared -fPIC -Wl,-Bsymbolic -o cxx cxx.cc");
	assert_int_equal(recognise("cxx", &a), 0);
	expect_sites(&a, "jemalloc", "malloc free _Znwm _ZdlPv");
}

/* Where an end is not known, or it is in another file: no result; and one hit for each call. */
static void test_operators_without_ends(void **state)
{
	static const char source[] =
		"asm(\".globl _Znam; .type _Znam, @function\\n\"\n"
		"    \"_Znam: .cfi_startproc; jmp _Znwm; .cfi_endproc; .size _Znam, .-_Znam\");\n"
		"extern void *elsewhere(unsigned long n), *here(unsigned long n);\n"
		"void *malloc(unsigned long n) { return (void *)n; }\n"
		"int mallctl(void) { return 1; }\n"
		"void *_Znwm(unsigned long n) { return n < 9 ? (void *)&mallctl : OTHER(n); }\n"
		"__attribute__((visibility(\"hidden\"), noinline)) void *here(unsigned long n)\n"
		"{ return (void *)(n * n); }\n";
	static struct mt_allocator a;

#ifndef __x86_64__
	skip();
#endif
	fixture_compile("ends", source,
			"-O2 -shared -fPIC -fno-builtin -w -DOTHER=here -Wl,-Bsymbolic");
	assert_int_equal(recognise("ends", &a), 0);
	expect_sites(&a, "jemalloc", "malloc _Znwm _Znam");
	expect_result(&a, "_Znwm _Znam");
	fixture_compile("ends", source,
			"-O2 -shared -fPIC -fno-builtin -w -DOTHER=elsewhere -Wl,-Bsymbolic");
	assert_int_equal(recognise("ends", &a), 0);
	expect_sites(&a, "jemalloc", "malloc _Znwm");
	assert_int_equal(find_site(&a, "_Znwm")->result, MT_RESULT_UNKNOWN);
	expect_rets(&a, "");
	/* The function that the ends are in comes behind them. */
	fixture_run("sed -i 's/_Znwm/other/g; s/_Znam/_Znwm/g; s/other/_Znam/g' ends.c && "
		    "gcc -O2 -shared -fPIC -fno-builtin -w -DOTHER=here -Wl,-Bsymbolic "
		    "-o ends ends.c");
	assert_int_equal(recognise("ends", &a), 0);
	expect_sites(&a, "jemalloc", "malloc _Znwm _Znam");
	expect_result(&a, "_Znwm _Znam");
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
		cmocka_unit_test(test_jemalloc),
		cmocka_unit_test(test_tcmalloc),
		cmocka_unit_test(test_mimalloc),
		cmocka_unit_test(test_musl),
		cmocka_unit_test(test_libstdcxx_is_none),
		cmocka_unit_test(test_operators_made_of_malloc),
		cmocka_unit_test(test_operators_without_ends),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
