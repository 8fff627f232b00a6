/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * identity.h: which stacks of two recordings are the same place in a program.
 *
 * An identity is made of the program's name and the names of the functions of the stack, inlined
 * ones too, so that it survives a rebuild: no addresses, no lines, no hash of Rust's at the end of
 * a name. A frame without a function is its file's build id and the offset in it: it matches in the
 * same build only. Names are compared by 128 bits of FNV-1a (Fowler, Noll, Vo; draft-eastlake-fnv).
 *
 * Pure, thread-safe; nothing is allocated or fails.
 */
#ifndef MT_ANALYSIS_IDENTITY_H
#define MT_ANALYSIS_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

struct mt_model_stack;

struct mt_identity {
	uint64_t a, b;
};

/* new: of the newer recording, where builds that nobody knows are another's. */
struct mt_identity mt_identity_of(const char *comm, const struct mt_model_stack *stack, bool new);

/* For qsort. */
int mt_identity_compare(const struct mt_identity *a, const struct mt_identity *b);

#endif
