// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/elf.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "target/elf_internal.h"
#include "util/cleanup.h"

#if defined(__x86_64__)
#define HOST_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define HOST_MACHINE EM_AARCH64
#else
#error "unknown machine"
#endif

#define NEEDED_MAX   1024 /* a library that needs more is not one we could trace */
#define VERSIONS_MAX 4096
#define TEXT_CHUNK   (1U << 20)
#define TEXT_MAX     (64ULL << 20) /* of a file: what is further on is not found */

/* What does not end with a NUL, or is longer than a path, is none. */
static int read_interpreter(struct mt_elf *e, const GElf_Phdr *p)
{
	_free_ char *path = NULL;

	if (!p->p_filesz || p->p_filesz > PATH_MAX)
		return 0;
	path = malloc(p->p_filesz);
	if (!path)
		return -ENOMEM;
	if (pread(e->fd, path, p->p_filesz, (off_t)p->p_offset) == (ssize_t)p->p_filesz &&
	    !path[p->p_filesz - 1])
		e->interp = TAKE_PTR(path);
	return 0;
}

static int read_segments(struct mt_elf *e)
{
	size_t nr;

	if (elf_getphdrnum(e->elf, &nr))
		return -ENOEXEC;
	for (size_t i = 0; i < nr; i++) {
		GElf_Phdr p;
		int err = 0;

		if (!gelf_getphdr(e->elf, (int)i, &p))
			return -ENOEXEC;
		if (p.p_type == PT_INTERP && !e->has_interp) {
			e->has_interp = true;
			err = read_interpreter(e, &p);
		} else if (p.p_type == PT_GNU_EH_FRAME) {
			e->frames = p;
		} else if (p.p_type == PT_LOAD && e->nr_loads < MT_ELF_LOADS_MAX) {
			e->loads[e->nr_loads++] = p;
		}
		if (err)
			return err;
	}
	return 0;
}

void mt_elf_read_build_id(Elf *elf, char out[MT_ELF_BUILD_ID_SIZE])
{
	const void *id;
	ssize_t len = dwelf_elf_gnu_build_id(elf, &id);

	out[0] = 0;
	for (ssize_t i = 0; i < len && 2 * i + 2 < MT_ELF_BUILD_ID_SIZE; i++)
		sprintf(out + 2 * i, "%02x", ((const unsigned char *)id)[i]);
}

Elf_Scn *mt_elf_next_section(Elf *elf, Elf_Scn *scn, uint32_t type, GElf_Shdr *shdr)
{
	while ((scn = elf_nextscn(elf, scn))) {
		if (gelf_getshdr(scn, shdr) && shdr->sh_type == type &&
		    shdr->sh_size <= MT_ELF_TABLE_MAX)
			return scn;
	}
	return NULL;
}

const char *mt_elf_string(Elf *elf, size_t section, size_t offset)
{
	Elf_Scn *scn = elf_getscn(elf, section);
	GElf_Shdr shdr;

	/* libelf would unpack a compressed one, to any size. */
	if (!scn || !gelf_getshdr(scn, &shdr) || shdr.sh_size > MT_ELF_TABLE_MAX ||
	    shdr.sh_flags & SHF_COMPRESSED)
		return NULL;
	return elf_strptr(elf, section, offset);
}

static Elf_Scn *find_section(Elf *elf, const char *name, GElf_Shdr *shdr)
{
	Elf_Scn *scn = NULL;
	size_t strings;

	if (elf_getshdrstrndx(elf, &strings))
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *other = NULL;

		if (gelf_getshdr(scn, shdr))
			other = mt_elf_string(elf, strings, shdr->sh_name);
		if (other && !strcmp(other, name))
			return scn;
	}
	return NULL;
}

