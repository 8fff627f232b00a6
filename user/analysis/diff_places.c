// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/diff_places.h"

#include <errno.h>
#include <stdlib.h>

#include "analysis/identity.h"
#include "analysis/storms.h"
#include "analysis/sum.h"
#include "analysis/threads.h"
#include "util/cleanup.h"

/* A place of one of the recordings. */
struct entry {
	struct mt_identity key;
	bool new;
	struct mt_diff_place place;
};

struct entries {
	struct entry *v;
	size_t nr;
	size_t room;
	bool new; /* those that are added now */
};

static int add(struct entries *e, const struct mt_model_process *p,
	       const struct mt_model_stack *stack, const int64_t values[MT_DIFF_PLACE_VALUES])
{
	struct entry *entry;

	if (e->nr == e->room) {
		size_t room = e->room ? 2 * e->room : 64;
		struct entry *v = reallocarray(e->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		e->v = v;
		e->room = room;
	}
	entry = &e->v[e->nr++];
	*entry = (struct entry){
		.key = mt_identity_of(p->row.comm, stack, e->new),
		.new = e->new,
		.place = { .comm = p->row.comm, .stack = stack, .process = p },
	};
	for (int i = 0; i < MT_DIFF_PLACE_VALUES; i++)
		*(e->new ? &entry->place.new[i] : &entry->place.old[i]) = values[i];
	return 0;
}

static int add_storms(struct entries *e, const struct mt_model_process *p)
{
	__cleanup(mt_storms_free) struct mt_storms *storms = NULL;
	int err = p->row.windowed ? 0 : mt_storms_new(&storms, p);

	for (size_t i = 0; storms && !err && i < storms->nr_sites; i++) {
		const struct mt_storm_site *s = &storms->sites[i];

		err = add(e, p, s->stack,
			  (int64_t[]){ [MT_DIFF_STORM_CALLS] = s->calls,
				       [MT_DIFF_STORM_MOVED] = s->moved,
				       [MT_DIFF_STORM_COPIED_BYTES] = s->copied_bytes });
	}
	return err;
}

static int add_threads(struct entries *e, const struct mt_model_process *p)
{
	int err = 0;

	for (size_t i = 0; !err && i < p->nr_spawns; i++) {
		const struct mt_spawn_row *row = &p->spawns[i].row;

		err = add(e, p, &p->spawns[i].stack,
			  (int64_t[]){ [MT_DIFF_THREAD_CREATED] = row->created,
				       [MT_DIFF_THREAD_PEAK_ALIVE] = row->peak_alive,
				       [MT_DIFF_THREAD_RESERVED_BYTES] =
					       mt_threads_reserved_bytes(row) });
	}
	return err;
}

static int add_all(struct entries *e, enum mt_diff_kind kind, const struct mt_model *m, bool new)
{
	int err = 0;

	e->new = new;
	for (size_t i = 0; !err && i < m->nr_processes; i++)
		err = kind == MT_DIFF_STORMS ? add_storms(e, &m->processes[i])
					     : add_threads(e, &m->processes[i]);
	return err;
}

/* Of equal identities the new one's stack is shown. */
static int by_key(const void *va, const void *vb)
{
	const struct entry *a = va, *b = vb;

	return mt_identity_compare(&a->key, &b->key)
		       ?: (int)b->new - (int)a->new
		       ?: (a->place.stack->id > b->place.stack->id) -
				  (a->place.stack->id < b->place.stack->id);
}

static uint64_t distance(const struct mt_diff_place *p)
{
	int64_t d =
		mt_sum_subtract(p->new[MT_DIFF_PLACE_VALUES - 1], p->old[MT_DIFF_PLACE_VALUES - 1]);

	return d < 0 ? -(uint64_t)d : (uint64_t)d;
}

static int by_difference(const void *va, const void *vb)
{
	const struct mt_diff_place *a = va, *b = vb;
	uint64_t x = distance(a), y = distance(b);

	return (x < y) - (x > y) ?: (a->stack->id > b->stack->id) - (a->stack->id < b->stack->id);
}

static void merge(struct mt_diff_place *into, const struct mt_diff_place *p)
{
	for (int i = 0; i < MT_DIFF_PLACE_VALUES; i++) {
		mt_sum_add(&into->old[i], p->old[i]);
		mt_sum_add(&into->new[i], p->new[i]);
	}
}

int mt_diff_places(struct mt_diff_places *out, enum mt_diff_kind kind, const struct mt_model *old,
		   const struct mt_model *new)
{
	struct entries e = { 0 };
	_free_ struct entry *owned = NULL;
	struct mt_diff_place *v;
	size_t nr = 0;
	int err = add_all(&e, kind, new, true);

	err = err ? err : add_all(&e, kind, old, false);
	owned = e.v;
	v = err ? NULL : calloc(e.nr + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	if (e.nr)
		qsort(e.v, e.nr, sizeof(*e.v), by_key);
	for (size_t i = 0; i < e.nr; i++) {
		if (nr && !mt_identity_compare(&e.v[i - 1].key, &e.v[i].key))
			merge(&v[nr - 1], &e.v[i].place);
		else
			v[nr++] = e.v[i].place;
	}
	qsort(v, nr, sizeof(*v), by_difference);
	*out = (struct mt_diff_places){ v, nr };
	return 0;
}
