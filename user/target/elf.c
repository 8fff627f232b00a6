// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/elf.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <gelf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"

#if defined(__x86_64__)
#define HOST_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define HOST_MACHINE EM_AARCH64
#else
#error "unknown machine"
#endif

#define BUILD_ID_MAX 64	  /* bytes; SHA-1 has 20, and no linker writes more than 32 */
#define NEEDED_MAX   1024 /* a library that needs more is not one we could trace */
#define VERSIONS_MAX 4096
#define LOADS_MAX    256

struct mt_elf {
	Elf *elf;
	GElf_Phdr loads[LOADS_MAX]; /* executable PT_LOADs */
	size_t nr_loads;
	bool has_interp;
	char build_id[2 * BUILD_ID_MAX + 1];
	const char *soname;
	const char **needed;
	size_t nr_needed;
};

/* A symbol table and what belongs to it. */
struct symtab {
	Elf_Data *data;
	Elf_Data *versions; /* or NULL */
	size_t nr;
	size_t strings; /* index of the string section */
};

static int read_segments(struct mt_elf *e)
{
	size_t nr;

	if (elf_getphdrnum(e->elf, &nr))
		return -ENOEXEC;
	for (size_t i = 0; i < nr; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(e->elf, (int)i, &p))
			return -ENOEXEC;
		if (p.p_type == PT_INTERP)
			e->has_interp = true;
		if (p.p_type == PT_LOAD && p.p_flags & PF_X && e->nr_loads < LOADS_MAX)
			e->loads[e->nr_loads++] = p;
	}
	return 0;
}

static void read_build_id(struct mt_elf *e)
{
	const void *id;
	ssize_t len = dwelf_elf_gnu_build_id(e->elf, &id);

	for (ssize_t i = 0; i < len && i < BUILD_ID_MAX; i++)
		sprintf(e->build_id + 2 * i, "%02x", ((const unsigned char *)id)[i]);
}

/* The next section of `type` after `scn`, and its header, if it is small enough to be read. */
static Elf_Scn *next_section(const struct mt_elf *e, Elf_Scn *scn, uint32_t type, GElf_Shdr *shdr)
{
	while ((scn = elf_nextscn(e->elf, scn))) {
		if (gelf_getshdr(scn, shdr) && shdr->sh_type == type &&
		    shdr->sh_size <= MT_ELF_TABLE_MAX)
			return scn;
	}
	return NULL;
}

/* A string, unless its table is too large to be read; libelf checks that it ends. */
static const char *string_at(const struct mt_elf *e, size_t section, size_t offset)
{
	Elf_Scn *scn = elf_getscn(e->elf, section);
	GElf_Shdr shdr;

	if (!scn || !gelf_getshdr(scn, &shdr) || shdr.sh_size > MT_ELF_TABLE_MAX)
		return NULL;
	return elf_strptr(e->elf, section, offset);
}

static int add_needed(struct mt_elf *e, const char *name)
{
	const char **grown;

	if (e->nr_needed == NEEDED_MAX)
		return -ENOEXEC;
	grown = reallocarray(e->needed, e->nr_needed + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	e->needed = grown;
	e->needed[e->nr_needed++] = name;
	return 0;
}

static int read_dynamic(struct mt_elf *e)
{
	GElf_Shdr shdr;
	Elf_Scn *scn = next_section(e, NULL, SHT_DYNAMIC, &shdr);
	Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL;
	GElf_Dyn dyn;

	for (int i = 0; data && gelf_getdyn(data, i, &dyn) && dyn.d_tag != DT_NULL; i++) {
		const char *text;
		int err;

		if (dyn.d_tag != DT_NEEDED && dyn.d_tag != DT_SONAME)
			continue;
		text = string_at(e, shdr.sh_link, dyn.d_un.d_val);
		if (!text)
			return -ENOEXEC;
		if (dyn.d_tag == DT_SONAME) {
			e->soname = text;
			continue;
		}
		err = add_needed(e, text);
		if (err)
			return err;
	}
	return 0;
}

static int check_header(Elf *elf)
{
	GElf_Ehdr ehdr;

	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &ehdr))
		return -ENOEXEC;
	if (ehdr.e_type != ET_EXEC && ehdr.e_type != ET_DYN)
		return -ENOEXEC;
	if (gelf_getclass(elf) != ELFCLASS64 || ehdr.e_machine != HOST_MACHINE)
		return -ENOTSUP;
	return 0;
}

