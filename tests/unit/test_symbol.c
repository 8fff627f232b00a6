// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "elf_fixture.h"
#include "symbol/demangle.h"
#include "symbol/symbolizer.h"
#include "target/elf.h"
#include "util/cleanup.h"

/* ---- names ---------------------------------------------------------------------------- */

static void expect_demangled(const char *name, const char *expected)
{
	_free_ char *shown = mt_symbol_demangle(name);

	assert_string_equal(shown, expected);
}

static void test_demangles(void **state)
{
	expect_demangled("_ZNSt6vectorIiSaIiEE9push_backERKi",
			 "std::vector<int, std::allocator<int> >::push_back(int const&)");
	expect_demangled("_Z3foov.constprop.0", "foo() [clone .constprop.0]");
	expect_demangled("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE",
			 "core::fmt::Write::write_fmt");
	expect_demangled(
		"_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$"
		"3bar17h930b740aa94f1d3aE",
		"<Test + 'static as foo::Bar<Test>>::bar");
	expect_demangled("_RNvMsr_NtCs3ssYzQotkvD_3std4pathNtB5_7PathBuf3newCs15kBYyAo9fc_7mycrate",
			 "<std::path::PathBuf>::new");
	expect_demangled("malloc@@GLIBC_2.2.5", "malloc");
	expect_demangled("memcpy@GLIBC_2.2.5", "memcpy");
	expect_demangled("main", "main");
	expect_demangled("foo.cold", "foo.cold");
	expect_demangled("@odd", "@odd");
	expect_demangled("_Z", "_Z");
	expect_demangled("_ZN", "_ZN");
	expect_demangled("_R", "_R");
	expect_demangled("", "");
}

/* f(pair<int,int>, pair<T0,T0>, pair<T1,T1>, ...): each parameter is twice as long. */
static void test_bounds_what_explodes(void **state)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char name[1024] = "_Z1fSt4pairIiiE";
	_free_ char *shown = NULL;

	for (int i = 0; i < 36; i++)
		sprintf(name + strlen(name), "S_IS%c_S%c_E", digits[i], digits[i]);
	shown = mt_symbol_demangle(name);
	assert_int_equal(strncmp(shown, "f(std::pair<int, int>, ", 23), 0);
	assert_int_equal(strlen(shown), MT_SYMBOL_NAME_MAX + 3);
	assert_string_equal(shown + MT_SYMBOL_NAME_MAX, "...");
}

static void test_bounds_what_is_long(void **state)
{
	static char name[100000];
	_free_ char *shown = NULL, *exact = NULL;

	memset(name, 'x', sizeof(name) - 1);
	shown = mt_symbol_demangle(name);
	assert_int_equal(strlen(shown), MT_SYMBOL_NAME_MAX + 3);
	name[MT_SYMBOL_NAME_MAX] = '\0';
	exact = mt_symbol_demangle(name);
	assert_string_equal(exact, name);

	/* Not in the middle of a character. */
	name[MT_SYMBOL_NAME_MAX] = '\xa4';
	name[MT_SYMBOL_NAME_MAX - 1] = '\xc3';
	free(TAKE_PTR(shown));
	shown = mt_symbol_demangle(name);
	assert_int_equal(strlen(shown), MT_SYMBOL_NAME_MAX - 1 + 3);
	assert_string_equal(shown + MT_SYMBOL_NAME_MAX - 1, "...");
}

