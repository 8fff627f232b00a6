// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <gnu/libc-version.h>

#include "allocator_fixture.h"
#include "target/allocator.h"
#include "target/elf.h"
#include "target/maps.h"
#include "util/cleanup.h"

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

	assert_int_equal(site->placement, MT_PLACEMENT_EMULATED);
	if (site->func != MT_FUNC_MALLOC && site->func != MT_FUNC_FREE)
		return;
	assert_int_equal(pread(fd, code, sizeof(code), (off_t)site->file_offset), sizeof(code));
	assert_int_equal(code[code[0] == 0x41] & 0xf8, 0x50); /* push */
	assert_true(site->needs_trial);
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
		enum mt_result result;
	} expected[] = {
		{ MT_FUNC_MALLOC, "malloc", MT_RESULT_RETURN },
		{ MT_FUNC_CALLOC, "calloc", MT_RESULT_RETURN },
		{ MT_FUNC_REALLOC, "realloc", MT_RESULT_RETURN },
		{ MT_FUNC_REALLOCARRAY, "reallocarray", MT_RESULT_RETURN },
		{ MT_FUNC_FREE, "free", MT_RESULT_NONE },
		{ MT_FUNC_POSIX_MEMALIGN, "posix_memalign", MT_RESULT_RETURN },
		{ MT_FUNC_ALIGNED_ALLOC, "aligned_alloc", MT_RESULT_RETURN },
		{ MT_FUNC_VALLOC, "valloc", MT_RESULT_RETURN },
		{ MT_FUNC_PVALLOC, "pvalloc", MT_RESULT_RETURN },
		{ MT_FUNC_PTHREAD_CREATE, "pthread_create", MT_RESULT_NONE },
	};
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
	__cleanup(mt_maps_free) struct mt_maps *maps = NULL;
	bool aliases = dlsym(libc, "memalign") == dlsym(libc, "aligned_alloc");
	static struct mt_allocator a;
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
		assert_int_equal(site->result, expected[i].result);
		assert_int_equal(site->file_offset - site->function_offset,
				 linked_offset(maps, libc, expected[i].name));
#ifdef __x86_64__
		check_placed(site);
#endif
	}
	assert_int_equal(a.nr_sites, ARRAY_SIZE(expected) + !aliases);
	expect_internal(&a, FIXTURE_LIBC, true);
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
	static struct mt_allocator a;
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

/* Behind the entry: the site moves, what is inside the library follows, an alias is one. */
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
	static struct mt_allocator a;

	fixture_compile("placed", source,
			"-shared -fPIC -nostdlib -fno-builtin -Wl,-soname,libc.so.6");
	assert_int_equal(recognise("placed", &a), 0);
	assert_int_equal(a.nr_sites, ARRAY_SIZE(expected));
	for (size_t i = 0; i < a.nr_sites; i++) {
		const struct mt_probe_site *site = &a.sites[i];

		assert_string_equal(site->function, expected[i].name);
		assert_int_equal(site->function_offset, expected[i].offset);
		assert_int_equal(site->placement, expected[i].placement);
	}
	expect_internal(&a, "placed", true);
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
	static struct mt_allocator a;

	fixture_compile("resolver", source,
			"-shared -fPIC -nostdlib -fno-builtin -Wl,-soname,libc.so.6");
	assert_int_equal(recognise("resolver", &a), -ENOEXEC);
}

/* A symbol that points behind a function's first instruction. */
static void test_a_wrong_symbol(void **state)
{
	static const char source[] =
		"void *real(unsigned long n) { return (void *)(n * n); }\n"
		"void free(void *p) { (void)*(volatile char *)p; }\n"
		"int mallctl(void) { return 1; }\n"
		"asm(\".globl malloc; .type malloc, @function; .set malloc, real + 3\\n\"\n"
		"    \".size malloc, 3\");\n";
	static struct mt_allocator a;

	fixture_compile("wrong", source,
			"-O1 -shared -fPIC -nostdlib -fno-builtin "
			"-Wl,--eh-frame-hdr");
	assert_int_equal(recognise("wrong", &a), -ENOEXEC);
}

/* Where the file does not say where functions begin, its other symbols do. */
static void test_a_symbol_in_another(void **state)
{
	static const char source[] =
		"asm(\".globl outer, malloc; .type outer, @function; .type malloc, @function\\n\"\n"
		"    \"outer: .byte 0x90, 0x90; malloc: .byte 0x90, 0x90, 0x90\\n\"\n"
		"    \".size malloc, 1; .size outer, \" OUTER);\n";
	static const char flags[] =
		"-shared -fPIC -nostdlib -Wl,--no-eh-frame-hdr -DOUTER='\"%d\"'";
	static struct mt_allocator a;
	char with[sizeof(flags)];

	snprintf(with, sizeof(with), flags, 3);
	fixture_compile("in", source, with);
	assert_int_equal(recognise_as("in", "", &a), -ENOEXEC);
	snprintf(with, sizeof(with), flags, 2);
	fixture_compile("behind", source, with);
	assert_int_equal(recognise_as("behind", "", &a), 0);
	expect_sites(&a, "malloc", "malloc");
}

