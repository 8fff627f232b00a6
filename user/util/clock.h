/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * clock.h: the one clock of a recording, CLOCK_MONOTONIC in nanoseconds: the kernel side's
 * bpf_ktime_get_ns() is the same.
 */
#ifndef MT_UTIL_CLOCK_H
#define MT_UTIL_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t mt_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

#endif
