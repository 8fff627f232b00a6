// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * count: what is added up of blocks: the process's live bytes and their peak, and at each site
 * the counts, sizes, lifetimes and chains of reallocs.
 */
#include "count.h"
#include "logic/call.h"
#include "logic/hist.h"
#include "logic/peak.h"
#include "logic/sample.h"

__noinline __u32 mt_sample(struct mt_thread *th, __u64 size)
{
	__u64 least = mt_sample_least(mt_sample_bytes);

	if (!mt_sample_bytes || !th)
		return 1;
	if (size < least)
		size = least;
	if (!th->sample_left)
		th->sample_left = mt_sample_gap(mt_sample_bytes, bpf_get_prandom_u32());
	if (mt_sample_passes(&th->sample_left, size))
		return 0;
	return mt_sample_take(&th->sample_left, mt_sample_bytes, size, bpf_get_prandom_u32(),
			      bpf_get_prandom_u32());
}

__noinline long mt_proc_move(struct mt_proc *proc, __s64 delta)
{
	__u32 epoch = 0;
	int result;

	if (!proc)
		return -1;
	result = mt_peak_move(&proc->word, &proc->peak_bytes, delta, &epoch);
	if (result == MT_PEAK_RAISED)
		proc->peak_ns = bpf_ktime_get_ns();
	else if (result == MT_PEAK_OVERFLOW)
		mt_lose(MT_LOST_HEADROOM_FULL);
	else if (result == MT_PEAK_EXHAUSTED)
		mt_lose(MT_LOST_SWAP_EXHAUSTED);
	return result < 0 ? -1 : (long)epoch;
}

__noinline int mt_since_move(__u64 *since, __u32 epoch, __s64 delta)
{
	if (since && mt_since_add(since, epoch, delta))
		mt_lose(MT_LOST_SWAP_EXHAUSTED);
	return 0;
}

__noinline int mt_raise_max(__u64 *max, __u64 v)
{
	if (!max)
		return 0;
	for (int i = 0; i < 64; i++) {
		__u64 old = MT_READ_ONCE(*max);

		if (v <= old || __sync_val_compare_and_swap(max, old, v) == old)
			return 0;
	}
	mt_lose(MT_LOST_SWAP_EXHAUSTED);
	return 0;
}

__noinline __u64 mt_window_count(__u64 *window, __u64 now_ns, __u32 n)
{
	return window ? mt_window_add(window, now_ns, n) : 0;
}

__noinline __u32 mt_hist_bucket(__u64 v)
{
	return mt_hist_index(v);
}

static __always_inline void hist_add(__u32 *hist, __u64 v, __u32 n)
{
	__u32 i = mt_hist_bucket(v);

	if (i < MT_HIST_BUCKETS)
		__sync_fetch_and_add(&hist[i], n);
}

static __always_inline struct mt_site_key key_of(__u32 slot, const struct mt_live *rec)
{
	return (struct mt_site_key){ .stack = rec->stack, .slot = slot, .func = rec->func };
}

static __always_inline struct mt_site *site_get(struct mt_site_key *key)
{
	struct mt_site *site = bpf_map_lookup_elem(&mt_sites, key);

	if (site)
		return site;
	bpf_map_update_elem(&mt_sites, key, (const void *)mt_zero, BPF_NOEXIST);
	site = bpf_map_lookup_elem(&mt_sites, key);
	if (!site)
		mt_lose(MT_LOST_SITES_FULL);
	return site;
}

static __always_inline struct mt_storm *storm_get(struct mt_site_key *key)
{
	struct mt_storm *storm = bpf_map_lookup_elem(&mt_storms, key);

	if (storm)
		return storm;
	bpf_map_update_elem(&mt_storms, key, (const void *)mt_zero, BPF_NOEXIST);
	storm = bpf_map_lookup_elem(&mt_storms, key);
	if (!storm)
		mt_lose(MT_LOST_STORMS_FULL);
	return storm;
}

static __always_inline struct mt_hists *hists_get(struct mt_site_key *key)
{
	struct mt_hists *hists = bpf_map_lookup_elem(&mt_hists, key);

	if (hists)
		return hists;
	bpf_map_update_elem(&mt_hists, key, (const void *)mt_zero, BPF_NOEXIST);
	hists = bpf_map_lookup_elem(&mt_hists, key);
	if (!hists)
		mt_lose(MT_LOST_HISTS_FULL);
	return hists;
}

