/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * makers.h: whose a mapping is that was made while no calls were counted, by the stack of who made
 * it.
 *
 * The innermost frames say it. A library that has an allocator maps anonymous memory for that and,
 * a C library, for threads; of all else it may have mmap itself, so a single frame in it is a call
 * of somebody else's. An allocator that is linked into the program may be there without a frame of
 * its malloc (a tail call): then nothing is said.
 *
 * Reads only; one thread. No errors: what cannot be known is MT_MAKER_UNKNOWN.
 */
#ifndef MT_SESSION_MAKERS_H
#define MT_SESSION_MAKERS_H

#include <stdint.h>

#include "wire.h"

struct mt_kernel;
struct mt_program;

/* `stack`: the id of one that was taken in mmap or mremap; 0: none was. */
enum mt_maker mt_makers_by_stack(const struct mt_kernel *k, const struct mt_program *p,
				 uint64_t stack);

/* The same of a stack in hand. */
enum mt_maker mt_makers_by_frames(const struct mt_program *p, const struct mt_stack *stack);

#endif
