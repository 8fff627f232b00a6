// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* .eh_frame written by hand, whose rows are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "cfi_bytes.h"

#define START 0x4000
#define LEN   0x100

#define RULE(cfa_, offset_, fp_)                                       \
	(struct mt_rule)                                               \
	{                                                              \
		.cfa = MT_CFA_##cfa_, .offset = (offset_), .fp = (fp_) \
	}
#define SP8   RULE(SP, 8, 0)
#define OTHER RULE(OTHER, 0, 0)
#define NONE  RULE(NONE, 0, 0)

#define EXPECT(bytes, ...)                                               \
	expect(__LINE__, bytes, (const struct cfi_row[]){ __VA_ARGS__ }, \
	       sizeof((const struct cfi_row[]){ __VA_ARGS__ }) / sizeof(struct cfi_row))

static void expect(int line, struct cfi_bytes *b, const struct cfi_row *rows, size_t nr)
{
	struct cfi_rows got = { 0 };

	assert_int_equal(cfi_read(b, cfi_on_row, &got), 0);
	for (size_t i = 0; i < got.nr; i++)
		if (i >= nr || memcmp(&got.v[i].rule, &rows[i].rule, sizeof(struct mt_rule)) ||
		    got.v[i].address != rows[i].address)
			fail_msg("line %d, row %zu at %#lx: {cfa %u, offset %d, fp %d, addend %u}",
				 line, i, got.v[i].address, got.v[i].rule.cfa, got.v[i].rule.offset,
				 got.v[i].rule.fp, got.v[i].rule.addend);
	if (got.nr != nr)
		fail_msg("line %d: %zu rows for %zu", line, got.nr, nr);
	cfi_bytes_free(b);
}

/* One function with these instructions has, after a first byte that is as the CIE says, `rule`. */
static void expect_rule(int line, const uint8_t *ops, size_t nr_ops, struct mt_rule rule)
{
	const struct cfi_row rows[] = { { START, SP8 },
					{ START + 1, rule },
					{ START + LEN, NONE } };
	struct cfi_bytes b = { 0 };
	uint8_t program[128] = { DW_CFA_advance_loc | 1 };

	memcpy(program + 1, ops, nr_ops);
	cfi_usual_cie(&b);
	cfi_fde(&b, START, LEN, program, nr_ops + 1);
	expect(line, &b, rows, 3);
}

#define EXPECT_RULE(rule, ...) expect_rule(__LINE__, OPS(__VA_ARGS__), rule)

static void test_an_ordinary_function(void **state)
{
	struct cfi_bytes b = { 0 };

	cfi_usual_cie(&b);
	cfi_fde(&b, START, LEN,
		OPS(DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16, DW_CFA_offset | RBP, 2,
		    DW_CFA_advance_loc | 3, DW_CFA_def_cfa_register, RBP, DW_CFA_advance_loc1, 0x40,
		    DW_CFA_remember_state, DW_CFA_def_cfa, RSP, 8, DW_CFA_restore | RBP,
		    DW_CFA_advance_loc | 1, DW_CFA_restore_state));
	EXPECT(&b, { START, SP8 }, { START + 1, RULE(SP, 16, -2) }, { START + 4, RULE(FP, 16, -2) },
	       { START + 0x44, SP8 }, { START + 0x45, RULE(FP, 16, -2) }, { START + LEN, NONE });
}

