/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * placement.h: where in a function a probe costs least.
 *
 * A uprobe on an instruction that the kernel emulates costs one trap. On any other one the
 * kernel also single-steps a copy of it, which costs several times as much. So the probe
 * goes to the first instruction that is emulated and is still as good as the entry:
 *
 *   - every call runs it, but for one that returns at once because an argument is NULL or 0;
 *   - a call runs it once: nothing in the function branches to it, or to before it;
 *   - the arguments are still in their registers, the frame pointer is still the caller's;
 *   - the stack pointer has not moved: what it points at is the return address, which the
 *     BPF programs read and a return probe replaces.
 *
 * What is not clear is not used: the answer is then the entry. x86-64 only. The bytes may be
 * hostile; no more than MT_PLACEMENT_CODE_MAX of them are looked at. Pure, thread-safe, owns
 * nothing. Offsets are bytes from the function's first.
 */
#ifndef MT_TARGET_PLACEMENT_H
#define MT_TARGET_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MT_PLACEMENT_CODE_MAX (32U << 10)

/* The first three integer arguments, as bits. */
#define MT_PLACEMENT_ARG1 (1U << 0)
#define MT_PLACEMENT_ARG2 (1U << 1)
#define MT_PLACEMENT_ARG3 (1U << 2)

enum mt_placement {
	MT_PLACEMENT_STEPPED,
	MT_PLACEMENT_EMULATED,
};

struct mt_placement_request {
	const uint8_t *code; /* the whole function */
	size_t len;
	unsigned int needed;	     /* arguments, MT_PLACEMENT_ARG* */
	unsigned int factors;	     /* two of those: their product will do; or 0 */
	unsigned int kernel_version; /* KERNEL_VERSION(): for what is emulated since when */
};

struct mt_placement_result {
	uint32_t offset;
	enum mt_placement placement;
	bool needs_trial; /* behind the entry, by another instruction than a push */
	uint8_t args[3];  /* enum mt_arg (wire.h): where each needed argument is */
};

/* "stepped" or "emulated". */
const char *mt_placement_name(enum mt_placement placement);

/* Where the calling convention has argument `number`, 1 to 3: enum mt_arg. */
uint8_t mt_placement_argument(unsigned int number);

/*
 * -EINVAL: the code has no bytes, or too many. -ENOTSUP: it begins with a nop that must not be
 * probed, and so would every place behind that.
 */
int mt_placement_choose(const struct mt_placement_request *request,
			struct mt_placement_result *out);

#endif
