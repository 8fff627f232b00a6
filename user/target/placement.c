// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/placement.h"

#include <errno.h>
#include <stdbool.h>

#include <Zydis/Zydis.h>

#include "util/cleanup.h"

/* How many instructions a return for NULL may take: a result, some pops, the return. */
#define EARLY_RETURN_MAX 4

struct code {
	const uint8_t *bytes;
	size_t len;
	unsigned int needed;
	ZydisDecoder decoder;
};

struct insn {
	size_t at;
	size_t next;
	ZydisDecodedInstruction in;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};

/*
 * What the kernel emulates (arch/x86/kernel/uprobes.c), by the first two bytes, so without
 * any prefix: prefixes make the kernel refuse some of these and step others. All of it is in
 * every kernel from 4.16 on.
 *
 * Only a push is used behind the entry. Emulating it stores a register where the program was
 * about to, one word below the return address, and touches nothing else; it cannot be in a
 * loop, since each pass would use up stack. The others wait for a trial in a throwaway child.
 *
 * No nop but 0x90: 66 90 cannot be probed before "x86/uprobes: Allow to probe a NOP
 * instruction with 0x66 prefix", and the long ones are stepped before branch_setup_xol_ops
 * took all of insn_is_nop; 6.18 to 7.1 turn that of 5 bytes into a call that writes over the
 * red zone.
 */
static const struct rule {
	uint8_t bytes[2];
	uint8_t masks[2];
	bool behind_entry;
} rules[] = {
	/* e7ed9d9bd037 "uprobes/x86: Emulate push insns for uprobe on x86", 4.16 */
	{ { 0x50 }, { 0xf8 }, true },
	{ { 0x41, 0x50 }, { 0xff, 0xf8 }, true },
	/* "uprobes/x86: Emulate nop's using ops->emulate()", 3.16 */
	{ { 0x90 }, { 0xff }, false },
	/* "uprobes/x86: Emulate unconditional relative jmp's", 3.16 */
	{ { 0xeb }, { 0xff }, false },
	{ { 0xe9 }, { 0xff }, false },
	/* "uprobes/x86: Emulate relative call's", 3.16 */
	{ { 0xe8 }, { 0xff }, false },
	/* "uprobes/x86: Emulate relative conditional "short" jmp's", 3.16 */
	{ { 0x70 }, { 0xf0 }, false },
	/* "uprobes/x86: Emulate relative conditional "near" jmp's", 3.16 */
	{ { 0x0f, 0x80 }, { 0xff, 0xf0 }, false },
};

const char *mt_placement_name(enum mt_placement placement)
{
	return placement == MT_PLACEMENT_EMULATED ? "emulated" : "stepped";
}

static bool decode(const struct code *c, size_t at, struct insn *out)
{
	if (at >= c->len || ZYAN_FAILED(ZydisDecoderDecodeFull(&c->decoder, c->bytes + at,
							       c->len - at, &out->in, out->op)))
		return false;
	out->at = at;
	out->next = at + out->in.length;
	return true;
}

static bool is_emulated(const struct code *c, const struct insn *insn)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		const struct rule *r = &rules[i];
		const uint8_t *b = c->bytes + insn->at;

		if (insn->at && !r->behind_entry)
			continue;
		if ((b[0] & r->masks[0]) == r->bytes[0] &&
		    (!r->masks[1] || (b[1] & r->masks[1]) == r->bytes[1]))
			return true;
	}
	return false;
}

static bool is_relative_branch(const struct insn *insn)
{
	return insn->op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && insn->op[0].imm.is_relative;
}

static int64_t branch_target(const struct insn *insn)
{
	return (int64_t)insn->next + insn->op[0].imm.value.s;
}

/*
 * The lowest place in the function that it branches to itself; 0 when that is not clear. A
 * call of itself is another call. What compilers split off (.cold) is not looked at: it is
 * entered from behind the prologue and returns there.
 */
static size_t lowest_target(const struct code *c)
{
	size_t lowest = c->len;
	struct insn insn;

	for (size_t at = 0; at < c->len; at = insn.next) {
		int64_t target;

		if (!decode(c, at, &insn))
			return 0;
		if (insn.in.meta.category == ZYDIS_CATEGORY_UNCOND_BR && !is_relative_branch(&insn))
			return 0;
		if (!is_relative_branch(&insn))
			continue;
		target = branch_target(&insn);
		if (insn.in.mnemonic == ZYDIS_MNEMONIC_CALL && !target)
			continue;
		if ((uint64_t)target < lowest)
			lowest = (size_t)target;
	}
	return lowest;
}

