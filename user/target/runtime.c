// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/runtime.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "target/elf.h"
#include "util/cleanup.h"

#define MARKS_MAX 4

/* Any one of the marks is enough; each list ends with NULL. */
struct entry {
	struct mt_runtime runtime;
	const char *soname; /* how it begins, or NULL */
	const char *sections[MARKS_MAX];
	const char *functions[MARKS_MAX];
	const char *text; /* in a program's read-only data, for what exports nothing; or NULL */
};

static const struct entry table[] = {
	{
		.runtime = { .name = "Go",
			     .says = "Go keeps its heap in mappings of its own: the mapping ledger "
				     "shows them grow, not what is live in them; malloc shows only "
				     "what cgo calls",
			     .return_probes_unsafe = true },
		/* A linker's script may drop either. */
		.sections = { ".go.buildinfo", ".note.go.buildid" },
	},
	{
		.runtime = { .name = "JVM",
			     .says = "the JVM reserves its heap by mmap and commits it in pieces: "
				     "the mapping ledger shows heap, metaspace and compiled code "
				     "as mappings, not Java objects; malloc shows native memory "
				     "only" },
		.soname = "libjvm.so",
	},
	{
		.runtime = { .name = "CPython",
			     .says = "pymalloc keeps Python objects of up to 512 bytes in arenas "
				     "that it maps (1 MiB each, before 3.10 256 KiB): the mapping "
				     "ledger shows arenas, not those objects; larger ones "
				     "come from malloc and are counted" },
		.soname = "libpython",
		.functions = { "Py_BytesMain", "PyObject_Malloc" },
	},
	{
		.runtime = { .name = "V8",
			     .says = "V8 keeps JavaScript objects in pages of 256 KiB that it "
				     "maps: the mapping ledger shows those, not the objects; "
				     "malloc shows native memory, and in Node.js Buffers" },
		.functions = { "_ZN2v87Isolate7DisposeEv", "_ZN2v82V810GetVersionEv" },
		/* Chromium exports none of it. V8's words for a fatal error are in every build. */
		.text = "Fatal JavaScript invalid size error ",
	},
};

static bool defines(struct mt_elf *elf, const char *const *names)
{
	uint64_t offset;

	for (; *names; names++) {
		if (!mt_elf_function(elf, *names, &offset))
			return true;
	}
	return false;
}

static bool has_section(const struct mt_elf *elf, const char *const *names)
{
	for (; *names; names++) {
		if (mt_elf_has_section(elf, *names))
			return true;
	}
	return false;
}

/* Only programs are searched for text: a process maps one of them, and hundreds of libraries. */
static bool says(const struct mt_elf *elf, const char *text)
{
	char rest[2];

	return text && mt_elf_interpreter(elf) && !mt_elf_find_text(elf, text, rest, sizeof(rest));
}

static bool matches(struct mt_elf *elf, const struct entry *e)
{
	const char *soname = mt_elf_soname(elf);

	if (soname && e->soname && !strncmp(soname, e->soname, strlen(e->soname)))
		return true;
	return has_section(elf, e->sections) || defines(elf, e->functions) || says(elf, e->text);
}

const struct mt_runtime *mt_runtime_recognise(struct mt_elf *elf)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (matches(elf, &table[i]))
			return &table[i].runtime;
	}
	return NULL;
}

const struct mt_runtime *mt_runtime_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (!strcmp(table[i].runtime.name, name))
			return &table[i].runtime;
	}
	return NULL;
}
