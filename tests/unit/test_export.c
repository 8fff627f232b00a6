// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The exports: the captures of tests/golden under the sanitizers, names that attack, what is not
 * known, and files that are damaged at random.
 */
#include <stdio.h>

#include "golden_capture.h"

#include <jansson.h>
#include <zlib.h>

#include "export/export.h"
#include "export/intern.h"
#include "logic/hist.h"
#include "model/hist.h"
#include "util/cleanup.h"

static const struct {
	enum mt_export_format format;
	const char *name; /* of its golden files */
} texts[] = {
	{ MT_EXPORT_FOLDED, "folded" },
	{ MT_EXPORT_SPEEDSCOPE, "speedscope" },
	{ MT_EXPORT_DHAT, "dhat" },
	{ MT_EXPORT_NDJSON, "ndjson" },
	{ MT_EXPORT_OPENMETRICS, "openmetrics" },
};

static const char *const captures[] = { "ordinary", "hostile", "killed", "sampled", "auto" };

/* What it prints, whatever that is; NULL: it failed with `expected`. */
static char *print(const struct mt_model *m, const struct mt_export_options *o, int expected,
		   size_t *size)
{
	char *bytes = NULL;
	FILE *out = open_memstream(&bytes, size);
	int err = mt_export(out, m, o);

	fclose(out);
	assert_int_equal(err, expected);
	if (err) {
		free(bytes);
		return NULL;
	}
	return bytes;
}

static char *print_text(const struct mt_model *m, enum mt_export_format format)
{
	const struct mt_export_options o = { .format = format, .value = MT_EXPORT_VALUES };
	size_t size;
	char *text = print(m, &o, 0, &size);

	assert_int_equal(strlen(text), size);
	return text;
}

/* What is in the gzip. */
static char *print_pprof(const struct mt_model *m, size_t *size)
{
	const struct mt_export_options o = { .format = MT_EXPORT_PPROF, .value = MT_EXPORT_VALUES };
	const size_t most = 1 << 20;
	char *unpacked = malloc(most);
	_free_ char *packed = print(m, &o, 0, size);
	z_stream z = { .next_in = (Bytef *)packed, .avail_in = *size };

	z.next_out = (Bytef *)unpacked;
	z.avail_out = most;
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	*size = z.total_out;
	inflateEnd(&z);
	return unpacked;
}

/* `name`, changed by `sql`. */
static struct mt_model *load_changed(const char *name, const char *sql)
{
	struct mt_model *m = NULL;
	sqlite3 *db;

	restore(name);
	assert_int_equal(sqlite3_open(path, &db), 0);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL))
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
	assert_int_equal(load(&m), 0);
	return m;
}

static void test_golden(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(captures); i++) {
		__cleanup(mt_model_free) struct mt_model *m = load_changed(captures[i], "");
		_free_ char *pprof = NULL;
		size_t size;

		for (size_t f = 0; f < ARRAY_SIZE(texts); f++) {
			_free_ char *printed = print_text(m, texts[f].format);
			_free_ char *golden = NULL, *expected = NULL;

			assert_true(asprintf(&golden, GOLDEN "%s.%s", captures[i], texts[f].name) >
				    0);
			expected = read_all(golden, &size);
			if (strcmp(expected, printed))
				fail_msg("%s differs; tests/golden/run.sh says how", golden);
		}
		pprof = print_pprof(m, &size);
		assert_true(size > 100);
	}
}

/* No control byte, no C1 code. JSON is ASCII, in which it has DEL as it is: terminals ignore it. */
static void check_inert(const char *name, const char *text, bool json)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if ((*c < ' ' && *c != '\n') || (json ? *c > 0x7f : *c == 0x7f) ||
		    (c[0] == 0xc2 && c[1] < 0xa0))
			fail_msg("%s: byte %02x in %.200s", name, *c, text);
}

static size_t count(const char *text, char c)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == c;
	return n;
}

