/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * cfi.h: call frame information (.eh_frame) as rules that the unwinder can apply.
 *
 * The format: DWARF 5, 6.4, as the Linux Standard Base 5.0, 10.6 changes it, and the System V ABI
 * for x86-64 (registers: 3 is rbx, 6 the frame pointer, 7 the stack pointer, 16 the return
 * address).
 *
 * The bytes may be hostile: nothing outside them is read, and the work is bounded by a multiple
 * of their number. Pure, thread-safe, owns nothing. Errors are -errno, not logged.
 */
#ifndef MT_UNWIND_CFI_H
#define MT_UNWIND_CFI_H

#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct mt_cfi {
	const uint8_t *data;
	size_t len;
	uint64_t address; /* of the section, not relocated */
};

/* From `address` on the rule holds. 0 to go on; else the walk ends with that. */
typedef int (*mt_cfi_row_fn)(uint64_t address, const struct mt_rule *rule, void *arg);

/*
 * All rows, in rising order of address, no two neighbours with the same rule; MT_CFA_NONE between
 * functions that are further apart than alignment explains. An entry that is damaged, or overlaps
 * one before it, is left out. -E2BIG: it takes more work than any file that was not made for
 * that. -ENOMEM.
 */
int mt_cfi_each_row(const struct mt_cfi *cfi, mt_cfi_row_fn cb, void *arg);

#endif