/* Goes on to the next instruction, always, and does no more than compute and move. */
static bool is_plain(const struct insn *insn)
{
	switch (insn->in.meta.category) {
	case ZYDIS_CATEGORY_BINARY:
	case ZYDIS_CATEGORY_BITBYTE:
	case ZYDIS_CATEGORY_CET: /* endbr64 */
	case ZYDIS_CATEGORY_CMOV:
	case ZYDIS_CATEGORY_CONVERT:
	case ZYDIS_CATEGORY_DATAXFER:
	case ZYDIS_CATEGORY_LOGICAL:
	case ZYDIS_CATEGORY_NOP:
	case ZYDIS_CATEGORY_WIDENOP:
	case ZYDIS_CATEGORY_ROTATE:
	case ZYDIS_CATEGORY_SETCC:
	case ZYDIS_CATEGORY_SHIFT:
		return true;
	default:
		return insn->in.mnemonic == ZYDIS_MNEMONIC_LEA;
	}
}

static ZydisRegister whole_register(ZydisRegister r)
{
	return ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r);
}

static bool is_needed(const struct code *c, ZydisRegister r)
{
	static const ZydisRegister arguments[] = { ZYDIS_REGISTER_RDI, ZYDIS_REGISTER_RSI,
						   ZYDIS_REGISTER_RDX };

	for (size_t i = 0; i < ARRAY_SIZE(arguments); i++) {
		if (r == arguments[i])
			return c->needed & 1U << i;
	}
	return r == ZYDIS_REGISTER_RSP || r == ZYDIS_REGISTER_RBP;
}

/* Leaves the stack, the registers that tell where it is, and the needed arguments alone. */
static bool keeps_state(const struct code *c, const struct insn *insn)
{
	for (size_t i = 0; i < insn->in.operand_count; i++) {
		const ZydisDecodedOperand *op = &insn->op[i];

		if (!(op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		if (op->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    is_needed(c, whole_register(op->reg.value)))
			return false;
		if (op->type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    whole_register(op->mem.base) == ZYDIS_REGISTER_RSP)
			return false;
	}
	return true;
}

static bool writes_memory(const struct insn *insn)
{
	for (size_t i = 0; i < insn->in.operand_count; i++) {
		if (insn->op[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    insn->op[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			return true;
	}
	return false;
}

/* `test reg, reg` of a whole argument. */
static bool tests_argument(const struct code *c, const struct insn *insn)
{
	ZydisRegister r = insn->op[0].reg.value;

	return insn->in.mnemonic == ZYDIS_MNEMONIC_TEST &&
	       insn->op[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       insn->op[1].type == ZYDIS_OPERAND_TYPE_REGISTER && insn->op[1].reg.value == r &&
	       r != ZYDIS_REGISTER_RSP && r != ZYDIS_REGISTER_RBP && is_needed(c, r);
}

/* Ahead from `at`: a few instructions that have no effect, and a return. */
static bool returns_soon(const struct code *c, size_t at)
{
	struct insn insn;

	for (int i = 0; i < EARLY_RETURN_MAX; i++, at = insn.next) {
		if (!decode(c, at, &insn))
			return false;
		if (insn.in.mnemonic == ZYDIS_MNEMONIC_RET)
			return true;
		if (!is_plain(&insn) || writes_memory(&insn))
			return false;
	}
	return false;
}

/* Is `insn`, behind `test`, the `je` of "return if an argument is NULL or 0"? */
static bool is_early_return(const struct code *c, const struct insn *test, const struct insn *insn)
{
	return insn->in.mnemonic == ZYDIS_MNEMONIC_JZ && tests_argument(c, test) &&
	       returns_soon(c, (size_t)branch_target(insn));
}

/* The first instruction that is emulated and as good as the one at `at`; false: there is none. */
static bool find_emulated(const struct code *c, size_t at, size_t end, uint32_t *found)
{
	struct insn insn, previous = { 0 };

	for (; !at || at < end; at = insn.next) {
		if (!decode(c, at, &insn))
			return false;
		if (is_emulated(c, &insn)) {
			*found = (uint32_t)at;
			return true;
		}
		if (!is_early_return(c, &previous, &insn) &&
		    (!is_plain(&insn) || !keeps_state(c, &insn)))
			return false;
		previous = insn;
	}
	return false;
}

/* Behind the nops of several bytes that the function may begin with: see `rules`. */
static size_t skip_long_nops(const struct code *c)
{
	struct insn insn;
	size_t at = 0;

	while (decode(c, at, &insn) && insn.in.mnemonic == ZYDIS_MNEMONIC_NOP && insn.in.length > 1)
		at = insn.next;
	return at;
}

int mt_placement_choose(const uint8_t *code, size_t len, unsigned int argument_registers_needed,
			struct mt_placement_result *out)
{
	struct code c = { .bytes = code, .len = len, .needed = argument_registers_needed };
	struct mt_placement_result result = { 0 };
	size_t entry, end;

	if (!len || len > MT_PLACEMENT_CODE_MAX)
		return -EINVAL;
	ZydisDecoderInit(&c.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	entry = skip_long_nops(&c);
	end = lowest_target(&c);
	if (entry && entry >= end)
		return -ENOTSUP;
	result.offset = (uint32_t)entry;
	if (find_emulated(&c, entry, end, &result.offset))
		result.placement = MT_PLACEMENT_EMULATED;
	*out = result;
	return 0;
}