/* Who answers malloc(0) with a block of its own is not passed by the probe. */
static void test_an_answer_to_size_0(void **state)
{
#ifndef __x86_64__
	skip();
#endif
	static const char source[] =
		"asm(\".globl malloc, free; .type malloc, @function; .type free, @function\\n\"\n"
		"    \"malloc: test %rdi, %rdi; je 1f; push %rbx; pop %rbx; ret\\n\"\n"
		"    \"1: lea malloc(%rip), %rax; ret; .size malloc, .-malloc\\n\"\n"
		"    \"free: test %rdi, %rdi; je 1f; push %rbx; pop %rbx\\n\"\n"
		"    \"1: ret; .size free, .-free\");\n";
	static struct mt_allocator a;

	fixture_compile("answers", source, "-shared -fPIC -nostdlib -Wl,-Bsymbolic");
	assert_int_equal(recognise_as("answers", "", &a), 0);
	assert_int_equal(find_site(&a, "malloc")->function_offset, 3); /* the branch */
	assert_int_equal(find_site(&a, "free")->function_offset, 5);
}

/* What cannot be probed may lack if it only allocates, and is a family's own. */
static void test_refused(void **state)
{
#ifndef __x86_64__
	skip();
#endif
	static const char source[] =
		"#define FUNCTION(name, code) asm(\".globl \" #name \"; .type \" #name \\\n"
		"	\", @function; \" #name \": \" code \"; .size \" #name \", .-\" #name)\n"
		"#define JUMP \".byte 0x0f, 0x1f, 0x44, 0, 0; jmp *%rax\"\n"
		"FUNCTION(mi_version, \"mov $209, %eax; ret\");\n"
		"FUNCTION(mi_malloc, \"push %rbx\");\n"
		"FUNCTION(mi_zalloc, JUMP);\n"
		"FUNCTION(mi_free, FREE);\n"
		"FUNCTION(malloc, MALLOC);\n";
	static struct mt_allocator a;
	const char *flags = "-shared -nostdlib -DFREE='\"push %rbx\"' -DMALLOC='\"push %rbx\"'";

	fixture_compile("lacks", source, flags);
	assert_int_equal(recognise("lacks", &a), 0);
	assert_int_equal(a.nr_sites, 3);
	assert_true(find_site(&a, "mi_zalloc")->refused);
	assert_null(mt_allocator_drop_refused(&a));
	expect_sites(&a, "mimalloc 2.0.9", "mi_malloc mi_free");

	fixture_compile("lacks", source, "-shared -nostdlib -DFREE=JUMP -DMALLOC='\"ret\"'");
	assert_int_equal(recognise("lacks", &a), 0);
	assert_ptr_equal(mt_allocator_drop_refused(&a), find_site(&a, "mi_free"));
	assert_int_equal(a.nr_sites, 3);

	fixture_compile("lacks", source, "-shared -nostdlib -DFREE='\"ret\"' -DMALLOC='\"pushf\"'");
	assert_int_equal(recognise_as("lacks", "", &a), 0);
	assert_ptr_equal(mt_allocator_drop_refused(&a), find_site(&a, "malloc"));
}

static void test_old_libpthread(void **state)
{
	static struct mt_allocator a;

	fixture_compile("pthread", "int pthread_create(void) { return 1; }\n",
			"-shared -fPIC -nostdlib -Wl,-soname,libpthread.so.0");
	assert_int_equal(recognise("pthread", &a), 0);
	assert_string_equal(a.name, "");
	assert_int_equal(a.nr_sites, 1);
	assert_int_equal(a.sites[0].func, MT_FUNC_PTHREAD_CREATE);
	assert_int_equal(a.sites[0].result, MT_RESULT_NONE);
	/* Since 2.34 there is nothing in it. */
	fixture_compile("empty", "int x;\n", "-shared -fPIC -nostdlib -Wl,-soname,libpthread.so.0");
	assert_int_equal(recognise("empty", &a), -ENOENT);
}

