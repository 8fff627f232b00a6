/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* naive.h: what both sides of the naive tracer share. */
#ifndef MT_BENCH_NAIVE_H
#define MT_BENCH_NAIVE_H

#define NAIVE_FRAMES_MAX 127

/* A live block. */
struct naive_block {
	__u64 size_bytes;
	__u64 born_ns;
	__s64 stack;
};

/* Of one stack. */
struct naive_sum {
	__u64 live_bytes;
	__u64 live_cnt;
	__u64 alloc_cnt;
};

#endif