static void test_survives_any_name(void **state)
{
	static const char *const prefixes[] = { "_ZN", "_RNv", "_ZSt", "_RIN", "", "_Z1f" };
	static const char letters[] = "0123456789SsTtINREKPLFDpABCabc_$.uvwxyz";

	for (int i = 0; i < 20000; i++) {
		_free_ char *shown = NULL;
		char name[256];
		size_t len = (size_t)sprintf(name, "%s", prefixes[fixture_random(6)]);

		for (uint64_t n = fixture_random(200); n; n--)
			name[len++] = fixture_random(50)
					      ? letters[fixture_random(sizeof(letters) - 1)]
					      : (char)(1 + fixture_random(255));
		name[len] = '\0';
		shown = mt_symbol_demangle(name);
		assert_true(strlen(shown) <= MT_SYMBOL_NAME_MAX + 3);
	}
	/* Deeper than any recursion limit. */
	for (size_t kind = 0; kind < 3; kind++) {
		static char deep[4000];
		_free_ char *shown = NULL;

		memset(deep, "PNR"[kind], sizeof(deep) - 1);
		memcpy(deep, kind == 2 ? "_R" : "_Z1f", kind == 2 ? 2 : 4);
		shown = mt_symbol_demangle(deep);
		assert_non_null(shown);
	}
}

/* ---- one file ------------------------------------------------------------------------- */

static const char program_source[] = "#line 100 \"dir/program.c\"\n"
				     "static int __attribute__((noinline)) hidden(int x)\n"
				     "{\n"
				     "	return x * 3;\n"
				     "}\n"
				     "int __attribute__((noinline)) shown(int x)\n"
				     "{\n"
				     "	return hidden(x) + 1;\n"
				     "}\n"
				     "#line 200 \"main.c\"\n"
				     "int main(int argc, char **argv)\n"
				     "{\n"
				     "	return shown(argc);\n"
				     "}\n";

/* A file and what is known of it. */
struct subject {
	int fd;
	struct mt_elf *elf;
	struct mt_symbolizer *symbolizer;
};

static struct subject subject_open(const char *name)
{
	struct subject s = { .fd = fixture_open(name) };

	assert_int_equal(mt_elf_new(&s.elf, s.fd), 0);
	assert_int_equal(mt_symbolizer_new(&s.symbolizer, s.fd), 0);
	return s;
}

static void subject_close(struct subject *s)
{
	mt_symbolizer_free(&s->symbolizer);
	mt_elf_free(&s->elf);
	close(s->fd);
}

static struct mt_symbol find(struct subject *s, uint64_t offset)
{
	struct mt_symbol symbol;

	assert_int_equal(mt_symbolizer_find(s->symbolizer, offset, &symbol), 0);
	return symbol;
}

static void expect_source(const char *name, const char *function, const char *file, uint32_t line)
{
	__cleanup(subject_close) struct subject s = subject_open(name);
	struct mt_symbol found = find(&s, fixture_offset(name, function) + 1);
	size_t tail = strlen(file);

	assert_string_equal(found.function, function);
	assert_non_null(found.file);
	assert_true(strlen(found.file) >= tail);
	assert_string_equal(found.file + strlen(found.file) - tail, file);
	assert_int_equal(found.line, line);
}

static void expect_program(const char *name)
{
	expect_source(name, "hidden", "dir/program.c", 101);
	expect_source(name, "shown", "dir/program.c", 105);
	expect_source(name, "main", "main.c", 201);
}

static void test_function_file_line(void **state)
{
	static const char *const flags[] = {
		"-g -O0 -pie -fPIE",	"-g -O0 -no-pie -fno-pie",
		"-gdwarf-4 -O0",	"-gdwarf-5 -O0 -gz=zlib",
		"-g -O0 -gsplit-dwarf", "-g -O0 -ffunction-sections -Wl,--gc-sections",
		"-g -O0 -shared -fPIC",
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		fixture_compile("program", program_source, flags[i]);
		expect_program("program");
	}
}

static void test_without_aranges(void **state)
{
	fixture_compile("program", program_source, "-g -O0");
	fixture_run("objcopy --remove-section .debug_aranges program bare");
	expect_program("bare");
}

/* Parts in a file that the program names are not looked for. */
static void test_alternative_debug_file(void **state)
{
	__cleanup(subject_close) struct subject s = { .fd = -1 };
	struct mt_symbol found;

	fixture_compile("program", program_source, "-g -O0");
	fixture_run("printf '/dev/zero\\0\\1\\2\\3\\4' > link && objcopy "
		    "--add-section .gnu_debugaltlink=link program linked");
	s = subject_open("linked");
	found = find(&s, fixture_offset("program", "main"));
	assert_string_equal(found.function, "main");
	assert_null(found.file);
	assert_int_equal(found.line, 0);
}

