// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Functions by name. The tables, the first that knows a name wins: .dynsym and .symtab of the
 * file, .symtab of what its .gnu_debugdata unpacks to, .symtab of an attached debug file. The
 * last two have sections without content: only names and addresses come from them, and the
 * addresses are those of the file.
 *
 * A catalogue asks for hundreds of names, a large program has hundreds of thousands. So the
 * first question makes an index, a hash table of every name. Names that a hostile file
 * has made collide cost a longer walk, as without an index, and no more.
 */
#include "target/elf.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "target/elf_internal.h"
#include "util/cleanup.h"

/* Longer names are not indexed: the catalogue has none, and to hash them takes time. */
#define INDEXED_NAME_MAX 255

#define NO_SLOT UINT32_MAX

/* A chain is in the order of the tables, and in each in that of its symbols. */
struct mt_elf_slot {
	uint32_t hash;
	uint32_t tab;
	uint32_t symbol;
	uint32_t next; /* in the chain, or NO_SLOT */
};

static bool open_symtab(Elf *elf, uint32_t type, struct mt_elf_symtab *tab)
{
	GElf_Shdr shdr, vshdr;
	Elf_Scn *scn = mt_elf_next_section(elf, NULL, type, &shdr);
	Elf_Scn *vscn =
		type == SHT_DYNSYM ? mt_elf_next_section(elf, NULL, SHT_GNU_versym, &vshdr) : NULL;
	Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL;

	if (!data || !data->d_buf)
		return false;
	*tab = (struct mt_elf_symtab){
		.elf = elf,
		.data = data,
		.versions = vscn ? elf_getdata(vscn, NULL) : NULL,
		.nr = data->d_size / sizeof(Elf64_Sym),
		.strings = shdr.sh_link,
	};
	return mt_elf_string(elf, tab->strings, 0) != NULL;
}

static void add_symtab(struct mt_elf_symbols *s, Elf *elf, uint32_t type)
{
	struct mt_elf_symtab *tab = &s->tabs[s->nr_tabs];

	if (!elf || !open_symtab(elf, type, tab))
		return;
	tab->exports = !s->nr_tabs; /* a static program has none but .symtab */
	s->nr_tabs++;
}

/* A file that has no such section, or a damaged one, has only its other tables. */
static int open_debugdata(struct mt_elf *e)
{
	struct mt_elf_symbols *s = &e->symbols;
	Elf_Data *packed = mt_elf_named_section(e->elf, ".gnu_debugdata");
	size_t len;
	int err;

	if (s->debugdata || !packed)
		return 0;
	err = mt_elf_unpack(packed->d_buf, packed->d_size, &s->debugdata, &len);
	if (err)
		return err == -ENOMEM ? err : 0;
	s->mini = elf_memory(s->debugdata, len);
	if (s->mini && mt_elf_check_header(s->mini)) {
		elf_end(s->mini);
		s->mini = NULL;
	}
	return 0;
}

static int open_tables(struct mt_elf *e)
{
	struct mt_elf_symbols *s = &e->symbols;
	int err;

	if (s->opened)
		return 0;
	err = open_debugdata(e);
	if (err)
		return err;
	add_symtab(s, e->elf, SHT_DYNSYM);
	add_symtab(s, e->elf, SHT_SYMTAB);
	add_symtab(s, s->mini, SHT_SYMTAB);
	add_symtab(s, s->debug, SHT_SYMTAB);
	s->opened = true;
	return 0;
}

static void close_tables(struct mt_elf_symbols *s)
{
	free(s->slots);
	s->slots = NULL;
	free(s->heads);
	s->heads = NULL;
	s->nr_slots = 0;
	s->indexed = false;
	s->nr_tabs = 0;
	s->opened = false;
}

void mt_elf_symbols_free(struct mt_elf_symbols *s)
{
	close_tables(s);
	elf_end(s->debug);
	elf_end(s->mini);
	free(s->debugdata);
}

int mt_elf_attach_debug(struct mt_elf *e, int fd)
{
	char build_id[MT_ELF_BUILD_ID_SIZE];
	struct stat st;
	Elf *debug;
	int err;

	if (e->symbols.debug)
		return -EEXIST;
	if (fstat(fd, &st))
		return -errno;
	debug = S_ISREG(st.st_mode) ? elf_begin(fd, ELF_C_READ, NULL) : NULL;
	if (!debug)
		return -ENOEXEC;
	err = mt_elf_check_header(debug);
	if (!err) {
		mt_elf_read_build_id(debug, build_id);
		err = strcmp(build_id, e->build_id) ? -ESTALE : 0;
	}
	if (err) {
		elf_end(debug);
		return err;
	}
	close_tables(&e->symbols);
	e->symbols.debug = debug;
	return 0;
}

