// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "capture/keyed.h"

#include <stdlib.h>
#include <string.h>

#include "wire.h"
#include "wire_fault.h"

#define KEY_BYTES sizeof(struct mt_site_key)
_Static_assert(sizeof(struct mt_fault_key) == KEY_BYTES, "one length for all");

static hashval_t hash_key(const void *entry)
{
	return iterative_hash(entry, KEY_BYTES, 0);
}

static int equal_keys(const void *entry, const void *key)
{
	return !memcmp(entry, key, KEY_BYTES);
}

htab_t mt_keyed_new(htab_del free_entry)
{
	return htab_create_alloc(1024, hash_key, equal_keys, free_entry, calloc, free);
}

void *mt_keyed_get(htab_t table, const void *key, size_t entry_bytes)
{
	void **slot = htab_find_slot(table, key, INSERT);
	void *entry;

	if (!slot)
		return NULL;
	if (*slot)
		return *slot;
	entry = calloc(1, entry_bytes);
	if (!entry) {
		htab_clear_slot(table, slot);
		return NULL;
	}
	memcpy(entry, key, KEY_BYTES);
	*slot = entry;
	return entry;
}
