/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * truth.h: what a test program knows about its own memory.
 *
 * A program calls the allocator through the T_* macros from functions marked SITE, and
 * truth_write() at the end of each program image appends one line of JSON to the file that
 * MT_TRUTH names (to stdout without it). Its words are those of the report; a site is a
 * function of the program and an allocator function.
 *
 * Nothing here calls the allocator. The macros are thread-safe; fork, attach and write are
 * for a program with one thread. Sizes are bytes as requested, times CLOCK_MONOTONIC ns. A
 * program that cannot know its truth ends with status 99.
 *
 * Where the truth depends on when exactly a probe counts, it is a range that holds wherever
 * between the two sides of the call that is: `peak_live_bytes` counts an allocation after it
 * and a free before it, `peak_live_max_bytes` the other way round. With one thread the first
 * is exact.
 */
#ifndef MT_TESTS_TRUTH_H
#define MT_TESTS_TRUTH_H

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

/* One frame of its own, whatever the optimiser would like. */
#define SITE	 static __attribute__((noipa))
#define TRUTH_FN static __attribute__((unused))

#define TRUTH_SITES	     32
#define TRUTH_BLOCKS	     (1 << 16)
#define TRUTH_BUCKETS	     (1 << 14)
#define TRUTH_STORM	     4		  /* DESIGN section 6: a chain of four is a storm */
#define TRUTH_SHORT_LIVED_NS 1000000ULL	  /* ... and 1 ms is short-lived */
#define TRUTH_POSSIBLE	     (1ULL << 40) /* a larger request only fails */
#define TRUTH_MUSL_MMAP	     131052	  /* mallocng's MMAP_THRESHOLD */

struct truth_site {
	const char *function;
	const char *kind;
	long alloc_count;
	long alloc_bytes;
	long live_count;
	long live_bytes;
	long at_peak_count;
	long at_peak_bytes;
	long temporary_count;
	long short_lived_min_count;
	long short_lived_max_count;
	long largest_bytes;
	long calls; /* the rest: realloc's */
	long moved;
	long copied_bytes;
	long chains;
	long longest_chain;
};

struct truth_block {
	struct truth_block *next;
	struct truth_site *site;
	uintptr_t addr;
	size_t size;
	uint64_t asked_ns; /* before the call that made it */
	uint64_t got_ns;   /* after it */
	long serial;
	long chain;   /* how often realloc resized it */
	bool old;     /* made before a fork or an attach: not this image's */
	bool mmapped; /* has a mapping of its own */
};

/* A few named sums: mappings and threads by the function that made them. */
struct truth_tally {
	const char *function;
	long count;
	long bytes;
	long at_peak_bytes;
	long touched_bytes;
};

static struct {
	pthread_mutex_t lock;
	struct truth_block *bucket[TRUTH_BUCKETS];
	struct truth_block pool[TRUTH_BLOCKS];
	struct truth_block *spare;
	int used;
	long serial;
	bool forked; /* an old block is inherited, otherwise unknown */

	struct truth_image {
		struct truth_site site[TRUTH_SITES + 1]; /* ends with an empty one */
		long free_count;
		long free_bytes;
		long failed_count;
		long old_free_count;
		long live;
		long live_max;
		long peak;
		long peak_max;
		bool rising; /* no free since the peak was raised */
		long realloc_count;
		long realloc_grow_count;
		long realloc_moved_count;
		long realloc_copied_bytes;
		long realloc_failed_count;
		struct truth_tally map[TRUTH_SITES + 1];
		struct truth_tally spawn[TRUTH_SITES + 1];
		long mremap_count;
		long brk_grown_bytes;
		long threads_peak_alive;
		long stack_reserved_peak_bytes;
		long rss_bytes; /* 0: not measured */
	} now;
} truth = { .lock = PTHREAD_MUTEX_INITIALIZER };

static __thread long truth_newest; /* serial of this thread's newest block */

TRUTH_FN void truth_die(const char *why)
{
	if (write(2, why, strlen(why)) < 0 || write(2, "\n", 1) < 0)
		_exit(98);
	_exit(99);
}

