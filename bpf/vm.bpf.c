// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * vm: the system calls that change an address space.
 *
 * fentry/fexit where the kernel allows them, syscall tracepoints else (one attached makes
 * every system call on the host 60-80 ns slower). The ledger is kept in user space; a range
 * that a call may unmap is announced when the call begins, before the kernel can give it to
 * another thread, and settled when it ends.
 */
#include "common.h"

#define MT_PROT_WRITE	       2
#define MT_PROT_EXEC	       4
#define MT_VM_WRITE	       2
#define MT_VM_ACCESS	       7 /* it may be read, written or executed */
#define MT_MAP_TYPE	       0xf
#define MT_MAP_PRIVATE	       2
#define MT_MAP_ANONYMOUS       0x20
#define MT_MAP_FIXED	       0x10
#define MT_MAP_FIXED_NOREPLACE 0x100000
#define MT_MREMAP_FIXED	       0x2
#define MT_MAP_LOCKED	       0x2000
#define MT_MAP_POPULATE	       (0x8000 | MT_MAP_LOCKED) /* either does */

/* The call in th->vm has begun. */
static __always_inline void announce(struct mt_thread *th, __u32 kind)
{
	struct mt_event *e = mt_vm_event_begin(kind, th->slot);

	if (!e)
		return;
	e->a = th->vm.addr;
	e->b = th->vm.len;
	e->c = th->vm.new_len;
	e->d = th->vm.new_addr;
	e->flags = th->vm.flags;
	bpf_ringbuf_submit(e, 0);
}

static __always_inline __u64 current_brk(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return BPF_CORE_READ(task, mm, brk);
}

static __always_inline struct mt_vm_pending *begin(__u32 kind, __u64 addr, __u64 len,
						   struct mt_thread **out)
{
	struct mt_thread *th = mt_thread_current();
	struct mt_vm_pending *vm;

	if (!th)
		return NULL;
	vm = &th->vm;
	vm->kind = kind;
	vm->addr = addr;
	vm->len = len;
	vm->new_len = 0;
	vm->new_addr = 0;
	vm->flags = 0;
	vm->prot = 0;
	vm->fd = -1;
	vm->grows_bytes = 0;
	*out = th;
	return vm;
}

static __always_inline int enter_mmap(__u64 addr, __u64 len, __u64 prot, __u64 flags, __u64 fd)
{
	struct mt_thread *th = NULL;
	struct mt_vm_pending *vm = begin(MT_EVENT_MMAP, addr, len, &th);

	if (!vm)
		return 0;
	vm->flags = flags;
	vm->prot = prot;
	vm->fd = fd;
	if ((flags & MT_MAP_ANONYMOUS) && (flags & MT_MAP_TYPE) == MT_MAP_PRIVATE &&
	    (prot & MT_PROT_WRITE))
		vm->grows_bytes = len;
	if ((flags & MT_MAP_FIXED) && !(flags & MT_MAP_FIXED_NOREPLACE))
		announce(th, MT_EVENT_MMAP_BEGIN);
	return 0;
}

static __always_inline int enter_munmap(__u64 addr, __u64 len)
{
	struct mt_thread *th = NULL;

	if (begin(MT_EVENT_MUNMAP, addr, len, &th))
		announce(th, MT_EVENT_MUNMAP_BEGIN);
	return 0;
}

/*
 * Anonymous memory in [at, end) whose `mask`ed access is `access`. A hole ends it, as it ends
 * mprotect. The mappings cannot be looked at while another thread changes them: then once more.
 */
struct vma_walk {
	__u64 at;
	__u64 end;
	__u64 mask;
	__u64 access;
	__u64 bytes;
};

#define MT_VMA_STEPS 256

static long note_vma(struct task_struct *task, struct vm_area_struct *vma, struct vma_walk *walk)
{
	__u64 end = vma->vm_end < walk->end ? vma->vm_end : walk->end;

	if (!vma->vm_file && (vma->vm_flags & walk->mask) == walk->access)
		walk->bytes += end - walk->at;
	walk->at = end;
	return 0;
}

static long next_vma(__u32 i, struct vma_walk *walk)
{
	long err = bpf_find_vma(bpf_get_current_task_btf(), walk->at, note_vma, walk, 0);

	return (err && err != -16 /* EBUSY */) || walk->at >= walk->end;
}

static __always_inline __u64 anonymous_bytes(struct vma_walk walk)
{
	bpf_loop(MT_VMA_STEPS, next_vma, &walk, 0);
	return walk.bytes;
}

