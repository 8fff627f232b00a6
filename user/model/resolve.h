/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * resolve.h: from the addresses of a process's stacks to its frames; private to user/model.
 *
 * A frame is the capture's symbol rows for the address; without one, module and offset from
 * the module table; without that, the bare address. Results live in the pool. Returns 0 or
 * -ENOMEM. Not thread-safe.
 */
#ifndef MT_MODEL_RESOLVE_H
#define MT_MODEL_RESOLVE_H

#include "model/model.h"
#include "model/pool.h"

/* The stack table, sorted by the ids as signed numbers, as the capture's keys are. */
struct mt_stacks {
	const struct mt_stack_row *rows;
	size_t nr;
};

/* The symbol rows of one process, sorted by address (as a signed number) and depth. */
struct mt_symbols {
	const struct mt_symbol_row *rows;
	size_t nr;
};

/*
 * Fills frames of `p`, whose modules are in place, and of the `nr` stacks, whose ids are.
 */
int mt_resolve_process(struct mt_pool *pool, struct mt_model_process *p,
		       const struct mt_stacks *stacks, const struct mt_symbols *symbols,
		       struct mt_model_stack **targets, size_t nr);

#endif
