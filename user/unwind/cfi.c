// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "unwind/cfi.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unwind/cfi_program.h"
#include "util/cleanup.h"

/* Instructions run for each byte: real files have less than one, and some of a CIE for each FDE. */
#define WORK_PER_BYTE 8

#define FUNCTIONS_MAX (4U << 20) /* a browser has one million */

#define LETTERS_MAX 16 /* of an augmentation; there are seven that mean something */

/* Functions are aligned to as much, so a gap below it is padding that nobody runs. */
#define PADDING_MAX 64

/* A function: where its code is, and where its entry (FDE) and that of its kind (CIE) are. */
struct function {
	uint64_t start;
	uint64_t end;
	size_t cie;
	struct mt_bytes program;
};

struct walk {
	const struct mt_cfi *cfi;
	struct function *functions;
	size_t nr;
	size_t room;
	struct mt_cie cie; /* the one at `cie_at` */
	size_t cie_at;
	uint64_t work;
	mt_cfi_row_fn cb;
	void *arg;
	struct mt_rule last;
	int err;
};

/*
 * The entry at `offset`, without its length, and where the next one begins. False: it is none; a
 * terminator, of which files linked together have several, has a next one, else that is 0.
 */
static bool entry_at(const struct mt_cfi *cfi, size_t offset, struct mt_bytes *entry, size_t *next)
{
	struct mt_bytes b = { cfi->data + offset, cfi->data + cfi->len, false };
	uint64_t len = mt_bytes_fixed(&b, 4);

	if (len == 0xffffffff)
		len = mt_bytes_fixed(&b, 8);
	*entry = mt_bytes_take(&b, len);
	*next = b.bad ? 0 : (size_t)(b.at - cfi->data);
	return !b.bad && len >= 4;
}

static unsigned int pointer_bytes(uint8_t encoding)
{
	switch (encoding & 0x0f) {
	case DW_EH_PE_udata2:
	case DW_EH_PE_sdata2:
		return 2;
	case DW_EH_PE_udata4:
	case DW_EH_PE_sdata4:
		return 4;
	default:
		return 8;
	}
}

static uint64_t read_pointer(const struct mt_cfi *cfi, struct mt_bytes *b, uint8_t encoding)
{
	uint64_t at = cfi->address + (uint64_t)(b->at - cfi->data), value;

	switch (encoding & 0x0f) {
	case DW_EH_PE_uleb128:
		value = mt_bytes_uleb(b);
		break;
	case DW_EH_PE_sleb128:
		value = (uint64_t)mt_bytes_sleb(b);
		break;
	case DW_EH_PE_sdata2:
		value = (uint64_t)(int16_t)mt_bytes_fixed(b, 2);
		break;
	case DW_EH_PE_sdata4:
		value = (uint64_t)(int32_t)mt_bytes_fixed(b, 4);
		break;
	default:
		value = mt_bytes_fixed(b, pointer_bytes(encoding));
	}
	return (encoding & 0x70) == DW_EH_PE_pcrel ? value + at : value;
}

/* What the letters of an augmentation stand for. False: one is not known. */
static bool read_augmentation(const struct mt_cfi *cfi, struct mt_bytes *b, const char *letters,
			      struct mt_cie *cie)
{
	struct mt_bytes data;

	if (*letters == '\0')
		return true;
	if (*letters++ != 'z')
		return false;
	cie->augmented = true;
	data = mt_bytes_take(b, mt_bytes_uleb(b));
	for (; *letters; letters++) {
		switch (*letters) {
		case 'R':
			cie->pointers = mt_bytes_fixed(&data, 1);
			break;
		case 'P':
			read_pointer(cfi, &data, mt_bytes_fixed(&data, 1));
			break;
		case 'L':
			mt_bytes_fixed(&data, 1);
			break;
		case 'S':
			cie->is_signal = true;
			break;
		default:
			return false;
		}
	}
	return !data.bad;
}

static bool read_cie(struct walk *w, size_t offset, struct mt_cie *cie)
{
	struct mt_bytes b, start;
	const char *letters;
	uint8_t version;
	size_t next;

	memset(cie, 0, sizeof(*cie));
	if (offset >= w->cfi->len || !entry_at(w->cfi, offset, &b, &next) || mt_bytes_fixed(&b, 4))
		return false;
	version = mt_bytes_fixed(&b, 1);
	letters = (const char *)b.at;
	start = b;
	while (b.at < b.end && *b.at && b.at - start.at < LETTERS_MAX)
		b.at++;
	if (b.at == b.end || *b.at || (version != 1 && version != 3) || start.bad)
		return false;
	b.at++;
	cie->code_align = mt_bytes_uleb(&b);
	cie->data_align = mt_bytes_sleb(&b);
	if (version == 1)
		mt_bytes_fixed(&b, 1);
	else
		mt_bytes_uleb(&b);
	if (!read_augmentation(w->cfi, &b, letters, cie) || b.bad)
		return false;
	cie->program = b;
	return mt_cfi_run(b, cie, 0, &cie->initial, &w->work, NULL, NULL);
}