/* A string that does not end in its section makes libdw run out of it. */
static void test_unterminated_strings(void **state)
{
	static const char *const sections[] = { ".debug_str", ".debug_line_str" };

	fixture_compile("program", program_source, "-gdwarf-5 -O0");
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		__cleanup(subject_close) struct subject s = { .fd = -1 };
		struct mt_symbol found;

		fixture_run("objcopy --dump-section %s=strings program && printf x >> strings && "
			    "objcopy --update-section %s=strings program open-ended",
			    sections[i], sections[i]);
		s = subject_open("open-ended");
		found = find(&s, fixture_offset("program", "main"));
		assert_string_equal(found.function, "main");
		assert_null(found.file);
	}
}

static void test_stripped(void **state)
{
	static const char source[] = "__attribute__((visibility(\"default\"))) int out(int x)\n"
				     "{ return x; }\n"
				     "static int __attribute__((noinline,used)) in(int x)\n"
				     "{ return x + 1; }\n";
	__cleanup(subject_close) struct subject s = { .fd = -1 };
	struct mt_symbol found;

	fixture_compile("whole.so", source, "-g -O0 -shared -fPIC -fno-toplevel-reorder");
	fixture_run("strip -o stripped.so whole.so");
	s = subject_open("stripped.so");
	found = find(&s, fixture_offset("whole.so", "out"));
	assert_string_equal(found.function, "out");
	assert_null(found.file);
	/* Beyond the end of `out`; a nearest-symbol lookup would lie here. */
	found = find(&s, fixture_offset("whole.so", "in"));
	assert_null(found.function);
	assert_null(found.file);
	found = find(&s, 1ULL << 40);
	assert_null(found.function);
	found = find(&s, UINT64_MAX);
	assert_null(found.function);
}

static void test_which_name(void **state)
{
	static const char source[] =
		"asm(\".text\\n.globl __a_alias\\n.weak a\\n.globl big\\n\"\n"
		"    \".type __a_alias,@function\\n.type a,@function\\n.type big,@function\\n\"\n"
		"    \".globl a_longer\\n.type a_longer,@function\\n\"\n"
		"    \"__a_alias: a: a_longer: .skip 8, 0x90\\n\"\n"
		"    \".size a,8\\n.size __a_alias,8\\n.size a_longer,8\\n\"\n"
		"    \"big: .skip 8, 0x90\\n.type inner,@function\\n\"\n"
		"    \"inner: .skip 4, 0x90\\n.size inner,4\\n\"\n"
		"    \".skip 8, 0x90\\n.size big,.-big\\n\"\n"
		"    \".type open,@function\\nopen: .skip 16, 0x90\\n\"\n"
		"    \".type next,@function\\nnext: .skip 16, 0x90\\n.size next,4\\n\"\n"
		"    \".section .last,\\\"ax\\\"\\n.type edge,@function\\nedge: .skip 16, "
		"0x90\\n\");\n";
	__cleanup(subject_close) struct subject s = { .fd = -1 };
	uint64_t at;

	fixture_compile("names.so", source, "-shared -fPIC -nostdlib");
	s = subject_open("names.so");
	at = fixture_offset("names.so", "a");
	assert_string_equal(find(&s, at).function, "a");
	assert_string_equal(find(&s, at + 7).function, "a");
	assert_string_equal(find(&s, at + 8).function, "big");
	assert_string_equal(find(&s, at + 16).function, "inner");
	assert_string_equal(find(&s, at + 19).function, "inner");
	assert_string_equal(find(&s, at + 20).function, "big");
	assert_string_equal(find(&s, at + 27).function, "big");
	/* Of unknown size: to the next function. */
	assert_string_equal(find(&s, at + 28).function, "open");
	assert_string_equal(find(&s, at + 43).function, "open");
	assert_string_equal(find(&s, at + 44).function, "next");
	assert_null(find(&s, at + 48).function);
	/* Or to the section's end. */
	at = fixture_offset("names.so", "edge");
	assert_string_equal(find(&s, at + 15).function, "edge");
	assert_null(find(&s, at + 16).function);
}

