// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Tables of real files against libdw's reader of the same .eh_frame: at random places in their
 * code both must find the same caller from the same registers and the same stack.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <glob.h>
#include <sys/auxv.h>

#include "elf_fixture.h"
#include "table_search.h"
#include "target/elf.h"
#include "util/cleanup.h"

#define PLACES	    20000
#define PADDING_MAX 64 /* behind a function, where its last row may go on */
#define DEPTH	    16

struct registers {
	uint64_t pc, sp, fp, bx;
};

/* What a rule makes of the registers of a frame. */
struct caller {
	bool ends;     /* nobody called */
	bool knows_bx; /* it is where a rule can say: next to no caller needs it */
	uint64_t cfa, pc, fp, bx;
};

struct tally {
	unsigned int places;
	unsigned int nowhere; /* of them: in no function */
	unsigned int other;   /* no rule can express it */
	unsigned int wrong;
};

static struct registers random_registers(uint64_t pc)
{
	uint64_t sp = (1ULL << 40) + fixture_random(1ULL << 40) * 8;

	uint64_t above = sp + (1ULL << 34);

	return (struct registers){ pc, sp, above + fixture_random(1U << 20) * 8,
				   above + fixture_random(1U << 20) * 8 };
}

/* ---- libdw's ----------------------------------------------------------------------------- */

struct machine {
	struct registers regs;
	uint64_t cfa;
	uint64_t stack[DEPTH];
	size_t nr;
};

static uint64_t register_value(const struct machine *m, uint64_t number)
{
	switch (number) {
	case 3:
		return m->regs.bx;
	case 6:
		return m->regs.fp;
	case 7:
		return m->regs.sp;
	case 16:
		return m->regs.pc;
	default:
		return 1;
	}
}

static bool binary(struct machine *m, uint8_t atom)
{
	uint64_t b = m->stack[--m->nr], a = m->stack[m->nr - 1], *out = &m->stack[m->nr - 1];

	switch (atom) {
	case DW_OP_plus:
		*out = a + b;
		return true;
	case DW_OP_and:
		*out = a & b;
		return true;
	case DW_OP_shl:
		*out = a << b;
		return true;
	case DW_OP_ge:
		*out = (int64_t)a >= (int64_t)b;
		return true;
	default:
		return false;
	}
}

static bool operation(struct machine *m, const Dwarf_Op *op)
{
	if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31) {
		m->stack[m->nr++] = register_value(m, op->atom - DW_OP_breg0) + op->number;
		return true;
	}
	if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31) {
		m->stack[m->nr++] = op->atom - DW_OP_lit0;
		return true;
	}
	switch (op->atom) {
	case DW_OP_bregx:
		m->stack[m->nr++] = register_value(m, op->number) + op->number2;
		return true;
	case DW_OP_call_frame_cfa:
		m->stack[m->nr++] = m->cfa;
		return true;
	case DW_OP_deref:
		m->stack[m->nr - 1] = stack_word(m->stack[m->nr - 1]);
		return true;
	case DW_OP_plus_uconst:
		m->stack[m->nr - 1] += op->number;
		return true;
	default:
		return m->nr >= 2 && binary(m, op->atom);
	}
}

/* An address; false: the expression has what this test does not know. */
static bool evaluate(struct machine *m, const Dwarf_Op *ops, size_t nr, uint64_t *value)
{
	m->nr = 0;
	for (size_t i = 0; i < nr; i++)
		if (m->nr == DEPTH || !operation(m, &ops[i]))
			return false;
	*value = m->nr ? m->stack[m->nr - 1] : 0;
	return m->nr;
}

/*
 * What a register had in the caller. 1; 0: nothing is said, as libdw has it of rbx where it is not
 * saved; -1: not known to this test.
 */
static int restored(struct machine *m, Dwarf_Frame *frame, int number, uint64_t *value)
{
	Dwarf_Op mem[3], *ops;
	uint64_t address;
	size_t nr;

	if (dwarf_frame_register(frame, number, mem, &ops, &nr))
		return -1;
	*value = register_value(m, (uint64_t)number);
	if (!nr)
		return ops != mem;
	if (!evaluate(m, ops, nr, &address))
		return -1;
	*value = stack_word(address);
	return 1;
}

