// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Which sites of two recordings are one, what differs, and what is not known. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <string.h>

#include "analysis/diff.h"
#include "cli/gate.h"
#include "logic/hist.h"
#include "report/report.h"
#include "util/cleanup.h"

/* A recording of one program with one site, whose stack has one frame. */
struct recording {
	struct mt_frame frame;
	const struct mt_frame *frames[1];
	struct mt_model_site site;
	struct mt_model_process process;
	struct mt_model model;
};

static void make(struct recording *r, const char *comm, struct mt_frame frame, int64_t bytes)
{
	*r = (struct recording){
		.frame = frame,
		.site = { .row = { .kind = "malloc",
				   .alloc_cnt = 1,
				   .alloc_bytes = bytes,
				   .at_peak_cnt = 1,
				   .at_peak_bytes = bytes,
				   .max_age_ns = -1 },
			  .stack = { .id = 7, .nr = 1 } },
		.process = { .row = { .comm = (char *)comm,
				      .since = "start",
				      .end_ns = 1,
				      .ended = "exit",
				      .seen_ns = 0,
				      .peak_rss_bytes = 2 * bytes,
				      .heap_live_bytes = 0,
				      .heap_peak_bytes = bytes,
				      .fault_cnt = -1,
				      .alloc_cnt = -1,
				      .alloc_bytes = -1,
				      .free_cnt = -1 },
			     .nr_sites = 1 },
		.model = { .meta = { .duration_ns = 1, .sample_bytes = -1 }, .nr_processes = 1 },
	};
	r->frames[0] = &r->frame;
	r->site.stack.frames = r->frames;
	r->process.sites = &r->site;
	r->model.processes = &r->process;
}

static size_t nr_sites(struct mt_frame old, struct mt_frame new)
{
	__cleanup(mt_diff_free) struct mt_diff *d = NULL;
	struct recording a, b;

	make(&a, "app", old, 100);
	make(&b, "app", new, 150);
	assert_int_equal(mt_diff_new(&d, &a.model, &b.model, MT_PICK_ANY), 0);
	return d->nr_sites;
}

static void test_identity(void **state)
{
	struct mt_frame named = { .function = "app::load::h0123456789abcdef",
				  .module = "/app",
				  .offset = 10,
				  .line = 5,
				  .build_id = "aa" };
	struct mt_frame rebuilt = { .function = "app::load::hfedcba9876543210",
				    .module = "/app2",
				    .offset = 99,
				    .line = 6,
				    .build_id = "bb" };
	struct mt_frame other = { .function = "app::save", .module = "/app" };
	struct mt_frame no_hash = { .function = "app::load::h012345678", .module = "/app" };
	struct mt_frame stripped = { .module = "/app", .offset = 10, .build_id = "aa" };
	struct mt_frame elsewhere = { .module = "/app", .offset = 11, .build_id = "aa" };
	struct mt_frame another_build = { .module = "/app", .offset = 10, .build_id = "bb" };

	assert_int_equal(nr_sites(named, rebuilt), 1);
	assert_int_equal(nr_sites(named, other), 2);
	assert_int_equal(nr_sites(named, no_hash), 2); /* a name that only looks like it */
	assert_int_equal(nr_sites(stripped, stripped), 1);
	assert_int_equal(nr_sites(stripped, elsewhere), 2);
	assert_int_equal(nr_sites(stripped, another_build), 2);
	stripped.build_id = NULL; /* it may be another build: nobody can tell */
	assert_int_equal(nr_sites(stripped, stripped), 2);
}

static const struct mt_diff_metric *metric(const struct mt_diff *d, const char *name)
{
	for (int i = 0; i < MT_DIFF_METRICS; i++)
		if (!strcmp(d->metrics[i].name, name))
			return &d->metrics[i];
	fail();
	return NULL;
}

/* Blocks of 100 bytes, of which one in 655 was followed. */
static void make_sampled(struct recording *r, uint64_t sizes[MT_HIST_BUCKETS], int64_t bytes)
{
	make(r, "app", (struct mt_frame){ .function = "load", .module = "/app" }, bytes);
	memset(sizes, 0, MT_HIST_BUCKETS * sizeof(*sizes));
	sizes[mt_hist_index(100)] = bytes / 100;
	r->site.row.alloc_cnt = r->site.row.at_peak_cnt = bytes / 100;
	r->site.row.sizes = (struct mt_hist_row){ sizes, MT_HIST_BUCKETS };
	r->process.row.alloc_cnt = bytes / 100;
	r->process.row.alloc_bytes = bytes;
	r->process.row.free_cnt = 0;
	r->model.meta.sample_bytes = 64 << 10;
}