static void test_cfa(void **state)
{
	EXPECT_RULE(RULE(FP, 24, 0), DW_CFA_def_cfa, RBP, 24);
	EXPECT_RULE(RULE(SP, 32, 0), DW_CFA_def_cfa_sf, RSP, 0x7c);
	EXPECT_RULE(RULE(FP, -16, 0), DW_CFA_def_cfa_sf, RBP, 2);
	EXPECT_RULE(RULE(SP, 40, 0), DW_CFA_def_cfa_offset_sf, 0x7b);
	EXPECT_RULE(RULE(SP, 33360, 0), DW_CFA_def_cfa_offset, 0xd0, 0x84, 0x02);
	EXPECT_RULE(OTHER, DW_CFA_def_cfa_register, RAX);
	EXPECT_RULE(OTHER, DW_CFA_def_cfa_offset, 0x80, 0x80, 0x80, 0x80, 0x08);
	EXPECT_RULE(RULE(SP, INT32_MAX, 0), DW_CFA_def_cfa_offset, 0xff, 0xff, 0xff, 0xff, 0x07);
	/* A product of two numbers that no int64_t holds. */
	EXPECT_RULE(OTHER, DW_CFA_def_cfa_offset_sf, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
		    0x80, 0x7f);
	EXPECT_RULE(OTHER, DW_CFA_def_cfa_sf, RSP, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
		    0x80, 0x7f);
}

static void test_registers(void **state)
{
	EXPECT_RULE(RULE(SP, 8, -3), DW_CFA_offset | RBP, 3);
	EXPECT_RULE(RULE(SP, 8, -4), DW_CFA_offset_extended, RBP, 4);
	EXPECT_RULE(RULE(SP, 8, -4), DW_CFA_offset_extended_sf, RBP, 4);
	EXPECT_RULE(OTHER, DW_CFA_offset_extended_sf, RBP, 0x7f);
	EXPECT_RULE(OTHER, DW_CFA_GNU_negative_offset_extended, RBP, 2);
	EXPECT_RULE(OTHER, DW_CFA_GNU_negative_offset_extended, RBP, 0x80, 0x80, 0x80, 0x80, 0x80,
		    0x80, 0x80, 0x80, 0x80, 0x01);
	EXPECT_RULE(OTHER, DW_CFA_offset_extended, RBP, 0x81, 0x01); /* -1032 */
	EXPECT_RULE(RULE(SP, 8, -128), DW_CFA_offset_extended, RBP, 0x80, 0x01);
	EXPECT_RULE(OTHER, DW_CFA_offset | RBP, 0);
	EXPECT_RULE(OTHER, DW_CFA_register, RBP, RAX);
	EXPECT_RULE(OTHER, DW_CFA_val_offset, RBP, 2);
	EXPECT_RULE(OTHER, DW_CFA_val_offset_sf, RBP, 2);
	EXPECT_RULE(OTHER, DW_CFA_val_expression, RBP, 2, DW_OP_breg0 + RSP, 8);
	EXPECT_RULE(OTHER, DW_CFA_offset | RIP, 2);
	EXPECT_RULE(OTHER, DW_CFA_same_value, RIP);
	EXPECT_RULE(RULE(END, 0, 0), DW_CFA_undefined, RIP);
	/* What has no say in the caller is passed over: the last one is seen. */
	EXPECT_RULE(RULE(SP, 24, 0), DW_CFA_nop, DW_CFA_offset | R12, 3, DW_CFA_restore | R12,
		    DW_CFA_GNU_args_size, 0x90, 0x01, DW_CFA_register, R12, RAX, DW_CFA_undefined,
		    RAX, DW_CFA_same_value, R12, DW_CFA_expression, R12, 2, DW_OP_breg0 + RBP, 0x78,
		    DW_CFA_val_offset, R12, 1, DW_CFA_val_expression, R12, 1, DW_OP_lit1,
		    DW_CFA_restore_extended, R12, DW_CFA_def_cfa_offset, 24);
}

