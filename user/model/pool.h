/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * pool.h: memory and strings that live as long as the model.
 *
 * Everything taken from a pool is freed with it. A string is kept once: names of files and
 * functions come back in nearly every stack. Allocations are zeroed and aligned to 8 bytes;
 * they return NULL when memory is out. Not thread-safe.
 */
#ifndef MT_MODEL_POOL_H
#define MT_MODEL_POOL_H

#include <stddef.h>

struct mt_pool;

int mt_pool_new(struct mt_pool **out);
void mt_pool_free(struct mt_pool **pool);

void *mt_pool_alloc(struct mt_pool *pool, size_t bytes);
void *mt_pool_copy(struct mt_pool *pool, const void *from, size_t bytes);

/* Takes what malloc returned (or NULL); on failure, -ENOMEM, it stays the caller's. */
int mt_pool_adopt(struct mt_pool *pool, void *allocated);

/* Replaces *text (which may be NULL) by the pool's copy. Returns 0 or -ENOMEM. */
int mt_pool_keep(struct mt_pool *pool, const char **text);

#endif
