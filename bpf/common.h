/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * common.h: what every subject needs: counting losses, finding the current thread, taking
 * a stack, sending an event.
 */
#ifndef MT_COMMON_H
#define MT_COMMON_H

#include "maps.h"

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

/*
 * Store the stack in a thread's scratch and return its key; 0 when it has no frame. By tid:
 * before 6.3 a global function's argument could not be the value of a map update.
 */
__u64 mt_stack_keep(__u32 tid);

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

static __always_inline __u64 mt_user_word(__u64 address)
{
	__u64 word = 0;

	bpf_probe_read_user(&word, sizeof(word), (const void *)address);
	return word;
}

/* Frames of the current user stack into th->scratch, from `first` on. */
static __always_inline void mt_stack_walk(void *ctx, struct mt_thread *th, __u32 first, __u64 skip)
{
	long n = bpf_get_stack(ctx, &th->scratch.frames[first],
			       sizeof(th->scratch.frames) - first * sizeof(__u64),
			       BPF_F_USER_STACK | skip);

	if (n < 0) {
		mt_lose(MT_LOST_STACK_FAILED);
		n = 0;
	}
	th->scratch.nr = first + ((__u32)n >> 3);
}

/* At a return probe: the instruction pointer already is the caller's. */
static __always_inline __u64 mt_stack_at_return(void *ctx, struct mt_thread *th)
{
	if (!mt_stacks_wanted)
		return 0;
	mt_stack_walk(ctx, th, 0, 0);
	return mt_stack_keep(mt_tid());
}

/*
 * At a function's first instruction, or in a system call's leaf wrapper: the return address
 * is still the word at the stack pointer, and a walk by frame pointers misses that caller.
 * Kernels from 6.12 on find it at an entry probe; then it is not added twice.
 */
static __always_inline __u64 mt_stack_at_leaf(void *ctx, struct mt_thread *th, __u64 sp)
{
	__u64 caller;

	if (!mt_stacks_wanted)
		return 0;
	caller = mt_user_word(sp);
	mt_stack_walk(ctx, th, 1, 1);
	if (th->scratch.nr > 1 && th->scratch.frames[1] == caller)
		mt_stack_walk(ctx, th, 1, 2);
	th->scratch.frames[0] = caller;
	return mt_stack_keep(mt_tid());
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
