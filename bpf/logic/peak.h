/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * peak.h: exact peak, by site, in O(1) an operation and without a lock.
 *
 * Tracing programs may not take bpf_spin_lock, and two plain atomics for "live" and "peak"
 * drift under contention (1.9% was measured). So the whole state of a process is one word,
 * changed by compare-and-swap:
 *
 *	{ epoch:24, rising:1, headroom:39 }	headroom = peak - live
 *
 * An allocation that exceeds the headroom raises the peak by the difference and sets
 * `rising`. The first free after that clears it and starts a new epoch: the state just
 * before it *is* the peak, and everything of the new epoch came after the peak. Each
 * operation takes its epoch from its own swap.
 *
 * A site keeps its plain totals and, beside them, the change "since" in one word
 *
 *	{ tag:24, since:40 }			since is signed
 *
 * meaning: in epoch `tag` this site changed by `since`. An operation of a newer epoch
 * starts the word afresh, one of the same epoch adds, one of an older epoch (its thread was
 * delayed between the two swaps) leaves it: it came before the newer peak. When all is
 * quiet
 *
 *	at peak = live - (tag == epoch and not rising ? since : 0)
 *
 * and the sum of that over all sites is the peak, to the byte.
 *
 * Epochs are compared modulo 2^24 (a leak in a loop starts one per iteration), so a tag
 * must never be half the range behind: mt_since_refresh(), run over all sites once a tick,
 * sees to that. Refreshing changes no meaning: a word with an older tag already says "no
 * change in this epoch".
 *
 * No helpers: compiled into BPF and on the host. Atomics are the compiler's.
 */
#ifndef MT_LOGIC_PEAK_H
#define MT_LOGIC_PEAK_H

#include "../wire.h"

#define MT_EPOCH_SHIFT	 40
#define MT_EPOCH_MASK	 ((1U << 24) - 1)
#define MT_RISING	 (1ULL << 39)
#define MT_HEADROOM_MASK (MT_RISING - 1)
#define MT_SINCE_MASK	 ((1ULL << MT_EPOCH_SHIFT) - 1)

/*
 * Tries before a swap is given up. A try is lost only when another CPU won meanwhile, and
 * each CPU runs other code between two wins.
 */
#define MT_SWAP_TRIES 128

/*
 * The verifier goes through a loop's body for each turn anew; through a function that others could
 * call, which it does not follow, once.
 */
#ifdef __bpf__
#define MT_VERIFIED_ONCE __weak __noinline
#else
#define MT_VERIFIED_ONCE static inline
#endif

#define MT_READ_ONCE(x) (*(volatile __typeof__(x) *)&(x))

/* What one operation did to the process. */
struct mt_peak_step {
	__u64 word;	/* the new state */
	__u64 raise;	/* by how much the peak rose */
	__u32 epoch;	/* the operation's epoch */
	__u32 overflow; /* headroom would not fit: nothing was changed */
};

static inline __u32 mt_peak_epoch(__u64 word)
{
	return word >> MT_EPOCH_SHIFT;
}

static inline __u64 mt_peak_headroom(__u64 word)
{
	return word & MT_HEADROOM_MASK;
}

static inline struct mt_peak_step mt_peak_grow(__u64 old, __u64 bytes)
{
	__u64 headroom = mt_peak_headroom(old);
	struct mt_peak_step s = { .epoch = mt_peak_epoch(old) };

	if (bytes <= headroom) {
		s.word = old - bytes;
	} else {
		s.raise = bytes - headroom;
		s.word = (old & ~MT_HEADROOM_MASK) | MT_RISING;
	}
	return s;
}

static inline struct mt_peak_step mt_peak_shrink(__u64 old, __u64 bytes)
{
	__u64 headroom = mt_peak_headroom(old) + bytes;
	struct mt_peak_step s = { .epoch = mt_peak_epoch(old) };

	if (bytes > MT_HEADROOM_MASK || headroom > MT_HEADROOM_MASK) {
		s.overflow = 1;
		s.word = old;
		return s;
	}
	if (old & MT_RISING)
		s.epoch = (s.epoch + 1) & MT_EPOCH_MASK;
	s.word = ((__u64)s.epoch << MT_EPOCH_SHIFT) | headroom;
	return s;
}

