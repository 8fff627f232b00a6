/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * argument.h: an argument of a probed function, from where the probe finds it (enum mt_arg).
 *
 * One load a register, with its offset in the instruction: the verifier refuses a variable offset
 * into the context, which is what clang makes of these cases when it may.
 */
#ifndef MT_ARGUMENT_H
#define MT_ARGUMENT_H

#include "maps.h"

#define MT_REGISTER(number, name)                                                        \
	case number:                                                                     \
		asm volatile("%0 = *(u64 *)(%1 + %2)"                                    \
			     : "=r"(value)                                               \
			     : "r"(ctx), "i"(__builtin_offsetof(struct pt_regs, name))); \
		return value;

static __always_inline __u64 mt_argument(const struct pt_regs *ctx, __u32 where)
{
	__u64 value;

	switch (where) {
	case MT_ARG_ONE:
		return 1;
#if defined(__TARGET_ARCH_x86)
		MT_REGISTER(MT_ARG_X86 + 0, ax)
		MT_REGISTER(MT_ARG_X86 + 1, cx)
		MT_REGISTER(MT_ARG_X86 + 2, dx)
		MT_REGISTER(MT_ARG_X86 + 3, bx)
		MT_REGISTER(MT_ARG_X86 + 4, sp)
		MT_REGISTER(MT_ARG_X86 + 5, bp)
		MT_REGISTER(MT_ARG_X86 + 6, si)
		MT_REGISTER(MT_ARG_X86 + 7, di)
		MT_REGISTER(MT_ARG_X86 + 8, r8)
		MT_REGISTER(MT_ARG_X86 + 9, r9)
		MT_REGISTER(MT_ARG_X86 + 10, r10)
		MT_REGISTER(MT_ARG_X86 + 11, r11)
		MT_REGISTER(MT_ARG_X86 + 12, r12)
		MT_REGISTER(MT_ARG_X86 + 13, r13)
		MT_REGISTER(MT_ARG_X86 + 14, r14)
		MT_REGISTER(MT_ARG_X86 + 15, r15)
#endif
	default:
		return 0;
	}
}

#undef MT_REGISTER

#endif
