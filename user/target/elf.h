/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * elf.h: what an ELF file says about itself: functions, versions, needs, build id.
 *
 * The file belongs to somebody else and may be damaged or hostile, and may change while it
 * is read. It is therefore never mapped: a file that is truncated under a mapping
 * (ELF_C_READ_MMAP) raises SIGBUS, a short pread is an error. No table larger than
 * MT_ELF_TABLE_MAX is read.
 *
 * mt_elf_new and mt_elf_attach_debug borrow the descriptor, which must stay open until
 * mt_elf_free. Strings that are handed out live as long as the mt_elf. Offsets and sizes are
 * bytes, addresses those of the file: not relocated. Not thread-safe.
 *
 * Errors are -errno: -ENOEXEC for what is no ELF program or library or is damaged,
 * -ENOTSUP for one of another class or machine than this program's.
 */
#ifndef MT_TARGET_ELF_H
#define MT_TARGET_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MT_ELF_TABLE_MAX (512U << 20)

struct Elf;
struct mt_elf;

/* A defined function. */
struct mt_elf_symbol {
	const char *name;
	uint64_t address;
	uint64_t size;	/* 0: unknown */
	uint64_t limit; /* end of its section, or its own address: unknown */
	bool ifunc;	/* the address is that of a resolver */
	bool global;
	bool exported;	      /* neither local nor hidden, in .dynsym or where there is none */
	bool default_version; /* or has none */
};

int mt_elf_new(struct mt_elf **out, int fd);
void mt_elf_free(struct mt_elf **elf);

/*
 * From now on a separate debug file serves the functions that the file itself lacks. -ESTALE:
 * it has another build id (of two without one the caller has compared the CRC, as
 * mt_debugfile_open does). -EEXIST: the second.
 */
int mt_elf_attach_debug(struct mt_elf *elf, int fd);

/*
 * File offset of the function `name` (what a uprobe wants): in .dynsym, where the default
 * version wins over others, else in .symtab, .gnu_debugdata or the debug file. -ENOENT: not
 * defined here (an import is not a definition, wherever its PLT stub may be). -EOPNOTSUPP: an
 * IFUNC, whose address is a resolver's and not the function's. -ENOEXEC: its address is in no
 * executable segment. The first question makes an index; names over 255 bytes are not in it.
 */
int mt_elf_function(struct mt_elf *elf, const char *name, uint64_t *file_offset);

/* The same where other files may be bound to it; -ENOENT where it is for the file itself. */
int mt_elf_exported(struct mt_elf *elf, const char *name, uint64_t *file_offset);

/*
 * The bytes of that function, at most `max`; they live as long as the mt_elf. Errors as
 * above, and -ERANGE: its size is unknown, or more, or reaches behind its segment.
 */
int mt_elf_function_code(struct mt_elf *elf, const char *name, size_t max, const uint8_t **code,
			 size_t *len);

/* `len` bytes of code at an address, as above. -ENOENT: they are not all in one such segment. */
int mt_elf_code(struct mt_elf *elf, uint64_t address, size_t len, const uint8_t **code);

/*
 * Does a function begin at `address`, as .eh_frame_hdr says? A symbol table may be wrong, or
 * lie. 1: yes. 0: no, it is in the middle of one. Where there is no sorted table, or no entry in
 * it (musl has next to none, assembly may have none), it is in the middle of one if it is in
 * that of a function symbol, and else not said: -ENOENT.
 */
int mt_elf_is_function_start(struct mt_elf *elf, uint64_t address);

/*
 * The function around `address`, as .eh_frame says; a part that the compiler split off (.cold)
 * is one by itself. -ENOENT: none there that is known.
 */
int mt_elf_function_around(const struct mt_elf *elf, uint64_t address, uint64_t *start,
			   uint64_t *size);

/*
 * Which function's address the dynamic linker puts into the word at `slot`, as a PLT has them;
 * if it does not find another file's of that name first. -ENOENT: none by its name. -EXDEV: not
 * one of this file, or its address shows only when it runs.
 */
int mt_elf_slot(struct mt_elf *elf, uint64_t slot, uint64_t *address);

/* Defined functions, in the order of the tables above. The callback stops it by not 0. */
int mt_elf_each_function(struct mt_elf *elf, int (*cb)(const struct mt_elf_symbol *, void *),
			 void *arg);

/*
 * What is in .eh_frame, which the caller frees, and its address. Without section headers it is
 * what .eh_frame_hdr leads to, up to the end of the segment. -ENOENT: there is none. -E2BIG.
 */
int mt_elf_read_frames(const struct mt_elf *elf, uint8_t **data, size_t *len, uint64_t *address);

/* Bytes of the file; -ENOEXEC: it has not as many. */
int mt_elf_read(const struct mt_elf *elf, uint64_t file_offset, void *out, size_t len);

/* The executable segment number `i`, as file offsets and the address of its start; -ENOENT. */
int mt_elf_code_segment(const struct mt_elf *elf, size_t i, uint64_t *start, uint64_t *end,
			uint64_t *address);

/* Where it begins to run, as a file offset; -ENOENT. */
int mt_elf_entry(const struct mt_elf *elf, uint64_t *file_offset);

/* Between file offsets and addresses, by PT_LOAD; -ENOENT: in no executable segment. */
int mt_elf_offset_of(const struct mt_elf *elf, uint64_t address, uint64_t *file_offset);
int mt_elf_address_of(const struct mt_elf *elf, uint64_t file_offset, uint64_t *address);

/* The executable segment around a file offset, as file offsets; -ENOENT: there is none. */
int mt_elf_segment(const struct mt_elf *elf, uint64_t file_offset, uint64_t *start, uint64_t *end);

const char *mt_elf_build_id(const struct mt_elf *elf);	  /* hex, or NULL */
const char *mt_elf_soname(const struct mt_elf *elf);	  /* or NULL */
bool mt_elf_is_static(const struct mt_elf *elf);	  /* no PT_INTERP */
const char *mt_elf_interpreter(const struct mt_elf *elf); /* PT_INTERP, or NULL */
const char *mt_elf_runpath(const struct mt_elf *elf);	  /* DT_RUNPATH, else DT_RPATH, or NULL */
bool mt_elf_inherits_runpath(const struct mt_elf *elf);	  /* that is DT_RPATH */
bool mt_elf_has_section(const struct mt_elf *elf, const char *name);

/* The name that .gnu_debuglink gives of a separate debug file, and its CRC-32; or NULL. */
const char *mt_elf_debuglink(const struct mt_elf *elf, uint32_t *crc);

/*
 * The text that follows `prefix` in read-only data, up to a byte that is not printable ASCII;
 * what exceeds `size` is cut off. Of several the first that is not empty, those outside
 * code first. Reads at most 64 MiB. -ENOENT: not found there.
 */
int mt_elf_find_text(const struct mt_elf *elf, const char *prefix, char *out, size_t size);

/* It contains or imports the runtime of a sanitizer that ptrace or probes on malloc upset. */
bool mt_elf_is_sanitized(struct mt_elf *elf);

/* DT_NEEDED number `i`; NULL beyond the last. */
const char *mt_elf_needed(const struct mt_elf *elf, size_t i);

/* Highest version definition "PREFIXmajor.minor", as "GLIBC_" has. -ENOENT: none. */
int mt_elf_version(struct mt_elf *elf, const char *prefix, unsigned int *major,
		   unsigned int *minor);

/* For libdw; they belong to `elf`. That of the debug file is NULL where none is attached. */
struct Elf *mt_elf_handle(struct mt_elf *elf);
struct Elf *mt_elf_debug_handle(struct mt_elf *elf);

#endif
