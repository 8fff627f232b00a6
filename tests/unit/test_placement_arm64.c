// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* arm64's placement, which runs on every host: words as objdump shows them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/version.h>

#include "target/placement_machine.h"
#include "util/cleanup.h"
#include "wire.h"

#define ARG1 MT_PLACEMENT_ARG1
#define ARG2 MT_PLACEMENT_ARG2
#define ARG3 MT_PLACEMENT_ARG3

#define STEPPED	 MT_PLACEMENT_STEPPED
#define EMULATED MT_PLACEMENT_EMULATED

#define X(n) (MT_ARG_ARM64 + (n))

#define BTI_C	     0xd503245f
#define PACIASP	     0xd503233f
#define NOP	     0xd503201f
#define RET	     0xd65f03c0
#define STP_FP_LR    0xa9bf7bfd			       /* stp x29, x30, [sp, #-16]! */
#define CBZ_X0(n)    (0xb4000000 | ((n)&0x7ffff) << 5) /* n words ahead */
#define CBNZ_X0(n)   (0xb5000000 | ((n)&0x7ffff) << 5)
#define CBZ_X1(n)    (0xb4000001 | ((n)&0x7ffff) << 5)
#define CBZ_W0(n)    (0x34000000 | ((n)&0x7ffff) << 5)
#define TBZ_X0(n)    (0x36180000 | ((n)&0x3fff) << 5) /* bit 3 */
#define B_EQ(n)	     (0x54000000 | ((n)&0x7ffff) << 5)
#define BC_EQ(n)     (0x54000010 | ((n)&0x7ffff) << 5) /* with FEAT_HBC */
#define B(n)	     (0x14000000 | ((n)&0x3ffffff))
#define BL(n)	     (0x94000000 | ((n)&0x3ffffff))
#define ADRP_X1	     0x90000001
#define ADRP_X8	     0x90000008
#define MOV(d, m)    (0xaa0003e0 | (m) << 16 | (d))
#define MOV_W(d, m)  (0x2a0003e0 | (m) << 16 | (d))
#define MUL(d, n, m) (0x9b007c00 | (m) << 16 | (n) << 5 | (d))
#define LDR(d, n)    (0xf9400000 | (n) << 5 | (d)) /* ldr xd, [xn] */

struct shape {
	const char *name;
	unsigned int needed;
	uint32_t offset;
	enum mt_placement placement;
	uint32_t words[12]; /* up to the last that is not 0 */
	unsigned int factors;
	unsigned int block;
	uint8_t args[3];     /* all 0: where the calling convention has them */
	unsigned int kernel; /* 0: a new one */
};

