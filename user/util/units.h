/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * units.h: numbers for people.
 *
 * Returned by value, so that `printf("%s", mt_unit_bytes(n).s)` needs no buffer: the text
 * lives to the end of the full expression. -1 is "unknown". Thread-safe.
 */
#ifndef MT_UTIL_UNITS_H
#define MT_UTIL_UNITS_H

#include <stdint.h>

struct mt_unit {
	char s[40];
};

struct mt_unit mt_unit_bytes(int64_t bytes);		     /* "1.5 MiB" */
struct mt_unit mt_unit_count(int64_t n);		     /* "1,234" */
struct mt_unit mt_unit_things(int64_t n, const char *thing); /* "1 block", "2 blocks" */
struct mt_unit mt_unit_pct(double pct);			     /* "12.3%" */
struct mt_unit mt_unit_seconds(int64_t ns);		     /* "1.23 s" */

#endif
