// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/catalogue.h"

/* Function, name, and which arguments are its size, a factor of that, and the block. */
const struct mt_catalogue_function mt_catalogue_standard[] = {
	{ MT_FUNC_MALLOC, "malloc", 1, 0, 0 },
	{ MT_FUNC_CALLOC, "calloc", 1, 2, 0 },
	{ MT_FUNC_REALLOC, "realloc", 2, 0, 1 },
	{ MT_FUNC_REALLOCARRAY, "reallocarray", 2, 3, 1 },
	{ MT_FUNC_FREE, "free", 0, 0, 1 },
	{ MT_FUNC_FREE, "cfree", 0, 0, 1 },
	{ MT_FUNC_FREE, "free_sized", 0, 0, 1 },	 /* C23 */
	{ MT_FUNC_FREE, "free_aligned_sized", 0, 0, 1 }, /* C23 */
	{ MT_FUNC_POSIX_MEMALIGN, "posix_memalign", 3, 0, 1 },
	{ MT_FUNC_ALIGNED_ALLOC, "aligned_alloc", 2, 0, 0 },
	{ MT_FUNC_MEMALIGN, "memalign", 2, 0, 0 },
	{ MT_FUNC_VALLOC, "valloc", 1, 0, 0 },
	{ MT_FUNC_PVALLOC, "pvalloc", 1, 0, 0 },
	{ 0 },
};

const struct mt_catalogue_function mt_catalogue_operators[] = {
	{ MT_FUNC_NEW, "_Znwm", 1, 0, 0, true },
	{ MT_FUNC_NEW, "_ZnwmRKSt9nothrow_t", 1, 0, 0 },
	{ MT_FUNC_NEW, "_ZnwmSt11align_val_t", 1, 0, 0, true },
	{ MT_FUNC_NEW, "_ZnwmSt11align_val_tRKSt9nothrow_t", 1, 0, 0 },
	{ MT_FUNC_NEW_ARRAY, "_Znam", 1, 0, 0, true },
	{ MT_FUNC_NEW_ARRAY, "_ZnamRKSt9nothrow_t", 1, 0, 0 },
	{ MT_FUNC_NEW_ARRAY, "_ZnamSt11align_val_t", 1, 0, 0, true },
	{ MT_FUNC_NEW_ARRAY, "_ZnamSt11align_val_tRKSt9nothrow_t", 1, 0, 0 },
	{ MT_FUNC_FREE, "_ZdlPv", 0, 0, 1 },
	{ MT_FUNC_FREE, "_ZdlPvm", 0, 0, 1 },
	{ MT_FUNC_FREE, "_ZdlPvRKSt9nothrow_t", 0, 0, 1 },
	{ MT_FUNC_FREE, "_ZdlPvSt11align_val_t", 0, 0, 1 },
	{ MT_FUNC_FREE, "_ZdlPvmSt11align_val_t", 0, 0, 1 },
	{ MT_FUNC_FREE, "_ZdlPvSt11align_val_tRKSt9nothrow_t", 0, 0, 1 },
	{ MT_FUNC_FREE, "_ZdaPv", 0, 0, 1 },
	{ MT_FUNC_FREE, "_ZdaPvm", 0, 0, 1 },
	{ MT_FUNC_FREE, "_ZdaPvRKSt9nothrow_t", 0, 0, 1 },
	{ MT_FUNC_FREE, "_ZdaPvSt11align_val_t", 0, 0, 1 },
	{ MT_FUNC_FREE, "_ZdaPvmSt11align_val_t", 0, 0, 1 },
	{ MT_FUNC_FREE, "_ZdaPvSt11align_val_tRKSt9nothrow_t", 0, 0, 1 },
	{ 0 },
};

static const struct mt_catalogue_function threads[] = {
	{ MT_FUNC_PTHREAD_CREATE, "pthread_create", 0, 0, 0 },
	{ 0 },
};

