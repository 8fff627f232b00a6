// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "elf_fixture.h"
#include "symbol/demangle.h"
#include "util/cleanup.h"

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
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
