// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * stack: a user stack by frame pointers, as far as it is one, kept once under its hash.
 */
#include "common.h"

#define MT_VM_EXEC	  4
#define MT_PAGE_SHIFT	  12
#define MT_CODE_TRIES	  64
#define MT_CODE_PAGES_MAX 1024

static long note_code(struct task_struct *task, struct vm_area_struct *vma, bool *code)
{
	*code = vma->vm_flags & MT_VM_EXEC;
	return 0;
}

static __always_inline void note_code_page(__u64 address, __u32 slot)
{
	struct mt_code_key key = { .page = address >> MT_PAGE_SHIFT, .slot = slot };
	__u32 yes = 1;

	bpf_map_update_elem(&mt_code, &key, &yes, BPF_ANY);
}

/* Code was mapped: of a large library the first pages, the others are found when needed. */
__noinline int mt_code_mapped(__u64 start, __u64 len, __u32 slot)
{
	for (__u32 i = 0; i < MT_CODE_PAGES_MAX && i < len >> MT_PAGE_SHIFT; i++)
		note_code_page(start + ((__u64)i << MT_PAGE_SHIFT), slot);
	return 0;
}

/*
 * Is there code at this address? Asking the kernel fails while another thread changes the
 * mappings (EBUSY), as malloc does all the time. So pages that are known to be code are
 * kept; a new one at such a moment is asked for again for some microseconds, and only then
 * taken for none.
 */
__noinline int mt_code_at(__u64 address, __u32 slot)
{
	struct mt_code_key key = { .page = address >> MT_PAGE_SHIFT, .slot = slot };
	bool code = false;

	if (bpf_map_lookup_elem(&mt_code, &key))
		return 1;
	for (int i = 0; i < MT_CODE_TRIES; i++)
		if (bpf_find_vma(bpf_get_current_task_btf(), address, note_code, &code, 0) != -16)
			break;
	if (code)
		note_code_page(address, slot);
	return code;
}

/*
 * A frame is {caller's frame pointer, return address}, and the caller's frame lies above. What
 * the kernel's own walk (bpf_get_stack) reads in two accesses a frame comes in windows here.
 */
__noinline int mt_stack_walk(struct mt_thread *th, __u64 sp, __u64 fp)
{
	const __u64 reach = (MT_WINDOW_WORDS - 2) * sizeof(__u64);
	__u64 start = sp;
	__u32 nr;

	if (!th)
		return 0;
	for (nr = 1; nr < MT_FRAMES_MAX && fp >= sp && !(fp & 7); nr++) {
		__u32 word;

		if (fp - start > reach) {
			if (mt_window_read(th, fp))
				break;
			start = fp;
		}
		word = (fp - start) / sizeof(__u64);
		if (word > MT_WINDOW_WORDS - 2 || !th->window[word + 1])
			break;
		th->scratch.frames[nr] = th->window[word + 1];
		sp = fp + sizeof(__u64);
		fp = th->window[word];
	}
	th->scratch.nr = nr;
	return 0;
}

/*
 * Code without frame pointers keeps anything in their register, and a walk by them then finds
 * words that are no return addresses: other ones at each call, so that no two stacks were
 * equal. A stack ends before the first word that points to no code.
 */
__noinline int mt_stack_trim(struct mt_stack *stack, __u32 slot)
{
	if (!stack)
		return 0;
	for (__u32 i = 1; i < MT_FRAMES_MAX && i < stack->nr; i++) {
		if (!mt_code_at(stack->frames[i], slot)) {
			stack->nr = i;
			return 0;
		}
	}
	return 0;
}

__noinline __u64 mt_stack_keep(__u32 tid, __u64 walk)
{
	struct mt_thread *th = bpf_map_lookup_elem(&mt_threads, &tid);
	struct mt_stack *stack;
	__u64 key;
	long err;

	if (!th)
		return 0;
	stack = &th->scratch;
	mt_stack_trim(stack, th->slot);
	key = mt_stack_hash(stack);
	if (!bpf_map_lookup_elem(&mt_stacks, &key)) {
		err = bpf_map_update_elem(&mt_stacks, &key, stack, BPF_NOEXIST);
		if (err && err != -17 /* EEXIST: another thread was first */) {
			mt_lose(MT_LOST_STACKS_FULL);
			return key;
		}
	}
	bpf_map_update_elem(&mt_walks, &walk, &key, BPF_ANY);
	return key;
}
