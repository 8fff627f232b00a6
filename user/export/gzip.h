/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * gzip.h: a stream of bytes, compressed; private to user/export.
 *
 * The same bytes make the same file: no name and no time are in it. `out` is borrowed. Not
 * thread-safe. Functions return 0, -ENOMEM or -EIO.
 */
#ifndef MT_EXPORT_GZIP_H
#define MT_EXPORT_GZIP_H

#include <stddef.h>
#include <stdio.h>

struct mt_gzip;

int mt_gzip_new(struct mt_gzip **out, FILE *file);
int mt_gzip_write(struct mt_gzip *gz, const void *bytes, size_t nr);
int mt_gzip_end(struct mt_gzip *gz); /* without it the file is cut short */
void mt_gzip_free(struct mt_gzip **gz);

#endif
