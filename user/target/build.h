/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * build.h: how a program was built, as far as its file tells.
 *
 * Each fact has the trace that compilers leave: "rustc version" in .comment; Rust's panic messages
 * of checked arithmetic; _Unwind_RaiseException, which a program that aborts on panic does not
 * import; the codegen unit in the name of each object file in .symtab; GCC's options in .debug_str
 * (DW_AT_producer). A stripped program has lost the last two. -1 is unknown.
 *
 * Plain values; nothing is owned. The file may be damaged or hostile: see elf.h.
 */
#ifndef MT_TARGET_BUILD_H
#define MT_TARGET_BUILD_H

#include <stdint.h>

struct mt_elf;

enum mt_build_language {
	MT_BUILD_UNKNOWN = 0,
	MT_BUILD_RUST,
	MT_BUILD_GNU, /* C, C++ or another of GCC's, with its options */
};

struct mt_build {
	int32_t language;
	int32_t overflow_checks; /* 1 or 0 */
	int32_t unwinds;	 /* on a panic; 0: it aborts */
	int32_t optimised;	 /* 0: no unit of the program is */
	int64_t codegen_units;	 /* of the crate that has most */
	int64_t symbol_bytes;	 /* .symtab, .strtab, .debug_*: in the file, not in memory */
	int64_t unwind_bytes;	 /* .eh_frame and what belongs to it: mapped */
};

#define MT_BUILD_INIT                                                                       \
	{                                                                                   \
		.overflow_checks = -1, .unwinds = -1, .optimised = -1, .codegen_units = -1, \
		.symbol_bytes = -1, .unwind_bytes = -1                                      \
	}

void mt_build_read(struct mt_build *out, struct mt_elf *elf);

#endif