enum mt_peak_result {
	MT_PEAK_MOVED = 0,
	MT_PEAK_RAISED = 1,
	MT_PEAK_OVERFLOW = -1,
	MT_PEAK_EXHAUSTED = -2,
};

/* One try of mt_peak_move(). */
MT_VERIFIED_ONCE int mt_peak_try(__u64 *word, __u64 *peak, __s64 delta, __u32 *epoch)
{
	struct mt_peak_step s;
	__u64 old;

	if (!word || !peak || !epoch)
		return MT_PEAK_OVERFLOW;
	old = MT_READ_ONCE(*word);
	s = delta < 0 ? mt_peak_shrink(old, -delta) : mt_peak_grow(old, delta);
	*epoch = s.epoch;
	if (s.overflow)
		return MT_PEAK_OVERFLOW;
	if (__sync_val_compare_and_swap(word, old, s.word) != old)
		return MT_PEAK_EXHAUSTED;
	if (!s.raise)
		return MT_PEAK_MOVED;
	__sync_fetch_and_add(peak, s.raise);
	return MT_PEAK_RAISED;
}

/*
 * Move the process by `delta` bytes; *epoch receives the operation's epoch. A realloc is
 * one move by the difference, so that no state is seen that never was.
 */
static inline int mt_peak_move(__u64 *word, __u64 *peak, __s64 delta, __u32 *epoch)
{
	int result = MT_PEAK_EXHAUSTED;

	for (int i = 0; i < MT_SWAP_TRIES && result == MT_PEAK_EXHAUSTED; i++)
		result = mt_peak_try(word, peak, delta, epoch);
	return result;
}

/* How far `epoch` is ahead of `tag`, modulo 2^24. */
static inline __s32 mt_epoch_ahead(__u32 epoch, __u32 tag)
{
	return (__s32)((epoch - tag) << 8) >> 8;
}

static inline __u64 mt_since_start(__u32 epoch)
{
	return (__u64)epoch << MT_EPOCH_SHIFT;
}

static inline __u64 mt_since_next(__u64 old, __u32 epoch, __s64 delta)
{
	__s32 ahead = mt_epoch_ahead(epoch, old >> MT_EPOCH_SHIFT);

	if (old && ahead < 0) /* the zero of a new site is older than any epoch */
		return old;
	if (ahead)
		old = 0;
	return mt_since_start(epoch) | ((old + delta) & MT_SINCE_MASK);
}

/* One try of mt_since_add(). */
MT_VERIFIED_ONCE int mt_since_try(__u64 *since, __u32 epoch, __s64 delta)
{
	__u64 old, next;

	if (!since)
		return 0;
	old = MT_READ_ONCE(*since);
	next = mt_since_next(old, epoch, delta);
	return next == old || __sync_val_compare_and_swap(since, old, next) == old ? 0 : -1;
}

/* Returns 0, or -1 when too many races were lost. */
static inline int mt_since_add(__u64 *since, __u32 epoch, __s64 delta)
{
	int err = -1;

	for (int i = 0; i < MT_SWAP_TRIES && err; i++)
		err = mt_since_try(since, epoch, delta);
	return err;
}

/* Bring a tag up to the process's epoch; losing the race means that it already is. */
static inline void mt_since_refresh(__u64 *since, __u32 epoch)
{
	__u64 old = MT_READ_ONCE(*since);

	if (mt_epoch_ahead(epoch, old >> MT_EPOCH_SHIFT) > 0)
		__sync_val_compare_and_swap(since, old, mt_since_start(epoch));
}

/* The site's value at the process's peak, when nothing moves. */
static inline __s64 mt_since_at_peak(__u64 since, __u64 word, __s64 live)
{
	if ((word & MT_RISING) || (since >> MT_EPOCH_SHIFT) != mt_peak_epoch(word))
		return live;
	return live - ((__s64)(since << (64 - MT_EPOCH_SHIFT)) >> (64 - MT_EPOCH_SHIFT));
}

#endif
