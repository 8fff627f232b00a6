/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * ledger: mappings that are split, shrunk, mapped over, grown, moved and left behind, and calls
 * that fail. Who owns which page is kept page by page. Through syscall(2), which has no frame
 * of its own, so that every call has a known caller.
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include "truth.h"

#define PAGE  4096UL
#define PAGES 4096

static struct {
	uintptr_t addr;
	const char *owner; /* NULL: not mapped */
} page[PAGES];

/* The page's entry, or a free one. */
static int page_at(uintptr_t addr)
{
	int empty = -1;

	for (int i = 0; i < PAGES; i++) {
		if (page[i].owner && page[i].addr == addr)
			return i;
		if (!page[i].owner && empty < 0)
			empty = i;
	}
	if (empty < 0)
		truth_die("ledger: too many pages");
	return empty;
}

static void own(char *p, size_t len, const char *owner)
{
	for (size_t off = 0; off < len; off += PAGE) {
		int i = page_at((uintptr_t)p + off);

		page[i].addr = (uintptr_t)p + off;
		page[i].owner = owner;
	}
}

/* After every call: who has how much, and who had at the peak. */
static void recount(void)
{
	struct truth_tally *map = truth.now.map;
	static long peak;
	long total = 0;

	for (int i = 0; map[i].function; i++)
		map[i].bytes = 0;
	for (int i = 0; i < PAGES; i++) {
		if (!page[i].owner)
			continue;
		truth_tally(map, page[i].owner)->bytes += PAGE;
		total += PAGE;
	}
	if (total <= peak)
		return;
	peak = total;
	for (int i = 0; map[i].function; i++)
		map[i].at_peak_bytes = map[i].bytes;
}

static char *mapped(char *p, size_t len, const char *owner)
{
	if (p == MAP_FAILED)
		truth_die("ledger: cannot map");
	own(p, len, owner);
	truth_tally(truth.now.map, owner)->count++;
	recount();
	return p;
}

#define MMAP(addr, len, flags)                                        \
	((char *)syscall(SYS_mmap, addr, len, PROT_READ | PROT_WRITE, \
			 MAP_PRIVATE | MAP_ANONYMOUS | (flags), -1, 0))

SITE char *map_plain(size_t len)
{
	return mapped(MMAP(NULL, len, 0), len, __func__);
}

SITE void map_over(char *p, size_t len)
{
	mapped(MMAP(p, len, MAP_FIXED), len, __func__);
}

SITE void map_reserve(size_t len)
{
	char *p = (char *)syscall(SYS_mmap, NULL, len, PROT_NONE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	mapped(p, len, __func__);
}

SITE void unmap(char *p, size_t len)
{
	if (syscall(SYS_munmap, p, len))
		truth_die("ledger: cannot unmap");
	own(p, len, NULL);
	recount();
}

/* What is moved keeps its owner; what is added belongs to this call. */
SITE char *remap(char *p, size_t old, size_t new, int flags, char *to)
{
	size_t moved = flags & MREMAP_DONTUNMAP ? 0 : old < new ? old : new;
	const char *owner = page[page_at((uintptr_t)p)].owner;
	char *q = (char *)syscall(SYS_mremap, p, old, new, flags, to);

	if (q == MAP_FAILED)
		truth_die("ledger: cannot remap");
	truth.now.mremap_count++;
	if (!(flags & MREMAP_DONTUNMAP))
		own(p, old, NULL);
	own(q, moved, owner);
	if (new > moved)
		own(q + moved, new - moved, __func__);
	recount();
	return q;
}

SITE void fail(char *p)
{
	long good = 0;

	good += syscall(SYS_mmap, NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != -1;
	good += MMAP(p, PAGE, MAP_FIXED_NOREPLACE) != MAP_FAILED;
	good += MMAP(p + 1, PAGE, MAP_FIXED) != MAP_FAILED;
	good += syscall(SYS_munmap, p + 1, PAGE) != -1;
	good += syscall(SYS_mremap, p + 1, PAGE, 2 * PAGE, MREMAP_MAYMOVE) != -1;
	good += syscall(SYS_mremap, p, PAGE, 1UL << 46, MREMAP_MAYMOVE) != -1;
	if (good)
		truth_die("ledger: what must fail did not");
}

int main(void)
{
	char *p = map_plain(64 * PAGE), *q = map_plain(32 * PAGE), *r = map_plain(16 * PAGE);
	char *s = map_plain(128 * PAGE);

	unmap(p + 20 * PAGE, 10 * PAGE); /* the middle: splits it */
	unmap(p, 4 * PAGE);		 /* the head */
	unmap(p + 62 * PAGE, 2 * PAGE);	 /* the tail */
	unmap(p + 16 * PAGE, 20 * PAGE); /* over the hole: ends of both halves */
	unmap(q + 30 * PAGE, PAGE + 1);	 /* rounds up to two pages */
	map_over(q + 4 * PAGE, 8 * PAGE);
	map_over(r, 16 * PAGE); /* all of it */
	fail(p + 5 * PAGE);
	s = remap(s, 128 * PAGE, 100 * PAGE, 0, NULL); /* shrinks */
	r = remap(r, 16 * PAGE, 300 * PAGE, MREMAP_MAYMOVE, NULL);
	q = remap(q, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, s + 50 * PAGE);
	remap(q, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	map_reserve(600 * PAGE);
	unmap(map_plain(200 * PAGE), 200 * PAGE);
	truth_write();
	return 0;
}