/* Where a function that aligns its stack may keep the old stack pointer. */
static void test_bx(void **state)
{
	struct mt_rule saved = RULE(SP, 16, -2), frame = RULE(BX, 24, 0);

	saved.bx = -3;
	EXPECT_RULE(saved, DW_CFA_offset | RBX, 3, DW_CFA_offset | RBP, 2, DW_CFA_def_cfa_offset,
		    16);
	EXPECT_RULE(frame, DW_CFA_def_cfa, RBX, 24);
	frame.bx = MT_RULE_AT_FP;
	EXPECT_RULE(frame, DW_CFA_def_cfa, RBX, 24, DW_CFA_expression, RBX, 2, DW_OP_breg0 + RBP,
		    0);
	/* Lost, without losing the frame. */
	EXPECT_RULE(RULE(SP, 16, 0), DW_CFA_register, RBX, R12, DW_CFA_def_cfa_offset, 16);
	EXPECT_RULE(RULE(SP, 16, 0), DW_CFA_offset | RBX, 3, DW_CFA_restore | RBX,
		    DW_CFA_def_cfa_offset, 16);
}

static void test_restored(void **state)
{
	EXPECT_RULE(RULE(SP, 16, 0), DW_CFA_offset | RBP, 2, DW_CFA_restore | RBP,
		    DW_CFA_def_cfa_offset, 16);
	EXPECT_RULE(RULE(SP, 16, 0), DW_CFA_offset | RBP, 2, DW_CFA_restore_extended, RBP,
		    DW_CFA_def_cfa_offset, 16);
	EXPECT_RULE(RULE(SP, 16, 0), DW_CFA_offset | RBP, 2, DW_CFA_same_value, RBP,
		    DW_CFA_def_cfa_offset, 16);
	EXPECT_RULE(RULE(SP, 16, 0), DW_CFA_offset | RBP, 2, DW_CFA_undefined, RBP,
		    DW_CFA_def_cfa_offset, 16);
	EXPECT_RULE(RULE(SP, 16, 0), DW_CFA_undefined, RIP, DW_CFA_restore_extended, RIP,
		    DW_CFA_def_cfa_offset, 16);
	/* Remembered twice: the last comes back first, with the CFA. */
	EXPECT_RULE(RULE(SP, 16, -2), DW_CFA_def_cfa_offset, 16, DW_CFA_offset | RBP, 2,
		    DW_CFA_remember_state, DW_CFA_def_cfa, RBP, 24, DW_CFA_remember_state,
		    DW_CFA_undefined, RIP, DW_CFA_restore_state, DW_CFA_restore_state);
	EXPECT_RULE(RULE(FP, 24, 0), DW_CFA_remember_state, DW_CFA_def_cfa, RBP, 24,
		    DW_CFA_remember_state, DW_CFA_undefined, RIP, DW_CFA_restore_state);
	EXPECT_RULE(OTHER, DW_CFA_def_cfa_offset, 16, DW_CFA_restore_state);
}

