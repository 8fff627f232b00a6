// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The thread ledger on mappings laid out as stacks are: guards of every kind, stacks that
 * share a mapping, stack pointers into other things. With PAGEMAP_SCAN and with reading.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "session/pagemap.h"
#include "stacks_help.h"

#define MIB (1UL << 20)

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* 6.13 */
#endif

static void assert_pages(const struct mt_stacks_thread *thread, int64_t reserved, int64_t guard,
			 int64_t touched)
{
	const int64_t size = page;

	assert_int_equal(thread->reserved_bytes, reserved < 0 ? -1 : reserved * size);
	assert_int_equal(thread->guard_bytes, guard < 0 ? -1 : guard * size);
	assert_int_equal(thread->touched_bytes, touched < 0 ? -1 : touched * size);
}

static void test_guard_and_depth(void **state)
{
	__cleanup(mt_stacks_free) struct mt_stacks *s = stacks_of(state, getpid());
	__cleanup(area_unmap) struct area a = area_map(64);
	struct mt_stacks_thread t;

	writable(&a, 4, 64);
	assert_int_equal(mt_stacks_spawn(s, 1, sp_below(&a, 64), 7, 100), 0);
	tick(s, NULL);
	t = thread_of(s, 1);
	assert_pages(&t, 60, 4, -1); /* nothing touched: as if it had not been seen */
	assert_int_equal(mt_stacks_totals(s)->touched_peak_bytes, -1);
	touch(&a, 63);
	tick(s, NULL);
	t = thread_of(s, 1);
	assert_pages(&t, 60, 4, 1);
	touch(&a, 40); /* what is between was skipped by a large frame */
	tick(s, NULL);
	t = thread_of(s, 1);
	assert_pages(&t, 60, 4, 24);
	madvise(a.base, a.len, MADV_DONTNEED);
	touch(&a, 50);
	tick(s, NULL);
	t = thread_of(s, 1);
	assert_pages(&t, 60, 4, 24);
	touch(&a, 4);
	tick(s, NULL);
	t = thread_of(s, 1);
	assert_pages(&t, 60, 4, 60);
	assert_int_equal(site_of(s, 7).reserved_bytes, 60 * page);
	assert_int_equal(site_of(s, 7).touched_max_bytes, 60 * page);
}

/* A bare clone's first stack pointer is the end of its stack, which is all readable. */
static void test_pointer_at_the_end(void **state)
{
	__cleanup(mt_stacks_free) struct mt_stacks *s = stacks_of(state, getpid());
	__cleanup(area_unmap) struct area a = area_map(8);
	struct mt_stacks_thread t;

	assert_int_equal(mprotect(a.base, 3 * page, PROT_READ), 0); /* no guard */
	writable(&a, 3, 8);
	touch(&a, 7);
	assert_int_equal(mt_stacks_spawn(s, 1, (uintptr_t)a.base + 8 * page, 0, 0), 0);
	tick(s, NULL);
	t = thread_of(s, 1);
	assert_pages(&t, 5, 0, 1);
}

/* The stack of a thread whose exit is not told yet, and then of one whose exit is. */
static void test_reused_stack(void **state)
{
	__cleanup(mt_stacks_free) struct mt_stacks *s = stacks_of(state, getpid());
	__cleanup(area_unmap) struct area a = area_map(16);
	const struct mt_stacks_totals *totals = mt_stacks_totals(s);

	writable(&a, 2, 16);
	touch(&a, 15);
	assert_int_equal(mt_stacks_spawn(s, 1, sp_below(&a, 16), 0, 0), 0);
	tick(s, NULL);
	mt_stacks_exit(s, 1, "", 1);
	for (int tid = 2; tid <= 4; tid++) {
		struct mt_stacks_thread t;

		/* A little lower than the one before, on another page, and a little higher. */
		assert_int_equal(
			mt_stacks_spawn(s, tid, sp_below(&a, tid == 3 ? 15 : 16) + tid, 0, 0), 0);
		tick(s, NULL);
		t = thread_of(s, tid);
		assert_pages(&t, 14, 2, 1);
		if (tid > 2)
			mt_stacks_exit(s, tid, "", 1);
		assert_int_equal(totals->reserved_peak_bytes, (tid > 2 ? 28 : 14) * page);
		assert_int_equal(totals->touched_peak_bytes, (tid > 2 ? 2 : 1) * page);
	}
}

