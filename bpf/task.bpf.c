// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * task: which processes are targets, and the life of their programs and threads.
 *
 * A slot names one address space for the whole recording and is never used again, so what
 * a process leaves behind cannot be credited to another that gets its pid.
 */
#include "common.h"
#include "logic/peak.h"

#define MT_VM_ACCESS 7

__u32 mt_last_slot = 0;

/* A new address space; 0 when the maps are full. */
static __always_inline __u32 image_new(__u32 tgid, __u32 birth, __u32 parent, struct mt_image image)
{
	struct mt_proc proc = {
		.born_ns = bpf_ktime_get_ns(),
		.tgid = tgid,
		.birth = birth,
		.parent_slot = parent,
		.open = image.attached,
		.seen_from_birth = image.attached,
		.entry_only = image.entry_only,
	};

	image.slot = __sync_fetch_and_add(&mt_last_slot, 1) + 1;
	if (bpf_map_update_elem(&mt_procs, &image.slot, &proc, BPF_ANY) ||
	    bpf_map_update_elem(&mt_images, &tgid, &image, BPF_ANY)) {
		mt_lose(MT_LOST_IMAGES_FULL);
		return 0;
	}
	return image.slot;
}

static __always_inline __u64 max_rss_pages(struct task_struct *task)
{
	return BPF_CORE_READ(task, signal, maxrss);
}

/* Of the threads that are gone, of a leader that has ended, and of this one up to its last tick. */
static __always_inline __u64 cpu_ns(struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	__u64 ns = BPF_CORE_READ(task, signal, sum_sched_runtime) +
		   BPF_CORE_READ(task, se.sum_exec_runtime);

	return leader == task ? ns : ns + BPF_CORE_READ(leader, se.sum_exec_runtime);
}

struct vma_range {
	__u64 start;
	__u64 end;
	__u64 access; /* may be read, written or executed */
};

static long note_range(struct task_struct *task, struct vm_area_struct *vma, struct vma_range *out)
{
	out->start = vma->vm_start;
	out->end = vma->vm_end;
	out->access = vma->vm_flags & MT_VM_ACCESS;
	return 0;
}

/* The mapping that a new thread's stack is in, and the guard below it. */
static __always_inline void note_stack(struct mt_event *e, __u64 sp)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct vma_range stack = {}, guard = {};

	/* A stack pointer may start at the first byte after the stack. */
	if (bpf_find_vma(task, sp - 1, note_range, &stack, 0) || !stack.access)
		return;
	e->c = stack.start;
	e->d = stack.end;
	if (!bpf_find_vma(task, stack.start - 1, note_range, &guard, 0) && !guard.access)
		e->result = guard.end - guard.start;
}

/* The address space that a new task runs in: its creator's, or one of its own. */
static __always_inline __u32 slot_of_new(const struct mt_image *parent, __u32 tgid, bool shares,
					 bool thread)
{
	struct mt_image image = { .slot = parent->slot };

	if (!shares)
		return image_new(tgid, MT_BIRTH_FORK, parent->slot, (struct mt_image){});
	if (!thread && bpf_map_update_elem(&mt_images, &tgid, &image, BPF_ANY))
		mt_lose(MT_LOST_IMAGES_FULL);
	return parent->slot;
}

static __always_inline void tell_thread(struct task_struct *task, struct mt_thread *creator,
					__u32 slot)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct mt_event *e = mt_event_begin(MT_EVENT_THREAD, slot);

	if (!e)
		return;
	e->a = task->pid;
	e->b = PT_REGS_SP_CORE(regs);
	note_stack(e, e->b);
	if (creator) {
		e->stack = creator->spawn_stack;
		creator->spawn_stack = 0;
		creator->spawning = 0;
	}
	bpf_ringbuf_submit(e, 0);
}

static __always_inline void tell_process(struct task_struct *task, __u32 parent_slot, bool shares,
					 __u32 slot)
{
	struct mt_event *e = mt_event_begin(shares ? MT_EVENT_VFORK : MT_EVENT_FORK, slot);

	if (!e)
		return;
	e->a = parent_slot;
	e->b = mt_tgid();
	e->tgid = task->tgid;
	e->tid = task->pid;
	bpf_ringbuf_submit(e, 0);
}

