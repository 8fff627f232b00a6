// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/placement_machine.h"

#include <errno.h>
#include <string.h>

#include <linux/version.h>

#include "util/cleanup.h"

#define FRAME_POINTER 29
#define LINK_REGISTER 30
#define STACK_POINTER 31 /* or zero: an instruction means the one or the other */

struct pattern {
	uint32_t mask;
	uint32_t bits;
};

/*
 * What the kernel simulates (arch/arm64/kernel/probes/decode-insn.c). Left out: literal loads,
 * which no kernel lets be probed since acc450aa0709 "arm64: probes: Remove broken LDR
 * (literal) uprobe support"; calls and returns, where the link register is no longer what a
 * return probe must find; br, behind which nothing can be told. A store of a pair of
 * registers, as functions begin with, is stepped.
 */
static const struct rule {
	struct pattern is;
	unsigned int since;
} rules[] = {
	/* 9842ceae9fa8 "arm64: Add uprobe support" */
	{ { 0xfc000000, 0x14000000 }, KERNEL_VERSION(4, 10, 0) }, /* b */
	{ { 0xff000010, 0x54000000 }, KERNEL_VERSION(4, 10, 0) }, /* b.cond */
	{ { 0x7e000000, 0x34000000 }, KERNEL_VERSION(4, 10, 0) }, /* cbz, cbnz */
	{ { 0x7e000000, 0x36000000 }, KERNEL_VERSION(4, 10, 0) }, /* tbz, tbnz */
	{ { 0x1f000000, 0x10000000 }, KERNEL_VERSION(4, 10, 0) }, /* adr, adrp */
	/* ac4ad5c09b34 "arm64: insn: Simulate nop instruction for better uprobe performance" */
	{ { 0xffffffff, 0xd503201f }, KERNEL_VERSION(6, 13, 0) },
};

/* The fields of an instruction that name registers, and where. */
#define D  (1U << 0) /* 0-4, written */
#define D2 (1U << 1) /* 10-14, written */
#define N  (1U << 2) /* 5-9 */
#define M  (1U << 3) /* 16-20 */
#define A  (1U << 4) /* 10-14 */
#define SP (1U << 5) /* D may be the stack pointer */

/*
 * What a walk goes on behind: it computes or loads, and no more. The first that matches says
 * which fields name registers; one that only some of them use is taken as used. Missing, so
 * ending a walk, are all stores, pre- and post-indexed loads, vectors, and paciasp: behind that
 * the link register holds a signed address. A return probe would put its own, unsigned one
 * there, and the program would die when it authenticates that.
 */
static const struct plain {
	struct pattern is;
	unsigned int fields;
} plain[] = {
	{ { 0xffffff3f, 0xd503241f }, 0 },		/* bti */
	{ { 0xffffffff, 0xd503201f }, 0 },		/* nop */
	{ { 0xffffffe0, 0xd53bd040 }, D },		/* mrs: tpidr_el0 */
	{ { 0x1f000000, 0x10000000 }, D },		/* adr, adrp */
	{ { 0x3f800000, 0x31000000 }, D | N },		/* adds, subs: immediate */
	{ { 0x3f800000, 0x11000000 }, D | N | SP },	/* add, sub */
	{ { 0x7f800000, 0x72000000 }, D | N },		/* ands: immediate */
	{ { 0x1f800000, 0x12000000 }, D | N | SP },	/* and, orr, eor */
	{ { 0x1f800000, 0x12800000 }, D },		/* movn, movz, movk */
	{ { 0x1f800000, 0x13000000 }, D | N },		/* sbfm, bfm, ubfm */
	{ { 0x1f800000, 0x13800000 }, D | N | M },	/* extr */
	{ { 0x1f000000, 0x0a000000 }, D | N | M },	/* and, orr, eor...: register */
	{ { 0x1f200000, 0x0b000000 }, D | N | M },	/* add, sub: register */
	{ { 0x1fe00000, 0x0b200000 }, D | N | M | SP }, /* add, sub: extended register */
	{ { 0x1fe0fc00, 0x1a000000 }, D | N | M },	/* adc, sbc */
	{ { 0x3fe00410, 0x3a400000 }, N | M },		/* ccmn, ccmp */
	{ { 0x1fe00000, 0x1a800000 }, D | N | M },	/* csel... */
	{ { 0x5fe00000, 0x1ac00000 }, D | N | M },	/* udiv, lslv... */
	{ { 0x5fe00000, 0x5ac00000 }, D | N },		/* rbit, rev, clz... */
	{ { 0x1f000000, 0x1b000000 }, D | N | M | A },	/* madd, msub, umulh... */
	{ { 0x3f400000, 0x39400000 }, D | N },		/* ldr, ldrb, ldrh: unsigned offset */
	{ { 0x3f800000, 0x39800000 }, D | N },		/* ldrsw, ldrsb, ldrsh */
	{ { 0x3f600c00, 0x38400000 }, D | N },		/* ldur... */
	{ { 0x3fa00c00, 0x38800000 }, D | N },		/* ldursw... */
	{ { 0x3f600c00, 0x38600800 }, D | N | M },	/* ldr...: register offset */
	{ { 0x3fa00c00, 0x38a00800 }, D | N | M },	/* ldrsw... */
	{ { 0x3fc00000, 0x29400000 }, D | D2 | N },	/* ldp, ldpsw: signed offset */
};

