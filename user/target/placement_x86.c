// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/placement_machine.h"

#include <errno.h>
#include <string.h>

#include <linux/version.h>

#include <Zydis/Zydis.h>

#include "util/cleanup.h"

struct code {
	const struct mt_placement_request *request;
	ZydisDecoder decoder;
};

struct insn {
	size_t at;
	size_t next;
	ZydisDecodedInstruction in;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};

/*
 * What the kernel emulates (arch/x86/kernel/uprobes.c: branch_setup_xol_ops,
 * push_setup_xol_ops), by the first bytes. No other prefixes than these: the kernel refuses
 * to probe a branch with 66, cs, ds, es, ss or lock (uprobe_init_insn), which takes in the
 * branch hints and notrack, steps a push with any but REX.B alone, and of f2 (bnd) there is
 * nothing to be gained. loop and jrcxz are stepped.
 *
 * A nop of 5 bytes is never used (see is_emulated), though it is emulated as the others are.
 */
static const struct rule {
	uint8_t bytes[3];
	uint8_t masks[3];
	unsigned int since;
} rules[] = {
	/* e7ed9d9bd037 "uprobes/x86: Emulate push insns for uprobe on x86" */
	{ { 0x50 }, { 0xf8 }, KERNEL_VERSION(4, 16, 0) },
	{ { 0x41, 0x50 }, { 0xff, 0xf8 }, KERNEL_VERSION(4, 16, 0) },
	/* 7ba6db2d688b "uprobes/x86: Emulate unconditional relative jmp's" */
	{ { 0xeb }, { 0xff }, KERNEL_VERSION(3, 16, 0) },
	{ { 0xe9 }, { 0xff }, KERNEL_VERSION(3, 16, 0) },
	/* "uprobes/x86: Emulate nop's using ops->emulate()" */
	{ { 0x90 }, { 0xff }, KERNEL_VERSION(3, 16, 0) },
	/* "uprobes/x86: Emulate relative call's" */
	{ { 0xe8 }, { 0xff }, KERNEL_VERSION(3, 16, 0) },
	/* "uprobes/x86: Emulate relative conditional "short" jmp's" */
	{ { 0x70 }, { 0xf0 }, KERNEL_VERSION(3, 16, 0) },
	/* "uprobes/x86: Emulate relative conditional "near" jmp's" */
	{ { 0x0f, 0x80 }, { 0xff, 0xf0 }, KERNEL_VERSION(3, 16, 0) },
	/* cefa72129e45 "uprobes/x86: Allow to probe a NOP instruction with 0x66 prefix" */
	{ { 0x66, 0x90 }, { 0xff, 0xff }, KERNEL_VERSION(6, 2, 0) },
	/* 610f6e14c29d "uprobes/x86: Add support to emulate NOP instructions": nopl */
	{ { 0x0f, 0x1f, 0x00 }, { 0xff, 0xff, 0x38 }, KERNEL_VERSION(6, 16, 0) },
};

static bool decode(const struct code *c, size_t at, struct insn *out)
{
	const struct mt_placement_request *r = c->request;

	if (at >= r->len || ZYAN_FAILED(ZydisDecoderDecodeFull(&c->decoder, r->code + at,
							       r->len - at, &out->in, out->op)))
		return false;
	out->at = at;
	out->next = at + out->in.length;
	return true;
}

/*
 * Kernels 6.18 to 7.1 turn a probed nop of 5 bytes into a call, which writes over the red zone
 * and is inherited by children that have no page to call. Since distributions backport, no
 * version is taken for safe.
 */
static bool is_nop5(const struct insn *insn)
{
	return insn->in.mnemonic == ZYDIS_MNEMONIC_NOP && insn->in.length == 5;
}

