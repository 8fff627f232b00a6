// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "util/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct mt_unit mt_unit_bytes(int64_t bytes)
{
	static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	struct mt_unit unit = { "unknown" };
	double v = bytes;
	int i = 0;

	if (bytes == -1)
		return unit;
	/* 1023.95 would be printed as 1024.0 of the smaller unit. */
	while (v >= 1023.95 || v <= -1023.95) {
		v /= 1024;
		i++;
	}
	if (i)
		snprintf(unit.s, sizeof(unit.s), "%.1f %s", v, names[i]);
	else
		snprintf(unit.s, sizeof(unit.s), "%" PRId64 " B", bytes);
	return unit;
}

struct mt_unit mt_unit_count(int64_t n)
{
	struct mt_unit unit = { "unknown" };
	char digits[24];
	const char *d = digits;
	char *to = unit.s;

	if (n == -1)
		return unit;
	snprintf(digits, sizeof(digits), "%" PRId64, n);
	while (*d) {
		*to++ = *d++;
		if (*d && strlen(d) % 3 == 0 && to[-1] != '-')
			*to++ = ',';
	}
	*to = '\0';
	return unit;
}

struct mt_unit mt_unit_things(int64_t n, const char *thing)
{
	struct mt_unit unit;

	snprintf(unit.s, sizeof(unit.s), "%.26s %.10s%s", mt_unit_count(n).s, thing,
		 n == 1 ? "" : "s");
	return unit;
}

struct mt_unit mt_unit_pct(double pct)
{
	struct mt_unit unit = { "unknown" };

	if (pct != -1)
		snprintf(unit.s, sizeof(unit.s), "%.1f%%", pct);
	return unit;
}

struct mt_unit mt_unit_seconds(int64_t ns)
{
	struct mt_unit unit = { "unknown" };

	if (ns != -1)
		snprintf(unit.s, sizeof(unit.s), "%.2f s", ns / 1e9);
	return unit;
}
