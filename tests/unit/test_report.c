// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The reports: the captures of tests/golden under the sanitizers, every width, names that
 * attack, and files that are damaged at random.
 */
#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <sqlite3.h>

#include "analysis/diff.h"
#include "analysis/losses.h"
#include "golden_capture.h"
#include "model/model.h"
#include "report/report.h"
#include "report/shorten.h"
#include "util/units.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "wire.h"

static const struct mt_text_options plain = { .width = 80 };

static char *print(const struct mt_model *m, const struct mt_text_options *options)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int err = options ? mt_report_text(out, m, options) : mt_report_json(out, m);

	fclose(out);
	assert_int_equal(err, 0);
	assert_int_equal(strlen(text), size);
	return text;
}

static const char *const names[] = { "ordinary", "hostile", "killed", "sampled", "auto" };

static void compare(const char *name, const char *kind, const char *printed)
{
	_free_ char *golden = NULL, *expected = NULL;
	size_t size;

	assert_true(asprintf(&golden, GOLDEN "%s.%s", name, kind) > 0);
	expected = read_all(golden, &size);
	if (strcmp(expected, printed))
		fail_msg("%s differs; tests/golden/run.sh says how", golden);
}

static void test_golden(void **state)
{
	glob_t found;

	assert_int_equal(glob(GOLDEN "*.sql", 0, NULL, &found), 0);
	assert_int_equal(found.gl_pathc, ARRAY_SIZE(names));
	globfree(&found);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		__cleanup(mt_model_free) struct mt_model *m = NULL;
		_free_ char *text = NULL, *json = NULL;

		restore(names[i]);
		assert_int_equal(load(&m), 0);
		text = print(m, &plain);
		json = print(m, NULL);
		compare(names[i], "txt", text);
		compare(names[i], "json", json);
	}
}

static size_t columns_of(const char *line, size_t bytes)
{
	size_t n = 0;

	for (size_t i = 0; i < bytes; i++)
		n += (line[i] & 0xc0) != 0x80;
	return n;
}

static void test_every_width(void **state)
{
	__cleanup(mt_model_free) struct mt_model *m = NULL;

	restore("ordinary");
	assert_int_equal(load(&m), 0);
	for (unsigned int width = 0; width < 400; width += 1 + width / 10) {
		struct mt_text_options options = { .width = width };
		_free_ char *text = print(m, &options);

		for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
			if (width >= 60 && columns_of(line, end - line) > width)
				fail_msg("wider than %u: %.*s", width, (int)(end - line), line);
			assert_true(end == line || end[-1] != ' ');
		}
	}
}

static void test_colour_only_when_asked(void **state)
{
	__cleanup(mt_model_free) struct mt_model *m = NULL;
	struct mt_text_options colored = { .width = 80, .color = true };
	_free_ char *with = NULL, *without = NULL;

	restore("ordinary");
	assert_int_equal(load(&m), 0);
	with = print(m, &colored);
	without = print(m, &plain);
	assert_non_null(strchr(with, '\x1b'));
	assert_null(strchr(without, '\x1b'));
}

/* Nothing from the capture reaches a terminal as it is, in either report. */
static void test_hostile_names(void **state)
{
	__cleanup(mt_model_free) struct mt_model *m = NULL;
	_free_ char *text = NULL, *json = NULL;
	json_error_t error;
	json_t *parsed;

	restore("hostile");
	assert_int_equal(load(&m), 0);
	text = print(m, &plain);
	json = print(m, NULL);
	for (const unsigned char *c = (unsigned char *)text; *c; c++) {
		assert_true(*c == '\n' || *c >= ' ');
		assert_true(*c != 0x7f);
		assert_false(c[0] == 0xc2 && c[1] < 0xa0);
	}
	for (const unsigned char *c = (unsigned char *)json; *c; c++)
		assert_true(*c == '\n' || (*c >= ' ' && *c < 0x80));
	parsed = json_loads(json, JSON_REJECT_DUPLICATES, &error);
	if (!parsed)
		fail_msg("line %d: %s", error.line, error.text);
	json_decref(parsed);
}

static void check_terminal(const char *text, const char *expected)
{
	_free_ char *escaped = mt_escape_terminal(text);

	assert_string_equal(escaped, expected);
}

static void check_utf8(const char *text, const char *expected)
{
	_free_ char *escaped = mt_escape_utf8(text);
	json_t *json = json_string(escaped);

	assert_string_equal(escaped, expected);
	assert_non_null(json);
	json_decref(json);
}