Elf_Data *mt_elf_named_section(Elf *elf, const char *name)
{
	GElf_Shdr shdr;
	Elf_Scn *scn = find_section(elf, name, &shdr);
	Elf_Data *data = scn && shdr.sh_size <= MT_ELF_TABLE_MAX ? elf_rawdata(scn, NULL) : NULL;

	return data && data->d_buf ? data : NULL;
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

static int add_dynamic(struct mt_elf *e, int64_t tag, const char *text)
{
	switch (tag) {
	case DT_NEEDED:
		return add_needed(e, text);
	case DT_SONAME:
		e->soname = text;
		return 0;
	case DT_RUNPATH:
		e->runpath = text;
		return 0;
	default:
		e->rpath = text;
		return 0;
	}
}

static int read_dynamic(struct mt_elf *e)
{
	GElf_Shdr shdr;
	Elf_Scn *scn = mt_elf_next_section(e->elf, NULL, SHT_DYNAMIC, &shdr);
	Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL;
	GElf_Dyn dyn;

	for (int i = 0; data && gelf_getdyn(data, i, &dyn) && dyn.d_tag != DT_NULL; i++) {
		const char *text;
		int err;

		if (dyn.d_tag != DT_NEEDED && dyn.d_tag != DT_SONAME && dyn.d_tag != DT_RUNPATH &&
		    dyn.d_tag != DT_RPATH)
			continue;
		text = mt_elf_string(e->elf, shdr.sh_link, dyn.d_un.d_val);
		if (!text)
			return -ENOEXEC;
		err = add_dynamic(e, dyn.d_tag, text);
		if (err)
			return err;
	}
	return 0;
}

int mt_elf_check_header(Elf *elf)
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
	e->fd = fd;
	elf_version(EV_CURRENT);
	e->elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!e->elf)
		return -ENOEXEC;
	err = mt_elf_check_header(e->elf);
	if (!err)
		err = read_segments(e);
	if (!err)
		err = read_dynamic(e);
	if (err)
		return err;
	mt_elf_read_build_id(e->elf, e->build_id);
	*out = TAKE_PTR(e);
	return 0;
}

void mt_elf_free(struct mt_elf **elf)
{
	struct mt_elf *e = *elf;

	if (!e)
		return;
	mt_elf_symbols_free(&e->symbols);
	elf_end(e->elf);
	free(e->interp);
	free(e->needed);
	free(e);
	*elf = NULL;
}

int mt_elf_map_address(const struct mt_elf *e, uint64_t address, uint32_t flags,
		       uint64_t *file_offset)
{
	for (size_t i = 0; i < e->nr_loads; i++) {
		const GElf_Phdr *p = &e->loads[i];

		if ((p->p_flags & flags) == flags && address >= p->p_vaddr &&
		    address - p->p_vaddr < p->p_filesz) {
			*file_offset = address - p->p_vaddr + p->p_offset;
			return 0;
		}
	}
	return -ENOENT;
}

int mt_elf_offset_of(const struct mt_elf *e, uint64_t address, uint64_t *file_offset)
{
	return mt_elf_map_address(e, address, PF_X, file_offset);
}

int mt_elf_entry(const struct mt_elf *e, uint64_t *file_offset)
{
	GElf_Ehdr ehdr;

	return gelf_getehdr(e->elf, &ehdr) ? mt_elf_offset_of(e, ehdr.e_entry, file_offset)
					   : -ENOENT;
}

