// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * core: the maps, the knobs, and what every other subject calls: counting a loss, keeping a
 * stack.
 */
#define MT_MAPS_DEFINE
#include "maps.h"
#include "logic/hash.h"

struct mt_live_map mt_live SEC(".maps");
struct mt_sites_map mt_sites SEC(".maps");
struct mt_storms_map mt_storms SEC(".maps");
struct mt_stacks_map mt_stacks SEC(".maps");
struct mt_procs_map mt_procs SEC(".maps");
struct mt_images_map mt_images SEC(".maps");
struct mt_threads_map mt_threads SEC(".maps");
struct mt_code_map mt_code SEC(".maps");
struct mt_probes_map mt_probes SEC(".maps");
struct mt_lost_map mt_lost SEC(".maps");
struct mt_events_map mt_events SEC(".maps");
struct mt_events_map mt_vm_events SEC(".maps");

const volatile __u32 mt_links_by_process = 1;
const volatile __u32 mt_stacks_wanted = 1;
const volatile __u64 mt_zero[MT_ZERO_WORDS] = {};

#define MT_VM_EXEC	  4
#define MT_PAGE_SHIFT	  12
#define MT_CODE_TRIES	  64
#define MT_CODE_PAGES_MAX 1024

char LICENSE[] SEC("license") = "Dual BSD/GPL";

__noinline int mt_lose(__u32 what)
{
	__u64 *cnt = bpf_map_lookup_elem(&mt_lost, &what);

	if (cnt)
		__sync_fetch_and_add(cnt, 1);
	return 0;
}

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

__noinline __u64 mt_stack_keep(__u32 tid)
{
	struct mt_thread *th = bpf_map_lookup_elem(&mt_threads, &tid);
	struct mt_stack *stack;
	__u64 key;
	long err;

	if (!th || !th->scratch.nr)
		return 0;
	stack = &th->scratch;
	mt_stack_trim(stack, th->slot);
	key = mt_stack_hash(stack);
	if (bpf_map_lookup_elem(&mt_stacks, &key))
		return key;
	err = bpf_map_update_elem(&mt_stacks, &key, stack, BPF_NOEXIST);
	if (err && err != -17 /* EEXIST: another thread was first */)
		mt_lose(MT_LOST_STACKS_FULL);
	return key;
}