static __always_inline int enter_mremap(__u64 addr, __u64 len, __u64 new_len, __u64 flags,
					__u64 new_addr)
{
	struct mt_thread *th = NULL;
	struct mt_vm_pending *vm = begin(MT_EVENT_MREMAP, addr, len, &th);

	if (!vm)
		return 0;
	vm->new_len = new_len;
	vm->new_addr = new_addr;
	vm->flags = flags;
	if (new_len > len && anonymous_bytes((struct vma_walk){
				     .at = addr,
				     .end = addr + 1,
				     .mask = MT_VM_WRITE,
				     .access = MT_VM_WRITE,
			     }))
		vm->grows_bytes = new_len - len;
	announce(th, MT_EVENT_MREMAP_BEGIN);
	return 0;
}

static __always_inline int enter_brk(void)
{
	struct mt_thread *th = NULL;

	begin(MT_EVENT_BRK, current_brk(), 0, &th);
	return 0;
}

/*
 * Of interest is what was reserved and becomes usable: arenas grow so, and the heaps of Go and
 * Java. Code that a JIT makes writable again and again is none. And what becomes code: it may lie
 * where other code was.
 */
static __always_inline int enter_mprotect(__u64 addr, __u64 len, __u64 prot)
{
	struct mt_thread *th = NULL;

	if (!(prot & (MT_PROT_WRITE | MT_PROT_EXEC)) || !begin(MT_VM_MPROTECT, addr, len, &th))
		return 0;
	th->vm.prot = prot;
	if (!(prot & MT_PROT_WRITE))
		return 0;
	th->vm.grows_bytes = anonymous_bytes((struct vma_walk){
		.at = addr,
		.end = addr + len,
		.mask = MT_VM_ACCESS,
	});
	return 0;
}

static __always_inline __u64 brk_grown(const struct mt_vm_pending *vm, __u64 brk)
{
	return brk > vm->addr ? brk - vm->addr : 0;
}

/* Count what a call has made writable, thread stacks aside, and how much of that is the heap's. */
static __always_inline enum mt_maker grow(struct mt_thread *th, __u64 bytes)
{
	struct mt_proc *proc = bpf_map_lookup_elem(&mt_procs, &th->slot);

	if (!proc || !proc->open)
		return MT_MAKER_UNKNOWN;
	if (th->spawning && !th->call.func)
		return MT_MAKER_THREAD;
	__sync_fetch_and_add(&proc->anon_grown_bytes, bytes);
	if (!th->call.func)
		return MT_MAKER_PROGRAM;
	__sync_fetch_and_add(&proc->anon_heap_bytes, bytes);
	return MT_MAKER_HEAP;
}

static __always_inline __u32 mapped_class(__u32 flags)
{
	return (flags & MT_MAP_ANONYMOUS) && (flags & MT_MAP_TYPE) == MT_MAP_PRIVATE
		       ? MT_FAULT_ANON
		       : MT_FAULT_FILE;
}

/* Is there anything to tell? A failed call only if its beginning was announced. */
static __always_inline bool settles(__u32 kind, const struct mt_vm_pending *vm, __s64 ret)
{
	switch (kind) {
	case MT_EVENT_MMAP:
		return ret >= 0 || (vm->flags & MT_MAP_FIXED);
	case MT_EVENT_BRK:
		return (__u64)ret != vm->addr;
	case MT_VM_MPROTECT:
		return false;
	default:
		return true;
	}
}

/* What was known of code where this call has put something else, which may be code. */
static __always_inline void forget_code(__u32 kind, const struct mt_vm_pending *vm, __u64 ret,
					__u32 slot)
{
	if (kind == MT_EVENT_MMAP && (vm->prot & MT_PROT_EXEC))
		mt_code_forget(ret, vm->len, slot, 1);
	else if (kind == MT_VM_MPROTECT && (vm->prot & MT_PROT_EXEC))
		mt_code_forget(vm->addr, vm->len, slot, 0);
	else if (kind == MT_EVENT_MREMAP && (vm->flags & MT_MREMAP_FIXED))
		mt_code_forget(ret, vm->new_len, slot, 1);
}

