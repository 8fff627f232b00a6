// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Rows out of a file that nobody vouches for: each value is checked against its column's
 * type and range before a callback sees it.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "capture/blob.h"
#include "capture/schema.h"
#include "util/cleanup.h"
#include "util/log.h"

/* Any two numbers of a row can be subtracted. */
#define INT_MAX_READ ((1LL << 62) - 1)

/* The row in hand; arrays are decoded into `words`. */
struct reading {
	sqlite3_stmt *stmt;
	const struct mt_table *table;
	uint64_t *words;
	size_t words_cap;
	size_t words_used;
	int64_t bytes; /* read of this table so far */
};

static void end_reading(struct reading *r)
{
	sqlite3_finalize(r->stmt);
	free(r->words);
}

static int read_int(struct reading *r, int index, int64_t *out, int64_t min, int64_t max)
{
	const struct mt_column *column = &r->table->columns[index];

	if (sqlite3_column_type(r->stmt, index) == SQLITE_NULL &&
	    column->flags & MT_COLUMN_NULLABLE) {
		*out = -1;
		return 0;
	}
	*out = sqlite3_column_int64(r->stmt, index);
	if (sqlite3_column_type(r->stmt, index) != SQLITE_INTEGER || *out < min || *out > max)
		return -EBADMSG;
	return 0;
}

static int read_text(struct reading *r, int index, const char **out)
{
	const struct mt_column *column = &r->table->columns[index];
	int type = sqlite3_column_type(r->stmt, index);

	*out = NULL;
	if (type == SQLITE_NULL && column->flags & MT_COLUMN_NULLABLE)
		return 0;
	if (type != SQLITE_TEXT)
		return -EBADMSG;
	*out = (const char *)sqlite3_column_text(r->stmt, index);
	return *out ? 0 : -ENOMEM;
}

static int read_words(struct reading *r, int index, void *field)
{
	const struct mt_column *column = &r->table->columns[index];
	const uint8_t *blob = sqlite3_column_blob(r->stmt, index);
	int type = sqlite3_column_type(r->stmt, index);
	size_t bytes = sqlite3_column_bytes(r->stmt, index);
	uint64_t *next = r->words_used ? r->words + r->words_used : r->words; /* may be none */
	struct mt_words a = { next, 0 };
	int nr = 0;

	if (type != SQLITE_BLOB && !(type == SQLITE_NULL && column->flags & MT_COLUMN_NULLABLE))
		return -EBADMSG;
	if (blob && column->type == MT_COLUMN_FRAMES)
		nr = mt_blob_decode_frames(next, blob, bytes);
	else if (blob)
		nr = mt_blob_decode_hist(next, blob, bytes);
	if (nr < 0)
		return nr;
	r->words_used += nr;
	a.nr = nr;
	memcpy(field, &a, sizeof(a));
	return 0;
}

static int read_column(struct reading *r, int index, void *row)
{
	const struct mt_column *column = &r->table->columns[index];
	void *field = (char *)row + column->offset;
	int64_t v = 0;
	int err;

	switch (column->type) {
	case MT_COLUMN_BOOL:
		err = read_int(r, index, &v, 0, 1);
		*(bool *)field = v;
		return err;
	case MT_COLUMN_U32:
		err = read_int(r, index, &v, 0, UINT32_MAX);
		*(uint32_t *)field = v;
		return err;
	case MT_COLUMN_I32:
		err = read_int(r, index, &v, INT32_MIN, INT32_MAX);
		*(int32_t *)field = v;
		return err;
	case MT_COLUMN_U64:
		return read_int(r, index, field, INT64_MIN, INT64_MAX);
	case MT_COLUMN_I64:
		return read_int(r, index, field, -INT_MAX_READ, INT_MAX_READ);
	case MT_COLUMN_F64:
		*(double *)field = sqlite3_column_double(r->stmt, index);
		return sqlite3_column_type(r->stmt, index) == SQLITE_FLOAT &&
				       isfinite(*(double *)field)
			       ? 0
			       : -EBADMSG;
	case MT_COLUMN_TEXT:
		return read_text(r, index, field);
	case MT_COLUMN_FRAMES:
	case MT_COLUMN_HIST:
		return read_words(r, index, field);
	}
	return -EINVAL;
}

/*
 * Room for one word a blob byte. In an honest file every text and blob has bytes of its
 * own; a crafted one can share pages between rows and never end.
 */