static void test_expressions(void **state)
{
	struct mt_rule sp_at = RULE(SP_AT, 0x98, 0), fp_at = RULE(FP_AT, -8, MT_RULE_AT_FP);

	/* PLT0 and its entries. */
	EXPECT_RULE(RULE(PLT, 11, 0), DW_CFA_def_cfa_expression, 11, DW_OP_breg0 + RSP, 8,
		    DW_OP_breg0 + RIP, 0, DW_OP_lit15, DW_OP_and, DW_OP_lit11, DW_OP_ge, DW_OP_lit3,
		    DW_OP_shl, DW_OP_plus);
	EXPECT_RULE(OTHER, DW_CFA_def_cfa_expression, 11, DW_OP_breg0 + RSP, 8, DW_OP_breg0 + RIP,
		    0, DW_OP_lit15, DW_OP_and, DW_OP_lit11, DW_OP_ge, DW_OP_lit4, DW_OP_shl,
		    DW_OP_plus);
	/* A function that aligned its stack and kept the old one's place (DRAP). */
	EXPECT_RULE(fp_at, DW_CFA_def_cfa_expression, 3, DW_OP_breg0 + RBP, 0x78, DW_OP_deref,
		    DW_CFA_expression, RBP, 2, DW_OP_breg0 + RBP, 0);
	sp_at.addend = 8; /* OpenSSL's assembly */
	EXPECT_RULE(sp_at, DW_CFA_def_cfa_expression, 6, DW_OP_breg0 + RSP, 0x98, 0x01, DW_OP_deref,
		    DW_OP_plus_uconst, 8);
	EXPECT_RULE(RULE(FP, 32, 0), DW_CFA_def_cfa_expression, 2, DW_OP_breg0 + RBP, 32);
	/* The register and the offset come back after an expression. */
	EXPECT_RULE(RULE(SP, 16, 0), DW_CFA_def_cfa_expression, 2, DW_OP_breg0 + RBP, 32,
		    DW_CFA_def_cfa, RSP, 16);
	EXPECT_RULE(OTHER, DW_CFA_def_cfa_expression, 2, DW_OP_breg0 + RAX, 8);
	EXPECT_RULE(OTHER, DW_CFA_def_cfa_expression, 0);
	EXPECT_RULE(OTHER, DW_CFA_def_cfa_expression, 1, DW_OP_lit1);
	EXPECT_RULE(OTHER, DW_CFA_def_cfa_expression, 6, DW_OP_breg0 + RSP, 8, DW_OP_deref,
		    DW_OP_plus_uconst, 0x80, 0x02);
	EXPECT_RULE(OTHER, DW_CFA_def_cfa_expression, 4, DW_OP_breg0 + RSP, 8, DW_OP_deref,
		    DW_OP_deref);
	EXPECT_RULE(OTHER, DW_CFA_expression, RBP, 2, DW_OP_breg0 + RBP, 8);
	EXPECT_RULE(OTHER, DW_CFA_expression, RIP, 2, DW_OP_breg0 + RSP, 8);
}

static void test_damaged_programs(void **state)
{
	EXPECT_RULE(OTHER, DW_CFA_def_cfa_offset, 16, 0x3f);
	EXPECT_RULE(OTHER, DW_CFA_def_cfa_offset, 16, DW_CFA_set_loc);
	EXPECT_RULE(OTHER, DW_CFA_def_cfa_offset, 0x80);
	EXPECT_RULE(OTHER, DW_CFA_advance_loc4, 1, 2);
	EXPECT_RULE(OTHER, DW_CFA_def_cfa_expression, 9, DW_OP_breg0 + RSP, 8);
}

static void test_advances(void **state)
{
	struct cfi_bytes b = { 0 };

	cfi_usual_cie(&b);
	cfi_fde(&b, START, 0x40000,
		OPS(DW_CFA_advance_loc1, 0xff, DW_CFA_def_cfa_offset, 16, DW_CFA_advance_loc2, 0,
		    0x10, DW_CFA_def_cfa_offset, 24, DW_CFA_advance_loc4, 0, 0, 2, 0,
		    DW_CFA_def_cfa_offset, 32, DW_CFA_advance_loc, DW_CFA_def_cfa_offset, 40));
	EXPECT(&b, { START, SP8 }, { START + 0xff, RULE(SP, 16, 0) },
	       { START + 0x10ff, RULE(SP, 24, 0) }, { START + 0x210ff, RULE(SP, 40, 0) },
	       { START + 0x40000, NONE });

	/* Behind the function's end nothing is said. */
	cfi_usual_cie(&b);
	cfi_fde(&b, START, 0x20,
		OPS(DW_CFA_advance_loc | 0x20, DW_CFA_def_cfa_offset, 16, DW_CFA_advance_loc | 1,
		    DW_CFA_def_cfa_offset, 24));
	EXPECT(&b, { START, SP8 }, { START + 0x20, NONE });
}

