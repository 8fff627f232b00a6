/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * fault.h: what a page fault stands for.
 *
 * An event may tell of every fault or of one in a period, and a thread may have several events: so
 * an event stands for the faults since the one before it by the task's own count, at most for its
 * period. Two events of one fault then count it once. What other faults the task's count holds (of
 * pages that a system call brought in, as MAP_POPULATE does) is cut off so too.
 *
 * A fault may bring a huge page. Nobody tells, so it is taken to where it could; the next fault in
 * the same range says that it did not.
 *
 * No helpers: compiled into BPF and on the host.
 */
#ifndef MT_LOGIC_FAULT_H
#define MT_LOGIC_FAULT_H

#include "../wire_fault.h"

#define MT_VM_SHARED	 0x00000008U
#define MT_VM_GROWSDOWN	 0x00000100U
#define MT_VM_HUGEPAGE	 0x20000000U
#define MT_VM_NOHUGEPAGE 0x40000000U

#define MT_HUGE_SHIFT 21 /* x86 and arm64, with pages of 4 KiB */
#define MT_HUGE_PAGES 512

/* /sys/kernel/mm/transparent_hugepage/enabled */
enum mt_huge {
	MT_HUGE_NEVER = 0,
	MT_HUGE_MADVISE = 1,
	MT_HUGE_ALWAYS = 2,
};

/*
 * Is a mapping that was looked up before still what is at the address? Looking it up costs some
 * microseconds where it is done with interrupts off, as it is here. What leaves both the number of
 * mappings and their size as they were may go unseen: then the fault gets its predecessor's class.
 */
static inline __u64 mt_fault_stamp(__u64 nr_mappings, __u64 pages)
{
	return nr_mappings << 40 ^ pages;
}

static inline __u32 mt_fault_place_holds(const struct mt_fault_place *p, __u64 address, __u64 stamp)
{
	return address >= p->start && address < p->end && p->stamp == stamp;
}

/*
 * How many faults an event stands for; `now` and `before`: the task's count, with this one. A
 * period at most, since the task's count has faults that are no event's: those before it was
 * watched, and those that the kernel makes for itself. But where the period has just grown, the
 * events of the old one were closed in its midst, and the first of the new one stands for that part
 * too.
 */
static inline __u64 mt_fault_weight(__u64 now, __u64 before, __u64 period)
{
	__u64 faults = now > before ? now - before : 0;
	__u64 limit = before && period > 1 ? 2 * period : period;

	return faults < limit ? faults : limit;
}

/* [brk_start, brk_end) is the break; sp: the faulting thread's. */
static inline __u32 mt_fault_class(const struct mt_fault_place *p, __u64 sp, __u64 brk_start,
				   __u64 brk_end)
{
	if (p->has_file || (p->flags & MT_VM_SHARED))
		return MT_FAULT_FILE;
	if ((p->flags & MT_VM_GROWSDOWN) || (sp >= p->start && sp < p->end))
		return MT_FAULT_STACK;
	if (p->start < brk_end && p->end > brk_start)
		return MT_FAULT_HEAP;
	return MT_FAULT_ANON;
}

/* The range that the fault may fill with a huge page, by number; 0: it brings one page. */
static inline __u64 mt_fault_huge_range(const struct mt_fault_place *p, __u64 address, __u32 policy)
{
	__u64 range = address >> MT_HUGE_SHIFT;

	if (p->has_file || (p->flags & (MT_VM_NOHUGEPAGE | MT_VM_GROWSDOWN)))
		return 0;
	if (policy == MT_HUGE_NEVER || (policy == MT_HUGE_MADVISE && !(p->flags & MT_VM_HUGEPAGE)))
		return 0;
	if (range << MT_HUGE_SHIFT < p->start || (range + 1) << MT_HUGE_SHIFT > p->end)
		return 0;
	return range;
}

#endif
