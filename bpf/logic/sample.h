/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * sample.h: which blocks are followed when not all of them are, and for how many each stands.
 *
 * Sample points lie on the bytes that a thread asks for as a Poisson process does, `every` bytes
 * apart on average. A block that has one or more of them is taken: with
 *
 *	p = 1 - exp(-size / every)
 *
 * and it stands for 1 / p blocks of its size, its weight. What is left to the next point is counted
 * down, so a block that is not taken costs a comparison and a subtraction. The process has no
 * memory: after a block that is taken the next point is drawn afresh.
 *
 * A weight is a whole number, 1 / p rounded up or down by chance so that its mean is 1 / p: sums
 * of weights are unbiased, and they are counts, without a fraction in any counter or histogram. The
 * relative error of a sum over B bytes stays below sqrt(every / B). A tiny block is treated as one
 * of mt_sample_least() bytes, lest its weight exceed 16 bits; it is taken a little more often.
 *
 * There is no floating point in BPF: the logarithm is a short series, good to 1 in 50,000 also near
 * 1, where the small blocks are decided. A table would do too, but libbpf 1.1's linker misplaces
 * constants of any object but the first.
 *
 * Randomness comes from the caller. No helpers: compiled into BPF and on the host.
 */
#ifndef MT_LOGIC_SAMPLE_H
#define MT_LOGIC_SAMPLE_H

#include "../wire.h"
#include "logic/hist.h"

#define MT_SAMPLE_ONE (1ULL << 32)
#define MT_SAMPLE_LN2 0xb17217f8ULL /* ln 2 * 2^32 */

/* -ln(u) * 2^32 for u = random / 2^32; 0 stands for 2^32, that is for u = 1. */
static inline __u64 mt_sample_log(__u32 random)
{
	__u64 m, y, square, sum = MT_SAMPLE_ONE / 7;
	__u32 octave;

	if (!random)
		return 0;
	octave = mt_hist_log2(random);
	m = (__u64)random << (32 - octave); /* u without its power of two: from 1 to 2, * 2^32 */
	/* ln(2 / m) = 2 * (y + y^3 / 3 + y^5 / 5 + ...), y = (2 - m) / (2 + m) */
	y = ((2 * MT_SAMPLE_ONE - m) << 30) / ((2 * MT_SAMPLE_ONE + m) >> 2);
	square = y * y >> 32;
	sum = MT_SAMPLE_ONE / 5 + (square * sum >> 32);
	sum = MT_SAMPLE_ONE / 3 + (square * sum >> 32);
	sum = MT_SAMPLE_ONE + (square * sum >> 32);
	return (31 - octave) * MT_SAMPLE_LN2 + (y * sum >> 31);
}

/* Bytes to the next sample point, at least 1: the first byte from here on that has one. */
static inline __u64 mt_sample_gap(__u64 every, __u32 random)
{
	return (every * (mt_sample_log(random) >> 4) >> 28) + 1;
}

/* Blocks are treated as if they had at least this size. */
static inline __u64 mt_sample_least(__u64 every)
{
	return (every >> 15) + 1;
}

/* 1 / p * 2^16 of a block of that size. */
static inline __u64 mt_sample_weight(__u64 every, __u64 size)
{
	__u64 x, w, q;
	int halved = 0;

	if (size >= 16 * every)
		return 1 << 16;
	x = (size << 16) / every;
	for (; halved < 4 && x > 1 << 16; halved++)
		x >>= 1;
	/* 1 / (1 - exp(-x)) = 1 / x + 1 / 2 + x / 12 - x^3 / 720 + ... */
	w = halved ? (1ULL << 32) / x : (every << 16) / size;
	w += (1 << 15) + x / 12 - (x * x >> 16) * x / 720 / (1 << 16);
	if (!halved)
		return w;
	q = (1 << 16) - (1ULL << 32) / w; /* exp(-x) */
	for (int i = 0; i < 4 && i < halved; i++)
		q = q * q >> 16;
	return (1ULL << 32) / ((1 << 16) - q);
}

/* The weight as a whole number, of which the mean is right. */
static inline __u32 mt_sample_round(__u64 weight, __u32 random)
{
	return (weight + (random & 0xffff)) >> 16;
}

/* Count a block down to the next point; does it stay short of it? */
static inline int mt_sample_passes(__u64 *left, __u64 size)
{
	if (*left <= size)
		return 0;
	*left -= size;
	return 1;
}

/* Of a block that does not: its weight. */
static inline __u32 mt_sample_take(__u64 *left, __u64 every, __u64 size, __u32 gap, __u32 rounding)
{
	*left = mt_sample_gap(every, gap);
	return mt_sample_round(mt_sample_weight(every, size), rounding);
}

#endif