/* Two such that the first tick sees together. */
static void test_reused_at_once(void **state)
{
	__cleanup(mt_stacks_free) struct mt_stacks *s = stacks_of(state, getpid());
	__cleanup(area_unmap) struct area a = area_map(16);

	writable(&a, 2, 16);
	touch(&a, 15);
	for (int tid = 1; tid <= 2; tid++)
		assert_int_equal(mt_stacks_spawn(s, tid, sp_below(&a, 16), 0, 0), 0);
	tick(s, NULL);
	for (int tid = 1; tid <= 2; tid++) {
		struct mt_stacks_thread t = thread_of(s, tid);

		assert_pages(&t, 14, 2, 1);
	}
}

static void map_in_ledger(struct mt_ledger *l, const struct area *a, size_t from, size_t to)
{
	struct mt_ledger_mmap call = {
		.start = (uintptr_t)a->base + from * page,
		.len = (to - from) * page,
		.prot = PROT_NONE,
		.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK,
	};

	assert_int_equal(mt_ledger_mmap(l, 1, &call, 0), 0);
}

/* Three stacks without guards, of which the kernel makes one mapping. */
static void test_merged_stacks(void **state)
{
	__cleanup(area_unmap) struct area a = area_map(48);

	writable(&a, 0, 48);
	touch(&a, 15);
	touch(&a, 30);
	touch(&a, 31);
	touch(&a, 46);
	for (int with_ledger = 0; with_ledger < 2; with_ledger++) {
		__cleanup(mt_stacks_free) struct mt_stacks *s = stacks_of(state, getpid());
		__cleanup(mt_ledger_free) struct mt_ledger *l = NULL;
		struct mt_stacks_thread t;

		assert_int_equal(mt_ledger_new(&l), 0);
		for (int i = 0; i < 3 && with_ledger; i++)
			map_in_ledger(l, &a, 16 * i, 16 * (i + 1));
		assert_int_equal(mt_stacks_spawn(s, 2, sp_below(&a, 32), 0, 0), 0);
		assert_int_equal(mt_stacks_spawn(s, 1, sp_below(&a, 16), 0, 0), 0);
		if (!with_ledger) /* one that is found first takes what is not another's */
			tick(s, l);
		assert_int_equal(mt_stacks_spawn(s, 3, sp_below(&a, 48), 0, 0), 0);
		tick(s, l);
		t = thread_of(s, 1);
		assert_pages(&t, 16, 0, 1);
		t = thread_of(s, 2);
		assert_pages(&t, with_ledger ? 16 : 32, 0, with_ledger ? 2 : 18);
		t = thread_of(s, 3);
		if (with_ledger)
			assert_pages(&t, 16, 0, 2);
	}
}

/* The same, found in one tick and in the order of their creation. */
static void test_merged_stacks_at_once(void **state)
{
	__cleanup(mt_stacks_free) struct mt_stacks *s = stacks_of(state, getpid());
	__cleanup(area_unmap) struct area a = area_map(48);

	writable(&a, 0, 48);
	for (int i = 0; i < 3; i++) {
		touch(&a, 16 * i + 15 - i);
		assert_int_equal(mt_stacks_spawn(s, 1 + i, sp_below(&a, 16 * (i + 1)), 0, 0), 0);
	}
	tick(s, NULL);
	for (int i = 0; i < 3; i++) {
		struct mt_stacks_thread t = thread_of(s, 1 + i);

		assert_pages(&t, 16, 0, 1 + i);
	}
	assert_int_equal(mt_stacks_totals(s)->reserved_peak_bytes, 48 * page);
	assert_int_equal(mt_stacks_totals(s)->touched_peak_bytes, 6 * page);
}

