// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Relocations by which the dynamic linker fills words with functions' addresses. */
#include "target/elf.h"

#include <errno.h>

#include "target/elf_internal.h"

#ifdef __x86_64__
#define JUMP_SLOT R_X86_64_JUMP_SLOT
#define GLOB_DAT  R_X86_64_GLOB_DAT
#else
#define JUMP_SLOT R_AARCH64_JUMP_SLOT
#define GLOB_DAT  R_AARCH64_GLOB_DAT
#endif

/* The relocation of that word in one section of them. */
static bool find_relocation(Elf_Data *relocations, uint64_t slot, GElf_Rela *found)
{
	for (int i = 0; gelf_getrela(relocations, i, found); i++) {
		uint64_t type = GELF_R_TYPE(found->r_info);

		if (found->r_offset == slot && (type == JUMP_SLOT || type == GLOB_DAT))
			return true;
	}
	return false;
}

/* Symbol `i` of the table in section `section`. */
static bool read_symbol(Elf *elf, size_t section, uint64_t i, GElf_Sym *sym)
{
	Elf_Scn *scn = elf_getscn(elf, section);
	Elf_Data *data;
	GElf_Shdr shdr;

	if (!scn || !gelf_getshdr(scn, &shdr) || shdr.sh_type != SHT_DYNSYM ||
	    shdr.sh_size > MT_ELF_TABLE_MAX)
		return false;
	data = elf_getdata(scn, NULL);
	return data && i <= INT32_MAX && gelf_getsym(data, (int)i, sym);
}

int mt_elf_slot(struct mt_elf *e, uint64_t slot, uint64_t *address)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	while ((scn = mt_elf_next_section(e->elf, scn, SHT_RELA, &shdr))) {
		Elf_Data *data = elf_getdata(scn, NULL);
		GElf_Rela rela;
		GElf_Sym sym;

		if (!data || !find_relocation(data, slot, &rela))
			continue;
		if (!read_symbol(e->elf, shdr.sh_link, GELF_R_SYM(rela.r_info), &sym) ||
		    sym.st_shndx == SHN_UNDEF || GELF_ST_TYPE(sym.st_info) != STT_FUNC)
			return -EXDEV;
		*address = sym.st_value;
		return 0;
	}
	return -ENOENT;
}