/* sallocx, nallocx and mallctl allocate nothing. */
static const struct mt_catalogue_function jemalloc[] = {
	{ MT_FUNC_MALLOCX, "mallocx", 1, 0, 0 }, { MT_FUNC_RALLOCX, "rallocx", 2, 0, 1 },
	{ MT_FUNC_XALLOCX, "xallocx", 2, 0, 1 }, { MT_FUNC_FREE, "dallocx", 0, 0, 1 },
	{ MT_FUNC_FREE, "sdallocx", 0, 0, 1 },	 { 0 },
};

/* The other tc_ functions are the standard ones by another name. */
static const struct mt_catalogue_function tcmalloc[] = {
	{ MT_FUNC_MALLOC, "tc_malloc_skip_new_handler", 1, 0, 0 },
	{ 0 },
};

/*
 * Without those that copy strings, whose size is no argument, and those whose size is the
 * fourth (mi_heap_reallocn and mi_heap_recalloc).
 */
static const struct mt_catalogue_function mimalloc[] = {
	{ MT_FUNC_MALLOC, "mi_malloc", 1, 0, 0 },
	{ MT_FUNC_MALLOC, "mi_malloc_small", 1, 0, 0 },
	{ MT_FUNC_MALLOC, "mi_mallocn", 1, 2, 0 },
	{ MT_FUNC_CALLOC, "mi_zalloc", 1, 0, 0 },
	{ MT_FUNC_CALLOC, "mi_zalloc_small", 1, 0, 0 },
	{ MT_FUNC_CALLOC, "mi_calloc", 1, 2, 0 },
	{ MT_FUNC_REALLOC, "mi_realloc", 2, 0, 1 },
	{ MT_FUNC_REALLOCF, "mi_reallocf", 2, 0, 1 },
	{ MT_FUNC_REALLOC, "mi_rezalloc", 2, 0, 1 },
	{ MT_FUNC_REALLOCARRAY, "mi_reallocn", 2, 3, 1 },
	{ MT_FUNC_REALLOCARRAY, "mi_recalloc", 2, 3, 1 },
	{ MT_FUNC_REALLOCARRAY, "mi_reallocarray", 2, 3, 1 },
	{ MT_FUNC_FREE, "mi_free", 0, 0, 1 },
	{ MT_FUNC_FREE, "mi_cfree", 0, 0, 1 },
	{ MT_FUNC_FREE, "mi_free_size", 0, 0, 1 },
	{ MT_FUNC_FREE, "mi_free_aligned", 0, 0, 1 },
	{ MT_FUNC_FREE, "mi_free_size_aligned", 0, 0, 1 },
	{ MT_FUNC_POSIX_MEMALIGN, "mi_posix_memalign", 3, 0, 1 },
	{ MT_FUNC_ALIGNED_ALLOC, "mi_aligned_alloc", 2, 0, 0 },
	{ MT_FUNC_MEMALIGN, "mi_memalign", 2, 0, 0 },
	{ MT_FUNC_VALLOC, "mi_valloc", 1, 0, 0 },
	{ MT_FUNC_PVALLOC, "mi_pvalloc", 1, 0, 0 },
	{ MT_FUNC_ALIGNED_ALLOC, "mi_malloc_aligned", 1, 0, 0 },
	{ MT_FUNC_ALIGNED_ALLOC, "mi_malloc_aligned_at", 1, 0, 0 },
	{ MT_FUNC_ALIGNED_ALLOC, "mi_zalloc_aligned", 1, 0, 0 },
	{ MT_FUNC_ALIGNED_ALLOC, "mi_zalloc_aligned_at", 1, 0, 0 },
	{ MT_FUNC_ALIGNED_ALLOC, "mi_calloc_aligned", 1, 2, 0 },
	{ MT_FUNC_ALIGNED_ALLOC, "mi_calloc_aligned_at", 1, 2, 0 },
	{ MT_FUNC_REALLOC, "mi_realloc_aligned", 2, 0, 1 },
	{ MT_FUNC_REALLOC, "mi_realloc_aligned_at", 2, 0, 1 },
	{ MT_FUNC_REALLOC, "mi_rezalloc_aligned", 2, 0, 1 },
	{ MT_FUNC_REALLOC, "mi_rezalloc_aligned_at", 2, 0, 1 },
	{ MT_FUNC_REALLOCARRAY, "mi_recalloc_aligned", 2, 3, 1 },
	{ MT_FUNC_REALLOCARRAY, "mi_recalloc_aligned_at", 2, 3, 1 },
	{ MT_FUNC_REALLOCARRAY, "mi_aligned_recalloc", 2, 3, 1 },
	{ MT_FUNC_REALLOCARRAY, "mi_aligned_offset_recalloc", 2, 3, 1 },
	{ MT_FUNC_NEW, "mi_new", 1, 0, 0, true },
	{ MT_FUNC_NEW, "mi_new_nothrow", 1, 0, 0 },
	{ MT_FUNC_NEW, "mi_new_aligned", 1, 0, 0, true },
	{ MT_FUNC_NEW, "mi_new_aligned_nothrow", 1, 0, 0 },
	{ MT_FUNC_NEW_ARRAY, "mi_new_n", 1, 2, 0, true },
	{ MT_FUNC_REALLOC, "mi_new_realloc", 2, 0, 1, true },
	{ MT_FUNC_REALLOCARRAY, "mi_new_reallocn", 2, 3, 1, true },
	/* The first argument is a heap. */
	{ MT_FUNC_MALLOC, "mi_heap_malloc", 2, 0, 0 },
	{ MT_FUNC_MALLOC, "mi_heap_malloc_small", 2, 0, 0 },
	{ MT_FUNC_MALLOC, "mi_heap_mallocn", 2, 3, 0 },
	{ MT_FUNC_CALLOC, "mi_heap_zalloc", 2, 0, 0 },
	{ MT_FUNC_CALLOC, "mi_heap_calloc", 2, 3, 0 },
	{ MT_FUNC_REALLOC, "mi_heap_realloc", 3, 0, 2 },
	{ MT_FUNC_REALLOCF, "mi_heap_reallocf", 3, 0, 2 },
	{ MT_FUNC_REALLOC, "mi_heap_rezalloc", 3, 0, 2 },
	{ MT_FUNC_ALIGNED_ALLOC, "mi_heap_malloc_aligned", 2, 0, 0 },
	{ MT_FUNC_ALIGNED_ALLOC, "mi_heap_malloc_aligned_at", 2, 0, 0 },
	{ MT_FUNC_ALIGNED_ALLOC, "mi_heap_zalloc_aligned", 2, 0, 0 },
	{ MT_FUNC_ALIGNED_ALLOC, "mi_heap_zalloc_aligned_at", 2, 0, 0 },
	{ MT_FUNC_ALIGNED_ALLOC, "mi_heap_calloc_aligned", 2, 3, 0 },
	{ MT_FUNC_ALIGNED_ALLOC, "mi_heap_calloc_aligned_at", 2, 3, 0 },
	{ MT_FUNC_REALLOC, "mi_heap_realloc_aligned", 3, 0, 2 },
	{ MT_FUNC_REALLOC, "mi_heap_realloc_aligned_at", 3, 0, 2 },
	{ MT_FUNC_REALLOC, "mi_heap_rezalloc_aligned", 3, 0, 2 },
	{ MT_FUNC_REALLOC, "mi_heap_rezalloc_aligned_at", 3, 0, 2 },
	{ MT_FUNC_NEW, "mi_heap_alloc_new", 2, 0, 0, true },
	{ MT_FUNC_NEW_ARRAY, "mi_heap_alloc_new_n", 2, 3, 0, true },
	{ 0 },
};

