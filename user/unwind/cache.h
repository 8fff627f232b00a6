/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * cache.h: tables on disk, so that a second recording builds none.
 *
 * In /var/cache/memtide for root, else in $XDG_CACHE_HOME/memtide or ~/.cache/memtide: a directory
 * of ours, 0700, files 0600, written under a temporary name and renamed. A file is taken only if
 * it is a regular one that we own and nobody else may write, was written by this version of the
 * builder, has the checksum that it says and passes mt_table_check; else it is as if it were not
 * there. A table's name is its file's build id and a checksum of what it is made from: patchelf,
 * BOLT and others move code and keep the id, and some builds give all files the same. The whole is
 * kept below MT_CACHE_BYTES_MAX by removing what was least recently used. Several recorders may use
 * it at a time.
 *
 * A cache that cannot be had costs time, never a recording: errors are -errno, not logged.
 * Not thread-safe.
 */
#ifndef MT_UNWIND_CACHE_H
#define MT_UNWIND_CACHE_H

#include <stdint.h>

#define MT_CACHE_BYTES_MAX (512ULL << 20)
#define MT_CACHE_NAME_LEN  192 /* a build id of 64 bytes, twice what there is */

struct mt_cache;
struct mt_elf;
struct mt_table;

int mt_cache_open(struct mt_cache **out);
void mt_cache_close(struct mt_cache **cache);

/* Under which name the file's table is kept. -ENOENT: without a build id there is none. */
int mt_cache_name(const struct mt_elf *elf, char name[MT_CACHE_NAME_LEN]);

/* -ENOENT: there is none that can be used. */
int mt_cache_load(struct mt_cache *cache, const char *name, struct mt_table **out);
int mt_cache_store(struct mt_cache *cache, const char *name, const struct mt_table *table);

#endif
