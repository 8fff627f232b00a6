/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * allocator_fixture.h: for tests of the catalogue: what a file is recognised as, and which
 * functions its sites must be in. Everything that fails in here fails the test.
 */
#ifndef MT_TESTS_ALLOCATOR_FIXTURE_H
#define MT_TESTS_ALLOCATOR_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "elf_fixture.h"
#include "target/allocator.h"
#include "target/elf.h"
#include "util/cleanup.h"

#ifdef __x86_64__
#define LIB_DIR "/usr/lib/x86_64-linux-gnu"
#define MUSL	"/lib/ld-musl-x86_64.so.1"
#else
#define LIB_DIR "/usr/lib/aarch64-linux-gnu"
#define MUSL	"/lib/ld-musl-aarch64.so.1"
#endif

/* All of C++'s operators, and what jemalloc has besides. */
#define FIXTURE_OPERATORS                                                                    \
	"_Znwm _ZnwmRKSt9nothrow_t _ZnwmSt11align_val_t _ZnwmSt11align_val_tRKSt9nothrow_t " \
	"_Znam _ZnamRKSt9nothrow_t _ZnamSt11align_val_t _ZnamSt11align_val_tRKSt9nothrow_t " \
	"_ZdlPv _ZdlPvm _ZdlPvRKSt9nothrow_t _ZdlPvSt11align_val_t _ZdlPvmSt11align_val_t "  \
	"_ZdlPvSt11align_val_tRKSt9nothrow_t "                                               \
	"_ZdaPv _ZdaPvm _ZdaPvRKSt9nothrow_t _ZdaPvSt11align_val_t _ZdaPvmSt11align_val_t "  \
	"_ZdaPvSt11align_val_tRKSt9nothrow_t"

#define FIXTURE_JEMALLOC                                                           \
	"malloc calloc realloc free posix_memalign aligned_alloc memalign valloc " \
	"mallocx rallocx xallocx dallocx sdallocx"

static inline int recognise_as(const char *file, const char *prefix, struct mt_allocator *out)
{
	_close_ int fd = fixture_open(file);
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;

	assert_int_equal(mt_elf_new(&elf, fd), 0);
	return mt_allocator_recognise(elf, prefix, out);
}

static inline int recognise(const char *file, struct mt_allocator *out)
{
	return recognise_as(file, NULL, out);
}

static inline bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = words; (at = strstr(at, word)); at++) {
		if ((at == words || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
			return true;
	}
	return false;
}

/* Arguments as those of its kind, and a result unless it has none; a named free returns. */
static inline void expect_kind(const struct mt_probe_site *site)
{
	if (site->func != MT_FUNC_FREE || site->result != MT_RESULT_RETURN)
		assert_int_equal(site->result == MT_RESULT_NONE,
				 site->func == MT_FUNC_FREE || site->func == MT_FUNC_RET ||
					 site->func == MT_FUNC_PTHREAD_CREATE);
	assert_int_equal(!site->size_at, !site->size_arg);
	assert_int_equal(!site->factor_at, !site->size_arg);
	assert_int_equal(!site->block_at, !site->block_arg);
	assert_int_equal(!site->block_arg && !site->size_arg,
			 site->func == MT_FUNC_RET || site->func == MT_FUNC_PTHREAD_CREATE);
}

/* Each function is one of `functions`, words separated by spaces, and there once. */
static inline void expect_sites(const struct mt_allocator *a, const char *name,
				const char *functions)
{
	size_t nr = 1, found = 0;

	for (const char *at = functions; *at; at++)
		nr += *at == ' ';
	assert_string_equal(a->name, name);
	for (size_t i = 0; i < a->nr_sites; i++) {
		const struct mt_probe_site *site = &a->sites[i];

		expect_kind(site);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(a->sites[j].file_offset, site->file_offset);
		if (site->func == MT_FUNC_RET)
			continue;
		found++;
		if (!has_word(functions, site->function))
			fail_msg("%s is not expected in %s", site->function, name);
		for (size_t j = 0; j < i; j++)
			assert_true(a->sites[j].func == MT_FUNC_RET ||
				    a->sites[j].file_offset - a->sites[j].function_offset !=
					    site->file_offset - site->function_offset);
	}
	assert_int_equal(found, nr);
}

/* The `ret`s, as words "FUNCTION+OFFSET". */
static inline void expect_rets(const struct mt_allocator *a, const char *expected)
{
	char all[4096] = "";
	size_t len = 0;

	for (size_t i = 0; i < a->nr_sites; i++) {
		const struct mt_probe_site *site = &a->sites[i];

		if (site->func != MT_FUNC_RET)
			continue;
		assert_int_equal(site->placement, MT_PLACEMENT_STEPPED);
		assert_int_equal(site->entry, site->function_offset);
		assert_false(site->needs_trial);
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s+%u", len ? " " : "",
					site->function, site->function_offset);
	}
	assert_string_equal(all, expected);
}

/* Those that may throw are `functions`, and each has its result by `ret`s. */
static inline void expect_result(const struct mt_allocator *a, const char *functions)
{
#ifdef __x86_64__
	for (size_t i = 0; i < a->nr_sites; i++) {
		const struct mt_probe_site *site = &a->sites[i];
		bool throws = has_word(functions, site->function) && site->func != MT_FUNC_RET;

		assert_int_equal(site->result == MT_RESULT_RET, throws);
		assert_int_not_equal(site->result, MT_RESULT_UNKNOWN);
	}
#endif
}

/* All of the library's code is inside, for each of its functions. */
/* Of a C library only frees are told apart. */
static inline void expect_internal(const struct mt_allocator *a, const char *file, bool is_libc)
{
	_close_ int fd = fixture_open(file);
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;

	assert_int_equal(mt_elf_new(&elf, fd), 0);
	for (size_t i = 0; i < a->nr_sites; i++) {
		const struct mt_probe_site *site = &a->sites[i];
		uint64_t start, end;

		if (site->func == MT_FUNC_RET || (is_libc && site->func != MT_FUNC_FREE)) {
			assert_int_equal(site->internal_from, site->internal_to);
			continue;
		}
		assert_int_equal(mt_elf_segment(elf, site->file_offset, &start, &end), 0);
		assert_int_equal((int64_t)site->file_offset + site->internal_from, start);
		assert_int_equal((int64_t)site->file_offset + site->internal_to, end);
	}
}

static inline bool is_missing(const char *file)
{
	if (!access(file, R_OK))
		return false;
	print_message("skipped: %s is not installed\n", file);
	return true;
}

static inline const struct mt_probe_site *find_site(const struct mt_allocator *a,
						    const char *function)
{
	for (size_t i = 0; i < a->nr_sites; i++) {
		if (a->sites[i].func != MT_FUNC_RET && !strcmp(a->sites[i].function, function))
			return &a->sites[i];
	}
	fail_msg("no %s", function);
	return NULL;
}

#endif
