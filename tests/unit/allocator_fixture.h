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
	"_ZnamRKSt9nothrow_t _ZnamSt11align_val_t _ZnamSt11align_val_tRKSt9nothrow_t "       \
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

/* Each site is one of `functions`, words separated by spaces, and has the arguments of its kind. */
static inline void expect_sites(const struct mt_allocator *a, const char *name,
				const char *functions)
{
	size_t nr = 1;

	for (const char *at = functions; *at; at++)
		nr += *at == ' ';
	assert_string_equal(a->name, name);
	for (size_t i = 0; i < a->nr_sites; i++) {
		const struct mt_probe_site *site = &a->sites[i];

		if (!has_word(functions, site->function))
			fail_msg("%s is not expected in %s", site->function, name);
		assert_int_equal(site->result == MT_RESULT_NONE,
				 site->func == MT_FUNC_FREE ||
					 site->func == MT_FUNC_PTHREAD_CREATE);
		assert_int_equal(!site->size_at, !site->size_arg);
		assert_int_equal(!site->factor_at, !site->size_arg);
		assert_int_equal(!site->block_at, !site->block_arg);
		assert_int_equal(!site->block_arg && !site->size_arg,
				 site->func == MT_FUNC_PTHREAD_CREATE);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(a->sites[j].file_offset - a->sites[j].function_offset,
					     site->file_offset - site->function_offset);
	}
	assert_int_equal(a->nr_sites, nr);
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
		if (!strcmp(a->sites[i].function, function))
			return &a->sites[i];
	}
	fail_msg("no %s", function);
	return NULL;
}

#endif