static const struct shape shapes[] = {
	/* What the kernel simulates, as the entry itself; and a nop since 6.13. */
	{ "b", ARG1, 0, EMULATED, { B(64) } },
	{ "b.eq", ARG1, 0, EMULATED, { B_EQ(2), NOP, RET } },
	{ "cbnz", ARG1, 0, EMULATED, { CBNZ_X0(2), NOP, RET } },
	{ "tbz", ARG1, 0, EMULATED, { TBZ_X0(2), NOP, RET } },
	{ "adrp", ARG1, 0, EMULATED, { ADRP_X8, STP_FP_LR, RET } },
	{ "nop", ARG1, 0, EMULATED, { NOP, STP_FP_LR, RET } },
	{ "nop of 6.12",
	  ARG1,
	  0,
	  STEPPED,
	  { NOP, STP_FP_LR, RET },
	  .kernel = KERNEL_VERSION(6, 12, 99) },
	{ "cbz of 4.9",
	  ARG1,
	  0,
	  STEPPED,
	  { CBNZ_X0(2), NOP, RET },
	  .kernel = KERNEL_VERSION(4, 9, 0) },
	{ "behind a nop of 6.12",
	  ARG1,
	  4,
	  EMULATED,
	  { NOP, ADRP_X8, RET },
	  .kernel = KERNEL_VERSION(6, 12, 0) },
	/* And what it steps, or refuses: stp, bc.eq, bl, blr, ret, ldr literal */
	{ "stp", ARG1, 0, STEPPED, { STP_FP_LR, ADRP_X8, RET } },
	{ "bc.eq", ARG1, 0, STEPPED, { BC_EQ(2), ADRP_X8, RET } },
	{ "bl", ARG1, 0, STEPPED, { BL(64), ADRP_X8, RET } },
	{ "blr x16", ARG1, 0, STEPPED, { 0xd63f0200, ADRP_X8, RET } },
	{ "br x16", ARG1, 0, STEPPED, { 0xd61f0200 } },
	{ "ret", ARG1, 0, STEPPED, { RET } },
	{ "ldr literal", ARG1, 0, STEPPED, { 0x58000060, ADRP_X8, RET } },

	/* bti c is passed, paciasp is not. */
	{ "bti c", ARG1, 4, EMULATED, { BTI_C, ADRP_X8, STP_FP_LR, RET } },
	{ "paciasp", ARG1, 0, STEPPED, { PACIASP, ADRP_X8, STP_FP_LR, RET } },
	{ "bti c, paciasp", ARG1, 0, STEPPED, { BTI_C, PACIASP, ADRP_X8, RET } },
	{ "autiasp", ARG1, 0, STEPPED, { 0xd50323bf, ADRP_X8, RET } },

	/* cbz x0, (ret): an early return, passed where something better follows */
	{ "early return", ARG1, 4, EMULATED, { CBZ_X0(3), ADRP_X8, RET, RET } },
	/* A size of 0 returns 0: x0 itself, mov x0, #0, mov w0, wzr, mov x0, x1; or something. */
	{ "size 0", ARG2, 4, EMULATED, { CBZ_X1(3), ADRP_X8, RET, 0xd2800000, RET } },
	{ "mov wzr", ARG2, 4, EMULATED, { CBZ_X1(3), ADRP_X8, RET, 0x2a1f03e0, RET } },
	{ "the size", ARG2, 4, EMULATED, { CBZ_X1(3), ADRP_X8, RET, 0xaa0103e0, RET } },
	{ "not the size", ARG2, 0, EMULATED, { CBZ_X1(3), ADRP_X8, RET, 0xaa0203e0, RET } },
	{ "mov 16", ARG2, 0, EMULATED, { CBZ_X1(3), ADRP_X8, RET, 0xd2800200, RET } },
	{ "0 elsewhere", ARG2, 0, EMULATED, { CBZ_X1(3), ADRP_X8, RET, 0xd2800001, RET } },
	{ "no longer 0", ARG1, 0, EMULATED, { CBZ_X0(3), ADRP_X8, RET, 0xaa0203e0, RET } },
	{ "bare", ARG2, 0, EMULATED, { CBZ_X1(3), ADRP_X8, RET, RET } },
	{ "a block's", ARG2, 4, EMULATED, { CBZ_X1(3), ADRP_X8, RET, RET }, .block = ARG2 },
	{ "nothing better", ARG1, 0, EMULATED, { CBZ_X0(3), STP_FP_LR, RET, RET } },
	{ "behind bti", ARG1, 4, EMULATED, { BTI_C, CBZ_X0(3), STP_FP_LR, RET, RET } },
	{ "not an argument", ARG1, 0, EMULATED, { CBZ_X1(3), ADRP_X8, RET, RET } },
	{ "half of it", ARG1, 0, EMULATED, { CBZ_W0(3), ADRP_X8, RET, RET } },
	{ "cbnz, not cbz", ARG1, 0, EMULATED, { CBNZ_X0(3), ADRP_X8, RET, RET } },
	{ "it stores", ARG1, 0, EMULATED, { CBZ_X0(3), ADRP_X8, RET, 0xf9000020, RET } },
	{ "it is elsewhere", ARG1, 0, EMULATED, { CBZ_X0(30), ADRP_X8, RET } },
	{ "it takes long",
	  ARG1,
	  0,
	  EMULATED,
	  { CBZ_X0(3), ADRP_X8, RET, NOP, NOP, NOP, NOP, RET } },

	/* Plain: mrs; ldr; ldr [x9, x8]; ldrb; ldur; ldrsw; cmp; tst; ccmp; csel; umulh */
	{ "plain",
	  ARG1,
	  44,
	  EMULATED,
	  { 0xd53bd048, LDR(9, 0), 0xf8686929, 0x39400009, 0xf85f8029, 0xb9800029, 0xf100401f,
	    0xf2400c1f, 0xfa451804, 0x9a82002a, 0x9bc17c0b, B(64) } },
	{ "ldp", ARG3, 4, EMULATED, { 0xa9400400, B(64) } },
	{ "ldp kills two", ARG2, 0, STEPPED, { 0xa9400400, B(64) } },
	/* Not: stores, pre- and post-indexed, exclusive, atomic, vectors, svc */
	{ "str", ARG1, 0, STEPPED, { 0xf9000020, B(64) } },
	{ "ldr [x1], #8", ARG1, 0, STEPPED, { 0xf8408429, B(64) } },
	{ "ldr [x1, #8]!", ARG1, 0, STEPPED, { 0xf8408c29, B(64) } },
	{ "ldxr", ARG1, 0, STEPPED, { 0xc85f7c29, B(64) } },
	{ "ldadd", ARG1, 0, STEPPED, { 0xf8200049, B(64) } },
	{ "ldr q0", ARG1, 0, STEPPED, { 0x3dc00000, B(64) } },
	{ "svc", ARG1, 0, STEPPED, { 0xd4000001, B(64) } },
	{ "no instruction", ARG1, 0, STEPPED, { 0x00000001, B(64) } },
	/* The stack: add sp; sub sp; and sp; mov x29, sp. The link register, read or written. */
	{ "add sp", ARG1, 0, STEPPED, { 0x910043ff, B(64) } },
	{ "sub sp", ARG1, 0, STEPPED, { 0xd10083ff, B(64) } },
	{ "and sp", ARG1, 0, STEPPED, { 0x927cec1f, B(64) } },
	{ "mov x29, sp", ARG1, 0, STEPPED, { 0x910003fd, B(64) } },
	{ "mov x16, x30", ARG1, 0, STEPPED, { MOV(16, 30), B(64) } },
	{ "mov x30, x16", ARG1, 0, STEPPED, { MOV(30, 16), B(64) } },
	{ "madd x30", ARG1, 0, STEPPED, { 0x9b027820, B(64) } },
	{ "add x30", ARG1, 0, STEPPED, { 0x8b1e0000, B(64) } },
	{ "ldr [x30]", ARG1, 0, STEPPED, { LDR(9, 30), B(64) } },
	/* Which are other registers in an immediate: movz x0, #(30 << 0); cmp x9, #0 */
	{ "movz", ARG2, 4, EMULATED, { 0xd28003c0, B(64) } },

	/* Moved: mov x19, x0; movk; mov w; back; overwritten */
	{ "moved", ARG1, 8, EMULATED, { MOV(19, 0), MOV(0, 1), B(64) }, .args = { X(19), 0, 0 } },
	{ "a copy", ARG1, 4, EMULATED, { MOV(19, 0), B(64) } },
	{ "back", ARG1, 12, EMULATED, { MOV(19, 0), MOV(0, 1), MOV(0, 19), B(64) } },
	{ "zeroed", ARG1, 0, STEPPED, { MOV(0, 31), B(64) } },
	{ "mov w", ARG1, 0, STEPPED, { MOV_W(19, 0), MOV(0, 1), B(64) } },
	{ "movk", ARG1, 0, STEPPED, { 0xf2800020, B(64) } },
	{ "overwritten", ARG1, 0, STEPPED, { MOV(19, 0), MOV(0, 1), MOV(19, 1), B(64) } },
	{ "swapped",
	  ARG1 | ARG2,
	  12,
	  EMULATED,
	  { MOV(8, 0), MOV(0, 1), MOV(1, 8), B(64) },
	  .args = { X(1), X(0), 0 } },
	/* adrp x1 takes the argument away, but not before it is run. */
	{ "adrp x1", ARG2, 0, EMULATED, { ADRP_X1, B(64) } },
	{ "adrp x1, moved", ARG1 | ARG2, 4, EMULATED, { MOV(8, 1), ADRP_X1, B(64) } },

	/* mul x0, x0, x1: the product */
	{ "product",
	  ARG1 | ARG2,
	  4,
	  EMULATED,
	  { MUL(0, 0, 1), B(64) },
	  .args = { X(0), MT_ARG_ONE, 0 },
	  .factors = ARG1 | ARG2 },
	{ "of the last two",
	  ARG1 | ARG2 | ARG3,
	  8,
	  EMULATED,
	  { MUL(1, 1, 2), MOV(2, 31), B(64) },
	  .args = { X(0), X(1), MT_ARG_ONE },
	  .factors = ARG2 | ARG3 },
	{ "no factors", ARG1 | ARG2, 0, STEPPED, { MUL(0, 0, 1), B(64) } },
	{ "squared", ARG1 | ARG2, 0, STEPPED, { MUL(0, 0, 0), B(64) }, .factors = ARG1 | ARG2 },
	{ "mul by xzr", ARG1 | ARG2, 0, STEPPED, { MUL(0, 0, 31), B(64) }, .factors = ARG1 | ARG2 },

	/* Loops: back to it, before it, behind it; recursion; a switch; an unknown branch */
	{ "loop to it", ARG1, 0, STEPPED, { LDR(8, 0), ADRP_X1, CBNZ_X0(-1), RET } },
	{ "tbz to it", ARG1, 0, STEPPED, { LDR(8, 0), ADRP_X1, TBZ_X0(-1), RET } },
	{ "loop before it", ARG1, 0, STEPPED, { LDR(8, 0), ADRP_X1, CBNZ_X0(-2), RET } },
	{ "loop behind it", ARG1, 4, EMULATED, { LDR(8, 0), ADRP_X1, NOP, TBZ_X0(-1), RET } },
	{ "tail recursion", ARG1, 0, STEPPED, { LDR(8, 0), ADRP_X1, NOP, B(-3) } },
	{ "recursion", ARG1, 4, EMULATED, { LDR(8, 0), ADRP_X1, NOP, BL(-3), RET } },
	{ "call of its middle", ARG1, 0, STEPPED, { LDR(8, 0), ADRP_X1, NOP, BL(-2), RET } },
	{ "b.eq to itself", ARG1, 0, STEPPED, { LDR(8, 0), B_EQ(0), RET } },
	{ "switch", ARG1, 0, STEPPED, { LDR(8, 0), ADRP_X1, 0xd61f0200, RET } },
	{ "braa", ARG1, 0, STEPPED, { LDR(8, 0), ADRP_X1, 0xd71f0a11, RET } },
	{ "blr", ARG1, 4, EMULATED, { LDR(8, 0), ADRP_X1, 0xd63f0200, RET } },
	{ "retaa", ARG1, 4, EMULATED, { LDR(8, 0), ADRP_X1, 0xd65f0bff } },
	{ "cbgt", ARG1, 0, STEPPED, { LDR(8, 0), ADRP_X1, 0x74010000, RET } },
	{ "bc.eq back", ARG1, 0, STEPPED, { LDR(8, 0), ADRP_X1, BC_EQ(-1), RET } },
};

