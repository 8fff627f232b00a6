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
#include "util/log.h"

/* Ranges of compilation units; a large program has some 100,000. */
#define RANGES_MAX (4U << 20)

/* How many spans that begin before an address but end before it too are passed over. */
#define OVERLAP_MAX 64

/* Entries of debug information lie within each other; a compiler's, some dozens deep. */
#define NESTING_MAX 256

/* A range of addresses, and the function or the compilation unit that it belongs to. */
struct span {
	uint64_t start;
	uint64_t end;
	const char *name; /* of a function, as in the file */
	char *shown;	  /* the same demangled, once asked for */
	uint64_t entry;	  /* number of a compilation unit, or offset of a function's entry */
	bool sized;
	bool global;
};

/* In rising order of start; of equal starts the best is last. */
struct spans {
	struct span *v;
	size_t nr;
	size_t size;
};

struct unit {
	uint64_t entry; /* its offset */
	bool skeleton;	/* its functions are described in another file */
	bool indexed;	/* `functions` is filled, once an address in the unit was asked for */
	struct spans functions;
};

struct mt_symbolizer {
	struct mt_elf *elf;
	Dwarf *dwarf;	   /* or NULL */
	bool info_strings; /* those in the entries themselves end within the section */
	struct spans functions;
	struct spans unit_ranges;
	struct unit *units;
	size_t nr_units;
	size_t units_size;
	char *shown[MT_SYMBOL_DEPTH]; /* names of what the last address was inlined from */
};

/* The functions inlined at an address, outermost first. */
struct inlining {
	uint64_t address;
	Dwarf_Die calls[MT_SYMBOL_DEPTH - 1];
	size_t nr;
	bool cut; /* there are more */
	Dwarf_Off last;
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
	if (size > MT_SYMBOL_DWARF_MAX || (compressed && !gelf_getchdr(scn, &chdr)) ||
	    (compressed && chdr.ch_size > MT_SYMBOL_DWARF_MAX))
		return false;
	if (compressed)
		size += chdr.ch_size;
	if (*total + size > MT_SYMBOL_DWARF_MAX)
		return false;
	*total += size;
	if (strcmp(name, ".debug_str") && strcmp(name, ".debug_line_str"))
		return true;
	return ends_in_zero(scn, compressed);
}

/* Is there debug information, all of it in this file, and fit for libdw? */
static bool has_usable_dwarf(struct mt_symbolizer *s, Elf *elf)
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
		if (name && !strcmp(name, ".debug_info"))
			s->info_strings = ends_in_zero(scn, shdr.sh_flags & SHF_COMPRESSED);
	}
	return total > 0;
}

/* The ranges of a unit or of a function. */
static int add_ranges(struct mt_symbolizer *s, struct spans *to, Dwarf_Die *die, uint64_t entry)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;

	while (to->nr < RANGES_MAX && (at = dwarf_ranges(die, at, &base, &start, &end)) > 0) {
		uint64_t unused;
		int err;

		/* A linker leaves what it dropped at address 0 and thereabouts. */
		if (end <= start || mt_elf_offset_of(s->elf, start, &unused))
			continue;
		err = add_span(to, (struct span){ .start = start, .end = end, .entry = entry });
		if (err)
			return err;
	}
	return 0;
}

