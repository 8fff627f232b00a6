/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * placement_machine.h: placement for each machine, and what the machines share. Private to
 * placement*.c and their tests; all of it is compiled on every host.
 *
 * As a walk goes through a function's first instructions it keeps, for each register, which
 * argument that holds. Pure, thread-safe, owns nothing.
 */
#ifndef MT_TARGET_PLACEMENT_MACHINE_H
#define MT_TARGET_PLACEMENT_MACHINE_H

#include <stdbool.h>

#include "target/placement.h"

/* How many instructions a return for NULL may take: a result, some pops, the return. */
#define MT_EARLY_RETURN_MAX 4

#define MT_REGISTERS_MAX 31

struct mt_machine {
	uint8_t base;	       /* enum mt_arg of register 0 */
	uint8_t nr_registers;  /* for integers, as numbered in instructions */
	uint8_t parameters[3]; /* registers of the first arguments */
};

extern const struct mt_machine mt_machine_x86;
extern const struct mt_machine mt_machine_arm64;

/* What a register holds: the number of an argument, 1 to 3, or one of these. */
enum mt_value {
	MT_VALUE_UNKNOWN = 0,
	MT_VALUE_PRODUCT = 4, /* of the two factors */
};

struct mt_values {
	const struct mt_machine *machine;
	const struct mt_placement_request *request;
	uint8_t in[MT_REGISTERS_MAX]; /* enum mt_value, by register */
};

/* At a function's entry. */
void mt_values_begin(struct mt_values *v, const struct mt_machine *machine,
		     const struct mt_placement_request *request);

/* The low half of what registers `a` and `b` hold, multiplied: enum mt_value. */
uint8_t mt_values_product(const struct mt_values *v, unsigned int a, unsigned int b);

/* Does register `r` hold one of the needed arguments? */
bool mt_values_is_needed(const struct mt_values *v, unsigned int r);

/* Is that the block? */
bool mt_values_is_block(const struct mt_values *v, unsigned int r);

/* The registers that hold the same argument as `r`, as bits, itself too. */
uint32_t mt_values_same(const struct mt_values *v, unsigned int r);

/* Is all that is needed in a known place? `args` as in the result. */
bool mt_values_locate(const struct mt_values *v, uint8_t args[3]);

/* As mt_placement_choose, of a request that is valid. */
int mt_placement_choose_x86(const struct mt_placement_request *request,
			    struct mt_placement_result *out);
int mt_placement_choose_arm64(const struct mt_placement_request *request,
			      struct mt_placement_result *out);

#endif
