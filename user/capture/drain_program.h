/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * drain_program.h: the drain's part that fills a program's own row: its memory, its heap's totals,
 * its page faults. Private to drain*.c; what it points to is borrowed. Returns 0 or what the
 * capture did.
 */
#ifndef MT_CAPTURE_DRAIN_PROGRAM_H
#define MT_CAPTURE_DRAIN_PROGRAM_H

#include <stdint.h>

struct mt_capture;
struct mt_drain_heap;
struct mt_program;
struct mt_session;

struct mt_drain_program {
	struct mt_capture *capture;
	const struct mt_session *session;
	const struct mt_drain_heap *heap;
	int64_t start_ns; /* of the capture */
};

int mt_drain_program_put(const struct mt_drain_program *d, const struct mt_program *p);

#endif
