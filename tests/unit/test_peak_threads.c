// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * logic/peak.h under real threads that share every site. Twice:
 *
 * - "ordered": a lock around the swaps of the process's word gives each its number, and nothing
 *   else changes; blocks go from thread to thread. The oracle replays the operations in that
 *   order and must agree to the byte, site by site.
 * - "bare": only the compare-and-swap. The order is not known, but each operation's epoch is, and
 *   the epochs alone fix what the peak and every site's part of it must be.
 *
 * Threads yield inside the swaps, so that races are lost on a single CPU too. Where even that
 * does not reach (between two instructions) two threads run at full speed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static __thread unsigned int seed;
static __thread size_t ticket;	/* of the thread's last swap of the ordered word */
static unsigned int overtakers; /* so many swaps find that another was faster */

static unsigned long long swap_hook(unsigned long long *at, unsigned long long old,
				    unsigned long long next);

/* Every swap of the algorithm comes through here. */
#define __sync_val_compare_and_swap(at, old, next) swap_hook(at, old, next)
#include "peak_model.h"
#undef __sync_val_compare_and_swap

#define THREADS_MAX 64
#define OPS_ALL	    192000
#define BLOCKS_MAX  32
#define SHELVES	    16
#define FAST_OPS    2000000
#define FIRST_EPOCH (EPOCHS - 40) /* wraps soon */

struct block {
	__u32 site; /* SITES: none */
	__u32 bytes;
};

struct done {
	struct op op;
	size_t ticket;
	__u32 epoch;
};

struct worker {
	pthread_t thread;
	unsigned int seed, blocks_n, growth;
	struct block blocks[BLOCKS_MAX];
	struct done *done;
	size_t n;
};

static struct {
	struct process process;
	pthread_mutex_t lock;
	size_t tickets;
	struct block shelves[SHELVES]; /* where threads leave blocks for others */
	size_t ops_each, leaks_until;
	size_t races_lost;
	bool ordered, over, yields;
	unsigned int seed, workers_n;
	struct worker workers[THREADS_MAX];
} s = { .lock = PTHREAD_MUTEX_INITIALIZER };

static unsigned int roll(unsigned int n)
{
	return rand_r(&seed) % n;
}

static unsigned long long swap_hook(unsigned long long *at, unsigned long long old,
				    unsigned long long next)
{
	unsigned long long was;

	if (s.yields && roll(16) == 0)
		sched_yield();
	if (overtakers) {
		overtakers--;
		++*at;
	}
	if (!s.ordered || at != &s.process.word) {
		was = __sync_val_compare_and_swap(at, old, next);
	} else {
		pthread_mutex_lock(&s.lock);
		was = __sync_val_compare_and_swap(at, old, next);
		if (was == old)
			ticket = s.tickets++;
		pthread_mutex_unlock(&s.lock);
	}
	if (was != old)
		__sync_fetch_and_add(&s.races_lost, 1);
	return was;
}

/* ---- the threads ------------------------------------------------------------------------- */

static struct block random_block(void)
{
	return (struct block){ roll(SITES), roll(4) ? roll(4) : roll(1 << 20) };
}

static bool choose(struct worker *w, struct op *op)
{
	bool grows;

	if (roll(50) == 0)
		w->growth = roll(17);
	grows = !w->blocks_n || (w->blocks_n < BLOCKS_MAX && roll(16) < w->growth);
	*op = (struct op){ .from = NONE, .to = NONE };
	if (!grows || (w->blocks_n && roll(4) == 0)) {
		struct block b = w->blocks[--w->blocks_n];

		op->from = b.site;
		op->from_bytes = b.bytes;
		grows = roll(3) == 0;
	}
	if (grows) {
		struct block b = random_block();

		op->to = b.site;
		op->to_bytes = b.bytes;
	}
	return grows;
}

/* Swap one of ours for what another thread has left there. */
static void hand_over(struct worker *w)
{
	struct block *shelf = &s.shelves[roll(SHELVES)], mine = w->blocks[w->blocks_n - 1], theirs;

	__atomic_exchange(shelf, &mine, &theirs, __ATOMIC_ACQ_REL);
	w->blocks_n--;
	if (theirs.site != SITES)
		w->blocks[w->blocks_n++] = theirs;
}

/* Sizes are too small for an overflow: what is left is a swap that was given up. */
static __u32 move(const struct op *op)
{
	__u32 epoch;

	while (mt_peak_move(&s.process.word, &s.process.peak, op_delta(op), &epoch) < 0)
		;
	return epoch;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	seed = w->seed;
	while (w->n < s.ops_each) {
		struct done *d = &w->done[w->n++];
		bool grows = choose(w, &d->op);

		d->epoch = move(&d->op);
		d->ticket = ticket;
		if (roll(16) == 0)
			sched_yield();
		process_account(&s.process, &d->op, d->epoch);
		if (grows && (w->n > s.leaks_until || roll(4)))
			w->blocks[w->blocks_n++] = (struct block){ d->op.to, d->op.to_bytes };
		if (s.ordered && w->blocks_n && roll(4) == 0)
			hand_over(w);
	}
	return NULL;
}

