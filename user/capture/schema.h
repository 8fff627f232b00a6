/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * schema.h: the capture file's tables as data; private to user/capture.
 *
 * A table is a list of columns, and a column knows its name, its type and where its value
 * sits in the row struct. The SQL text, the writer's bind and the reader's checks all come
 * from these lists, so a new field is one line here. Constant data: thread-safe.
 */
#ifndef MT_CAPTURE_SCHEMA_H
#define MT_CAPTURE_SCHEMA_H

#include "capture/capture.h"

#include <sqlite3.h>

#define MT_CAPTURE_APPLICATION_ID 0x6d746364 /* "mtcd" */

/* The longest text that is kept; demangled names are the only ones that come near. */
#define MT_TEXT_MAX_BYTES 65536

enum mt_column_type {
	MT_COLUMN_BOOL,
	MT_COLUMN_U32,
	MT_COLUMN_I32,
	MT_COLUMN_U64, /* stored as the signed integer of the same bits */
	MT_COLUMN_I64,
	MT_COLUMN_F64,
	MT_COLUMN_TEXT,
	MT_COLUMN_FRAMES, /* blob: 8 bytes an address, little-endian */
	MT_COLUMN_HIST,	  /* blob: LEB128 counts from bucket 0 up, without trailing zeros */
};

enum mt_column_flag {
	MT_COLUMN_KEY = 1,
	MT_COLUMN_NULLABLE = 2, /* NULL is -1, a NULL pointer, or no counts */
};

struct mt_column {
	const char *name;
	enum mt_column_type type;
	int flags;
	size_t offset;
};

struct mt_table {
	const char *name;
	size_t row_bytes;
	const struct mt_column *columns;
	int nr;
};

/* X(enumerator, name); the rows whose callback and put take `struct mt_<name>_row`. */
#define MT_TABLE_ROWS(X)          \
	X(PROBE, probe)           \
	X(PROCESS, process)       \
	X(MODULE, module)         \
	X(STACK, stack)           \
	X(SYMBOL, symbol)         \
	X(MAP_SITE, map_site)     \
	X(FAULT_SITE, fault_site) \
	X(THREAD, thread)         \
	X(SPAWN, spawn)           \
	X(SAMPLE, sample)         \
	X(GAP, gap)               \
	X(PHASE, phase)           \
	X(BILL, bill)             \
	X(BILL_MAPPING, bill_mapping)

enum mt_table_id {
	MT_TABLE_META,
	MT_TABLE_LOST,
	MT_TABLE_SITE,
#define MT_TABLE_ENUM(id, name) MT_TABLE_##id,
	MT_TABLE_ROWS(MT_TABLE_ENUM)
#undef MT_TABLE_ENUM
		MT_TABLE_MAX
};

extern const struct mt_table mt_tables[MT_TABLE_MAX];

struct mt_meta_row {
	const char *key;
	const char *value;
};

struct mt_lost_row {
	const char *name;
	int64_t cnt;
};

/* A site as it is stored: its storm beside it; without one, calls is -1. */
struct mt_stored_site {
	struct mt_site_row row;
	struct mt_storm_row storm;
};

/* How a FRAMES or HIST column sits in a row. */
struct mt_words {
	const uint64_t *words;
	size_t nr;
};

struct mt_capture {
	sqlite3 *db;
	char *path;
	sqlite3_stmt *put[MT_TABLE_MAX];
	int64_t readable_bytes; /* no table of an honest file holds more than this */
};

/* SQL text, to be freed by the caller; NULL when out of memory. */
char *mt_schema_create_sql(const struct mt_table *table);
char *mt_schema_insert_sql(const struct mt_table *table);
char *mt_schema_select_sql(const struct mt_table *table);

/* Says what SQLite says about `verb`ing the capture, and returns it as -errno. */
int mt_capture_error(const struct mt_capture *c, const char *verb);

#endif
