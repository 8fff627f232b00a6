// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * logic/call.h: what a call asks for and may free, calls inside calls, calls that never return,
 * chains of reallocs, the busiest window, and who called.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static unsigned int overtakers; /* so many swaps find that another was faster */

static unsigned long long swap_hook(unsigned long long *at, unsigned long long old,
				    unsigned long long next)
{
	if (overtakers) {
		overtakers--;
		++*at;
	}
	return __sync_val_compare_and_swap(at, old, next);
}

#define __sync_val_compare_and_swap(at, old, next) swap_hook(at, old, next)
#include "logic/call.h"
#undef __sync_val_compare_and_swap

#define POP	     MT_RETURN_POP
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static unsigned int seed;

static unsigned int roll(unsigned int n)
{
	return rand_r(&seed) % n;
}

static __u64 random_word(void)
{
	__u64 word = (__u64)rand_r(&seed) << 33 ^ (__u64)rand_r(&seed) << 11 ^ rand_r(&seed);

	return word >> roll(64);
}

/* ---- what a call asks for ---------------------------------------------------------------- */

static void test_product(void **state)
{
	const __u64 edges[] = { 0, 1, 2, 3, 0xffffffff, 1ULL << 32, 1ULL << 63, ~0ULL - 1, ~0ULL };

	for (size_t i = 0; i < COUNT(edges) * COUNT(edges) + 1000000; i++) {
		bool edge = i < COUNT(edges) * COUNT(edges);
		__u64 n = edge ? edges[i / COUNT(edges)] : random_word();
		__u64 size = edge ? edges[i % COUNT(edges)] : random_word();
		unsigned __int128 truth = (unsigned __int128)n * size;

		assert_int_equal(mt_call_product(n, size), truth >> 64 ? ~0ULL : (__u64)truth);
	}
	for (int i = 0; i < 100000; i++) { /* close to the edge on either side */
		__u64 n = random_word() + 1, most = ~0ULL / n;

		if (!n)
			continue;
		assert_int_equal(mt_call_product(n, most), n * most);
		if (n > 1)
			assert_int_equal(mt_call_product(n, most + 1), ~0ULL);
	}
}

static void test_frees(void **state)
{
	const __u32 frees[] = { MT_FUNC_REALLOC, MT_FUNC_REALLOCARRAY, MT_FUNC_RALLOCX,
				MT_FUNC_XALLOCX, MT_FUNC_REALLOCF };

	for (__u32 func = 0; func < MT_FUNC_MAX; func++) {
		int expected = 0;

		for (size_t i = 0; i < COUNT(frees); i++)
			expected |= frees[i] == func;
		assert_int_equal(mt_call_frees(func), expected);
	}
}

static void test_result(void **state)
{
	const struct mt_pending malloc_call = { .func = MT_FUNC_MALLOC, .size_bytes = 100 };
	const struct mt_pending xallocx = { .func = MT_FUNC_XALLOCX,
					    .arg = 0x1000,
					    .size_bytes = 100 };

	assert_int_equal(mt_call_result(&malloc_call, 0x2000), 0x2000);
	assert_int_equal(mt_call_result(&malloc_call, 0), 0);
	assert_int_equal(mt_call_result(&xallocx, 112), 0x1000); /* its size class */
	assert_int_equal(mt_call_result(&xallocx, 100), 0x1000);
	assert_int_equal(mt_call_result(&xallocx, 99), 0); /* it stayed smaller */
}

static void test_internal(void **state)
{
	const struct mt_probe around = { .internal_from = -0x100, .internal_to = 0x200 };
	const struct mt_probe above = { .internal_from = 0x50, .internal_to = 0x60 };
	const struct mt_probe none = { .internal_from = 0, .internal_to = 0 };
	const __u64 ip = 0x7f0000001000;

	assert_true(mt_call_internal(&around, ip, ip - 0x100));
	assert_false(mt_call_internal(&around, ip, ip - 0x101));
	assert_true(mt_call_internal(&around, ip, ip + 0x1ff));
	assert_false(mt_call_internal(&around, ip, ip + 0x200));
	assert_true(mt_call_internal(&above, ip, ip + 0x50));
	assert_false(mt_call_internal(&above, ip, ip + 0x4f));
	assert_false(mt_call_internal(&none, ip, ip));
	assert_false(mt_call_internal(&around, ip, 0));
	assert_false(mt_call_internal(&around, ip, ip + (1ULL << 32))); /* not cut to 32 bits */
}