static void *sweep(void *arg)
{
	seed = s.seed;
	while (!__atomic_load_n(&s.over, __ATOMIC_ACQUIRE)) {
		process_refresh(&s.process);
		sched_yield();
	}
	return NULL;
}

static void run(unsigned int threads, bool ordered)
{
	pthread_t sweeper;

	process_init(&s.process, FIRST_EPOCH);
	s.ordered = ordered;
	s.yields = true;
	s.over = false;
	s.tickets = s.races_lost = 0;
	s.workers_n = threads;
	s.ops_each = OPS_ALL / threads;
	s.leaks_until = s.ops_each * (s.seed % 5) / 4; /* epoch after epoch, to here */
	for (int i = 0; i < SHELVES; i++)
		s.shelves[i].site = SITES;
	assert_int_equal(pthread_create(&sweeper, NULL, sweep, NULL), 0);
	for (unsigned int i = 0; i < threads; i++) {
		struct worker *w = &s.workers[i];

		*w = (struct worker){ .seed = s.seed++ };
		w->done = calloc(s.ops_each, sizeof(*w->done));
		assert_non_null(w->done);
		assert_int_equal(pthread_create(&w->thread, NULL, work, w), 0);
	}
	for (unsigned int i = 0; i < threads; i++)
		pthread_join(s.workers[i].thread, NULL);
	__atomic_store_n(&s.over, true, __ATOMIC_RELEASE);
	pthread_join(sweeper, NULL);
}

static __u32 epochs_since_first(__u32 epoch)
{
	return (epoch - FIRST_EPOCH) & MT_EPOCH_MASK;
}

/* ---- what must be true then -------------------------------------------------------------- */

static void finish(void)
{
	print_message("%u threads: %u epochs, %zu races lost\n", s.workers_n,
		      epochs_since_first(mt_peak_epoch(s.process.word)), s.races_lost);
	for (unsigned int i = 0; i < s.workers_n; i++)
		free(s.workers[i].done);
}

static void check_sums(void)
{
	__s64 live = 0, at_peak = 0;

	for (int i = 0; i < SITES; i++) {
		live += s.process.sites[i].live_bytes;
		at_peak += peak_bytes_of(&s.process, i);
	}
	assert_int_equal(at_peak, s.process.peak);
	assert_int_equal(live, s.process.peak - mt_peak_headroom(s.process.word));
}

static void check_order(void)
{
	struct op *ops = calloc(OPS_ALL, sizeof(*ops));
	size_t n = s.ops_each * s.workers_n;
	struct oracle o;

	assert_non_null(ops);
	assert_int_equal(s.tickets, n);
	for (unsigned int i = 0; i < s.workers_n; i++) {
		const struct worker *w = &s.workers[i];

		for (size_t j = 0; j < w->n; j++)
			ops[w->done[j].ticket] = w->done[j].op;
	}
	oracle_replay(&o, ops, n);
	free(ops);
	assert_true(process_agrees(&s.process, &o));
}

/*
 * A thread frees only its own blocks, so no other can have less than nothing live: the peak is
 * at least the highest that any thread had for itself, and at most the sum of these. A thread
 * never sees an epoch again that is over.
 */
static void check_bounds(void)
{
	__s64 highest = 0, sum = 0;

	for (unsigned int i = 0; i < s.workers_n; i++) {
		const struct worker *w = &s.workers[i];
		__s64 live = 0, peak = 0;

		for (size_t j = 0; j < w->n; j++) {
			live += op_delta(&w->done[j].op);
			peak = live > peak ? live : peak;
			if (j)
				assert_true(mt_epoch_ahead(w->done[j].epoch,
							   w->done[j - 1].epoch) >= 0);
		}
		highest = peak > highest ? peak : highest;
		sum += peak;
	}
	assert_in_range(s.process.peak, highest, sum);
}

/*
 * All operations of the epochs up to e lead to the state that ended e, which was the peak then:
 * so these sums rise with e. The last epoch that ended in a peak has the final one.
 */
static void check_epochs(void)
{
	__u32 last = epochs_since_first(mt_peak_epoch(s.process.word));
	__u32 ended = last + (s.process.word & MT_RISING ? 1 : 0);
	__s64 *change = calloc(last + 1, sizeof(*change)), height = 0, highest = 0;
	struct oracle peak = { 0 };

	assert_non_null(change);
	for (unsigned int i = 0; i < s.workers_n; i++) {
		const struct worker *w = &s.workers[i];

		for (size_t j = 0; j < w->n; j++) {
			__u32 e = epochs_since_first(w->done[j].epoch);

			assert_in_range(e, 0, last);
			change[e] += op_delta(&w->done[j].op);
			if (e < ended)
				oracle_step(&peak, &w->done[j].op);
		}
	}
	for (__u32 e = 0; e < ended; e++) {
		height += change[e];
		assert_true(height > highest);
		highest = height;
	}
	free(change);
	assert_int_equal(highest, s.process.peak);
	for (int i = 0; i < SITES; i++) {
		assert_int_equal(peak_bytes_of(&s.process, i), peak.live_bytes[i]);
		assert_int_equal(peak_cnt_of(&s.process, i), peak.live_cnt[i]);
	}
}

