/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * mallocx: jemalloc's own functions, beside malloc and free. xallocx resizes in place: where
 * that gives the size asked for it is a free of the old and an allocation of the new one, else
 * a call that failed. sallocx and nallocx only answer.
 */
#include <jemalloc/jemalloc.h>
#include "truth.h"

#define BLOCKS 24

static volatile size_t huge = (size_t)1 << 62; /* more is undefined */

#define T_MALLOCX(size, flags)	  T_ALLOC("mallocx", size, mallocx(size, flags))
#define T_RALLOCX(p, size, flags) T_RESIZE("rallocx", p, size, rallocx(o_, size, flags))
#define T_XALLOCX(p, size, extra, flags) \
	T_RESIZE("xallocx", p, size, xallocx(o_, size, extra, flags) >= (size) ? o_ : NULL)

#define T_FREEX(p, call)                                            \
	do {                                                        \
		void *o_ = (p);                                     \
		uint64_t t_;                                        \
		struct truth_block b_ = truth_before_free(o_, &t_); \
		call;                                               \
		truth_after_free(&b_, t_);                          \
	} while (0)

SITE void *plain(size_t n)
{
	return T_MALLOCX(n, 0);
}

SITE void *aligned(size_t n)
{
	return T_MALLOCX(n, MALLOCX_ALIGN(256));
}

SITE void *cleared(size_t n)
{
	return T_MALLOCX(n, MALLOCX_ZERO | MALLOCX_TCACHE_NONE);
}

SITE void *resized(void *p, size_t n)
{
	return T_RALLOCX(p, n, 0);
}

SITE void *resized_aligned(void *p, size_t n)
{
	return T_RALLOCX(p, n, MALLOCX_ALIGN(512) | MALLOCX_ZERO);
}

SITE bool in_place(void *p, size_t n, size_t extra)
{
	return T_XALLOCX(p, n, extra, 0);
}

SITE void *by_malloc(size_t n)
{
	return T_MALLOC(n);
}

SITE void fail(void *p)
{
	size_t n = huge;

	T_MALLOCX(n, 0);
	T_RALLOCX(p, n, 0);
	if (T_XALLOCX(p, n, (size_t)0, 0))
		truth_die("mallocx: so much memory?");
}

static void asked_only(void *p, size_t n)
{
	if (sallocx(p, 0) < n || nallocx(n, 0) < n)
		truth_die("mallocx: smaller than was asked for");
}

static void *made(int i)
{
	size_t n = 100 + 700 * i;
	void *p = i % 4 == 0   ? plain(n)
		  : i % 4 == 1 ? aligned(n)
		  : i % 4 == 2 ? cleared(n)
			       : by_malloc(n);

	asked_only(p, n);
	return p;
}

int main(void)
{
	int grown = 0, refused = 0;
	char *block[BLOCKS], *p;

	for (int i = 0; i < BLOCKS; i++) {
		p = made(i);
		p[0] = 42;
		p = i % 3 ? resized(p, 200 + 900 * i) : resized_aligned(p, 150 + 1000 * i);
		grown += in_place(p, 210 + 900 * i, 0); /* there may be room in its size class */
		refused += !in_place(p, (size_t)1 << 24, 0);
		in_place(p, 120 + 300 * i, 64);
		fail(p);
		if (p[0] != 42)
			truth_die("mallocx: contents lost");
		block[i] = p;
	}
	if (!grown || !refused)
		truth_die("mallocx: xallocx never grew a block, or always did");
	for (int i = 0; i < BLOCKS; i += 4) {
		T_FREEX(block[i], dallocx(o_, 0));
		T_FREEX(block[i + 1], sdallocx(o_, 120 + 300 * (i + 1), 0));
		T_FREE(block[i + 2]);
	}
	truth_write();
	return 0;
}