/* A guard above something else that cannot be accessed: the ledger knows where it begins. */
static void test_merged_guard(void **state)
{
	__cleanup(area_unmap) struct area a = area_map(48);

	writable(&a, 20, 48);
	touch(&a, 47);
	for (int with_ledger = 0; with_ledger < 2; with_ledger++) {
		__cleanup(mt_stacks_free) struct mt_stacks *s = stacks_of(state, getpid());
		__cleanup(mt_ledger_free) struct mt_ledger *l = NULL;
		struct mt_stacks_thread t;

		assert_int_equal(mt_ledger_new(&l), 0);
		map_in_ledger(l, &a, 0, 16);
		map_in_ledger(l, &a, 16, 48);
		assert_int_equal(mt_stacks_spawn(s, 1, sp_below(&a, 48), 0, 0), 0);
		tick(s, with_ledger ? l : NULL);
		t = thread_of(s, 1);
		assert_pages(&t, 28, with_ledger ? 4 : 20, 1);
	}
}

/* Skips the test if the kernel cannot show such pages in that way. To be called first. */
static void need(enum mt_pages what, bool may_scan)
{
	struct area a = area_map(1);
	uint64_t start = (uintptr_t)a.base, end = start + page;
	struct mt_pagemap pagemap;
	int found;

	writable(&a, 0, 1);
	if (what == MT_PAGES_TOUCHED)
		touch(&a, 0);
	else
		madvise(a.base, page, MADV_GUARD_INSTALL);
	assert_int_equal(mt_pagemap_open(&pagemap, getpid()), 0);
	pagemap.scan = may_scan;
	found = mt_pagemap_first(&pagemap, what, &start, &end);
	mt_pagemap_close(&pagemap);
	area_unmap(&a);
	if (found == 1 && pagemap.scan == may_scan)
		return;
	print_message("this kernel has no %s\n", what == MT_PAGES_TOUCHED
							 ? "PAGEMAP_SCAN (6.7)"
							 : "guard pages that pagemap shows (6.15)");
	skip();
}

/* glibc 2.42: guards that no mapping shows, and stacks that merge. */
static void check_light_guards(void **state)
{
	__cleanup(mt_stacks_free) struct mt_stacks *s = stacks_of(state, getpid());
	__cleanup(area_unmap) struct area a = area_map(64);
	struct mt_pagemap pagemap = { .fd = -1 };
	struct mt_stacks_thread t;
	uint64_t start, end;

	writable(&a, 0, 64);
	assert_int_equal(madvise(a.base, 4 * page, MADV_GUARD_INSTALL), 0);
	assert_int_equal(madvise(a.base + 32 * page, 2 * page, MADV_GUARD_INSTALL), 0);
	start = (uintptr_t)a.base;
	end = start + a.len;
	assert_int_equal(mt_pagemap_open(&pagemap, getpid()), 0);
	pagemap.scan = *(bool *)*state;
	assert_int_equal(mt_pagemap_first(&pagemap, MT_PAGES_GUARD, &start, &end), 1);
	assert_int_equal(start, (uintptr_t)a.base);
	assert_int_equal(end, start + 4 * page);
	start = (uintptr_t)a.base + 31 * page;
	end = start + 2 * page;
	assert_int_equal(mt_pagemap_first(&pagemap, MT_PAGES_GUARD, &start, &end), 1);
	assert_int_equal(start, (uintptr_t)a.base + 32 * page);
	assert_int_equal(end, start + page);

	touch(&a, 30);
	start = (uintptr_t)a.base;
	end = start + a.len;
	assert_int_equal(mt_pagemap_first(&pagemap, MT_PAGES_TOUCHED, &start, &end), 1);
	assert_int_equal(start, (uintptr_t)a.base + 30 * page);
	pagemap.guards = false;
	start = (uintptr_t)a.base;
	assert_int_equal(mt_pagemap_first(&pagemap, MT_PAGES_GUARD, &start, &end), !pagemap.scan);
	mt_pagemap_close(&pagemap);

	touch(&a, 63);
	assert_int_equal(mt_stacks_spawn(s, 1, sp_below(&a, 32), 0, 0), 0);
	tick(s, NULL);
	t = thread_of(s, 1);
	assert_pages(&t, 28, 4, 2);
	assert_int_equal(mt_stacks_spawn(s, 2, sp_below(&a, 64), 0, 0), 0);
	tick(s, NULL);
	t = thread_of(s, 2);
	assert_pages(&t, 30, 2, 1);
}

static void test_light_guards(void **state)
{
	need(MT_PAGES_GUARD, *(bool *)*state);
	check_light_guards(state);
}

