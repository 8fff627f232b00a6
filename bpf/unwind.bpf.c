// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * unwind: a user stack by the tables of its code's files, kept once under its hash.
 *
 * Which file a piece of code is of, the kernel's mappings say, once. A file gets a number
 * when its code is first met, and user space is told, which answers with a table (user/unwind).
 * Where there is none, as for a JIT's code, the frame pointer leads on.
 */
#include "common.h"

/* What mt_unwind_word reads; where that much is not there, as close to the stack's end: a frame. */
#define MT_WINDOW_BYTES (MT_WINDOW_WORDS * sizeof(__u64))
#define MT_FRAME_WORDS	2

/* Saved registers lie below the return address, which is asked for first. */
#define MT_WINDOW_BELOW (6 * sizeof(__u64))

__noinline int mt_window_read(struct mt_thread *th, __u64 address)
{
	__u64 start = address - MT_WINDOW_BELOW;
	struct mt_walk *w;

	if (!th)
		return -1;
	w = &th->walk;
	if (start < w->sp || start > address)
		start = w->sp <= address && address - w->sp <= MT_WINDOW_BELOW ? w->sp : address;
	w->window = start;
	w->words = MT_WINDOW_WORDS;
	if (!bpf_probe_read_user(th->window, MT_WINDOW_BYTES, (const void *)start))
		return 0;
	w->window = address;
	w->words = MT_FRAME_WORDS;
	if (!bpf_probe_read_user(th->window, MT_FRAME_WORDS * sizeof(__u64), (const void *)address))
		return 0;
	w->words = 0;
	return -1;
}

/* A word of the user stack. Reading costs per call, not per byte, so it comes in pieces. */
static __always_inline int mt_unwind_word(struct mt_thread *th, __u64 address, __u64 *word)
{
	struct mt_walk *w = &th->walk;
	__u64 index = (address - w->window) / sizeof(__u64);

	if (index >= w->words || (address - w->window) % sizeof(__u64)) {
		if (mt_window_read(th, address))
			return -1;
		index = (address - w->window) / sizeof(__u64);
	}
	if (index >= MT_WINDOW_WORDS)
		return -1;
	*word = th->window[index];
	return 0;
}

static __always_inline const union mt_table_node *mt_unwind_node(void *table, __u32 number)
{
	return bpf_map_lookup_elem(table, &number);
}

#include "logic/unwind.h"

#define MT_VM_EXEC    4
#define MT_CODE_TRIES 256
#define MT_CODE_AHEAD 32	/* pieces that one answer is kept for: 2 MiB, aligned */
#define MT_PIECES_MAX (1 << 16) /* of a mapping of 4 GiB */
#define MT_HIDDEN_MAX 8
#define MT_ASKED_MAX  64 /* then nobody answers */
#define MT_ENOENT     2
#define MT_EBUSY      16

__u32 mt_last_file = 0;

static __always_inline __u32 mt_file_number(const struct mt_file_key *key)
{
	struct mt_file_key copy;
	__u32 *number, next;

	if (!key)
		return 0;
	copy = *key;
	number = bpf_map_lookup_elem(&mt_files, &copy);
	if (number)
		return *number;
	next = __sync_fetch_and_add(&mt_last_file, 1) + 1;
	bpf_map_update_elem(&mt_files, &copy, &next, BPF_NOEXIST); /* or another CPU was first */
	number = bpf_map_lookup_elem(&mt_files, &copy);
	return number ? *number : 0;
}

/* The mapping that an address is in. */
struct place {
	struct mt_code code;
	struct mt_file_key file;
	__u32 is_code;
	__u32 has_file;
};

/* Before kernel commit 3aa63a569c64 (6.13), and before 13bc24457850 (6.6). */
struct inode___timespec {
	struct timespec64 __i_ctime;
};
struct inode___plain {
	struct timespec64 i_ctime;
};

static __always_inline __u32 changed(struct inode *inode)
{
	struct inode___timespec *timespec = (void *)inode;
	struct inode___plain *plain = (void *)inode;

	if (bpf_core_field_exists(inode->i_ctime_sec))
		return BPF_CORE_READ(inode, i_ctime_sec) ^ BPF_CORE_READ(inode, i_ctime_nsec);
	if (bpf_core_field_exists(timespec->__i_ctime))
		return BPF_CORE_READ(timespec, __i_ctime.tv_sec) ^
		       BPF_CORE_READ(timespec, __i_ctime.tv_nsec);
	return BPF_CORE_READ(plain, i_ctime.tv_sec) ^ BPF_CORE_READ(plain, i_ctime.tv_nsec);
}

