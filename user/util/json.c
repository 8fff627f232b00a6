// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "util/json.h"

#include <errno.h>

#include "util/escape.h"

void mt_json_decref(json_t **json)
{
	json_decref(*json);
}

json_t *mt_json_text(const char *s)
{
	_free_ char *escaped = s ? mt_escape_utf8(s) : NULL;

	if (!s)
		return json_null();
	return escaped ? json_string(escaped) : NULL;
}

json_t *mt_json_number(int64_t v)
{
	return json_integer(v);
}

json_t *mt_json_known(int64_t v)
{
	return v == -1 ? json_null() : json_integer(v);
}

int mt_json_print(FILE *out, const json_t *json, size_t flags)
{
	if (!json)
		return -ENOMEM;
	/* 15 digits, so that 0.1 is 0.1. */
	if (json_dumpf(json, out, flags | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15)) ||
	    fputc('\n', out) == EOF || fflush(out))
		return -EIO;
	return 0;
}
