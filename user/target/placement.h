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

#include <stddef.h>
#include <stdint.h>

#define MT_PLACEMENT_CODE_MAX (32U << 10)

/* The first three integer arguments, as bits of `argument_registers_needed`. */
#define MT_PLACEMENT_ARG1 (1U << 0)
#define MT_PLACEMENT_ARG2 (1U << 1)
#define MT_PLACEMENT_ARG3 (1U << 2)

enum mt_placement {
	MT_PLACEMENT_STEPPED,
	MT_PLACEMENT_EMULATED,
};

struct mt_placement_result {
	uint32_t offset;
	enum mt_placement placement;
};

/* "stepped" or "emulated". */
const char *mt_placement_name(enum mt_placement placement);

/*
 * `code` is the whole function. -EINVAL: it has no bytes, or too many. -ENOTSUP: it begins
 * with a nop that must not be probed, and so would every place behind that.
 */
int mt_placement_choose(const uint8_t *code, size_t len, unsigned int argument_registers_needed,
			struct mt_placement_result *out);

#endif
