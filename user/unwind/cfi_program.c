// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "unwind/cfi_program.h"

#include <dwarf.h>

/* DWARF's numbers of registers on x86-64. */
#define REGISTER_BX 3
#define REGISTER_FP 6
#define REGISTER_SP 7
#define REGISTER_PC 16

#define PC_OFFSET (-8) /* of the return address from the CFA: `call` pushes it */

#define REMEMBERED_MAX 16

uint64_t mt_bytes_fixed(struct mt_bytes *b, unsigned int size)
{
	uint64_t value = 0;

	if ((size_t)(b->end - b->at) < size) {
		b->bad = true;
		return 0;
	}
	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)b->at[i] << (8 * i);
	b->at += size;
	return value;
}

uint64_t mt_bytes_uleb(struct mt_bytes *b)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; b->at < b->end && shift < 64; shift += 7) {
		uint8_t byte = *b->at++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	b->bad = true;
	return 0;
}

int64_t mt_bytes_sleb(struct mt_bytes *b)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; b->at < b->end && shift < 64; shift += 7) {
		uint8_t byte = *b->at++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		if ((byte & 0x40) && shift + 7 < 64)
			value |= ~0ULL << (shift + 7);
		return (int64_t)value;
	}
	b->bad = true;
	return 0;
}

struct mt_bytes mt_bytes_take(struct mt_bytes *b, uint64_t len)
{
	struct mt_bytes part = { b->at, b->at, false };

	if (len > (uint64_t)(b->end - b->at)) {
		b->bad = true;
		return part;
	}
	b->at += len;
	part.end = b->at;
	return part;
}

/* ---- instructions ------------------------------------------------------------------------ */

struct run {
	struct mt_bytes in;
	const struct mt_cie *cie;
	uint64_t address;
	struct mt_cfi_state *state;
	struct mt_cfi_state remembered[REMEMBERED_MAX];
	unsigned int nr_remembered;
	mt_cfi_advance_fn cb;
	void *arg;
};

/* Where a register that matters is kept; NULL for others. */
static struct mt_cfi_register *of(struct mt_cfi_state *state, uint64_t number)
{
	switch (number) {
	case REGISTER_BX:
		return &state->bx;
	case REGISTER_FP:
		return &state->fp;
	case REGISTER_PC:
		return &state->pc;
	default:
		return NULL;
	}
}

static void set(struct run *r, uint64_t number, struct mt_cfi_register how)
{
	struct mt_cfi_register *reg = of(r->state, number);

	if (reg)
		*reg = how;
}

/* A number of data_align as bytes. */
static int64_t unfactor(struct run *r, int64_t factored)
{
	int64_t offset;

	if (!__builtin_mul_overflow(factored, r->cie->data_align, &offset))
		return offset;
	r->in.bad = true;
	return 0;
}

static void set_offset(struct run *r, uint64_t number, int64_t factored)
{
	set(r, number, (struct mt_cfi_register){ MT_SAVED_AT_CFA, unfactor(r, factored), { 0 } });
}

static void restore(struct run *r, uint64_t number)
{
	struct mt_cfi_state initial = r->cie->initial;
	struct mt_cfi_register *reg = of(r->state, number);

	if (reg)
		*reg = *of(&initial, number);
}

static void define_cfa(struct run *r, uint64_t number, int64_t offset)
{
	r->state->cfa_register = number;
	r->state->cfa_offset = offset;
	r->state->cfa_expression = (struct mt_bytes){ 0 };
}

/* False: no more rows are wanted. */
static bool advance(struct run *r, uint64_t factored)
{
	uint64_t distance, next;

	if (__builtin_mul_overflow(factored, r->cie->code_align, &distance) ||
	    __builtin_add_overflow(r->address, distance, &next)) {
		r->in.bad = true;
		return false;
	}
	if (distance && r->cb && !r->cb(next, r->state, r->arg))
		return false;
	r->address = next;
	return true;
}

static void remember(struct run *r)
{
	if (r->nr_remembered == REMEMBERED_MAX)
		r->in.bad = true;
	else
		r->remembered[r->nr_remembered++] = *r->state;
}

static void recall(struct run *r)
{
	if (!r->nr_remembered)
		r->in.bad = true;
	else
		*r->state = r->remembered[--r->nr_remembered];
}

static void do_expression(struct run *r)
{
	uint64_t number = mt_bytes_uleb(&r->in);
	struct mt_bytes expression = mt_bytes_take(&r->in, mt_bytes_uleb(&r->in));

	set(r, number, (struct mt_cfi_register){ MT_SAVED_AT, 0, expression });
}

/* Values, not places: no register that matters has one in real code. */
static void do_value(struct run *r, bool is_expression)
{
	uint64_t number = mt_bytes_uleb(&r->in);

	if (is_expression)
		mt_bytes_take(&r->in, mt_bytes_uleb(&r->in));
	else
		mt_bytes_uleb(&r->in); /* signed or not, it is as long */
	set(r, number, (struct mt_cfi_register){ .saved = MT_SAVED_OTHER });
}

