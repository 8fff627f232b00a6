// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "capture/blob.h"
#include "capture/schema.h"
#include "util/cleanup.h"

static int bind_int(sqlite3_stmt *stmt, int index, const struct mt_column *column, int64_t v)
{
	if (v == -1 && column->flags & MT_COLUMN_NULLABLE)
		return sqlite3_bind_null(stmt, index);
	return sqlite3_bind_int64(stmt, index, v);
}

static int bind_words(sqlite3_stmt *stmt, int index, const struct mt_column *column,
		      const void *field)
{
	_free_ uint8_t *blob = NULL;
	struct mt_words a;
	size_t bytes;

	memcpy(&a, field, sizeof(a));
	if (!a.nr)
		return sqlite3_bind_null(stmt, index);
	blob = malloc(mt_blob_max_bytes(a.nr));
	if (!blob)
		return SQLITE_NOMEM;
	if (column->type == MT_COLUMN_FRAMES)
		bytes = mt_blob_encode_frames(blob, a.words, a.nr);
	else
		bytes = mt_blob_encode_hist(blob, a.words, a.nr);
	return sqlite3_bind_blob64(stmt, index, blob, bytes, SQLITE_TRANSIENT);
}

static int bind_text(sqlite3_stmt *stmt, int index, const char *text)
{
	size_t bytes = text ? strnlen(text, MT_TEXT_MAX_BYTES) : 0;

	/* Static: the row outlives the step that follows. A NULL text binds NULL. */
	return sqlite3_bind_text(stmt, index, text, bytes, SQLITE_STATIC);
}

static int bind_column(sqlite3_stmt *stmt, int index, const struct mt_column *column,
		       const void *row)
{
	const void *field = (const char *)row + column->offset;

	switch (column->type) {
	case MT_COLUMN_BOOL:
		return bind_int(stmt, index, column, *(const bool *)field);
	case MT_COLUMN_U32:
		return bind_int(stmt, index, column, *(const uint32_t *)field);
	case MT_COLUMN_I32:
		return bind_int(stmt, index, column, *(const int32_t *)field);
	case MT_COLUMN_U64:
	case MT_COLUMN_I64:
		return bind_int(stmt, index, column, *(const int64_t *)field);
	case MT_COLUMN_F64:
		return sqlite3_bind_double(stmt, index, *(const double *)field);
	case MT_COLUMN_TEXT:
		return bind_text(stmt, index, *(const char *const *)field);
	case MT_COLUMN_FRAMES:
	case MT_COLUMN_HIST:
		return bind_words(stmt, index, column, field);
	}
	return SQLITE_MISUSE;
}

static int prepare(struct mt_capture *c, enum mt_table_id id)
{
	_free_ char *sql = mt_schema_insert_sql(&mt_tables[id]);

	if (!sql)
		return SQLITE_NOMEM;
	return sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &c->put[id], NULL);
}

static int put(struct mt_capture *c, enum mt_table_id id, const void *row)
{
	const struct mt_table *table = &mt_tables[id];
	int rc = c->put[id] ? SQLITE_OK : prepare(c, id);

	for (int i = 0; i < table->nr && !rc; i++)
		rc = bind_column(c->put[id], i + 1, &table->columns[i], row);
	if (!rc && sqlite3_step(c->put[id]) != SQLITE_DONE)
		rc = sqlite3_errcode(c->db);
	if (rc == SQLITE_NOMEM)
		return -ENOMEM;
	if (rc) {
		int err = mt_capture_error(c, "write");

		sqlite3_reset(c->put[id]);
		return err;
	}
	sqlite3_reset(c->put[id]);
	return 0;
}

int mt_capture_put_meta(struct mt_capture *c, const char *key, const char *value)
{
	return put(c, MT_TABLE_META, &(struct mt_meta_row){ key, value });
}

int mt_capture_put_meta_int(struct mt_capture *c, const char *key, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	return mt_capture_put_meta(c, key, text);
}

int mt_capture_put_lost(struct mt_capture *c, const char *name, int64_t cnt)
{
	return put(c, MT_TABLE_LOST, &(struct mt_lost_row){ name, cnt });
}

int mt_capture_put_site(struct mt_capture *c, const struct mt_site_row *row)
{
	static const struct mt_storm_row none = { -1, -1, -1, -1, -1, -1, -1, {} };
	struct mt_stored_site site = { *row, row->storm ? *row->storm : none };

	return put(c, MT_TABLE_SITE, &site);
}

#define PUT(id, name)                                                                      \
	int mt_capture_put_##name(struct mt_capture *c, const struct mt_##name##_row *row) \
	{                                                                                  \
		return put(c, MT_TABLE_##id, row);                                         \
	}
MT_TABLE_ROWS(PUT)

static int drop(struct mt_capture *c, enum mt_table_id id, uint32_t process)
{
	char sql[96];

	snprintf(sql, sizeof(sql), "DELETE FROM %s WHERE process=%" PRIu32, mt_tables[id].name,
		 process);
	return sqlite3_exec(c->db, sql, NULL, NULL, NULL) ? mt_capture_error(c, "write") : 0;
}

int mt_capture_drop_samples(struct mt_capture *c, uint32_t process)
{
	return drop(c, MT_TABLE_SAMPLE, process);
}

int mt_capture_drop_bills(struct mt_capture *c, uint32_t process)
{
	int err = drop(c, MT_TABLE_BILL, process);

	return err ? err : drop(c, MT_TABLE_BILL_MAPPING, process);
}
