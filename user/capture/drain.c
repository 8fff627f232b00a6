// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "capture/drain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capture/capture.h"
#include "capture/drain_faults.h"
#include "capture/drain_heap.h"
#include "capture/drain_program.h"
#include "capture/drain_stacks.h"
#include "session/faults.h"
#include "session/ledger.h"
#include "session/pacer.h"
#include "session/probes.h"
#include "session/program.h"
#include "session/session.h"
#include "session/stackmaps.h"
#include "session/stacks.h"
#include "session/tables.h"
#include "session/unwinder.h"
#include "target/locate.h"
#include "target/proc.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

#define FINAL_TRIES 30 /* each waits a second for a reader to finish */

struct mt_drain {
	struct mt_capture *capture;
	struct mt_session *session;
	struct mt_drain_stacks *stacks;
	struct mt_drain_heap *heap;
	struct mt_drain_faults *faults;
	int64_t start_ns;
	uint64_t traps_gone; /* of programs that were dropped */
	size_t nr_phases;    /* that are written */
	bool uncommitted;    /* a reader held up the last tick */
};

int mt_drain_new(struct mt_drain **out, struct mt_capture *capture, struct mt_session *session,
		 int64_t start_ns)
{
	__cleanup(mt_drain_free) struct mt_drain *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	d->capture = capture;
	d->session = session;
	d->start_ns = start_ns;
	err = mt_drain_stacks_new(&d->stacks, capture, session);
	err = err ? err : mt_drain_heap_new(&d->heap, capture, session, d->stacks, start_ns);
	err = err ? err : mt_drain_faults_new(&d->faults, capture, session, d->stacks);
	if (err)
		return err;
	if (mt_session_pacer(session))
		mt_pacer_set_window_fn(mt_session_pacer(session), mt_drain_heap_window, d->heap);
	*out = TAKE_PTR(d);
	return 0;
}

void mt_drain_free(struct mt_drain **drain)
{
	if (!*drain)
		return;
	mt_drain_faults_free(&(*drain)->faults);
	mt_drain_heap_free(&(*drain)->heap);
	mt_drain_stacks_free(&(*drain)->stacks);
	free(*drain);
	*drain = NULL;
}

static int put_modules(struct mt_drain *d, struct mt_program *p)
{
	int err = 0;

	for (size_t i = 0; i < p->nr_modules && !err; i++) {
		struct mt_module *m = &p->modules[i];
		struct mt_module_row row = {
			.process = p->slot,
			.start = m->start,
			.end = m->end,
			.file_offset = m->file_offset,
			.path = m->path,
			.build_id = m->file ? m->file->build_id : NULL,
		};

		if (m->kept)
			continue;
		err = mt_capture_put_module(d->capture, &row);
		m->kept = true;
	}
	return err;
}

static int put_samples(struct mt_drain *d, struct mt_program *p, bool final)
{
	struct mt_timeline *t = &p->timeline;
	int err = final || p->ended ? mt_timeline_end(t) : 0;

	if (!err && t->redone)
		err = mt_capture_drop_samples(d->capture, p->slot);
	t->redone = false;
	for (; t->kept < t->nr && !err; t->kept++) {
		const struct mt_sample *s = &t->points[t->kept];
		struct mt_sample_row row = {
			.process = p->slot,
			.t_ns = s->t_ns - d->start_ns,
			.rss_bytes = s->rss_bytes,
			.heap_live_bytes = s->heap_live_bytes,
			.mapped_bytes = s->mapped_bytes,
			.threads = s->threads,
		};

		err = mt_capture_put_sample(d->capture, &row);
	}
	return err;
}