static long note_place(struct task_struct *task, struct vm_area_struct *vma, struct place *p)
{
	struct file *file = vma->vm_file;

	p->code.start = vma->vm_start;
	p->code.end = vma->vm_end;
	p->is_code = !!(vma->vm_flags & MT_VM_EXEC);
	if (file) {
		p->has_file = 1;
		p->code.file_offset = vma->vm_pgoff << MT_PAGE_SHIFT;
		p->file.inode = BPF_CORE_READ(file, f_inode, i_ino);
		p->file.dev = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
		p->file.changed = changed(BPF_CORE_READ(file, f_inode));
	} else if (p->code.start == (__u64)BPF_CORE_READ(task, mm, context.vdso)) {
		p->has_file = 1;
	}
	return 0;
}

/* Once: whoever asks again calls it again, so that the verifier goes through it once. */
__noinline int mt_place_find(__u64 address, struct place *out)
{
	struct place place = {};
	int err;

	if (!out)
		return -MT_ENOENT;
	err = bpf_find_vma(bpf_get_current_task_btf(), address, note_place, &place, 0);
	if (!err)
		*out = place;
	return err;
}

static __always_inline bool tell_file(const struct place *p, __u32 number, __u32 slot)
{
	struct mt_event *e = mt_vm_event_begin(MT_EVENT_FILE, slot);

	if (!e)
		return false;
	e->a = p->code.start;
	e->b = p->code.end;
	e->c = p->file.inode;
	e->d = p->file.dev;
	e->result = number;
	bpf_ringbuf_submit(e, 0);
	return true;
}

/* Who is told -EBUSY may ask again. */
__noinline int mt_file_mapped(__u64 address)
{
	struct place place = {};
	int err = mt_place_find(address, &place);
	__u32 number;

	if (err == -MT_EBUSY)
		return -MT_EBUSY;
	number = err || !place.has_file ? 0 : mt_file_number(&place.file);
	return number ? number : -MT_ENOENT;
}

/* User space is to make the file's table, if it has none yet. False: it could not be told. */
static __always_inline bool want_table(const struct place *p, __u32 number, __u32 slot)
{
	__u64 *uses = bpf_map_lookup_elem(&mt_uses, &number);

	if (!number || !uses || __sync_fetch_and_add(uses, 1) >= MT_ASKED_MAX ||
	    bpf_map_lookup_elem(&mt_tables, &number))
		return true;
	return tell_file(p, number, slot);
}

/*
 * For all pieces around that the mapping reaches into; for its own only where that has another one
 * as well, so that two that share it do not cost so much each time.
 */
static __always_inline void keep_code(__u64 address, __u32 slot, const struct mt_code *code)
{
	struct mt_code_key key = { .piece = address >> MT_CODE_PIECE_SHIFT, .slot = slot };
	bool shared = bpf_map_lookup_elem(&mt_code, &key);

	bpf_map_update_elem(&mt_code, &key, code, BPF_ANY);
	if (shared)
		return;
	key.piece &= ~(MT_CODE_AHEAD - 1ULL);
	for (int i = 0; i < MT_CODE_AHEAD; i++, key.piece++) {
		if (key.piece >= code->start >> MT_CODE_PIECE_SHIFT &&
		    key.piece <= (code->end - 1) >> MT_CODE_PIECE_SHIFT)
			bpf_map_update_elem(&mt_code, &key, code, BPF_NOEXIST);
	}
}

/*
 * Asks the kernel for the mapping at `address`, and keeps the answer for the pieces around. Asking
 * fails while another thread changes the mappings, and that one may be kept from going on: so it is
 * done again for some microseconds, and seldom at all. 0; or how the stack ends.
 */
__noinline int mt_code_ask(__u64 address, __u32 slot)
{
	struct place place = {};
	int err = -MT_EBUSY;

	for (int i = 0; i < MT_CODE_TRIES && err == -MT_EBUSY; i++)
		err = mt_place_find(address, &place);
	if (err == -MT_EBUSY)
		return MT_STACK_BUSY;
	if (err || !place.is_code)
		return MT_STACK_NOT_CODE;
	if (place.has_file) {
		place.code.file = mt_file_number(&place.file);
		if (!want_table(&place, place.code.file, slot))
			return MT_STACK_NO_TABLE;
	}
	keep_code(address, slot, &place.code);
	return 0;
}

/* What was cached before is of other code: part of the keys in `rules`. */
__u32 mt_code_generation = 0;

struct gone {
	__u64 start;
	__u64 end;
	__u32 slot;
	__u32 mapped;
};

