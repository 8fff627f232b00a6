/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * json.h: values of JSON, as everything that memtide prints has them.
 *
 * Whoever makes a value owns it. A helper that runs out of memory returns NULL; json_pack() then
 * frees what it was given and returns NULL too, so one check at the end is enough. Unknown is null.
 */
#ifndef MT_UTIL_JSON_H
#define MT_UTIL_JSON_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "util/cleanup.h"

void mt_json_decref(json_t **json);
#define _decref_ __cleanup(mt_json_decref)

json_t *mt_json_text(const char *s); /* NULL: unknown; bytes that are not UTF-8 are replaced */
json_t *mt_json_number(int64_t v);
json_t *mt_json_known(int64_t v); /* -1: unknown */

/*
 * One document and a line's end; `flags` are jansson's. Only ASCII, so that no name reaches a
 * terminal. 0, -ENOMEM for NULL, or -EIO.
 */
int mt_json_print(FILE *out, const json_t *json, size_t flags);

#endif
