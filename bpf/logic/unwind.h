/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * unwind.h: from one frame of a user stack to its caller's, by a table or by frame pointers.
 *
 * The tables' layout is in wire.h. A search goes from the root to a leaf; every node costs one
 * look-up and eight comparisons. What includes this provides
 *
 *	const union mt_table_node *mt_unwind_node(table, __u32 number)   NULL: there is none
 *	int mt_unwind_word(struct mt_thread *th, __u64 address, __u64 *word)   0, or it is not there
 *
 * for the map in the kernel, and for a file and a snapshot on the host.
 */
#ifndef MT_LOGIC_UNWIND_H
#define MT_LOGIC_UNWIND_H

#include "../wire.h"

/* x86-64's rt_sigframe, from where the stack pointer is in the restorer: struct ucontext. */
#define MT_SIGFRAME_FP 120
#define MT_SIGFRAME_BX 128
#define MT_SIGFRAME_SP 160
#define MT_SIGFRAME_PC 168

/*
 * The last entry of a node that is not above `wanted`; the first one never is. Without branches,
 * which the verifier follows both ways.
 */
static __always_inline __u32 mt_unwind_search(const union mt_table_node *node, __u32 wanted)
{
	__u32 at = 0;

	for (__u32 half = MT_TABLE_FANOUT / 2; half; half /= 2) {
		__s64 room = (__u64)wanted - node->entries[(at + half) & (MT_TABLE_FANOUT - 1)];

		/* Or clang makes a branch of it, and leaves out the mask, which 6.1 wants to see.
		 */
		asm("" : "+r"(room), "+r"(at));
		at += half & ~(room >> 63);
	}
	return at & (MT_TABLE_FANOUT - 1);
}

/* The number of the rule for the code at `offset`, or -1: the table is damaged. */
static __always_inline long mt_unwind_find(void *table, const struct mt_table_header *header,
					   __u32 offset)
{
	const union mt_table_node *node = mt_unwind_node(table, header->first[0]);
	__u32 position = 0, start = 0, distance, row;

	for (__u32 level = 1; level < MT_TABLE_LEVELS_MAX && level < header->levels; level++) {
		__u32 i;

		if (!node)
			return -1;
		i = mt_unwind_search(node, offset);
		start = node->entries[i];
		position = position * MT_TABLE_FANOUT + i;
		node = mt_unwind_node(table, header->first[level] + position);
	}
	if (!node)
		return -1;
	if (offset < start) /* in front of all code */
		return -1;
	distance = offset - start;
	if (distance > 0xffff)
		distance = 0xffff;
	row = node->entries[mt_unwind_search(node, distance << 16 | 0xffff)];
	return row & 0xffff;
}

/* The rule for the code at `offset` of the file that `table` is of. */
static __always_inline int mt_unwind_rule(void *table, __u32 offset, struct mt_rule *out)
{
	const union mt_table_node *node = mt_unwind_node(table, 0);
	struct mt_table_header header;
	long number;

	if (!node)
		return -1;
	header = node->header;
	number = mt_unwind_find(table, &header, offset);
	if (number < 0 || number >= header.nr_rules)
		return -1;
	node = mt_unwind_node(table, header.rules + number / MT_TABLE_NODE_RULES);
	if (!node)
		return -1;
	*out = node->rules[number & (MT_TABLE_NODE_RULES - 1)];
	return 0;
}

/* Where the frame ends. 0; or how the stack ends here. */
static __always_inline __u32 mt_unwind_cfa(struct mt_thread *th, const struct mt_rule *rule,
					   __u64 *cfa)
{
	const struct mt_walk *w = &th->walk;

	switch (rule->cfa) {
	case MT_CFA_SP:
		*cfa = w->sp + rule->offset;
		return 0;
	case MT_CFA_FP:
		*cfa = w->fp + rule->offset;
		return 0;
	case MT_CFA_BX:
		*cfa = w->bx + rule->offset;
		return 0;
	case MT_CFA_PLT:
		*cfa = w->sp + 8 + (((w->pc - w->after_call) & 15) >= (__u32)rule->offset ? 8 : 0);
		return 0;
	case MT_CFA_SP_AT:
	case MT_CFA_FP_AT:
		if (mt_unwind_word(th, (rule->cfa == MT_CFA_SP_AT ? w->sp : w->fp) + rule->offset,
				   cfa))
			return MT_STACK_UNREADABLE;
		*cfa += rule->addend;
		return 0;
	case MT_CFA_END:
		return MT_STACK_COMPLETE;
	case MT_CFA_NONE:
		return MT_STACK_NO_ROW;
	default:
		return MT_STACK_RULE;
	}
}

/* A frame that a signal interrupted: all registers are in the frame below. */
static __always_inline __u32 mt_unwind_signal(struct mt_thread *th)
{
	struct mt_walk *w = &th->walk;
	__u64 at = w->sp, fp;

	if (mt_unwind_word(th, at + MT_SIGFRAME_FP, &fp) ||
	    mt_unwind_word(th, at + MT_SIGFRAME_BX, &w->bx) ||
	    mt_unwind_word(th, at + MT_SIGFRAME_SP, &w->sp) ||
	    mt_unwind_word(th, at + MT_SIGFRAME_PC, &w->pc))
		return MT_STACK_UNREADABLE;
	w->fp = fp;
	w->after_call = 0;
	return 0;
}

/* A register of the caller's, from where the rule has it. */
static __always_inline int mt_unwind_saved(struct mt_thread *th, __s8 where, __u64 cfa,
					   __u64 *value)
{
	if (where == MT_RULE_SAME)
		return 0;
	return mt_unwind_word(th, where == MT_RULE_AT_FP ? th->walk.fp : cfa + where * 8LL, value);
}

/* To the caller, as the rule says. 0; or how the stack ends here. */
static __always_inline __u32 mt_unwind_apply(struct mt_thread *th, const struct mt_rule *rule)
{
	struct mt_walk *w = &th->walk;
	__u64 cfa, pc, fp = w->fp;
	__u32 end;

	if (rule->cfa == MT_CFA_SIGNAL)
		return mt_unwind_signal(th);
	end = mt_unwind_cfa(th, rule, &cfa);
	if (end)
		return end;
	/* A caller's frame lies above; only a switch of stacks or nonsense says otherwise. */
	if (cfa <= w->sp || mt_unwind_word(th, cfa - 8, &pc))
		return MT_STACK_UNREADABLE;
	if (mt_unwind_saved(th, rule->fp, cfa, &fp) || mt_unwind_saved(th, rule->bx, cfa, &w->bx))
		return MT_STACK_UNREADABLE;
	w->pc = pc;
	w->sp = cfa;
	w->fp = fp;
	w->after_call = 1;
	return pc ? 0 : MT_STACK_COMPLETE;
}

/*
 * To the caller by the frame pointer: a frame is {caller's frame pointer, return address}. 0; or
 * `otherwise`, also where one of them is 0: the ABI has that for the outermost frame, but the code
 * may have the register for anything, and nothing tells which code has not.
 */
static __always_inline __u32 mt_unwind_by_fp(struct mt_thread *th, __u32 otherwise)
{
	struct mt_walk *w = &th->walk;
	__u64 at = w->fp, fp, pc;

	if (!at || at < w->sp || at & 7 || mt_unwind_word(th, at, &fp) ||
	    mt_unwind_word(th, at + 8, &pc) || !pc)
		return otherwise;
	w->pc = pc;
	w->sp = at + 16;
	w->fp = fp;
	w->after_call = 1;
	return 0;
}

#endif