static void test_was_free(void **state)
{
	const struct {
		struct mt_pending call;
		int was_free;
	} calls[] = {
		{ { .func = MT_FUNC_REALLOC, .arg = 0x1000, .size_bytes = 0 }, 1 },
		{ { .func = MT_FUNC_REALLOCARRAY, .arg = 0x1000, .size_bytes = 0 }, 1 },
		{ { .func = MT_FUNC_REALLOC, .arg = 0x1000, .size_bytes = 8 }, 0 }, /* failed */
		{ { .func = MT_FUNC_REALLOC, .arg = 0, .size_bytes = 0 }, 0 },
		{ { .func = MT_FUNC_POSIX_MEMALIGN, .arg = 0x1000, .size_bytes = 0 }, 0 },
		{ { .func = MT_FUNC_MALLOC, .size_bytes = 0 }, 0 },
		{ { .func = MT_FUNC_XALLOCX, .arg = 0x1000, .size_bytes = 0 }, 0 },
	};

	for (size_t i = 0; i < COUNT(calls); i++)
		assert_int_equal(mt_call_was_free(&calls[i].call), calls[i].was_free);
}

/* ---- entries and returns ----------------------------------------------------------------- */

static enum mt_nesting nesting(const struct mt_pending *call, __u32 probe, __u64 sp)
{
	return mt_call_nesting(call, probe, sp, 0, 0);
}

static void test_nested(void **state)
{
	const struct mt_pending call = { .func = MT_FUNC_REALLOCARRAY,
					 .probe = MT_FUNC_REALLOCARRAY,
					 .result = MT_RESULT_RETURN,
					 .sp = 0x7000 };

	assert_int_equal(nesting(&call, MT_FUNC_MALLOC, 0x6ff8), MT_NESTING_INSIDE);
	assert_int_equal(nesting(&call, MT_FUNC_REALLOCARRAY, 0x6ff8), MT_NESTING_INSIDE);
	assert_int_equal(nesting(&call, MT_FUNC_REALLOC, 0x7000), MT_NESTING_INSIDE); /* a jump */
	assert_int_equal(nesting(&call, MT_FUNC_REALLOCARRAY, 0x7000), MT_NESTING_NONE);
	assert_int_equal(nesting(&call, MT_FUNC_MALLOC, 0x7008), MT_NESTING_NONE);
	assert_int_equal(nesting(&call, MT_FUNC_REALLOCARRAY, 0x7008), MT_NESTING_NONE);
}

/* Operator new runs code of the program's, and ends by exceptions that the program catches. */
static void test_nested_in_new(void **state)
{
	const __u64 sp = 0x7000, caller = 0x401000, other = 0x402000;
	const struct mt_pending call = { .func = MT_FUNC_NEW,
					 .probe = MT_FUNC_NEW,
					 .result = MT_RESULT_RET,
					 .sp = sp,
					 .caller = caller };

	assert_int_equal(mt_call_nesting(&call, MT_FUNC_MALLOC, sp - 8, other, 1),
			 MT_NESTING_INSIDE);
	assert_int_equal(mt_call_nesting(&call, MT_FUNC_MALLOC, sp - 8, other, 0),
			 MT_NESTING_BESIDE);
	assert_int_equal(mt_call_nesting(&call, MT_FUNC_MALLOC, sp, caller, 0), MT_NESTING_INSIDE);
	assert_int_equal(mt_call_nesting(&call, MT_FUNC_MALLOC, sp, other, 0), MT_NESTING_NONE);
	assert_int_equal(mt_call_nesting(&call, MT_FUNC_NEW, sp, caller, 0), MT_NESTING_NONE);
	assert_true(mt_call_ends(&call, sp));
	assert_false(mt_call_ends(&call, sp - 8));
	assert_false(mt_call_ends(&call, sp + 8));
	assert_false(mt_call_ends(&(struct mt_pending){ .sp = sp, .result = MT_RESULT_RET }, sp));
	assert_false(mt_call_ends(
		&(struct mt_pending){ .func = MT_FUNC_NEW, .sp = sp, .result = MT_RESULT_RETURN },
		sp));
}