TRUTH_FN uint64_t truth_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* ---- the model: lock held ---------------------------------------------------------- */

static struct truth_site *truth_site(const char *function, const char *kind)
{
	for (struct truth_site *s = truth.now.site; s < truth.now.site + TRUTH_SITES; s++) {
		if (!s->function) {
			s->function = function;
			s->kind = kind;
		}
		if (!strcmp(s->function, function) && !strcmp(s->kind, kind))
			return s;
	}
	truth_die("truth: too many sites");
	return NULL;
}

static struct truth_block **truth_find(uintptr_t addr)
{
	struct truth_block **at = &truth.bucket[(addr >> 4) % TRUTH_BUCKETS];

	while (*at && (*at)->addr != addr)
		at = &(*at)->next;
	return at;
}

static void truth_insert(const struct truth_block *b)
{
	struct truth_block **at = truth_find(b->addr), *new = truth.spare;

	if (*at)
		truth_die("truth: an address was handed out twice");
	if (new)
		truth.spare = new->next;
	else if (truth.used < TRUTH_BLOCKS)
		new = &truth.pool[truth.used++];
	else
		truth_die("truth: too many blocks");
	*new = *b;
	new->next = NULL;
	*at = new;
}

static struct truth_block truth_remove(uintptr_t addr)
{
	struct truth_block **at = truth_find(addr), *b = *at, copy;

	if (!b)
		truth_die("truth: a block that was never allocated");
	copy = *b;
	*at = b->next;
	b->next = truth.spare;
	truth.spare = b;
	return copy;
}

static void truth_note_peak(void)
{
	for (struct truth_site *s = truth.now.site; s < truth.now.site + TRUTH_SITES; s++) {
		s->at_peak_count = s->live_count;
		s->at_peak_bytes = s->live_bytes;
	}
	truth.now.rising = false;
}

/* A new or resized block; live_max counts it already. */
static void truth_install(struct truth_block *b)
{
	struct truth_site *s = b->site;

	b->serial = truth_newest = ++truth.serial;
	b->old = false;
	b->got_ns = truth_ns();
	s->alloc_count++;
	s->alloc_bytes += b->size;
	s->live_count++;
	s->live_bytes += b->size;
	if ((long)b->size > s->largest_bytes)
		s->largest_bytes = b->size;
	truth.now.live += b->size;
	if (truth.now.live > truth.now.peak) {
		truth.now.peak = truth.now.live;
		truth.now.rising = true;
	}
	truth_insert(b);
}

static void truth_ask(size_t size)
{
	if (size < TRUTH_POSSIBLE)
		truth.now.live_max += size;
	if (truth.now.live_max > truth.now.peak_max)
		truth.now.peak_max = truth.now.live_max;
}

static void truth_unask(size_t size)
{
	if (size < TRUTH_POSSIBLE)
		truth.now.live_max -= size;
}

/* A block is about to be freed: takes it out of everything but live_max. */
static void truth_uncount(const struct truth_block *b)
{
	struct truth_site *s = b->site;

	if (b->old)
		return;
	if (truth.now.rising)
		truth_note_peak();
	s->live_count--;
	s->live_bytes -= b->size;
	truth.now.live -= b->size;
}

/* It has been freed between `asked_ns` and now. */
static void truth_count_free(const struct truth_block *b, uint64_t asked_ns)
{
	struct truth_site *s = b->site;

	if (b->old) {
		truth.now.old_free_count++;
		return;
	}
	truth.now.free_count++;
	truth.now.free_bytes += b->size;
	truth.now.live_max -= b->size;
	if (b->serial == truth_newest)
		s->temporary_count++;
	if (truth_ns() - b->asked_ns < TRUTH_SHORT_LIVED_NS)
		s->short_lived_min_count++;
	if (asked_ns - b->got_ns < TRUTH_SHORT_LIVED_NS)
		s->short_lived_max_count++;
}

/* ---- around the calls --------------------------------------------------------------- */

TRUTH_FN uint64_t truth_before_alloc(size_t size)
{
	pthread_mutex_lock(&truth.lock);
	truth_ask(size);
	pthread_mutex_unlock(&truth.lock);
	return truth_ns();
}

