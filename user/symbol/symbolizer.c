// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "symbol/symbolizer.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <gelf.h>
#include <string.h>

#include "symbol/demangle.h"
#include "target/elf.h"
#include "util/cleanup.h"

/* libdw reads all debug sections at once. */
#define DEBUG_MAX (1U << 30)

/* Ranges of compilation units; a large program has some 100,000. */
#define RANGES_MAX (4U << 20)

/* How many spans that begin before an address but end before it too are passed over. */
#define OVERLAP_MAX 64

/* A range of addresses, and the function or the compilation unit that it belongs to. */
struct span {
	uint64_t start;
	uint64_t end;
	const char *name; /* of a function, as in the file */
	char *shown;	  /* the same demangled, once asked for */
	uint64_t unit;	  /* offset of a compilation unit's entry */
	bool sized;
	bool global;
};

/* In rising order of start; of equal starts the best is last. */
struct spans {
	struct span *v;
	size_t nr;
	size_t size;
};

struct mt_symbolizer {
	struct mt_elf *elf;
	Dwarf *dwarf; /* or NULL */
	struct spans functions;
	struct spans units;
};

static int add_span(struct spans *s, struct span span)
{
	if (s->nr == s->size) {
		size_t size = s->size ? 2 * s->size : 256;
		struct span *grown = reallocarray(s->v, size, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		s->v = grown;
		s->size = size;
	}
	s->v[s->nr++] = span;
	return 0;
}

static struct span *find_span(const struct spans *s, uint64_t address)
{
	size_t lo = 0, hi = s->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->v[mid].start <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (size_t i = lo; i > 0 && lo - i < OVERLAP_MAX; i--) {
		if (s->v[i - 1].end > address)
			return &s->v[i - 1];
	}
	return NULL;
}

/* Of names for one address: one with a size, global, with few underscores, short. */
static int by_start_and_merit(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	size_t x_bars, y_bars, x_len, y_len;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (!x->name || !y->name)
		return 0;
	if (x->sized != y->sized)
		return x->sized ? 1 : -1;
	if (x->global != y->global)
		return x->global ? 1 : -1;
	x_bars = strspn(x->name, "_");
	y_bars = strspn(y->name, "_");
	if (x_bars != y_bars)
		return x_bars < y_bars ? 1 : -1;
	x_len = strlen(x->name);
	y_len = strlen(y->name);
	if (x_len != y_len)
		return x_len < y_len ? 1 : -1;
	return strcmp(y->name, x->name);
}

static void sort_spans(struct spans *s)
{
	if (s->nr)
		qsort(s->v, s->nr, sizeof(*s->v), by_start_and_merit);
}

static int add_function(const struct mt_elf_symbol *sym, void *arg)
{
	struct mt_symbolizer *s = arg;
	uint64_t unused, end = sym->size ? sym->address + sym->size : sym->limit;

	if (end <= sym->address || mt_elf_offset_of(s->elf, sym->address, &unused))
		return 0;
	return add_span(&s->functions, (struct span){ .start = sym->address,
						      .end = end,
						      .name = sym->name,
						      .sized = sym->size != 0,
						      .global = sym->global });
}

static int index_functions(struct mt_symbolizer *s)
{
	struct spans *f = &s->functions;
	uint64_t next = UINT64_MAX;
	int err = mt_elf_each_function(s->elf, add_function, s);

	if (err)
		return err;
	sort_spans(f);
	/* A function of unknown size reaches to the next one, at most to its section's end. */
	for (size_t i = f->nr; i > 0; i--) {
		struct span *span = &f->v[i - 1];

		if (i < f->nr && span->start != f->v[i].start)
			next = f->v[i].start;
		if (!span->sized && span->end > next)
			span->end = next;
	}
	return 0;
}

/*
 * libdw (0.188) runs beyond a section of strings if the last one does not end in it. This is
 * the buffer that libdw will use: libelf reads a section once.
 */
static bool ends_in_zero(Elf_Scn *scn, bool compressed)
{
	const Elf_Data *data;

	if (compressed && elf_compress(scn, 0, 0) < 0)
		return false;
	data = elf_rawdata(scn, NULL);
	return data && data->d_buf && data->d_size &&
	       !((const char *)data->d_buf)[data->d_size - 1];
}

/* May libdw see this section? Adds what it takes in memory to `total`. */
static bool fits_libdw(Elf_Scn *scn, const char *name, uint64_t *total)
{
	bool compressed;
	GElf_Shdr shdr;
	GElf_Chdr chdr;
	uint64_t size;

	/* Then the rest is in a file that libdw would open by the name it finds here. */
	if (!strcmp(name, ".gnu_debugaltlink"))
		return false;
	if (!gelf_getshdr(scn, &shdr) || !strncmp(name, ".zdebug_", 8)) /* before gABI */
		return false;
	if (strncmp(name, ".debug_", 7) || !shdr.sh_size)
		return true;
	compressed = shdr.sh_flags & SHF_COMPRESSED;
	size = shdr.sh_size;
	if (compressed)
		size = gelf_getchdr(scn, &chdr) ? chdr.ch_size : UINT64_MAX;
	if (size > DEBUG_MAX || *total + size > DEBUG_MAX)
		return false;
	*total += size;
	if (strcmp(name, ".debug_str") && strcmp(name, ".debug_line_str"))
		return true;
	return ends_in_zero(scn, compressed);
}

/* Is there debug information, all of it in this file, and fit for libdw? */
static bool has_usable_dwarf(Elf *elf)
{
	uint64_t total = 0;
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return false;
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr shdr;
		const char *name = NULL;

		if (gelf_getshdr(scn, &shdr))
			name = elf_strptr(elf, names, shdr.sh_name);
		if (name && !fits_libdw(scn, name, &total))
			return false;
	}
	return total > 0;
}