static void test_gaps_and_overlaps(void **state)
{
	struct cfi_bytes b = { 0 };
	const uint8_t deep[] = { DW_CFA_def_cfa_offset, 48 };

	/* Not in order; 64 bytes between two are padding, 65 are not. */
	cfi_usual_cie(&b);
	cfi_fde(&b, START + 0x200, 0x40, OPS(DW_CFA_def_cfa_offset, 32));
	cfi_fde(&b, START, 0x40, OPS(DW_CFA_def_cfa_offset, 16));
	cfi_fde(&b, START + 0x80, 0x40, OPS(DW_CFA_def_cfa_offset, 24));
	EXPECT(&b, { START, RULE(SP, 16, 0) }, { START + 0x80, RULE(SP, 24, 0) },
	       { START + 0xc0, NONE }, { START + 0x200, RULE(SP, 32, 0) }, { START + 0x240, NONE });

	/* One inside another, and one that begins inside and ends behind: the first holds. */
	cfi_usual_cie(&b);
	cfi_fde(&b, START, 0x40, OPS(DW_CFA_nop));
	cfi_fde(&b, START + 0x10, 0x10, deep, sizeof(deep));
	cfi_fde(&b, START + 0x20, 0x40, deep, sizeof(deep));
	cfi_fde(&b, START + 0x40, 0x40, OPS(DW_CFA_def_cfa_offset, 16));
	EXPECT(&b, { START, SP8 }, { START + 0x40, RULE(SP, 16, 0) }, { START + 0x80, NONE });

	/* One that has no code, and one that goes beyond all addresses. */
	cfi_usual_cie(&b);
	cfi_fde(&b, START, 0, deep, sizeof(deep));
	cfi_fde(&b, START, UINT64_MAX, deep, sizeof(deep));
	cfi_fde(&b, START, LEN, OPS(DW_CFA_nop));
	EXPECT(&b, { START, SP8 }, { START + LEN, NONE });
}

static void test_neighbours_that_agree_are_one(void **state)
{
	struct cfi_bytes b = { 0 };

	cfi_usual_cie(&b);
	for (uint64_t at = START; at < START + LEN; at += 0x10)
		cfi_fde(&b, at, 0x10, OPS(DW_CFA_nop));
	EXPECT(&b, { START, SP8 }, { START + LEN, NONE });
}

/* A function by an encoding: its bytes are `start`, then `len`. */
static void expect_encoding(int line, uint8_t encoding, const void *start, const void *len,
			    size_t size, const struct cfi_row *rows, size_t nr)
{
	struct cfi_bytes b = { 0 };
	size_t begin;

	cfi_cie(&b, "zR", OPS(encoding), OPS(DW_CFA_def_cfa, RSP, 8, DW_CFA_offset | RIP, 1));
	begin = cfi_begin(&b);
	cfi_u32(&b, (uint32_t)(begin - b.cie));
	cfi_put(&b, start, size);
	cfi_put(&b, len, size);
	cfi_u8(&b, 0);
	cfi_end(&b, begin);
	expect(line, &b, rows, nr);
}

