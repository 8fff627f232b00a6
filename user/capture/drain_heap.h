/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * drain_heap.h: the part of the drain that reads allocation sites, live blocks and stacks.
 *
 * Used by drain.c only, inside its transaction. Borrows session and capture. One thread.
 * Errors are -errno, logged.
 */
#ifndef MT_CAPTURE_DRAIN_HEAP_H
#define MT_CAPTURE_DRAIN_HEAP_H

#include <stdbool.h>
#include <stdint.h>

struct mt_capture;
struct mt_drain_heap;
struct mt_session;

int mt_drain_heap_new(struct mt_drain_heap **out, struct mt_capture *capture,
		      struct mt_session *session, int64_t start_ns);
void mt_drain_heap_free(struct mt_drain_heap **heap);

/* Write every site that has changed, and its stack. */
int mt_drain_heap_tick(struct mt_drain_heap *h, bool final);

/* Write the stack unless it was written before; 0 is no stack. */
int mt_drain_heap_put_stack(struct mt_drain_heap *h, uint64_t stack);

/*
 * A stack of a program that has ended makes room in the kernel. Another program with the same
 * one brings it back at its next call.
 */
void mt_drain_heap_drop_stack(struct mt_drain_heap *h, uint64_t stack);

/* Remove from the kernel what the tick before wrote of programs that had ended. */
void mt_drain_heap_drop_ended(struct mt_drain_heap *h);

#endif