static int add_unit(struct mt_symbolizer *s, Dwarf_Die *unit)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;

	while (s->units.nr < RANGES_MAX && (at = dwarf_ranges(unit, at, &base, &start, &end)) > 0) {
		uint64_t unused;
		int err;

		/* A linker leaves what it dropped at address 0 and thereabouts. */
		if (end <= start || mt_elf_offset_of(s->elf, start, &unused))
			continue;
		err = add_span(
			&s->units,
			(struct span){ .start = start, .end = end, .unit = dwarf_dieoffset(unit) });
		if (err)
			return err;
	}
	return 0;
}

/* Our own index, because .debug_aranges is missing from what clang compiles. */
static int index_units(struct mt_symbolizer *s)
{
	Dwarf_CU *cu = NULL;
	uint8_t type;
	Dwarf_Die unit;

	if (!has_usable_dwarf(mt_elf_handle(s->elf)))
		return 0;
	s->dwarf = dwarf_begin_elf(mt_elf_handle(s->elf), DWARF_C_READ, NULL);
	while (s->dwarf && !dwarf_get_units(s->dwarf, cu, &cu, NULL, &type, &unit, NULL)) {
		int err = type == DW_UT_compile || type == DW_UT_skeleton ? add_unit(s, &unit) : 0;

		if (err)
			return err;
	}
	sort_spans(&s->units);
	return 0;
}

int mt_symbolizer_new(struct mt_symbolizer **out, int fd)
{
	__cleanup(mt_symbolizer_free) struct mt_symbolizer *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	err = mt_elf_new(&s->elf, fd);
	if (!err)
		err = index_functions(s);
	if (!err)
		err = index_units(s);
	if (err)
		return err;
	*out = TAKE_PTR(s);
	return 0;
}

void mt_symbolizer_free(struct mt_symbolizer **symbolizer)
{
	struct mt_symbolizer *s = *symbolizer;

	if (!s)
		return;
	for (size_t i = 0; i < s->functions.nr; i++)
		free(s->functions.v[i].shown);
	free(s->functions.v);
	free(s->units.v);
	dwarf_end(s->dwarf);
	mt_elf_free(&s->elf);
	free(s);
	*symbolizer = NULL;
}

const char *mt_symbolizer_build_id(const struct mt_symbolizer *s)
{
	return mt_elf_build_id(s->elf);
}

static void find_line(struct mt_symbolizer *s, uint64_t address, struct mt_symbol *out)
{
	const struct span *span = find_span(&s->units, address);
	Dwarf_Line *line;
	Dwarf_Die unit;
	int number;

	if (!span || !dwarf_offdie(s->dwarf, span->unit, &unit))
		return;
	line = dwarf_getsrc_die(&unit, address);
	/* Line 0 is code that belongs to no line. */
	if (!line || dwarf_lineno(line, &number) || number <= 0)
		return;
	out->file = dwarf_linesrc(line, NULL, NULL);
	out->line = out->file ? (uint32_t)number : 0;
}

int mt_symbolizer_find(struct mt_symbolizer *s, uint64_t file_offset, struct mt_symbol *out)
{
	struct span *span;
	uint64_t address;

	*out = (struct mt_symbol){ 0 };
	if (mt_elf_address_of(s->elf, file_offset, &address))
		return 0;
	span = find_span(&s->functions, address);
	if (span && !span->shown) {
		span->shown = mt_symbol_demangle(span->name);
		if (!span->shown)
			return -ENOMEM;
	}
	if (span)
		out->function = span->shown;
	find_line(s, address, out);
	return 0;
}
