// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "capture/schema.h"

#include <stdio.h>

#include "util/cleanup.h"

/* What each column type is in C; a column whose field is of another type does not compile. */
#define CTYPE_BOOL   bool
#define CTYPE_U32    uint32_t
#define CTYPE_I32    int32_t
#define CTYPE_U64    uint64_t
#define CTYPE_I64    int64_t
#define CTYPE_F64    double
#define CTYPE_TEXT   const char *
#define CTYPE_FRAMES const uint64_t *
#define CTYPE_HIST   struct mt_hist_row

#define SAME(row, field, ctype) __builtin_types_compatible_p(__typeof__(((row *)0)->field), ctype)
#define ZERO_IF(condition)	(sizeof(char[(condition) ? 1 : -1]) - 1)

#define COLUMN_OF(row, base, title, type, field, flags)                                         \
	{                                                                                       \
		title, MT_COLUMN_##type, flags,                                                 \
			(base) + offsetof(row, field) + ZERO_IF(SAME(row, field, CTYPE_##type)) \
	}

#define KEY(type, field)      COLUMN_OF(ROW, 0, #field, type, field, MT_COLUMN_KEY)
#define COLUMN(type, field)   COLUMN_OF(ROW, 0, #field, type, field, 0)
#define NULLABLE(type, field) COLUMN_OF(ROW, 0, #field, type, field, MT_COLUMN_NULLABLE)
#define BURSTS(type, field)   COLUMN_OF(ROW, 0, "burst_" #field, type, bursts.field, 0)
#define BUILD(type, field)    COLUMN_OF(ROW, 0, "build_" #field, type, build.field, MT_COLUMN_NULLABLE)
#define TALLY(field)                                                           \
	COLUMN_OF(ROW, 0, #field "_sum", F64, field##_tally.sum, 0),           \
		COLUMN_OF(ROW, 0, #field "_sum2", F64, field##_tally.sum2, 0), \
		COLUMN_OF(ROW, 0, #field "_cross", F64, field##_tally.cross, 0)
#define STORM(type, field)                                                                      \
	COLUMN_OF(struct mt_storm_row, offsetof(struct mt_stored_site, storm), "storm_" #field, \
		  type, field, MT_COLUMN_NULLABLE)

/* The reader and the writer take an address and a count as one struct mt_words. */
_Static_assert(sizeof(struct mt_hist_row) == sizeof(struct mt_words) &&
		       offsetof(struct mt_hist_row, nr) == offsetof(struct mt_words, nr) &&
		       offsetof(struct mt_stack_row, nr) - offsetof(struct mt_stack_row, frames) ==
			       offsetof(struct mt_words, nr),
	       "arrays are a pointer and a count");
_Static_assert(offsetof(struct mt_stored_site, row) == 0, "site columns are those of the row");

#define ROW struct mt_meta_row
static const struct mt_column meta_columns[] = { KEY(TEXT, key), COLUMN(TEXT, value) };
#undef ROW

#define ROW struct mt_lost_row
static const struct mt_column lost_columns[] = { KEY(TEXT, name), COLUMN(I64, cnt) };
#undef ROW

#define ROW struct mt_probe_row
static const struct mt_column probe_columns[] = {
	KEY(TEXT, module),	   KEY(TEXT, function), KEY(U64, offset),
	NULLABLE(TEXT, placement), KEY(TEXT, kind),
};
#undef ROW

#define ROW struct mt_process_row
static const struct mt_column process_columns[] = {
	KEY(U32, id),
	COLUMN(U32, parent_id),
	COLUMN(I32, pid),
	COLUMN(I32, ppid),
	COLUMN(TEXT, comm),
	NULLABLE(TEXT, exe),
	NULLABLE(TEXT, cgroup),
	NULLABLE(TEXT, allocators),
	NULLABLE(TEXT, runtimes),
	NULLABLE(TEXT, heap_note),
	COLUMN_OF(ROW, 0, "build_language", I32, build.language, 0),
	BUILD(I32, overflow_checks),
	BUILD(I32, unwinds),
	BUILD(I32, optimised),
	BUILD(I64, codegen_units),
	BUILD(I64, symbol_bytes),
	BUILD(I64, unwind_bytes),
	COLUMN(I64, start_ns),
	NULLABLE(I64, end_ns),
	COLUMN(TEXT, ended),
	NULLABLE(I32, exit_status),
	COLUMN(BOOL, oom_killed),
	COLUMN(TEXT, since),
	NULLABLE(I64, seen_ns),
	NULLABLE(I64, peak_rss_bytes),
	NULLABLE(I64, peak_rss_ns),
	NULLABLE(TEXT, peak_rss_kind),
	NULLABLE(I64, peak_rss_error_bytes),
	NULLABLE(I64, peak_mapped_bytes),
	NULLABLE(I64, heap_live_bytes),
	NULLABLE(I64, heap_peak_bytes),
	NULLABLE(I64, heap_peak_ns),
	COLUMN(I64, unknown_free_cnt),
	COLUMN(I64, inherited_free_cnt),
	COLUMN(I64, flushed_free_cnt),
	COLUMN(I64, failed_cnt),
	COLUMN(I64, realloc_failed_cnt),
	COLUMN(I64, discarded_cnt),
	COLUMN(BOOL, entry_only),
	COLUMN(I64, entry_free_cnt),
	COLUMN(I64, cpu_ns),
	NULLABLE(I64, trap_ns),
	COLUMN(I64, run_ns),
	COLUMN(I64, bill_ns),
	COLUMN(I32, windowed),
	BURSTS(I64, cnt),
	BURSTS(F64, progress_ns),
	BURSTS(F64, stretch_ns),
	BURSTS(F64, stretch_ns2),
	BURSTS(F64, spent_ns),
	BURSTS(F64, doubt_ns),
	COLUMN(F64, burst_own_ns),
	TALLY(alloc_cnt),
	TALLY(alloc_bytes),
	NULLABLE(I64, exact_since_ns),
	NULLABLE(I64, alloc_cnt),
	NULLABLE(I64, alloc_bytes),
	NULLABLE(I64, free_cnt),
	NULLABLE(I64, anon_grown_bytes),
	NULLABLE(I64, anon_heap_bytes),
	COLUMN(I64, mmap_cnt),
	COLUMN(I64, mmap_bytes),
	COLUMN(I64, munmap_cnt),
	COLUMN(I64, munmap_bytes),
	COLUMN(I64, mremap_cnt),
	COLUMN(I64, brk_grown_bytes),
	COLUMN(I64, map_live_bytes),
	COLUMN(I64, map_peak_bytes),
	COLUMN(I64, arena_reserved_bytes),
	NULLABLE(I64, fault_cnt),
	NULLABLE(I64, fault_period),
	NULLABLE(I64, anon_rss_bytes),
	NULLABLE(I64, shared_rss_bytes),
	COLUMN(I64, threads_created),
	COLUMN(I64, threads_exited),
	COLUMN(I64, threads_peak_alive),
	COLUMN(I64, stack_reserved_peak_bytes),
	NULLABLE(I64, stack_touched_peak_bytes),
};
#undef ROW

#define ROW struct mt_module_row
static const struct mt_column module_columns[] = {
	KEY(U32, process),	  KEY(U64, start),    COLUMN(U64, end),
	COLUMN(U64, file_offset), COLUMN(TEXT, path), NULLABLE(TEXT, build_id),
};
#undef ROW

#define ROW struct mt_stack_row
static const struct mt_column stack_columns[] = {
	KEY(U64, id),
	NULLABLE(FRAMES, frames),
	NULLABLE(TEXT, end),
};
#undef ROW

#define ROW struct mt_symbol_row
static const struct mt_column symbol_columns[] = {
	KEY(U32, process),     KEY(U64, address),	 KEY(U32, depth),
	COLUMN(BOOL, inlined), NULLABLE(TEXT, function), NULLABLE(TEXT, file),
	COLUMN(U32, line),     NULLABLE(TEXT, module),	 COLUMN(U64, offset),
};
#undef ROW

#define ROW struct mt_site_row
static const struct mt_column site_columns[] = {
	KEY(U32, process),
	KEY(U64, stack),
	KEY(TEXT, kind),
	COLUMN(I64, alloc_cnt),
	COLUMN(I64, alloc_bytes),
	COLUMN(I64, free_cnt),
	COLUMN(I64, free_bytes),
	COLUMN(I64, at_peak_cnt),
	COLUMN(I64, at_peak_bytes),
	COLUMN(I64, temporary_cnt),
	COLUMN(I64, short_lived_cnt),
	COLUMN(I64, max_bytes),
	NULLABLE(HIST, sizes),
	NULLABLE(HIST, lifetimes),
	NULLABLE(HIST, ages),
	NULLABLE(I64, max_age_ns),
	NULLABLE(I64, large_bytes),
	NULLABLE(I64, large_resident_bytes),
	TALLY(alloc_cnt),
	TALLY(alloc_bytes),
	STORM(I64, calls),
	STORM(I64, grown),
	STORM(I64, moved),
	STORM(I64, copied_bytes),
	STORM(I64, chains),
	STORM(I64, longest_chain),
	STORM(I64, busiest_100ms_calls),
	STORM(HIST, final_sizes),
};
#undef ROW

#define ROW struct mt_map_site_row
static const struct mt_column map_site_columns[] = {
	KEY(U32, process),	    KEY(U64, stack),	KEY(TEXT, kind),
	COLUMN(I64, cnt),	    COLUMN(I64, bytes), COLUMN(I64, live_bytes),
	COLUMN(I64, at_peak_bytes),
};
#undef ROW

#define ROW struct mt_fault_site_row
static const struct mt_column fault_site_columns[] = {
	KEY(U32, process),	 KEY(U64, stack),	 KEY(TEXT, class),
	COLUMN(I64, sample_cnt), COLUMN(I64, fault_cnt), COLUMN(I64, bytes),
};
#undef ROW

#define ROW struct mt_thread_row
static const struct mt_column thread_columns[] = {
	KEY(U32, process),	    KEY(I32, tid),
	COLUMN(TEXT, comm),	    COLUMN(BOOL, main),
	KEY(I64, start_ns),	    NULLABLE(I64, end_ns),
	COLUMN(U64, spawn_stack),   NULLABLE(I64, reserved_bytes),
	NULLABLE(I64, guard_bytes), NULLABLE(I64, touched_bytes),
};
#undef ROW

#define ROW struct mt_spawn_row
static const struct mt_column spawn_columns[] = {
	KEY(U32, process),	     KEY(U64, stack),
	COLUMN(I64, created),	     COLUMN(I64, peak_alive),
	COLUMN(I64, reserved_bytes), NULLABLE(I64, touched_max_bytes),
};
#undef ROW

#define ROW struct mt_sample_row
static const struct mt_column sample_columns[] = {
	KEY(U32, process),	   KEY(I64, t_ns),
	COLUMN(I64, rss_bytes),	   NULLABLE(I64, heap_live_bytes),
	COLUMN(I64, mapped_bytes), COLUMN(I64, threads),
};
#undef ROW

#define ROW struct mt_gap_row
static const struct mt_column gap_columns[] = {
	KEY(U32, process),
	KEY(I64, from_ns),
	COLUMN(I64, to_ns),
	COLUMN(TEXT, why),
};
#undef ROW

#define ROW struct mt_phase_row
static const struct mt_column phase_columns[] = { KEY(I64, from_ns), COLUMN(TEXT, layer) };
#undef ROW

#define ROW struct mt_bill_row
static const struct mt_column bill_columns[] = {
	KEY(U32, process),
	KEY(TEXT, at),
	COLUMN(I64, t_ns),
	COLUMN(I64, rss_bytes),
	COLUMN(I64, allocator_bytes),
	NULLABLE(I64, heap_live_bytes),
	COLUMN(I64, thread_stacks_bytes),
	COLUMN(I64, file_bytes),
	COLUMN(I64, shmem_bytes),
	COLUMN(I64, other_anon_bytes),
	COLUMN(I64, unexplained_bytes),
	NULLABLE(I64, page_tables_bytes),
	NULLABLE(I64, kernel_stacks_bytes),
};
#undef ROW

#define ROW struct mt_bill_mapping_row
static const struct mt_column bill_mapping_columns[] = {
	KEY(U32, process),  KEY(TEXT, at),	KEY(U32, rank),
	COLUMN(TEXT, part), COLUMN(TEXT, name), COLUMN(I64, rss_bytes),
};
#undef ROW

#define TABLE(id, name, row) \
	[MT_TABLE_##id] = { #name, sizeof(row), name##_columns, ARRAY_SIZE(name##_columns) },
#define ROW_TABLE(id, name) TABLE(id, name, struct mt_##name##_row)

const struct mt_table mt_tables[MT_TABLE_MAX] = {
	/* clang-format off */
	TABLE(META, meta, struct mt_meta_row)
	TABLE(LOST, lost, struct mt_lost_row)
	TABLE(SITE, site, struct mt_stored_site)
	MT_TABLE_ROWS(ROW_TABLE)
	/* clang-format on */
};

static const char *sql_type(enum mt_column_type type)
{
	switch (type) {
	case MT_COLUMN_TEXT:
		return "TEXT";
	case MT_COLUMN_FRAMES:
	case MT_COLUMN_HIST:
		return "BLOB";
	case MT_COLUMN_F64:
		return "REAL";
	default:
		return "INTEGER";
	}
}

static void print_names(FILE *out, const struct mt_table *table, int flag)
{
	const char *separator = "";

	for (int i = 0; i < table->nr; i++) {
		if (flag && !(table->columns[i].flags & flag))
			continue;
		fprintf(out, "%s%s", separator, table->columns[i].name);
		separator = ",";
	}
}

char *mt_schema_create_sql(const struct mt_table *table)
{
	_free_ char *sql = NULL;
	size_t size;
	FILE *out = open_memstream(&sql, &size);

	if (!out)
		return NULL;
	fprintf(out, "CREATE TABLE %s(", table->name);
	for (int i = 0; i < table->nr; i++)
		fprintf(out, "%s %s%s,", table->columns[i].name, sql_type(table->columns[i].type),
			table->columns[i].flags & MT_COLUMN_NULLABLE ? "" : " NOT NULL");
	fputs("PRIMARY KEY(", out);
	print_names(out, table, MT_COLUMN_KEY);
	fputs(")) WITHOUT ROWID", out);
	return fclose(out) ? NULL : TAKE_PTR(sql);
}

char *mt_schema_insert_sql(const struct mt_table *table)
{
	_free_ char *sql = NULL;
	size_t size;
	FILE *out = open_memstream(&sql, &size);

	if (!out)
		return NULL;
	fprintf(out, "INSERT OR REPLACE INTO %s VALUES(?", table->name);
	for (int i = 1; i < table->nr; i++)
		fputs(",?", out);
	fputs(")", out);
	return fclose(out) ? NULL : TAKE_PTR(sql);
}

char *mt_schema_select_sql(const struct mt_table *table)
{
	_free_ char *sql = NULL;
	size_t size;
	FILE *out = open_memstream(&sql, &size);

	if (!out)
		return NULL;
	fputs("SELECT ", out);
	print_names(out, table, 0);
	fprintf(out, " FROM %s ORDER BY ", table->name);
	print_names(out, table, MT_COLUMN_KEY);
	return fclose(out) ? NULL : TAKE_PTR(sql);
}
