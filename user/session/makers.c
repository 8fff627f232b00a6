// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/makers.h"

#include <stddef.h>

#include "session/program.h"
#include "session/tables.h"
#include "target/locate.h"

/* The file that holds an address, and where; NULL: none that is known. */
static const struct mt_probe_target *file_at(const struct mt_program *p, uint64_t address,
					     uint64_t *offset)
{
	for (size_t i = 0; i < p->nr_modules; i++) {
		const struct mt_module *m = &p->modules[i];

		if (address < m->start || address >= m->end)
			continue;
		*offset = address - m->start + m->file_offset;
		return m->file;
	}
	return NULL;
}

static const struct mt_probe_site *function_at(const struct mt_allocator *a, uint64_t offset)
{
	for (size_t i = 0; i < a->nr_sites; i++) {
		uint64_t start = a->sites[i].file_offset - a->sites[i].function_offset;

		if (a->sites[i].func != MT_FUNC_RET && offset >= start &&
		    offset < start + a->sites[i].function_bytes)
			return &a->sites[i];
	}
	return NULL;
}

/* Has the program an allocator linked in? */
static bool is_static(const struct mt_program *p)
{
	for (size_t i = 0; i < p->nr_modules; i++) {
		const struct mt_probe_target *file = p->modules[i].file;

		if (file && file->allocator && !file->soname)
			return true;
	}
	return false;
}

enum mt_maker mt_makers_by_frames(const struct mt_program *p, const struct mt_stack *stack)
{
	size_t innermost = 0; /* frames in such libraries */

	for (size_t i = 0; i < stack->nr; i++) {
		uint64_t offset = 0;
		const struct mt_probe_target *file = file_at(p, stack->frames[i] - 1, &offset);
		const struct mt_probe_site *site;

		if (!file || !file->allocator)
			continue;
		site = function_at(file->allocator, offset);
		if (site)
			return site->func == MT_FUNC_PTHREAD_CREATE ? MT_MAKER_THREAD
								    : MT_MAKER_HEAP;
		if (i == innermost && file->soname)
			innermost++;
	}
	if (innermost > 1)
		return MT_MAKER_HEAP;
	return stack->end == MT_STACK_COMPLETE && !is_static(p) ? MT_MAKER_PROGRAM
								: MT_MAKER_UNKNOWN;
}

enum mt_maker mt_makers_by_stack(const struct mt_kernel *k, const struct mt_program *p,
				 uint64_t stack)
{
	struct mt_stack frames = { 0 };

	if (!stack || mt_tables_stack(k, stack, &frames))
		return MT_MAKER_UNKNOWN;
	return mt_makers_by_frames(p, &frames);
}