static const char *const none[] = { "", NULL };
/* As configured, as the manual suggests, as Rust's crates have it. */
static const char *const jemalloc_prefixes[] = { "", "je_", "_rjem_", "jemalloc_", NULL };

static const char *const jemalloc_marks[] = { "mallctl", "malloc", NULL };
static const char *const tcmalloc_marks[] = { "tc_version", "malloc", NULL };
static const char *const mimalloc_marks[] = { "mi_version", "mi_malloc", NULL };
static const char *const glibc_marks[] = { "gnu_get_libc_version", "__libc_start_main", "malloc",
					   "free", NULL };
static const char *const pthread_marks[] = { "pthread_create", NULL };
static const char *const static_glibc_marks[] = { "__libc_setup_tls", "__libc_start_main", NULL };
static const char *const musl_marks[] = { "__dls3", "__libc_start_main", "malloc", NULL };
static const char *const static_musl_marks[] = { "__init_libc", "__libc_start_main", NULL };
static const char *const custom_marks[] = { "malloc", NULL };

/*
 * A dying thread's cache is flushed (glibc 2.26 on). Which name the function has depends on
 * the version and on what the compiler inlined.
 */
static const char *const glibc_flushers[] = { "tcache_thread_shutdown", "tcache_thread_freeres",
					      "__malloc_arena_thread_freeres",
					      "arena_thread_freeres", NULL };