/* Of entries without returns, the one that another has jumped to. */
static void test_same_call(void **state)
{
	const struct mt_pending last = { .probe = 3, .sp = 0x7000, .caller = 0x401000 };

	assert_true(mt_call_same(&last, 4, 0x7000, 0x401000));
	assert_false(mt_call_same(&last, 3, 0x7000, 0x401000)); /* a loop */
	assert_false(mt_call_same(&last, 4, 0x7000, 0x401020));
	assert_false(mt_call_same(&last, 4, 0x6ff0, 0x401000));
}

static void test_returns(void **state)
{
	const struct mt_pending call = { .func = MT_FUNC_REALLOC,
					 .probe = MT_FUNC_REALLOC,
					 .sp = 0x7000 };
	const struct mt_pending none = { .func = 0, .sp = 0x7000 };

	assert_true(mt_call_returns(&call, MT_FUNC_REALLOC, 0x7000 + POP));
	assert_true(mt_call_returns(&call, MT_FUNC_REALLOC, 0x7100));
	assert_false(mt_call_returns(&call, MT_FUNC_REALLOC, 0x7000 + POP - 1));
	assert_false(mt_call_returns(&call, MT_FUNC_REALLOC, 0x6000));
	assert_false(mt_call_returns(&call, MT_FUNC_MALLOC, 0x7000 + POP));
	assert_false(mt_call_returns(&none, MT_FUNC_REALLOC, 0x7000 + POP));
	assert_false(mt_call_returns(&none, 0, 0x7000 + POP));
}

/*
 * One thread's probes, in the order that alloc.bpf.c asks its questions. Each function has one
 * probe here, of its own number.
 */
struct pairing {
	struct mt_pending call;
	unsigned int counted, nested, discarded;
};

static void enter(struct pairing *p, __u32 func, __u64 sp)
{
	if (p->call.func) {
		if (nesting(&p->call, func, sp) == MT_NESTING_INSIDE) {
			p->nested++;
			return;
		}
		p->discarded++;
	}
	p->call = (struct mt_pending){ .func = func, .probe = func, .sp = sp };
}

static void leave(struct pairing *p, __u32 func, __u64 sp)
{
	if (!mt_call_returns(&p->call, func, sp + POP))
		return;
	p->counted++;
	p->call.func = 0;
}

static void check_pairing(const struct pairing *p, unsigned int counted, unsigned int nested,
			  unsigned int discarded)
{
	assert_int_equal(p->counted, counted);
	assert_int_equal(p->nested, nested);
	assert_int_equal(p->discarded, discarded);
}

static void test_tail_call(void **state)
{
	struct pairing p = { 0 };

	enter(&p, MT_FUNC_REALLOCARRAY, 0x7000);
	enter(&p, MT_FUNC_REALLOC, 0x7000); /* jumps: one return address for both */
	enter(&p, MT_FUNC_MALLOC, 0x6f00);
	leave(&p, MT_FUNC_MALLOC, 0x6f00);
	leave(&p, MT_FUNC_REALLOC, 0x7000);
	check_pairing(&p, 0, 2, 0);
	leave(&p, MT_FUNC_REALLOCARRAY, 0x7000);
	check_pairing(&p, 1, 2, 0);
}

