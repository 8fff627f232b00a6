// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <gnu/libc-version.h>

#include "elf_fixture.h"
#include "target/allocator.h"
#include "target/elf.h"
#include "target/maps.h"
#include "util/cleanup.h"

static int recognise(const char *file, struct mt_allocator *out)
{
	_close_ int fd = fixture_open(file);
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;

	assert_int_equal(mt_elf_new(&elf, fd), 0);
	return mt_allocator_recognise(elf, out);
}

static const struct mt_probe_site *site_of(const struct mt_allocator *a, enum mt_func func)
{
	for (size_t i = 0; i < a->nr_sites; i++) {
		if (a->sites[i].func == func)
			return &a->sites[i];
	}
	return NULL;
}

/* What a site says of its probe, against the file's bytes. */
static void check_placed(const struct mt_probe_site *site)
{
	_close_ int fd = fixture_open(FIXTURE_LIBC);
	uint8_t code[2];

	if (site->func == MT_FUNC_MALLOC || site->func == MT_FUNC_FREE)
		assert_int_equal(site->placement, MT_PLACEMENT_EMULATED);
	if (!site->function_offset)
		return;
	assert_int_equal(site->placement, MT_PLACEMENT_EMULATED);
	assert_int_equal(pread(fd, code, sizeof(code), (off_t)site->file_offset), sizeof(code));
	assert_int_equal(code[code[0] == 0x41] & 0xf8, 0x50); /* push */
}

/* Where the dynamic linker says that libc's own function is, as an offset in the file. */
static uint64_t linked_offset(const struct mt_maps *maps, void *libc, const char *function)
{
	uintptr_t address = (uintptr_t)dlsym(libc, function);
	const struct mt_mapping *m = mt_maps_find(maps, address);

	assert_non_null(m);
	return address - m->start + m->file_offset;
}

static void test_glibc(void **state)
{
	static const struct {
		enum mt_func func;
		const char *name;
		bool wants_return;
	} expected[] = {
		{ MT_FUNC_MALLOC, "malloc", true },
		{ MT_FUNC_CALLOC, "calloc", true },
		{ MT_FUNC_REALLOC, "realloc", true },
		{ MT_FUNC_REALLOCARRAY, "reallocarray", true },
		{ MT_FUNC_FREE, "free", false },
		{ MT_FUNC_POSIX_MEMALIGN, "posix_memalign", true },
		{ MT_FUNC_ALIGNED_ALLOC, "aligned_alloc", true },
		{ MT_FUNC_VALLOC, "valloc", true },
		{ MT_FUNC_PVALLOC, "pvalloc", true },
		{ MT_FUNC_PTHREAD_CREATE, "pthread_create", false },
	};
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
	__cleanup(mt_maps_free) struct mt_maps *maps = NULL;
	bool aliases = dlsym(libc, "memalign") == dlsym(libc, "aligned_alloc");
	struct mt_allocator a;
	char name[32];

	assert_non_null(libc);
	assert_int_equal(mt_maps_load(&maps, getpid()), 0);
	assert_int_equal(recognise(FIXTURE_LIBC, &a), 0);
	snprintf(name, sizeof(name), "glibc %s", gnu_get_libc_version());
	assert_string_equal(a.name, name);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		const struct mt_probe_site *site = site_of(&a, expected[i].func);

		assert_non_null(site);
		assert_string_equal(site->function, expected[i].name);
		assert_int_equal(site->wants_return, expected[i].wants_return);
		assert_int_equal(site->file_offset - site->function_offset,
				 linked_offset(maps, libc, expected[i].name));
#ifdef __x86_64__
		check_placed(site);
#endif
	}
	assert_int_equal(a.nr_sites, ARRAY_SIZE(expected) + !aliases);
	assert_int_equal(site_of(&a, MT_FUNC_MEMALIGN) == NULL, aliases);
	dlclose(libc);
}

static const char fake_source[] =
	"void *malloc(unsigned long n) { return (void *)n; }\n"
	"void free(void *p) { (void)*(volatile char *)p; }\n"
	"void *memalign(unsigned long a, unsigned long n) { return (void *)(a + n); }\n"
	"void *aligned_alloc(unsigned long a, unsigned long n)\n"
	"	__attribute__((alias(\"memalign\")));\n"
	"int __libc_start_main(void) { return 1; }\n"
	"#ifndef NO_MARK\n"
	"const char *gnu_get_libc_version(void) { return \"\"; }\n"
	"#endif\n";

static void test_by_what_it_defines(void **state)
{
	static const char build[] = "-shared -fPIC -nostdlib -fno-builtin ";
	struct mt_allocator a;
	char flags[200];

	snprintf(flags, sizeof(flags), "%s -Wl,-soname,libc.so.6", build);
	fixture_compile("anything", fake_source, flags);
	assert_int_equal(recognise("anything", &a), 0);
	assert_string_equal(a.name, "glibc"); /* it defines no versions */
	assert_int_equal(a.nr_sites, 3);
	assert_string_equal(a.sites[0].function, "malloc");
	assert_string_equal(a.sites[1].function, "free");
	assert_string_equal(a.sites[2].function, "aligned_alloc");

	/* A libc, but not glibc. */
	snprintf(flags, sizeof(flags), "%s -Wl,-soname,libc.so.6 -DNO_MARK", build);
	fixture_compile("libc.so.6", fake_source, flags);
	assert_int_equal(recognise("libc.so.6", &a), -ENOENT);

	snprintf(flags, sizeof(flags), "%s -Wl,-soname,libother.so.6", build);
	fixture_compile("other", fake_source, flags);
	assert_int_equal(recognise("other", &a), -ENOENT);
	fixture_compile("plain", "int main(void) { return 0; }\n", "");
	assert_int_equal(recognise("plain", &a), -ENOENT);
}