static void test_escapes(void **state)
{
	check_terminal("plain caf\xc3\xa9", "plain caf\xc3\xa9");
	check_terminal("\x1b[2J\r\n\x7f", "\\x1b[2J\\x0d\\x0a\\x7f");
	check_terminal("\xc2\x9b"
		       "m\xe2\x80\xae",
		       "\\xc2\\x9bm\\xe2\\x80\\xae");
	check_terminal("\xff\xc3(\xc3", "\\xff\\xc3(\\xc3");
	check_terminal("\xed\xa0\x80\xc0\xaf\xf4\x90\x80\x80",
		       "\\xed\\xa0\\x80\\xc0\\xaf\\xf4\\x90\\x80\\x80");
	check_utf8("caf\xc3\xa9\xf0\x9f\x92\xa9", "caf\xc3\xa9\xf0\x9f\x92\xa9");
	check_utf8("\xff"
		   "a\xc3",
		   "\xef\xbf\xbd"
		   "a\xef\xbf\xbd");
	check_utf8("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

/* The text of `ordinary`, changed by `sql`; wide, so that nothing is broken. */
static char *print_changed(const char *sql)
{
	static const struct mt_text_options wide = { .width = 1000 };
	__cleanup(mt_model_free) struct mt_model *m = NULL;
	sqlite3 *db;

	restore("ordinary");
	assert_int_equal(sqlite3_open(path, &db), 0);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL))
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
	assert_int_equal(load(&m), 0);
	return print(m, &wide);
}

static void expect_text(const char *sql, const char *there, const char *not_there)
{
	_free_ char *text = print_changed(sql);

	if (there && !strstr(text, there))
		fail_msg("%s: no \"%s\" in\n%s", sql, there, text);
	if (not_there && strstr(text, not_there))
		fail_msg("%s: \"%s\" in\n%s", sql, not_there, text);
}

static void test_words(void **state)
{
	expect_text("DELETE FROM lost", "Nothing was lost.", "Lost");
	expect_text("DELETE FROM lost; DELETE FROM meta WHERE key = 'finished'",
		    "What was lost up to the end is unknown: the recording was cut off.",
		    "Nothing was lost");
	expect_text("DELETE FROM lost; DELETE FROM process; DELETE FROM module;"
		    "DELETE FROM symbol; DELETE FROM site; DELETE FROM map_site;"
		    "DELETE FROM fault_site;"
		    "DELETE FROM spawn; DELETE FROM thread; DELETE FROM sample; DELETE FROM gap;"
		    "DELETE FROM bill; DELETE FROM bill_mapping",
		    "no process was seen", "Nothing was lost");
	expect_text("UPDATE meta SET value = '0' WHERE key = 'finished'", "12 blocks",
		    "Nothing was lost");
	expect_text("DELETE FROM lost; UPDATE process SET heap_peak_bytes = 0, heap_peak_ns = NULL",
		    "Peak heap     nothing was allocated since its start (exact)",
		    "unknown (exact");
	expect_text("DELETE FROM lost; UPDATE process SET heap_peak_bytes = NULL",
		    "Peak heap     unknown", "unknown (exact");
	expect_text("DELETE FROM lost; UPDATE process SET heap_peak_ns = NULL",
		    "500.0 MiB live (exact, since the attach)", "at unknown");
	expect_text("DELETE FROM fault_site; UPDATE site SET at_peak_bytes = 0 WHERE stack <> 101",
		    "1. 343.3 MiB", "2. 0 B");
	expect_text("UPDATE site SET at_peak_bytes = 0", NULL, "Largest at the heap's peak");
	expect_text("UPDATE site SET storm_copied_bytes = 0, storm_moved = 0", "Threads  ",
		    "realloc storm");
	expect_text("DELETE FROM gap", "Coverage      ", "not counted");
	expect_text("UPDATE bill SET heap_live_bytes = NULL", "live blocks and what it retains",
		    "in live blocks");
	expect_text("DELETE FROM bill; DELETE FROM bill_mapping", "Peak RSS", "Where RSS was");
	expect_text("UPDATE bill SET unexplained_bytes = rss_bytes / 20",
		    "(5.0%) unexplained: ", "Where RSS was at its end");
	expect_text("UPDATE process SET fault_cnt = NULL", "Mappings", "Page faults");
	expect_text("UPDATE symbol SET function = 'main' WHERE function = 'map_index'",
		    "main (src/index.c:99)", NULL);
}