static long forget_piece(__u32 i, struct gone *gone)
{
	struct mt_code_key key = {
		.piece = (gone->start >> MT_CODE_PIECE_SHIFT) + i,
		.slot = gone->slot,
	};
	struct mt_code *code = bpf_map_lookup_elem(&mt_code, &key);

	if (!code || !(code->file || gone->mapped) || code->start >= gone->end ||
	    code->end <= gone->start)
		return 0;
	if (!bpf_map_delete_elem(&mt_code, &key))
		__sync_fetch_and_add(&mt_code_generation, 1);
	return 0;
}

__noinline int mt_code_forget(__u64 start, __u64 len, __u32 slot, __u32 mapped)
{
	struct gone gone = { .start = start, .end = start + len, .slot = slot, .mapped = mapped };
	__u64 pieces = len >> MT_CODE_PIECE_SHIFT;
	__u32 before = mt_code_generation;

	bpf_loop(pieces < MT_PIECES_MAX ? pieces + 2 : MT_PIECES_MAX, forget_piece, &gone, 0);
	return mt_code_generation == before ? 0 : mt_lose(MT_LOST_CODE_REPLACED);
}

/* The return address that a return probe has replaced in this stack by `pc`. */
static __always_inline __u64 hidden_return(__u64 pc, __u64 at)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct return_instance *ri = BPF_CORE_READ(task, utask, return_instances);

	if (pc != mt_trampoline())
		return 0;
	for (int i = 0; i < MT_HIDDEN_MAX && ri; i++) {
		if (BPF_CORE_READ(ri, stack) == at)
			return BPF_CORE_READ(ri, orig_ret_vaddr);
		ri = BPF_CORE_READ(ri, next);
	}
	return 0;
}

/* The file's rule for the code at `pc`. 0; or how the stack ends where frame pointers do not help.
 */
static __always_inline __u32 rule_of(const struct mt_code *code, __u64 pc, struct mt_rule *rule)
{
	__u64 at = code->file_offset + pc - code->start;
	__u32 file = code->file;
	void *table;

	if (!file) {
		*rule = (struct mt_rule){ .cfa = MT_CFA_BY_FP_NO_FILE };
		return 0;
	}
	table = bpf_map_lookup_elem(&mt_tables, &file);
	if (!table)
		return MT_STACK_NO_TABLE;
	if (at >> 32 || mt_unwind_rule(table, at, rule) || rule->cfa == MT_CFA_NONE)
		*rule = (struct mt_rule){ .cfa = MT_CFA_BY_FP_NO_ROW };
	return 0;
}

#define MT_RULE_FOUND MT_STACK_END_MAX

/*
 * The rule for the code at `pc`, found the long way: MT_RULE_FOUND; MT_STACK_INVALID where nothing
 * is known of its mapping; or how the stack ends.
 */
__noinline int mt_rule_find(struct mt_thread *th, __u64 pc, struct mt_rule *out)
{
	struct mt_code_key key = { .piece = pc >> MT_CODE_PIECE_SHIFT };
	struct mt_code *code;
	struct mt_rule rule;
	__u32 end;

	if (!th || !out)
		return MT_STACK_UNREADABLE;
	key.slot = th->slot;
	code = bpf_map_lookup_elem(&mt_code, &key);
	if (!code || pc < code->start || pc >= code->end)
		return MT_STACK_INVALID;
	end = rule_of(code, pc, &rule);
	if (end)
		return end;
	*out = rule;
	return MT_RULE_FOUND;
}

/* The rule for the code at `pc`, most often the one found there before. */
static __always_inline __u32 rule_at(struct mt_thread *th, __u64 pc, struct mt_rule *rule)
{
	__u64 when_and_where = (__u64)th->slot << 32 | mt_code_generation;
	__u64 key = pc + when_and_where * MT_HASH_FACTOR;
	__u32 end, index = key * MT_HASH_FACTOR >> 51;
	struct mt_cached_rule *cached = bpf_map_lookup_elem(&mt_rules, &index);
	__u64 word;

	_Static_assert(MT_RULES_CACHED == 1 << 13, "as many bits are left of the key");
	if (!cached)
		return MT_STACK_BUSY;
	word = cached->rule;
	if ((cached->check ^ word) == key) {
		__builtin_memcpy(rule, &word, sizeof(*rule));
		return 0;
	}
	end = mt_rule_find(th, pc, rule);
	/* Its mapping is new; asked for from here, since 6.1 has 512 bytes of stack for all calls.
	 */
	if (end == MT_STACK_INVALID) {
		end = mt_code_ask(pc, th->slot);
		if (end)
			return end;
		end = mt_rule_find(th, pc, rule);
	}
	if (end != MT_RULE_FOUND)
		return end ? end : MT_STACK_BUSY;
	__builtin_memcpy(&word, rule, sizeof(word));
	cached->rule = word;
	cached->check = key ^ word;
	return 0;
}

