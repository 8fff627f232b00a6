// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/returns.h"

#include <errno.h>
#include <limits.h>

#include <Zydis/Zydis.h>

#include "target/placement.h"

/* A set of offsets. */
struct places {
	uint8_t bits[MT_PLACEMENT_CODE_MAX / CHAR_BIT];
};

struct sweep {
	ZydisDecoder decoder;
	const uint8_t *code;
	size_t len;
	struct places begun;	/* instructions begin there */
	struct places branched; /* branches in the function lead there */
	struct mt_returns *out;
};

struct insn {
	int64_t next;
	ZydisDecodedInstruction in;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};

static void put(struct places *places, size_t at)
{
	places->bits[at / CHAR_BIT] |= (uint8_t)(1U << at % CHAR_BIT);
}

static bool decode(const ZydisDecoder *decoder, const uint8_t *code, size_t len, size_t at,
		   struct insn *out)
{
	if (at >= len ||
	    ZYAN_FAILED(ZydisDecoderDecodeFull(decoder, code + at, len - at, &out->in, out->op)))
		return false;
	out->next = (int64_t)(at + out->in.length);
	return true;
}

/* `jmp *disp(%rip)`: where the word is. */
static bool jumps_by_word(const struct insn *insn, int64_t *word)
{
	const ZydisDecodedOperand *op = &insn->op[0];

	if (insn->in.mnemonic != ZYDIS_MNEMONIC_JMP || op->type != ZYDIS_OPERAND_TYPE_MEMORY ||
	    op->mem.base != ZYDIS_REGISTER_RIP || op->mem.segment != ZYDIS_REGISTER_DS)
		return false;
	*word = insn->next + op->mem.disp.value;
	return true;
}

static int add_jump(struct mt_returns *out, int64_t to, bool by_word)
{
	if (out->nr_jumps == MT_RETURNS_MAX)
		return -E2BIG;
	out->jumps[out->nr_jumps++] = (struct mt_jump){ .to = to, .by_word = by_word };
	return 0;
}

static int on_branch(struct sweep *s, const struct insn *insn)
{
	int64_t to;

	if (jumps_by_word(insn, &to))
		return add_jump(s->out, to, true);
	if (insn->op[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
		return 0;
	to = insn->next + insn->op[0].imm.value.s;
	if (to < 0 || to >= (int64_t)s->len)
		return add_jump(s->out, to, false);
	put(&s->branched, (size_t)to);
	return 0;
}

static int on_ret(struct sweep *s, size_t at)
{
	if (s->out->nr_rets == MT_RETURNS_MAX)
		return -E2BIG;
	s->out->rets[s->out->nr_rets++] = (uint32_t)at;
	return 0;
}

static int on_instruction(struct sweep *s, const struct insn *insn, size_t at)
{
	bool far = insn->in.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;

	switch (insn->in.meta.category) {
	case ZYDIS_CATEGORY_RET: /* and iret, sysret */
		return far || insn->in.mnemonic != ZYDIS_MNEMONIC_RET ? -ENOTSUP : on_ret(s, at);
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_UNCOND_BR:
		return far ? -ENOTSUP : on_branch(s, insn);
	default:
		return 0;
	}
}

/* Does control not go on behind it? A call at the end is of a function that does not return. */
static bool is_last(const struct insn *insn)
{
	switch (insn->in.meta.category) {
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_CALL:
		return true;
	default:
		return insn->in.mnemonic == ZYDIS_MNEMONIC_UD2 ||
		       insn->in.mnemonic == ZYDIS_MNEMONIC_HLT ||
		       insn->in.mnemonic == ZYDIS_MNEMONIC_INT3;
	}
}

static int read_all(struct sweep *s)
{
	bool ended = false;
	struct insn insn;

	for (size_t at = 0; at < s->len; at = (size_t)insn.next) {
		int err = decode(&s->decoder, s->code, s->len, at, &insn) ? 0 : -ENOTSUP;

		err = err ? err : on_instruction(s, &insn, at);
		if (err)
			return err;
		put(&s->begun, at);
		ended = is_last(&insn) || (ended && insn.in.mnemonic == ZYDIS_MNEMONIC_NOP);
	}
	return ended ? 0 : -ENOTSUP;
}

int mt_returns_find(const uint8_t *code, size_t len, struct mt_returns *out)
{
	struct sweep s = { .code = code, .len = len, .out = out };
	int err;

	out->nr_rets = 0;
	out->nr_jumps = 0;
	if (len > MT_PLACEMENT_CODE_MAX)
		return -E2BIG;
	ZydisDecoderInit(&s.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	err = read_all(&s);
	for (size_t i = 0; !err && i < sizeof(s.begun.bits); i++) {
		if (s.branched.bits[i] & ~s.begun.bits[i])
			err = -ENOTSUP;
	}
	return err;
}

int mt_returns_stub(const uint8_t *code, size_t len, int64_t *word)
{
	ZydisDecoder decoder;
	struct insn insn;
	size_t at = 0;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	if (decode(&decoder, code, len, at, &insn) && insn.in.mnemonic == ZYDIS_MNEMONIC_ENDBR64)
		at = (size_t)insn.next;
	return decode(&decoder, code, len, at, &insn) && jumps_by_word(&insn, word) ? 0 : -ENOENT;
}