static int put_bill(struct mt_drain *d, const struct mt_program *p, const struct mt_bill *bill,
		    const char *at)
{
	static const char *const parts[] = {
		[MT_BILL_ALLOCATOR] = "allocator",
		[MT_BILL_STACKS] = "thread_stacks",
		[MT_BILL_FILE] = "file",
		[MT_BILL_SHMEM] = "shmem",
		[MT_BILL_OTHER_ANON] = "other_anon",
		[MT_BILL_UNEXPLAINED] = "unexplained",
	};
	struct mt_bill_row row = {
		.process = p->slot,
		.at = at,
		.t_ns = bill->at_ns - d->start_ns,
		.rss_bytes = bill->rss_bytes,
		.allocator_bytes = bill->bytes[MT_BILL_ALLOCATOR],
		.heap_live_bytes = bill->heap_live_bytes,
		.thread_stacks_bytes = bill->bytes[MT_BILL_STACKS],
		.file_bytes = bill->bytes[MT_BILL_FILE],
		.shmem_bytes = bill->bytes[MT_BILL_SHMEM],
		.other_anon_bytes = bill->bytes[MT_BILL_OTHER_ANON],
		.unexplained_bytes = bill->bytes[MT_BILL_UNEXPLAINED],
		.page_tables_bytes = bill->page_tables_bytes,
		.kernel_stacks_bytes = bill->kernel_stacks_bytes,
	};
	int err = mt_capture_put_bill(d->capture, &row);

	for (size_t i = 0; i < bill->nr_mappings && !err; i++) {
		struct mt_bill_mapping_row mapping = {
			.process = p->slot,
			.at = at,
			.rank = i,
			.part = parts[bill->mappings[i].part],
			.name = bill->mappings[i].name,
			.rss_bytes = bill->mappings[i].rss_bytes,
		};

		err = mt_capture_put_bill_mapping(d->capture, &mapping);
	}
	return err;
}

static int put_bills(struct mt_drain *d, struct mt_program *p)
{
	int err;

	if (!p->bills.changed)
		return 0;
	err = mt_capture_drop_bills(d->capture, p->slot);
	if (!err && p->bills.peak)
		err = put_bill(d, p, p->bills.peak, "peak");
	if (!err && p->bills.end)
		err = put_bill(d, p, p->bills.end, "end");
	p->bills.changed = false;
	return err;
}

static int put_gaps(struct mt_drain *d, struct mt_program *p)
{
	int err = 0;

	for (size_t i = 0; i < p->nr_gaps && !err; i++) {
		const struct mt_gap *g = &p->gaps[i];
		struct mt_gap_row row = {
			.process = p->slot,
			.from_ns = g->from_ns - d->start_ns,
			.to_ns = g->to_ns - d->start_ns,
			.why = g->why,
		};

		err = mt_capture_put_gap(d->capture, &row);
	}
	p->nr_gaps = 0;
	return err;
}

/* Those that are new. */
static int put_phases(struct mt_drain *d)
{
	const struct mt_pacer *pacer = mt_session_pacer(d->session);
	size_t nr = 0;
	const struct mt_pacer_phase *phases = pacer ? mt_pacer_phases(pacer, &nr) : NULL;
	int err = 0;

	for (; d->nr_phases < nr && !err; d->nr_phases++) {
		struct mt_phase_row row = {
			.from_ns = phases[d->nr_phases].from_ns - d->start_ns,
			.layer = mt_layer_name(phases[d->nr_phases].layer),
		};

		row.from_ns = row.from_ns > 0 ? row.from_ns : 0;
		err = mt_capture_put_phase(d->capture, &row);
	}
	return err;
}

struct put {
	struct mt_drain *d;
	const struct mt_program *p;
	uint32_t slot;
};

static int put_map_site(const struct mt_ledger_site *site, void *arg)
{
	struct put *put = arg;
	struct mt_map_site_row row = {
		.process = put->slot,
		.stack = site->stack,
		.kind = site->kind == MT_LEDGER_BRK ? "brk" : "mmap",
		.cnt = site->cnt,
		.bytes = site->bytes,
		.live_bytes = site->live_bytes,
		.at_peak_bytes = site->at_peak_bytes,
	};
	int err = mt_drain_stacks_put(put->d->stacks, site->stack);

	return err ? err : mt_capture_put_map_site(put->d->capture, &row);
}

static int put_thread(const struct mt_stacks_thread *t, void *arg)
{
	struct put *put = arg;
	char comm[MT_COMM_LEN] = "";
	struct mt_thread_row row = {
		.process = put->slot,
		.tid = t->tid,
		.comm = t->end_ns < 0 ? comm : t->comm,
		.main = t->main,
		.start_ns = (t->main ? put->p->start_ns : t->start_ns) - put->d->start_ns,
		.end_ns = t->end_ns < 0 ? -1 : t->end_ns - put->d->start_ns,
		.spawn_stack = t->spawn_stack,
		.reserved_bytes = t->reserved_bytes,
		.guard_bytes = t->guard_bytes,
		.touched_bytes = t->touched_bytes,
	};

	if (t->end_ns < 0 && !put->p->ended)
		mt_proc_comm(t->tid, comm);
	return mt_capture_put_thread(put->d->capture, &row);
}

