// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/losses.h"

#include <string.h>

#include "util/cleanup.h"

/* The names are those of bpf/wire.h and of capture/drain.c. */
static const struct loss {
	const char *name;
	enum mt_trust heap;
	enum mt_trust storms;
	enum mt_trust ledgers;
	const char *meaning;
} losses[] = {
	{ "ring_full", .ledgers = MT_TRUST_ABOUT,
	  .meaning = "events (mappings, threads, processes) that did not fit into the ring "
		     "buffer; raise --map-memory" },
	{ "vm_ring_full", .ledgers = MT_TRUST_ABOUT,
	  .meaning = "mmap, munmap, mremap and brk calls that did not fit into the ring buffer: "
		     "mappings are wrong by them; raise --map-memory" },
	{ "live_full", .heap = MT_TRUST_AT_LEAST, .storms = MT_TRUST_AT_LEAST,
	  .meaning = "blocks that did not fit into the kernel's table: counted as allocated, but "
		     "not as live; raise --map-memory" },
	{ "sites_full", .heap = MT_TRUST_ABOUT,
	  .meaning = "allocations in the total, but at no site: the table of sites was full; "
		     "raise --map-memory" },
	{ "storms_full", .storms = MT_TRUST_AT_LEAST,
	  .meaning = "reallocs that are in no storm: the table of storms was full; raise "
		     "--map-memory" },
	{ "stacks_full",
	  .meaning = "allocations and mappings counted, but shown without a stack: the table of "
		     "stacks was full; raise --map-memory" },
	{ "tables_evicted",
	  .meaning = "files whose unwind tables had no room: stacks end early where their code has "
		     "no frame pointers; raise --map-memory" },
	{ "hists_full",
	  .meaning = "sizes and lifetimes that are in no percentile: the table of histograms was "
		     "full; raise --map-memory" },
	{ "faults_full",
	  .meaning = "page faults in the total, but at no site: the table of their sites was full; "
		     "raise --map-memory" },
	{ "threads_full", .heap = MT_TRUST_ABOUT, .storms = MT_TRUST_AT_LEAST,
	  .ledgers = MT_TRUST_ABOUT,
	  .meaning = "threads whose calls were not seen: too many at once; raise --map-memory" },
	{ "images_full", .heap = MT_TRUST_AT_LEAST, .storms = MT_TRUST_AT_LEAST,
	  .ledgers = MT_TRUST_AT_LEAST,
	  .meaning = "programs that were not followed: too many at once; raise --map-memory" },
	{ "stack_failed",
	  .meaning = "calls counted, but without a stack: the kernel could not walk it" },
	{ "swap_exhausted", .heap = MT_TRUST_ABOUT, .storms = MT_TRUST_AT_LEAST,
	  .meaning = "updates given up because too many threads made the same one at once" },
	{ "headroom_full", .heap = MT_TRUST_ABOUT,
	  .meaning = "calls not counted because the heap was more than 512 GiB below its peak" },
	{ "result_unread", .heap = MT_TRUST_AT_LEAST,
	  .meaning = "blocks of posix_memalign whose address could not be read: not counted" },
	{ "block_replaced", .heap = MT_TRUST_ABOUT,
	  .meaning = "blocks whose free was missed: counted as live until their address was "
		     "handed out again" },
	{ "site_missing", .heap = MT_TRUST_ABOUT,
	  .meaning = "frees in the total, but not at a site, which stays too large; raise "
		     "--map-memory" },
	{ "new_unfollowed", .heap = MT_TRUST_ABOUT,
	  .meaning = "calls of an allocator's own operator new whose ends are not all known: "
		     "counted, but not in live or peak, and twice where they call malloc; they "
		     "may throw, and an exception does not pass a return probe" },
	{ "code_replaced",
	  .meaning = "mappings of code where other code had been (dlclose, then dlopen): in stacks "
		     "through it the one may have the other's names" },
	{ "events_unmatched", .ledgers = MT_TRUST_ABOUT,
	  .meaning = "events about a process or thread that was not known (its own event was "
		     "lost); raise --map-memory" },
};

static const struct loss *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(losses); i++)
		if (!strcmp(losses[i].name, name))
			return &losses[i];
	return NULL;
}

static void lower(enum mt_trust *trust, enum mt_trust to)
{
	if (to > *trust)
		*trust = to;
}

void mt_losses_get(struct mt_losses *out, const struct mt_model *m)
{
	static const struct loss unknown = { NULL, MT_TRUST_ABOUT, MT_TRUST_ABOUT, MT_TRUST_ABOUT,
					     NULL };

	*out = (struct mt_losses){ 0 };
	if (m->meta.sample_bytes > 0)
		out->heap = out->storms = MT_TRUST_SAMPLED;
	for (size_t i = 0; i < m->nr_lost; i++) {
		const struct loss *loss = find(m->lost[i].name) ?: &unknown;

		if (!m->lost[i].cnt)
			continue;
		out->any = true;
		lower(&out->heap, loss->heap);
		lower(&out->storms, loss->storms);
		lower(&out->ledgers, loss->ledgers);
	}
}

enum mt_trust mt_losses_process(enum mt_trust trust, const struct mt_process_row *row)
{
	if (row->windowed)
		lower(&trust, MT_TRUST_WINDOWED);
	return trust;
}

const char *mt_losses_meaning(const char *name)
{
	const struct loss *loss = find(name);

	return loss ? loss->meaning : NULL;
}
