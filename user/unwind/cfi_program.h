/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * cfi_program.h: what cfi.c and cfi_program.c share: bytes, and the instructions that an entry of
 * .eh_frame has. Private to them. As in cfi.h.
 */
#ifndef MT_UNWIND_CFI_PROGRAM_H
#define MT_UNWIND_CFI_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

/* Bytes that are read one after the other. A read beyond the end gives 0 and sets `bad`. */
struct mt_bytes {
	const uint8_t *at;
	const uint8_t *end;
	bool bad;
};

uint64_t mt_bytes_fixed(struct mt_bytes *b, unsigned int size); /* little-endian, 1 to 8 bytes */
uint64_t mt_bytes_uleb(struct mt_bytes *b);
int64_t mt_bytes_sleb(struct mt_bytes *b);
/* The next `len` bytes. */
struct mt_bytes mt_bytes_take(struct mt_bytes *b, uint64_t len);

/* How a register of the caller is found. */
enum mt_saved {
	MT_SAVED_SAME = 0,
	MT_SAVED_AT_CFA,    /* at CFA + offset */
	MT_SAVED_AT,	    /* where an expression says */
	MT_SAVED_UNDEFINED, /* it has none */
	MT_SAVED_OTHER,
};

struct mt_cfi_register {
	enum mt_saved saved;
	int64_t offset;
	struct mt_bytes expression;
};

/* What the instructions have said so far. */
struct mt_cfi_state {
	uint64_t cfa_register;
	int64_t cfa_offset;
	struct mt_bytes cfa_expression; /* if `at` is not NULL: instead of the two */
	struct mt_cfi_register bx;
	struct mt_cfi_register fp;
	struct mt_cfi_register pc;
};

/* What a CIE says for its FDEs. */
struct mt_cie {
	uint64_t code_align;
	int64_t data_align;
	uint8_t pointers; /* DW_EH_PE_* of addresses in FDEs */
	bool augmented;	  /* FDEs have augmentation data too */
	bool is_signal;
	struct mt_bytes program;
	struct mt_cfi_state initial; /* after it */
};

/* A row of the function ends at `address`. False: no more are wanted. */
typedef bool (*mt_cfi_advance_fn)(uint64_t address, const struct mt_cfi_state *state, void *arg);

/*
 * Runs a program from `address` on; *work counts down. False: it is damaged, or work is 0. `cb`
 * NULL: of a CIE.
 */
bool mt_cfi_run(struct mt_bytes program, const struct mt_cie *cie, uint64_t address,
		struct mt_cfi_state *state, uint64_t *work, mt_cfi_advance_fn cb, void *arg);

/* The rule that a state amounts to. */
struct mt_rule mt_cfi_rule(const struct mt_cie *cie, const struct mt_cfi_state *state);

#endif
