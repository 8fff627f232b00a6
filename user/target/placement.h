/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * placement.h: where in a function a probe costs least.
 *
 * A uprobe on an instruction that the kernel emulates costs one trap. On any other one the
 * kernel also single-steps a copy of it, which costs several times as much. So the probe
 * goes to the first instruction that is emulated and is still as good as the entry:
 *
 *   - every call runs it, but for one that returns at once because a block is NULL, or because
 *     a size is 0 if it then returns 0: who answers malloc(0) with a block must be seen to;
 *   - nothing has been done yet: no store, no call, no system call;
 *   - a call runs it once: nothing in the function branches to it, or to before it;
 *   - each argument is in its register, or in one that it was moved to as a whole; of two
 *     that are to be multiplied, the product will do;
 *   - the stack pointer has not moved: what it points at is the return address, which the
 *     BPF programs read and a return probe replaces (arm64: the link register is as it was);
 *   - the frame pointer is still the caller's.
 *
 * An early return is passed where something better follows it. What is not clear is not used:
 * the answer is then the entry, or what follows the nops that the function begins with.
 *
 * Which instructions are emulated since when is a table for each machine (placement_x86.c,
 * placement_arm64.c). mt_placement_choose is for the machine that it was built for. The bytes
 * may be hostile; no more than MT_PLACEMENT_CODE_MAX of them are looked at. Pure, thread-safe,
 * owns nothing. Offsets are bytes from the function's first. Errors are -errno.
 */
#ifndef MT_TARGET_PLACEMENT_H
#define MT_TARGET_PLACEMENT_H

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
	unsigned int block;	     /* one of those, a pointer to what is given up; or 0 */
};

struct mt_placement_result {
	uint32_t offset;
	enum mt_placement placement;
	uint32_t entry; /* where it is if not behind the entry: 0, or past the first nops */
	/*
	 * Where each needed argument is, enum mt_arg (wire.h). Of two factors that are known
	 * only as their product, the first is where that is and the second MT_ARG_ONE.
	 */
	uint8_t args[3];
};

/* "stepped" or "emulated". */
const char *mt_placement_name(enum mt_placement placement);

/* Where the calling convention has argument `number`, 1 to 3: enum mt_arg. */
uint8_t mt_placement_argument(unsigned int number);

/*
 * -EINVAL: the code has no bytes, or too many, or `factors` are not two of what is needed.
 * -ENOTSUP: it begins with what must not be probed, or is no code.
 */
int mt_placement_choose(const struct mt_placement_request *request,
			struct mt_placement_result *out);

#endif
