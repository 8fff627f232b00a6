// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/ends.h"

#include <errno.h>
#include <string.h>

#include "target/elf.h"
#include "target/placement.h"
#include "target/returns.h"

#define FUNCTIONS_MAX 64
#define STUB_MAX      16 /* bytes, with an endbr64 */

struct walk {
	struct mt_elf *elf;
	uint64_t functions[FUNCTIONS_MAX]; /* where they begin; those before `next` are done */
	size_t nr, next;
	struct mt_ends *out;
};

static int add_function(struct walk *w, uint64_t address)
{
	uint64_t start, size;

	if (mt_elf_function_around(w->elf, address, &start, &size))
		return -ENOTSUP;
	for (size_t i = 0; i < w->nr; i++) {
		if (w->functions[i] == start)
			return 0;
	}
	if (w->nr == FUNCTIONS_MAX)
		return -E2BIG;
	w->functions[w->nr++] = start;
	return 0;
}

/*
 * A word that no symbol fills holds a pointer, as one to a handler for when there is no memory.
 * Whoever is called by that is not known, nor by a jump to what a register says, and need not be:
 * of a call that ends there the end is not seen, and it is told as one that never returned.
 */
static int follow_word(struct walk *w, uint64_t word)
{
	uint64_t address;

	switch (mt_elf_slot(w->elf, word, &address)) {
	case 0:
		return add_function(w, address);
	case -ENOENT:
		return 0;
	default:
		return -ENOTSUP;
	}
}

/* A PLT's entry is not a function, though the whole of it may look like one. */
static int follow(struct walk *w, uint64_t address)
{
	const uint8_t *code;
	int64_t word;

	if (!mt_elf_code(w->elf, address, STUB_MAX, &code) &&
	    !mt_returns_stub(code, STUB_MAX, &word))
		return follow_word(w, address + (uint64_t)word);
	return add_function(w, address);
}

static int add_ends(struct walk *w, uint64_t function, const struct mt_returns *r)
{
	struct mt_ends *out = w->out;

	if (r->nr_rets > MT_ENDS_MAX - out->nr)
		return -E2BIG;
	for (size_t i = 0; i < r->nr_rets; i++)
		out->v[out->nr++] = (struct mt_end){
			.function = function,
			.address = function + r->rets[i],
		};
	return 0;
}

static int walk_function(struct walk *w, uint64_t function)
{
	struct mt_returns r;
	const uint8_t *code;
	uint64_t start, size;
	int err;

	if (mt_elf_function_around(w->elf, function, &start, &size))
		return -ENOTSUP;
	if (size > MT_PLACEMENT_CODE_MAX)
		return -E2BIG;
	if (mt_elf_code(w->elf, start, size, &code))
		return -ENOTSUP;
	err = mt_returns_find(code, size, &r);
	err = err ? err : add_ends(w, start, &r);
	for (size_t i = 0; !err && i < r.nr_jumps; i++) {
		uint64_t to = start + (uint64_t)r.jumps[i].to;

		err = r.jumps[i].by_word ? follow_word(w, to) : follow(w, to);
	}
	return err;
}

int mt_ends_find(struct mt_elf *elf, uint64_t address, struct mt_ends *out)
{
	struct walk w = { .elf = elf, .out = out };
	int err = add_function(&w, address);

	out->nr = 0;
	while (!err && w.next < w.nr)
		err = walk_function(&w, w.functions[w.next++]);
	return err ? err : out->nr ? 0 : -ENOTSUP;
}

bool mt_ends_may_throw(const struct mt_elf *elf)
{
	const char *needed;

	for (size_t i = 0; (needed = mt_elf_needed(elf, i)); i++)
		if (!strncmp(needed, "libstdc++.", 10) || !strncmp(needed, "libc++", 6))
			return true;
	return mt_elf_has_section(elf, ".gcc_except_table");
}