static const struct pattern cbz_x = { 0xff000000, 0xb4000000 };
static const struct pattern ret = { 0xffffffff, 0xd65f03c0 };
static const struct pattern mov_x = { 0xffe0ffe0, 0xaa0003e0 };
static const struct pattern movz_0 = { 0x7fffffe0, 0x52800000 };
static const struct pattern mov_zr = { 0x7fffffe0, 0x2a1f03e0 };
static const struct pattern mul_x = { 0xffe0fc00, 0x9b007c00 };

static bool matches(uint32_t word, struct pattern p)
{
	return (word & p.mask) == p.bits;
}

static unsigned int field(uint32_t word, unsigned int shift)
{
	return word >> shift & 31;
}

static uint32_t word_at(const struct mt_placement_request *r, size_t at)
{
	const uint8_t *b = r->code + at;

	return b[0] | b[1] << 8 | b[2] << 16 | (uint32_t)b[3] << 24;
}

static bool has_word(const struct mt_placement_request *r, size_t at)
{
	return r->len >= 4 && at <= r->len - 4;
}

/* The signed number of `bits` bits at `shift`, in bytes. */
static int64_t displacement(uint32_t word, unsigned int shift, unsigned int bits)
{
	return ((int64_t)((uint64_t)word >> shift << (64 - bits)) >> (64 - bits)) * 4;
}

/*
 * Where the word at `at` may go but to the next; -1: nowhere, or out of the function; 0 also
 * when that is not clear.
 */
static int64_t target_of(uint32_t word, size_t at)
{
	static const struct pattern branch_class = { 0x1c000000, 0x14000000 };
	static const struct pattern system = { 0xfe000000, 0xd4000000 };
	static const struct pattern to_register = { 0xfe000000, 0xd6000000 };
	static const struct pattern b = { 0xfc000000, 0x14000000 };
	static const struct pattern bl = { 0xfc000000, 0x94000000 };
	static const struct pattern b_cond = { 0xff000000, 0x54000000 };
	static const struct pattern cbz = { 0x7e000000, 0x34000000 };
	static const struct pattern tbz = { 0x7e000000, 0x36000000 };
	int64_t to;

	if (!matches(word, branch_class) || matches(word, system))
		return -1;
	if (matches(word, to_register)) /* blr and ret leave; br may be a switch */
		return field(word, 21) & 3 ? -1 : 0;
	if (matches(word, b) || matches(word, bl))
		to = (int64_t)at + displacement(word, 0, 26);
	else if (matches(word, b_cond) || matches(word, cbz))
		to = (int64_t)at + displacement(word, 5, 19);
	else if (matches(word, tbz))
		to = (int64_t)at + displacement(word, 5, 14);
	else
		return 0;
	/* A call of itself is another call. */
	return to < 0 || (!to && matches(word, bl)) ? -1 : to;
}

/* The lowest place in the function that it branches to itself; 0 when that is not clear. */
static size_t lowest_target(const struct mt_placement_request *r)
{
	size_t lowest = r->len;

	for (size_t at = 0; has_word(r, at); at += 4) {
		int64_t to = target_of(word_at(r, at), at);

		if (to >= 0 && (uint64_t)to < lowest)
			lowest = (size_t)to;
	}
	return lowest;
}

static bool is_emulated(const struct mt_placement_request *r, uint32_t word)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (matches(word, rules[i].is))
			return r->kernel_version >= rules[i].since;
	}
	return false;
}

/*
 * The registers that a plain instruction writes, as bits; -1: it is another one, or one that
 * touches the stack pointer, the frame pointer or the link register. It must not read the last
 * either: a return probe does not change the copy.
 */