static int put_spawn(const struct mt_stacks_site *spawn, void *arg)
{
	struct put *put = arg;
	struct mt_spawn_row row = {
		.process = put->slot,
		.stack = spawn->stack,
		.created = spawn->created,
		.peak_alive = spawn->peak_alive,
		.reserved_bytes = spawn->reserved_bytes,
		.touched_max_bytes = spawn->touched_max_bytes,
	};
	int err = mt_drain_stacks_put(put->d->stacks, spawn->stack);

	return err ? err : mt_capture_put_spawn(put->d->capture, &row);
}

static int put_program(struct mt_drain *d, struct mt_program *p, bool final)
{
	struct put put = { .d = d, .p = p, .slot = p->slot };
	const struct mt_drain_program program = { d->capture, d->session, d->heap, d->start_ns };
	int err = mt_drain_program_put(&program, p);

	err = err ? err : put_modules(d, p);
	err = err ? err : put_samples(d, p, final);
	err = err ? err : put_bills(d, p);
	err = err ? err : put_gaps(d, p);
	err = err ? err : mt_ledger_each_site(p->ledger, put_map_site, &put);
	err = err ? err : mt_stacks_each_thread(p->stacks, put_thread, &put);
	return err ? err : mt_stacks_each_site(p->stacks, put_spawn, &put);
}

/* In a crowd some processes have sessions and others have not: there are rows of all. */
static int put_probe(struct mt_drain *d, struct mt_probe_row *row, unsigned int returns_by)
{
	bool session = returns_by & 1U << MT_LINK_SESSION;
	bool others = returns_by & ~(1U << MT_LINK_SESSION);
	const struct {
		const char *name;
		bool there;
	} kinds[] = {
		{ "session", session },
		{ "entry", others || !session },
		{ "return", others },
	};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds) && !err; i++) {
		row->kind = kinds[i].name;
		err = kinds[i].there ? mt_capture_put_probe(d->capture, row) : 0;
	}
	return err;
}

/* The function's own probes; or a `ret` by which one ends that has no return probe. */
static int put_site(struct mt_drain *d, const struct mt_program *p,
		    const struct mt_probe_target *file, const struct mt_probe_site *site)
{
	const struct mt_probes *probes = mt_kernel_probes(mt_session_kernel(d->session));
	bool returns = site->result == MT_RESULT_RETURN && !p->entry_only;
	struct mt_probe_row row = {
		.module = file->path,
		.function = site->function,
		.offset = site->function_offset,
		.placement = mt_placement_name(site->placement),
		.kind = "return",
	};

	if (site->func == MT_FUNC_RET)
		return p->entry_only ? 0 : mt_capture_put_probe(d->capture, &row);
	return put_probe(d, &row, returns ? mt_probes_returns_by(probes, file) : 0);
}

static int put_probes(struct mt_drain *d, const struct mt_program *p)
{
	int err = 0;

	for (size_t i = 0; i < p->nr_probed; i++) {
		const struct mt_probe_target *file = p->probed[i];

		for (size_t j = 0; j < file->allocator->nr_sites && !err; j++)
			err = put_site(d, p, file, &file->allocator->sites[j]);
	}
	return err;
}

