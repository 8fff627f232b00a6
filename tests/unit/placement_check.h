/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * placement_check.h: is a place in x86 code as good as was said, found by other ways than
 * placement_x86.c's: one sweep over the whole function, and registers traced backwards. What
 * is not fails the test.
 */
#ifndef MT_TESTS_PLACEMENT_CHECK_H
#define MT_TESTS_PLACEMENT_CHECK_H

#include <Zydis/Zydis.h>

#include "placement_shapes.h"
#include "util/cleanup.h"

struct insn {
	ZydisDecodedInstruction in;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};

/* Everything that an instruction before the probe must not be, by another way than the code's. */
static void check_before(const struct insn *insn, const char *name)
{
	static const ZydisMnemonic never[] = {
		ZYDIS_MNEMONIC_PUSH, ZYDIS_MNEMONIC_POP,     ZYDIS_MNEMONIC_CALL,
		ZYDIS_MNEMONIC_RET,  ZYDIS_MNEMONIC_JMP,     ZYDIS_MNEMONIC_LEAVE,
		ZYDIS_MNEMONIC_UD2,  ZYDIS_MNEMONIC_SYSCALL, ZYDIS_MNEMONIC_HLT,
	};
	static const ZydisRegister kept[] = { ZYDIS_REGISTER_RSP, ZYDIS_REGISTER_ESP,
					      ZYDIS_REGISTER_RBP, ZYDIS_REGISTER_EBP,
					      ZYDIS_REGISTER_BPL };

	for (size_t i = 0; i < ARRAY_SIZE(never); i++) {
		if (insn->in.mnemonic == never[i])
			fail_msg("%s: mnemonic %d before the probe", name, never[i]);
	}
	for (size_t i = 0; i < insn->in.operand_count; i++) {
		const ZydisDecodedOperand *op = &insn->op[i];

		if (!(op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		if (op->type == ZYDIS_OPERAND_TYPE_MEMORY)
			fail_msg("%s: a store before the probe", name);
		for (size_t j = 0; j < ARRAY_SIZE(kept); j++) {
			if (op->type == ZYDIS_OPERAND_TYPE_REGISTER && op->reg.value == kept[j])
				fail_msg("%s: register %d written before the probe", name, kept[j]);
		}
	}
}

static bool writes(const struct insn *insn, ZydisRegister r)
{
	for (size_t i = 0; i < insn->in.operand_count; i++) {
		const ZydisDecodedOperand *op = &insn->op[i];

		if (op->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE &&
		    ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, op->reg.value) ==
			    r)
			return true;
	}
	return false;
}

/*
 * What `r` holds behind `n` instructions, found by going back to where it came from: bits of
 * the arguments, more than one for a product; 0: something else.
 */
static unsigned int origin(const struct insn *insns, size_t n, ZydisRegister r)
{
	while (n-- > 0) {
		const struct insn *i = &insns[n];
		unsigned int a, b;

		if (!writes(i, r))
			continue;
		if (i->in.operand_width != 64 || i->op[0].type != ZYDIS_OPERAND_TYPE_REGISTER)
			return 0;
		if (i->in.mnemonic == ZYDIS_MNEMONIC_MOV &&
		    i->op[1].type == ZYDIS_OPERAND_TYPE_REGISTER)
			return origin(insns, n, i->op[1].reg.value);
		if (i->in.mnemonic == ZYDIS_MNEMONIC_IMUL && i->in.operand_count_visible == 2 &&
		    i->op[1].type == ZYDIS_OPERAND_TYPE_REGISTER)
			b = origin(insns, n, i->op[1].reg.value);
		else if ((i->in.mnemonic == ZYDIS_MNEMONIC_MUL ||
			  i->in.mnemonic == ZYDIS_MNEMONIC_IMUL) &&
			 i->in.operand_count_visible == 1 && r == ZYDIS_REGISTER_RAX)
			b = origin(insns, n, ZYDIS_REGISTER_RAX);
		else
			return 0;
		a = origin(insns, n, i->op[0].reg.value);
		return a && b && !(a & b) ? a | b : 0;
	}
	return r == ZYDIS_REGISTER_RDI	 ? ARG1
	       : r == ZYDIS_REGISTER_RSI ? ARG2
	       : r == ZYDIS_REGISTER_RDX ? ARG3
					 : 0;
}

static void check_args(const struct insn *insns, size_t n,
		       const struct mt_placement_request *request, const uint8_t args[3],
		       const char *name)
{
	for (int i = 0; i < 3; i++) {
		unsigned int expected = 1U << i;

		if (!(request->needed & expected)) {
			assert_int_equal(args[i], MT_ARG_NONE);
			continue;
		}
		if (args[i] == ONE) {
			assert_true(request->factors & expected);
			continue;
		}
		if (request->factors & expected &&
		    (args[0] == ONE || args[1] == ONE || args[2] == ONE))
			expected = request->factors;
		assert_in_range(args[i], RAX, RAX + 15);
		if (origin(insns, n, (ZydisRegister)(ZYDIS_REGISTER_RAX + args[i] - RAX)) !=
		    expected)
			fail_msg("%s: argument %d is not in register %d", name, i + 1,
				 args[i] - RAX);
	}
}

/* One linear sweep, from the first byte: is the choice a place in it, and as good as said? */
static void check_choice(const struct mt_placement_request *request,
			 const struct mt_placement_result *r, const char *name)
{
	static struct insn insns[MT_PLACEMENT_CODE_MAX];
	const uint8_t *code = request->code;
	ZydisDecoder decoder;
	bool found = false;
	size_t n = 0;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (size_t at = 0; at < request->len; at += insns[n++].in.length) {
		struct insn *i = &insns[n];
		uint64_t to;

		if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, code + at, request->len - at,
						       &i->in, i->op))) {
			assert_int_equal(r->offset, 0);
			return;
		}
		if (at == r->offset) {
			found = true;
			check_args(insns, n, request, r->args, name);
			assert_false(i->in.mnemonic == ZYDIS_MNEMONIC_NOP && i->in.length == 5);
			assert_true(r->entry <= r->offset);
		}
		if (at < r->offset)
			check_before(i, name);
		if (r->offset && i->in.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE &&
		    i->in.mnemonic != ZYDIS_MNEMONIC_RET && i->in.mnemonic != ZYDIS_MNEMONIC_CALL &&
		    ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&i->in, &i->op[0], 0x1000 + at, &to)) &&
		    to >= 0x1000 && to - 0x1000 <= r->offset)
			fail_msg("%s: branch to +%d, before the probe", name, (int)(to - 0x1000));
	}
	if (!found)
		fail_msg("%s: +%u is in the middle of an instruction", name, r->offset);
}

#endif
