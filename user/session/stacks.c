// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/stacks.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "session/ledger.h"
#include "session/pagemap.h"
#include "target/maps.h"
#include "target/proc.h"
#include "util/cleanup.h"

/*
 * Below the main thread's stack the kernel leaves room for its limit; with none, or a huge
 * one, this much is looked at.
 */
#define MAIN_DEPTH_MAX (1ULL << 30)

enum place {
	PLACE_SOUGHT,
	PLACE_FOUND,
	PLACE_NONE, /* its stack pointer is in no mapping of its own */
};

struct site {
	struct mt_stacks_site s;
	struct site *next;
};

struct thread {
	struct mt_stacks_thread t;
	struct site *site; /* NULL: main */
	bool adopted;	   /* its creation was not seen */
	size_t index;	   /* in `alive` */
	enum place place;
	uint64_t sp;  /* 0: unknown */
	uint64_t low; /* lowest touched page, else hi */
};

struct mt_stacks {
	pid_t pid;
	struct thread main;
	struct thread **alive;
	size_t nr_alive, room_alive;
	size_t next_look; /* in `alive` */
	void *by_tid;	  /* tsearch(3) over the same */
	struct thread *finished[MT_STACKS_FINISHED];
	size_t nr_finished;
	struct site *sites;
	void *site_index; /* tsearch(3) over the same */
	struct mt_stacks_totals t;
	int64_t reserved_bytes; /* of the threads that are alive */
	int64_t touched_bytes;
	struct mt_pagemap pagemap;
	bool scan;
};

/* ---- sites and threads ---------------------------------------------------------------- */

static int compare_sites(const void *a, const void *b)
{
	const struct mt_stacks_site *x = a, *y = b;

	return (x->stack > y->stack) - (x->stack < y->stack);
}

