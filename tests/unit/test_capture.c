// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* The capture file: every row kind there and back, and every way a file can be wrong. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "capture/blob.h"
#include "capture/schema.h"
#include "capture_file.h"
#include "wire.h"

/* ---- round trip: rows are filled and compared column by column ------------------------------ */

#define ARRAY_NR 12

static void *field_of(const struct mt_column *column, void *row)
{
	return (char *)row + column->offset;
}

static void fill_column(const struct mt_column *column, void *row, int salt)
{
	static char texts[64][16];
	static uint64_t words[4][ARRAY_NR];
	static int next_text, next_words;
	void *field = field_of(column, row);
	struct mt_words a;

	switch (column->type) {
	case MT_COLUMN_BOOL:
		*(bool *)field = salt & 1;
		break;
	case MT_COLUMN_U32:
		*(uint32_t *)field = UINT32_MAX - salt;
		break;
	case MT_COLUMN_I32:
		*(int32_t *)field = INT32_MIN + salt;
		break;
	case MT_COLUMN_U64:
		*(uint64_t *)field = UINT64_MAX - salt;
		break;
	case MT_COLUMN_I64:
		*(int64_t *)field = (1LL << 62) - 1 - salt;
		break;
	case MT_COLUMN_F64:
		*(double *)field = 1e300 / (salt + 1);
		break;
	case MT_COLUMN_TEXT:
		next_text = (next_text + 1) % 64;
		snprintf(texts[next_text], sizeof(texts[0]), "\x1b\xff%d", salt);
		*(const char **)field = texts[next_text];
		break;
	case MT_COLUMN_FRAMES:
	case MT_COLUMN_HIST:
		next_words = (next_words + 1) % 4;
		for (int i = 0; i < ARRAY_NR; i++)
			words[next_words][i] = i % 3 ? (MT_BLOB_COUNT_MAX >> 5 * i) + salt : 0;
		a = (struct mt_words){ words[next_words], ARRAY_NR };
		memcpy(field, &a, sizeof(a));
		break;
	}
}

static void unset_column(const struct mt_column *column, void *row)
{
	struct mt_words none = { NULL, 0 };

	switch (column->type) {
	case MT_COLUMN_I32:
		*(int32_t *)field_of(column, row) = -1;
		break;
	case MT_COLUMN_I64:
		*(int64_t *)field_of(column, row) = -1;
		break;
	case MT_COLUMN_TEXT:
		*(const char **)field_of(column, row) = NULL;
		break;
	default:
		memcpy(field_of(column, row), &none, sizeof(none));
	}
}

static void compare_column(const struct mt_column *column, void *put, void *got)
{
	static const size_t bytes[] = { [MT_COLUMN_BOOL] = sizeof(bool),
					[MT_COLUMN_U32] = 4,
					[MT_COLUMN_I32] = 4,
					[MT_COLUMN_U64] = 8,
					[MT_COLUMN_I64] = 8,
					[MT_COLUMN_F64] = 8 };
	void *a = field_of(column, put), *b = field_of(column, got);
	struct mt_words wa, wb;

	if (column->type == MT_COLUMN_TEXT) {
		if (!*(char **)a)
			assert_null(*(char **)b);
		else
			assert_string_equal(*(char **)a, *(char **)b);
	} else if (column->type == MT_COLUMN_FRAMES || column->type == MT_COLUMN_HIST) {
		memcpy(&wa, a, sizeof(wa));
		memcpy(&wb, b, sizeof(wb));
		assert_int_equal(wa.nr, wb.nr);
		if (wa.nr)
			assert_memory_equal(wa.words, wb.words, wa.nr * 8);
	} else {
		assert_memory_equal(a, b, bytes[column->type]);
	}
}

struct expectation {
	const struct mt_table *table;
	void *row;
	int seen;
};

static int expect_row(const void *row, void *arg)
{
	struct expectation *e = arg;

	for (int i = 0; i < e->table->nr; i++)
		compare_column(&e->table->columns[i], e->row, (void *)row);
	e->seen++;
	return 0;
}