static const GElf_Phdr *segment(const struct mt_elf *e, uint64_t file_offset)
{
	for (size_t i = 0; i < e->nr_loads; i++) {
		const GElf_Phdr *p = &e->loads[i];

		if (p->p_flags & PF_X && file_offset >= p->p_offset &&
		    file_offset - p->p_offset < p->p_filesz)
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

int mt_elf_read(const struct mt_elf *e, uint64_t file_offset, void *out, size_t len)
{
	return pread(e->fd, out, len, (off_t)file_offset) == (ssize_t)len ? 0 : -ENOEXEC;
}

int mt_elf_code_segment(const struct mt_elf *e, size_t i, uint64_t *start, uint64_t *end,
			uint64_t *address)
{
	for (size_t j = 0; j < e->nr_loads; j++) {
		const GElf_Phdr *p = &e->loads[j];

		if (!(p->p_flags & PF_X) || i--)
			continue;
		*start = p->p_offset;
		*end = p->p_offset + p->p_filesz;
		*address = p->p_vaddr;
		return 0;
	}
	return -ENOENT;
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

const char *mt_elf_interpreter(const struct mt_elf *e)
{
	return e->interp;
}

/* As ld.so does: where there is a DT_RUNPATH, DT_RPATH is ignored. */
const char *mt_elf_runpath(const struct mt_elf *e)
{
	return e->runpath ? e->runpath : e->rpath;
}

bool mt_elf_inherits_runpath(const struct mt_elf *e)
{
	return !e->runpath && e->rpath;
}

bool mt_elf_has_section(const struct mt_elf *e, const char *name)
{
	GElf_Shdr shdr;

	return find_section(e->elf, name, &shdr) != NULL;
}

/* A name, its NUL, padding to 4 bytes, the CRC. */
const char *mt_elf_debuglink(const struct mt_elf *e, uint32_t *crc)
{
	Elf_Data *data = mt_elf_named_section(e->elf, ".gnu_debuglink");
	size_t len = data ? strnlen(data->d_buf, data->d_size) : 0;
	size_t crc_at = (len + 1 + 3) / 4 * 4;

	if (!len || data->d_size < sizeof(*crc) || crc_at > data->d_size - sizeof(*crc))
		return NULL;
	memcpy(crc, (const char *)data->d_buf + crc_at, sizeof(*crc));
	return data->d_buf;
}

const char *mt_elf_needed(const struct mt_elf *e, size_t i)
{
	return i < e->nr_needed ? e->needed[i] : NULL;
}

int mt_elf_version(struct mt_elf *e, const char *prefix, unsigned int *major, unsigned int *minor)
{
	GElf_Shdr shdr;
	Elf_Scn *scn = mt_elf_next_section(e->elf, NULL, SHT_GNU_verdef, &shdr);
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
			name = mt_elf_string(e->elf, shdr.sh_link, aux.vda_name);
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

static bool is_printable(char c)
{
	return c >= ' ' && c <= '~';
}

static void copy_text(const struct mt_elf *e, uint64_t at, char *out, size_t size)
{
	ssize_t got = pread(e->fd, out, size - 1, (off_t)at);
	ssize_t len = 0;

	while (len < got && is_printable(out[len]))
		len++;
	out[len] = 0;
}

/* `len` bytes of overlap: prefix and the byte behind it are in one chunk, wherever they are. */
static bool find_in_segment(const struct mt_elf *e, uint64_t start, uint64_t file_size,
			    const char *prefix, char *chunk, uint64_t *found)
{
	size_t len = strlen(prefix);

	for (uint64_t at = 0; at < file_size; at += TEXT_CHUNK - len) {
		size_t want = file_size - at < TEXT_CHUNK ? file_size - at : TEXT_CHUNK;
		ssize_t got = pread(e->fd, chunk, want, (off_t)(start + at));
		const char *end = chunk + got, *hit = chunk;

		if (got <= 0)
			return false;
		while ((hit = memmem(hit, (size_t)(end - hit), prefix, len))) {
			hit += len;
			if (hit < end && is_printable(*hit)) {
				*found = start + at + (size_t)(hit - chunk);
				return true;
			}
		}
	}
	return false;
}

int mt_elf_find_text(const struct mt_elf *e, const char *prefix, char *out, size_t size)
{
	/* Constants are in segments without code, but for the linkers of old. */
	static const uint32_t flags[] = { PF_R, PF_R | PF_X };
	_free_ char *chunk = malloc(TEXT_CHUNK);
	uint64_t left = TEXT_MAX;

	if (!chunk)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(flags) * e->nr_loads; i++) {
		const GElf_Phdr *p = &e->loads[i % e->nr_loads];
		uint64_t len = p->p_filesz < left ? p->p_filesz : left;
		uint64_t at;

		if ((p->p_flags & (PF_R | PF_W | PF_X)) != flags[i / e->nr_loads])
			continue;
		left -= len;
		if (find_in_segment(e, p->p_offset, len, prefix, chunk, &at)) {
			copy_text(e, at, out, size);
			return 0;
		}
	}
	return -ENOENT;
}

struct Elf *mt_elf_handle(struct mt_elf *e)
{
	return e->elf;
}

struct Elf *mt_elf_debug_handle(struct mt_elf *e)
{
	return e->symbols.debug;
}