/* 64 KiB of noise for each 256 KiB, near enough. */
static void test_noise(void **state)
{
	static const struct {
		int64_t old_bytes, new_bytes;
		bool certain;
	} cases[] = { { 1 << 18, 3 << 17, false },
		      { 1 << 18, 1 << 24, true },
		      { 1 << 24, 1 << 18, true } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		__cleanup(mt_diff_free) struct mt_diff *d = NULL;
		uint64_t sizes[2][MT_HIST_BUCKETS];
		struct recording a, b;

		make_sampled(&a, sizes[0], cases[i].old_bytes);
		make_sampled(&b, sizes[1], cases[i].new_bytes);
		assert_int_equal(mt_diff_new(&d, &a.model, &b.model, MT_PICK_ALLOC), 0);
		assert_int_equal(d->nr_sites, 1);
		assert_int_equal(mt_diff_is_certain(&d->sites[0], MT_PICK_ALLOC), cases[i].certain);
	}
}

static void test_metrics(void **state)
{
	__cleanup(mt_diff_free) struct mt_diff *d = NULL;
	struct mt_frame frame = { .function = "load", .module = "/app" };
	struct recording a, b;
	int64_t change;
	double pct;

	make(&a, "app", frame, 100);
	make(&b, "app", frame, 150);
	b.process.row.fault_cnt = 3; /* the old one does not know */
	assert_int_equal(mt_diff_new(&d, &a.model, &b.model, MT_PICK_ANY), 0);
	assert_int_equal(d->order, MT_PICK_AT_PEAK);
	assert_int_equal(d->sites[0].old[MT_PICK_AT_PEAK], 100);
	assert_int_equal(d->sites[0].new[MT_PICK_AT_PEAK], 150);
	assert_true(mt_diff_change(metric(d, "at_peak_bytes"), &change, &pct));
	assert_int_equal(change, 50);
	assert_true(pct == 50);
	assert_false(mt_diff_change(metric(d, "fault_count"), &change, &pct));

	assert_int_equal(mt_gate_hit("at_peak>+49%", d), 1);
	assert_int_equal(mt_gate_hit("at_peak>+50%", d), 0);
	assert_int_equal(mt_gate_hit("peak_rss_bytes>+99", d), 1);
	assert_int_equal(mt_gate_hit("peak_rss>+1K", d), 0);
	assert_int_equal(mt_gate_hit("fault_count>+0", d), -ENODATA);
	assert_int_equal(mt_gate_check_syntax("at_peak>+1e3"), 0);
	for (const char *const *bad =
		     (const char *const[]){ "at>+1", ">+1", "at_peak>1", "at_peak>+", "at_peak>+1X",
					    "at_peak>+-1", NULL };
	     *bad; bad++)
		assert_int_equal(mt_gate_check_syntax(*bad), -EINVAL);
}

/* Growth from nothing is more than any percentage. */
static void test_from_nothing(void **state)
{
	__cleanup(mt_diff_free) struct mt_diff *d = NULL;
	struct mt_frame frame = { .function = "load", .module = "/app" };
	struct recording a, b;

	make(&a, "app", frame, 0);
	make(&b, "app", frame, 1 << 30);
	assert_int_equal(mt_diff_new(&d, &a.model, &b.model, MT_PICK_ANY), 0);
	assert_int_equal(mt_gate_hit("at_peak>+100%", d), 1);
	assert_int_equal(mt_gate_hit("at_peak>+1e9%", d), 1);
	assert_int_equal(mt_gate_hit("realloc_count>+0%", d), 0); /* 0 in both */
}

/* Programs are matched by name: another one's sites are its own. */
static void test_programs(void **state)
{
	__cleanup(mt_diff_free) struct mt_diff *d = NULL;
	struct mt_frame frame = { .function = "load", .module = "/app" };
	struct recording a, b;

	make(&a, "app", frame, 100);
	make(&b, "tool", frame, 100);
	assert_int_equal(mt_diff_new(&d, &a.model, &b.model, MT_PICK_ALLOC), 0);
	assert_int_equal(d->nr_sites, 2);
}

static void print_diff(char text[4096], const char *old_mode, const char *new_mode)
{
	__cleanup(mt_diff_free) struct mt_diff *d = NULL;
	struct mt_text_options options = { .width = 200 };
	struct mt_frame frame = { .function = "load", .module = "/app" };
	struct recording a, b;
	FILE *out = fmemopen(text, 4096, "w");

	make(&a, "app", frame, 100);
	make(&b, "app", frame, 100);
	a.model.meta.mode = old_mode;
	b.model.meta.mode = new_mode;
	assert_non_null(out);
	assert_int_equal(mt_diff_new(&d, &a.model, &b.model, MT_PICK_ANY), 0);
	assert_int_equal(mt_report_diff_text(out, d, &options), 0);
	fclose(out);
}

/* Said where they differ; where one is unknown there is nothing to say. */
static void test_modes(void **state)
{
	char text[4096];

	print_diff(text, "exact", "auto");
	assert_non_null(strstr(text, "--mode exact before and --mode auto now"));
	print_diff(text, "exact", "exact");
	assert_null(strstr(text, "Recorded with"));
	print_diff(text, NULL, "exact");
	assert_null(strstr(text, "Recorded with"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identity), cmocka_unit_test(test_noise),
		cmocka_unit_test(test_metrics),	 cmocka_unit_test(test_from_nothing),
		cmocka_unit_test(test_programs), cmocka_unit_test(test_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
