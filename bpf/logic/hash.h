/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * hash.h: the 64-bit key of a stack.
 *
 * MurmurHash64A (Austin Appleby, public domain) over the frames: with 64 bits, 100,000
 * different stacks collide with a probability of 3e-10. Never 0, which means "no stack".
 */
#ifndef MT_LOGIC_HASH_H
#define MT_LOGIC_HASH_H

#include "../wire.h"

static inline __u64 mt_hash_frames(const struct mt_stack *s, __u64 seed)
{
	const __u64 m = 0xc6a4a7935bd1e995ULL;
	__u64 h = seed ^ (s->nr * m);

	for (__u32 i = 0; i < MT_FRAMES_MAX && i < s->nr; i++) {
		__u64 k = s->frames[i] * m;

		k ^= k >> 47;
		h ^= k * m;
		h *= m;
	}
	h ^= h >> 47;
	h *= m;
	h ^= h >> 47;
	return h ? h : 1;
}

static inline __u64 mt_stack_hash(const struct mt_stack *s)
{
	return mt_hash_frames(s, 0x8445d61a4e774912ULL);
}

/* Of a walk in one address space: what is code in one may be none in another. */
static inline __u64 mt_walk_hash(const struct mt_stack *s, __u32 slot)
{
	return mt_hash_frames(s, 0x9ae16a3b2f90404fULL * (slot + 1ULL));
}

#endif