TRUTH_FN void truth_after_alloc(const char *function, const char *kind, void *p, size_t size,
				uint64_t asked_ns)
{
	struct truth_block b = { .addr = (uintptr_t)p, .size = size, .asked_ns = asked_ns };

	pthread_mutex_lock(&truth.lock);
	if (p) {
		b.site = truth_site(function, kind);
		truth_install(&b);
	} else {
		truth.now.failed_count++;
		truth_unask(size);
	}
	pthread_mutex_unlock(&truth.lock);
}

TRUTH_FN struct truth_block truth_before_free(void *p, uint64_t *asked_ns)
{
	struct truth_block b = { 0 };

	if (p) {
		pthread_mutex_lock(&truth.lock);
		b = truth_remove((uintptr_t)p);
		truth_uncount(&b);
		pthread_mutex_unlock(&truth.lock);
	}
	*asked_ns = truth_ns();
	return b;
}

TRUTH_FN void truth_after_free(const struct truth_block *b, uint64_t asked_ns)
{
	if (!b->addr)
		return;
	pthread_mutex_lock(&truth.lock);
	truth_count_free(b, asked_ns);
	pthread_mutex_unlock(&truth.lock);
}

/* Is it the C library's function? Else one that an allocator has put in its place. */
TRUTH_FN bool truth_of_libc(const void *function)
{
#ifdef __GLIBC__
	Dl_info here, libc;

	/* In a static program there is one object, which has no name. */
	return !dladdr(function, &here) || !dladdr((void *)gnu_get_libc_version, &libc) ||
	       here.dli_fbase == libc.dli_fbase;
#else
	return true;
#endif
}

/*
 * Has the block a mapping of its own, which realloc moves by mremap? glibc marks one in the
 * size field before it, musl gives one to every large block; the others never call mremap.
 */
static bool truth_mmapped(const void *p, size_t size)
{
#ifdef __GLIBC__
	return truth_of_libc((void *)realloc) && ((const size_t *)p)[-1] & 2;
#else
	return size >= TRUTH_MUSL_MMAP;
#endif
}

TRUTH_FN struct truth_block truth_before_realloc(void *p, size_t size, uint64_t *asked_ns)
{
	struct truth_block b = { 0 };

	pthread_mutex_lock(&truth.lock);
	if (p) {
		b = truth_remove((uintptr_t)p);
		b.mmapped = truth_mmapped(p, b.size);
		truth_uncount(&b);
	}
	truth_ask(size);
	pthread_mutex_unlock(&truth.lock);
	*asked_ns = truth_ns();
	return b;
}

/* A resize that failed: the old block is as it was. */
static void truth_put_back(const struct truth_block *b, size_t size)
{
	truth.now.failed_count++;
	truth.now.realloc_failed_count++;
	truth_unask(size);
	if (!b->addr)
		return;
	truth_insert(b);
	if (b->old)
		return;
	b->site->live_count++;
	b->site->live_bytes += b->size;
	truth.now.live += b->size;
}

/* realloc has returned a block; `old` is empty where there was none of this image's. */
static void truth_count_realloc(struct truth_block *new, const struct truth_block *old)
{
	size_t kept = old->size < new->size ? old->size : new->size;
	bool moved = new->addr != old->addr;
	/* A mapping that stays a mapping is moved by mremap. */
	size_t copied = moved && !(old->mmapped && new->mmapped) ? kept : 0;
	struct truth_site *s = new->site;

	s->calls++;
	truth.now.realloc_count++;
	if (!old->addr || old->old)
		return;
	new->chain = old->chain + 1;
	truth.now.realloc_grow_count += new->size > old->size;
	truth.now.realloc_moved_count += moved;
	truth.now.realloc_copied_bytes += copied;
	s->moved += moved;
	s->copied_bytes += copied;
	s->chains += new->chain == TRUTH_STORM;
	if (new->chain > s->longest_chain)
		s->longest_chain = new->chain;
}

