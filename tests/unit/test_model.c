// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* From rows to results: histograms, the linked model, and the analyses over it. */
#include <errno.h>
#include <math.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "analysis/coverage.h"
#include "analysis/groups.h"
#include "analysis/heap.h"
#include "analysis/lifetime.h"
#include "analysis/mapped.h"
#include "analysis/ranking.h"
#include "analysis/storms.h"
#include "analysis/threads.h"
#include "logic/hist.h"
#include "model/hist.h"
#include "model/model.h"
#include "util/cleanup.h"

#define S 1000000000LL

/* ---- histograms ---------------------------------------------------------------------------- */

static int64_t quantile_of(const uint64_t *values, size_t nr, unsigned int permille, int64_t max)
{
	struct mt_hist h = {};

	for (size_t i = 0; i < nr; i++)
		h.counts[mt_hist_index(values[i])]++;
	return mt_hist_quantile(&h, permille, max);
}

static void test_quantiles_known(void **state)
{
	static const uint64_t small[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	static const uint64_t hundred[] = { 100, 100, 100 };
	struct mt_hist last = {};

	assert_int_equal(quantile_of(small, 0, 500, MT_HIST_NO_MAX), -1);
	assert_int_equal(quantile_of(small, 8, 0, MT_HIST_NO_MAX), 0);
	assert_int_equal(quantile_of(small, 8, 500, MT_HIST_NO_MAX), 3);
	assert_int_equal(quantile_of(small, 8, 501, MT_HIST_NO_MAX), 4);
	assert_int_equal(quantile_of(small, 8, 1000, MT_HIST_NO_MAX), 7);
	/* 96..111 holds three values: at 1/6, 3/6 and 5/6 of the way. */
	assert_int_equal(quantile_of(hundred, 3, 1, MT_HIST_NO_MAX), 98);
	assert_int_equal(quantile_of(hundred, 3, 500, MT_HIST_NO_MAX), 103);
	assert_int_equal(quantile_of(hundred, 3, 990, MT_HIST_NO_MAX), 108);
	assert_int_equal(quantile_of(hundred, 3, 990, 100), 100);
	last.counts[MT_HIST_BUCKETS - 1] = (1ULL << 56) - 1;
	assert_int_equal(mt_hist_quantile(&last, 990, MT_HIST_NO_MAX),
			 mt_hist_lower(MT_HIST_BUCKETS - 1));
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void test_quantiles_against_sorting(void **state)
{
	unsigned int seed = getenv("MT_SEED") ? atoi(getenv("MT_SEED")) : time(NULL);

	print_message("MT_SEED=%u\n", seed);
	srandom(seed);
	for (int round = 0; round < 1000; round++) {
		unsigned int permille = 1 + random() % 1000;
		size_t nr = 1 + random() % 200;
		uint64_t values[200], exact;
		int64_t got;

		for (size_t i = 0; i < nr; i++)
			values[i] = (uint64_t)random() >> random() % 31;
		qsort(values, nr, sizeof(values[0]), by_value);
		exact = values[(nr * permille + 999) / 1000 - 1];
		got = quantile_of(values, nr, permille, values[nr - 1]);
		/* In the same bucket, or cut to the maximum in it. */
		assert_int_equal(mt_hist_index(got), mt_hist_index(exact));
		assert_true(got <= (int64_t)values[nr - 1]);
	}
}

/* ---- a small capture ------------------------------------------------------------------------- */

static char path[] = "/tmp/memtide-test-XXXXXX";

static int make_file(void **state)
{
	strcpy(path + strlen(path) - 6, "XXXXXX");
	return close(mkstemp(path));
}

static int remove_file(void **state)
{
	return unlink(path);
}

static struct mt_capture *create(void)
{
	struct mt_capture *c = NULL;

	assert_int_equal(mt_capture_create(&c, path, true), 0);
	assert_int_equal(mt_capture_begin(c), 0);
	return c;
}

/* Written, closed, opened again and loaded. */
static int load(struct mt_model **out, struct mt_capture **c)
{
	int err;

	assert_int_equal(mt_capture_commit(*c), 0);
	mt_capture_free(c);
	assert_int_equal(mt_capture_open(c, path), 0);
	err = mt_model_load(out, *c);
	mt_capture_free(c);
	return err;
}

static struct mt_process_row process_row(uint32_t id)
{
	return (struct mt_process_row){
		.id = id,
		.pid = 100 + id,
		.comm = "prog",
		.start_ns = -5 * S,
		.end_ns = 8 * S,
		.ended = "exit",
		.since = "attach",
		.seen_ns = 2 * S,
		.peak_rss_bytes = 1000 * id,
		.heap_peak_bytes = 1000,
	};
}

static void put_process(struct mt_capture *c, const struct mt_process_row *row)
{
	assert_int_equal(mt_capture_put_process(c, row), 0);
}

static void put_stack(struct mt_capture *c, uint64_t id, const uint64_t *frames, size_t nr)
{
	struct mt_stack_row row = { id, frames, nr };

	assert_int_equal(mt_capture_put_stack(c, &row), 0);
}

static void put_site(struct mt_capture *c, uint32_t process, uint64_t stack, const char *kind)
{
	struct mt_site_row row = { .process = process, .stack = stack, .kind = kind };

	row.max_age_ns = -1;
	assert_int_equal(mt_capture_put_site(c, &row), 0);
}

static void test_frames_are_resolved(void **state)
{
	/* A kernel address sorts below all others; recursion repeats a frame. */
	static const uint64_t frames[] = { 0x1010, 0x5000, 0x1010, 0xffffffffff600000, 0x2020 };
	static const struct mt_symbol_row inner = {
		1, 0x1010, 0, true, "inner", "a.c", 3, "/p", 16
	};
	static const struct mt_symbol_row outer = {
		1, 0x1010, 1, false, "outer", "a.c", 9, "/p", 16
	};
	static const struct mt_module_row module = { 1, 0x2000, 0x3000, 0x700, "/lib.so", "0a" };
	static const struct mt_module_row program = { 1, 0x1000, 0x1010, 0, "/p", "0b" };
	static const struct mt_module_row next = { 1, 0x1010, 0x1020, 0, "/q", "0c" };
	__cleanup(mt_capture_free) struct mt_capture *c = create();
	__cleanup(mt_model_free) struct mt_model *m = NULL;
	struct mt_process_row row = process_row(1);
	const struct mt_model_stack *s;

	put_process(c, &row);
	put_stack(c, UINT64_MAX, frames, ARRAY_SIZE(frames));
	put_site(c, 1, 5, "malloc");
	put_site(c, 1, UINT64_MAX, "calloc");
	put_site(c, 1, UINT64_MAX, "malloc");
	assert_int_equal(mt_capture_put_symbol(c, &inner), 0);
	assert_int_equal(mt_capture_put_symbol(c, &outer), 0);
	assert_int_equal(mt_capture_put_module(c, &module), 0);
	assert_int_equal(mt_capture_put_module(c, &program), 0);
	assert_int_equal(mt_capture_put_module(c, &next), 0);
	assert_int_equal(load(&m, &c), 0);

	assert_int_equal(m->nr_processes, 1);
	assert_int_equal(m->processes[0].nr_sites, 3);
	assert_int_equal(m->processes[0].sites[2].stack.nr, 0);
	s = &m->processes[0].sites[0].stack;
	assert_ptr_equal(m->processes[0].sites[1].stack.frames, s->frames);
	assert_int_equal(s->nr, 7);
	assert_string_equal(s->frames[0]->function, "inner");
	assert_true(s->frames[0]->inlined);
	assert_int_equal(s->frames[0]->line, 3);
	assert_string_equal(s->frames[0]->build_id, "0b"); /* the call's, before the return */
	assert_string_equal(s->frames[1]->function, "outer");
	assert_false(s->frames[1]->inlined);
	assert_int_equal(s->frames[2]->address, 0x5000);
	assert_null(s->frames[2]->module);
	assert_null(s->frames[2]->build_id);
	assert_ptr_equal(s->frames[3], s->frames[0]);
	assert_int_equal(s->frames[5]->address, 0xffffffffff600000);
	assert_null(s->frames[6]->function);
	assert_string_equal(s->frames[6]->module, "/lib.so");
	assert_string_equal(s->frames[6]->build_id, "0a");
	assert_int_equal(s->frames[6]->offset, 0x720);
	assert_int_equal(m->processes[0].nr_frames, 5);
}

static void test_rows_go_to_their_process(void **state)
{
	__cleanup(mt_capture_free) struct mt_capture *c = create();
	__cleanup(mt_model_free) struct mt_model *m = NULL;
	struct mt_gap_row gap = { .why = "w" };

	for (uint32_t id = 1; id <= 100; id++) {
		struct mt_process_row row = process_row(id);

		put_process(c, &row);
		for (gap.process = id, gap.from_ns = 0; gap.from_ns < id % 3; gap.from_ns++)
			assert_int_equal(mt_capture_put_gap(c, &gap), 0);
	}
	assert_int_equal(load(&m, &c), 0);
	assert_int_equal(m->nr_processes, 100);
	for (uint32_t id = 1; id <= 100; id++) {
		const struct mt_model_process *p = &m->processes[id - 1];

		assert_int_equal(p->row.id, id);
		assert_int_equal(p->nr_gaps, id % 3);
		for (size_t i = 0; i < p->nr_gaps; i++)
			assert_int_equal(p->gaps[i].process, id);
	}
}

static void test_orphans_are_refused(void **state)
{
	for (uint32_t orphan = 1; orphan <= 3; orphan += 2) {
		__cleanup(mt_capture_free) struct mt_capture *c = create();
		__cleanup(mt_model_free) struct mt_model *m = NULL;
		struct mt_process_row row = process_row(2);

		put_process(c, &row);
		put_site(c, 2, 1, "malloc");
		put_site(c, orphan, 1, "malloc");
		assert_int_equal(load(&m, &c), -EBADMSG);
		assert_null(m);
	}
}

static void test_meta(void **state)
{
	__cleanup(mt_capture_free) struct mt_capture *c = create();
	__cleanup(mt_model_free) struct mt_model *m = NULL;

	assert_int_equal(mt_capture_put_meta_int(c, MT_META_TRAPS, 5), 0);
	assert_int_equal(mt_capture_put_meta(c, MT_META_CPUS, "2x"), 0);
	assert_int_equal(mt_capture_put_meta(c, MT_META_TICK_NS, "99999999999999999999"), 0);
	assert_int_equal(mt_capture_put_meta(c, MT_META_MODE, "exact"), 0);
	assert_int_equal(mt_capture_put_meta(c, "of a later version", "x"), 0);
	assert_int_equal(mt_capture_put_lost(c, "ring_full", 3), 0);
	assert_int_equal(load(&m, &c), 0);
	assert_int_equal(m->meta.traps, 5);
	assert_int_equal(m->meta.cpus, -1);
	assert_int_equal(m->meta.tick_ns, -1);
	assert_int_equal(m->meta.duration_ns, -1);
	assert_string_equal(m->meta.mode, "exact");
	assert_null(m->meta.started);
	assert_int_equal(m->nr_lost, 1);
	assert_string_equal(m->lost[0].name, "ring_full");
	assert_int_equal(m->lost[0].cnt, 3);
	assert_int_equal(m->nr_processes, 0);
}

/* ---- analyses over hand-made processes ------------------------------------------------------- */

static const uint64_t eights[] = { [12] = 10 };	      /* ten values of 16..19 */
static const uint64_t lives[] = { [0] = 9, [4] = 1 }; /* nine under 256 ns, one of 1024 */

static const struct mt_model_site heap_sites[] = {
	{ { .stack = 1,
	    .kind = "calloc",
	    .alloc_cnt = 10,
	    .alloc_bytes = 170,
	    .free_cnt = 4,
	    .free_bytes = 68,
	    .at_peak_bytes = 100,
	    .at_peak_cnt = 6,
	    .temporary_cnt = 1,
	    .short_lived_cnt = 2,
	    .max_bytes = 18,
	    .sizes = { eights, 13 },
	    .lifetimes = { lives, 5 },
	    .max_age_ns = -1 },
	  { .id = 1 } },
	{ { .stack = 1,
	    .kind = "malloc",
	    .alloc_cnt = 1,
	    .alloc_bytes = 1,
	    .at_peak_bytes = 50,
	    .at_peak_cnt = 1,
	    .max_bytes = 1,
	    .max_age_ns = 77 },
	  { .id = 1 } },
	{ { .stack = 2,
	    .kind = "malloc",
	    .alloc_bytes = INT64_MAX / 2,
	    .at_peak_bytes = 300,
	    .max_age_ns = -1 },
	  { .id = 2 } },
	{ { .stack = 3,
	    .kind = "malloc",
	    .alloc_bytes = INT64_MAX / 2 + 2,
	    .at_peak_bytes = 150,
	    .max_age_ns = -1 },
	  { .id = 3 } },
};

/* The first two. */
static void check_two_kinds(const struct mt_heap_site *s)
{
	assert_int_equal(s->nr_parts, 2);
	assert_int_equal(s->alloc_cnt, 11);
	assert_int_equal(s->live_cnt, 7);
	assert_int_equal(s->live_bytes, 103);
	assert_int_equal(s->at_peak_bytes, 150);
	assert_int_equal(s->at_peak_cnt, 7);
	assert_int_equal(s->size_p50_bytes, 17);
	assert_int_equal(s->size_p99_bytes, 18);
	assert_int_equal(s->size_max_bytes, 18);
	assert_int_equal(s->lifetime_p50_ns, 128);
	assert_int_equal(s->lifetime_p99_ns, 4 * 256 + 128);
	assert_int_equal(s->live_age_p50_ns, -1);
	assert_int_equal(s->live_age_max_ns, 77);
}

static void test_heap(void **state)
{
	struct mt_model_process p = { .row = process_row(1), .sites = heap_sites, .nr_sites = 4 };
	__cleanup(mt_heap_free) struct mt_heap *heap = NULL;
	struct mt_model m = { .meta.sample_bytes = -1 };

	assert_int_equal(mt_heap_new(&heap, &m, &p), 0);
	assert_true(heap->watched);
	assert_false(heap->sampled);
	assert_true(heap->sites[0].sure.bytes_unit == 0);
	assert_int_equal(heap->nr_sites, 3);
	assert_int_equal(heap->sites[0].stack->id, 2);
	assert_int_equal(heap->sites[1].stack->id, 3); /* equal at the peak: more allocated */
	assert_true(heap->sites[0].at_peak_pct == 30.0);
	check_two_kinds(&heap->sites[2]);
	assert_int_equal(heap->alloc_cnt, 11);
	assert_int_equal(heap->alloc_bytes, INT64_MAX); /* does not wrap */
	assert_int_equal(heap->temporary_cnt, 1);
	assert_int_equal(heap->short_lived_cnt, 2);

	p.row.seen_ns = -1;
	mt_heap_free(&heap);
	assert_int_equal(mt_heap_new(&heap, &m, &p), 0);
	assert_false(heap->watched);

	/* What was counted is the heap's, not what its sites add up to. */
	m.meta.sample_bytes = 4096;
	p.row.alloc_cnt = 12;
	p.row.alloc_bytes = 3000;
	p.row.free_cnt = 5;
	mt_heap_free(&heap);
	assert_int_equal(mt_heap_new(&heap, &m, &p), 0);
	assert_true(heap->sampled);
	assert_int_equal(heap->alloc_cnt, 12);
	assert_int_equal(heap->alloc_bytes, 3000);
	assert_int_equal(heap->free_cnt, 5);
	assert_true(heap->count_unit > 4096 / 20.0);
}

/* Without a heap there is none that could cover anything. */
static void test_coverage(void **state)
{
	struct mt_model_process p = { .row = process_row(1) };
	struct mt_coverage c;

	p.row.anon_grown_bytes = 8 << 20;
	p.row.anon_heap_bytes = 2 << 20;
	mt_coverage_get(&c, &p);
	assert_true(c.pct == 25.0);
	assert_true(c.low);
	assert_int_equal(c.unexplained_bytes, 6 << 20);

	p.row.seen_ns = -1;
	mt_coverage_get(&c, &p);
	assert_true(c.pct == -1);
	assert_true(c.low);
	assert_int_equal(c.grown_bytes, 8 << 20);

	p.row.anon_grown_bytes = 1000;
	p.row.anon_heap_bytes = 0;
	mt_coverage_get(&c, &p);
	assert_true(c.pct == -1);
	assert_false(c.low);
}

static void test_storms(void **state)
{
	static const struct mt_storm_row storm = { 10, 9, 8, 700, 2, 4, 5, { eights, 13 } };
	static const struct mt_storm_row calm = { 3, 2, 1, 50, 0, 3, 2, {} };
	static const struct mt_storm_row copies = { 6, 6, 6, 900, 1, 6, 6, {} };
	static const struct mt_model_site sites[] = {
		{ { .kind = "malloc" }, { .id = 1 } },
		{ { .kind = "realloc", .storm = &calm, .max_bytes = 16 }, { .id = 1 } },
		{ { .kind = "reallocarray", .storm = &storm, .max_bytes = 18 }, { .id = 1 } },
		{ { .kind = "realloc", .storm = &calm }, { .id = 2 } },
		{ { .kind = "realloc", .storm = &copies }, { .id = 3 } },
	};
	struct mt_model_process p = { .sites = sites, .nr_sites = ARRAY_SIZE(sites) };
	__cleanup(mt_storms_free) struct mt_storms *storms = NULL;

	assert_int_equal(mt_storms_new(&storms, &p), 0);
	assert_int_equal(storms->calls, 22);
	assert_int_equal(storms->grown, 19);
	assert_int_equal(storms->moved, 16);
	assert_int_equal(storms->copied_bytes, 1700);
	assert_int_equal(storms->nr_sites, 2);
	assert_int_equal(storms->sites[0].stack->id, 3);
	assert_int_equal(storms->sites[0].suggested_capacity_bytes, -1);
	assert_int_equal(storms->sites[1].stack->id, 1);
	assert_int_equal(storms->sites[1].calls, 13);
	assert_int_equal(storms->sites[1].longest_chain, 4);
	assert_int_equal(storms->sites[1].busiest_100ms_calls, 5);
	assert_int_equal(storms->sites[1].final_p50_bytes, 17);
	assert_int_equal(storms->sites[1].suggested_capacity_bytes, 18);
}

static void test_threads(void **state)
{
	static const struct {
		int64_t touched;
		int64_t suggested;
	} cases[] = { { -1, -1 },
		      { 0, 65536 },
		      { 32768, 65536 },
		      { 32769, 131072 },
		      { 65536, 131072 },
		      { 1 << 20, 2 << 20 },
		      { (1LL << 62) - 1, 1LL << 62 } };
	static const struct mt_thread_row rows[] = {
		{ .tid = 1, .end_ns = 3 * S, .start_ns = 1 * S, .touched_bytes = -1 },
		{ .tid = 2, .end_ns = -1, .start_ns = 1 * S, .touched_bytes = 5 },
		{ .tid = 3, .end_ns = 2 * S, .start_ns = -3 * S, .touched_bytes = 9 },
	};
	struct mt_model_spawn spawns[ARRAY_SIZE(cases)] = {};
	struct mt_model_process p = { .row = process_row(1),
				      .spawns = spawns,
				      .threads = rows,
				      .nr_spawns = ARRAY_SIZE(cases),
				      .nr_threads = 3 };
	struct mt_model m = { .meta.duration_ns = 10 * S };
	__cleanup(mt_threads_free) struct mt_threads *threads = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		spawns[i].row.touched_max_bytes = cases[i].touched;
		spawns[i].row.peak_alive = 10 - i;
		spawns[i].row.reserved_bytes = 8 << 20;
	}
	assert_int_equal(mt_threads_new(&threads, &m, &p), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_ptr_equal(threads->sites[i].spawn, &spawns[i]);
		assert_int_equal(threads->sites[i].suggested_stack_bytes, cases[i].suggested);
	}
	assert_int_equal(threads->list[0].row->tid, 3);
	assert_int_equal(threads->list[0].lifetime_ns, 5 * S);
	assert_int_equal(threads->list[1].row->tid, 2);
	assert_int_equal(threads->list[1].lifetime_ns, 7 * S); /* its process ended at 8 s */
	assert_int_equal(threads->list[2].row->tid, 1);
}

static void assert_phases(const struct mt_model *m, const struct mt_model_process *p,
			  const struct mt_phase *expected, size_t nr)
{
	struct mt_lifetime life;
	struct mt_phase phase;

	mt_lifetime_get(&life, m, p);
	for (size_t i = 0; i < nr; i++) {
		assert_true(mt_lifetime_phase(&phase, &life, m, p, i));
		assert_int_equal(phase.from_ns, expected[i].from_ns);
		assert_int_equal(phase.to_ns, expected[i].to_ns);
		assert_string_equal(phase.layer, expected[i].layer);
	}
	assert_false(mt_lifetime_phase(&phase, &life, m, p, nr));
}

/* Mode auto: 8 s of a recording of which bursts saw a hundredth of 3 s, and exact the last 2 s. */
static void test_phases(void **state)
{
	static const struct mt_phase_row phases[] = {
		{ 0, "kernel" },    { 1 * S, "burst" }, { 1 * S, "kernel" }, /* no time passed */
		{ 3 * S, "burst" }, { 6 * S, "exact" },
	};
	static const struct mt_phase expected[] = {
		{ 0, 1 * S, "kernel" },
		{ 1 * S, 3 * S, "kernel" },
		{ 3 * S, 6 * S, "burst" },
		{ 6 * S, 8 * S, "exact" },
	};
	struct mt_model_process p = { .row = process_row(1) };
	struct mt_model m = {
		.meta.duration_ns = 10 * S,
		.phases = phases,
		.nr_phases = ARRAY_SIZE(phases),
	};
	struct mt_lifetime life;

	p.row.windowed = 1;
	p.row.bursts.progress_ns = 1e6;
	p.row.burst_own_ns = 100e6;
	assert_phases(&m, &p, expected, ARRAY_SIZE(expected));
	mt_lifetime_get(&life, &m, &p);
	assert_string_equal(life.layer, "exact");
	assert_true(fabs(life.counted_pct - 100 * (2 + 0.03) / 8) < 1e-6);
}

static void test_lifetime(void **state)
{
	static const struct mt_phase two[] = { { 0, 2 * S, "kernel" }, { 2 * S, 8 * S, "exact" } };
	static const struct mt_phase one[] = { { 0, 10 * S, "kernel" } };

	/* 1..3 begins before it was seen; 4..6 holds 5..5.5; 7..99 outlasts it. */
	static const struct mt_gap_row gaps[] = {
		{ 1, 1 * S, 3 * S, "a" },
		{ 1, 4 * S, 6 * S, "b" },
		{ 1, 5 * S, 5 * S + S / 2, "c" },
		{ 1, 7 * S, 99 * S, "d" },
	};
	struct mt_model_process p = { .row = process_row(1), .gaps = gaps, .nr_gaps = 4 };
	struct mt_model m = { .meta.duration_ns = 10 * S, .processes = &p, .nr_processes = 1 };
	struct mt_lifetime life;

	mt_lifetime_get(&life, &m, &p);
	assert_int_equal(life.from_ns, 0);
	assert_int_equal(life.to_ns, 8 * S);
	assert_int_equal(life.uncounted_ns, 6 * S);
	assert_true(life.counted_pct == 25.0);
	assert_phases(&m, &p, two, 2);

	p.row.end_ns = -1;
	mt_lifetime_get(&life, &m, &p);
	assert_int_equal(life.to_ns, 10 * S);

	p.row.seen_ns = -1;
	p.nr_gaps = 0;
	mt_lifetime_get(&life, &m, &p);
	assert_string_equal(life.layer, "kernel");
	assert_phases(&m, &p, one, 1);
	assert_true(life.counted_pct == 0.0);

	m.meta.duration_ns = -1;
	mt_lifetime_get(&life, &m, &p);
	assert_int_equal(life.duration_ns, 0);
	assert_true(life.counted_pct == -1);
}

static void check_date(const char *started, int64_t at_ns, const char *expected)
{
	struct mt_model m = { .meta.started = started };
	char date[MT_DATE_LEN];

	if (!expected) {
		assert_int_equal(mt_lifetime_date(date, &m, at_ns), -ENODATA);
		return;
	}
	assert_int_equal(mt_lifetime_date(date, &m, at_ns), 0);
	assert_string_equal(date, expected);
}

static void test_dates(void **state)
{
	check_date("2026-02-28T23:59:59Z", S + S / 4, "2026-03-01T00:00:00.250Z");
	check_date("2026-03-01T00:00:00.5Z", -S, "2026-02-28T23:59:59.500Z");
	check_date("2026-03-01T00:00:00.25Z", -S / 2, "2026-02-28T23:59:59.750Z");
	check_date("2026-03-01T01:30:00.123456789+01:30", 0, "2026-03-01T00:00:00.123Z");
	check_date("2026-02-28T23:00:00-01:00", 0, "2026-03-01T00:00:00.000Z");
	check_date("2026-03-01T00:00:00", 0, NULL);
	check_date("yesterday", 0, NULL);
	check_date(NULL, 0, NULL);
}

static void test_groups(void **state)
{
	static const struct {
		const char *cgroup, *name;
	} cases[] = {
		{ "/system.slice/nginx.service", "nginx.service" },
		{ "/user.slice/user-0.slice/session-1.scope", "session-1.scope" },
		{ "/user.slice/user@1000.service/app.slice/app-x.service/sub", "app-x.service" },
		{ "/system.slice/docker-"
		  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope",
		  "container 0123456789ab" },
		{ "/kubepods/burstable/pod1-2/"
		  "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210",
		  "container fedcba987654" },
		{ "/kubepods.slice/cri-containerd-"
		  "1111111111111111111111111111111111111111111111111111111111111111.scope/inner",
		  "container 111111111111" },
		{ "/deadbeef.scope", "deadbeef.scope" },
		{ "/plain", "/plain" },
		{ NULL, "/" },
	};
	struct mt_model_process p[ARRAY_SIZE(cases) + 1] = { 0 };
	struct mt_model m = { .processes = p, .nr_processes = ARRAY_SIZE(p) };
	__cleanup(mt_groups_free) struct mt_groups *g = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		p[i].row = process_row(i + 1);
		p[i].row.cgroup = i < ARRAY_SIZE(cases) ? cases[i].cgroup : cases[0].cgroup;
		p[i].row.peak_rss_bytes = (100 - i) * 1000;
		p[i].row.anon_rss_bytes = i ? 5 : -1;
		p[i].row.shared_rss_bytes = 2;
	}
	assert_int_equal(mt_groups_new(&g, &m), 0);
	assert_int_equal(g->nr, ARRAY_SIZE(cases));
	for (size_t i = 0; i < g->nr; i++)
		assert_string_equal(g->v[i].name, cases[i].name);
	assert_int_equal(g->v[0].process_cnt, 2);
	assert_int_equal(g->v[0].peak_rss_bytes, 100000 + (100 - ARRAY_SIZE(cases)) * 1000);
	assert_int_equal(g->v[0].grown_bytes, 2 + 7);
}