/* User addresses are never negative, so a negative result is an error. */
static __always_inline int leave(__u32 kind, __s64 ret)
{
	__u32 tid = mt_tid();
	struct mt_thread *th = bpf_map_lookup_elem(&mt_threads, &tid);
	struct mt_vm_pending *vm;
	struct mt_event *e;
	__u32 maker = MT_MAKER_UNKNOWN;
	__u64 stack = 0;

	if (!th || th->vm.kind != kind)
		return 0;
	vm = &th->vm;
	vm->kind = 0;
	if (kind != MT_EVENT_MUNMAP && ret >= 0)
		maker = grow(th, kind == MT_EVENT_BRK ? brk_grown(vm, ret) : vm->grows_bytes);
	if (ret >= 0)
		forget_code(kind, vm, ret, th->slot);
	if (!settles(kind, vm, ret))
		return 0;
	if (kind == MT_EVENT_MREMAP && ret >= 0)
		th->call.remapped = 1;
	if (kind != MT_EVENT_MUNMAP && ret >= 0)
		stack = mt_stack_at_syscall(th);
	if (kind == MT_EVENT_MMAP && ret >= 0 && (vm->flags & MT_MAP_POPULATE))
		mt_fault_populated(th, stack, vm->len, mapped_class(vm->flags));
	e = mt_vm_event_begin(kind, th->slot);
	if (!e)
		return 0;
	e->a = vm->addr;
	e->b = vm->len;
	e->c = vm->new_len;
	e->d = vm->new_addr;
	e->flags = vm->flags;
	e->prot = vm->prot;
	e->fd = vm->fd;
	e->result = ret;
	e->stack = stack;
	e->maker = maker;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

/*
 * Two ways in. A syscall function takes the user's registers, a tracepoint an array of the
 * arguments.
 */
#if defined(__TARGET_ARCH_x86)
#define SYSCALL_FN(name) "__x64_sys_" #name
#elif defined(__TARGET_ARCH_arm64)
#define SYSCALL_FN(name) "__arm64_sys_" #name
#endif

#define ARG(n) PT_REGS_PARM##n##_CORE_SYSCALL(regs)

SEC("?fentry/" SYSCALL_FN(mmap))
int BPF_PROG(mt_fentry_mmap, struct pt_regs *regs)
{
	return enter_mmap(ARG(1), ARG(2), ARG(3), ARG(4), ARG(5));
}

SEC("?fentry/" SYSCALL_FN(munmap))
int BPF_PROG(mt_fentry_munmap, struct pt_regs *regs)
{
	return enter_munmap(ARG(1), ARG(2));
}

SEC("?fentry/" SYSCALL_FN(mremap))
int BPF_PROG(mt_fentry_mremap, struct pt_regs *regs)
{
	return enter_mremap(ARG(1), ARG(2), ARG(3), ARG(4), ARG(5));
}

SEC("?fentry/" SYSCALL_FN(mprotect))
int BPF_PROG(mt_fentry_mprotect, struct pt_regs *regs)
{
	return enter_mprotect(ARG(1), ARG(2), ARG(3));
}

SEC("?fentry/" SYSCALL_FN(brk))
int BPF_PROG(mt_fentry_brk, struct pt_regs *regs)
{
	return enter_brk();
}

#define FEXIT(name, kind)                                             \
	SEC("?fexit/" SYSCALL_FN(name))                               \
	int BPF_PROG(mt_fexit_##name, struct pt_regs *regs, long ret) \
	{                                                             \
		return leave(kind, ret);                              \
	}

FEXIT(mmap, MT_EVENT_MMAP)
FEXIT(munmap, MT_EVENT_MUNMAP)
FEXIT(mremap, MT_EVENT_MREMAP)
FEXIT(mprotect, MT_VM_MPROTECT)
FEXIT(brk, MT_EVENT_BRK)

SEC("?tracepoint/syscalls/sys_enter_mmap")
int mt_tp_enter_mmap(struct trace_event_raw_sys_enter *ctx)
{
	return enter_mmap(ctx->args[0], ctx->args[1], ctx->args[2], ctx->args[3], ctx->args[4]);
}

SEC("?tracepoint/syscalls/sys_enter_munmap")
int mt_tp_enter_munmap(struct trace_event_raw_sys_enter *ctx)
{
	return enter_munmap(ctx->args[0], ctx->args[1]);
}

SEC("?tracepoint/syscalls/sys_enter_mremap")
int mt_tp_enter_mremap(struct trace_event_raw_sys_enter *ctx)
{
	return enter_mremap(ctx->args[0], ctx->args[1], ctx->args[2], ctx->args[3], ctx->args[4]);
}

SEC("?tracepoint/syscalls/sys_enter_mprotect")
int mt_tp_enter_mprotect(struct trace_event_raw_sys_enter *ctx)
{
	return enter_mprotect(ctx->args[0], ctx->args[1], ctx->args[2]);
}

SEC("?tracepoint/syscalls/sys_enter_brk")
int mt_tp_enter_brk(struct trace_event_raw_sys_enter *ctx)
{
	return enter_brk();
}

#define TP_EXIT(name, kind)                                         \
	SEC("?tracepoint/syscalls/sys_exit_" #name)                 \
	int mt_tp_exit_##name(struct trace_event_raw_sys_exit *ctx) \
	{                                                           \
		return leave(kind, ctx->ret);                       \
	}

TP_EXIT(mmap, MT_EVENT_MMAP)
TP_EXIT(munmap, MT_EVENT_MUNMAP)
TP_EXIT(mremap, MT_EVENT_MREMAP)
TP_EXIT(mprotect, MT_VM_MPROTECT)
TP_EXIT(brk, MT_EVENT_BRK)
