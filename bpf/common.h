/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * common.h: what every subject needs: counting losses, finding the current thread, taking
 * a stack, sending an event.
 */
#ifndef MT_COMMON_H
#define MT_COMMON_H

#include "maps.h"

#include "logic/hash.h"

#define MT_CLONE_VM	0x00000100
#define MT_CLONE_THREAD 0x00010000

/*
 * Functions that are not inlined are global: the verifier checks each once, on its own, so
 * a loop in one does not multiply the paths of its callers.
 */

/* Count a loss (enum mt_lost). */
int mt_lose(__u32 what);

/* Code was mapped into an address space. */
int mt_code_mapped(__u64 start, __u64 len, __u32 slot);

/* Append to th->scratch the return addresses that frame pointers lead to, from `fp` on. */
int mt_stack_walk(struct mt_thread *th, __u64 sp, __u64 fp);

/*
 * Store the stack in a thread's scratch and return its key; 0 when it has no frame. By tid:
 * before 6.3 a global function's argument could not be the value of a map update.
 */
__u64 mt_stack_keep(__u32 tid, __u64 walk);

static __always_inline __u32 mt_tgid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}

static __always_inline __u32 mt_tid(void)
{
	return (__u32)bpf_get_current_pid_tgid();
}

static __always_inline struct mt_thread *mt_thread_add(__u32 tid, __u32 tgid, __u32 link_tgid,
						       __u32 slot)
{
	struct mt_thread *th;

	if (bpf_map_update_elem(&mt_threads, &tid, (const void *)mt_zero, BPF_ANY)) {
		mt_lose(MT_LOST_THREADS_FULL);
		return NULL;
	}
	th = bpf_map_lookup_elem(&mt_threads, &tid);
	if (!th)
		return NULL;
	th->slot = slot;
	th->tgid = tgid;
	th->link_tgid = link_tgid;
	return th;
}

/* The current thread if its process is a target; threads older than the attach join here. */
static __always_inline struct mt_thread *mt_thread_current(void)
{
	__u32 tid = mt_tid(), tgid = mt_tgid();
	struct mt_thread *th = bpf_map_lookup_elem(&mt_threads, &tid);
	struct mt_image *image;

	if (th)
		return th;
	image = bpf_map_lookup_elem(&mt_images, &tgid);
	return image ? mt_thread_add(tid, tgid, tgid, image->slot) : NULL;
}

/*
 * A piece of the user stack from `address` on. Reading costs per call, not per byte; close to
 * the stack's end only the first two words, a frame, may be there. A word that is not there is 0.
 */
static __always_inline long mt_window_read(struct mt_thread *th, __u64 address)
{
	if (!bpf_probe_read_user(th->window, sizeof(th->window), (const void *)address))
		return 0;
	return bpf_probe_read_user(th->window, 2 * sizeof(__u64), (const void *)address);
}

static __always_inline __u64 mt_user_word(__u64 address)
{
	__u64 word = 0;

	bpf_probe_read_user(&word, sizeof(word), (const void *)address);
	return word;
}

/* The key of the stack whose frames are in th->scratch: most walks have been seen before. */
static __always_inline __u64 mt_stack_key(struct mt_thread *th)
{
	__u64 walk = mt_walk_hash(&th->scratch, th->slot);
	__u64 *key = bpf_map_lookup_elem(&mt_walks, &walk);

	return key ? *key : mt_stack_keep(mt_tid(), walk);
}

/* At a return probe: the instruction pointer already is the caller's. */
static __always_inline __u64 mt_stack_at_return(const struct pt_regs *ctx, struct mt_thread *th)
{
	if (!mt_stacks_wanted)
		return 0;
	th->scratch.frames[0] = PT_REGS_IP(ctx);
	th->scratch.nr = 1;
	if (mt_window_read(th, PT_REGS_SP(ctx)))
		mt_lose(MT_LOST_STACK_FAILED);
	mt_stack_walk(th, PT_REGS_SP(ctx), PT_REGS_FP(ctx));
	return mt_stack_key(th);
}

/*
 * At a function's first instruction, or in a system call's leaf wrapper: the return address
 * is still the word at the stack pointer.
 */
static __always_inline __u64 mt_stack_at_leaf(struct mt_thread *th, __u64 sp, __u64 fp)
{
	if (!mt_stacks_wanted)
		return 0;
	if (mt_window_read(th, sp))
		mt_lose(MT_LOST_STACK_FAILED);
	th->scratch.frames[0] = th->window[0];
	th->scratch.nr = 1;
	mt_stack_walk(th, sp, fp);
	return mt_stack_key(th);
}

static __always_inline struct mt_event *mt_event_fill(struct mt_event *e, __u32 kind, __u32 slot)
{
	__builtin_memset(e, 0, sizeof(*e));
	e->ts_ns = bpf_ktime_get_ns();
	e->kind = kind;
	e->slot = slot;
	e->tgid = mt_tgid();
	e->tid = mt_tid();
	return e;
}

/* Of the life of a task. */
static __always_inline struct mt_event *mt_event_begin(__u32 kind, __u32 slot)
{
	struct mt_event *e = bpf_ringbuf_reserve(&mt_events, sizeof(*e), 0);

	if (e)
		return mt_event_fill(e, kind, slot);
	mt_lose(MT_LOST_RING_FULL);
	return NULL;
}

/* Of an address space. */
static __always_inline struct mt_event *mt_vm_event_begin(__u32 kind, __u32 slot)
{
	struct mt_event *e = bpf_ringbuf_reserve(&mt_vm_events, sizeof(*e), 0);

	if (e)
		return mt_event_fill(e, kind, slot);
	mt_lose(MT_LOST_VM_RING_FULL);
	return NULL;
}

#endif
