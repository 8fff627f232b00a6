/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * elf_internal.h: what the files of elf.h share: elf.c, elf_symbols.c, elf_frames.c,
 * elf_slots.c and elf_debugdata.c. Nobody else includes it. Ownership, threads and errors are
 * those of elf.h.
 */
#ifndef MT_TARGET_ELF_INTERNAL_H
#define MT_TARGET_ELF_INTERNAL_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MT_ELF_LOADS_MAX     256
#define MT_ELF_BUILD_ID_SIZE 129 /* hex of 64 bytes; SHA-1 has 20, no linker writes over 32 */
#define MT_ELF_SYMTABS_MAX   4

struct mt_elf;

/* A symbol table and what belongs to it. */
struct mt_elf_symtab {
	Elf *elf; /* the file that it is in */
	Elf_Data *data;
	Elf_Data *versions; /* or NULL */
	size_t nr;
	size_t strings; /* index of the string section */
	bool exports;	/* its globals are known to other files: .dynsym, if there is one */
};

/* Where functions are looked up: see elf_symbols.c. */
struct mt_elf_symbols {
	void *debugdata; /* what .gnu_debugdata unpacks to; `mini` reads it */
	Elf *mini;
	Elf *debug; /* the attached file, or NULL */
	struct mt_elf_symtab tabs[MT_ELF_SYMTABS_MAX];
	size_t nr_tabs;
	bool opened; /* the tables are */
	struct mt_elf_slot *slots;
	size_t nr_slots;
	uint32_t *heads; /* of chains of slots, by hash & mask */
	uint32_t mask;
	bool indexed;
};

struct mt_elf {
	int fd; /* borrowed */
	Elf *elf;
	GElf_Phdr loads[MT_ELF_LOADS_MAX]; /* PT_LOAD */
	size_t nr_loads;
	GElf_Phdr frames; /* PT_GNU_EH_FRAME; all 0: there is none */
	bool has_interp;
	char *interp; /* or NULL */
	char build_id[MT_ELF_BUILD_ID_SIZE];
	const char *soname, *runpath, *rpath;
	const char **needed;
	size_t nr_needed;
	struct mt_elf_symbols symbols;
};

/* A program or library for this machine, or -ENOEXEC, -ENOTSUP. */
int mt_elf_check_header(Elf *elf);

/* Hex, "" for none. */
void mt_elf_read_build_id(Elf *elf, char out[MT_ELF_BUILD_ID_SIZE]);

/* The next section of `type` after `scn`, and its header, if it is small enough to be read. */
Elf_Scn *mt_elf_next_section(Elf *elf, Elf_Scn *scn, uint32_t type, GElf_Shdr *shdr);

/* What is in the first section of that name, as the file has it; NULL: nothing, or too much. */
Elf_Data *mt_elf_named_section(Elf *elf, const char *name);

/* A string, unless its table is too large to be read; libelf checks that it ends. */
const char *mt_elf_string(Elf *elf, size_t section, size_t offset);

/* File offset of an address in a segment that has all of `flags` (PF_X); -ENOENT: in none. */
int mt_elf_map_address(const struct mt_elf *elf, uint64_t address, uint32_t flags,
		       uint64_t *file_offset);

void mt_elf_symbols_free(struct mt_elf_symbols *symbols);

/*
 * Unpacks xz to memory that the caller frees. -ENOEXEC: damaged, or larger than any
 * .gnu_debugdata is.
 */
int mt_elf_unpack(const void *packed, size_t len, void **out, size_t *out_len);

#endif