static void test_hostile_names(void **state)
{
	static const char hostile[] =
		"UPDATE symbol SET function = CAST(x'613b620a6320310d1b5b304a7f' AS TEXT)"
		" WHERE address = 4096;" /* "a;b\nc 1\r\e[0J\x7f" */
		"UPDATE process SET comm = CAST(x'7d20310a23203b225c' AS TEXT)"; /* "} 1\n# ;\"\\"
										  */
	__cleanup(mt_model_free) struct mt_model *m = load_changed("hostile", hostile);
	_free_ char *pprof = NULL, *folded = NULL, *metrics = NULL;
	size_t size;

	for (size_t f = 0; f < ARRAY_SIZE(texts); f++) {
		_free_ char *text = print_text(m, texts[f].format);

		check_inert(texts[f].name, text, *text == '{');
	}
	folded = print_text(m, MT_EXPORT_FOLDED);
	assert_int_equal(count(folded, '\n'), 1);
	assert_int_equal(count(folded, ';'), 3);
	assert_non_null(strstr(folded, ";a\\x3bb\\x0ac 1\\x0d\\x1b[0J\\x7f 10\n"));
	metrics = print_text(m, MT_EXPORT_OPENMETRICS);
	assert_non_null(strstr(metrics, "{comm=\"} 1\\\\x0a# ;\\\"\\\\\",heap="));
	pprof = print_pprof(m, &size);
	assert_null(memmem(pprof, size, "\x1b[", 2));
	assert_non_null(memmem(pprof, size, "a;b\\x0ac", 8));
}

/* What is not known is in no format. */
static void test_unknown(void **state)
{
	__cleanup(mt_model_free) struct mt_model *m =
		load_changed("killed", "UPDATE process SET entry_only = 1, heap_peak_bytes = NULL");
	const struct mt_export_options live = { MT_EXPORT_FOLDED, MT_EXPORT_LIVE_BYTES, 0 };
	static const char *const words[] = { "inuse",	"peak_space", "live",
					     "at_peak", "\"mb\"",     "heap_peak" };
	size_t size;

	for (size_t f = 0; f < ARRAY_SIZE(texts); f++) {
		_free_ char *text = print_text(m, texts[f].format);

		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			if (strstr(text, words[i]))
				fail_msg("%s: %s in %s", texts[f].name, words[i], text);
	}
	assert_null(print(m, &live, -ENODATA, &size));
}

/* Processes of one name, of one of which what lives is not known: nor is their sum. */
static void test_metrics_unknown(void **state)
{
	__cleanup(mt_model_free) struct mt_model *m =
		load_changed("ordinary", "UPDATE process SET comm = 'x' WHERE pid > 4303");
	_free_ char *text = print_text(m, MT_EXPORT_OPENMETRICS);

	assert_non_null(strstr(text, "memtide_heap_allocated_bytes{comm=\"x\""));
	assert_null(strstr(text, "memtide_heap_live_bytes{comm=\"x\""));
	assert_non_null(strstr(text, "memtide_heap_live_bytes{comm=\"server\""));
}

static void test_refuses(void **state)
{
	__cleanup(mt_model_free) struct mt_model *m = load_changed("killed", "");
	__cleanup(mt_model_free) struct mt_model *none = NULL;
	_fclose_ FILE *full = fopen("/dev/full", "w");
	size_t size;

	setvbuf(full, NULL, _IONBF, 0);
	for (int f = MT_EXPORT_PPROF; f <= MT_EXPORT_OPENMETRICS; f++) {
		const struct mt_export_options all = { f, MT_EXPORT_VALUES, 0 };
		const struct mt_export_options other = { f, MT_EXPORT_VALUES, 78 };

		assert_int_equal(mt_export(full, m, &all), -EIO);
		assert_null(print(m, &other, -ESRCH, &size));
	}
	none = load_changed("killed", "UPDATE process SET seen_ns = NULL");
	for (int f = MT_EXPORT_PPROF; f <= MT_EXPORT_DHAT; f++) {
		const struct mt_export_options all = { f, MT_EXPORT_VALUES, 0 };

		assert_null(print(none, &all, -ENODATA, &size));
	}
}

static json_int_t field(const json_t *json, const char *name)
{
	return json_integer_value(json_object_get(json, name));
}