/* Of every loss: is the heap still exact, and is it said what it means? */
static void test_losses(void **state)
{
	static const struct {
		const char *name;
		enum mt_trust heap;
	} losses[] = {
		{ "ring_full", MT_TRUST_EXACT },	{ "vm_ring_full", MT_TRUST_EXACT },
		{ "live_full", MT_TRUST_AT_LEAST },	{ "sites_full", MT_TRUST_ABOUT },
		{ "storms_full", MT_TRUST_EXACT },	{ "stacks_full", MT_TRUST_EXACT },
		{ "threads_full", MT_TRUST_ABOUT },	{ "images_full", MT_TRUST_AT_LEAST },
		{ "stack_failed", MT_TRUST_EXACT },	{ "swap_exhausted", MT_TRUST_ABOUT },
		{ "headroom_full", MT_TRUST_ABOUT },	{ "result_unread", MT_TRUST_AT_LEAST },
		{ "block_replaced", MT_TRUST_ABOUT },	{ "site_missing", MT_TRUST_ABOUT },
		{ "events_unmatched", MT_TRUST_EXACT }, { "of_the_future", MT_TRUST_ABOUT },
	};
	static const char *const headline[] = {
		[MT_TRUST_EXACT] = "500.0 MiB live at 8.31 s (exact, since the attach)",
		[MT_TRUST_AT_LEAST] =
			"at least 500.0 MiB live at 8.31 s (see Lost, since the attach)",
		[MT_TRUST_ABOUT] = "about 500.0 MiB live at 8.31 s (see Lost, since the attach)",
	};
	static const char *const kernel[] = {
#define NAME(id, name) name,
		MT_LOST_LIST(NAME)
#undef NAME
	};

	for (size_t i = 0; i < ARRAY_SIZE(kernel); i++)
		assert_non_null(mt_losses_meaning(kernel[i]));
	for (size_t i = 0; i < ARRAY_SIZE(losses); i++) {
		__cleanup(mt_model_free) struct mt_model *m = NULL;
		_free_ char *sql = NULL, *text = NULL, *json = NULL;

		assert_true(
			asprintf(&sql,
				 "DELETE FROM lost; INSERT INTO lost VALUES ('%s', 3), ('x', 0)",
				 losses[i].name) > 0);
		text = print_changed(sql);
		assert_int_equal(load(&m), 0);
		json = print(m, NULL);
		assert_non_null(strstr(text, losses[i].name));
		if (!strstr(text, headline[losses[i].heap]))
			fail_msg("%s: %s", losses[i].name, text);
		assert_int_equal(!strstr(json, "\"kind\": \"exact\""),
				 losses[i].heap != MT_TRUST_EXACT);
	}
}

static void check_short(const char *name, size_t columns, const char *expected)
{
	_free_ char *shortened = strdup(name);

	mt_shorten(shortened, columns);
	assert_string_equal(shortened, expected);
}