static int compare_tids(const void *a, const void *b)
{
	const struct mt_stacks_thread *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

/* NULL: no memory. */
static struct site *site_get(struct mt_stacks *s, uint64_t stack)
{
	struct mt_stacks_site key = { .stack = stack,
				      .reserved_bytes = -1,
				      .touched_max_bytes = -1 };
	void *found = tfind(&key, &s->site_index, compare_sites);
	struct site *site;

	if (found)
		return *(struct site **)found;

	site = calloc(1, sizeof(*site));
	if (!site)
		return NULL;
	site->s = key;
	if (!tsearch(site, &s->site_index, compare_sites)) {
		free(site);
		return NULL;
	}
	site->next = s->sites;
	s->sites = site;
	return site;
}

static struct thread *thread_find(const struct mt_stacks *s, pid_t tid)
{
	struct mt_stacks_thread key = { .tid = tid };
	void *found = tfind(&key, &s->by_tid, compare_tids);

	return found ? *(struct thread **)found : NULL;
}

static void raise_to(int64_t *peak, int64_t value)
{
	if (value > *peak)
		*peak = value;
}

static struct mt_stacks_thread unseen(pid_t tid, int64_t start_ns)
{
	return (struct mt_stacks_thread){
		.tid = tid,
		.start_ns = start_ns,
		.end_ns = -1,
		.reserved_bytes = -1,
		.guard_bytes = -1,
		.touched_bytes = -1,
	};
}

static int alive_reserve(struct mt_stacks *s)
{
	size_t room = s->room_alive ? 2 * s->room_alive : 16;
	struct thread **grown;

	if (s->nr_alive < s->room_alive)
		return 0;
	grown = reallocarray(s->alive, room, sizeof(struct thread *));
	if (!grown)
		return -ENOMEM;
	s->alive = grown;
	s->room_alive = room;
	return 0;
}

/* Takes it out of the threads that are alive; it is the caller's then. */
static void thread_remove(struct mt_stacks *s, struct thread *thread)
{
	s->t.alive--;
	thread->site->s.alive--;
	if (thread->t.reserved_bytes > 0)
		s->reserved_bytes -= thread->t.reserved_bytes;
	if (thread->t.touched_bytes > 0)
		s->touched_bytes -= thread->t.touched_bytes;
	tdelete(thread, &s->by_tid, compare_tids);
	s->alive[thread->index] = s->alive[--s->nr_alive];
	s->alive[thread->index]->index = thread->index;
}

static int thread_add(struct mt_stacks *s, const struct thread *like)
{
	struct site *site = site_get(s, like->t.spawn_stack);
	_free_ struct thread *thread = malloc(sizeof(*thread));

	if (!site || !thread || alive_reserve(s))
		return -ENOMEM;
	*thread = *like;
	thread->site = site;
	thread->index = s->nr_alive;
	if (!tsearch(thread, &s->by_tid, compare_tids))
		return -ENOMEM;
	s->alive[s->nr_alive++] = TAKE_PTR(thread);
	raise_to(&s->t.peak_alive, ++s->t.alive);
	raise_to(&site->s.peak_alive, ++site->s.alive);
	if (!like->adopted) {
		s->t.created++;
		site->s.created++;
	}
	return 0;
}

int mt_stacks_spawn(struct mt_stacks *s, pid_t tid, uint64_t sp, uint64_t spawn_stack,
		    int64_t ts_ns)
{
	struct thread *before = thread_find(s, tid);
	struct thread thread = { .t = unseen(tid, ts_ns), .sp = sp };

	if (tid == s->pid)
		return 0;
	if (before && before->adopted) { /* the list of threads was faster than the event */
		thread_remove(s, before);
		free(before);
	} else if (before) { /* its exit was lost, or its id would not be free */
		mt_stacks_exit(s, tid, "", ts_ns);
	}
	thread.t.spawn_stack = spawn_stack;
	return thread_add(s, &thread);
}

static void set_reserved(struct mt_stacks *s, struct thread *thread, int64_t reserved_bytes,
			 int64_t guard_bytes)
{
	if (thread->t.reserved_bytes > 0)
		s->reserved_bytes -= thread->t.reserved_bytes;
	thread->t.reserved_bytes = reserved_bytes;
	thread->t.guard_bytes = guard_bytes;
	s->reserved_bytes += reserved_bytes;
	raise_to(&s->t.reserved_peak_bytes, s->reserved_bytes);
	raise_to(&thread->site->s.reserved_bytes, reserved_bytes);
}

void mt_stacks_born_on(struct mt_stacks *s, pid_t tid, int64_t reserved_bytes, int64_t guard_bytes)
{
	struct thread *thread = thread_find(s, tid);

	if (thread && thread->place == PLACE_SOUGHT && reserved_bytes > 0)
		set_reserved(s, thread, reserved_bytes, guard_bytes);
}

int mt_stacks_adopt(struct mt_stacks *s, pid_t tid, int64_t start_ns)
{
	struct thread thread = { .t = unseen(tid, start_ns), .adopted = true };

	if (tid == s->pid || thread_find(s, tid))
		return 0;
	return thread_add(s, &thread);
}

/* Keeps the deepest. */
static void finished_keep(struct mt_stacks *s, struct thread *thread)
{
	size_t min = 0;

	if (s->nr_finished < MT_STACKS_FINISHED) {
		s->finished[s->nr_finished++] = thread;
		return;
	}
	for (size_t i = 1; i < s->nr_finished; i++)
		if (s->finished[i]->t.touched_bytes < s->finished[min]->t.touched_bytes)
			min = i;
	if (thread->t.touched_bytes > s->finished[min]->t.touched_bytes) {
		struct thread *shallow = s->finished[min];

		s->finished[min] = thread;
		thread = shallow;
	}
	free(thread);
}

void mt_stacks_exit(struct mt_stacks *s, pid_t tid, const char *comm, int64_t ts_ns)
{
	struct thread *thread = tid == s->pid ? &s->main : thread_find(s, tid);

	if (!thread)
		return;
	snprintf(thread->t.comm, sizeof(thread->t.comm), "%s", comm);
	thread->t.end_ns = ts_ns;
	if (thread == &s->main)
		return;

	s->t.exited++;
	thread_remove(s, thread);
	finished_keep(s, thread);
}

/* ---- how deep ------------------------------------------------------------------------- */

static int look(struct mt_stacks *s, struct thread *thread)
{
	uint64_t first = thread->t.lo, end = thread->low;
	int64_t touched;
	int n;

	if (thread->place != PLACE_FOUND)
		return 0;
	n = mt_pagemap_first(&s->pagemap, MT_PAGES_TOUCHED, &first, &end);
	/* None: no deeper than before, or nothing can be seen; a thread has touched its top. */
	if (n <= 0)
		return n;
	touched = thread->t.hi - first;
	if (thread->site) {
		s->touched_bytes += thread->low - first;
		raise_to(&s->t.touched_peak_bytes, s->touched_bytes);
		raise_to(&thread->site->s.touched_max_bytes, touched);
	}
	thread->t.touched_bytes = touched;
	thread->low = first;
	return 0;
}

static int look_at_some(struct mt_stacks *s)
{
	size_t nr = s->nr_alive < MT_STACKS_LOOKS ? s->nr_alive : MT_STACKS_LOOKS;
	int err = s->main.t.end_ns < 0 ? look(s, &s->main) : 0;

	for (size_t i = 0; !err && i < nr; i++) {
		if (s->next_look >= s->nr_alive)
			s->next_look = 0;
		err = look(s, s->alive[s->next_look++]);
	}
	return err;
}

/* ---- where ---------------------------------------------------------------------------- */

/* A process whose main thread has ended shows its address space by another. */
static pid_t shown_by(const struct mt_stacks *s)
{
	return s->main.t.end_ns >= 0 && s->nr_alive ? s->alive[0]->t.tid : s->pid;
}

/* RLIMIT_STACK; -1: unlimited or unknown. */
static int64_t stack_limit(pid_t pid)
{
	_free_ char *text = NULL;
	const char *line;
	size_t len;
	long long limit;

	if (mt_proc_read_file(pid, "limits", 65536, &text, &len))
		return -1;
	line = strstr(text, "Max stack size");
	return line && sscanf(line, "Max stack size %lld", &limit) == 1 ? limit : -1;
}

static void find_main(struct mt_stacks *s, const struct mt_maps *maps)
{
	struct thread *thread = &s->main;
	uint64_t depth = MAIN_DEPTH_MAX, below = 0;

	thread->place = PLACE_NONE;
	for (size_t i = 0; i < maps->nr; i++) {
		const struct mt_mapping *m = &maps->v[i];

		if (strcmp(m->path, "[stack]")) {
			below = m->end;
			continue;
		}
		thread->t.reserved_bytes = stack_limit(s->pid);
		thread->t.guard_bytes = 0;
		if (thread->t.reserved_bytes >= 0 && (uint64_t)thread->t.reserved_bytes < depth)
			depth = thread->t.reserved_bytes;
		thread->place = PLACE_FOUND;
		thread->t.hi = m->end;
		thread->low = m->end;
		thread->t.lo = depth < m->end - below ? m->end - depth : below;
		return;
	}
}

/*
 * Narrows [lo, hi), which holds sp, to what is between guards that no mapping shows
 * (MADV_GUARD_INSTALL), and adds to `guard`.
 */
static int clip_by_guards(struct mt_stacks *s, struct thread *thread, uint64_t *guard)
{
	uint64_t start = thread->t.lo, end = thread->t.hi, limit = thread->t.hi;
	int n;

	while ((n = mt_pagemap_first(&s->pagemap, MT_PAGES_GUARD, &start, &end)) > 0) {
		if (start >= thread->sp) {
			thread->t.hi = start;
			return 0;
		}
		*guard = end - start;
		thread->t.lo = end;
		start = end;
		end = limit;
	}
	return n;
}

/*
 * Stacks without guards can share one mapping. A neighbour that is found ends this stack;
 * of one that is not, the stack pointer is near its top. One that seems to lie on the very
 * same stack has ended, and its exit is yet to be told.
 */
static void clip_by_neighbours(struct thread *thread, const struct thread *above,
			       const struct thread *below)
{
	const uint64_t page = sysconf(_SC_PAGESIZE);
	uint64_t top;

	if (above && above->place == PLACE_FOUND && above->t.lo >= thread->sp &&
	    above->t.lo < thread->t.hi)
		thread->t.hi = above->t.lo;
	if (!below || below->place == PLACE_NONE)
		return;
	top = below->place == PLACE_FOUND ? below->t.hi : (below->sp + page - 1) & -page;
	if (top < thread->sp && top > thread->t.lo)
		thread->t.lo = top;
}

/* The bytes right below `lo` that cannot be touched, down to `floor`. */
static uint64_t guard_below(const struct mt_maps *maps, const struct mt_mapping *m, uint64_t lo,
			    uint64_t floor)
{
	const struct mt_mapping *below = m - 1;
	uint64_t start;

	if (m == maps->v || below->end != lo || below->prot != PROT_NONE)
		return 0;
	start = below->start > floor ? below->start : floor;
	return start < lo ? lo - start : 0;
}

static int find_stack(struct mt_stacks *s, struct thread *thread, const struct mt_maps *maps,
		      const struct mt_ledger *ledger, const struct thread *above,
		      const struct thread *below)
{
	/* One that was made by a bare clone may start at the first byte after its stack. */
	const struct mt_mapping *m = mt_maps_find(maps, thread->sp - 1);
	struct mt_ledger_range r = {};
	uint64_t guard;
	int err;

	thread->place = PLACE_NONE;
	if (!m || m->prot == PROT_NONE || !strcmp(m->path, "[heap]") || !strcmp(m->path, "[stack]"))
		return 0;
	if (ledger && mt_ledger_find(ledger, thread->sp - 1, &r) &&
	    (r.kind != MT_LEDGER_MMAP || r.arena))
		return 0; /* a block of a heap */
	thread->t.lo = r.start > m->start ? r.start : m->start;
	thread->t.hi = r.end && r.end < m->end ? r.end : m->end;
	clip_by_neighbours(thread, above, below);
	guard = guard_below(maps, m, thread->t.lo, r.start);
	err = clip_by_guards(s, thread, &guard);
	if (err)
		return err;

	thread->place = PLACE_FOUND;
	thread->low = thread->t.hi;
	set_reserved(s, thread, thread->t.hi - thread->t.lo, guard);
	return look(s, thread);
}

static int compare_sp_falling(const void *a, const void *b)
{
	const struct thread *x = *(struct thread *const *)a, *y = *(struct thread *const *)b;

	return (x->sp < y->sp) - (x->sp > y->sp);
}

/* Is there a stack to find? Asks the kernel for the stack pointers that nobody told. */
static bool anything_sought(struct mt_stacks *s)
{
	bool sought = s->main.place == PLACE_SOUGHT && s->main.t.end_ns < 0;

	for (size_t i = 0; i < s->nr_alive; i++) {
		struct thread *thread = s->alive[i];

		if (thread->place != PLACE_SOUGHT)
			continue;
		if (!thread->sp && mt_proc_stack_pointer(s->pid, thread->t.tid, &thread->sp))
			thread->sp = 0; /* it runs: next time */
		sought |= thread->sp != 0;
	}
	return sought;
}

static int open_pagemap(struct mt_stacks *s)
{
	int err;

	if (s->pagemap.fd >= 0)
		return 0;
	err = mt_pagemap_open(&s->pagemap, shown_by(s));
	if (err)
		return err;
	s->pagemap.scan = s->scan;
	return 0;
}

static int find_stacks(struct mt_stacks *s, const struct mt_ledger *ledger)
{
	__cleanup(mt_maps_free) struct mt_maps *maps = NULL;
	_free_ struct thread **v = NULL;
	size_t nr = 0;
	int err;

	err = mt_maps_load(&maps, shown_by(s));
	if (err)
		return err;
	if (!maps->nr)
		return -ESRCH;
	err = open_pagemap(s);
	if (err)
		return err;
	if (s->main.place == PLACE_SOUGHT)
		find_main(s, maps);

	v = calloc(s->nr_alive + 1, sizeof(struct thread *));
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < s->nr_alive; i++)
		if (s->alive[i]->sp)
			v[nr++] = s->alive[i];
	qsort(v, nr, sizeof(struct thread *), compare_sp_falling);
	for (size_t i = 0; !err && i < nr; i++)
		if (v[i]->place == PLACE_SOUGHT)
			err = find_stack(s, v[i], maps, ledger, i ? v[i - 1] : NULL, v[i + 1]);
	return err;
}