static size_t put(const uint32_t *words, size_t n, uint8_t *code)
{
	for (size_t i = 0; i < 4 * n; i++)
		code[i] = (uint8_t)(words[i / 4] >> 8 * (i % 4));
	return 4 * n;
}

static void check_shape(const struct shape *s)
{
	struct mt_placement_request request = {
		.needed = s->needed,
		.factors = s->factors,
		.block = s->block,
		.kernel_version = s->kernel ?: KERNEL_VERSION(6, 18, 0),
	};
	struct mt_placement_result r = { .offset = UINT32_MAX };
	uint8_t code[sizeof(s->words)], args[3];
	size_t n = ARRAY_SIZE(s->words);

	while (!s->words[n - 1])
		n--;
	request.code = code;
	request.len = put(s->words, n, code);
	for (int i = 0; i < 3; i++)
		args[i] = s->needed & 1U << i ? X(i) : MT_ARG_NONE;
	if (s->args[0] || s->args[1] || s->args[2])
		memcpy(args, s->args, sizeof(args));
	assert_int_equal(mt_placement_choose_arm64(&request, &r), 0);
	if (r.offset != s->offset || r.placement != s->placement ||
	    memcmp(r.args, args, sizeof(args)))
		fail_msg("%s: +%u %s, args %u %u %u; expected +%u %s, %u %u %u", s->name, r.offset,
			 mt_placement_name(r.placement), r.args[0], r.args[1], r.args[2], s->offset,
			 mt_placement_name(s->placement), args[0], args[1], args[2]);
}

