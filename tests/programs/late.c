/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * late LIBRARY: loads in mid-run a library that has an allocator of its own, says "loaded",
 * waits for a byte and uses both allocators; "late PLAIN plain": one that uses the C library's.
 */
#include <dlfcn.h>
#include "truth.h"

#define BLOCKS 30

static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void (*free)(void *);
} late;

SITE void *by_libc(size_t n)
{
	return T_MALLOC(n);
}

SITE void *late_malloc(size_t n)
{
	return T_ALLOC("malloc", n, late.malloc(n));
}

SITE void *late_calloc(size_t n)
{
	return T_ALLOC("calloc", 2 * n, late.calloc(2, n));
}

SITE void *late_realloc(void *p, size_t n)
{
	return T_RESIZE("realloc", p, n, late.realloc(o_, n));
}

static void late_free(void *p)
{
	uint64_t asked_ns;
	struct truth_block b = truth_before_free(p, &asked_ns);

	late.free(p);
	truth_after_free(&b, asked_ns);
}

static void *symbol(void *library, const char *name)
{
	void *function = dlsym(library, name);

	if (!function)
		truth_die(dlerror());
	return function;
}

static void use_both(void)
{
	void *mine, *theirs;

	for (int i = 0; i < BLOCKS; i++) {
		mine = by_libc(10 + i);
		theirs = i % 2 ? late_malloc(1000 + i) : late_calloc(500 + i);
		if (i % 3)
			theirs = late_realloc(theirs, 3000 + 100 * i);
		if (i % 5)
			late_free(theirs);
		if (i % 4)
			T_FREE(mine);
	}
}

/* The library is the caller of malloc: its function is the site. */
static void use_plain(void *library)
{
	void *(*make)(size_t) = symbol(library, "plain_make");
	void (*drop)(void *) = symbol(library, "plain_drop");
	uint64_t asked_ns;

	for (int i = 0; i < BLOCKS; i++) {
		struct truth_block b;
		void *p;

		asked_ns = truth_before_alloc(700 + i);
		p = make(700 + i);
		truth_after_alloc("plain_make", "malloc", p, 700 + i, asked_ns);
		by_libc(i);
		if (i % 2) {
			b = truth_before_free(p, &asked_ns);
			drop(p);
			truth_after_free(&b, asked_ns);
		}
	}
}

int main(int argc, char **argv)
{
	void *library;

	by_libc(7);
	library = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND) : NULL;
	if (!library)
		truth_die(argc > 1 ? dlerror() : "late LIBRARY [plain]");
	say("loaded");
	await_go();
	if (argc > 2) {
		use_plain(library);
	} else {
		late.malloc = symbol(library, "malloc");
		late.calloc = symbol(library, "calloc");
		late.realloc = symbol(library, "realloc");
		late.free = symbol(library, "free");
		use_both();
	}
	truth_write();
	return 0;
}