/* Behind the entry: the site moves, what is before and behind it follows, an alias is one. */
static void test_placed_behind_the_entry(void **state)
{
#ifndef __x86_64__
	skip();
#endif
	static const char source[] =
		"asm(\".globl malloc, free, memalign, aligned_alloc, reallocarray\\n\"\n"
		"    \".type malloc, @function; .type free, @function\\n\"\n"
		"    \".type memalign, @function; .type aligned_alloc, @function\\n\"\n"
		"    \".type reallocarray, @function\\n\"\n"
		"    \"malloc: endbr64; push %rbx; pop %rbx; ret; .size malloc, .-malloc\\n\"\n"
		"    \"free: test %rdi, %rdi; je 1f; push %rbx; pop %rbx\\n\"\n"
		"    \"1: ret; .size free, .-free\\n\"\n"
		"    \"memalign: aligned_alloc: xor %esi, %esi; push %rbx; pop %rbx; ret\\n\"\n"
		"    \".size memalign, .-memalign; .size aligned_alloc, .-aligned_alloc\\n\"\n"
		"    \"reallocarray: endbr64; push %rbx; pop %rbx; ret\\n\");\n" /* no size */
		"int __libc_start_main(void) { return 1; }\n"
		"const char *gnu_get_libc_version(void) { return \"\"; }\n";
	static const struct {
		const char *name;
		uint32_t offset;
		enum mt_placement placement;
	} expected[] = {
		{ "malloc", 4, MT_PLACEMENT_EMULATED },
		{ "reallocarray", 0, MT_PLACEMENT_STEPPED },
		{ "free", 5, MT_PLACEMENT_EMULATED },
		{ "aligned_alloc", 0, MT_PLACEMENT_STEPPED }, /* esi is the size */
	};
	uint32_t span;
	struct mt_allocator a;

	fixture_compile("placed", source,
			"-shared -fPIC -nostdlib -fno-builtin -Wl,-soname,libc.so.6");
	assert_int_equal(recognise("placed", &a), 0);
	assert_int_equal(a.nr_sites, ARRAY_SIZE(expected));
	span = a.sites[0].code_before + a.sites[0].code_after;
	for (size_t i = 0; i < a.nr_sites; i++) {
		const struct mt_probe_site *site = &a.sites[i];

		assert_string_equal(site->function, expected[i].name);
		assert_int_equal(site->function_offset, expected[i].offset);
		assert_int_equal(site->placement, expected[i].placement);
		assert_int_equal(site->code_before + site->code_after, span);
		assert_int_equal(site->file_offset - site->code_before,
				 a.sites[0].file_offset - a.sites[0].code_before);
	}
}

static void test_a_resolver_is_no_malloc(void **state)
{
	static const char source[] =
		"static void *one(unsigned long n) { return (void *)n; }\n"
		"static void *choose(void) { return one; }\n"
		"void *malloc(unsigned long n) __attribute__((ifunc(\"choose\")));\n"
		"void free(void *p) { (void)*(volatile char *)p; }\n"
		"int __libc_start_main(void) { return 1; }\n"
		"const char *gnu_get_libc_version(void) { return \"\"; }\n";
	struct mt_allocator a;

	fixture_compile("resolver", source,
			"-shared -fPIC -nostdlib -fno-builtin -Wl,-soname,libc.so.6");
	assert_int_equal(recognise("resolver", &a), -ENOEXEC);
}

static void test_old_libpthread(void **state)
{
	struct mt_allocator a;

	fixture_compile("pthread", "int pthread_create(void) { return 1; }\n",
			"-shared -fPIC -nostdlib -Wl,-soname,libpthread.so.0");
	assert_int_equal(recognise("pthread", &a), 0);
	assert_string_equal(a.name, "");
	assert_int_equal(a.nr_sites, 1);
	assert_int_equal(a.sites[0].func, MT_FUNC_PTHREAD_CREATE);
	assert_false(a.sites[0].wants_return);
	/* Since 2.34 there is nothing in it. */
	fixture_compile("empty", "int x;\n", "-shared -fPIC -nostdlib -Wl,-soname,libpthread.so.0");
	assert_int_equal(recognise("empty", &a), -ENOENT);
}

static void test_survives_damage(void **state)
{
	struct fixture_victim v;

	fixture_victim_new(&v, FIXTURE_LIBC);
	for (int i = 0; i < 200; i++) {
		__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
		struct mt_allocator a;

		fixture_damage(&v);
		if (!mt_elf_new(&elf, v.fd) && !mt_allocator_recognise(elf, &a))
			assert_in_range(a.nr_sites, 1, MT_FUNC_MAX - 1);
		fixture_heal(&v);
	}
	fixture_victim_free(&v);
}

static void test_sonames(void **state)
{
	assert_string_equal(mt_allocator_soname(0), "libc.so.6");
	assert_string_equal(mt_allocator_soname(1), "libpthread.so.0");
	assert_null(mt_allocator_soname(2));
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
		cmocka_unit_test(test_glibc),
		cmocka_unit_test(test_by_what_it_defines),
		cmocka_unit_test(test_placed_behind_the_entry),
		cmocka_unit_test(test_a_resolver_is_no_malloc),
		cmocka_unit_test(test_old_libpthread),
		cmocka_unit_test(test_survives_damage),
		cmocka_unit_test(test_sonames),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
