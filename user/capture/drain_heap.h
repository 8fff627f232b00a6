/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * drain_heap.h: the part of the drain that reads allocation sites and live blocks.
 *
 * Used by drain.c only, inside its transaction. Borrows session, capture and
 * stacks. One thread.
 * Errors are -errno, logged.
 */
#ifndef MT_CAPTURE_DRAIN_HEAP_H
#define MT_CAPTURE_DRAIN_HEAP_H

#include <stdbool.h>
#include <stdint.h>

struct mt_capture;
struct mt_drain_heap;
struct mt_drain_stacks;
struct mt_process_row;
struct mt_window;
struct mt_session;

int mt_drain_heap_new(struct mt_drain_heap **out, struct mt_capture *capture,
		      struct mt_session *session, struct mt_drain_stacks *stacks, int64_t start_ns);
void mt_drain_heap_free(struct mt_drain_heap **heap);

/*
 * A window has closed (mt_window_fn): what it counted is added to what those before it did, and
 * removed from the kernel. And what bursts counted of a program, for its row.
 */
int mt_drain_heap_window(const struct mt_window *window, void *heap);
void mt_drain_heap_fill(const struct mt_drain_heap *h, uint32_t slot, struct mt_process_row *row);

/* Write every site that has changed, and its stack. */
int mt_drain_heap_tick(struct mt_drain_heap *h, bool final);

/* Remove from the kernel what the tick before wrote of programs that had ended. */
void mt_drain_heap_drop_ended(struct mt_drain_heap *h);

#endif
