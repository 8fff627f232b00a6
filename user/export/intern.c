// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "export/intern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libiberty/hashtab.h>

#include "util/cleanup.h"

struct entry {
	const void *key; /* behind the entry, but for one that is only looked for */
	size_t bytes;
	size_t number;
};

struct mt_intern {
	htab_t table; /* owns the entries */
	struct entry **by_number;
	size_t nr;
	size_t cap;
};

static hashval_t hash_entry(const void *entry)
{
	const struct entry *e = entry;

	return iterative_hash(e->key, e->bytes, 0);
}

static int equal_entries(const void *va, const void *vb)
{
	const struct entry *a = va, *b = vb;

	return a->bytes == b->bytes && !memcmp(a->key, b->key, a->bytes);
}

int mt_intern_new(struct mt_intern **out)
{
	__cleanup(mt_intern_free) struct mt_intern *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->table = htab_create_alloc(256, hash_entry, equal_entries, free, calloc, free);
	if (!t->table)
		return -ENOMEM;
	*out = TAKE_PTR(t);
	return 0;
}

void mt_intern_free(struct mt_intern **table)
{
	if (!*table)
		return;
	if ((*table)->table)
		htab_delete((*table)->table);
	free((*table)->by_number);
	free(*table);
	*table = NULL;
}

size_t mt_intern_cnt(const struct mt_intern *t)
{
	return t->nr;
}

const void *mt_intern_key(const struct mt_intern *t, size_t number)
{
	return t->by_number[number]->key;
}

static int reserve(struct mt_intern *t)
{
	size_t cap = t->cap ? 2 * t->cap : 256;
	struct entry **grown;

	if (t->nr < t->cap)
		return 0;
	grown = reallocarray(t->by_number, cap, sizeof(struct entry *));
	if (!grown)
		return -ENOMEM;
	t->by_number = grown;
	t->cap = cap;
	return 0;
}

int64_t mt_intern(struct mt_intern *t, const void *key, size_t bytes)
{
	const struct entry wanted = { .key = key, .bytes = bytes };
	struct entry *entry;
	void **slot;

	slot = htab_find_slot(t->table, &wanted, INSERT);
	if (!slot)
		return -ENOMEM;
	if (*slot)
		return (int64_t)((struct entry *)*slot)->number;
	entry = reserve(t) ? NULL : malloc(sizeof(*entry) + bytes);
	if (!entry)
		return -ENOMEM;
	*entry = (struct entry){ entry + 1, bytes, t->nr };
	memcpy(entry + 1, key, bytes);
	t->by_number[t->nr++] = entry;
	*slot = entry;
	return (int64_t)entry->number;
}