static void test_cxx(void **state)
{
	static const char source[] = "namespace outer { template <class T> struct S {\n"
				     "T __attribute__((noinline)) get(T x) { return x; } }; }\n"
				     "template struct outer::S<int>;\n";
	__cleanup(subject_close) struct subject s = { .fd = -1 };
	struct mt_symbol found;

	fixture_write("cxx.cc", source, strlen(source));
	fixture_run("g++ -g -O1 -shared -fPIC -o cxx.so cxx.cc");
	s = subject_open("cxx.so");
	found = find(&s, fixture_offset("cxx.so", "_ZN5outer1SIiE3getEi"));
	assert_string_equal(found.function, "outer::S<int>::get(int)");
	assert_int_equal(found.line, 2);
}

static void test_libc(void **state)
{
	__cleanup(subject_close) struct subject s = subject_open(FIXTURE_LIBC);

	assert_string_equal(find(&s, fixture_offset(FIXTURE_LIBC, "malloc") + 5).function,
			    "malloc");
	assert_string_equal(find(&s, fixture_offset(FIXTURE_LIBC, "pthread_create")).function,
			    "pthread_create");
	assert_non_null(mt_symbolizer_build_id(s.symbolizer));
}

/* Looks at a file's every 61st byte, whatever it may be. */
static void look_everywhere(int fd, size_t len)
{
	__cleanup(mt_symbolizer_free) struct mt_symbolizer *s = NULL;

	if (mt_symbolizer_new(&s, fd))
		return;
	for (uint64_t at = 0; at < len; at += 61) {
		struct mt_symbol found;

		assert_int_equal(mt_symbolizer_find(s, at, &found), 0);
		assert_true(!found.function || strlen(found.function) <= MT_SYMBOL_NAME_MAX + 3);
		assert_true(!found.file || strlen(found.file) > 0);
	}
}

static void torture(const char *file)
{
	struct fixture_victim v;

	fixture_victim_new(&v, file);
	for (int i = 0; i < 200; i++) {
		fixture_damage(&v);
		look_everywhere(v.fd, v.len < 100000 ? v.len : 100000);
		fixture_heal(&v);
	}
	for (size_t i = 20; i > 0; i--) {
		assert_int_equal(ftruncate(v.fd, (off_t)(v.len * i / 21)), 0);
		look_everywhere(v.fd, v.len < 100000 ? v.len : 100000);
	}
	for (size_t i = 0; i < v.len; i++)
		v.data[i] = (unsigned char)fixture_random(256);
	assert_int_equal(pwrite(v.fd, v.data, v.len, 0), v.len);
	look_everywhere(v.fd, v.len);
	fixture_victim_free(&v);
}

static void test_survives_damage(void **state)
{
	fixture_compile("program", program_source, "-g -O0");
	torture("program");
	fixture_compile("program", program_source, "-gdwarf-4 -O0 -ffunction-sections -gz=zlib");
	torture("program");
	torture("cxx.so");
	torture(FIXTURE_LIBC);
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
		cmocka_unit_test(test_demangles),
		cmocka_unit_test(test_bounds_what_explodes),
		cmocka_unit_test(test_bounds_what_is_long),
		cmocka_unit_test(test_survives_any_name),
		cmocka_unit_test(test_function_file_line),
		cmocka_unit_test(test_without_aranges),
		cmocka_unit_test(test_alternative_debug_file),
		cmocka_unit_test(test_unterminated_strings),
		cmocka_unit_test(test_stripped),
		cmocka_unit_test(test_which_name),
		cmocka_unit_test(test_cxx),
		cmocka_unit_test(test_libc),
		cmocka_unit_test(test_survives_damage),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
