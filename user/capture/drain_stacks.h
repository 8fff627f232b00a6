/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * drain_stacks.h: the part of the drain that writes stacks, and removes them from the kernel.
 *
 * The kernel keeps a stack in parts that several may share (wire.h). A part goes when the last
 * stack that is known to have it goes.
 *
 * Used by drain*.c only, inside the drain's transaction. Borrows session and capture. One thread.
 * Errors are -errno, logged.
 */
#ifndef MT_CAPTURE_DRAIN_STACKS_H
#define MT_CAPTURE_DRAIN_STACKS_H

#include <stdint.h>

struct mt_capture;
struct mt_drain_stacks;
struct mt_session;

int mt_drain_stacks_new(struct mt_drain_stacks **out, struct mt_capture *capture,
			struct mt_session *session);
void mt_drain_stacks_free(struct mt_drain_stacks **stacks);

/* Write the stack unless it was written before; 0 is no stack. */
int mt_drain_stacks_put(struct mt_drain_stacks *s, uint64_t stack);

/*
 * A stack of a program that has ended makes room in the kernel. Another program with the same
 * one brings it back at its next call.
 */
void mt_drain_stacks_drop(struct mt_drain_stacks *s, uint64_t stack);

#endif
