// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/unwound.h"

#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

const char *mt_unwound_meaning(const char *end)
{
	static const struct {
		const char *end;
		const char *where;
	} meanings[] = {
		{ "deep", "at the limit of frames that are kept" },
		{ "no_table", "in a file without unwind tables" },
		{ "no_row", "in code that its file's unwind tables leave out" },
		{ "no_file", "in code of no file, without frame pointers" },
		{ "rule", "at an unwind rule that is not supported" },
		{ "unreadable", "where the stack could not be read" },
		{ "not_code", "at a return address that leads to no code" },
		{ "busy", "where the mappings were being changed" },
		{ "none", "before their first frame" },
	};

	for (size_t i = 0; end && i < ARRAY_SIZE(meanings); i++)
		if (!strcmp(end, meanings[i].end))
			return meanings[i].where;
	return NULL;
}

/* Of a stack without a frame nothing is kept, not even its end. */
static void add(struct mt_unwound *u, const struct mt_model_stack *stack, int64_t cnt)
{
	const char *end = stack->id ? stack->end : "none";
	size_t i = 0;

	if (!end)
		return;
	while (i < u->nr_ends && strcmp(u->ends[i].name, end))
		i++;
	if (i == MT_UNWOUND_ENDS)
		return;
	if (i == u->nr_ends)
		u->ends[u->nr_ends++].name = end;
	u->ends[i].cnt += cnt;
	u->cnt += cnt;
}

static int by_count(const void *va, const void *vb)
{
	const typeof(((struct mt_unwound *)0)->ends[0]) *a = va, *b = vb;

	return a->cnt != b->cnt ? (a->cnt < b->cnt) - (a->cnt > b->cnt) : strcmp(a->name, b->name);
}

void mt_unwound_get(struct mt_unwound *out, const struct mt_model *m,
		    const struct mt_model_process *p)
{
	struct mt_unwound u = { .complete_pct = -1 };

	*out = u;
	if (m->meta.unwind_files == -1) /* no stacks were taken */
		return;
	for (size_t i = 0; i < p->nr_sites; i++)
		add(&u, &p->sites[i].stack, p->sites[i].row.alloc_cnt);
	for (size_t i = 0; i < p->nr_map_sites; i++)
		add(&u, &p->map_sites[i].stack, p->map_sites[i].row.cnt);
	qsort(u.ends, u.nr_ends, sizeof(u.ends[0]), by_count);
	for (size_t i = 0; i < u.nr_ends && u.cnt; i++) {
		if (!strcmp(u.ends[i].name, "complete"))
			u.complete_pct = 100.0 * u.ends[i].cnt / u.cnt;
	}
	if (u.cnt && u.complete_pct < 0)
		u.complete_pct = 0;
	*out = u;
}