static void define_cfa_op(struct run *r, uint8_t op)
{
	struct mt_cfi_state *s = r->state;
	uint64_t number;

	switch (op) {
	case DW_CFA_def_cfa:
		number = mt_bytes_uleb(&r->in);
		define_cfa(r, number, (int64_t)mt_bytes_uleb(&r->in));
		break;
	case DW_CFA_def_cfa_sf:
		number = mt_bytes_uleb(&r->in);
		define_cfa(r, number, unfactor(r, mt_bytes_sleb(&r->in)));
		break;
	case DW_CFA_def_cfa_register:
		define_cfa(r, mt_bytes_uleb(&r->in), s->cfa_offset);
		break;
	case DW_CFA_def_cfa_offset:
		define_cfa(r, s->cfa_register, (int64_t)mt_bytes_uleb(&r->in));
		break;
	case DW_CFA_def_cfa_offset_sf:
		define_cfa(r, s->cfa_register, unfactor(r, mt_bytes_sleb(&r->in)));
		break;
	default:
		s->cfa_expression = mt_bytes_take(&r->in, mt_bytes_uleb(&r->in));
	}
}

static void register_op(struct run *r, uint8_t op)
{
	uint64_t number;

	switch (op) {
	case DW_CFA_offset_extended:
		number = mt_bytes_uleb(&r->in);
		set_offset(r, number, (int64_t)mt_bytes_uleb(&r->in));
		break;
	case DW_CFA_offset_extended_sf:
		number = mt_bytes_uleb(&r->in);
		set_offset(r, number, mt_bytes_sleb(&r->in));
		break;
	case DW_CFA_GNU_negative_offset_extended:
		number = mt_bytes_uleb(&r->in);
		set_offset(r, number, (int64_t)-mt_bytes_uleb(&r->in));
		break;
	case DW_CFA_restore_extended:
		restore(r, mt_bytes_uleb(&r->in));
		break;
	case DW_CFA_undefined:
		number = mt_bytes_uleb(&r->in);
		set(r, number, (struct mt_cfi_register){ .saved = MT_SAVED_UNDEFINED });
		break;
	case DW_CFA_same_value:
		number = mt_bytes_uleb(&r->in);
		set(r, number, (struct mt_cfi_register){ .saved = MT_SAVED_SAME });
		break;
	case DW_CFA_expression:
		do_expression(r);
		break;
	case DW_CFA_register:
	case DW_CFA_val_offset:
	case DW_CFA_val_offset_sf:
		do_value(r, false);
		break;
	case DW_CFA_val_expression:
		do_value(r, true);
		break;
	default: /* how long it is is not known */
		r->in.bad = true;
	}
}

static bool extended_op(struct run *r, uint8_t op)
{
	switch (op) {
	case DW_CFA_nop:
		return true;
	case DW_CFA_advance_loc1:
		return advance(r, mt_bytes_fixed(&r->in, 1));
	case DW_CFA_advance_loc2:
		return advance(r, mt_bytes_fixed(&r->in, 2));
	case DW_CFA_advance_loc4:
		return advance(r, mt_bytes_fixed(&r->in, 4));
	case DW_CFA_remember_state:
		remember(r);
		return true;
	case DW_CFA_restore_state:
		recall(r);
		return true;
	case DW_CFA_GNU_args_size:
		mt_bytes_uleb(&r->in);
		return true;
	case DW_CFA_def_cfa:
	case DW_CFA_def_cfa_sf:
	case DW_CFA_def_cfa_register:
	case DW_CFA_def_cfa_offset:
	case DW_CFA_def_cfa_offset_sf:
	case DW_CFA_def_cfa_expression:
		define_cfa_op(r, op);
		return true;
	default:
		register_op(r, op);
		return true;
	}
}

bool mt_cfi_run(struct mt_bytes program, const struct mt_cie *cie, uint64_t address,
		struct mt_cfi_state *state, uint64_t *work, mt_cfi_advance_fn cb, void *arg)
{
	struct run r;

	r.in = program;
	r.cie = cie;
	r.address = address;
	r.state = state;
	r.nr_remembered = 0;
	r.cb = cb;
	r.arg = arg;
	while (r.in.at < r.in.end && !r.in.bad) {
		uint8_t byte = *r.in.at++, low = byte & 0x3f;
		bool more = true;

		if (!*work)
			return false;
		--*work;
		switch (byte & 0xc0) {
		case DW_CFA_advance_loc:
			more = advance(&r, low);
			break;
		case DW_CFA_offset:
			set_offset(&r, low, (int64_t)mt_bytes_uleb(&r.in));
			break;
		case DW_CFA_restore:
			restore(&r, low);
			break;
		default:
			more = extended_op(&r, low);
		}
		if (!more)
			return !r.in.bad;
	}
	return !r.in.bad;
}

/* ---- rules ------------------------------------------------------------------------------- */

