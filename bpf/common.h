/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * common.h: what every subject needs: counting losses, finding the current thread, taking
 * a stack, sending an event.
 */
#ifndef MT_COMMON_H
#define MT_COMMON_H

#include "argument.h"
#include "maps.h"

#include "logic/hash.h"

#define MT_PAGE_SHIFT	12
#define MT_CLONE_VM	0x00000100
#define MT_CLONE_THREAD 0x00010000

/*
 * Functions that are not inlined are global: the verifier checks each once, on its own, so
 * a loop in one does not multiply the paths of its callers.
 */

/* Count a loss (enum mt_lost). */
int mt_lose(__u32 what);

/*
 * What is known of the code in a range may not be so any more: of files' code, and of a JIT's,
 * which stays one's by mprotect, where `mapped`.
 */
int mt_code_forget(__u64 start, __u64 len, __u32 slot, __u32 mapped);

/*
 * The number of the file that this process maps there, a new one if it has none. -ENOENT: it maps
 * none; -EBUSY: another thread changes the mappings.
 */
int mt_file_mapped(__u64 address);

/* Puts into th->scratch where th->walk is, unless only the callers are wanted, and its callers. */
int mt_unwind(struct mt_thread *th, __u32 only_callers);

/* The current thread ends: count the page faults since the last of which it was told. */
int mt_fault_end(__u32 tid);

/* A system call has brought in `len` bytes at once, for that stack. */
int mt_fault_populated(struct mt_thread *th, __u64 stack, __u64 len, __u32 class);

/* Store the stack in a thread's scratch and return its key; 0 when it has no frame. */
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

/*
 * Where a return probe has calls return to: the first word of the pages for single-stepping
 * (uprobe_get_trampoline_vaddr()).
 */
static __always_inline __u64 mt_trampoline(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return BPF_CORE_READ(task, mm, uprobes_state.xol_area, vaddr);
}

/* What the unwinder starts from; `pc` and `sp` are the caller's, if `after_call`. */
static __always_inline void mt_walk_begin(const struct pt_regs *regs, struct mt_thread *th,
					  __u64 pc, __u64 sp)
{
	th->walk.pc = pc;
	th->walk.sp = sp;
#if defined(__TARGET_ARCH_x86)
	th->walk.fp = mt_argument(regs, MT_ARG_X86 + 5);
	th->walk.bx = mt_argument(regs, MT_ARG_X86 + 3);
#else
	th->walk.fp = PT_REGS_FP(regs);
#endif
	th->walk.words = 0;
	th->walk.after_call = 1;
}

/* At a return probe: the instruction pointer already is the caller's. */
static __always_inline __u64 mt_stack_at_return(const struct pt_regs *ctx, struct mt_thread *th)
{
	if (!mt_stacks_wanted)
		return 0;
	mt_walk_begin(ctx, th, PT_REGS_IP(ctx), PT_REGS_SP(ctx));
	mt_unwind(th, 0);
	return mt_stack_keep(mt_tid());
}

/* At a function's first instruction: the return address is still the word at the stack pointer. */
static __always_inline __u64 mt_stack_at_leaf(const struct pt_regs *ctx, struct mt_thread *th)
{
	__u64 sp = PT_REGS_SP(ctx), caller;

	if (!mt_stacks_wanted)
		return 0;
	caller = mt_user_word(sp);
	if (!caller) {
		mt_lose(MT_LOST_STACK_FAILED);
		return 0;
	}
	mt_walk_begin(ctx, th, caller, sp + sizeof(__u64));
	mt_unwind(th, 0);
	return mt_stack_keep(mt_tid());
}

/* In the kernel, where the registers are those of its entry. */
static __always_inline __u64 mt_stack_at_entry(struct mt_thread *th, __u32 only_callers)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());

	if (!mt_stacks_wanted)
		return 0;
	mt_walk_begin(regs, th, PT_REGS_IP(regs), PT_REGS_SP(regs));
	th->walk.after_call = 0;
	mt_unwind(th, only_callers);
	return mt_stack_keep(mt_tid());
}

/* In a system call: without the function that makes it. */
static __always_inline __u64 mt_stack_at_syscall(struct mt_thread *th)
{
	return mt_stack_at_entry(th, 1);
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