static void check_live(void)
{
	struct oracle truth = { 0 };

	for (unsigned int i = 0; i < s.workers_n; i++)
		for (size_t j = 0; j < s.workers[i].n; j++)
			oracle_step(&truth, &s.workers[i].done[j].op);
	for (int i = 0; i < SITES; i++) {
		assert_int_equal(s.process.sites[i].live_bytes, truth.live_bytes[i]);
		assert_int_equal(s.process.sites[i].live_cnt, truth.live_cnt[i]);
	}
}

static void run_ordered(unsigned int threads)
{
	run(threads, true);
	check_sums();
	check_order();
	finish();
}

static void run_bare(unsigned int threads)
{
	run(threads, false);
	check_sums();
	check_live();
	check_bounds();
	check_epochs();
	finish();
}

static void test_ordered(void **state)
{
	run_ordered(1);
	run_ordered(2);
	run_ordered(8);
	run_ordered(64);
}

static void test_bare(void **state)
{
	run_bare(1);
	run_bare(2);
	run_bare(8);
	run_bare(64);
}

/* ---- lost races ---------------------------------------------------------------------------- */

static void test_overtaken(void **state)
{
	__u64 word = mt_since_start(7) + 100, peak = 1000, since = mt_since_start(7);
	__u32 epoch;

	s.ordered = s.yields = false;
	overtakers = 100; /* one byte freed by each */
	assert_int_equal(mt_peak_move(&word, &peak, -5, &epoch), MT_PEAK_MOVED);
	assert_int_equal(word, mt_since_start(7) + 100 + 100 + 5);
	overtakers = 100;
	assert_int_equal(mt_since_add(&since, 7, 50), 0);
	assert_int_equal(since, mt_since_start(7) + 100 + 50);

	overtakers = MT_SWAP_TRIES;
	assert_int_equal(mt_peak_move(&word, &peak, -5, &epoch), MT_PEAK_EXHAUSTED);
	assert_int_equal(word, mt_since_start(7) + 100 + 100 + 5 + MT_SWAP_TRIES);
	overtakers = MT_SWAP_TRIES;
	assert_int_equal(mt_since_add(&since, 7, 50), -1);
	assert_int_equal(since, mt_since_start(7) + 100 + 50 + MT_SWAP_TRIES);
	assert_int_equal(peak, 1000);
	assert_int_equal(overtakers, 0);

	overtakers = 1; /* the sweep need not try again: whoever was faster has a newer tag */
	mt_since_refresh(&since, 8);
	assert_int_equal(since, mt_since_start(7) + 100 + 50 + MT_SWAP_TRIES + 1);
}

static void *rise(void *arg)
{
	const struct op add = { NONE, 0, 0, 1 };

	pthread_barrier_wait(arg);
	for (int i = 0; i < FAST_OPS; i++)
		move(&add);
	return NULL;
}

/* Every operation raises the peak. */
static void test_rise_together(void **state)
{
	pthread_barrier_t start;
	pthread_t threads[2];

	process_init(&s.process, FIRST_EPOCH);
	s.ordered = s.yields = false;
	assert_int_equal(pthread_barrier_init(&start, NULL, 2), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, rise, &start), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&start);
	assert_int_equal(s.process.peak, 2 * FAST_OPS);
	assert_int_equal(s.process.word, mt_since_start(FIRST_EPOCH) | MT_RISING);
}

static void *sweep_fast(void *arg)
{
	while (!__atomic_load_n(&s.over, __ATOMIC_ACQUIRE))
		process_refresh(&s.process);
	return NULL;
}

/* An epoch an operation; the sweep is all that races, and it must never change a meaning. */
static void test_sweep_races(void **state)
{
	const struct op add = { NONE, 0, 0, 2 }, drop = { 0, NONE, 1, 0 };
	pthread_t sweeper;
	bool right = true;

	process_init(&s.process, FIRST_EPOCH);
	s.ordered = s.yields = s.over = false;
	assert_int_equal(pthread_create(&sweeper, NULL, sweep_fast, NULL), 0);
	for (int i = 0; i < FAST_OPS && right; i++) {
		process_account(&s.process, &add, move(&add));
		process_account(&s.process, &drop, move(&drop));
		right = peak_bytes_of(&s.process, 0) == (__s64)s.process.peak;
	}
	__atomic_store_n(&s.over, true, __ATOMIC_RELEASE);
	pthread_join(sweeper, NULL);
	assert_true(right);
	assert_int_equal(s.process.peak, FAST_OPS + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ordered),	    cmocka_unit_test(test_bare),
		cmocka_unit_test(test_overtaken),   cmocka_unit_test(test_rise_together),
		cmocka_unit_test(test_sweep_races),
	};
	const char *given = getenv("MT_SEED");

	s.seed = given ? strtoul(given, NULL, 0) : (unsigned int)time(NULL);
	print_message("MT_SEED=%u\n", s.seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
