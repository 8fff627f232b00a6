/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * peak_model.h: what the tests of logic/peak.h share.
 *
 * A `process` is what the BPF programs keep: the word, the peak, and what each site has live
 * and "since". An `op` is one call that was counted: a block leaves one site, a block comes to
 * another, or both (realloc). The oracle knows nothing of epochs: it replays a list of ops and
 * looks for the highest total. A count at the peak is that of the last state of this height
 * before anything shrinks; without a peak (nothing but empty blocks) it is 0.
 *
 * A process may be shared by threads; ops and oracles belong to one. No errors, no ownership.
 */
#ifndef MT_TESTS_PEAK_MODEL_H
#define MT_TESTS_PEAK_MODEL_H

#include <stdbool.h>
#include <string.h>

#include "logic/peak.h"

#define SITES	   6
#define NONE	   (-1)
#define EPOCHS	   (1U << 24)
#define HALF_RANGE (1U << 23)

struct op {
	int from, to; /* sites, or NONE */
	__u64 from_bytes, to_bytes;
};

struct site {
	__u64 live_bytes, live_cnt;
	__u64 since_bytes, since_cnt;
};

struct process {
	__u64 word, peak;
	struct site sites[SITES];
};

struct oracle {
	__s64 live, peak;
	__s64 live_bytes[SITES], live_cnt[SITES];
	__s64 peak_bytes[SITES], peak_cnt[SITES];
};

/* ---- the algorithm, put together as alloc.bpf.c does ------------------------------------- */

static inline void process_init(struct process *p, __u32 epoch)
{
	memset(p, 0, sizeof(*p));
	p->word = mt_since_start(epoch);
}

static inline __s64 op_delta(const struct op *op)
{
	return (op->to == NONE ? 0 : (__s64)op->to_bytes) -
	       (op->from == NONE ? 0 : (__s64)op->from_bytes);
}

/* Where many threads race a swap can be given up; here it is begun again. */
static inline void since_move(__u64 *since, __u32 epoch, __s64 delta)
{
	while (mt_since_add(since, epoch, delta))
		;
}

static inline void site_move(struct site *s, __u32 epoch, __s64 bytes, __s64 cnt)
{
	__sync_fetch_and_add(&s->live_bytes, bytes);
	__sync_fetch_and_add(&s->live_cnt, cnt);
	since_move(&s->since_bytes, epoch, bytes);
	since_move(&s->since_cnt, epoch, cnt);
}

/* An operation's second half. */
static inline void process_account(struct process *p, const struct op *op, __u32 epoch)
{
	if (op->from != NONE)
		site_move(&p->sites[op->from], epoch, -op->from_bytes, -1);
	if (op->to != NONE)
		site_move(&p->sites[op->to], epoch, op->to_bytes, 1);
}

static inline void process_refresh(struct process *p)
{
	for (int i = 0; i < SITES; i++) {
		__u32 epoch = mt_peak_epoch(MT_READ_ONCE(p->word));

		mt_since_refresh(&p->sites[i].since_bytes, epoch);
		mt_since_refresh(&p->sites[i].since_cnt, epoch);
	}
}

static inline __s64 peak_bytes_of(const struct process *p, int i)
{
	return mt_since_at_peak(p->sites[i].since_bytes, p->word, p->sites[i].live_bytes);
}

static inline __s64 peak_cnt_of(const struct process *p, int i)
{
	return mt_since_at_peak(p->sites[i].since_cnt, p->word, p->sites[i].live_cnt);
}

/* ---- the oracle -------------------------------------------------------------------------- */

static inline void oracle_step(struct oracle *o, const struct op *op)
{
	if (op->from != NONE) {
		o->live_bytes[op->from] -= op->from_bytes;
		o->live_cnt[op->from]--;
	}
	if (op->to != NONE) {
		o->live_bytes[op->to] += op->to_bytes;
		o->live_cnt[op->to]++;
	}
	o->live += op_delta(op);
}

static inline void oracle_replay(struct oracle *o, const struct op *ops, size_t n)
{
	size_t at = 0; /* the peak is the state after so many ops */

	memset(o, 0, sizeof(*o));
	for (size_t i = 0; i < n; i++) {
		oracle_step(o, &ops[i]);
		if (o->live > o->peak) {
			o->peak = o->live;
			at = i + 1;
		}
	}
	while (at && at < n && op_delta(&ops[at]) >= 0)
		at++;
	for (size_t i = 0; i < at; i++) {
		if (ops[i].from != NONE) {
			o->peak_bytes[ops[i].from] -= ops[i].from_bytes;
			o->peak_cnt[ops[i].from]--;
		}
		if (ops[i].to != NONE) {
			o->peak_bytes[ops[i].to] += ops[i].to_bytes;
			o->peak_cnt[ops[i].to]++;
		}
	}
}

/* Is a quiet process what the oracle says? Tells the first difference. */
static inline bool process_agrees(const struct process *p, const struct oracle *o)
{
	bool ok =
		(__s64)p->peak == o->peak && (__s64)mt_peak_headroom(p->word) == o->peak - o->live;

	if (!ok)
		print_error("peak %lld, not %lld; headroom %lld, not %lld\n", (__s64)p->peak,
			    o->peak, mt_peak_headroom(p->word), o->peak - o->live);
	for (int i = 0; ok && i < SITES; i++) {
		const struct site *s = &p->sites[i];

		ok = (__s64)s->live_bytes == o->live_bytes[i] &&
		     (__s64)s->live_cnt == o->live_cnt[i] &&
		     peak_bytes_of(p, i) == o->peak_bytes[i] && peak_cnt_of(p, i) == o->peak_cnt[i];
		if (!ok)
			print_error(
				"site %d: at peak %lld bytes in %lld blocks, not %lld in %lld\n", i,
				peak_bytes_of(p, i), peak_cnt_of(p, i), o->peak_bytes[i],
				o->peak_cnt[i]);
	}
	return ok;
}

#endif
