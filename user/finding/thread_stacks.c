// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* thread-stacks: stacks reserved far beyond what threads touch, and a thread for each task. */
#include "finding/place.h"
#include "finding/rules.h"
#include "util/units.h"

#define SAVES_MIN_BYTES	 (16 << 20)
#define TIMES_TOUCHED	 4
#define SAVES_WARN_BYTES (1LL << 30)
#define BRIEF_MIN	 200 /* threads that ended */
#define BRIEF_TIMES	 20  /* of those that lived at once */
#define SITES_MAX	 3

static int64_t saves(const struct mt_spawn_site *s)
{
	const struct mt_spawn_row *row = &s->spawn->row;

	if (row->touched_max_bytes < 0 || s->suggested_stack_bytes < 0 ||
	    row->reserved_bytes < TIMES_TOUCHED * s->suggested_stack_bytes)
		return 0;
	return (row->reserved_bytes - s->suggested_stack_bytes) * row->peak_alive;
}

static void reserved(struct mt_case *c, const struct mt_spawn_site *s)
{
	const struct mt_spawn_row *row = &s->spawn->row;
	const struct mt_model_stack *stack = &s->spawn->stack;
	struct mt_finding f;

	mt_finding_begin(&f, "thread-stacks", stack);
	f.saves_reserved_bytes = saves(s);
	f.saved_how = "the suggested size for all threads that lived at once; what was not touched "
		      "is not resident";
	f.severity = saves(s) >= SAVES_WARN_BYTES ? MT_SEVERITY_WARN : MT_SEVERITY_INFO;
	mt_finding_evidence(&f, "peak_alive_count", row->peak_alive);
	mt_finding_evidence(&f, "reserved_bytes", row->reserved_bytes);
	mt_finding_evidence(&f, "touched_max_bytes", row->touched_max_bytes);
	mt_finding_evidence(&f, "suggested_stack_bytes", s->suggested_stack_bytes);
	mt_finding_title(&f, "%s starts threads with stacks of %s, of which they touch %s",
			 mt_place_name(c->process, stack).s, mt_unit_bytes(row->reserved_bytes).s,
			 mt_unit_bytes(row->touched_max_bytes).s);
	mt_finding_advice(
		&f, "Give them %s: %s. It is address space, which counts where that is limited.",
		mt_unit_bytes(s->suggested_stack_bytes).s,
		mt_place_say(
			stack,
			"thread::Builder::stack_size(), rayon's ThreadPoolBuilder::stack_size() "
			"or tokio's thread_stack_size()",
			"pthread_attr_setstacksize(), which std::thread cannot, or a smaller "
			"ulimit -s",
			"pthread_attr_setstacksize(), or a smaller ulimit -s"));
	mt_finding_add(c, &f);
}

static void brief(struct mt_case *c, const struct mt_spawn_site *s)
{
	const struct mt_spawn_row *row = &s->spawn->row;
	const struct mt_model_stack *stack = &s->spawn->stack;
	struct mt_finding f;

	mt_finding_begin(&f, "thread-stacks", stack);
	f.severity = MT_SEVERITY_WARN;
	mt_finding_evidence(&f, "created_count", row->created);
	mt_finding_evidence(&f, "peak_alive_count", row->peak_alive);
	mt_finding_evidence(&f, "reserved_bytes", row->reserved_bytes);
	mt_finding_title(&f, "%s starts a thread for each task: %s, at most %s at once",
			 mt_place_name(c->process, stack).s, mt_unit_count(row->created).s,
			 mt_unit_count(row->peak_alive).s);
	mt_finding_advice(
		&f, "Keep a few threads and hand them the tasks: %s.",
		mt_place_say(
			stack,
			"a rayon::ThreadPoolBuilder::num_threads(n) pool, or an mpsc channel to "
			"workers",
			"a pool with a queue", "a pool with a queue"));
	mt_finding_add(c, &f);
}

void mt_rule_thread_stacks(struct mt_case *c)
{
	int nr = 0;

	for (size_t i = 0; i < c->threads->nr_sites && nr < SITES_MAX; i++) {
		const struct mt_spawn_site *s = &c->threads->sites[i];
		const struct mt_spawn_row *row = &s->spawn->row;

		if (saves(s) >= SAVES_MIN_BYTES) {
			reserved(c, s);
			nr++;
		}
		if (row->created >= BRIEF_MIN && row->created >= BRIEF_TIMES * row->peak_alive) {
			brief(c, s);
			nr++;
		}
	}
}
