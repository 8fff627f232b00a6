// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * fault: page faults, by the kernel's software event on the targets' threads.
 *
 * The event fires at the begin of a fault, before its page is there and without a lock. The user's
 * registers are where a system call's are, also for a fault that the kernel takes in one, when it
 * copies into memory that was not touched yet. Events are opened in user/session/faults.c.
 */
#include "common.h"

#include "logic/fault.h"

/* Set by user space; volatile, since it changes them while programs run. */
volatile __u32 mt_fault_period = 0; /* of the events that are open; 0: none is */
volatile __u32 mt_fault_one_in = 0; /* a stack is taken of one event in so many; 0: of all */

const volatile __u32 mt_fault_huge = MT_HUGE_NEVER;

/* Before 6.2: one structure of plain counters. */
struct mm_rss_stat___before_6_2 {
	atomic_long_t count[4];
};

struct mm_struct___before_6_2 {
	struct mm_rss_stat___before_6_2 rss_stat;
} __attribute__((preserve_access_index));

/* Resident pages of a kind; what a CPU or thread has not handed in yet is missing. */
static __always_inline __u64 resident(const struct mm_struct *mm, __u32 kind)
{
	const struct mm_struct___before_6_2 *old = (const void *)mm;
	__s64 pages;

	if (bpf_core_field_exists(old->rss_stat.count))
		pages = BPF_CORE_READ(old, rss_stat.count[kind].counter);
	else
		pages = BPF_CORE_READ(mm, rss_stat[kind].count);
	return pages > 0 ? pages : 0;
}

/* Growth is from what was there when its faults began to be seen. */
static __always_inline void note_growth(struct mt_proc *proc, struct task_struct *task)
{
	const struct mm_struct *mm = BPF_CORE_READ(task, mm);
	__u64 anon = resident(mm, MM_ANONPAGES);
	__u64 shared = resident(mm, MM_FILEPAGES) + resident(mm, MM_SHMEMPAGES);

	if (!proc->fault_event_cnt && proc->birth != MT_BIRTH_EXEC) {
		proc->anon_first_pages = anon;
		proc->shared_first_pages = shared;
	}
	if (anon > proc->anon_most_pages)
		proc->anon_most_pages = anon;
	if (shared > proc->shared_most_pages)
		proc->shared_most_pages = shared;
}

static long note_vma(struct task_struct *task, struct vm_area_struct *vma, struct mt_fault_place *p)
{
	p->start = vma->vm_start;
	p->end = vma->vm_end;
	p->flags = vma->vm_flags;
	p->has_file = !!vma->vm_file;
	return 0;
}

/* The mapping at the address, in th->place. */
static __always_inline long find_place(struct task_struct *task, struct mt_thread *th,
				       __u64 address)
{
	const struct mm_struct *mm = BPF_CORE_READ(task, mm);
	__u64 stamp = mt_fault_stamp(BPF_CORE_READ(mm, map_count), BPF_CORE_READ(mm, total_vm));
	struct mt_fault_place place = { .stamp = stamp };
	long err;

	if (mt_fault_place_holds(&th->place, address, stamp))
		return 0;
	err = bpf_find_vma(task, address, note_vma, &place, 0);
	if (!err)
		th->place = place;
	return err;
}

/* What is no mapping yet, or any more, is the stack of a main thread that grows. */
static __always_inline __u32 class_at(struct mt_thread *th, __u64 address, __u64 *pages)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	long err = find_place(task, th, address);
	__u64 range;

	*pages = 1;
	if (err)
		return err == -2 /* ENOENT */ ? MT_FAULT_STACK : MT_FAULT_UNKNOWN;
	range = mt_fault_huge_range(&th->place, address, mt_fault_huge);
	if (range && range != th->huge_range) {
		th->huge_range = range;
		*pages = MT_HUGE_PAGES;
	}
	return mt_fault_class(&th->place, PT_REGS_SP(regs), BPF_CORE_READ(task, mm, start_brk),
			      BPF_CORE_READ(task, mm, brk));
}

static __always_inline struct mt_fault *fault_at(const struct mt_fault_key *key)
{
	struct mt_fault *fault = bpf_map_lookup_elem(&mt_faults, key);

	if (fault)
		return fault;
	if (bpf_map_update_elem(&mt_faults, key, (const void *)mt_zero, BPF_NOEXIST) == -7)
		mt_lose(MT_LOST_FAULTS_FULL);
	return bpf_map_lookup_elem(&mt_faults, key);
}

