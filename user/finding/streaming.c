// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * streaming: a whole input in one buffer. Known by the function that reads; in C, where a program
 * reads into a buffer that it grows itself, by the name of that function.
 */
#include "finding/place.h"
#include "finding/rules.h"
#include "util/units.h"

#define BLOCK_MIN_BYTES (1 << 20)
#define BLOCKS_MAX	64 /* a few inputs, not a cache */
#define PEAK_PERMILLE	100
#define BUFFER_BYTES	(64 << 10) /* what a reader by parts needs */
#define SITES_MAX	3

static const char *const reads[] = {
	/* Rust */
	"read_to_end",
	"read_to_string",
	"std::fs::read",
	/* C++ */
	"istreambuf_iterator",
	"basic_stringbuf",
	"std::getline",
	/* C */
	"getdelim",
	"getline",
	"read_",
	"_read",
	"load_",
	"_load",
	"slurp",
	NULL,
};

static bool fires(const struct mt_case *c, const struct mt_heap_site *s)
{
	return s->size_max_bytes >= BLOCK_MIN_BYTES && s->at_peak_cnt > 0 &&
	       s->at_peak_cnt <= BLOCKS_MAX && mt_case_weighs(c, s->at_peak_bytes, PEAK_PERMILLE) &&
	       mt_place_goes_by(c->process, s->stack, reads);
}

static void report(struct mt_case *c, const struct mt_heap_site *s)
{
	struct mt_finding f;
	int64_t needed = s->at_peak_cnt * BUFFER_BYTES;

	mt_finding_begin(&f, "streaming", s->stack);
	f.saves_bytes = s->at_peak_bytes > needed ? s->at_peak_bytes - needed : 0;
	f.saved_how = "what the inputs had at the peak, less a buffer of 64 KiB for each";
	mt_finding_evidence(&f, "at_peak_bytes", s->at_peak_bytes);
	mt_finding_evidence(&f, "at_peak_count", s->at_peak_cnt);
	mt_finding_evidence(&f, "largest_bytes", s->size_max_bytes);
	mt_finding_title(&f, "%s reads whole inputs into memory: %s at the peak",
			 mt_place_name(c->process, s->stack).s, mt_unit_bytes(s->at_peak_bytes).s);
	mt_finding_advice(
		&f, "Work on a part at a time: %s.",
		mt_place_say(
			s->stack,
			"BufReader with lines() or read_until(), serde_json::Deserializer::"
			"into_iter() or a Stream instead of collect(), or map the file",
			"read records from the stream in a loop, or map the file",
			"fread() into a fixed buffer, or mmap() the file and let the kernel drop "
			"what is done"));
	mt_finding_add(c, &f);
}

void mt_rule_streaming(struct mt_case *c)
{
	if (c->heap->lives)
		mt_case_each_site(c, SITES_MAX, fires, report);
}