SEC("?tp_btf/task_newtask")
int BPF_PROG(mt_task_new, struct task_struct *task, unsigned long clone_flags)
{
	__u32 parent_tgid = mt_tgid(), tid = task->pid, tgid = task->tgid;
	struct mt_image *parent = bpf_map_lookup_elem(&mt_images, &parent_tgid);
	bool shares = clone_flags & MT_CLONE_VM, thread = clone_flags & MT_CLONE_THREAD;
	__u32 slot, parent_slot, link_tgid = tgid;
	struct mt_thread *creator;

	if (!parent)
		return 0;
	creator = mt_thread_current();
	parent_slot = parent->slot;
	slot = slot_of_new(parent, tgid, shares, thread);
	if (!slot)
		return 0;
	if (creator && shares && (thread || !mt_links_by_process))
		link_tgid = creator->link_tgid;
	mt_thread_add(tid, tgid, link_tgid, slot);
	if (thread)
		tell_thread(task, creator, slot);
	else
		tell_process(task, parent_slot, shares, slot);
	return 0;
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(mt_process_exec, struct task_struct *task, int old_tid)
{
	__u32 tgid = task->tgid, former = old_tid;
	struct mt_image *image = bpf_map_lookup_elem(&mt_images, &tgid), next = {};
	__u32 old_slot, slot;
	struct mt_event *e;

	if (!image)
		return 0;
	old_slot = image->slot;
	/* A link lives with the leader: an exec by another thread leaves it behind. */
	if (image->attached && former == tgid)
		next = *image;
	slot = image_new(tgid, MT_BIRTH_EXEC, old_slot, next);
	if (!slot)
		return 0;
	bpf_map_delete_elem(&mt_threads, &former);
	mt_thread_add(tgid, tgid, tgid, slot);

	e = mt_event_begin(MT_EVENT_EXEC, slot);
	if (!e)
		return 0;
	e->a = old_slot;
	e->b = former;
	e->c = max_rss_pages(task);
	e->result = cpu_ns(task);
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(mt_process_exit, struct task_struct *task)
{
	__u32 tid = task->pid, tgid = task->tgid;
	struct mt_image *image = bpf_map_lookup_elem(&mt_images, &tgid);
	bool last = BPF_CORE_READ(task, signal, live.counter) == 0;
	struct mm_struct *mm = task->mm;
	struct mt_event *e;
	__u32 slot;

	if (!image)
		return 0;
	slot = image->slot;
	mt_fault_end(tid);
	bpf_map_delete_elem(&mt_threads, &tid);
	if (last)
		bpf_map_delete_elem(&mt_images, &tgid);

	e = mt_event_begin(MT_EVENT_EXIT, slot);
	if (!e)
		return 0;
	e->a = BPF_CORE_READ(task, exit_code);
	if (last && BPF_CORE_READ(task, signal, flags) & 4 /* SIGNAL_GROUP_EXIT */)
		e->a = BPF_CORE_READ(task, signal, group_exit_code);
	e->b = last;
	e->c = max_rss_pages(task);
	e->d = mm ? BPF_CORE_READ(mm, hiwater_vm) : 0;
	e->result = cpu_ns(task);
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	bpf_ringbuf_submit(e, 0);
	return 0;
}

/* The first argument is a pid before 6.9 and a task since (kernel commit 72ba14deb40a). */
SEC("?raw_tp/mark_victim")
int mt_oom_victim(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 arg = ctx->args[0];
	__u32 tgid = arg >> 32 ? BPF_CORE_READ((struct task_struct *)arg, tgid) : (__u32)arg;
	struct mt_image *image = bpf_map_lookup_elem(&mt_images, &tgid);
	struct mt_event *e;

	if (!image)
		return 0;
	e = mt_event_begin(MT_EVENT_OOM, image->slot);
	if (!e)
		return 0;
	e->tgid = tgid;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

static long refresh_site(struct bpf_map *map, struct mt_site_key *key, struct mt_site *site,
			 void *ctx)
{
	struct mt_proc *proc = bpf_map_lookup_elem(&mt_procs, &key->slot);

	if (proc) {
		__u32 epoch = mt_peak_epoch(MT_READ_ONCE(proc->word));

		mt_since_refresh(&site->since_bytes, epoch);
		mt_since_refresh(&site->since_cnt, epoch);
	}
	return 0;
}

static __always_inline int adopt(struct mt_control *ctl)
{
	__u32 tgid = ctl->tgid;
	struct mt_image *image = bpf_map_lookup_elem(&mt_images, &tgid);

	if (image) {
		ctl->slot = image->slot;
		return -17; /* EEXIST */
	}
	ctl->slot = image_new(tgid, MT_BIRTH_ATTACH, 0, (struct mt_image){});
	return ctl->slot ? 0 : -7; /* E2BIG, as a full hash map answers */
}

static __always_inline int set_open(struct mt_control *ctl, __u32 open, __u32 from_birth)
{
	__u32 tgid = ctl->tgid, slot;
	struct mt_image *image = bpf_map_lookup_elem(&mt_images, &tgid);
	struct mt_proc *proc;

	if (!image)
		return -3; /* ESRCH */
	image->attached = open;
	slot = image->slot;
	ctl->slot = slot;
	proc = bpf_map_lookup_elem(&mt_procs, &slot);
	/* A vfork child's link opens nothing: the address space is its parent's. */
	if (!proc || proc->tgid != tgid)
		return 0;
	proc->open = open;
	proc->seen_from_birth |= from_birth;
	return 0;
}

/* Of what was live when the last burst ended nothing is known any more. */
static __always_inline int open_burst(struct mt_control *ctl)
{
	int err = set_open(ctl, 0, 0);
	__u32 slot = ctl->slot;
	struct mt_proc *proc = bpf_map_lookup_elem(&mt_procs, &slot);

	if (err || !proc)
		return err ? err : -3; /* ESRCH */
	proc->word = 0;
	proc->peak_bytes = 0;
	proc->hits_max = ctl->number ? proc->hits + ctl->number : 0;
	proc->open = 1;
	return 0;
}

/* How its links see its calls; said before they are opened. */
static __always_inline int set_kind(struct mt_control *ctl)
{
	__u32 tgid = ctl->tgid;
	struct mt_image *image = bpf_map_lookup_elem(&mt_images, &tgid);
	struct mt_proc *proc;

	if (!image)
		return -3; /* ESRCH */
	if (ctl->op == MT_CONTROL_SHARE) {
		image->shared = 1;
		return 0;
	}
	image->entry_only = 1;
	proc = bpf_map_lookup_elem(&mt_procs, &image->slot);
	if (proc)
		proc->entry_only = 1;
	return 0;
}

/* Requests of user space, by BPF_PROG_RUN: they change values that probes change too. */
SEC("?syscall")
int mt_control(struct mt_control *ctl)
{
	switch (ctl->op) {
	case MT_CONTROL_ADOPT:
		ctl->error = adopt(ctl);
		break;
	case MT_CONTROL_OPEN:
		ctl->error = set_open(ctl, 1, 0);
		break;
	case MT_CONTROL_OPEN_AT_BIRTH:
		ctl->error = set_open(ctl, 1, 1);
		break;
	case MT_CONTROL_BURST:
		ctl->error = open_burst(ctl);
		break;
	case MT_CONTROL_CLOSE:
		ctl->error = set_open(ctl, 0, 0);
		break;
	case MT_CONTROL_SHARE:
	case MT_CONTROL_ENTRY_ONLY:
		ctl->error = set_kind(ctl);
		break;
	case MT_CONTROL_FILE:
		ctl->error = mt_file_mapped(ctl->address);
		ctl->number = ctl->error;
		if (ctl->error > 0)
			ctl->error = 0;
		break;
	case MT_CONTROL_SWEEP:
		ctl->error = 0;
		bpf_for_each_map_elem(&mt_sites, refresh_site, NULL, 0);
		break;
	default:
		ctl->error = -22; /* EINVAL */
	}
	return 0;
}
