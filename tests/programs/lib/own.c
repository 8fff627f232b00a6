// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Hands out pieces of one array, from its start on; a freed piece is used again if it fits. */
#include "own.h"

#include <stdint.h>
#include <string.h>

#define ARENA_BYTES (1 << 20)
#define ALIGN	    16

struct head {
	struct head *next; /* of the freed ones */
	size_t size;
};

static char arena[ARENA_BYTES] __attribute__((aligned(ALIGN)));
static size_t used;
static struct head *freed;

static struct head *head_of(void *p)
{
	return (struct head *)p - 1;
}

static void *again(size_t size)
{
	for (struct head **at = &freed; *at; at = &(*at)->next) {
		struct head *found = *at;

		if (found->size >= size) {
			*at = found->next;
			return found + 1;
		}
	}
	return NULL;
}

static void *fresh(size_t align, size_t size)
{
	uintptr_t start = (uintptr_t)arena + used + sizeof(struct head);
	char *p = (char *)((start + align - 1) / align * align);

	if (size > ARENA_BYTES || p + size > arena + ARENA_BYTES)
		return NULL;
	used = p + size - arena;
	head_of(p)->size = size;
	return p;
}

void *own_malloc(size_t size)
{
	void *p;

	size = size / ALIGN * ALIGN + ALIGN;
	p = again(size);
	return p ? p : fresh(ALIGN, size);
}

void *own_calloc(size_t nr, size_t size)
{
	void *p = own_malloc(nr * size);

	return p ? memset(p, 0, nr * size) : NULL;
}

void *own_realloc(void *p, size_t size)
{
	void *new;

	if (p && head_of(p)->size >= size)
		return p;
	new = own_malloc(size);
	if (p && new) {
		memcpy(new, p, head_of(p)->size);
		own_free(p);
	}
	return new;
}

void *own_aligned_alloc(size_t align, size_t size)
{
	return fresh(align < ALIGN ? ALIGN : align, size);
}

void own_free(void *p)
{
	if (!p)
		return;
	head_of(p)->next = freed;
	freed = head_of(p);
}

void own_free_sized(void *p, size_t size)
{
	own_free(p);
}

void own_free_aligned_sized(void *p, size_t align, size_t size)
{
	own_free(p);
}
