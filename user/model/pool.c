// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "model/pool.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "util/cleanup.h"

#define CHUNK_BYTES 65536

struct chunk {
	struct chunk *next;
	size_t used;
	size_t cap;
	_Alignas(8) char bytes[];
};

struct adopted {
	struct adopted *next;
	void *allocated;
};

/* Strings: open addressing, a power of two of slots, at most half of them taken. */
struct mt_pool {
	struct chunk *chunks;
	struct adopted *adopted;
	const char **strings;
	size_t strings_cap;
	size_t strings_nr;
};

int mt_pool_new(struct mt_pool **out)
{
	struct mt_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return -ENOMEM;
	*out = pool;
	return 0;
}

void mt_pool_free(struct mt_pool **pool)
{
	if (!*pool)
		return;
	for (struct adopted *a = (*pool)->adopted; a; a = a->next)
		free(a->allocated);
	for (struct chunk *c = (*pool)->chunks, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free((*pool)->strings);
	free(*pool);
	*pool = NULL;
}

void *mt_pool_alloc(struct mt_pool *pool, size_t bytes)
{
	struct chunk *c = pool->chunks;
	void *p;

	bytes = (bytes + 7) & ~(size_t)7;
	if (!c || c->cap - c->used < bytes) {
		size_t cap = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;

		c = calloc(1, sizeof(*c) + cap);
		if (!c)
			return NULL;
		c->cap = cap;
		c->next = pool->chunks;
		pool->chunks = c;
	}
	p = c->bytes + c->used;
	c->used += bytes;
	return p;
}

void *mt_pool_copy(struct mt_pool *pool, const void *from, size_t bytes)
{
	void *p = mt_pool_alloc(pool, bytes);

	if (p && bytes)
		memcpy(p, from, bytes);
	return p;
}

int mt_pool_adopt(struct mt_pool *pool, void *allocated)
{
	struct adopted *a = mt_pool_alloc(pool, sizeof(*a));

	if (!a)
		return -ENOMEM;
	*a = (struct adopted){ pool->adopted, allocated };
	pool->adopted = a;
	return 0;
}

/* FNV-1a. */
static uint64_t hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3;
	return h;
}

static const char **find(const char **strings, size_t cap, const char *text)
{
	size_t i = hash(text) & (cap - 1);

	while (strings[i] && strcmp(strings[i], text))
		i = (i + 1) & (cap - 1);
	return &strings[i];
}

static int grow(struct mt_pool *pool)
{
	size_t cap = pool->strings_cap ? pool->strings_cap * 2 : 1024;
	const char **strings = calloc(cap, sizeof(*strings));

	if (!strings)
		return -ENOMEM;
	for (size_t i = 0; i < pool->strings_cap; i++)
		if (pool->strings[i])
			*find(strings, cap, pool->strings[i]) = pool->strings[i];
	free(pool->strings);
	pool->strings = strings;
	pool->strings_cap = cap;
	return 0;
}

int mt_pool_keep(struct mt_pool *pool, const char **text)
{
	const char **slot;

	if (!*text)
		return 0;
	if (pool->strings_nr * 2 >= pool->strings_cap && grow(pool))
		return -ENOMEM;
	slot = find(pool->strings, pool->strings_cap, *text);
	if (!*slot) {
		*slot = mt_pool_copy(pool, *text, strlen(*text) + 1);
		pool->strings_nr++;
	}
	*text = *slot;
	return *text ? 0 : -ENOMEM;
}