/* dh_view refuses a stack that comes twice: those that could not be taken are one. */
static void test_dhat_stacks_once(void **state)
{
	__cleanup(mt_model_free) struct mt_model *m = load_changed("killed", "DELETE FROM stack");
	_free_ char *text = print_text(m, MT_EXPORT_DHAT);
	json_t *json = json_loads(text, 0, NULL), *points = json_object_get(json, "pps");

	assert_int_equal(json_array_size(points), 1);
	assert_int_equal(field(json_array_get(points, 0), "tbk"), 5);
	assert_int_equal(field(json_array_get(points, 0), "eb"), 4096);
	json_decref(json);
}

/* A lifetime that is in no histogram makes their sum unknown. */
static void test_dhat_lifetimes(void **state)
{
	__cleanup(mt_model_free) struct mt_model *m =
		load_changed("killed", "UPDATE site SET ages = x'' WHERE alloc_cnt = 4");
	_free_ char *text = print_text(m, MT_EXPORT_DHAT);
	json_t *json = json_loads(text, 0, NULL), *points = json_object_get(json, "pps"), *point;
	size_t i;

	assert_int_equal(json_array_size(points), 2);
	json_array_foreach(points, i, point)
		assert_int_equal(!json_object_get(point, "tl"), field(point, "tbk") == 4);
	json_decref(json);
}

/* Within an eighth of the truth, and right where a bucket holds one value. */
static void test_hist_sum(void **state)
{
	seed_random();
	for (int round = 0; round < 1000; round++) {
		struct mt_hist h = {};
		bool small = round % 2;
		uint64_t sum = 0, nr = random() % 100;

		for (uint64_t i = 0; i < nr; i++) {
			uint64_t v = small ? random() % 8ULL : (uint64_t)random() << random() % 12;

			h.counts[mt_hist_index(v)]++;
			sum += v;
		}
		assert_int_equal(mt_hist_cnt(&h), nr);
		if (small)
			assert_int_equal(mt_hist_sum(&h), sum);
		assert_in_range(mt_hist_sum(&h), sum - sum / 8, sum + sum / 8);
	}
}

/* Equal keys have one number, in the order of their first use. */
static void test_intern(void **state)
{
	enum { KEYS = 5000 };
	__cleanup(mt_intern_free) struct mt_intern *t = NULL;
	static int64_t numbers[KEYS];
	size_t nr = 0;

	seed_random();
	memset(numbers, -1, sizeof(numbers));
	assert_int_equal(mt_intern_new(&t), 0);
	for (int i = 0; i < 4 * KEYS; i++) {
		long key = random() % KEYS;
		size_t bytes = 1 + key % sizeof(key);
		char text[32];
		int len = snprintf(text, sizeof(text), "%ld", key);

		/* Longer keys begin as shorter ones do. */
		int64_t n = mt_intern(t, text, len + bytes % 2);

		if (numbers[key] < 0)
			numbers[key] = (int64_t)nr++;
		assert_int_equal(n, numbers[key]);
		assert_memory_equal(mt_intern_key(t, n), text, len);
		assert_int_equal(mt_intern_cnt(t), nr);
	}
}

static void export_all(FILE *out, const struct mt_model *m)
{
	for (int f = MT_EXPORT_PPROF; f <= MT_EXPORT_OPENMETRICS; f++) {
		const struct mt_export_options all = { f, MT_EXPORT_VALUES, 0 };
		int err = mt_export(out, m, &all);

		assert_true(!err || err == -ENODATA);
	}
}

static void test_damaged_files(void **state)
{
	each_damaged(export_all);
}

int main(void)
{
#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, make_path, remove_path)
	const struct CMUnitTest tests[] = {
		WITH_FILE(test_golden),		 WITH_FILE(test_hostile_names),
		WITH_FILE(test_unknown),	 WITH_FILE(test_metrics_unknown),
		WITH_FILE(test_refuses),	 WITH_FILE(test_dhat_stacks_once),
		WITH_FILE(test_dhat_lifetimes),	 cmocka_unit_test(test_intern),
		cmocka_unit_test(test_hist_sum), WITH_FILE(test_damaged_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