TRUTH_FN void truth_after_realloc(const char *function, const char *kind,
				  const struct truth_block *old, void *p, size_t size,
				  uint64_t asked_ns)
{
	struct truth_block b = { .addr = (uintptr_t)p, .size = size, .asked_ns = asked_ns };

	pthread_mutex_lock(&truth.lock);
	if (!p && (size || !old->addr)) {
		truth_put_back(old, size);
	} else {
		if (old->addr)
			truth_count_free(old, asked_ns);
		if (p) {
			b.site = truth_site(function, kind);
			b.mmapped = truth_mmapped(p, size);
			truth_count_realloc(&b, old);
			truth_install(&b);
		}
	}
	pthread_mutex_unlock(&truth.lock);
}

#define T_ALLOC(kind, size, call)                                \
	({                                                       \
		uint64_t t_ = truth_before_alloc(size);          \
		void *p_ = (call);                               \
		truth_after_alloc(__func__, kind, p_, size, t_); \
		p_;                                              \
	})

#define T_MALLOC(size)		     T_ALLOC("malloc", size, malloc(size))
#define T_CALLOC(nr, size)	     T_ALLOC("calloc", (nr) * (size), calloc(nr, size))
#define T_ALIGNED_ALLOC(align, size) T_ALLOC("aligned_alloc", size, aligned_alloc(align, size))
#define T_MEMALIGN(align, size)	     T_ALLOC("memalign", size, memalign(align, size))
#define T_VALLOC(size)		     T_ALLOC("valloc", size, valloc(size))
#define T_PVALLOC(size)		     T_ALLOC("pvalloc", size, pvalloc(size))
#define T_POSIX_MEMALIGN(align, size)                                                          \
	({                                                                                     \
		void *m_ = NULL;                                                               \
		T_ALLOC("posix_memalign", size, posix_memalign(&m_, align, size) ? NULL : m_); \
	})

/* `call` names the old block `o_`, so that `p` is evaluated once. */
#define T_RESIZE(kind, p, size, call)                                        \
	({                                                                   \
		void *o_ = (p);                                              \
		uint64_t t_;                                                 \
		struct truth_block b_ = truth_before_realloc(o_, size, &t_); \
		void *p_ = (call);                                           \
		truth_after_realloc(__func__, kind, &b_, p_, size, t_);      \
		p_;                                                          \
	})

#define T_REALLOC(p, size) T_RESIZE("realloc", p, size, realloc(o_, size))
#define T_REALLOCARRAY(p, nr, size) \
	T_RESIZE("reallocarray", p, (nr) * (size), reallocarray(o_, nr, size))

#define T_FREE(p)                                                   \
	do {                                                        \
		void *o_ = (p);                                     \
		uint64_t t_;                                        \
		struct truth_block b_ = truth_before_free(o_, &t_); \
		free(o_);                                           \
		truth_after_free(&b_, t_);                          \
	} while (0)

/* ---- images -------------------------------------------------------------------------- */

/* Everything so far is not this image's: in a child after fork, or when the tool attached. */
static void truth_restart(bool forked)
{
	memset(&truth.now, 0, sizeof(truth.now));
	for (int i = 0; i < truth.used; i++)
		truth.pool[i].old = true;
	truth.forked = forked;
	truth_newest = 0;
}

TRUTH_FN void truth_forked(void)
{
	truth_restart(true);
}

TRUTH_FN void truth_attached(void)
{
	truth_restart(false);
}

TRUTH_FN struct truth_tally *truth_tally(struct truth_tally *list, const char *function)
{
	for (struct truth_tally *t = list; t < list + TRUTH_SITES; t++) {
		if (!t->function)
			t->function = function;
		if (!strcmp(t->function, function))
			return t;
	}
	truth_die("truth: too many tallies");
	return NULL;
}

#include "truth_json.h"

/* ---- talking to the test ------------------------------------------------------------------ */

/* One write, so that lines of several processes stay whole. */
TRUTH_FN void say(const char *line)
{
	char text[80];
	int len = snprintf(text, sizeof(text), "%s\n", line);

	if (write(1, text, len) != len)
		_exit(98);
}

/* Waits for a byte on stdin, or its end. */
TRUTH_FN void await_go(void)
{
	char c;

	while (read(0, &c, 1) < 0)
		;
}

TRUTH_FN void nap_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

#endif