static void test_shortens(void **state)
{
	static const char method[] =
		"std::vector<int, std::allocator<int> >::push_back(int const&)";

	check_short(method, strlen(method), method);
	check_short(method, strlen(method) - 1, "std::vector<..>::push_back(..)");
	check_short(method, 30, "std::vector<..>::push_back(..)");
	check_short(method, 29, "std::vector...::push_back(..)");
	check_short(method, 18, "...::push_back(..)");
	check_short(method, 17, "push_back(..)");
	check_short(method, 12, "push_back...");
	check_short("a::operator<<(std::ostream&, T<int> const&)", 20, "a::operator<<(..)");
	check_short("a::operator()(int) const", 23, "a::operator()(..) const");
	check_short("a::operator->() const::b<int>", 28, "a::operator->() const::b<..>");
	check_short("f<(a->b) != 0>::run()", 20, "f<..>::run()");
	check_short("<alloc::Vec<u8, A> as core::Drop>::drop", 38,
		    "<alloc::Vec<..> as core::Drop>::drop");
	check_short("<alloc::Vec<u8, A> as core::Drop>::drop", 16, "<alloc:...::drop");
	check_short("core::ops::call_once::{{closure}}", 31, "core...::call_once::{{closure}}");
	check_short("std::string& std::vector<int, A>::emplace_back<int>(int&&)", 37,
		    "std::vector<..>::emplace_back<..>(..)");
	check_short("a_class::operator other::type() const", 30, "a_class::oper...::type() const");
	check_short("outer::f(int) const::{lambda(int)#1}::operator()(int) const", 46,
		    "outer::f(..) const::{...::operator()(..) const");
	check_short("a_function_of_c_with_a_long_name", 12, "a_functio...");
	check_short("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 8,
		    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9...");
	check_short("", 8, "");
}

/* Of any name: it fits, and is no longer than it was. */
static void test_shortens_anything(void **state)
{
	static const char *const parts[] = { "<",	 ">",	     "(",  ")",	  "::",
					     "->",	 "operator", "{",  "abc", " ",
					     "\xc3\xa9", "-",	     "<<", "T",	  "," };

	seed_random();
	for (int i = 0; i < 20000; i++) {
		size_t columns = 8 + random() % 40, len = 0;
		_free_ char *name = NULL;
		char built[400] = "";

		for (int n = random() % 40; n; n--)
			len += strlen(strcpy(built + len, parts[random() % ARRAY_SIZE(parts)]));
		name = strdup(built); /* so that the sanitizer knows its end */
		mt_shorten(name, columns);
		assert_true(columns_of(name, strlen(name)) <= columns);
		if (columns_of(built, len) <= columns)
			assert_string_equal(name, built);
	}
}

static void test_units(void **state)
{
	assert_string_equal(mt_unit_bytes(-1).s, "unknown");
	assert_string_equal(mt_unit_bytes(0).s, "0 B");
	assert_string_equal(mt_unit_bytes(1023).s, "1023 B");
	assert_string_equal(mt_unit_bytes(1024).s, "1.0 KiB");
	assert_string_equal(mt_unit_bytes(1536).s, "1.5 KiB");
	assert_string_equal(mt_unit_bytes((1 << 20) - 1).s, "1.0 MiB");
	assert_string_equal(mt_unit_bytes(INT64_MAX).s, "8.0 EiB");
	assert_string_equal(mt_unit_bytes(INT64_MIN).s, "-8.0 EiB");
	assert_string_equal(mt_unit_bytes(-5).s, "-5 B");
	assert_string_equal(mt_unit_count(0).s, "0");
	assert_string_equal(mt_unit_count(999).s, "999");
	assert_string_equal(mt_unit_count(1000).s, "1,000");
	assert_string_equal(mt_unit_count(INT64_MIN).s, "-9,223,372,036,854,775,808");
	assert_string_equal(mt_unit_count(-123456).s, "-123,456");
	assert_string_equal(mt_unit_things(1, "block").s, "1 block");
	assert_string_equal(mt_unit_things(2000, "block").s, "2,000 blocks");
	assert_string_equal(mt_unit_seconds(1234567890).s, "1.23 s");
	assert_string_equal(mt_unit_seconds(-1).s, "unknown");
	assert_string_equal(mt_unit_pct(12.34).s, "12.3%");
}

static void test_full_output(void **state)
{
	__cleanup(mt_model_free) struct mt_model *m = NULL;
	_fclose_ FILE *full = fopen("/dev/full", "w");

	restore("ordinary");
	assert_int_equal(load(&m), 0);
	assert_int_equal(mt_report_text(full, m, &plain), -EIO);
	assert_int_equal(mt_report_json(full, m), -EIO);
	assert_int_equal(mt_report_has_html() ? mt_report_html(full, m) : -EIO, -EIO);
}

/* ---- damage --------------------------------------------------------------------------------- */

static void report_all(FILE *out, const struct mt_model *m)
{
	__cleanup(mt_diff_free) struct mt_diff *d = NULL;

	assert_int_equal(mt_report_json(out, m), 0);
	assert_int_equal(mt_report_text(out, m, &plain), 0);
	assert_int_equal(mt_diff_new(&d, m, m, MT_PICK_ANY), 0);
	assert_int_equal(mt_report_diff_json(out, d), 0);
	assert_int_equal(mt_report_diff_text(out, d, &plain), 0);
}

static void test_damaged_files(void **state)
{
	each_damaged(report_all);
}

int main(void)
{
#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, make_path, remove_path)
	const struct CMUnitTest tests[] = {
		WITH_FILE(test_golden),
		WITH_FILE(test_every_width),
		WITH_FILE(test_colour_only_when_asked),
		WITH_FILE(test_hostile_names),
		cmocka_unit_test(test_escapes),
		WITH_FILE(test_words),
		WITH_FILE(test_losses),
		cmocka_unit_test(test_shortens),
		cmocka_unit_test(test_shortens_anything),
		cmocka_unit_test(test_units),
		WITH_FILE(test_full_output),
		WITH_FILE(test_damaged_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
