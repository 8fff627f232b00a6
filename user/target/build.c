// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/build.h"

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "target/elf.h"
#include "target/elf_internal.h"
#include "util/cleanup.h"

#define STRINGS_MAX (64 << 20) /* of .debug_str; a larger one is not looked through */
#define CRATES_MAX  256	       /* that are told apart, the standard library's 20 among them */

static const char *const checks[] = {
	"attempt to add with overflow",
	"attempt to subtract with overflow",
	"attempt to multiply with overflow",
};

static bool starts_with(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

/* ---- sections ---------------------------------------------------------------------------- */

static void add_section(struct mt_build *b, const char *name, uint64_t bytes)
{
	if (bytes > INT64_MAX / 2)
		return;
	if (!strcmp(name, ".symtab") || !strcmp(name, ".strtab") || starts_with(name, ".debug_"))
		b->symbol_bytes += bytes;
	else if (starts_with(name, ".eh_frame") || !strcmp(name, ".gcc_except_table"))
		b->unwind_bytes += bytes;
}

static void read_sections(struct mt_build *b, Elf *elf)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return;
	b->symbol_bytes = b->unwind_bytes = 0;
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr shdr;
		const char *name =
			gelf_getshdr(scn, &shdr) ? elf_strptr(elf, names, shdr.sh_name) : NULL;

		if (name && shdr.sh_type != SHT_NOBITS)
			add_section(b, name, shdr.sh_size);
	}
}

/* ---- strings ----------------------------------------------------------------------------- */

/* Does a NUL-terminated string of the section begin so? */
static bool has_string(Elf *elf, const char *section, const char *prefix)
{
	Elf_Data *data = mt_elf_named_section(elf, section);
	const char *s = data ? data->d_buf : NULL, *end = s ? s + data->d_size : NULL;
	size_t length = strlen(prefix);

	for (; s && s < end; s++) {
		if ((size_t)(end - s) >= length && !memcmp(s, prefix, length))
			return true;
		s = memchr(s, '\0', end - s);
		if (!s)
			break;
	}
	return false;
}

/* GCC's options: "GNU C17 12.2.0 -mtune=generic -g -O2". Without -O it does not optimise. */
static void read_producers(struct mt_build *b, Elf *elf)
{
	Elf_Data *data = mt_elf_named_section(elf, ".debug_str");
	const char *s = data && data->d_size <= STRINGS_MAX ? data->d_buf : NULL;
	const char *end = s ? s + data->d_size : NULL;

	while (s && s < end) {
		const char *stop = memchr(s, '\0', end - s);

		if (!stop)
			break;
		if (starts_with(s, "GNU C")) {
			const char *level = strstr(s, " -O");

			b->language = MT_BUILD_GNU;
			if (level && level[3] != '0')
				b->optimised = 1;
			else if (b->optimised == -1)
				b->optimised = 0;
		}
		s = stop + 1;
	}
}

/* ---- Rust -------------------------------------------------------------------------------- */

struct crate {
	const char *name; /* up to its hash */
	size_t length;
	int64_t units;
};

struct crates {
	struct crate v[CRATES_MAX];
	size_t nr;
};

/* "app.7d3c1f2e-cgu.0" */
static void add_unit(struct crates *c, const char *file)
{
	size_t length = strcspn(file, ".");

	if (!strstr(file + length, "-cgu."))
		return;
	for (size_t i = 0; i < c->nr; i++)
		if (c->v[i].length == length && !strncmp(c->v[i].name, file, length)) {
			c->v[i].units++;
			return;
		}
	if (c->nr < CRATES_MAX)
		c->v[c->nr++] = (struct crate){ file, length, 1 };
}

static void read_units(struct mt_build *b, Elf *elf)
{
	struct crates crates = { .nr = 0 };
	GElf_Shdr shdr;
	Elf_Scn *scn = mt_elf_next_section(elf, NULL, SHT_SYMTAB, &shdr);
	Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL;
	GElf_Sym symbol;

	for (int i = 0; data && gelf_getsym(data, i, &symbol); i++) {
		const char *name = GELF_ST_TYPE(symbol.st_info) == STT_FILE
					   ? mt_elf_string(elf, shdr.sh_link, symbol.st_name)
					   : NULL;

		if (name)
			add_unit(&crates, name);
	}
	for (size_t i = 0; i < crates.nr; i++)
		if (crates.v[i].units > b->codegen_units)
			b->codegen_units = crates.v[i].units;
}

/* Does it import the function, as a program that is linked with libgcc_s does? */
static bool imports(Elf *elf, const char *function)
{
	GElf_Shdr shdr;
	Elf_Scn *scn = mt_elf_next_section(elf, NULL, SHT_DYNSYM, &shdr);
	Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL;
	GElf_Sym symbol;

	for (int i = 0; data && gelf_getsym(data, i, &symbol); i++) {
		const char *name = symbol.st_shndx == SHN_UNDEF
					   ? mt_elf_string(elf, shdr.sh_link, symbol.st_name)
					   : NULL;

		if (name && !strcmp(name, function))
			return true;
	}
	return false;
}

static void read_rust(struct mt_build *b, struct mt_elf *elf)
{
	char rest[2];

	b->language = MT_BUILD_RUST;
	b->overflow_checks = 0;
	for (size_t i = 0; i < ARRAY_SIZE(checks) && !b->overflow_checks; i++)
		b->overflow_checks = !mt_elf_find_text(elf, checks[i], rest, sizeof(rest));
	if (!mt_elf_is_static(elf))
		b->unwinds = imports(mt_elf_handle(elf), "_Unwind_RaiseException");
	read_units(b, mt_elf_handle(elf));
}

void mt_build_read(struct mt_build *out, struct mt_elf *elf)
{
	*out = (struct mt_build)MT_BUILD_INIT;
	read_sections(out, mt_elf_handle(elf));
	if (has_string(mt_elf_handle(elf), ".comment", "rustc version"))
		read_rust(out, elf);
	else
		read_producers(out, mt_elf_handle(elf));
}