/* mi_ beside another malloc, as a Rust crate has it: only what is mimalloc's. */
static void test_mimalloc_beside(void **state)
{
	static const char source[] =
		"int mi_version(void) { return 317; }\n"
		"void *mi_malloc(unsigned long n) { return (void *)(n + 1); }\n"
		"void mi_free(void *p) { (void)*(volatile char *)p; }\n"
		"void *malloc(unsigned long n) { return (void *)n; }\n"
		"void free(void *p) { (void)*(volatile int *)p; }\n";
	static struct mt_allocator a;

	fixture_compile("mi", source, "-O1 -shared -fPIC -fno-builtin");
	assert_int_equal(recognise("mi", &a), 0);
	expect_sites(&a, "mimalloc 3.1.7", "mi_malloc mi_free");
	fixture_compile("mi", source, "-O1 -shared -fPIC -fno-builtin -fcf-protection=full");
	assert_int_equal(recognise("mi", &a), 0);
	expect_sites(&a, "mimalloc 3.1.7", "mi_malloc mi_free");
}

/* A text that only looks like a version is none; two of one name are named once. */
static void test_names(void **state)
{
	static const char source[] =
		"const char text[] = TEXT;\n"
		"void *malloc(unsigned long n) { return (void *)n; }\n"
		"void *je_malloc(unsigned long n) { return (void *)(n + 1); }\n"
		"void mallctl(void) { *(volatile char *)1 = 0; }\n"
		"void je_mallctl(void) { *(volatile char *)1 = 1; }\n";
	static struct mt_allocator a;

	fixture_write("names.c", source, strlen(source));
	fixture_run("gcc -O1 -shared -fPIC -fno-builtin -DTEXT='\"5.3.0-0-g5\"' -o names names.c");
	assert_int_equal(recognise("names", &a), 0);
	expect_sites(&a, "jemalloc 5.3.0", "malloc je_malloc");
	fixture_run("gcc -O1 -shared -fPIC -fno-builtin -DTEXT='\"5.3.0 MB\"' -o names names.c");
	assert_int_equal(recognise("names", &a), 0);
	expect_sites(&a, "jemalloc", "malloc je_malloc");
}

/* A local function of the same name is not what others call. */
static void test_the_exported_one(void **state)
{
	static const char local[] = "static void *__attribute__((noinline, used))\n"
				    "malloc(unsigned long n) { return (void *)(n * 3); }\n";
	static const char global[] = "void *malloc(unsigned long n) { return (void *)n; }\n"
				     "int mallctl(void) { return 1; }\n";
	static struct mt_allocator a;
	uint64_t offset;

	fixture_write("local.c", local, strlen(local));
	fixture_write("global.c", global, strlen(global));
	fixture_run("gcc -O1 -shared -fPIC -fno-builtin -o twice local.c global.c && "
		    "strip -o once twice");
	offset = fixture_offset("once", "malloc");
	assert_int_equal(recognise("twice", &a), 0);
	assert_int_equal(a.nr_sites, 1);
	assert_int_equal(a.sites[0].file_offset - a.sites[0].function_offset, offset);
}

static void test_given_prefix(void **state)
{
	static const char source[] =
		"void *my_malloc(unsigned long n) { return (void *)(n + 1); }\n"
		"void my_free_sized(void *p, unsigned long n) { *(volatile char *)p = n; }\n"
		"void *malloc(unsigned long n) { return (void *)n; }\n"
		"void free(void *p) { (void)*(volatile int *)p; }\n";
	static struct mt_allocator a;
	char prefix[100];

	fixture_compile("my", source, "-O1 -shared -fPIC -fno-builtin");
	assert_int_equal(recognise("my", &a), -ENOENT);
	assert_int_equal(recognise_as("my", "my_", &a), 0);
	expect_sites(&a, "my_malloc", "my_malloc my_free_sized");
	assert_int_equal(find_site(&a, "my_free_sized")->result, MT_RESULT_RETURN);
	assert_int_equal(recognise_as("my", "", &a), 0);
	expect_sites(&a, "malloc", "malloc free");
	assert_int_equal(recognise_as("my", "your_", &a), -ENOENT);
	memset(prefix, 'x', sizeof(prefix) - 1);
	prefix[sizeof(prefix) - 1] = '\0';
	assert_int_equal(recognise_as("my", prefix, &a), -ENOENT);
	/* Its operators too, before whose names nothing stands; unless another malloc makes them.
	 */
	fixture_run(
		"printf '\\nvoid *_Znwm(unsigned long n) { return (void *)(n + 2); }\\n' >>my.c && "
		"gcc -O1 -shared -fPIC -fno-builtin -o my my.c");
	assert_int_equal(recognise_as("my", "", &a), 0);
	expect_sites(&a, "malloc", "malloc free _Znwm");
	assert_int_equal(recognise_as("my", "my_", &a), 0);
	expect_sites(&a, "my_malloc", "my_malloc my_free_sized _Znwm");
	fixture_run("sed -i 's/(n + 2)/malloc(n)/' my.c && "
		    "gcc -O1 -shared -fPIC -fno-builtin -Wl,-Bsymbolic -o my my.c");
	assert_int_equal(recognise_as("my", "my_", &a), 0);
	expect_sites(&a, "my_malloc", "my_malloc my_free_sized");
	fixture_run("sed -i 's/)malloc(n)/)my_malloc(n)/' my.c && "
		    "gcc -O1 -shared -fPIC -fno-builtin -Wl,-Bsymbolic -o my my.c");
	assert_int_equal(recognise_as("my", "my_", &a), 0);
	expect_sites(&a, "my_malloc", "my_malloc my_free_sized");
	/* Beside what the catalogue knows. */
	fixture_compile("mi",
			"int mi_version(void) { return 209; }\n"
			"void *mi_malloc(unsigned long n) { return (void *)(n + 1); }\n"
			"void *malloc(unsigned long n) { return (void *)n; }\n",
			"-O1 -shared -fPIC -fno-builtin");
	assert_int_equal(recognise_as("mi", "", &a), 0);
	expect_sites(&a, "malloc,mimalloc 2.0.9", "malloc mi_malloc");
	assert_int_equal(recognise_as("mi", "mi_", &a), 0);
	expect_sites(&a, "mimalloc 2.0.9", "mi_malloc");
}