static uint64_t section_end(Elf *elf, const GElf_Sym *sym)
{
	Elf_Scn *scn = sym->st_shndx < SHN_LORESERVE ? elf_getscn(elf, sym->st_shndx) : NULL;
	GElf_Shdr shdr;

	if (!scn || !gelf_getshdr(scn, &shdr) || sym->st_value < shdr.sh_addr ||
	    sym->st_value - shdr.sh_addr >= shdr.sh_size)
		return sym->st_value;
	return sym->st_value + (shdr.sh_size - (sym->st_value - shdr.sh_addr));
}

/* Symbol `i` as a defined function; false if it is not one. */
static bool read_function(const struct mt_elf_symtab *tab, size_t i, struct mt_elf_symbol *out)
{
	GElf_Versym version = 0;
	GElf_Sym sym;

	if (!gelf_getsym(tab->data, (int)i, &sym))
		return false;
	/* An undefined symbol may have a value: the PLT stub that stands for the function. */
	if (sym.st_shndx == SHN_UNDEF || sym.st_shndx == SHN_ABS || !sym.st_value)
		return false;
	if (GELF_ST_TYPE(sym.st_info) != STT_FUNC && GELF_ST_TYPE(sym.st_info) != STT_GNU_IFUNC)
		return false;
	if (tab->versions)
		gelf_getversym(tab->versions, (int)i, &version);
	*out = (struct mt_elf_symbol){
		.name = elf_strptr(tab->elf, tab->strings, sym.st_name),
		.address = sym.st_value,
		.size = sym.st_size,
		.limit = sym.st_size ? sym.st_value : section_end(tab->elf, &sym),
		.ifunc = GELF_ST_TYPE(sym.st_info) == STT_GNU_IFUNC,
		.global = GELF_ST_BIND(sym.st_info) != STB_LOCAL,
		/* The linker makes what is hidden local. */
		.exported = tab->exports && GELF_ST_BIND(sym.st_info) != STB_LOCAL,
		.default_version = !(version & 0x8000), /* VERSYM_HIDDEN */
	};
	return out->name && out->name[0];
}

int mt_elf_each_function(struct mt_elf *e, int (*cb)(const struct mt_elf_symbol *, void *),
			 void *arg)
{
	int err = open_tables(e);

	for (size_t t = 0; !err && t < e->symbols.nr_tabs; t++) {
		const struct mt_elf_symtab *tab = &e->symbols.tabs[t];

		for (size_t i = 0; !err && i < tab->nr; i++) {
			struct mt_elf_symbol sym;

			if (read_function(tab, i, &sym))
				err = cb(&sym, arg);
		}
	}
	return err;
}