/* A function of its own: its stack and the unwinder's do not add up. */
__noinline int mt_fault_credit(struct mt_thread *th, __u64 stack, __u64 address, __u64 cnt)
{
	struct mt_fault_key key = { .stack = stack };
	struct mt_fault *fault;
	__u64 pages;

	if (!th)
		return 0;
	key.slot = th->slot;
	key.class = class_at(th, address, &pages);
	fault = fault_at(&key);
	if (!fault)
		return 0;
	__sync_fetch_and_add(&fault->sample_cnt, 1);
	__sync_fetch_and_add(&fault->fault_cnt, cnt);
	__sync_fetch_and_add(&fault->page_cnt, cnt * pages);
	return 0;
}

/*
 * A system call has brought in all of a mapping at once: the kernel's own faults in it, of which
 * there is no event.
 */
__noinline int mt_fault_populated(struct mt_thread *th, __u64 stack, __u64 len, __u32 class)
{
	struct mt_fault_key key = { .stack = stack, .class = class };
	struct mt_fault *fault;

	if (!th || !mt_fault_period)
		return 0;
	key.slot = th->slot;
	fault = fault_at(&key);
	if (fault) {
		__sync_fetch_and_add(&fault->sample_cnt, 1);
		__sync_fetch_and_add(&fault->page_cnt, len >> MT_PAGE_SHIFT);
	}
	return 0;
}

/* Faults of the current task, without the one that it is in. */
static __always_inline __u64 faults_of(struct task_struct *task)
{
	return task->min_flt + task->maj_flt;
}

/* Is this event one that gets a stack? */
static __always_inline bool keeps(struct mt_proc *proc, __u64 cnt, __u32 one_in)
{
	__u32 zero = 0;
	struct mt_fault_work *work = bpf_map_lookup_elem(&mt_fault_work, &zero);
	bool kept = one_in <= 1 || !(bpf_get_prandom_u32() % one_in);

	__sync_fetch_and_add(&proc->fault_cnt, cnt);
	__sync_fetch_and_add(&proc->fault_event_cnt, 1);
	if (work) {
		work->event_cnt++;
		work->stack_cnt += kept;
	}
	return kept;
}

static __always_inline void meter(struct mt_proc *proc, __u64 begin_ns)
{
	__u32 zero = 0;
	struct mt_fault_work *work = bpf_map_lookup_elem(&mt_fault_work, &zero);
	__u64 ns = bpf_ktime_get_ns() - begin_ns, run_ns = ns * MT_METER_EVERY;

	if (ns >= MT_METER_MAX_NS)
		return;
	__sync_fetch_and_add(&proc->fault_run_ns, run_ns);
	if (work)
		work->run_ns += run_ns;
}

static __always_inline void on_fault(struct mt_thread *th, struct mt_proc *proc, __u64 address,
				     __u64 period)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 now = faults_of(task) + 1, cnt = mt_fault_weight(now, th->faults_seen, period);
	__u32 one_in = mt_fault_one_in;

	if (!cnt)
		return;
	th->faults_seen = now;
	note_growth(proc, task);
	if (!keeps(proc, cnt, one_in))
		return;
	mt_fault_credit(th, mt_stack_at_entry(th, 0), address, cnt * (one_in ? one_in : 1));
}

SEC("?perf_event")
int mt_page_fault(struct bpf_perf_event_data *ctx)
{
	__u64 begin_ns = bpf_get_prandom_u32() % MT_METER_EVERY ? 0 : bpf_ktime_get_ns();
	__u64 address = *(volatile __u64 *)&ctx->addr;
	__u64 period = *(volatile __u64 *)&ctx->sample_period;
	struct mt_thread *th = mt_thread_current();
	struct mt_proc *proc;

	if (!th)
		return 0;
	proc = bpf_map_lookup_elem(&mt_procs, &th->slot);
	if (!proc)
		return 0;
	on_fault(th, proc, address, period);
	if (begin_ns)
		meter(proc, begin_ns);
	return 0;
}

/* The current thread ends: the faults since its last event are counted, at no site. */
__noinline int mt_fault_end(__u32 tid)
{
	struct mt_thread *th = bpf_map_lookup_elem(&mt_threads, &tid);
	struct mt_proc *proc;
	__u64 cnt;

	if (!th || !mt_fault_period)
		return 0;
	proc = bpf_map_lookup_elem(&mt_procs, &th->slot);
	if (!proc)
		return 0;
	cnt = mt_fault_weight(faults_of(bpf_get_current_task_btf()), th->faults_seen,
			      mt_fault_period - 1);
	__sync_fetch_and_add(&proc->fault_cnt, cnt);
	return 0;
}