/* Stack pointers into a heap, an arena, nothing, or what cannot be read: unknown for good. */
static void test_not_a_stack(void **state)
{
	__cleanup(mt_stacks_free) struct mt_stacks *s = stacks_of(state, getpid());
	__cleanup(mt_ledger_free) struct mt_ledger *l = NULL;
	__cleanup(area_unmap) struct area a = area_map(2 * 64 * MIB / page);
	uint64_t heap = ((uintptr_t)a.base + 64 * MIB - 1) & -(64 * MIB);
	struct mt_ledger_mmap arena = {
		.start = heap,
		.len = 64 * MIB,
		.prot = PROT_NONE,
		.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
	};
	__cleanup(area_unmap) struct area b = area_map(8);
	__cleanup(area_unmap) struct area c = area_map(8);

	writable(&a, 0, a.len / page);
	writable(&b, 0, 8);
	assert_int_equal(mt_ledger_new(&l), 0);
	assert_int_equal(mt_ledger_mmap(l, 1, &arena, 0), 0);
	assert_int_equal(mt_ledger_brk(l, (uintptr_t)b.base, (uintptr_t)b.base + b.len, 1, 0), 0);
	assert_int_equal(mt_stacks_spawn(s, 1, heap + MIB, 0, 0), 0);
	assert_int_equal(mt_stacks_spawn(s, 2, sp_below(&b, 8), 0, 0), 0);
	assert_int_equal(mt_stacks_spawn(s, 3, (uintptr_t)a.base - 8, 0, 0), 0);
	assert_int_equal(mt_stacks_spawn(s, 4, (uintptr_t)sbrk(page), 0, 0), 0);
	assert_int_equal(mt_stacks_spawn(s, 5, sp_below(&c, 8), 0, 0), 0);
	tick(s, l);
	tick(s, NULL);
	for (int tid = 1; tid <= 5; tid++) {
		struct mt_stacks_thread t = thread_of(s, tid);

		assert_pages(&t, -1, -1, -1);
	}
	assert_int_equal(site_of(s, 0).reserved_bytes, -1);
	assert_int_equal(site_of(s, 0).touched_max_bytes, -1);
}

/* Takes the place of libc's. */
static unsigned int ioctls;

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	ioctls++;
	return syscall(SYS_ioctl, fd, request, arg);
}

/* Both ways are those that they claim to be. */
static void check_paths(void **state)
{
	__cleanup(area_unmap) struct area a = area_map(4096);
	bool may_scan = *(bool *)*state;
	struct mt_pagemap pagemap;
	__cleanup(mt_stacks_free) struct mt_stacks *s = stacks_of(state, getpid());
	uint64_t start = (uintptr_t)a.base, end = start + a.len;

	ioctls = 0;
	tick(s, NULL);
	assert_true(thread_of(s, getpid()).touched_bytes > 0);
	assert_true(may_scan == (ioctls > 0));
	writable(&a, 0, 4096);
	touch(&a, 3000);
	touch(&a, 3001);
	assert_int_equal(mt_pagemap_open(&pagemap, getpid()), 0);
	pagemap.scan = may_scan;
	pagemap.guards = false; /* as in 6.7 */
	assert_int_equal(mt_pagemap_first(&pagemap, MT_PAGES_TOUCHED, &start, &end), 1);
	assert_int_equal(start, (uintptr_t)a.base + 3000 * page);
	assert_int_equal(end, start + page);
	start = (uintptr_t)a.base;
	end = start + 3000 * page;
	assert_int_equal(mt_pagemap_first(&pagemap, MT_PAGES_TOUCHED, &start, &end), 0);
	assert_int_equal(mt_pagemap_first(&pagemap, MT_PAGES_GUARD, &start, &end), 0);
	mt_pagemap_close(&pagemap);
	assert_int_equal(pagemap.fd, -1);
}

static void test_paths(void **state)
{
	need(MT_PAGES_TOUCHED, *(bool *)*state);
	check_paths(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_paths),
		BOTH(test_guard_and_depth),
		BOTH(test_pointer_at_the_end),
		BOTH(test_reused_stack),
		BOTH(test_reused_at_once),
		BOTH(test_merged_stacks),
		BOTH(test_merged_stacks_at_once),
		BOTH(test_merged_guard),
		BOTH(test_light_guards),
		BOTH(test_not_a_stack),
	};

	page = sysconf(_SC_PAGESIZE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
