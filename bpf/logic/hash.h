/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * hash.h: the 64-bit keys of a stack and its parts.
 *
 * MurmurHash64A (Austin Appleby, public domain) over the end and the frames, from the outermost on:
 * with 64 bits, 100,000 different stacks collide with a probability of 3e-10. Never 0, which means
 * "no stack".
 */
#ifndef MT_LOGIC_HASH_H
#define MT_LOGIC_HASH_H

#include "../wire.h"

#define MT_HASH_FACTOR 0xc6a4a7935bd1e995ULL

static inline __u64 mt_hash_begin(__u32 end)
{
	return 0x8445d61a4e774912ULL ^ (end * MT_HASH_FACTOR);
}

static inline __u64 mt_hash_add(__u64 h, __u64 frame)
{
	__u64 k = frame * MT_HASH_FACTOR;

	k ^= k >> 47;
	h ^= k * MT_HASH_FACTOR;
	return h * MT_HASH_FACTOR;
}

static inline __u64 mt_hash_key(__u64 h)
{
	h ^= h >> 47;
	h *= MT_HASH_FACTOR;
	h ^= h >> 47;
	return h ? h : 1;
}

/* Frame `n`, counted from the outermost. */
static inline __u64 mt_stack_frame(const struct mt_stack *s, __u32 n)
{
	return s->frames[(s->nr - 1 - n) & (MT_FRAMES_ROOM - 1)];
}

/* Of the whole stack. */
static inline __u64 mt_stack_hash(const struct mt_stack *s)
{
	__u64 h = mt_hash_begin(s->end);

	for (__u32 n = 0; n < MT_FRAMES_MAX && n < s->nr; n++)
		h = mt_hash_add(h, mt_stack_frame(s, n));
	return mt_hash_key(h);
}

#endif
