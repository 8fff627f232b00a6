/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * block.h: a block comes to be and goes: in `live`, at its site, in its process's sums.
 *
 * For alloc.bpf.c, of which it is a part.
 */
#ifndef MT_BLOCK_H
#define MT_BLOCK_H

#include "count.h"
#include "logic/call.h"

/* Remove a block from `live` into *rec; false when it is not there. */
static __always_inline bool live_take(__u32 slot, __u64 addr, struct mt_live *rec)
{
	struct mt_live_key key = { .addr = addr, .slot = slot };
	struct mt_live *live = bpf_map_lookup_elem(&mt_live, &key);

	if (!live)
		return false;
	*rec = *live;
	return bpf_map_delete_elem(&mt_live, &key) == 0;
}

/* A block was freed; sites know how many where all are followed. */
static __always_inline void count_free(struct mt_proc *proc)
{
	if (mt_sample_bytes)
		__sync_fetch_and_add(&proc->free_cnt, 1);
}

static __always_inline void count_alloc(struct mt_proc *proc, __u64 size)
{
	if (!mt_sample_bytes)
		return;
	__sync_fetch_and_add(&proc->alloc_cnt, 1);
	__sync_fetch_and_add(&proc->alloc_bytes, size);
}

/* A freed block that is not in `live`: it did not fit, is older than the attach, or inherited. */
static __always_inline void unknown_free(struct mt_proc *proc, __u64 addr)
{
	struct mt_live_key key = { .addr = addr, .slot = proc->parent_slot };
	struct mt_live *parents;

	if (mt_sample_bytes) {
		count_free(proc);
		return;
	}
	if (proc->unfollowed_cnt > proc->unfollowed_free_cnt) {
		__sync_fetch_and_add(&proc->unfollowed_free_cnt, 1);
		return;
	}
	if (proc->birth != MT_BIRTH_FORK) {
		__sync_fetch_and_add(&proc->unknown_free_cnt, 1);
		return;
	}
	parents = bpf_map_lookup_elem(&mt_live, &key);
	if (proc->seen_from_birth || (parents && parents->born_ns < proc->born_ns))
		__sync_fetch_and_add(&proc->inherited_free_cnt, 1);
	else
		__sync_fetch_and_add(&proc->unknown_free_cnt, 1);
}

/*
 * A block was handed out again while it was still in `live`: its free was missed, it is accounted
 * as freed now. Not inlined: its copy of the block is too much for one stack.
 */
__noinline int mt_block_missed(struct mt_proc *proc, __u32 slot, __u64 addr)
{
	struct mt_live missed;
	long epoch;

	if (!proc || !live_take(slot, addr, &missed))
		return 0;
	mt_lose(MT_LOST_BLOCK_REPLACED);
	epoch = mt_proc_move(proc, -mt_weighed_bytes(&missed));
	if (epoch >= 0)
		mt_site_free(&missed, slot, epoch, GONE_FREED);
	return 1;
}

/* Put a block into `live`. */
static __always_inline bool live_put(struct mt_proc *proc, __u32 slot, __u64 addr,
				     struct mt_live *rec)
{
	struct mt_live_key key = { .addr = addr, .slot = slot };
	long err = bpf_map_update_elem(&mt_live, &key, rec, BPF_NOEXIST);

	if (err == -17 /* EEXIST */ && mt_block_missed(proc, slot, addr))
		err = bpf_map_update_elem(&mt_live, &key, rec, BPF_NOEXIST);
	if (err)
		mt_lose(MT_LOST_LIVE_FULL);
	return err == 0;
}

static __always_inline __u32 how_freed(const struct mt_thread *th, __u64 addr)
{
	return th->last_alloc == addr ? GONE_TEMPORARY : GONE_FREED;
}

/* A block to follow; `old` is what realloc replaced, or NULL. */
static __always_inline void block_new(struct mt_thread *th, struct mt_proc *proc, __u64 addr,
				      struct mt_live *rec, struct mt_live *old)
{
	__s64 delta = mt_weighed_bytes(rec);
	__u32 slot = th->slot;
	bool followed;
	long epoch;

	if (old)
		delta -= mt_weighed_bytes(old);
	followed = live_put(proc, slot, addr, rec);
	if (!followed)
		delta -= mt_weighed_bytes(rec);
	epoch = mt_proc_move(proc, delta);
	if (epoch < 0)
		return;
	if (old)
		mt_site_free(old, slot, epoch, how_freed(th, th->call.arg));
	mt_site_alloc(rec, slot, epoch);
	if (!followed) {
		mt_site_free(rec, slot, epoch, GONE_UNFOLLOWED);
		__sync_fetch_and_add(&proc->unfollowed_cnt, 1);
	}
}

/* A call has returned a block, followed or not. */
static __always_inline void allocated(struct mt_thread *th, struct mt_proc *proc)
{
	count_alloc(proc, th->call.size_bytes);
	th->last_freed = 0;
	if (th->flushes) {
		__sync_fetch_and_add(&proc->flushed_free_cnt, -th->flushes);
		__sync_fetch_and_add(mt_sample_bytes ? &proc->free_cnt : &proc->unknown_free_cnt,
				     th->flushes);
		th->flushes = 0;
	}
}

static __always_inline void block_gone(struct mt_thread *th, struct mt_proc *proc, __u64 addr,
				       struct mt_live *rec)
{
	long epoch = mt_proc_move(proc, -mt_weighed_bytes(rec));

	count_free(proc);
	if (epoch < 0)
		return;
	mt_site_free(rec, th->slot, epoch, how_freed(th, addr));
	if (th->last_alloc == addr) /* another thread can be handed the address */
		th->last_alloc = 0;
	mt_storm_end(rec, th->slot);
}

/*
 * Was the pending call left by longjmp or an exception? Once something else has been called from
 * where it was, the word that it was to return by is another one.
 */
static __always_inline bool mt_is_left(const struct mt_pending *call)
{
	__u64 word;

	if (!MT_RETURN_POP) /* that is in a register first */
		return false;
	word = mt_user_word(call->sp);
	return word && word != mt_trampoline() &&
	       !(call->result == MT_RESULT_RET && word == call->caller);
}

#endif
