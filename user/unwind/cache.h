/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * cache.h: tables on disk, by build id, so that a second recording builds none.
 *
 * In /var/cache/memtide for root, else in $XDG_CACHE_HOME/memtide or ~/.cache/memtide: a directory
 * of ours, 0700, files 0600, written under a temporary name and renamed. A file is taken only if
 * it is a regular one that we own and nobody else may write, was written by this version of the
 * builder and passes mt_table_check; else it is as if it were not there. The whole is kept below
 * MT_CACHE_BYTES_MAX by removing what was least recently used. Several recorders may use it at
 * a time.
 *
 * A cache that cannot be had costs time, never a recording: errors are -errno, not logged.
 * Not thread-safe.
 */
#ifndef MT_UNWIND_CACHE_H
#define MT_UNWIND_CACHE_H

#include <stdint.h>

#define MT_CACHE_BYTES_MAX (512ULL << 20)

struct mt_cache;
struct mt_table;

int mt_cache_open(struct mt_cache **out);
void mt_cache_close(struct mt_cache **cache);

/* `build_id` is hex. -ENOENT: there is none that can be used. */
int mt_cache_load(struct mt_cache *cache, const char *build_id, struct mt_table **out);
int mt_cache_store(struct mt_cache *cache, const char *build_id, const struct mt_table *table);

#endif