/* Back to the entry: where it is, and where its arguments and the flushers are from there. */
static void test_to_entry(void **state)
{
	static struct mt_allocator a;
	size_t moved = 0;

	assert_int_equal(recognise(FIXTURE_LIBC, &a), 0);
	for (size_t i = 0; i < a.nr_sites; i++) {
		struct mt_probe_site *site = &a.sites[i], was = a.sites[i];

		mt_probe_site_to_entry(site);
		assert_true(site->needs_trial);
		assert_int_equal(site->function_offset, 0);
		assert_int_equal(site->file_offset, was.file_offset - was.function_offset);
		assert_int_equal(site->placement,
				 was.function_offset ? MT_PLACEMENT_STEPPED : was.placement);
		if (site->size_arg)
			assert_int_equal(site->size_at, mt_placement_argument(site->size_arg));
		if (site->block_arg)
			assert_int_equal(site->block_at, mt_placement_argument(site->block_arg));
		if (site->size_arg)
			assert_int_equal(site->factor_at,
					 site->factor_arg ? mt_placement_argument(site->factor_arg)
							  : MT_ARG_ONE);
		moved += was.function_offset && was.size_arg && was.size_at != site->size_at;
	}
	expect_internal(&a, FIXTURE_LIBC, true);
#ifdef __x86_64__
	assert_true(moved > 0); /* reallocarray's product */
#endif
	/* A `ret` is no entry. */
	struct mt_probe_site ret = {
		.func = MT_FUNC_RET, .file_offset = 9, .function_offset = 3, .entry = 3
	};

	mt_probe_site_to_entry(&ret);
	assert_int_equal(ret.file_offset, 9);
	assert_int_equal(ret.function_offset, 3);
}

/* Not to the nop of 5 bytes that it begins with. */
static void test_to_entry_behind_nops(void **state)
{
	struct mt_probe_site site = { .file_offset = 109, .function_offset = 9, .entry = 5 };

	mt_probe_site_to_entry(&site);
	assert_int_equal(site.file_offset, 105);
	assert_int_equal(site.function_offset, 5);
	assert_true(site.needs_trial);
}

static void survive(const char *file)
{
	struct fixture_victim v;

	if (is_missing(file))
		return;
	fixture_victim_new(&v, file);
	for (int i = 0; i < 100; i++) {
		__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
		static struct mt_allocator a;

		fixture_damage(&v);
		if (!mt_elf_new(&elf, v.fd) && !mt_allocator_recognise(elf, "", &a))
			assert_in_range(a.nr_sites, 1, MT_ALLOCATOR_SITES_MAX);
		fixture_heal(&v);
	}
	fixture_victim_free(&v);
}

static void test_survives_damage(void **state)
{
	survive(FIXTURE_LIBC);
	survive(LIB_DIR "/libmimalloc.so.2");
	survive(LIB_DIR "/libtcmalloc_minimal.so.4");
	survive(MUSL);
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
		cmocka_unit_test(test_a_wrong_symbol),
		cmocka_unit_test(test_a_symbol_in_another),
		cmocka_unit_test(test_an_answer_to_size_0),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_old_libpthread),
		cmocka_unit_test(test_mimalloc_beside),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_the_exported_one),
		cmocka_unit_test(test_given_prefix),
		cmocka_unit_test(test_to_entry),
		cmocka_unit_test(test_to_entry_behind_nops),
		cmocka_unit_test(test_survives_damage),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