/* `register + offset`: the beginning of an expression. */
static bool base(struct mt_bytes *e, uint64_t *number, int64_t *offset)
{
	uint8_t op = mt_bytes_fixed(e, 1);

	if (e->bad || op < DW_OP_breg0 || op > DW_OP_breg31)
		return false;
	*number = op - DW_OP_breg0;
	*offset = mt_bytes_sleb(e);
	return !e->bad;
}

/* A PLT's entries push once, from byte N of each 16 on: sp + 8 + ((pc & 15) >= N) * 8. */
static bool is_plt(struct mt_bytes e, struct mt_rule *rule)
{
	uint64_t number;
	int64_t offset;
	uint8_t from;

	if (!base(&e, &number, &offset) || number != REGISTER_PC || offset ||
	    mt_bytes_fixed(&e, 1) != DW_OP_lit15 || mt_bytes_fixed(&e, 1) != DW_OP_and)
		return false;
	from = mt_bytes_fixed(&e, 1);
	if (from < DW_OP_lit0 || from > DW_OP_lit15 || mt_bytes_fixed(&e, 1) != DW_OP_ge ||
	    mt_bytes_fixed(&e, 1) != DW_OP_lit3 || mt_bytes_fixed(&e, 1) != DW_OP_shl ||
	    mt_bytes_fixed(&e, 1) != DW_OP_plus || e.bad || e.at != e.end)
		return false;
	*rule = (struct mt_rule){ .cfa = MT_CFA_PLT, .offset = from - DW_OP_lit0 };
	return true;
}

static bool cfa_by_expression(struct mt_bytes e, struct mt_rule *rule)
{
	uint64_t number, addend = 0;
	int64_t offset;
	bool at;

	if (!base(&e, &number, &offset) || offset != (int32_t)offset)
		return false;
	if (number == REGISTER_SP && offset == 8 && is_plt(e, rule))
		return true;
	if (number != REGISTER_SP && number != REGISTER_FP)
		return false;
	at = e.at < e.end;
	if (at && mt_bytes_fixed(&e, 1) != DW_OP_deref)
		return false;
	if (e.at < e.end) {
		if (mt_bytes_fixed(&e, 1) != DW_OP_plus_uconst)
			return false;
		addend = mt_bytes_uleb(&e);
	}
	if (e.bad || e.at != e.end || addend > UINT8_MAX)
		return false;
	rule->offset = (int32_t)offset;
	rule->addend = addend;
	if (number == REGISTER_SP)
		rule->cfa = at ? MT_CFA_SP_AT : MT_CFA_SP;
	else
		rule->cfa = at ? MT_CFA_FP_AT : MT_CFA_FP;
	return true;
}

static bool set_cfa(const struct mt_cfi_state *s, struct mt_rule *rule)
{
	if (s->cfa_expression.at)
		return cfa_by_expression(s->cfa_expression, rule);
	rule->offset = (int32_t)s->cfa_offset;
	rule->cfa = s->cfa_register == REGISTER_SP   ? MT_CFA_SP
		    : s->cfa_register == REGISTER_FP ? MT_CFA_FP
		    : s->cfa_register == REGISTER_BX ? MT_CFA_BX
						     : MT_CFA_OTHER;
	return rule->offset == s->cfa_offset && rule->cfa != MT_CFA_OTHER;
}

/* Where a saved register is: MT_RULE_* or eighths of its distance from the CFA. */
static bool set_saved(const struct mt_cfi_register *reg, int8_t *where)
{
	struct mt_bytes e = reg->expression;
	uint64_t number;
	int64_t offset;

	switch (reg->saved) {
	case MT_SAVED_SAME:
	case MT_SAVED_UNDEFINED:
		*where = MT_RULE_SAME;
		return true;
	case MT_SAVED_AT_CFA:
		*where = (int8_t)(reg->offset / 8);
		return *where * 8LL == reg->offset && reg->offset < 0;
	case MT_SAVED_AT:
		*where = MT_RULE_AT_FP;
		return base(&e, &number, &offset) && number == REGISTER_FP && !offset &&
		       e.at == e.end;
	default:
		return false;
	}
}

struct mt_rule mt_cfi_rule(const struct mt_cie *cie, const struct mt_cfi_state *s)
{
	struct mt_rule rule = { 0 };

	/* The kernel's frame takes an expression; what is called an interrupted frame with other
	 * rules is not it, and that those callers are none cannot be said. */
	if (cie->is_signal)
		return (struct mt_rule){ .cfa = s->cfa_expression.at ? MT_CFA_SIGNAL
								     : MT_CFA_OTHER };
	if (s->pc.saved == MT_SAVED_UNDEFINED)
		return (struct mt_rule){ .cfa = MT_CFA_END };
	if (s->pc.saved != MT_SAVED_AT_CFA || s->pc.offset != PC_OFFSET || !set_cfa(s, &rule) ||
	    !set_saved(&s->fp, &rule.fp))
		return (struct mt_rule){ .cfa = MT_CFA_OTHER };
	if (!set_saved(&s->bx, &rule.bx)) /* it matters to next to no caller */
		rule.bx = MT_RULE_SAME;
	return rule;
}