static bool theirs(Dwarf_Frame *frame, const struct registers *regs, struct caller *c)
{
	struct machine m = { .regs = *regs };
	Dwarf_Op *ops;
	int has_pc;
	size_t nr;

	*c = (struct caller){ 0 };
	if (dwarf_frame_cfa(frame, &ops, &nr) || !evaluate(&m, ops, nr, &m.cfa))
		return false;
	c->cfa = m.cfa;
	has_pc = restored(&m, frame, 16, &c->pc);
	c->ends = !has_pc;
	c->knows_bx = restored(&m, frame, 3, &c->bx) >= 0;
	return has_pc >= 0 && (c->ends || restored(&m, frame, 6, &c->fp) == 1);
}

/* ---- ours -------------------------------------------------------------------------------- */

static bool ours(const struct mt_rule *rule, const struct registers *regs, struct caller *c)
{
	struct mt_thread th = {
		.walk = { .pc = regs->pc, .sp = regs->sp, .fp = regs->fp, .bx = regs->bx },
	};
	uint32_t end = mt_unwind_apply(&th, rule);

	*c = (struct caller){ .ends = end == MT_STACK_COMPLETE };
	if (!end)
		*c = (struct caller){ false, true, th.walk.sp, th.walk.pc, th.walk.fp, th.walk.bx };
	return !end || c->ends;
}

/* ---- both -------------------------------------------------------------------------------- */

static bool is_same(const struct caller *a, const struct caller *b)
{
	return a->ends == b->ends &&
	       (a->ends || (a->cfa == b->cfa && a->pc == b->pc && a->fp == b->fp &&
			    (!a->knows_bx || !b->knows_bx || a->bx == b->bx)));
}

/* In no function: either we know that, or it is what is behind one. */
static bool is_padding(Dwarf_CFI *cfi, uint64_t address)
{
	for (uint64_t back = 1; back <= PADDING_MAX; back++) {
		Dwarf_Frame *frame;

		if (dwarf_cfi_addrframe(cfi, address - back, &frame))
			continue;
		free(frame);
		return true;
	}
	return false;
}

static void look(struct mt_table *table, Dwarf_CFI *cfi, uint64_t offset, uint64_t address,
		 struct tally *t)
{
	struct registers regs = random_registers(address);
	_free_ Dwarf_Frame *frame = NULL;
	struct caller mine, other;
	struct mt_rule rule;
	bool same;

	if (mt_unwind_rule(table, (uint32_t)offset, &rule))
		rule = (struct mt_rule){ .cfa = MT_CFA_NONE };
	t->places++;
	if (dwarf_cfi_addrframe(cfi, address, &frame)) {
		t->nowhere++;
		same = rule.cfa == MT_CFA_NONE || is_padding(cfi, address);
	} else if (rule.cfa == MT_CFA_OTHER) {
		t->other++;
		return;
	} else {
		same = theirs(frame, &regs, &other) && ours(&rule, &regs, &mine) &&
		       is_same(&mine, &other);
	}
	t->wrong += !same;
	if (!same && t->wrong < 10)
		print_message("differs at %#lx: {cfa %u, offset %d, fp %d, bx %d, addend %u}\n",
			      address, rule.cfa, rule.offset, rule.fp, rule.bx, rule.addend);
}

/* `others_max`: in a thousand places. */
static void expect_few_others(const char *name, const struct tally *t, unsigned int others_max)
{
	print_message("%s: %u places, %u in no function, %u not expressed, %u wrong\n", name,
		      t->places, t->nowhere, t->other, t->wrong);
	assert_int_equal(t->wrong, 0);
	assert_true(t->nowhere <
		    t->places / 4 * 3); /* libLLVM's read-only data is beside its code */
	assert_true(t->other * 1000ULL < (uint64_t)t->places * others_max);
}