int mt_stacks_tick(struct mt_stacks *s, const struct mt_ledger *ledger)
{
	int err = 0;

	if (anything_sought(s))
		err = find_stacks(s, ledger);
	return err ? err : look_at_some(s);
}

/* ---- questions ------------------------------------------------------------------------ */

const struct mt_stacks_totals *mt_stacks_totals(const struct mt_stacks *s)
{
	return &s->t;
}

int mt_stacks_each_thread(const struct mt_stacks *s,
			  int (*cb)(const struct mt_stacks_thread *thread, void *arg), void *arg)
{
	int err = cb(&s->main.t, arg);

	for (size_t i = 0; !err && i < s->nr_alive; i++)
		err = cb(&s->alive[i]->t, arg);
	for (size_t i = 0; !err && i < s->nr_finished; i++)
		err = cb(&s->finished[i]->t, arg);
	return err;
}

int mt_stacks_each_site(const struct mt_stacks *s,
			int (*cb)(const struct mt_stacks_site *site, void *arg), void *arg)
{
	int err = 0;

	for (const struct site *site = s->sites; !err && site; site = site->next)
		err = cb(&site->s, arg);
	return err;
}

/* ---- life ----------------------------------------------------------------------------- */

int mt_stacks_new(struct mt_stacks **out, pid_t pid)
{
	struct mt_stacks *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->pid = pid;
	s->main.t = unseen(pid, -1);
	s->main.t.main = true;
	s->t.touched_peak_bytes = -1;
	s->pagemap.fd = -1;
	s->scan = true;
	*out = s;
	return 0;
}

void mt_stacks_forbid_scan(struct mt_stacks *s)
{
	s->scan = false;
	s->pagemap.scan = false;
}

static void keep(void *node)
{
}

void mt_stacks_free(struct mt_stacks **stacks)
{
	struct mt_stacks *s = *stacks;

	if (!s)
		return;
	tdestroy(s->by_tid, keep);
	tdestroy(s->site_index, keep);
	for (size_t i = 0; i < s->nr_alive; i++)
		free(s->alive[i]);
	for (size_t i = 0; i < s->nr_finished; i++)
		free(s->finished[i]);
	for (struct site *site = s->sites, *next; site; site = next) {
		next = site->next;
		free(site);
	}
	mt_pagemap_close(&s->pagemap);
	free(s->alive);
	free(s);
	*stacks = NULL;
}
