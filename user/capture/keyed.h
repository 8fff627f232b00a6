/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * keyed.h: hash tables of what the drain remembers of the kernel's entries, by their keys.
 *
 * An entry begins with its key, which is as long as struct mt_site_key and struct mt_fault_key are,
 * and has no padding. The table owns its entries. Not thread-safe.
 */
#ifndef MT_CAPTURE_KEYED_H
#define MT_CAPTURE_KEYED_H

#include <stddef.h>

#include <libiberty/hashtab.h>

/* `free_entry` frees one entry; NULL: out of memory. */
htab_t mt_keyed_new(htab_del free_entry);

/* The entry with that key; a new one has zeroes behind it. NULL: out of memory. */
void *mt_keyed_get(htab_t table, const void *key, size_t entry_bytes);

#endif
