// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/coverage.h"

/*
 * Every program grows a little in ways that no allocator explains: zeroed data of libraries, the
 * loader's own blocks, an allocator's first tables. Below this much it is not worth a word.
 */
#define WORTH_A_WORD_BYTES (1 << 20)
#define LOW_PCT		   80

void mt_coverage_get(struct mt_coverage *out, const struct mt_model_process *p)
{
	const struct mt_process_row *row = &p->row;
	struct mt_coverage c = { .pct = -1, .grown_bytes = -1, .unexplained_bytes = -1 };

	if (row->anon_grown_bytes >= 0 && row->anon_heap_bytes >= 0 && !row->entry_only &&
	    !row->windowed) {
		c.grown_bytes = row->anon_grown_bytes;
		c.unexplained_bytes = row->anon_grown_bytes - row->anon_heap_bytes;
	}
	if (c.grown_bytes > 0) {
		double pct = 100.0 * row->anon_heap_bytes / row->anon_grown_bytes;

		c.low = pct < LOW_PCT && c.unexplained_bytes >= WORTH_A_WORD_BYTES;
		if (row->seen_ns >= 0)
			c.pct = pct;
	}
	*out = c;
}