#define PUT_AND_GET(id, name)                                                         \
	static int expect_##name(const struct mt_##name##_row *row, void *arg)        \
	{                                                                             \
		return expect_row(row, arg);                                          \
	}                                                                             \
                                                                                      \
	static void put_and_get_##name(bool set)                                      \
	{                                                                             \
		__cleanup(mt_capture_free) struct mt_capture *c = create();           \
		struct mt_##name##_row row;                                           \
		struct expectation e = { &mt_tables[MT_TABLE_##id], &row, 0 };        \
                                                                                      \
		memset(&row, 0, sizeof(row));                                         \
		for (int i = 0; i < e.table->nr; i++)                                 \
			if (set || !(e.table->columns[i].flags & MT_COLUMN_NULLABLE)) \
				fill_column(&e.table->columns[i], &row, i);           \
			else                                                          \
				unset_column(&e.table->columns[i], &row);             \
		assert_int_equal(mt_capture_put_##name(c, &row), 0);                  \
		assert_int_equal(mt_capture_put_##name(c, &row), 0);                  \
		mt_capture_free(&c);                                                  \
		assert_int_equal(mt_capture_open(&c, path), 0);                       \
		assert_int_equal(mt_capture_each_##name(c, expect_##name, &e), 0);    \
		assert_int_equal(e.seen, 1);                                          \
	}
MT_TABLE_ROWS(PUT_AND_GET)

static void test_every_row_returns(void **state)
{
#define BOTH_WAYS(id, name)       \
	put_and_get_##name(true); \
	put_and_get_##name(false);
	MT_TABLE_ROWS(BOTH_WAYS)
}

/* What fill_column() cannot notice: a field that has no column. */
static void test_every_field_has_a_column(void **state)
{
	static const size_t bytes[] = { 1, 4, 4, 8, 8, 8, 8, 16, 16 };

	for (int t = 0; t < MT_TABLE_MAX; t++) {
		const struct mt_table *table = &mt_tables[t];
		_free_ char *covered = calloc(1, table->row_bytes + 8);
		size_t hole = 0;

		for (int i = 0; i < table->nr; i++)
			memset(covered + table->columns[i].offset, 1,
			       bytes[table->columns[i].type]);
		if (t == MT_TABLE_SITE) /* the pointer to the storm beside it */
			memset(covered + offsetof(struct mt_site_row, storm), 1, sizeof(void *));
		for (size_t i = 0; i < table->row_bytes; i++) {
			hole = covered[i] ? 0 : hole + 1;
			/* Padding is shorter than what it aligns to. */
			assert_true(hole < 8);
			assert_true(hole < 4 || i % 8 != 3 || covered[i + 1] == 0);
		}
	}
}

static int expect_site(const struct mt_site_row *row, void *arg)
{
	struct expectation *e = arg;
	struct mt_stored_site stored = { *row, {} };

	assert_true(!!row->storm == (e->seen == 0));
	if (!row->storm) {
		assert_string_equal(row->kind, "malloc");
		return 0;
	}
	stored.storm = *row->storm;
	return expect_row(&stored, arg);
}

static void test_site_with_and_without_storm(void **state)
{
	__cleanup(mt_capture_free) struct mt_capture *c = create();
	struct mt_stored_site site = {};
	struct expectation e = { &mt_tables[MT_TABLE_SITE], &site, 0 };

	for (int i = 0; i < e.table->nr; i++)
		fill_column(&e.table->columns[i], &site, i);
	site.row.storm = &site.storm;
	assert_int_equal(mt_capture_put_site(c, &site.row), 0);
	site.row.storm = NULL;
	site.row.kind = "malloc";
	assert_int_equal(mt_capture_put_site(c, &site.row), 0);
	site.row.kind = "\x1b\xff"
			"2";
	mt_capture_free(&c);
	assert_int_equal(mt_capture_open(&c, path), 0);
	assert_int_equal(mt_capture_each_site(c, expect_site, &e), 0);
	assert_int_equal(e.seen, 1);
}

static int expect_meta(const char *key, const char *value, void *arg)
{
	assert_string_equal(key, MT_META_TRAPS);
	assert_string_equal(value, "-9223372036854775808");
	++*(int *)arg;
	return 0;
}

static int expect_lost(const char *name, int64_t cnt, void *arg)
{
	assert_string_equal(name, "ring_full");
	assert_int_equal(cnt, 7);
	++*(int *)arg;
	return 0;
}

static int stop(const char *name, int64_t cnt, void *arg)
{
	++*(int *)arg;
	return -ECANCELED;
}

static void test_meta_and_lost(void **state)
{
	__cleanup(mt_capture_free) struct mt_capture *c = create();
	int seen = 0;

	assert_int_equal(mt_capture_put_meta(c, MT_META_TRAPS, "first"), 0);
	assert_int_equal(mt_capture_put_meta_int(c, MT_META_TRAPS, INT64_MIN), 0);
	assert_int_equal(mt_capture_put_lost(c, "ring_full", 7), 0);
	assert_int_equal(mt_capture_each_meta(c, expect_meta, &seen), 0);
	assert_int_equal(mt_capture_each_lost(c, expect_lost, &seen), 0);
	assert_int_equal(seen, 2);
	assert_int_equal(mt_capture_put_lost(c, "a", 1), 0);
	assert_int_equal(mt_capture_each_lost(c, stop, &seen), -ECANCELED);
	assert_int_equal(seen, 3);
}

/* ---- creating ----------------------------------------------------------------------------- */

static void test_create_is_private_and_exclusive(void **state)
{
	__cleanup(mt_capture_free) struct mt_capture *c = NULL;
	mode_t mask = umask(0);
	char target[160];
	struct stat st;

	assert_int_equal(mt_capture_create(&c, path, false), 0);
	assert_int_equal(mt_capture_begin(c), 0);
	assert_int_equal(mt_capture_put_lost(c, "x", 1), 0);
	snprintf(target, sizeof(target), "%s-journal", path);
	assert_int_equal(stat(target, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(mt_capture_commit(c), 0);
	assert_int_equal(count_files(), 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	mt_capture_free(&c);
	umask(mask);

	assert_int_equal(mt_capture_create(&c, path, false), -EEXIST);
	assert_int_equal(mt_capture_create(&c, path, true), 0);
	mt_capture_free(&c);

	/* Neither a link's target nor the link itself is touched. */
	snprintf(target, sizeof(target), "%s/target", directory);
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(mt_capture_create(&c, path, false), -EEXIST);
	assert_int_equal(mt_capture_create(&c, path, true), -EEXIST);
	assert_int_equal(access(target, F_OK), -1);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(mt_capture_create(&c, path, true), -EEXIST);
	assert_int_equal(mt_capture_create(&c, "/nowhere/at/all", false), -ENOENT);
}

static void test_full_disk_keeps_the_ticks_before(void **state)
{
	__cleanup(mt_capture_free) struct mt_capture *c = create();
	struct mt_gap_row gap = { .why = "tick" };
	int err = 0, seen = 0;

	assert_int_equal(mt_capture_begin(c), 0);
	assert_int_equal(mt_capture_put_lost(c, "ring_full", 7), 0);
	assert_int_equal(mt_capture_commit(c), 0);
	assert_int_equal(sqlite3_exec(c->db, "PRAGMA max_page_count=20", NULL, NULL, NULL), 0);
	assert_int_equal(mt_capture_begin(c), 0);
	for (; !err && gap.from_ns < 100000; gap.from_ns++)
		err = mt_capture_put_gap(c, &gap);
	assert_int_equal(err, -ENOSPC);
	mt_capture_free(&c);
	assert_int_equal(mt_capture_open(&c, path), 0);
	assert_int_equal(mt_capture_each_lost(c, expect_lost, &seen), 0);
	assert_int_equal(seen, 1);
}

struct kept {
	int64_t samples[2];
	int64_t bills[2];
	int64_t mappings[2];
};

static int count_sample(const struct mt_sample_row *row, void *arg)
{
	((struct kept *)arg)->samples[row->process - 1]++;
	return 0;
}

static int count_bill(const struct mt_bill_row *row, void *arg)
{
	((struct kept *)arg)->bills[row->process - 1]++;
	return 0;
}

static int count_mapping(const struct mt_bill_mapping_row *row, void *arg)
{
	((struct kept *)arg)->mappings[row->process - 1]++;
	return 0;
}

static struct kept count_kept(struct mt_capture *c)
{
	struct kept kept = { 0 };

	assert_int_equal(mt_capture_each_sample(c, count_sample, &kept), 0);
	assert_int_equal(mt_capture_each_bill(c, count_bill, &kept), 0);
	assert_int_equal(mt_capture_each_bill_mapping(c, count_mapping, &kept), 0);
	return kept;
}

/* One process's, of one kind, and no more. */
static void test_drop(void **state)
{
	__cleanup(mt_capture_free) struct mt_capture *c = create();
	struct kept kept;

	assert_int_equal(mt_capture_begin(c), 0);
	for (uint32_t i = 0; i < 6; i++) {
		uint32_t process = i % 2 + 1;
		struct mt_sample_row sample = { .process = process, .t_ns = i };
		struct mt_bill_row bill = { .process = process, .at = i < 2 ? "peak" : "end" };
		struct mt_bill_mapping_row mapping = {
			.process = process,
			.at = "peak",
			.rank = i,
			.part = "file",
			.name = "n",
		};

		assert_int_equal(mt_capture_put_sample(c, &sample), 0);
		assert_int_equal(mt_capture_put_bill(c, &bill), 0);
		assert_int_equal(mt_capture_put_bill_mapping(c, &mapping), 0);
	}
	assert_int_equal(mt_capture_drop_samples(c, 2), 0);
	kept = count_kept(c);
	assert_memory_equal(&kept, (&(struct kept){ { 3, 0 }, { 2, 2 }, { 3, 3 } }), sizeof(kept));
	assert_int_equal(mt_capture_drop_bills(c, 1), 0);
	assert_int_equal(mt_capture_commit(c), 0);
	kept = count_kept(c);
	assert_memory_equal(&kept, (&(struct kept){ { 3, 0 }, { 0, 2 }, { 0, 3 } }), sizeof(kept));
}

/* ---- files that are not captures ------------------------------------------------------------ */

static void write_file(const char *bytes, size_t nr)
{
	_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, bytes, nr), nr);
}

static void sql(const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), 0);
	if (sqlite3_exec(db, text, NULL, NULL, NULL))
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static void test_foreign_files(void **state)
{
	char zeroes[4096] = {};
	char id[64];

	assert_int_equal(open_it(), -ENOENT);
	write_file("", 0);
	assert_int_equal(open_it(), -EBADMSG);
	write_file("hello", 5);
	assert_int_equal(open_it(), -EBADMSG);
	write_file(zeroes, sizeof(zeroes));
	assert_int_equal(open_it(), -EBADMSG);
	unlink(path);
	sql("CREATE TABLE meta(key TEXT)");
	assert_int_equal(open_it(), -EBADMSG);
	snprintf(id, sizeof(id), "PRAGMA application_id=%d; PRAGMA user_version=%d",
		 MT_CAPTURE_APPLICATION_ID, MT_CAPTURE_SCHEMA);
	sql(id);
	assert_int_equal(open_it(), -EBADMSG);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(open_it(), -EBADMSG);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(open_it(), -EBADMSG);
	rmdir(path);
}

static void test_altered_schemas(void **state)
{
	static const struct {
		const char *sql;
		int err;
	} cases[] = {
		{ "PRAGMA user_version=10", -EPROTO },
		{ "PRAGMA user_version=8", -EPROTO },
		{ "PRAGMA user_version=7", -EPROTO },
		{ "PRAGMA user_version=6", -EPROTO },
		{ "PRAGMA user_version=5", -EPROTO },
		{ "PRAGMA user_version=4", -EPROTO },
		{ "PRAGMA user_version=3", -EPROTO },
		{ "PRAGMA user_version=2", -EPROTO },
		{ "PRAGMA user_version=1", -EPROTO },
		{ "PRAGMA user_version=0", -EPROTO },
		{ "PRAGMA application_id=1", -EBADMSG },
		{ "PRAGMA journal_mode=WAL", -EBADMSG },
		{ "CREATE TRIGGER t AFTER INSERT ON lost BEGIN DELETE FROM meta; END", -EBADMSG },
		{ "CREATE VIEW v AS SELECT * FROM lost", -EBADMSG },
		{ "CREATE TABLE another(x)", -EBADMSG },
		{ "DROP TABLE gap", -EBADMSG },
		{ "DROP TABLE gap; CREATE VIEW gap AS SELECT 1 process", -EBADMSG },
		{ "ALTER TABLE lost ADD COLUMN x", -EBADMSG },
		{ "VACUUM", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		__cleanup(mt_capture_free) struct mt_capture *c = create();

		mt_capture_free(&c);
		sql(cases[i].sql);
		assert_int_equal(open_it(), cases[i].err);
	}
}

static int ignore_gap(const struct mt_gap_row *row, void *arg)
{
	return 0;
}

static int ignore_stack(const struct mt_stack_row *row, void *arg)
{
	return 0;
}

static int ignore_site(const struct mt_site_row *row, void *arg)
{
	return 0;
}

static int ignore_thread(const struct mt_thread_row *row, void *arg)
{
	return 0;
}

#define SITE  "INSERT INTO site VALUES(1,2,'malloc',1,1,0,0,0,0,0,0,1,"
#define STORM ",NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL)"
#define REST  ",NULL,NULL,NULL,NULL,NULL,0,0,0,0,0,0" STORM

static void test_values_that_are_never_written(void **state)
{
	static const struct {
		const char *sql;
		int err;
	} cases[] = {
		{ "INSERT INTO gap VALUES(1,2,3,'x')", 0 },
		{ "INSERT INTO gap VALUES(-1,2,3,'x')", -EBADMSG },
		{ "INSERT INTO gap VALUES(4294967296,2,3,'x')", -EBADMSG },
		{ "INSERT INTO gap VALUES('one',2,3,'x')", -EBADMSG },
		{ "INSERT INTO gap VALUES(1,2,4611686018427387904,'x')", -EBADMSG },
		{ "INSERT INTO gap VALUES(1,2,3,x'00')", -EBADMSG },
		{ "INSERT INTO gap VALUES(1,2,3.5,'x')", -EBADMSG },
		{ "INSERT INTO stack VALUES(1,x'0102030405060708',NULL)", 0 },
		{ "INSERT INTO stack VALUES(1,NULL,NULL)", 0 },
		{ "INSERT INTO stack VALUES(1,x'01020304050607',NULL)", -EBADMSG },
		{ "INSERT INTO stack VALUES(1,'12345678',NULL)", -EBADMSG },
		{ "INSERT INTO stack VALUES(1,5,NULL)", -EBADMSG },
		{ SITE "x'00ff01'" REST, 0 },
		{ SITE "x'80'" REST, -EBADMSG },
		{ SITE "x'ffffffffffffffff01'" REST, -EBADMSG },
		{ SITE "zeroblob(168)" REST, 0 },
		{ SITE "zeroblob(169)" REST, -EBADMSG },
		{ SITE "'text'" REST, -EBADMSG },
		{ SITE "NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,1.5,-2,1e300" STORM, 0 },
		{ SITE "NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,9e999,0,0" STORM, -EBADMSG },
		{ SITE "NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,'x',0,0" STORM, -EBADMSG },
		{ "INSERT INTO thread VALUES(1,2,'c',1,0,NULL,0,NULL,NULL,NULL)", 0 },
		{ "INSERT INTO thread VALUES(1,2,'c',2,0,NULL,0,NULL,NULL,NULL)", -EBADMSG },
		{ "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql="
		  "replace(sql,'why TEXT NOT NULL','why TEXT') WHERE name='gap'; VACUUM;",
		  1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		__cleanup(mt_capture_free) struct mt_capture *c = create();
		int err;

		mt_capture_free(&c);
		sql(cases[i].sql);
		err = mt_capture_open(&c, path);
		if (cases[i].err == 1) {
			assert_int_equal(err, -EBADMSG);
			continue;
		}
		assert_int_equal(err, 0);
		err = mt_capture_each_gap(c, ignore_gap, NULL) ?:
		      mt_capture_each_stack(c, ignore_stack, NULL) ?:
		      mt_capture_each_site(c, ignore_site, NULL) ?:
		      mt_capture_each_thread(c, ignore_thread, NULL);
		if (err != cases[i].err)
			fail_msg("%s: %d", cases[i].sql, err);
	}
}

/* Rows that share pages, so that a small file never ends, cost more than the file holds. */
static void test_more_rows_than_the_file_has_room_for(void **state)
{
	__cleanup(mt_capture_free) struct mt_capture *c = create();
	uint64_t frames[100] = {};
	struct mt_stack_row row = { 1, frames, 100 };

	assert_int_equal(mt_capture_put_stack(c, &row), 0);
	mt_capture_free(&c);
	assert_int_equal(mt_capture_open(&c, path), 0);
	assert_int_equal(mt_capture_each_stack(c, ignore_stack, NULL), 0);
	c->readable_bytes = 801;
	assert_int_equal(mt_capture_each_stack(c, ignore_stack, NULL), 0);
	c->readable_bytes = 800;
	assert_int_equal(mt_capture_each_stack(c, ignore_stack, NULL), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIRECTORY(test_every_row_returns),
		IN_DIRECTORY(test_every_field_has_a_column),
		IN_DIRECTORY(test_site_with_and_without_storm),
		IN_DIRECTORY(test_meta_and_lost),
		IN_DIRECTORY(test_create_is_private_and_exclusive),
		IN_DIRECTORY(test_full_disk_keeps_the_ticks_before),
		IN_DIRECTORY(test_foreign_files),
		IN_DIRECTORY(test_altered_schemas),
		IN_DIRECTORY(test_drop),
		IN_DIRECTORY(test_values_that_are_never_written),
		IN_DIRECTORY(test_more_rows_than_the_file_has_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