static int add_unit(struct mt_symbolizer *s, Dwarf_Die *die, bool skeleton)
{
	if (s->nr_units == s->units_size) {
		size_t size = s->units_size ? 2 * s->units_size : 64;
		struct unit *grown = reallocarray(s->units, size, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		s->units = grown;
		s->units_size = size;
	}
	s->units[s->nr_units] =
		(struct unit){ .entry = dwarf_dieoffset(die), .skeleton = skeleton };
	return add_ranges(s, &s->unit_ranges, die, s->nr_units++);
}

/* Our own index, because .debug_aranges is missing from what clang compiles. */
static int index_units(struct mt_symbolizer *s)
{
	Elf *elf = mt_elf_debug_handle(s->elf) ?: mt_elf_handle(s->elf);
	Dwarf_CU *cu = NULL;
	uint8_t type;
	Dwarf_Die die;

	if (!has_usable_dwarf(s, elf))
		return 0;
	s->dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	while (s->dwarf && !dwarf_get_units(s->dwarf, cu, &cu, NULL, &type, &die, NULL)) {
		int err = 0;

		if (type == DW_UT_compile || type == DW_UT_skeleton)
			err = add_unit(s, &die, type == DW_UT_skeleton);
		if (err)
			return err;
	}
	sort_spans(&s->unit_ranges);
	return 0;
}

int mt_symbolizer_new(struct mt_symbolizer **out, int fd, int debug)
{
	__cleanup(mt_symbolizer_free) struct mt_symbolizer *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	err = mt_elf_new(&s->elf, fd);
	if (!err && debug >= 0 && mt_elf_attach_debug(s->elf, debug))
		mt_info("a debug file is damaged, or of another build");
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
	for (size_t i = 0; i < s->nr_units; i++)
		free(s->units[i].functions.v);
	free(s->units);
	free(s->unit_ranges.v);
	for (size_t i = 0; i < MT_SYMBOL_DEPTH; i++)
		free(s->shown[i]);
	dwarf_end(s->dwarf);
	mt_elf_free(&s->elf);
	free(s);
	*symbolizer = NULL;
}

const char *mt_symbolizer_build_id(const struct mt_symbolizer *s)
{
	return mt_elf_build_id(s->elf);
}

/*
 * Entries are visited in the order of the file. In a damaged one, children may be shared and
 * references lead back; it ends the walk.
 */
static bool advances(Dwarf_Off *last, Dwarf_Die *die)
{
	Dwarf_Off at = dwarf_dieoffset(die);

	if (at <= *last)
		return false;
	*last = at;
	return true;
}

/* Functions lie anywhere: Rust's in their namespaces, C's nested ones in each other. */
static int index_below(struct mt_symbolizer *s, struct unit *u, Dwarf_Die *parent, Dwarf_Off *last,
		       int nesting)
{
	Dwarf_Die die;
	int none = dwarf_child(parent, &die), err = 0;

	for (; !none && !err && advances(last, &die); none = dwarf_siblingof(&die, &die)) {
		if (dwarf_tag(&die) == DW_TAG_subprogram)
			err = add_ranges(s, &u->functions, &die, dwarf_dieoffset(&die));
		if (!err && nesting < NESTING_MAX)
			err = index_below(s, u, &die, last, nesting + 1);
	}
	return err;
}

/* The unit that holds the address, its functions indexed; NULL in *out: none. */
static int find_unit(struct mt_symbolizer *s, uint64_t address, struct unit **out, Dwarf_Die *die)
{
	const struct span *span = find_span(&s->unit_ranges, address);
	struct unit *u = span ? &s->units[span->entry] : NULL;
	Dwarf_Off last = 0;

	*out = NULL;
	if (!u || !dwarf_offdie(s->dwarf, u->entry, die))
		return 0;
	if (!u->indexed) {
		int err = index_below(s, u, die, &last, 0);

		if (err)
			return err;
		sort_spans(&u->functions);
		u->indexed = true;
	}
	*out = u;
	return 0;
}

/* Follows the address from a function's entry inwards; was it in something inlined? */
static bool find_inlined(struct inlining *in, Dwarf_Die *parent, int nesting)
{
	Dwarf_Die die;
	int none = nesting < NESTING_MAX ? dwarf_child(parent, &die) : 1;

	for (; !none && advances(&in->last, &die); none = dwarf_siblingof(&die, &die)) {
		int tag = dwarf_tag(&die);

		if (tag == DW_TAG_inlined_subroutine && dwarf_haspc(&die, in->address) > 0) {
			in->cut = in->nr == ARRAY_SIZE(in->calls);
			if (in->cut)
				return true;
			in->calls[in->nr++] = die;
			find_inlined(in, &die, nesting + 1);
			return true;
		}
		if ((tag == DW_TAG_lexical_block || tag == DW_TAG_try_block ||
		     tag == DW_TAG_catch_block) &&
		    find_inlined(in, &die, nesting + 1))
			return true;
	}
	return false;
}

static void set_line(struct mt_symbol *out, const char *file, uint64_t line)
{
	/* Line 0 is code that belongs to no line. */
	if (!file || !line || line > INT32_MAX)
		return;
	out->file = file;
	out->line = (uint32_t)line;
}

/* The line of the address itself, which is the innermost function's. */
static void set_own_line(struct mt_symbol *out, Dwarf_Die *unit, uint64_t address)
{
	Dwarf_Line *line = dwarf_getsrc_die(unit, address);
	int number;

	if (line && !dwarf_lineno(line, &number) && number > 0)
		set_line(out, dwarf_linesrc(line, NULL, NULL), (uint64_t)number);
}

static bool get_number(Dwarf_Die *die, unsigned int name, Dwarf_Word *out)
{
	Dwarf_Attribute attr;

	return dwarf_attr(die, name, &attr) && !dwarf_formudata(&attr, out);
}

/* Where the inlined function was called, which is a line of the one around it. */
static void set_call_line(struct mt_symbol *out, Dwarf_Die *unit, Dwarf_Die *call)
{
	Dwarf_Files *files;
	Dwarf_Word file, line;
	size_t nr;

	if (get_number(call, DW_AT_call_file, &file) && get_number(call, DW_AT_call_line, &line) &&
	    !dwarf_getsrcfiles(unit, &files, &nr) && file < nr)
		set_line(out, dwarf_filesrc(files, file, NULL, NULL), line);
}

/* libdw does not see to it that a string in an entry ends before the section does. */
static const char *get_string(const struct mt_symbolizer *s, Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attr;

	if (!dwarf_attr_integrate(die, name, &attr))
		return NULL;
	if (dwarf_whatform(&attr) == DW_FORM_string && !s->info_strings)
		return NULL;
	return dwarf_formstring(&attr);
}

static int set_name(struct mt_symbolizer *s, struct mt_symbol *out, Dwarf_Die *die, size_t depth)
{
	const char *name = get_string(s, die, DW_AT_linkage_name)
				   ?: get_string(s, die, DW_AT_MIPS_linkage_name)
				   ?: get_string(s, die, DW_AT_name);

	free(s->shown[depth]);
	s->shown[depth] = name ? mt_symbol_demangle(name) : NULL;
	out->function = s->shown[depth];
	return name && !out->function ? -ENOMEM : 0;
}

/* Files and lines, and the names of what was inlined; the outermost's is the symbol table's. */
static int describe(struct mt_symbolizer *s, uint64_t address, struct mt_symbol_stack *out)
{
	struct inlining in = { .address = address };
	const struct span *function;
	Dwarf_Die unit_die, die;
	struct mt_symbol *outermost;
	struct unit *unit;
	int err = find_unit(s, address, &unit, &unit_die);

	if (err || !unit)
		return err;
	function = find_span(&unit->functions, address);
	if (!function && unit->skeleton)
		return 0;
	if (function && dwarf_offdie(s->dwarf, function->entry, &die))
		find_inlined(&in, &die, 0);
	if (in.cut)
		return 0;
	out->nr = in.nr + 1;
	outermost = &out->frames[in.nr];
	outermost->function = out->frames[0].function;
	set_own_line(&out->frames[0], &unit_die, address);
	for (size_t i = 0; i < in.nr && !err; i++) {
		Dwarf_Die *call = &in.calls[in.nr - 1 - i];

		err = set_name(s, &out->frames[i], call, i);
		set_call_line(&out->frames[i + 1], &unit_die, call);
	}
	if (!err && function && !outermost->function)
		err = set_name(s, outermost, &die, in.nr);
	return err;
}

int mt_symbolizer_find(struct mt_symbolizer *s, uint64_t file_offset, struct mt_symbol_stack *out)
{
	struct span *span;
	uint64_t address;

	*out = (struct mt_symbol_stack){ .nr = 1 };
	if (mt_elf_address_of(s->elf, file_offset, &address))
		return 0;
	span = find_span(&s->functions, address);
	if (span && !span->shown) {
		span->shown = mt_symbol_demangle(span->name);
		if (!span->shown)
			return -ENOMEM;
	}
	if (span)
		out->frames[0].function = span->shown;
	return describe(s, address, out);
}