static void test_pointer_encodings(void **state)
{
	const uint64_t pointer_at = CFI_ADDRESS + 30; /* behind the CIE, a length, a distance */
	const struct cfi_row rows[] = { { START, SP8 }, { START + LEN, NONE } };
	const struct cfi_row near[] = { { pointer_at - 0x50, SP8 }, { pointer_at - 0x30, NONE } };
	const int64_t back = START - (int64_t)pointer_at;
	const int32_t back4 = (int32_t)back;
	const int16_t back2 = -0x50;
	const uint64_t start = START, len = LEN, low = 0x20;
	const uint8_t leb_start[] = { 0x80, 0x80, 0x01 }, leb_len[] = { 0x80, 0x82, 0x00 };

#define EXPECT_ENCODING(encoding, from, length, size, expected) \
	expect_encoding(__LINE__, encoding, from, length, size, expected, 2)

	EXPECT_ENCODING(DW_EH_PE_absptr, &start, &len, 8, rows);
	EXPECT_ENCODING(DW_EH_PE_udata2, &start, &len, 2, rows);
	EXPECT_ENCODING(DW_EH_PE_udata4, &start, &len, 4, rows);
	EXPECT_ENCODING(DW_EH_PE_udata8, &start, &len, 8, rows);
	EXPECT_ENCODING(DW_EH_PE_sdata2, &start, &len, 2, rows);
	EXPECT_ENCODING(DW_EH_PE_sdata4, &start, &len, 4, rows);
	EXPECT_ENCODING(DW_EH_PE_sdata8, &start, &len, 8, rows);
	EXPECT_ENCODING(DW_EH_PE_uleb128, leb_start, leb_len, 3, rows);
	EXPECT_ENCODING(DW_EH_PE_sleb128, leb_start, leb_len, 3, rows);
	EXPECT_ENCODING(DW_EH_PE_pcrel | DW_EH_PE_sdata4, &back4, &len, 4, rows);
	EXPECT_ENCODING(DW_EH_PE_pcrel | DW_EH_PE_sdata8, &back, &len, 8, rows);
	EXPECT_ENCODING(DW_EH_PE_pcrel | DW_EH_PE_sdata2, &back2, &low, 2, near);
	expect_encoding(__LINE__, DW_EH_PE_indirect | DW_EH_PE_sdata4, &start, &len, 4, NULL, 0);
	expect_encoding(__LINE__, DW_EH_PE_omit, &start, &len, 8, NULL, 0);
}

static void expect_letters(int line, const char *letters, const uint8_t *said, size_t nr_said,
			   struct mt_rule rule, size_t nr)
{
	const struct cfi_row rows[] = { { START, rule }, { START + LEN, NONE } };
	struct cfi_bytes b = { 0 };

	cfi_cie(&b, letters, said, nr_said, OPS(DW_CFA_def_cfa, RSP, 8, DW_CFA_offset | RIP, 1));
	cfi_fde(&b, START, LEN, OPS(DW_CFA_nop));
	expect(line, &b, rows, nr);
}

static void test_augmentations(void **state)
{
	const uint8_t all[] = { DW_EH_PE_pcrel | DW_EH_PE_sdata4, 1, 2, 3, 4, DW_EH_PE_udata4, 0 };

	expect_letters(__LINE__, "zPLR", all, sizeof(all), SP8, 2);
	expect_letters(__LINE__, "zR", all + 6, 1, SP8, 2);
	expect_letters(__LINE__, "z", NULL, 0, SP8, 2);
	/* Of what is no frame of the kernel's only the name is known. */
	expect_letters(__LINE__, "zRS", all + 6, 1, RULE(OTHER, 0, 0), 2);
	/* What the letters do not explain is passed over, as its length is known. */
	expect_letters(__LINE__, "zR", (const uint8_t[]){ 0, 0x3f, 0x3f }, 3, SP8, 2);
	expect_letters(__LINE__, "zRX", all + 6, 1, SP8, 0);
	expect_letters(__LINE__, "eh", NULL, 0, SP8, 0);
	expect_letters(__LINE__, "zPLR", all, 5, SP8, 0);
}

/* As glibc has it: all registers are in what the kernel put on the stack. */
static void test_signal_frames(void **state)
{
	const uint8_t absolute = DW_EH_PE_absptr;
	struct cfi_bytes b = { 0 };

	cfi_cie(&b, "zRS", &absolute, 1, OPS(DW_CFA_def_cfa, RSP, 8, DW_CFA_offset | RIP, 1));
	cfi_fde(&b, START, LEN,
		OPS(DW_CFA_def_cfa_expression, 4, DW_OP_breg0 + RSP, 0xa0, 0x01, DW_OP_deref));
	EXPECT(&b, { START, RULE(SIGNAL, 0, 0) }, { START + LEN, NONE });
}

