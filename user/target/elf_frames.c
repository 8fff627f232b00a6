// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * .eh_frame_hdr: a sorted table of where functions begin, each with its entry (FDE) in
 * .eh_frame. Every linker writes it in one form, the only one that is read here: the table
 * relative to the section's own address, in signed 4-byte numbers. Nothing is kept, so that a
 * lookup is some 20 short reads.
 */
#include "target/elf.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/elf_internal.h"
#include "util/cleanup.h"

struct header {
	uint8_t version;
	uint8_t pointer_encoding;
	uint8_t count_encoding;
	uint8_t table_encoding;
	int32_t pointer; /* to .eh_frame */
	uint32_t count;
};

/* Both relative to the header's address. */
struct entry {
	int32_t start;
	int32_t fde;
};

struct fde {
	uint32_t len;
	uint32_t cie;
	int32_t start; /* relative to its own address */
	uint32_t size;
};

static bool read_at(const struct mt_elf *e, uint64_t offset, void *out, size_t len)
{
	return pread(e->fd, out, len, (off_t)offset) == (ssize_t)len;
}

static bool read_header(const struct mt_elf *e, struct header *h)
{
	return e->frames.p_filesz >= sizeof(*h) && read_at(e, e->frames.p_offset, h, sizeof(*h)) &&
	       h->version == 1 && h->pointer_encoding == (DW_EH_PE_pcrel | DW_EH_PE_sdata4) &&
	       h->count_encoding == DW_EH_PE_udata4 &&
	       h->table_encoding == (DW_EH_PE_datarel | DW_EH_PE_sdata4) &&
	       h->count <= (e->frames.p_filesz - sizeof(*h)) / sizeof(struct entry);
}

/* The last entry that begins at `address` or before it. */
static bool find_entry(const struct mt_elf *e, uint32_t count, uint64_t address,
		       struct entry *found)
{
	uint64_t table = e->frames.p_offset + sizeof(struct header);
	uint32_t low = 0, high = count;
	bool any = false;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		struct entry entry;

		if (!read_at(e, table + middle * sizeof(entry), &entry, sizeof(entry)))
			return false;
		if (e->frames.p_vaddr + (uint64_t)entry.start > address) {
			high = middle;
			continue;
		}
		*found = entry;
		any = true;
		low = middle + 1;
	}
	return any;
}

/* The FDE of the entry; its own start proves that its numbers are of the size supposed. */
static bool read_fde(const struct mt_elf *e, const struct entry *entry, struct fde *fde)
{
	uint64_t address = e->frames.p_vaddr + (uint64_t)entry->fde;
	uint64_t offset;

	return !mt_elf_map_address(e, address, 0, &offset) &&
	       read_at(e, offset, fde, sizeof(*fde)) &&
	       fde->len >= sizeof(*fde) - sizeof(fde->len) &&
	       address + offsetof(struct fde, start) + (uint64_t)fde->start ==
		       e->frames.p_vaddr + (uint64_t)entry->start;
}

/* Where .eh_frame is, by its section; its address too. */
static int find_section(const struct mt_elf *e, GElf_Shdr *shdr)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_getshdrstrndx(e->elf, &names))
		return -ENOENT;
	while ((scn = elf_nextscn(e->elf, scn))) {
		const char *name;

		if (!gelf_getshdr(scn, shdr) || shdr->sh_type == SHT_NOBITS || !shdr->sh_size)
			continue;
		name = mt_elf_string(e->elf, names, shdr->sh_name);
		if (name && !strcmp(name, ".eh_frame"))
			return 0;
	}
	return -ENOENT;
}

/* The same by what .eh_frame_hdr says. */
static int find_by_header(const struct mt_elf *e, GElf_Shdr *shdr)
{
	struct header h;

	if (!read_header(e, &h))
		return -ENOENT;
	shdr->sh_addr = e->frames.p_vaddr + offsetof(struct header, pointer) + (uint64_t)h.pointer;
	for (size_t i = 0; i < e->nr_loads; i++) {
		const GElf_Phdr *p = &e->loads[i];

		if (shdr->sh_addr < p->p_vaddr || shdr->sh_addr - p->p_vaddr >= p->p_filesz)
			continue;
		shdr->sh_offset = p->p_offset + (shdr->sh_addr - p->p_vaddr);
		shdr->sh_size = p->p_filesz - (shdr->sh_addr - p->p_vaddr);
		return 0;
	}
	return -ENOENT;
}

int mt_elf_read_frames(const struct mt_elf *e, uint8_t **data, size_t *len, uint64_t *address)
{
	_free_ uint8_t *bytes = NULL;
	GElf_Shdr shdr;
	int err;

	if (find_section(e, &shdr) && find_by_header(e, &shdr))
		return -ENOENT;
	if (shdr.sh_size > MT_ELF_TABLE_MAX)
		return -E2BIG;
	bytes = malloc(shdr.sh_size + 1);
	if (!bytes)
		return -ENOMEM;
	err = mt_elf_read(e, shdr.sh_offset, bytes, shdr.sh_size);
	if (err)
		return err;
	*data = TAKE_PTR(bytes);
	*len = shdr.sh_size;
	*address = shdr.sh_addr;
	return 0;
}

/* The entry's function, and how long it is; 0: not said. */
static int find_function(const struct mt_elf *e, uint64_t address, uint64_t *start, uint64_t *size)
{
	struct header header;
	struct entry entry;
	struct fde fde;

	if (!read_header(e, &header) || !find_entry(e, header.count, address, &entry))
		return -ENOENT;
	*start = e->frames.p_vaddr + (uint64_t)entry.start;
	*size = read_fde(e, &entry, &fde) ? fde.size : 0;
	return 0;
}

static int spans(const struct mt_elf_symbol *sym, void *address)
{
	uint64_t at = *(uint64_t *)address;

	return !sym->ifunc && at > sym->address && at - sym->address < sym->size;
}

int mt_elf_is_function_start(struct mt_elf *e, uint64_t address)
{
	uint64_t start, size;

	if (!find_function(e, address, &start, &size)) {
		if (start == address)
			return 1;
		if (address - start < size)
			return 0;
	}
	return mt_elf_each_function(e, spans, &address) ? 0 : -ENOENT;
}

int mt_elf_function_around(const struct mt_elf *e, uint64_t address, uint64_t *start,
			   uint64_t *size)
{
	int err = find_function(e, address, start, size);

	return !err && address - *start < *size ? 0 : -ENOENT;
}