static int measure_row(struct reading *r, int64_t readable_bytes)
{
	size_t blob_bytes = 0;
	uint64_t *words;

	r->words_used = 0;
	r->bytes++;
	for (int i = 0; i < r->table->nr; i++) {
		int type = sqlite3_column_type(r->stmt, i);

		if (type == SQLITE_BLOB)
			blob_bytes += sqlite3_column_bytes(r->stmt, i);
		else if (type == SQLITE_TEXT)
			r->bytes += sqlite3_column_bytes(r->stmt, i);
	}
	r->bytes += blob_bytes;
	if (r->bytes > readable_bytes)
		return -EBADMSG;
	if (blob_bytes <= r->words_cap)
		return 0;
	words = realloc(r->words, blob_bytes * sizeof(*words));
	if (!words)
		return -ENOMEM;
	r->words = words;
	r->words_cap = blob_bytes;
	return 0;
}

static int read_row(struct mt_capture *c, struct reading *r, void *row)
{
	int err = measure_row(r, c->readable_bytes);

	for (int i = 0; i < r->table->nr && !err; i++)
		err = read_column(r, i, row);
	if (err == -EBADMSG)
		return mt_err(err, "%s is damaged: table %s holds what memtide never writes",
			      c->path, r->table->name);
	return err;
}

static int each(struct mt_capture *c, enum mt_table_id id, int (*cb)(const void *row, void *arg),
		void *arg)
{
	__cleanup(end_reading) struct reading r = { .table = &mt_tables[id] };
	_free_ char *sql = mt_schema_select_sql(r.table);
	_free_ void *row = calloc(1, r.table->row_bytes);
	int rc, err = 0;

	if (!sql || !row)
		return -ENOMEM;
	if (sqlite3_prepare_v2(c->db, sql, -1, &r.stmt, NULL))
		return mt_capture_error(c, "read");
	while (!err && (rc = sqlite3_step(r.stmt)) == SQLITE_ROW) {
		err = read_row(c, &r, row);
		if (!err)
			err = cb(row, arg);
	}
	if (!err && rc != SQLITE_DONE)
		return mt_capture_error(c, "read");
	return err;
}

struct meta_call {
	int (*cb)(const char *key, const char *value, void *arg);
	void *arg;
};

static int call_meta(const void *row, void *arg)
{
	const struct mt_meta_row *meta = row;
	const struct meta_call *call = arg;

	return call->cb(meta->key, meta->value, call->arg);
}

int mt_capture_each_meta(struct mt_capture *c,
			 int (*cb)(const char *key, const char *value, void *), void *arg)
{
	return each(c, MT_TABLE_META, call_meta, &(struct meta_call){ cb, arg });
}

struct lost_call {
	int (*cb)(const char *name, int64_t cnt, void *arg);
	void *arg;
};

static int call_lost(const void *row, void *arg)
{
	const struct mt_lost_row *lost = row;
	const struct lost_call *call = arg;

	return call->cb(lost->name, lost->cnt, call->arg);
}

int mt_capture_each_lost(struct mt_capture *c, int (*cb)(const char *name, int64_t cnt, void *),
			 void *arg)
{
	return each(c, MT_TABLE_LOST, call_lost, &(struct lost_call){ cb, arg });
}

struct site_call {
	int (*cb)(const struct mt_site_row *row, void *arg);
	void *arg;
};

static int call_site(const void *row, void *arg)
{
	struct mt_stored_site site = *(const struct mt_stored_site *)row;
	const struct site_call *call = arg;

	site.row.storm = site.storm.calls == -1 ? NULL : &site.storm;
	return call->cb(&site.row, call->arg);
}

int mt_capture_each_site(struct mt_capture *c, int (*cb)(const struct mt_site_row *, void *),
			 void *arg)
{
	return each(c, MT_TABLE_SITE, call_site, &(struct site_call){ cb, arg });
}

#define EACH(id, name)                                                                           \
	struct name##_call {                                                                     \
		int (*cb)(const struct mt_##name##_row *row, void *arg);                         \
		void *arg;                                                                       \
	};                                                                                       \
                                                                                                 \
	static int call_##name(const void *row, void *arg)                                       \
	{                                                                                        \
		const struct name##_call *call = arg;                                            \
                                                                                                 \
		return call->cb(row, call->arg);                                                 \
	}                                                                                        \
                                                                                                 \
	int mt_capture_each_##name(struct mt_capture *c,                                         \
				   int (*cb)(const struct mt_##name##_row *, void *), void *arg) \
	{                                                                                        \
		return each(c, MT_TABLE_##id, call_##name, &(struct name##_call){ cb, arg });    \
	}
MT_TABLE_ROWS(EACH)
