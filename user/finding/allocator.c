// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* allocator: what the allocator in use adds to the program's own need. */
#include "analysis/bill.h"
#include "finding/rules.h"
#include "util/units.h"

#define RETAINED_PERMILLE 150 /* of the peak */
#define RETAINED_MIN	  (4 << 20)
#define ENDS_PERMILLE	  50 /* of the peak, that still lives */
#define ARENAS_MIN_BYTES                                                        \
	(512LL << 20) /* glibc reserves 64 MiB for each thread's, up to 8 a CPU \
		       */

static const char advice[] = "Freed memory stays with the allocator. Try MALLOC_ARENA_MAX=2 and "
			     "MALLOC_TRIM_THRESHOLD_, or "
			     "call malloc_trim(0) after the peak; or run it with jemalloc or "
			     "mimalloc, which return memory "
			     "by and by; and compare by memtide diff. Blocks of one lifetime that "
			     "are allocated together "
			     "leave fewer holes.";

/* It frees all that it had because it ends: nobody waits for that memory. */
static bool ends(const struct mt_case *c, const struct mt_rss_bill *bill)
{
	const struct mt_process_row *row = &c->process->row;

	return row->end_ns != -1 &&
	       bill->row->heap_live_bytes < row->heap_peak_bytes / 1000.0 * ENDS_PERMILLE;
}

/* What it has of the resident memory beyond the blocks that live. */
static bool retained(struct mt_case *c, const char *at)
{
	struct mt_rss_bill bill;
	struct mt_finding f;

	if (!mt_rss_bill_get(&bill, c->process, at) || bill.retained_bytes < RETAINED_MIN ||
	    !mt_case_weighs(c, bill.retained_bytes, RETAINED_PERMILLE) || ends(c, &bill))
		return false;
	mt_finding_begin(&f, "allocator", NULL);
	f.saves_bytes = bill.retained_bytes;
	f.saved_how = "all that it retains; some is needed for headers and rounding";
	mt_finding_evidence(&f, "retained_bytes", bill.retained_bytes);
	mt_finding_evidence(&f, "heap_live_bytes", bill.row->heap_live_bytes);
	mt_finding_evidence(&f, "rss_bytes", bill.row->rss_bytes);
	mt_finding_evidence(&f, "arenas_reserved_bytes", c->process->row.arena_reserved_bytes);
	mt_finding_title(&f, "%s retains %s that nobody uses, of %s resident at the %s",
			 c->process->row.allocators ?: "the allocator",
			 mt_unit_bytes(bill.retained_bytes).s, mt_unit_bytes(bill.row->rss_bytes).s,
			 at);
	mt_finding_advice(&f, "%s", advice);
	mt_finding_add(c, &f);
	return true;
}

static void arenas(struct mt_case *c)
{
	const struct mt_process_row *row = &c->process->row;
	struct mt_finding f;

	if (row->arena_reserved_bytes < ARENAS_MIN_BYTES)
		return;
	mt_finding_begin(&f, "allocator", NULL);
	f.saves_reserved_bytes = row->arena_reserved_bytes;
	f.saved_how = "all arenas but the main one";
	mt_finding_evidence(&f, "arenas_reserved_bytes", row->arena_reserved_bytes);
	mt_finding_evidence(&f, "threads_peak_alive_count", row->threads_peak_alive);
	mt_finding_title(&f, "glibc's arenas reserve %s of address space",
			 mt_unit_bytes(row->arena_reserved_bytes).s);
	mt_finding_advice(&f, "%s", advice);
	mt_finding_add(c, &f);
}

void mt_rule_allocator(struct mt_case *c)
{
	if (!retained(c, "peak"))
		retained(c, "end");
	arenas(c);
}