/* A random place in the executable segments. */
static void place_in(const struct mt_elf *elf, uint64_t *offset, uint64_t *address)
{
	uint64_t start, end, at, all = 0, pick;

	for (size_t i = 0; !mt_elf_code_segment(elf, i, &start, &end, &at); i++)
		all += end - start;
	pick = fixture_random(all);
	for (size_t i = 0; !mt_elf_code_segment(elf, i, &start, &end, &at); i++) {
		if (pick < end - start)
			break;
		pick -= end - start;
	}
	*offset = start + pick;
	*address = at + pick;
}

static void expect_as_libdw(const char *pattern, unsigned int others_max)
{
	__cleanup(mt_table_free) struct mt_table *table = NULL;
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	struct tally tally = { 0 };
	uint64_t offset, address;
	_close_ int fd = -1;
	glob_t found;
	Dwarf_CFI *cfi;

	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	fd = fixture_open(found.gl_pathv[0]);
	globfree(&found);
	assert_int_equal(mt_elf_new(&elf, fd), 0);
	assert_int_equal(mt_table_build(&table, elf), 0);
	assert_int_equal(mt_table_check(table->nodes, table->nr_nodes), 0);
	cfi = dwarf_getcfi_elf(mt_elf_handle(elf));
	assert_non_null(cfi);
	for (unsigned int i = 0; i < PLACES; i++) {
		place_in(elf, &offset, &address);
		look(table, cfi, offset, address, &tally);
	}
	expect_few_others(pattern, &tally, others_max);
	dwarf_cfi_end(cfi);
}

static void test_libc(void **state)
{
	expect_as_libdw(FIXTURE_LIBC, 1);
}

static void test_libstdcxx(void **state)
{
	expect_as_libdw("/usr/lib/x86_64-linux-gnu/libstdc++.so.6", 1);
}

static void test_cc1plus(void **state)
{
	expect_as_libdw("/usr/lib/gcc/x86_64-linux-gnu/*/cc1plus", 1);
}

static void test_llvm(void **state)
{
	expect_as_libdw("/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1", 1);
}

/* Hand-written assembly: frames that end where rax says, and code of which nothing is said. */
static void test_libcrypto(void **state)
{
	expect_as_libdw("/usr/lib/x86_64-linux-gnu/libcrypto.so.3", 40);
}

static void test_vdso(void **state)
{
	char *image = (char *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)image;
	__cleanup(mt_table_free) struct mt_table *table = NULL;
	struct tally tally = { 0 };
	size_t len, text = 0, size = 0;
	Dwarf_CFI *cfi;
	Elf *elf;

	len = ehdr->e_shoff + (size_t)ehdr->e_shnum * ehdr->e_shentsize;
	elf = elf_memory(image, len);
	assert_non_null(elf);
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn));) {
		const Elf64_Shdr *shdr = elf64_getshdr(scn);

		if (shdr->sh_flags & SHF_EXECINSTR && shdr->sh_size > size) {
			text = shdr->sh_offset;
			size = shdr->sh_size;
		}
	}
	assert_int_equal(mt_table_build_vdso(&table), 0);
	cfi = dwarf_getcfi_elf(elf);
	assert_non_null(cfi);
	for (unsigned int i = 0; i < PLACES; i++) {
		uint64_t at = text + fixture_random(size);

		look(table, cfi, at, at, &tally);
	}
	expect_few_others("vdso", &tally, 1);
	dwarf_cfi_end(cfi);
	elf_end(elf);
}

static int setup(void **state)
{
	elf_version(EV_CURRENT);
	fixture_new();
	return 0;
}

static int teardown(void **state)
{
	fixture_free();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libc),	  cmocka_unit_test(test_libstdcxx),
		cmocka_unit_test(test_cc1plus),	  cmocka_unit_test(test_llvm),
		cmocka_unit_test(test_libcrypto), cmocka_unit_test(test_vdso),
	};

#ifndef __x86_64__
	puts("tables are only for x86-64");
	return 77;
#endif
	return cmocka_run_group_tests(tests, setup, teardown);
}