static int64_t written_registers(uint32_t word)
{
	const struct plain *p = plain;
	unsigned int d = field(word, 0), d2 = field(word, 10);
	int64_t written = 0;

	while (p < plain + ARRAY_SIZE(plain) && !matches(word, p->is))
		p++;
	if (p == plain + ARRAY_SIZE(plain))
		return -1;
	if ((p->fields & N && field(word, 5) == LINK_REGISTER) ||
	    (p->fields & M && field(word, 16) == LINK_REGISTER) ||
	    (p->fields & A && field(word, 10) == LINK_REGISTER) ||
	    (p->fields & SP && d == STACK_POINTER))
		return -1;
	if (p->fields & D && d != STACK_POINTER)
		written |= 1U << d;
	if (p->fields & D2 && d2 != STACK_POINTER)
		written |= 1U << d2;
	return written & (1U << FRAME_POINTER | 1U << LINK_REGISTER) ? -1 : written;
}

/* What the registers hold behind a plain instruction. */
static void follow(struct mt_values *v, uint32_t word)
{
	int64_t written = written_registers(word);
	unsigned int d = field(word, 0), n = field(word, 5), m = field(word, 16);
	uint8_t result = MT_VALUE_UNKNOWN;

	if (matches(word, mov_x) && m < v->machine->nr_registers)
		result = v->in[m];
	else if (matches(word, mul_x) && n < v->machine->nr_registers &&
		 m < v->machine->nr_registers)
		result = mt_values_product(v, n, m);
	for (unsigned int r = 0; r < v->machine->nr_registers; r++) {
		if (written & 1LL << r)
			v->in[r] = r == d ? result : MT_VALUE_UNKNOWN;
	}
}

/* The registers, as bits, that are 0 behind a plain instruction, of those that were and its own. */
static uint32_t follow_zeros(uint32_t word, uint32_t zeros)
{
	unsigned int m = field(word, 16);
	bool clears = matches(word, movz_0) || matches(word, mov_zr) ||
		      (matches(word, mov_x) && m < STACK_POINTER && zeros & 1U << m);

	zeros &= ~(uint32_t)written_registers(word);
	return clears ? zeros | 1U << field(word, 0) : zeros;
}

/* As on x86. */
static bool returns_soon(const struct mt_placement_request *r, int64_t at, uint32_t zeros,
			 bool must_be_zero)
{
	for (int i = 0; i < MT_EARLY_RETURN_MAX; i++, at += 4) {
		uint32_t word;

		if (at < 0 || !has_word(r, (size_t)at))
			return false;
		word = word_at(r, (size_t)at);
		if (matches(word, ret))
			return !must_be_zero || zeros & 1; /* x0 */
		if (written_registers(word) < 0)
			return false;
		zeros = follow_zeros(word, zeros);
	}
	return false;
}

/* Is it the `cbz` of "return if the block is NULL", or of "return 0 if a size is 0"? */
static bool is_early_return(const struct mt_values *v, uint32_t word, size_t at)
{
	unsigned int tested = field(word, 0);

	return matches(word, cbz_x) && mt_values_is_needed(v, tested) &&
	       returns_soon(v->request, target_of(word, at), mt_values_same(v, tested),
			    !mt_values_is_block(v, tested));
}

/* As on x86: see placement_x86.c. */
static void find_emulated(const struct mt_placement_request *r, struct mt_placement_result *out)
{
	size_t end = lowest_target(r);
	struct mt_values v;

	mt_values_begin(&v, &mt_machine_arm64, r);
	for (size_t at = 0; has_word(r, at) && (!at || at < end); at += 4) {
		uint32_t word = word_at(r, at);
		bool early = is_early_return(&v, word, at);
		uint8_t args[3];

		if (is_emulated(r, word) && mt_values_locate(&v, args)) {
			out->offset = (uint32_t)at;
			out->placement = MT_PLACEMENT_EMULATED;
			memcpy(out->args, args, sizeof(args));
			if (!early)
				return;
		}
		if (!early && written_registers(word) < 0)
			return;
		if (!early)
			follow(&v, word);
	}
}

int mt_placement_choose_arm64(const struct mt_placement_request *request,
			      struct mt_placement_result *out)
{
	struct mt_placement_result result = { 0 };
	struct mt_values v;

	if (!has_word(request, 0))
		return -EINVAL;
	mt_values_begin(&v, &mt_machine_arm64, request);
	mt_values_locate(&v, result.args);
	find_emulated(request, &result);
	*out = result;
	return 0;
}