/* The CIE at `offset`; neighbours have the same. */
static const struct mt_cie *cie_at(struct walk *w, size_t offset)
{
	if (w->cie_at == offset)
		return &w->cie;
	w->cie_at = SIZE_MAX;
	if (!read_cie(w, offset, &w->cie))
		return NULL;
	w->cie_at = offset;
	return &w->cie;
}

static int add_function(struct walk *w, struct function f)
{
	if (w->nr == FUNCTIONS_MAX)
		return -E2BIG;
	if (w->nr == w->room) {
		size_t room = w->room ? 2 * w->room : 1024;
		struct function *grown = reallocarray(w->functions, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		w->functions = grown;
		w->room = room;
	}
	w->functions[w->nr++] = f;
	return 0;
}

/* An entry that is an FDE; what is damaged is no error. */
static int read_fde(struct walk *w, struct mt_bytes b)
{
	size_t at = (size_t)(b.at - w->cfi->data);
	uint64_t distance = mt_bytes_fixed(&b, 4);
	const struct mt_cie *cie;
	struct function f;
	uint64_t len;

	if (!distance || distance > at)
		return 0;
	f.cie = at - distance;
	cie = cie_at(w, f.cie);
	if (!cie || (cie->pointers & DW_EH_PE_indirect))
		return 0;
	f.start = read_pointer(w->cfi, &b, cie->pointers);
	len = read_pointer(w->cfi, &b, cie->pointers & 0x0f);
	if (cie->augmented)
		mt_bytes_take(&b, mt_bytes_uleb(&b));
	if (b.bad || !len || __builtin_add_overflow(f.start, len, &f.end))
		return 0;
	f.program = b;
	return add_function(w, f);
}

static int read_functions(struct walk *w)
{
	struct mt_bytes entry;
	size_t at = 0, next;
	int err = 0;

	for (; at < w->cfi->len && !err && w->work; at = next) {
		bool any = entry_at(w->cfi, at, &entry, &next);

		if (!next)
			break;
		w->work--;
		if (any)
			err = read_fde(w, entry);
	}
	return err;
}

static int by_start(const void *va, const void *vb)
{
	const struct function *a = va, *b = vb;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->program.at < b->program.at ? -1 : a->program.at > b->program.at;
}

static void put(struct walk *w, uint64_t address, struct mt_rule rule)
{
	if (w->err || !memcmp(&rule, &w->last, sizeof(rule)))
		return;
	w->last = rule;
	w->err = w->cb(address, &rule, w->arg);
}

/* A function's rows as they are found: one is known when the next begins. */
struct emission {
	struct walk *walk;
	uint64_t from;
	uint64_t end;
};

static bool on_advance(uint64_t next, const struct mt_cfi_state *state, void *arg)
{
	struct emission *e = arg;

	put(e->walk, e->from, mt_cfi_rule(&e->walk->cie, state));
	e->from = next;
	return next < e->end && !e->walk->err;
}

static void emit_function(struct walk *w, const struct function *f)
{
	struct emission e = { w, f->start, f->end };
	const struct mt_cie *cie = cie_at(w, f->cie);
	struct mt_cfi_state state;

	if (!cie)
		return;
	state = cie->initial;
	if (!mt_cfi_run(f->program, cie, f->start, &state, &w->work, on_advance, &e)) {
		put(w, e.from, (struct mt_rule){ .cfa = MT_CFA_OTHER });
		return;
	}
	if (e.from < e.end)
		put(w, e.from, mt_cfi_rule(cie, &state));
}

static int emit(struct walk *w)
{
	uint64_t end = 0;

	if (w->nr)
		qsort(w->functions, w->nr, sizeof(*w->functions), by_start);
	for (size_t i = 0; i < w->nr && !w->err && w->work; i++) {
		const struct function *f = &w->functions[i];

		if (f->start < end)
			continue;
		if (f->start - end > PADDING_MAX && i)
			put(w, end, (struct mt_rule){ .cfa = MT_CFA_NONE });
		emit_function(w, f);
		end = f->end;
	}
	if (end)
		put(w, end, (struct mt_rule){ .cfa = MT_CFA_NONE });
	return w->err ? w->err : w->work ? 0 : -E2BIG;
}

int mt_cfi_each_row(const struct mt_cfi *cfi, mt_cfi_row_fn cb, void *arg)
{
	struct walk w = {
		.cfi = cfi,
		.cie_at = SIZE_MAX,
		.work = (cfi->len + 64) * WORK_PER_BYTE,
		.cb = cb,
		.arg = arg,
		.last.cfa = MT_CFA_NONE,
	};
	int err = read_functions(&w);

	err = err ? err : emit(&w);
	free(w.functions);
	return err;
}