static int put_totals(struct mt_drain *d, bool final)
{
	const struct mt_kernel *k = mt_session_kernel(d->session);
	uint64_t traps = d->traps_gone;
	struct timespec cpu;
	int err;

	for (uint32_t slot = 1; slot <= mt_session_slots(d->session); slot++) {
		struct mt_proc proc;

		if (mt_session_program(d->session, slot) && !mt_tables_proc(k, slot, &proc))
			traps += proc.hits;
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	err = mt_capture_put_meta_int(d->capture, MT_META_TRAPS, traps);
	err = err ? err
		  : mt_capture_put_meta_int(d->capture, MT_META_DURATION_NS,
					    mt_clock_ns() - d->start_ns);
	err = err ? err
		  : mt_capture_put_meta_int(d->capture, MT_META_SELF_CPU_NS,
					    cpu.tv_sec * 1000000000LL + cpu.tv_nsec);
	return err ? err : mt_capture_put_meta_int(d->capture, MT_META_FINISHED, final);
}

static int put_unwinder(struct mt_drain *d, const struct mt_unwinder_stats *u)
{
	const struct {
		const char *key;
		uint64_t value;
	} counts[] = {
		{ MT_META_UNWIND_FILES, u->files },
		{ MT_META_UNWIND_TABLES, u->tables },
		{ MT_META_UNWIND_BYTES, u->bytes },
		{ MT_META_UNWIND_FROM_CACHE, u->from_cache },
		{ MT_META_UNWIND_EVICTED, u->evicted },
		{ MT_META_UNWIND_BUILD_NS, u->build_ns },
	};
	int err = mt_capture_put_lost(d->capture, "tables_evicted", u->evicted);

	for (size_t i = 0; i < ARRAY_SIZE(counts) && !err; i++)
		err = mt_capture_put_meta_int(d->capture, counts[i].key, counts[i].value);
	return err;
}

static int put_lost(struct mt_drain *d)
{
	static const char *const names[] = {
#define MT_LOST_NAME(id, name) [MT_LOST_##id] = name,
		MT_LOST_LIST(MT_LOST_NAME)
#undef MT_LOST_NAME
	};
	int err = 0;

	for (uint32_t i = 0; i < MT_LOST_MAX && !err; i++)
		err = mt_capture_put_lost(d->capture, names[i],
					  mt_tables_lost(mt_session_kernel(d->session), i));
	return err ? err
		   : mt_capture_put_lost(d->capture, "events_unmatched",
					 mt_session_strays(d->session));
}

static int put_all(struct mt_drain *d, bool final)
{
	struct mt_unwinder_stats unwinder;
	int err = mt_drain_heap_tick(d->heap, final);

	err = err ? err : mt_drain_faults_tick(d->faults);
	for (uint32_t slot = 1; slot <= mt_session_slots(d->session) && !err; slot++) {
		struct mt_program *p = mt_session_program(d->session, slot);

		if (!p || p->hidden)
			continue;
		err = put_program(d, p, final);
		err = err ? err : put_probes(d, p);
	}
	err = err ? err : put_phases(d);
	err = err ? err : put_totals(d, final);
	if (!err && mt_session_unwinder_stats(d->session, &unwinder))
		err = put_unwinder(d, &unwinder);
	return err ? err : put_lost(d);
}

static int drop_map_stack(const struct mt_ledger_site *site, void *arg)
{
	mt_drain_stacks_drop(arg, site->stack);
	return 0;
}

static int drop_spawn_stack(const struct mt_stacks_site *site, void *arg)
{
	mt_drain_stacks_drop(arg, site->stack);
	return 0;
}

static void drop_stacks(struct mt_drain *d, const struct mt_program *p)
{
	mt_ledger_each_site(p->ledger, drop_map_stack, d->stacks);
	mt_stacks_each_site(p->stacks, drop_spawn_stack, d->stacks);
}

/* What has ended and is in the file for good goes. */
static void drop_ended(struct mt_drain *d)
{
	const struct mt_kernel *k = mt_session_kernel(d->session);

	mt_drain_heap_drop_ended(d->heap);
	mt_drain_faults_drop_ended(d->faults);
	for (uint32_t slot = 1; slot <= mt_session_slots(d->session); slot++) {
		struct mt_program *p = mt_session_program(d->session, slot);
		struct mt_proc proc;

		/* A vfork child can outlive its parent, in its address space. */
		if (!p || !p->ended || mt_session_inhabited(d->session, p))
			continue;
		drop_stacks(d, p);
		if (!mt_tables_proc(k, slot, &proc))
			d->traps_gone += proc.hits;
		mt_tables_drop_proc(k, slot);
		mt_session_forget(d->session, slot);
	}
}

int mt_drain_tick(struct mt_drain *d, bool final)
{
	int err = d->uncommitted ? 0 : mt_capture_begin(d->capture);

	err = err ? err : put_all(d, final);
	if (err)
		return err;
	for (int tries = final ? FINAL_TRIES : 1; tries; tries--) {
		err = mt_capture_commit(d->capture);
		if (err != -EBUSY)
			break;
	}
	d->uncommitted = err == -EBUSY;
	if (!err && !final)
		drop_ended(d);
	return d->uncommitted && !final ? 0 : err;
}
