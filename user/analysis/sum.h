/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * sum.h: arithmetic over numbers from a file.
 *
 * A sum that does not fit stays at the limit instead of wrapping around. Thread-safe.
 */
#ifndef MT_ANALYSIS_SUM_H
#define MT_ANALYSIS_SUM_H

#include <stdint.h>

static inline void mt_sum_add(int64_t *sum, int64_t v)
{
	if (__builtin_add_overflow(*sum, v, sum))
		*sum = v < 0 ? INT64_MIN : INT64_MAX;
}

static inline int64_t mt_sum_subtract(int64_t a, int64_t b)
{
	int64_t difference;

	if (__builtin_sub_overflow(a, b, &difference))
		return b > 0 ? INT64_MIN : INT64_MAX;
	return difference;
}

/* For qsort: negative when a comes first in falling order. */
static inline int mt_sum_falling(int64_t a, int64_t b)
{
	return (a < b) - (a > b);
}

#endif