static void test_shapes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		check_shape(&shapes[i]);
}

/* Lengths that are no multiple of four; ASan sees a read behind the end. */
static void test_cut_short(void **state)
{
	static const uint32_t words[] = { LDR(8, 0), ADRP_X1 };
	uint8_t whole[8];

	put(words, 2, whole);
	for (size_t len = 1; len <= sizeof(whole); len++) {
		struct mt_placement_result r = { 0 };
		_free_ uint8_t *code = malloc(len);
		struct mt_placement_request request = { code, len, ARG1, 0,
							KERNEL_VERSION(6, 18, 0) };

		memcpy(code, whole, len);
		assert_int_equal(mt_placement_choose_arm64(&request, &r), len < 4 ? -EINVAL : 0);
		assert_int_equal(r.offset, len == 8 ? 4 : 0);
	}
}

/* Is it one of those that the kernel simulates? By the architecture manual's top bits. */
static bool is_simulated(uint32_t word)
{
	return word == NOP || word >> 26 == 5 || (word >> 24 == 0x54 && !(word & 16)) ||
	       (word >> 25 & 0x3f) == 0x1a || (word >> 25 & 0x3f) == 0x1b ||
	       (word >> 24 & 0x1f) == 0x10;
}

/* Random words, and shapes with random damage: always a whole word that the kernel simulates. */
static void test_hostile(void **state)
{
	const char *given = getenv("MT_SEED");
	unsigned int seed = given ? (unsigned int)strtoul(given, NULL, 0)
				  : (unsigned int)time(NULL) ^ (unsigned int)getpid();
	size_t emulated = 0;

	printf("MT_SEED=%u\n", seed);
	srandom(seed);
	for (int i = 0; i < 50000; i++) {
		const struct shape *s = &shapes[random() % (long)ARRAY_SIZE(shapes)];
		size_t len = i % 2 ? sizeof(s->words) : 1 + (size_t)random() % 100;
		_free_ uint8_t *code = malloc(len);
		struct mt_placement_request request = { code, len, random() % 8, 0,
							KERNEL_VERSION(6, 18, 0) };
		struct mt_placement_result r;
		uint32_t word;

		for (size_t j = 0; j < len; j++)
			code[j] = (uint8_t)random();
		if (i % 2) {
			put(s->words, ARRAY_SIZE(s->words), code);
			code[(size_t)random() % len] = (uint8_t)random();
		}
		if (__builtin_popcount(request.needed) == 2)
			request.factors = request.needed;
		if (mt_placement_choose_arm64(&request, &r)) {
			assert_in_range(len, 1, 3);
			continue;
		}
		assert_int_equal(r.offset % 4, 0);
		assert_in_range(r.offset, 0, len - 4);
		memcpy(&word, code + r.offset, 4);
		if (r.placement == EMULATED)
			assert_true(is_simulated(le32toh(word)));
		emulated += r.placement == EMULATED;
	}
	assert_in_range(emulated, 1000, 50000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
