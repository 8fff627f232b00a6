/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * intern.h: numbers for what formats keep in a table and refer to: names, functions, stacks;
 * private to user/export.
 *
 * A key is any bytes without padding; equal ones have one number, from 0 on in the order of their
 * first use. The table copies keys and owns the copies, 8-byte aligned. Not thread-safe.
 */
#ifndef MT_EXPORT_INTERN_H
#define MT_EXPORT_INTERN_H

#include <stddef.h>
#include <stdint.h>

struct mt_intern;

int mt_intern_new(struct mt_intern **out);
void mt_intern_free(struct mt_intern **table);

/* The key's number, or -ENOMEM. */
int64_t mt_intern(struct mt_intern *table, const void *key, size_t bytes);

size_t mt_intern_cnt(const struct mt_intern *table);

/* What has that number, which must have been given out. */
const void *mt_intern_key(const struct mt_intern *table, size_t number);

#endif