static void test_maps_and_ranking(void **state)
{
	static const struct mt_model_map_site sites[] = {
		{ .row = { .stack = 1, .kind = "brk", .at_peak_bytes = 5, .live_bytes = 9 } },
		{ .row = { .stack = 1, .kind = "mmap", .at_peak_bytes = 7 } },
		{ .row = { .stack = 2, .kind = "mmap", .at_peak_bytes = 5, .live_bytes = 10 } },
	};
	struct mt_model_process p[3] = { { .row = process_row(1) },
					 { .row = process_row(2) },
					 { .row = process_row(3) } };
	struct mt_model m = { .processes = p, .nr_processes = 3, .meta.hooks_vm = "none" };
	_free_ const struct mt_model_process **ranking = NULL;
	__cleanup(mt_mapped_free) struct mt_mapped *maps = NULL;

	p[0].map_sites = sites;
	p[0].nr_map_sites = 3;
	assert_int_equal(mt_mapped_new(&maps, &p[0]), 0);
	assert_ptr_equal(maps->sites[0], &sites[1]);
	assert_ptr_equal(maps->sites[1], &sites[2]);
	assert_false(mt_mapped_watched(&m));
	m.meta.hooks_vm = "fentry";
	assert_true(mt_mapped_watched(&m));

	p[1].row.peak_rss_bytes = -1;
	assert_int_equal(mt_ranking_new(&ranking, &m), 0);
	assert_ptr_equal(ranking[0], &p[2]);
	assert_ptr_equal(ranking[1], &p[0]);
	assert_ptr_equal(ranking[2], &p[1]);
}

int main(void)
{
#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, make_file, remove_file)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantiles_known),
		cmocka_unit_test(test_quantiles_against_sorting),
		WITH_FILE(test_frames_are_resolved),
		WITH_FILE(test_rows_go_to_their_process),
		WITH_FILE(test_orphans_are_refused),
		WITH_FILE(test_meta),
		cmocka_unit_test(test_heap),
		cmocka_unit_test(test_coverage),
		cmocka_unit_test(test_storms),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_lifetime),
		cmocka_unit_test(test_phases),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_maps_and_ranking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