__noinline int mt_site_alloc(struct mt_live *rec, __u32 slot, __u32 epoch)
{
	struct mt_site_key key;
	struct mt_hists *hists;
	struct mt_site *site;
	__u64 nr, n;

	if (!rec)
		return 0;
	key = key_of(slot, rec);
	site = site_get(&key);
	if (!site)
		return 0;
	n = mt_weighed(rec, 1);
	nr = __sync_fetch_and_add(&site->alloc_cnt, n);
	__sync_fetch_and_add(&site->alloc_bytes, mt_weighed_bytes(rec));
	mt_since_move(&site->since_bytes, epoch, mt_weighed_bytes(rec));
	mt_since_move(&site->since_cnt, epoch, n);
	mt_raise_max(&site->max_bytes, rec->size_bytes);
	if (nr < MT_SITE_FIRST && !mt_sample_bytes) { /* they have no weight */
		site->first_sizes[nr] = mt_hist_bucket(rec->size_bytes) + 1;
		return 0;
	}
	hists = hists_get(&key);
	if (hists)
		hist_add(hists->sizes, rec->size_bytes, n);
	return 0;
}

__noinline int mt_site_free(struct mt_live *rec, __u32 slot, __u32 epoch, __u32 how)
{
	struct mt_site_key key;
	struct mt_hists *hists;
	__u64 lifetime_ns, nr, n;
	struct mt_site *site;

	if (!rec)
		return 0;
	key = key_of(slot, rec);
	site = bpf_map_lookup_elem(&mt_sites, &key);
	if (!site)
		return mt_lose(MT_LOST_SITE_MISSING);
	lifetime_ns = bpf_ktime_get_ns() - rec->born_ns;
	n = mt_weighed(rec, 1);
	nr = __sync_fetch_and_add(&site->free_cnt, n);
	__sync_fetch_and_add(&site->free_bytes, mt_weighed_bytes(rec));
	mt_since_move(&site->since_bytes, epoch, -mt_weighed_bytes(rec));
	mt_since_move(&site->since_cnt, epoch, -n);
	if (how == GONE_UNFOLLOWED)
		return 0;
	if (how == GONE_TEMPORARY)
		__sync_fetch_and_add(&site->temporary_cnt, n);
	if (lifetime_ns < MT_SHORT_LIVED_NS)
		__sync_fetch_and_add(&site->short_lived_cnt, n);
	lifetime_ns >>= MT_LIFETIME_SHIFT;
	if (nr < MT_SITE_FIRST && !mt_sample_bytes) {
		site->first_lifetimes[nr] = mt_hist_bucket(lifetime_ns) + 1;
		return 0;
	}
	hists = hists_get(&key);
	if (hists)
		hist_add(hists->lifetimes, lifetime_ns, n);
	return 0;
}

__noinline int mt_storm_end(struct mt_live *rec, __u32 slot)
{
	struct mt_site_key key;
	struct mt_storm *storm;

	if (!rec || rec->chain_len < MT_STORM_CHAIN)
		return 0;
	key = key_of(slot, rec);
	storm = bpf_map_lookup_elem(&mt_storms, &key);
	if (storm)
		hist_add(storm->final_sizes, rec->size_bytes, mt_weighed(rec, 1));
	return 0;
}

__noinline int mt_storm_add(struct mt_live *rec, __u32 slot, struct mt_live *old, __u32 moved)
{
	struct mt_site_key key;
	struct mt_storm *storm;
	__u64 copied;
	__u32 n;

	if (!rec)
		return 0;
	key = key_of(slot, rec);
	storm = storm_get(&key);
	if (!storm)
		return 0;
	n = mt_weighed(old ?: rec, 1);
	__sync_fetch_and_add(&storm->calls, n);
	mt_raise_max(&storm->busiest_window_calls,
		     mt_window_count(&storm->window, rec->born_ns, n));
	if (!old)
		return 0;
	if (rec->size_bytes > old->size_bytes)
		__sync_fetch_and_add(&storm->grown, n);
	if (moved)
		__sync_fetch_and_add(&storm->moved, n);
	copied = rec->chain_copied_bytes - old->chain_copied_bytes;
	__sync_fetch_and_add(&storm->copied_bytes, copied * n);
	if (rec->chain_len == MT_STORM_CHAIN)
		__sync_fetch_and_add(&storm->chains, n);
	mt_raise_max(&storm->longest_chain, rec->chain_len);
	return 0;
}