/* Longjmp, or an exception: out of a call, to where the same or another call is made. */
static void test_left_without_return(void **state)
{
	struct pairing p = { 0 };

	enter(&p, MT_FUNC_MALLOC, 0x7000);
	enter(&p, MT_FUNC_MALLOC, 0x7000); /* a loop around setjmp */
	check_pairing(&p, 0, 0, 1);
	leave(&p, MT_FUNC_MALLOC, 0x7000);
	check_pairing(&p, 1, 0, 1);

	enter(&p, MT_FUNC_CALLOC, 0x7000);
	enter(&p, MT_FUNC_MALLOC, 0x7100); /* from a frame further out */
	leave(&p, MT_FUNC_CALLOC, 0x7000); /* cannot come, and would not count */
	check_pairing(&p, 1, 0, 2);
	leave(&p, MT_FUNC_MALLOC, 0x7100);
	check_pairing(&p, 2, 0, 2);
}

/* A call that calls others, below itself or by a tail call, and returns. */
static void random_call(struct pairing *p, __u32 func, __u64 sp, unsigned int depth)
{
	enter(p, func, sp);
	for (unsigned int calls = depth < 4 ? roll(3) : 0; calls; calls--)
		random_call(p, MT_FUNC_MALLOC + roll(4), sp - 16 - roll(100) * 16, depth + 1);
	if (roll(5) == 0) {
		enter(p, MT_FUNC_PVALLOC, sp);
		leave(p, MT_FUNC_PVALLOC, sp);
	}
	leave(p, func, sp);
}

/* One in four is left by longjmp; the next is then made at the same place, or further out. */
static void test_random_calls(void **state)
{
	struct pairing p = { 0 };
	unsigned int returned = 0, left = 0;

	for (int i = 0; i < 100000; i++) {
		bool pending = p.call.func;
		__u64 sp = pending ? p.call.sp + roll(2) * 16 : 0x70000 - roll(64) * 16;
		__u32 func = MT_FUNC_MALLOC + roll(4);

		if (pending && sp == p.call.sp)
			func = p.call.func;
		left += pending;
		if (roll(4)) {
			random_call(&p, func, sp, 0);
			returned++;
		} else {
			enter(&p, func, sp);
			enter(&p, MT_FUNC_PVALLOC, sp - 16);
		}
		assert_int_equal(p.counted, returned);
		assert_int_equal(p.discarded, left);
	}
	assert_in_range(p.nested, 10000, 10000000);
}

/* ---- reallocs ---------------------------------------------------------------------------- */

static void test_copied(void **state)
{
	struct mt_pending call = { .func = MT_FUNC_REALLOC, .size_bytes = 300 };

	call.old.size_bytes = 100;
	assert_int_equal(mt_call_copied(&call, 1), 100);
	assert_int_equal(mt_call_copied(&call, 0), 0);
	call.old.size_bytes = 1000;
	assert_int_equal(mt_call_copied(&call, 1), 300);
	call.remapped = 1;
	assert_int_equal(mt_call_copied(&call, 1), 0);
}

static void test_chain(void **state)
{
	const struct mt_live first = { .size_bytes = 64, .born_ns = 1000 };

	for (int round = 0; round < 100; round++) {
		struct mt_live old = first;
		__u64 copied = 0;

		for (unsigned int len = 1; len < 50; len++) {
			struct mt_live rec = { .size_bytes = roll(1000), .born_ns = 1000 + len };
			__u64 now = roll(1000);

			mt_chain_next(&rec, &old, now);
			copied += now;
			assert_int_equal(rec.chain_len, len);
			assert_int_equal(rec.chain_copied_bytes, copied);
			assert_int_equal(rec.chain_first_ns, 1000);
			assert_int_equal(rec.chain_first_bytes, 64);
			assert_int_equal(rec.born_ns, 1000 + len);
			old = rec;
		}
	}
}

/* ---- the busiest window ------------------------------------------------------------------ */