static const char *const jemalloc_texts[] = { "5.3.", "5.2.", "5.1.", "5.0.", NULL };
static const char *const musl_texts[] = { "1.2.", "1.1.", NULL };
static const char *const tcmalloc_texts[] = { "gperftools ", NULL };
static const char *const glibc_texts[] = { "GNU C Library", NULL };

/* 5.3.0-0-g54eaed1d8b56b1aa528be3bdd1877e59c56fa90c */
static const struct mt_catalogue_version jemalloc_version = { .texts = jemalloc_texts, .end = '-' };
static const struct mt_catalogue_version tcmalloc_version = { .texts = tcmalloc_texts, .then = "" };
static const struct mt_catalogue_version mimalloc_version = { .function = "mi_version" };
static const struct mt_catalogue_version glibc_version = { .definition = "GLIBC_" };
/* GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36. */
static const struct mt_catalogue_version static_glibc_version = {
	.texts = glibc_texts,
	.then = "release version ",
	.end = '.',
};
static const struct mt_catalogue_version musl_version = { .texts = musl_texts };

/* The C libraries last: where another malloc is linked in beside them, it is the one in use. */
const struct mt_catalogue_family mt_catalogue[] = {
	{
		.name = "jemalloc",
		.prefixes = jemalloc_prefixes,
		.marks = jemalloc_marks,
		.operators = true,
		.own = jemalloc,
		.version = &jemalloc_version,
	},
	{
		.name = "tcmalloc",
		.prefixes = none,
		.marks = tcmalloc_marks,
		.operators = true,
		.own = tcmalloc,
		.version = &tcmalloc_version,
	},
	{
		.name = "mimalloc",
		.prefixes = none,
		.marks = mimalloc_marks,
		.malloc_alias = "mi_malloc",
		.operators = true,
		.own = mimalloc,
		.version = &mimalloc_version,
	},
	{
		.name = "glibc",
		.is_libc = true,
		.soname = "libc.so.6",
		.prefixes = none,
		.marks = glibc_marks,
		.own = threads, /* since 2.34 */
		.version = &glibc_version,
	},
	{
		.name = "glibc", /* until 2.33, for its threads */
		.soname = "libpthread.so.0",
		.is_libc = true,
		.prefixes = none,
		.marks = pthread_marks,
		.own = threads,
	},
	{
		.name = "glibc",
		.is_libc = true,
		.prefixes = none,
		.marks = static_glibc_marks,
		.malloc_alias = "__libc_malloc", /* a program's own malloc takes its place */
		.own = threads,
		.flushers = glibc_flushers,
		.version = &static_glibc_version,
	},
	{
		.name = "musl",
		.is_libc = true,
		.prefixes = none,
		.marks = musl_marks,
		.own = threads,
		.version = &musl_version,
	},
	{
		.name = "musl",
		.is_libc = true,
		.prefixes = none,
		.marks = static_musl_marks,
		.own = threads,
		.version = &musl_version,
	},
	{ 0 },
};

const struct mt_catalogue_family mt_catalogue_custom = { .marks = custom_marks, .operators = true };
