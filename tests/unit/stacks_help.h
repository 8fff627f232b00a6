/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * stacks_help.h: what the tests of the thread ledger share: questions to it, and mappings
 * laid out as stacks are, whose threads are made up.
 */
#ifndef MT_TESTS_STACKS_HELP_H
#define MT_TESTS_STACKS_HELP_H

#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "session/ledger.h"
#include "session/stacks.h"
#include "util/cleanup.h"

#define FAKE_TID (1 << 23) /* beyond the kernel's highest pid */

/* A test whose *state says whether to scan, both ways. */
#define BOTH(test)                                          \
	{ #test " (scan)", test, NULL, NULL, &scan },       \
	{                                                   \
#test " (read)", test, NULL, NULL, &no_scan \
	}

static bool scan = true, no_scan = false;
static uint64_t page;

/* A new thread ledger of this process, or of another; *state: may it scan? */
static inline struct mt_stacks *stacks_of(void **state, pid_t pid)
{
	struct mt_stacks *s = NULL;

	assert_int_equal(mt_stacks_new(&s, pid), 0);
	if (!*(bool *)*state)
		mt_stacks_forbid_scan(s);
	return s;
}

static inline void tick(struct mt_stacks *s, const struct mt_ledger *ledger)
{
	assert_int_equal(mt_stacks_tick(s, ledger), 0);
}

static inline int copy_thread(const struct mt_stacks_thread *thread, void *arg)
{
	struct mt_stacks_thread *out = arg;

	if (thread->tid != out->tid)
		return 0;
	*out = *thread;
	return 1;
}

static inline struct mt_stacks_thread thread_of(const struct mt_stacks *s, pid_t tid)
{
	struct mt_stacks_thread thread = { .tid = tid };

	assert_int_equal(mt_stacks_each_thread(s, copy_thread, &thread), 1);
	return thread;
}

static inline int copy_site(const struct mt_stacks_site *site, void *arg)
{
	struct mt_stacks_site *out = arg;

	if (site->stack != out->stack)
		return 0;
	*out = *site;
	return 1;
}

static inline struct mt_stacks_site site_of(const struct mt_stacks *s, uint64_t stack)
{
	struct mt_stacks_site site = { .stack = stack };

	assert_int_equal(mt_stacks_each_site(s, copy_site, &site), 1);
	return site;
}

struct area {
	char *base;
	size_t len;
};

static inline void area_unmap(struct area *a)
{
	if (a->base)
		munmap(a->base, a->len);
}

/* A hole on both sides, so that nothing merges with it. */
static inline struct area area_map(size_t pages)
{
	struct area a = { .len = (pages + 2) * page };

	a.base = mmap(NULL, a.len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(a.base != MAP_FAILED);
	assert_int_equal(munmap(a.base, page), 0);
	assert_int_equal(munmap(a.base + a.len - page, page), 0);
	a.base += page;
	a.len -= 2 * page;
	return a;
}

static inline void writable(const struct area *a, size_t from, size_t to)
{
	assert_int_equal(
		mprotect(a->base + from * page, (to - from) * page, PROT_READ | PROT_WRITE), 0);
	madvise(a->base, a->len, MADV_NOHUGEPAGE);
}

static inline void touch(const struct area *a, size_t at)
{
	a->base[at * page] = 1;
}

/* A stack pointer near the top of the stack that ends at page `end`. */
static inline uint64_t sp_below(const struct area *a, size_t end)
{
	return (uintptr_t)a->base + end * page - 700;
}

#endif
