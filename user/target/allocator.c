// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/allocator.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "target/elf.h"
#include "util/cleanup.h"

struct function {
	enum mt_func func;
	const char *name;
	bool wants_return;
	unsigned int arguments; /* MT_PLACEMENT_ARG*: those that logic/call.h looks at */
};

#define ARG1 MT_PLACEMENT_ARG1
#define ARG2 MT_PLACEMENT_ARG2
#define ARG3 MT_PLACEMENT_ARG3

struct entry {
	const char *name; /* or NULL: it allocates nothing itself */
	const char *soname;
	const char *version_prefix;
	const char *const *marks;	  /* functions that it must define, to the NULL */
	const struct function *functions; /* to the NULL; of aliases the first is kept */
};

static const struct function glibc_functions[] = {
	{ MT_FUNC_MALLOC, "malloc", true, ARG1 },
	{ MT_FUNC_CALLOC, "calloc", true, ARG1 | ARG2 },
	{ MT_FUNC_REALLOC, "realloc", true, ARG1 | ARG2 },
	{ MT_FUNC_REALLOCARRAY, "reallocarray", true, ARG1 | ARG2 | ARG3 }, /* since 2.26 */
	{ MT_FUNC_FREE, "free", false, ARG1 },
	{ MT_FUNC_POSIX_MEMALIGN, "posix_memalign", true, ARG1 | ARG3 },
	{ MT_FUNC_ALIGNED_ALLOC, "aligned_alloc", true,
	  ARG2 }, /* memalign by another name until 2.38 */
	{ MT_FUNC_MEMALIGN, "memalign", true, ARG2 },
	{ MT_FUNC_VALLOC, "valloc", true, ARG1 },
	{ MT_FUNC_PVALLOC, "pvalloc", true, ARG1 },
	{ MT_FUNC_PTHREAD_CREATE, "pthread_create", false, 0 }, /* here since 2.34 */
	{ 0 },
};

static const struct function libpthread_functions[] = {
	{ MT_FUNC_PTHREAD_CREATE, "pthread_create", false, 0 },
	{ 0 },
};

static const char *const glibc_marks[] = { "gnu_get_libc_version", "__libc_start_main", "malloc",
					   "free", NULL };
static const char *const libpthread_marks[] = { "pthread_create", NULL };

static const struct entry catalogue[] = {
	{ "glibc", "libc.so.6", "GLIBC_", glibc_marks, glibc_functions },
	{ NULL, "libpthread.so.0", "GLIBC_", libpthread_marks, libpthread_functions },
};

const char *mt_allocator_soname(size_t i)
{
	return i < ARRAY_SIZE(catalogue) ? catalogue[i].soname : NULL;
}

static bool matches(struct mt_elf *elf, const struct entry *entry)
{
	const char *soname = mt_elf_soname(elf);
	uint64_t offset;

	if (!soname || strcmp(soname, entry->soname))
		return false;
	for (const char *const *mark = entry->marks; *mark; mark++) {
		if (mt_elf_function(elf, *mark, &offset) == -ENOENT)
			return false;
	}
	return true;
}

static bool has_site_in(const struct mt_allocator *a, uint64_t function)
{
	for (size_t i = 0; i < a->nr_sites; i++) {
		if (a->sites[i].file_offset - a->sites[i].function_offset == function)
			return true;
	}
	return false;
}

/*
 * Move a site from the function's entry to where the probe costs least. A function that is
 * too long to decode, or of unknown length, keeps its probe at the entry.
 */
static int place(struct mt_elf *elf, const struct function *f, struct mt_probe_site *site)
{
#ifdef __x86_64__
	struct mt_placement_result best;
	const uint8_t *code;
	size_t len;
	int err = mt_elf_function_code(elf, f->name, MT_PLACEMENT_CODE_MAX, &code, &len);

	if (err == -ERANGE)
		return 0;
	if (err || mt_placement_choose(code, len, f->arguments, &best))
		return -ENOEXEC;
	site->function_offset = best.offset;
	site->file_offset += best.offset;
	site->placement = best.placement;
#endif
	return 0;
}

/* How far the segment that holds a site reaches, so that a caller can be told as the library's. */
static void measure_code(struct mt_elf *elf, struct mt_probe_site *site)
{
	uint64_t start, end;

	if (mt_elf_segment(elf, site->file_offset, &start, &end))
		return;
	site->code_before = site->file_offset - start;
	site->code_after = end - site->file_offset;
}

static int add_site(struct mt_elf *elf, const struct function *f, struct mt_allocator *a)
{
	struct mt_probe_site site = {
		.func = f->func,
		.function = f->name,
		.wants_return = f->wants_return,
	};
	int err = mt_elf_function(elf, f->name, &site.file_offset);

	if (err)
		return err == -ENOENT ? 0 : -ENOEXEC;
	if (has_site_in(a, site.file_offset))
		return 0;
	err = place(elf, f, &site);
	if (err)
		return err;
	measure_code(elf, &site);
	a->sites[a->nr_sites++] = site;
	return 0;
}

static int fill(struct mt_elf *elf, const struct entry *entry, struct mt_allocator *a)
{
	unsigned int major, minor;

	for (const struct function *f = entry->functions; f->name; f++) {
		int err = add_site(elf, f, a);

		if (err)
			return err;
	}
	if (!entry->name)
		return 0;
	if (mt_elf_version(elf, entry->version_prefix, &major, &minor))
		snprintf(a->name, sizeof(a->name), "%s", entry->name);
	else
		snprintf(a->name, sizeof(a->name), "%s %u.%u", entry->name, major, minor);
	return 0;
}

int mt_allocator_recognise(struct mt_elf *elf, struct mt_allocator *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(catalogue); i++) {
		struct mt_allocator a = { 0 };
		int err;

		if (!matches(elf, &catalogue[i]))
			continue;
		err = fill(elf, &catalogue[i], &a);
		if (!err)
			*out = a;
		return err;
	}
	return -ENOENT;
}