int mt_elf_new(struct mt_elf **out, int fd)
{
	__cleanup(mt_elf_free) struct mt_elf *e = NULL;
	struct stat st;
	int err;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOEXEC;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	elf_version(EV_CURRENT);
	e->elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!e->elf)
		return -ENOEXEC;
	err = check_header(e->elf);
	if (!err)
		err = read_segments(e);
	if (!err)
		err = read_dynamic(e);
	if (err)
		return err;
	read_build_id(e);
	*out = TAKE_PTR(e);
	return 0;
}

void mt_elf_free(struct mt_elf **elf)
{
	struct mt_elf *e = *elf;

	if (!e)
		return;
	elf_end(e->elf);
	free(e->needed);
	free(e);
	*elf = NULL;
}

int mt_elf_offset_of(const struct mt_elf *e, uint64_t address, uint64_t *file_offset)
{
	for (size_t i = 0; i < e->nr_loads; i++) {
		const GElf_Phdr *p = &e->loads[i];

		if (address >= p->p_vaddr && address - p->p_vaddr < p->p_filesz) {
			*file_offset = address - p->p_vaddr + p->p_offset;
			return 0;
		}
	}
	return -ENOENT;
}

static const GElf_Phdr *segment(const struct mt_elf *e, uint64_t file_offset)
{
	for (size_t i = 0; i < e->nr_loads; i++) {
		const GElf_Phdr *p = &e->loads[i];

		if (file_offset >= p->p_offset && file_offset - p->p_offset < p->p_filesz)
			return p;
	}
	return NULL;
}

int mt_elf_address_of(const struct mt_elf *e, uint64_t file_offset, uint64_t *address)
{
	const GElf_Phdr *p = segment(e, file_offset);

	if (!p)
		return -ENOENT;
	*address = file_offset - p->p_offset + p->p_vaddr;
	return 0;
}

int mt_elf_segment(const struct mt_elf *e, uint64_t file_offset, uint64_t *start, uint64_t *end)
{
	const GElf_Phdr *p = segment(e, file_offset);

	if (!p)
		return -ENOENT;
	*start = p->p_offset;
	*end = p->p_offset + p->p_filesz;
	return 0;
}

static bool open_symtab(const struct mt_elf *e, uint32_t type, struct symtab *tab)
{
	GElf_Shdr shdr, vshdr;
	Elf_Scn *scn = next_section(e, NULL, type, &shdr);
	Elf_Scn *vscn = type == SHT_DYNSYM ? next_section(e, NULL, SHT_GNU_versym, &vshdr) : NULL;
	Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL;

	if (!data)
		return false;
	*tab = (struct symtab){
		.data = data,
		.versions = vscn ? elf_getdata(vscn, NULL) : NULL,
		.nr = data->d_size / sizeof(Elf64_Sym),
		.strings = shdr.sh_link,
	};
	return string_at(e, tab->strings, 0) != NULL;
}

static uint64_t section_end(const struct mt_elf *e, const GElf_Sym *sym)
{
	Elf_Scn *scn = sym->st_shndx < SHN_LORESERVE ? elf_getscn(e->elf, sym->st_shndx) : NULL;
	GElf_Shdr shdr;

	if (!scn || !gelf_getshdr(scn, &shdr) || sym->st_value < shdr.sh_addr ||
	    sym->st_value - shdr.sh_addr >= shdr.sh_size)
		return sym->st_value;
	return sym->st_value + (shdr.sh_size - (sym->st_value - shdr.sh_addr));
}

/* Symbol `i` as a defined function; false if it is not one. */
static bool read_function(const struct mt_elf *e, const struct symtab *tab, size_t i,
			  struct mt_elf_symbol *out)
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
		.name = elf_strptr(e->elf, tab->strings, sym.st_name),
		.address = sym.st_value,
		.size = sym.st_size,
		.limit = sym.st_size ? sym.st_value : section_end(e, &sym),
		.ifunc = GELF_ST_TYPE(sym.st_info) == STT_GNU_IFUNC,
		.global = GELF_ST_BIND(sym.st_info) != STB_LOCAL,
		.default_version = !(version & 0x8000), /* VERSYM_HIDDEN */
	};
	return out->name && out->name[0];
}

int mt_elf_each_function(struct mt_elf *e, int (*cb)(const struct mt_elf_symbol *, void *),
			 void *arg)
{
	static const uint32_t types[] = { SHT_DYNSYM, SHT_SYMTAB };

	for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
		struct symtab tab;

		if (!open_symtab(e, types[t], &tab))
			continue;
		for (size_t i = 0; i < tab.nr; i++) {
			struct mt_elf_symbol sym;
			int err = read_function(e, &tab, i, &sym) ? cb(&sym, arg) : 0;

			if (err)
				return err;
		}
	}
	return 0;
}

