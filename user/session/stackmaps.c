// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/stackmaps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "session/ranges.h"

struct mt_stackmaps {
	struct mt_ranges unused; /* `mark`: not writable when it was mapped */
	struct mt_stackmaps_thread *waiting;
	size_t nr_waiting;
	uint64_t used_bytes;
};

int mt_stackmaps_new(struct mt_stackmaps **out)
{
	struct mt_stackmaps *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	mt_ranges_init(&m->unused);
	*out = m;
	return 0;
}

static void release(struct mt_range *tree)
{
	struct mt_range *r;

	while ((r = mt_ranges_pop(&tree)))
		free(r);
}

void mt_stackmaps_free(struct mt_stackmaps **stackmaps)
{
	struct mt_stackmaps *m = *stackmaps;

	if (!m)
		return;
	release(m->unused.root);
	free(m->waiting);
	free(m);
	*stackmaps = NULL;
}

static void take(struct mt_stackmaps *m, uint64_t start, uint64_t end)
{
	struct mt_range *gone;

	if (start < end && !mt_ranges_take(&m->unused, start, end, &gone))
		release(gone);
}

/*
 * All of it has been counted if it was made writable, the guard included. Where it was only
 * reserved that is what mprotect has opened: the part that the thread runs on.
 */
static void use(struct mt_stackmaps *m, const struct mt_stackmaps_thread *thread)
{
	struct mt_range *r = mt_ranges_find(m->unused.root, thread->sp - 1);
	uint64_t lo, hi;

	if (!r)
		return;
	lo = r->mark && thread->lo > r->start ? thread->lo : r->start;
	hi = r->mark && thread->hi < r->end ? thread->hi : r->end;
	m->used_bytes += lo < hi ? hi - lo : 0;
	take(m, r->start, r->end);
}

/* Threads that started by then. */
static void settle(struct mt_stackmaps *m, int64_t ts_ns)
{
	size_t nr = 0;

	while (nr < m->nr_waiting && m->waiting[nr].ts_ns <= ts_ns)
		use(m, &m->waiting[nr++]);
	if (!nr)
		return;
	m->nr_waiting -= nr;
	memmove(m->waiting, m->waiting + nr, m->nr_waiting * sizeof(*m->waiting));
}

void mt_stackmaps_drop(struct mt_stackmaps *m, uint64_t start, uint64_t len, int64_t ts_ns)
{
	settle(m, ts_ns);
	take(m, start, start + len);
}

int mt_stackmaps_add(struct mt_stackmaps *m, uint64_t start, uint64_t len, bool writable,
		     int64_t ts_ns)
{
	mt_stackmaps_drop(m, start, len, ts_ns);
	return mt_ranges_add(&m->unused, start, start + len, NULL, !writable);
}

int mt_stackmaps_thread(struct mt_stackmaps *m, const struct mt_stackmaps_thread *thread)
{
	struct mt_stackmaps_thread *more =
		reallocarray(m->waiting, m->nr_waiting + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	m->waiting = more;
	m->waiting[m->nr_waiting++] = *thread;
	return 0;
}

uint64_t mt_stackmaps_used_bytes(struct mt_stackmaps *m)
{
	settle(m, INT64_MAX);
	return m->used_bytes;
}