static int add_slot(struct mt_elf_symbols *s, size_t *size, struct mt_elf_slot slot)
{
	if (s->nr_slots == *size) {
		size_t larger = *size ? 2 * *size : 256;
		struct mt_elf_slot *grown = reallocarray(s->slots, larger, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		s->slots = grown;
		*size = larger;
	}
	s->slots[s->nr_slots++] = slot;
	return 0;
}

/* Eight bytes at a time: names of C++ are long. */
static uint32_t hash_name(const char *name, size_t len)
{
	uint64_t hash = len, word = 0;

	for (; len >= sizeof(word); name += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, name, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 32;
	}
	word = 0;
	memcpy(&word, name, len);
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
	return (uint32_t)(hash >> 32);
}

static int index_table(struct mt_elf_symbols *s, uint32_t t, size_t *size)
{
	for (size_t i = 0; i < s->tabs[t].nr; i++) {
		struct mt_elf_symbol sym;
		size_t len;
		int err;

		if (!read_function(&s->tabs[t], i, &sym))
			continue;
		len = strnlen(sym.name, INDEXED_NAME_MAX + 1);
		if (len > INDEXED_NAME_MAX)
			continue;
		err = add_slot(s, size,
			       (struct mt_elf_slot){ .hash = hash_name(sym.name, len),
						     .tab = t,
						     .symbol = (uint32_t)i });
		if (err)
			return err;
	}
	return 0;
}

static int chain_slots(struct mt_elf_symbols *s)
{
	size_t nr = 1;

	while (nr < s->nr_slots)
		nr *= 2;
	s->heads = malloc(nr * sizeof(*s->heads));
	if (!s->heads)
		return -ENOMEM;
	memset(s->heads, 0xff, nr * sizeof(*s->heads)); /* NO_SLOT */
	s->mask = (uint32_t)(nr - 1);
	for (size_t i = s->nr_slots; i-- > 0;) {
		uint32_t *head = &s->heads[s->slots[i].hash & s->mask];

		s->slots[i].next = *head;
		*head = (uint32_t)i;
	}
	return 0;
}

static int make_index(struct mt_elf *e)
{
	struct mt_elf_symbols *s = &e->symbols;
	size_t size = 0;
	int err;

	if (s->indexed)
		return 0;
	err = open_tables(e);
	for (uint32_t t = 0; !err && t < s->nr_tabs; t++)
		err = index_table(s, t, &size);
	if (!err)
		err = chain_slots(s);
	if (err) {
		close_tables(s);
		return err;
	}
	s->indexed = true;
	return 0;
}

static bool find_symbol(const struct mt_elf_symbols *s, const char *name,
			struct mt_elf_symbol *found)
{
	uint32_t hash = hash_name(name, strlen(name)), tab = 0;
	bool any = false;

	for (uint32_t i = s->heads[hash & s->mask]; i != NO_SLOT; i = s->slots[i].next) {
		const struct mt_elf_slot *slot = &s->slots[i];
		struct mt_elf_symbol sym;

		if (slot->hash != hash)
			continue;
		if (any && (found->default_version || slot->tab != tab))
			break;
		if (!read_function(&s->tabs[slot->tab], slot->symbol, &sym) ||
		    strcmp(sym.name, name))
			continue;
		if (!any || sym.default_version)
			*found = sym;
		any = true;
		tab = slot->tab;
	}
	return any;
}

static int find_function(struct mt_elf *e, const char *name, struct mt_elf_symbol *sym,
			 uint64_t *file_offset)
{
	int err = make_index(e);

	if (err)
		return err;
	if (!find_symbol(&e->symbols, name, sym))
		return -ENOENT;
	if (sym->ifunc)
		return -EOPNOTSUPP;
	return mt_elf_offset_of(e, sym->address, file_offset) ? -ENOEXEC : 0;
}

int mt_elf_function(struct mt_elf *e, const char *name, uint64_t *file_offset)
{
	struct mt_elf_symbol sym;

	return find_function(e, name, &sym, file_offset);
}

int mt_elf_exported(struct mt_elf *e, const char *name, uint64_t *file_offset)
{
	struct mt_elf_symbol sym;
	int err = find_function(e, name, &sym, file_offset);

	return err ? err : sym.exported ? 0 : -ENOENT;
}

int mt_elf_code(struct mt_elf *e, uint64_t address, size_t len, const uint8_t **code)
{
	uint64_t offset, start, end;
	Elf_Data *data;

	if (mt_elf_offset_of(e, address, &offset) || mt_elf_segment(e, offset, &start, &end) ||
	    len > end - offset)
		return -ENOENT;
	data = elf_getdata_rawchunk(e->elf, (int64_t)offset, len, ELF_T_BYTE);
	if (!data || data->d_size < len)
		return -ENOEXEC;
	*code = data->d_buf;
	return 0;
}

int mt_elf_function_code(struct mt_elf *e, const char *name, size_t max, const uint8_t **code,
			 size_t *len)
{
	struct mt_elf_symbol sym;
	uint64_t offset;
	int err;

	err = find_function(e, name, &sym, &offset);
	if (err)
		return err;
	if (!sym.size || sym.size > max)
		return -ERANGE;
	err = mt_elf_code(e, sym.address, sym.size, code);
	if (err)
		return err == -ENOENT ? -ERANGE : err;
	*len = sym.size;
	return 0;
}

/* Is `name` in the table, defined or imported? */
static bool mentions(Elf *elf, uint32_t type, const char *const *names, size_t nr)
{
	struct mt_elf_symtab tab;

	if (!open_symtab(elf, type, &tab))
		return false;
	for (size_t i = 0; i < tab.nr; i++) {
		const char *name;
		GElf_Sym sym;

		if (!gelf_getsym(tab.data, (int)i, &sym))
			return false;
		name = elf_strptr(elf, tab.strings, sym.st_name);
		for (size_t n = 0; name && n < nr; n++) {
			if (!strcmp(name, names[n]))
				return true;
		}
	}
	return false;
}

bool mt_elf_is_sanitized(struct mt_elf *e)
{
	static const char *const libraries[] = { "libasan.so",	      "liblsan.so",
						 "libtsan.so",	      "libhwasan.so",
						 "libclang_rt.asan",  "libclang_rt.tsan",
						 "libclang_rt.hwasan" };
	/* The last is a hook that LeakSanitizer looks for: all that is left if linked in, stripped.
	 */
	static const char *const symbols[] = { "__asan_init",	"__lsan_init",
					       "__tsan_init",	"__msan_init",
					       "__hwasan_init", "__lsan_is_turned_off" };

	for (size_t i = 0; i < e->nr_needed; i++) {
		for (size_t l = 0; l < ARRAY_SIZE(libraries); l++) {
			if (!strncmp(e->needed[i], libraries[l], strlen(libraries[l])))
				return true;
		}
	}
	return mentions(e->elf, SHT_DYNSYM, symbols, ARRAY_SIZE(symbols)) ||
	       mentions(e->elf, SHT_SYMTAB, symbols, ARRAY_SIZE(symbols));
}