/* Does the running kernel emulate it, and may it? */
static bool is_emulated(const struct code *c, const struct insn *insn)
{
	const uint8_t *b = c->request->code + insn->at;

	if (is_nop5(insn))
		return false;
	for (const struct rule *r = rules; r < rules + ARRAY_SIZE(rules); r++) {
		size_t i = 0;

		while (i < 3 && (!r->masks[i] || (b[i] & r->masks[i]) == r->bytes[i]))
			i++;
		if (i == 3 && c->request->kernel_version >= r->since)
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
	size_t lowest = c->request->len;
	struct insn insn;

	for (size_t at = 0; at < c->request->len; at = insn.next) {
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

/* The register that an operand writes, even if only in part; NONE: it writes no register. */
static ZydisRegister written_register(const ZydisDecodedOperand *op)
{
	if (op->type != ZYDIS_OPERAND_TYPE_REGISTER ||
	    !(op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
		return ZYDIS_REGISTER_NONE;
	return whole_register(op->reg.value);
}

/*
 * A store is work, wherever it goes: it may be what hands out the block, or what lets
 * another thread have it.
 */
static bool writes_memory(const struct insn *insn)
{
	for (size_t i = 0; i < insn->in.operand_count; i++) {
		if (insn->op[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    insn->op[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			return true;
	}
	return false;
}

/* Leaves memory and the registers that tell where the stack is alone. */
static bool keeps_state(const struct insn *insn)
{
	for (size_t i = 0; i < insn->in.operand_count; i++) {
		ZydisRegister r = written_register(&insn->op[i]);

		if (r == ZYDIS_REGISTER_RSP || r == ZYDIS_REGISTER_RBP)
			return false;
	}
	return !writes_memory(insn);
}

/* The number of a whole integer register that an operand is, or -1. */
static int register_number(const ZydisDecodedOperand *op)
{
	if (op->type != ZYDIS_OPERAND_TYPE_REGISTER ||
	    ZydisRegisterGetClass(op->reg.value) != ZYDIS_REGCLASS_GPR64)
		return -1;
	return ZydisRegisterGetId(op->reg.value);
}

/* What it puts into register `*to`, if that is known. */
static uint8_t known_result(const struct mt_values *v, const struct insn *insn, int *to)
{
	int a = register_number(&insn->op[0]), b = register_number(&insn->op[1]);
	bool multiplies =
		insn->in.mnemonic == ZYDIS_MNEMONIC_MUL || insn->in.mnemonic == ZYDIS_MNEMONIC_IMUL;

	*to = a;
	if (insn->in.mnemonic == ZYDIS_MNEMONIC_MOV && a >= 0 && b >= 0)
		return v->in[b];
	if (!multiplies || a < 0)
		return MT_VALUE_UNKNOWN;
	if (insn->in.operand_count_visible == 1) {
		*to = 0; /* rax, and the high half to rdx */
		return mt_values_product(v, 0, a);
	}
	if (insn->in.operand_count_visible == 2 && b >= 0)
		return mt_values_product(v, a, b);
	return MT_VALUE_UNKNOWN;
}

/* What the registers hold behind it. */
static void follow(struct mt_values *v, const struct insn *insn)
{
	int to;
	uint8_t result = known_result(v, insn, &to);

	for (size_t i = 0; i < insn->in.operand_count; i++) {
		ZydisRegister r = written_register(&insn->op[i]);

		if (ZydisRegisterGetClass(r) == ZYDIS_REGCLASS_GPR64)
			v->in[ZydisRegisterGetId(r)] = MT_VALUE_UNKNOWN;
	}
	if (result)
		v->in[to] = result;
}

/* `test reg, reg` of a whole argument. */
static bool tests_argument(const struct mt_values *v, const struct insn *insn)
{
	int a = register_number(&insn->op[0]);

	return insn->in.mnemonic == ZYDIS_MNEMONIC_TEST && a >= 0 &&
	       register_number(&insn->op[1]) == a && mt_values_is_needed(v, (unsigned int)a);
}

/* The number of the integer register that an operand writes in full, or -1. */
static int filled_register(const ZydisDecodedOperand *op)
{
	ZydisRegister r = written_register(op);

	if (op->size < 32 || ZydisRegisterGetClass(r) != ZYDIS_REGCLASS_GPR64)
		return -1;
	return ZydisRegisterGetId(r);
}

/* The register that it sets to 0, where those in `zeros` are 0, or -1. */
static int zeroed_register(const struct insn *insn, uint32_t zeros)
{
	const ZydisDecodedOperand *from = &insn->op[1];
	bool is_register = from->type == ZYDIS_OPERAND_TYPE_REGISTER;
	bool clears = insn->in.mnemonic == ZYDIS_MNEMONIC_XOR && is_register &&
		      from->reg.value == insn->op[0].reg.value;
	int source = is_register ? register_number(from) : -1;
	bool zero = source >= 0 ? zeros >> source & 1
				: from->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && !from->imm.value.u;
	bool copies = insn->in.mnemonic == ZYDIS_MNEMONIC_MOV && zero;

	return clears || copies ? filled_register(&insn->op[0]) : -1;
}

/* The registers, as bits, that are 0 behind it, of those that were and what it sets. */
static uint32_t follow_zeros(const struct insn *insn, uint32_t zeros)
{
	int zeroed = zeroed_register(insn, zeros);

	for (size_t i = 0; i < insn->in.operand_count; i++) {
		ZydisRegister r = written_register(&insn->op[i]);

		if (ZydisRegisterGetClass(r) == ZYDIS_REGCLASS_GPR64)
			zeros &= ~(1U << ZydisRegisterGetId(r));
	}
	return zeroed < 0 ? zeros : zeros | 1U << zeroed;
}

/*
 * Ahead from `at`: a few instructions that have no effect, and a return; of 0, if that
 * matters. `zeros`: registers that are 0 at `at`, as bits.
 */
static bool returns_soon(const struct code *c, size_t at, uint32_t zeros, bool must_be_zero)
{
	struct insn insn;

	for (int i = 0; i < MT_EARLY_RETURN_MAX; i++, at = insn.next) {
		if (!decode(c, at, &insn))
			return false;
		if (insn.in.mnemonic == ZYDIS_MNEMONIC_RET)
			return !must_be_zero || zeros & 1; /* rax */
		if (!is_plain(&insn) || writes_memory(&insn))
			return false;
		zeros = follow_zeros(&insn, zeros);
	}
	return false;
}

/* Is `insn`, behind `test`, the `je` of "return if the block is NULL", or of "0 if a size is 0"? */
static bool is_early_return(const struct code *c, const struct mt_values *v,
			    const struct insn *test, const struct insn *insn)
{
	unsigned int tested;

	if (insn->in.mnemonic != ZYDIS_MNEMONIC_JZ || !tests_argument(v, test))
		return false;
	tested = (unsigned int)register_number(&test->op[0]);
	return returns_soon(c, (size_t)branch_target(insn), mt_values_same(v, tested),
			    !mt_values_is_block(v, tested));
}

/*
 * From the entry on, the first instruction that is emulated and as good. An early return's
 * branch will do if nothing follows that is. `out` is left alone when there is none.
 */
static void find_emulated(const struct code *c, struct mt_placement_result *out)
{
	size_t end = lowest_target(c);
	struct insn insn, previous = { 0 };
	struct mt_values v;

	mt_values_begin(&v, &mt_machine_x86, c->request);
	for (size_t at = 0; !at || at < end; at = insn.next) {
		uint8_t args[3];
		bool early;

		if (!decode(c, at, &insn))
			return;
		early = is_early_return(c, &v, &previous, &insn);
		if (is_emulated(c, &insn) && mt_values_locate(&v, args)) {
			out->offset = (uint32_t)at;
			out->placement = MT_PLACEMENT_EMULATED;
			memcpy(out->args, args, sizeof(args));
			if (!early)
				return;
		}
		if (!early && (!is_plain(&insn) || !keeps_state(&insn)))
			return;
		follow(&v, &insn);
		previous = insn;
	}
}

/*
 * Behind the nops of several bytes that the function may begin with: some cannot be probed,
 * and one of 5 bytes must not be.
 */
static size_t skip_long_nops(const struct code *c)
{
	struct insn insn;
	size_t at = 0;

	while (decode(c, at, &insn) && insn.in.mnemonic == ZYDIS_MNEMONIC_NOP && insn.in.length > 1)
		at = insn.next;
	return at;
}

/* The kernel takes `xchg r8, rax` for the nop that it would be without REX.B. */
static bool is_taken_for_nop(const struct insn *insn)
{
	return insn->in.opcode == 0x90 && insn->in.mnemonic == ZYDIS_MNEMONIC_XCHG;
}

/* The kernel refuses to probe lock, cs, ds, es, ss; and 66 with a branch. */
static bool has_refused_prefix(const struct insn *insn)
{
	for (size_t i = 0; i < insn->in.raw.prefix_count; i++) {
		switch (insn->in.raw.prefixes[i].value) {
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0xf0:
			return true;
		case 0x66:
			if (is_relative_branch(insn))
				return true;
			break;
		default:
			break;
		}
	}
	return false;
}

/* Instructions that the kernel refuses to probe, or that do otherwise when it steps them. */
static bool is_unsafe_mnemonic(ZydisMnemonic mnemonic)
{
	switch (mnemonic) {
	case ZYDIS_MNEMONIC_PUSHF: /* stores the trap flag that it is stepped with */
	case ZYDIS_MNEMONIC_PUSHFQ:
	case ZYDIS_MNEMONIC_POPF: /* clears it */
	case ZYDIS_MNEMONIC_POPFQ:
	case ZYDIS_MNEMONIC_IRET:
	case ZYDIS_MNEMONIC_IRETD:
	case ZYDIS_MNEMONIC_IRETQ:
	case ZYDIS_MNEMONIC_CLI:
	case ZYDIS_MNEMONIC_STI:
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
	case ZYDIS_MNEMONIC_UD2:
	case ZYDIS_MNEMONIC_XBEGIN: /* aborts to a place relative to the copy */
		return true;
	default:
		return false;
	}
}

/*
 * Must it not be stepped? The kernel steps a copy elsewhere, with the trap flag set. It refuses
 * some itself (arch/x86/kernel/uprobes.c: good_insns_64, good_2byte_insns, is_prefix_bad), but
 * when the probe is attached, and then all of the file's. Of a repeated string instruction
 * every round traps, and is another hit; behind a load of ss none does.
 */
static bool is_unsafe(const struct insn *insn)
{
	switch (insn->in.meta.category) {
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_IO:
	case ZYDIS_CATEGORY_IOSTRINGOP:
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_SYSRET:
	case ZYDIS_CATEGORY_SYSTEM:
	case ZYDIS_CATEGORY_VTX:
		return true;
	default:
		break;
	}
	return insn->in.attributes & (ZYDIS_ATTRIB_IS_PRIVILEGED | ZYDIS_ATTRIB_HAS_REP |
				      ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE) ||
	       insn->in.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR ||
	       (insn->op[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		insn->op[0].reg.value == ZYDIS_REGISTER_SS) ||
	       is_unsafe_mnemonic(insn->in.mnemonic) || has_refused_prefix(insn);
}

int mt_placement_choose_x86(const struct mt_placement_request *request,
			    struct mt_placement_result *out)
{
	struct code c = { .request = request };
	struct mt_placement_result result = { 0 };
	struct mt_values v;
	struct insn first;
	size_t entry;

	ZydisDecoderInit(&c.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	entry = skip_long_nops(&c);
	if (!decode(&c, entry, &first) || is_taken_for_nop(&first) || is_unsafe(&first) ||
	    (entry && entry >= lowest_target(&c)))
		return -ENOTSUP;
	mt_values_begin(&v, &mt_machine_x86, request);
	mt_values_locate(&v, result.args);
	result.offset = result.entry = (uint32_t)entry;
	find_emulated(&c, &result);
	if (result.offset < entry)
		result.entry = result.offset;
	*out = result;
	return 0;
}