static void test_without_augmentation(void **state)
{
	struct cfi_bytes b = { 0 };
	const uint64_t start = START, len = LEN;
	size_t begin;

	cfi_cie(&b, "", NULL, 0, OPS(DW_CFA_def_cfa, RSP, 8, DW_CFA_offset | RIP, 1));
	begin = cfi_begin(&b);
	cfi_u32(&b, (uint32_t)(begin - b.cie));
	cfi_put(&b, &start, 8);
	cfi_put(&b, &len, 8);
	cfi_put(&b, OPS(DW_CFA_def_cfa_offset, 16));
	cfi_end(&b, begin);
	EXPECT(&b, { START, RULE(SP, 16, 0) }, { START + LEN, NONE });
}

static void test_entries(void **state)
{
	struct cfi_bytes b = { 0 };

	/* Behind a terminator there are more, as linkers put files together. */
	cfi_usual_cie(&b);
	cfi_fde(&b, START, LEN, OPS(DW_CFA_nop));
	cfi_u32(&b, 0);
	cfi_usual_cie(&b);
	cfi_fde(&b, START + LEN, LEN, OPS(DW_CFA_def_cfa_offset, 16));
	EXPECT(&b, { START, SP8 }, { START + LEN, RULE(SP, 16, 0) }, { START + 2 * LEN, NONE });

	/* An FDE of no CIE is left out; so is all from an entry on that is longer than the rest. */
	cfi_usual_cie(&b);
	b.cie = 8;
	cfi_fde(&b, START, LEN, OPS(DW_CFA_nop));
	b.cie = 0;
	cfi_fde(&b, START + LEN, LEN, OPS(DW_CFA_nop));
	cfi_u32(&b, 100);
	cfi_fde(&b, START + 2 * LEN, LEN, OPS(DW_CFA_nop));
	EXPECT(&b, { START + LEN, SP8 }, { START + 2 * LEN, NONE });
}

static void test_cut_off_anywhere(void **state)
{
	struct cfi_bytes b = { 0 };

	cfi_cie(&b, "zPLR", OPS(DW_EH_PE_udata4, 1, 2, 3, 4, 0, DW_EH_PE_absptr),
		OPS(DW_CFA_def_cfa, RSP, 8, DW_CFA_offset | RIP, 1));
	cfi_fde(&b, START, LEN,
		OPS(DW_CFA_advance_loc4, 1, 0, 0, 0, DW_CFA_def_cfa_expression, 2,
		    DW_OP_breg0 + RSP, 8));
	for (; b.len; b.len--) {
		struct cfi_rows got = { 0 };

		assert_int_equal(cfi_read(&b, cfi_on_row, &got), 0);
	}
	cfi_bytes_free(&b);
}

static int stop_at_second(uint64_t address, const struct mt_rule *rule, void *arg)
{
	return ++*(int *)arg == 2 ? -EINTR : 0;
}

static void test_walk_can_be_ended(void **state)
{
	struct cfi_bytes b = { 0 };
	int calls = 0;

	cfi_usual_cie(&b);
	cfi_fde(&b, START, LEN,
		OPS(DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16, DW_CFA_advance_loc | 1,
		    DW_CFA_def_cfa_offset, 24));
	assert_int_equal(cfi_read(&b, stop_at_second, &calls), -EINTR);
	assert_int_equal(calls, 2);
	cfi_bytes_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_ordinary_function),
		cmocka_unit_test(test_cfa),
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_bx),
		cmocka_unit_test(test_restored),
		cmocka_unit_test(test_expressions),
		cmocka_unit_test(test_damaged_programs),
		cmocka_unit_test(test_advances),
		cmocka_unit_test(test_gaps_and_overlaps),
		cmocka_unit_test(test_neighbours_that_agree_are_one),
		cmocka_unit_test(test_pointer_encodings),
		cmocka_unit_test(test_augmentations),
		cmocka_unit_test(test_signal_frames),
		cmocka_unit_test(test_without_augmentation),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_cut_off_anywhere),
		cmocka_unit_test(test_walk_can_be_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