static void test_window(void **state)
{
	const __u64 w = MT_BUSY_WINDOW_NS;
	__u64 window = 0;

	assert_int_equal(mt_window_add(&window, 7 * w, 1), 1);
	assert_int_equal(mt_window_add(&window, 7 * w + 1, 1), 2);
	assert_int_equal(mt_window_add(&window, 8 * w - 1, 1), 3);
	assert_int_equal(mt_window_add(&window, 8 * w, 1), 1);
	assert_int_equal(mt_window_add(&window, 10 * w + 5, 1), 1);
	assert_int_equal(mt_window_add(&window, 10 * w + 5, 1), 2);
	assert_int_equal(mt_window_add(&window, 10 * w + 5, 40), 42);
	/* 13 years of uptime: the number of the window no longer fits */
	assert_int_equal(mt_window_add(&window, ((1ULL << 32) + 10) * w, 1), 43);
}

#define THREADS 8
#define WINDOWS 20
#define CALLS	30000 /* of each thread in the busiest window */

static struct {
	pthread_barrier_t barrier;
	__u64 window;
	__u64 window_calls[THREADS]; /* the most that a thread was told */
	__u64 given_up;
} busy;

static void *busy_thread(void *arg)
{
	__u64 *most = arg;

	for (int i = 0; i < WINDOWS; i++) {
		pthread_barrier_wait(&busy.barrier);
		for (int j = 0; j <= CALLS * (i == WINDOWS / 2); j++) {
			__u64 n = mt_window_add(&busy.window, i * MT_BUSY_WINDOW_NS + j, 1);

			*most = n > *most ? n : *most;
			if (!n)
				__sync_fetch_and_add(&busy.given_up, 1);
		}
		pthread_barrier_wait(&busy.barrier);
	}
	return NULL;
}

/* One window in the middle has all the calls; nobody knows them all, somebody the last. */
static void test_window_threads(void **state)
{
	pthread_t threads[THREADS];
	__u64 most = 0;

	busy.window = busy.given_up = 0;
	assert_int_equal(pthread_barrier_init(&busy.barrier, NULL, THREADS), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, busy_thread, &busy.window_calls[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		most = busy.window_calls[i] > most ? busy.window_calls[i] : most;
	}
	pthread_barrier_destroy(&busy.barrier);
	assert_int_equal(most + busy.given_up, THREADS * (CALLS + 1));
	assert_int_equal((__u32)busy.window, THREADS); /* the last window: one call each */
}

static void test_window_overtaken(void **state)
{
	__u64 window = 0;

	overtakers = 63;
	assert_int_equal(mt_window_add(&window, 5, 1), 64);
	overtakers = 64;
	assert_int_equal(mt_window_add(&window, 5, 1), 0); /* given up */
	assert_int_equal(window, 128);
}

/* ---- who called -------------------------------------------------------------------------- */

static void test_cookie(void **state)
{
	__u64 cookie = MT_COOKIE(0x89abcdef, 0xfedcba98);

	assert_int_equal(MT_COOKIE_TGID(cookie), 0x89abcdef);
	assert_int_equal(MT_COOKIE_PROBE(cookie), 0xfedcba98);
	assert_int_equal(MT_COOKIE_TGID(MT_COOKIE(0, 7)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_product),	       cmocka_unit_test(test_frees),
		cmocka_unit_test(test_result),	       cmocka_unit_test(test_was_free),
		cmocka_unit_test(test_nested),	       cmocka_unit_test(test_nested_in_new),
		cmocka_unit_test(test_same_call),      cmocka_unit_test(test_returns),
		cmocka_unit_test(test_tail_call),      cmocka_unit_test(test_left_without_return),
		cmocka_unit_test(test_random_calls),   cmocka_unit_test(test_copied),
		cmocka_unit_test(test_chain),	       cmocka_unit_test(test_window),
		cmocka_unit_test(test_window_threads), cmocka_unit_test(test_window_overtaken),
		cmocka_unit_test(test_cookie),	       cmocka_unit_test(test_internal),
	};
	const char *given = getenv("MT_SEED");

	seed = given ? strtoul(given, NULL, 0) : (unsigned int)time(NULL);
	print_message("MT_SEED=%u\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
