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
};

struct entry {
	const char *name; /* or NULL: it allocates nothing itself */
	const char *soname;
	const char *version_prefix;
	const char *const *marks;	  /* functions that it must define, to the NULL */
	const struct function *functions; /* to the NULL; of aliases the first is kept */
};

static const struct function glibc_functions[] = {
	{ MT_FUNC_MALLOC, "malloc", true },
	{ MT_FUNC_CALLOC, "calloc", true },
	{ MT_FUNC_REALLOC, "realloc", true },
	{ MT_FUNC_REALLOCARRAY, "reallocarray", true }, /* since 2.26 */
	{ MT_FUNC_FREE, "free", false },
	{ MT_FUNC_POSIX_MEMALIGN, "posix_memalign", true },
	{ MT_FUNC_ALIGNED_ALLOC, "aligned_alloc", true }, /* memalign by another name until 2.38 */
	{ MT_FUNC_MEMALIGN, "memalign", true },
	{ MT_FUNC_VALLOC, "valloc", true },
	{ MT_FUNC_PVALLOC, "pvalloc", true },
	{ MT_FUNC_PTHREAD_CREATE, "pthread_create", false }, /* here since 2.34 */
	{ 0 },
};

static const struct function libpthread_functions[] = {
	{ MT_FUNC_PTHREAD_CREATE, "pthread_create", false },
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

static bool has_site_at(const struct mt_allocator *a, uint64_t file_offset)
{
	for (size_t i = 0; i < a->nr_sites; i++) {
		if (a->sites[i].file_offset == file_offset)
			return true;
	}
	return false;
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

static int fill(struct mt_elf *elf, const struct entry *entry, struct mt_allocator *a)
{
	unsigned int major, minor;

	for (const struct function *f = entry->functions; f->name; f++) {
		uint64_t offset;
		int err = mt_elf_function(elf, f->name, &offset);

		if (err == -ENOENT)
			continue;
		if (err)
			return -ENOEXEC;
		if (has_site_at(a, offset))
			continue;
		a->sites[a->nr_sites] = (struct mt_probe_site){
			.func = f->func,
			.function = f->name,
			.file_offset = offset,
			.wants_return = f->wants_return,
		};
		measure_code(elf, &a->sites[a->nr_sites++]);
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
