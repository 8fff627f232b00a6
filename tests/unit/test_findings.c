// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "finding/finding.h"
#include "finding/place.h"
#include "logic/hist.h"
#include "util/cleanup.h"

#define MIB (1LL << 20)

static void test_library(void **state)
{
	static const struct {
		const char *function;
		const char *file;
		bool library;
	} cases[] = {
		{ "main", NULL, false },
		{ "alloc::vec::Vec<T,A>::push", NULL, true },
		{ "<alloc::vec::Vec<T> as core::clone::Clone>::clone", NULL, true },
		{ "<&alloc::string::String as app::Show>::show", NULL, true },
		{ "<app::Cache as core::clone::Clone>::clone", NULL, false },
		{ "app::Cache<alloc::string::String>::insert", NULL, false },
		{ "<u8 as <[_]>::to_vec_in::ConvertVec>::to_vec", "library/alloc/src/slice.rs",
		  true },
		{ "serde_json::de::from_str",
		  "/root/.cargo/registry/src/index/serde_json-1/src/de.rs", true },
		{ "void std::vector<long>::_M_realloc_insert<long>(long&&)", NULL, true },
		{ "std::vector<app::item>::reserve(unsigned long)", NULL, true },
		{ "app::item* app::make<std::string>(std::string)", NULL, false },
		{ "allocate_all(std::vector<int>&)", NULL, false },
		{ "operator new(unsigned long)", NULL, true },
		{ "", NULL, false },
		{ "<", NULL, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mt_frame frame = { .function = cases[i].function, .file = cases[i].file };

		if (mt_place_is_library(&frame) != cases[i].library)
			fail_msg("%s", cases[i].function);
	}
}

/* Two functions of the program behind one of a library. */
static const struct mt_frame push = { .function = "alloc::vec::Vec<T>::push",
				      .module = "/app",
				      .file = "library/alloc/src/vec/mod.rs" };
static const struct mt_frame load = { .function = "app::load",
				      .module = "/app",
				      .file = "src/load.rs" };
static const struct mt_frame start = { .function = "app::main", .module = "/app" };
static const struct mt_frame *const frames[] = { &push, &load, &start };
static const struct mt_model_stack stack = { .id = 7, .frames = frames, .nr = 3 };

static void test_own(void **state)
{
	struct mt_model_process p = { .row = { .exe = "/app" } };
	const char *const mine[] = { "app::load", NULL }, *const callers[] = { "app::main", NULL };

	assert_int_equal(mt_place_own(&p, &stack), 1);
	assert_string_equal(mt_place_name(&p, &stack).s, "app::load");
	assert_int_equal(mt_place_language(&stack), MT_LANGUAGE_RUST);
	assert_true(mt_place_goes_by(&p, &stack, mine));
	assert_false(mt_place_goes_by(&p, &stack, callers)); /* what called it says nothing */
	p.row.exe = "/other";
	assert_int_equal(mt_place_own(&p, &stack), 0);
	assert_string_equal(mt_place_name(&p, &stack).s, "app::load");
}

static void test_names(void **state)
{
	static const char *const cases[][2] = {
		{ "load", "load" },
		{ "load(char const*)", "load" },
		{ "load(void (*)(int), long)", "load" },
		{ "(anonymous namespace)::load(int)", "(anonymous namespace)::load" },
		{ "app::call::operator()(int)", "app::call::operator()" },
		{ "(anonymous namespace)", "(anonymous namespace)" },
		{ "load)", "load)" },
		{ "", "" },
	};
	struct mt_model_process p = { .row = { .exe = "/app" } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mt_frame frame = { .function = cases[i][0], .module = "/app" };
		const struct mt_frame *one = &frame;
		struct mt_model_stack s = { .frames = &one, .nr = 1 };

		assert_string_equal(mt_place_name(&p, &s).s, cases[i][1]);
	}
}

/* A process that has one site, of which 30 reallocs copied `copied_bytes`. */
struct scene {
	struct mt_storm_row storm;
	struct mt_model_site site;
	struct mt_model_process process;
	struct mt_model model;
};

static void set_scene(struct scene *s, int64_t copied_bytes)
{
	*s = (struct scene){
		.storm = { .calls = 30,
			   .grown = 30,
			   .moved = 20,
			   .copied_bytes = copied_bytes,
			   .chains = 2,
			   .longest_chain = 15 },
		.site = { .row = { .kind = "realloc", .alloc_cnt = 5000, .max_age_ns = -1 },
			  .stack = stack },
		.process = { .row = { .exe = "/app",
				      .since = "start",
				      .end_ns = 20000000000,
				      .ended = "exit",
				      .seen_ns = 0,
				      .peak_rss_bytes = 100 * MIB,
				      .heap_live_bytes = 0,
				      .heap_peak_bytes = 90 * MIB,
				      .exact_since_ns = -1 },
			     .nr_sites = 1 },
		.model = { .meta = { .duration_ns = 20000000000, .sample_bytes = -1 },
			   .nr_processes = 1 },
	};
	s->site.row.storm = &s->storm;
	s->process.sites = &s->site;
	s->model.processes = &s->process;
}

/* The one finding of a rule, or NULL. */
static const struct mt_finding *only(const struct mt_findings *found, const char *rule)
{
	const struct mt_finding *one = NULL;

	for (size_t i = 0; i < found->nr; i++) {
		if (strcmp(found->v[i].rule, rule) != 0)
			continue;
		assert_null(one);
		one = &found->v[i];
	}
	return one;
}

static void test_severity(void **state)
{
	static const struct {
		int64_t copied_bytes;
		int severity;
	} cases[] = {
		{ 256 * MIB, MT_SEVERITY_HIGH },
		{ 4 * MIB, MT_SEVERITY_WARN },
		{ 4 * MIB - 1, MT_SEVERITY_INFO },
		{ MIB / 4 - 1, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		__cleanup(mt_findings_free) struct mt_findings *found = NULL;
		const struct mt_finding *f;
		struct scene s;

		set_scene(&s, cases[i].copied_bytes);
		assert_int_equal(mt_findings_new(&found, &s.model, &s.process), 0);
		f = only(found, "preallocate");
		assert_int_equal(f ? f->severity : 0, cases[i].severity);
		if (!f)
			continue;
		assert_non_null(strstr(f->title, "app::load"));
		assert_non_null(strstr(f->advice, "Vec::with_capacity"));
		assert_int_equal(f->own, 1);
		assert_null(f->note);
	}
}

/* Half a second of a program that runs on says little: told, and no more than info. */
static void test_brief(void **state)
{
	__cleanup(mt_findings_free) struct mt_findings *found = NULL;
	const struct mt_finding *f;
	struct scene s;

	set_scene(&s, 256 * MIB);
	s.process.row.end_ns = -1;
	s.process.row.ended = "running";
	s.model.meta.duration_ns = 500000000;
	assert_int_equal(mt_findings_new(&found, &s.model, &s.process), 0);
	f = only(found, "preallocate");
	assert_non_null(f);
	assert_int_equal(f->severity, MT_SEVERITY_INFO);
	assert_non_null(f->note);
	assert_non_null(only(found, "representative"));
}

/* Blocks that were resized where they are cost nothing. */
static void test_in_place(void **state)
{
	__cleanup(mt_findings_free) struct mt_findings *found = NULL;
	struct scene s;

	set_scene(&s, 256 * MIB);
	s.storm.moved = 0;
	assert_int_equal(mt_findings_new(&found, &s.model, &s.process), 0);
	assert_null(only(found, "preallocate"));
}

/* Sixteen blocks, half as old as the recording. */
static void set_large(struct scene *s, uint64_t ages[MT_HIST_BUCKETS], int64_t resident_bytes)
{
	set_scene(s, 0);
	ages[mt_hist_index(10000000000 >> MT_LIFETIME_SHIFT)] = 16;
	s->site.row = (struct mt_site_row){
		.kind = "malloc",
		.alloc_cnt = 16,
		.alloc_bytes = 32 * MIB,
		.at_peak_cnt = 16,
		.at_peak_bytes = 32 * MIB,
		.max_bytes = 2 * MIB,
		.ages = { ages, MT_HIST_BUCKETS },
		.max_age_ns = 10000000000,
		.large_bytes = resident_bytes < 0 ? -1 : 32 * MIB,
		.large_resident_bytes = resident_bytes,
	};
	s->process.row.heap_live_bytes = 32 * MIB;
}

/* Large blocks of which a quarter or less is resident: and then they do not hold memory. */
static void test_shrink(void **state)
{
	static const struct {
		int64_t resident_bytes;
		bool shrink;
	} cases[] = { { 0, true },
		      { 8 * MIB, true },
		      { 8 * MIB + 4, false },
		      { 32 * MIB, false },
		      { -1, false } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		__cleanup(mt_findings_free) struct mt_findings *found = NULL;
		uint64_t ages[MT_HIST_BUCKETS] = { 0 };
		const struct mt_finding *f;
		struct scene s;

		set_large(&s, ages, cases[i].resident_bytes);
		assert_int_equal(mt_findings_new(&found, &s.model, &s.process), 0);
		f = only(found, "shrink");
		assert_int_equal(!!f, cases[i].shrink);
		if (!f)
			continue;
		assert_int_equal(f->saves_bytes, -1);
		assert_int_equal(f->saves_reserved_bytes, 32 * MIB - cases[i].resident_bytes);
		assert_int_equal(f->severity, MT_SEVERITY_WARN);
		assert_null(only(found, "large-lifetime"));
	}
}

/* Copies that bursts saw, in `bursts` of them, each as many. */
static void set_copies(struct scene *s, const struct mt_frame **copy,
		       uint64_t sizes[MT_HIST_BUCKETS], int bursts)
{
	static const struct mt_frame clone = { .function = "app::item_clone", .module = "/app" };
	const double each = 1000, bytes = 1e6, stretch = 1e8;

	*copy = &clone;
	set_scene(s, 0);
	sizes[mt_hist_index(1000)] = (uint64_t)(bursts * each);
	s->site = (struct mt_model_site){
		.row = { .kind = "malloc",
			 .alloc_cnt = (int64_t)(bursts * each),
			 .alloc_bytes = (int64_t)(bursts * bytes),
			 .short_lived_cnt = (int64_t)(bursts * each),
			 .sizes = { sizes, MT_HIST_BUCKETS },
			 .max_age_ns = -1,
			 .alloc_cnt_tally = { bursts * each, bursts * each * each,
					      bursts * each * stretch },
			 .alloc_bytes_tally = { bursts * bytes, bursts * bytes * bytes,
						bursts * bytes * stretch } },
		.stack = { .id = 8, .frames = copy, .nr = 1 },
	};
	s->process.row.windowed = 1;
	s->process.row.bursts = (struct mt_bursts){ .cnt = bursts,
						    .progress_ns = bursts * 1e6,
						    .stretch_ns = bursts * stretch,
						    .stretch_ns2 = bursts * stretch * stretch };
	s->process.row.burst_own_ns = bursts * stretch;
	s->process.row.alloc_cnt_tally = s->site.row.alloc_cnt_tally;
	s->process.row.alloc_bytes_tally = s->site.row.alloc_bytes_tally;
}

static bool has_evidence(const struct mt_finding *f, const char *name)
{
	for (size_t i = 0; i < f->nr_evidence; i++)
		if (!strcmp(f->evidence[i].name, name))
			return true;
	return false;
}

/* Judged by the least that bursts allow, and what takes what lives is said not to be judged. */
static void test_bursts(void **state)
{
	for (int bursts = 2; bursts <= 20; bursts += 18) {
		__cleanup(mt_findings_free) struct mt_findings *found = NULL;
		uint64_t sizes[MT_HIST_BUCKETS] = { 0 };
		const struct mt_finding *f;
		const struct mt_frame *copy;
		struct scene s;

		set_copies(&s, &copy, sizes, bursts);
		assert_int_equal(mt_findings_new(&found, &s.model, &s.process), 0);
		f = only(found, "cloning");
		assert_int_equal(!f, bursts == 2); /* two bound nothing */
		if (f) {
			assert_true(has_evidence(f, "alloc_bytes_low"));
			assert_true(has_evidence(f, "alloc_bytes_high"));
			assert_non_null(strstr(f->note, "least"));
			assert_int_equal(f->saves_bytes, -1);
		}
		f = only(found, "representative");
		assert_non_null(f);
		assert_non_null(strstr(f->advice, "shrink, large-lifetime"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_library),	 cmocka_unit_test(test_own),
		cmocka_unit_test(test_names),	 cmocka_unit_test(test_severity),
		cmocka_unit_test(test_brief),	 cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_in_place), cmocka_unit_test(test_shrink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