static bool find_in(const struct mt_elf *e, uint32_t type, const char *name,
		    struct mt_elf_symbol *found)
{
	struct mt_elf_symbol sym;
	struct symtab tab;
	bool any = false;

	if (!open_symtab(e, type, &tab))
		return false;
	for (size_t i = 0; i < tab.nr; i++) {
		if (!read_function(e, &tab, i, &sym) || strcmp(sym.name, name))
			continue;
		if (!any || (sym.default_version && !found->default_version))
			*found = sym;
		any = true;
		if (found->default_version)
			break;
	}
	return any;
}

static int find_function(const struct mt_elf *e, const char *name, struct mt_elf_symbol *sym,
			 uint64_t *file_offset)
{
	if (!find_in(e, SHT_DYNSYM, name, sym) && !find_in(e, SHT_SYMTAB, name, sym))
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

int mt_elf_function_code(struct mt_elf *e, const char *name, size_t max, const uint8_t **code,
			 size_t *len)
{
	uint64_t offset, start, end;
	struct mt_elf_symbol sym;
	Elf_Data *data;
	int err;

	err = find_function(e, name, &sym, &offset);
	if (err)
		return err;
	if (mt_elf_segment(e, offset, &start, &end))
		return -ENOEXEC;
	if (!sym.size || sym.size > max || sym.size > end - offset)
		return -ERANGE;
	data = elf_getdata_rawchunk(e->elf, (int64_t)offset, sym.size, ELF_T_BYTE);
	if (!data || data->d_size < sym.size)
		return -ENOEXEC;
	*code = data->d_buf;
	*len = sym.size;
	return 0;
}

const char *mt_elf_build_id(const struct mt_elf *e)
{
	return e->build_id[0] ? e->build_id : NULL;
}

const char *mt_elf_soname(const struct mt_elf *e)
{
	return e->soname;
}

bool mt_elf_is_static(const struct mt_elf *e)
{
	return !e->has_interp;
}

const char *mt_elf_needed(const struct mt_elf *e, size_t i)
{
	return i < e->nr_needed ? e->needed[i] : NULL;
}

/* Is `name` in the table, defined or imported? */
static bool mentions(const struct mt_elf *e, uint32_t type, const char *const *names, size_t nr)
{
	struct symtab tab;

	if (!open_symtab(e, type, &tab))
		return false;
	for (size_t i = 0; i < tab.nr; i++) {
		const char *name;
		GElf_Sym sym;

		if (!gelf_getsym(tab.data, (int)i, &sym))
			return false;
		name = elf_strptr(e->elf, tab.strings, sym.st_name);
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
	return mentions(e, SHT_DYNSYM, symbols, ARRAY_SIZE(symbols)) ||
	       mentions(e, SHT_SYMTAB, symbols, ARRAY_SIZE(symbols));
}

int mt_elf_version(struct mt_elf *e, const char *prefix, unsigned int *major, unsigned int *minor)
{
	GElf_Shdr shdr;
	Elf_Scn *scn = next_section(e, NULL, SHT_GNU_verdef, &shdr);
	Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL;
	unsigned int best_major = 0, best_minor = 0;
	size_t len = strlen(prefix);
	GElf_Verdaux aux;
	GElf_Verdef def;
	int at = 0;

	for (int n = 0; data && n < VERSIONS_MAX && gelf_getverdef(data, at, &def); n++) {
		unsigned int ma, mi = 0;
		const char *name = NULL;

		if (def.vd_aux < (unsigned int)INT32_MAX - (unsigned int)at &&
		    gelf_getverdaux(data, at + (int)def.vd_aux, &aux))
			name = string_at(e, shdr.sh_link, aux.vda_name);
		if (name && !strncmp(name, prefix, len) &&
		    sscanf(name + len, "%5u.%5u", &ma, &mi) >= 1 &&
		    (ma > best_major || (ma == best_major && mi > best_minor))) {
			best_major = ma;
			best_minor = mi;
		}
		if (!def.vd_next || def.vd_next > (unsigned int)INT32_MAX - (unsigned int)at)
			break;
		at += (int)def.vd_next;
	}
	if (!best_major)
		return -ENOENT;
	*major = best_major;
	*minor = best_minor;
	return 0;
}

struct Elf *mt_elf_handle(struct mt_elf *e)
{
	return e->elf;
}