/* What seems to be no code may be where a return probe has the function return to. */
__noinline int mt_unwind_unhide(struct mt_thread *th)
{
	__u32 last;
	__u64 pc;

	if (!th)
		return 0;
	last = th->scratch.nr - 1;
	pc = hidden_return(th->walk.pc, th->walk.sp - sizeof(__u64));
	if (!pc)
		return 0;
	th->walk.pc = pc;
	th->scratch.frames[last & (MT_FRAMES_ROOM - 1)] = pc;
	return 1;
}

/* One frame further. 0; or how the stack ends. */
__noinline int mt_unwind_step(struct mt_thread *th)
{
	struct mt_rule rule = {};
	__u32 end;

	if (!th)
		return MT_STACK_UNREADABLE;
	end = rule_at(th, th->walk.pc - th->walk.after_call, &rule);
	/* The byte in front of a return probe's place, which was looked for, is none. */
	if (end == MT_STACK_NOT_CODE && mt_unwind_unhide(th))
		end = rule_at(th, th->walk.pc - th->walk.after_call, &rule);
	if (end == MT_STACK_NO_TABLE)
		return mt_unwind_by_fp(th, end);
	if (end)
		return end;
	if (rule.cfa == MT_CFA_BY_FP_NO_ROW)
		return mt_unwind_by_fp(th, MT_STACK_NO_ROW);
	if (rule.cfa == MT_CFA_BY_FP_NO_FILE)
		return mt_unwind_by_fp(th, MT_STACK_NO_FILE);
	return mt_unwind_apply(th, &rule);
}

/* A frame is kept before it is known to be code: one that is not goes again. */
__noinline int mt_unwind(struct mt_thread *th, __u32 only_callers)
{
	__u32 nr, end = 0;

	if (!th)
		return 0;
	th->scratch.nr = 0;
	if (only_callers)
		end = mt_unwind_step(th);
	for (nr = 0; nr < MT_FRAMES_MAX && !end; nr++) {
		th->scratch.frames[nr] = th->walk.pc + 1 - th->walk.after_call;
		th->scratch.nr = nr + 1;
		end = mt_unwind_step(th);
	}
	if (end == MT_STACK_NOT_CODE && nr > 1)
		th->scratch.nr = nr - 1;
	th->scratch.end = end ? end : MT_STACK_DEEP;
	return 0;
}

/*
 * Keeps the next frame of the stack, counted from the outermost, and its part when that is full. By
 * tid: before 6.3 a global function's argument could not be the value of a map update.
 */
__noinline int mt_part_add(__u32 tid, __u32 n)
{
	struct mt_thread *th = bpf_map_lookup_elem(&mt_threads, &tid);
	struct mt_stack_part *part;
	__u64 frame, key;

	if (!th)
		return -1;
	part = &th->part;
	frame = mt_stack_frame(&th->scratch, n);
	th->part_hash = mt_hash_add(th->part_hash, frame);
	if (part->nr >= MT_PART_FRAMES)
		return -1;
	part->frames[part->nr++] = frame;
	if (part->nr < MT_PART_FRAMES && n + 1 < th->scratch.nr)
		return 0;
	key = mt_hash_key(th->part_hash);
	if (bpf_map_update_elem(&mt_stacks, &key, part, BPF_ANY))
		return -1;
	__builtin_memset(part, 0, sizeof(*part));
	part->end = th->scratch.end;
	part->outer = key;
	return 0;
}

/* The outermost part first: whoever finds the innermost one finds them all. */
static __always_inline void keep_parts(struct mt_thread *th, __u32 tid)
{
	__builtin_memset(&th->part, 0, sizeof(th->part));
	th->part.end = th->scratch.end;
	th->part_hash = mt_hash_begin(th->scratch.end);
	for (__u32 n = 0; n < MT_FRAMES_MAX && n < th->scratch.nr; n++) {
		if (mt_part_add(tid, n)) {
			mt_lose(MT_LOST_STACKS_FULL);
			return;
		}
	}
}

__noinline __u64 mt_stack_keep(__u32 tid)
{
	struct mt_thread *th = bpf_map_lookup_elem(&mt_threads, &tid);
	__u64 key;

	if (!th || !th->scratch.nr)
		return 0;
	key = mt_stack_hash(&th->scratch);
	if (!bpf_map_lookup_elem(&mt_stacks, &key))
		keep_parts(th, tid);
	return key;
}
