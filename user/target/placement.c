// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/placement.h"

#include <errno.h>
#include <string.h>

#include "target/placement_machine.h"
#include "wire.h"

#ifdef __aarch64__
#define OUR_MACHINE mt_machine_arm64
#define our_choose  mt_placement_choose_arm64
#else
#define OUR_MACHINE mt_machine_x86
#define our_choose  mt_placement_choose_x86
#endif

/* The System V ABI's rdi, rsi, rdx. */
const struct mt_machine mt_machine_x86 = {
	.base = MT_ARG_X86,
	.nr_registers = 16,
	.parameters = { 7, 6, 2 },
};

const struct mt_machine mt_machine_arm64 = {
	.base = MT_ARG_ARM64,
	.nr_registers = 31,
	.parameters = { 0, 1, 2 },
};

const char *mt_placement_name(enum mt_placement placement)
{
	return placement == MT_PLACEMENT_EMULATED ? "emulated" : "stepped";
}

uint8_t mt_placement_argument(unsigned int number)
{
	if (number < 1 || number > 3)
		return MT_ARG_NONE;
	return OUR_MACHINE.base + OUR_MACHINE.parameters[number - 1];
}

void mt_values_begin(struct mt_values *v, const struct mt_machine *machine,
		     const struct mt_placement_request *request)
{
	*v = (struct mt_values){ .machine = machine, .request = request };
	for (uint8_t i = 0; i < 3; i++)
		v->in[machine->parameters[i]] = i + 1;
}

static unsigned int bit_of(uint8_t value)
{
	return value >= 1 && value <= 3 ? 1U << (value - 1) : 0;
}

uint8_t mt_values_product(const struct mt_values *v, unsigned int a, unsigned int b)
{
	unsigned int factors = v->request->factors;

	return factors && (bit_of(v->in[a]) | bit_of(v->in[b])) == factors ? MT_VALUE_PRODUCT
									   : MT_VALUE_UNKNOWN;
}

bool mt_values_is_needed(const struct mt_values *v, unsigned int r)
{
	return r < v->machine->nr_registers && bit_of(v->in[r]) & v->request->needed;
}

bool mt_values_is_block(const struct mt_values *v, unsigned int r)
{
	return r < v->machine->nr_registers && bit_of(v->in[r]) & v->request->block;
}

uint32_t mt_values_same(const struct mt_values *v, unsigned int r)
{
	uint32_t same = 0;

	for (unsigned int i = 0; i < v->machine->nr_registers; i++) {
		if (v->in[i] == v->in[r])
			same |= 1U << i;
	}
	return same;
}

/* A register that holds it, the calling convention's own if possible: enum mt_arg. */
static uint8_t place_of(const struct mt_values *v, uint8_t value)
{
	const struct mt_machine *m = v->machine;

	if (bit_of(value) && v->in[m->parameters[value - 1]] == value)
		return m->base + m->parameters[value - 1];
	for (uint8_t r = 0; r < m->nr_registers; r++) {
		if (v->in[r] == value)
			return m->base + r;
	}
	return MT_ARG_NONE;
}

bool mt_values_locate(const struct mt_values *v, uint8_t args[3])
{
	unsigned int missing = 0, factors = v->request->factors;
	uint8_t product = place_of(v, MT_VALUE_PRODUCT);

	memset(args, MT_ARG_NONE, 3);
	for (uint8_t i = 0; i < 3; i++) {
		if (!(v->request->needed & 1U << i))
			continue;
		args[i] = place_of(v, i + 1);
		if (!args[i])
			missing |= 1U << i;
	}
	if (!missing)
		return true;
	if (missing & ~factors || !product)
		return false;
	for (uint8_t i = 0; i < 3; i++) {
		if (!(factors & 1U << i))
			continue;
		args[i] = product;
		product = MT_ARG_ONE;
	}
	return true;
}

static bool is_valid(const struct mt_placement_request *r)
{
	return r->len && r->len <= MT_PLACEMENT_CODE_MAX &&
	       !((r->factors | r->block) & ~r->needed) &&
	       (!r->factors || __builtin_popcount(r->factors) == 2);
}

int mt_placement_choose(const struct mt_placement_request *request, struct mt_placement_result *out)
{
	return is_valid(request) ? our_choose(request, out) : -EINVAL;
}
