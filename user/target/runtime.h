/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * runtime.h: programs that own their memory otherwise than by malloc: Go, the JVM, V8,
 * CPython.
 *
 * The table (runtime.c) says by what each is recognised, and what the mapping ledger can and
 * cannot say about it. Everything handed out is static. Thread-safe as far as the mt_elf is.
 */
#ifndef MT_TARGET_RUNTIME_H
#define MT_TARGET_RUNTIME_H

#include <stdbool.h>

struct mt_elf;

struct mt_runtime {
	const char *name;
	const char *says; /* for the report: one sentence, without a full stop */
	/* It moves stacks, or walks them: a return address that is replaced brings it down. */
	bool return_probes_unsafe;
};

/* The runtime that the file is or contains, or NULL. */
const struct mt_runtime *mt_runtime_recognise(struct mt_elf *elf);

/* By its name, or NULL. */
const struct mt_runtime *mt_runtime_named(const char *name);

#endif
