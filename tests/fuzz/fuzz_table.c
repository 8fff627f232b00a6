// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * libFuzzer on the builder of tables: an input that begins as ELF files do is a file, any other is
 * what is in .eh_frame. Whatever it says, the table is whole, and a search in it finds the rows.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "target/elf.h"
#include "unwind/cfi.h"
#include "unwind/rows.h"
#include "unwind/table.h"
#include "util/cleanup.h"

#define CFI_ADDRESS 0x1000

static int mt_unwind_word(struct mt_thread *th, __u64 address, __u64 *word)
{
	*word = address;
	return 0;
}

static const union mt_table_node *mt_unwind_node(void *table, __u32 number)
{
	const struct mt_table *t = table;

	return number < t->nr_nodes ? &t->nodes[number] : NULL;
}

#include "logic/unwind.h"
#include "want.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct row {
	uint64_t address;
	struct mt_rule rule;
};

struct found {
	struct mt_rows *rows;
	struct row *v;
	size_t nr;
};

/* Rows rise, and no two neighbours say the same. */
static int on_row(uint64_t address, const struct mt_rule *rule, void *arg)
{
	struct found *f = arg;
	const struct row *last = f->nr ? &f->v[f->nr - 1] : NULL;

	want(!last || (address > last->address && memcmp(rule, &last->rule, sizeof(*rule))));
	if (!(f->nr & (f->nr - 1)))
		f->v = realloc(f->v, (f->nr ? 2 * f->nr : 1) * sizeof(*f->v));
	want(f->v);
	f->v[f->nr++] = (struct row){ address, *rule };
	return mt_rows_add(f->rows, address, rule);
}

static void step(struct mt_table *table, uint32_t offset)
{
	struct mt_thread th = { .walk = { .pc = offset, .sp = 4096, .fp = 8192, .bx = 8192 } };
	struct mt_rule rule;

	if (!mt_unwind_rule(table, offset, &rule))
		mt_unwind_apply(&th, &rule);
}

static void expect_rows(struct mt_table *table, const struct found *f)
{
	struct mt_rule rule;

	for (size_t i = 0; i < f->nr && f->v[i].address < UINT32_MAX; i++) {
		want(!mt_unwind_rule(table, f->v[i].address, &rule));
		want(!memcmp(&rule, &f->v[i].rule, sizeof(rule)));
		if (i && f->v[i].address) {
			want(!mt_unwind_rule(table, f->v[i].address - 1, &rule));
			want(!memcmp(&rule, &f->v[i - 1].rule, sizeof(rule)));
		}
		step(table, f->v[i].address);
	}
}

static void try_frames(const uint8_t *data, size_t len)
{
	const struct mt_cfi cfi = { data, len, CFI_ADDRESS };
	struct mt_table table = { 0 };
	struct found f = { 0 };

	want(!mt_rows_new(&f.rows));
	if (!mt_cfi_each_row(&cfi, on_row, &f) &&
	    !mt_rows_finish(f.rows, &table.nodes, &table.nr_nodes)) {
		want(!mt_table_check(table.nodes, table.nr_nodes));
		expect_rows(&table, &f);
	}
	free(table.nodes);
	free(f.v);
	mt_rows_free(&f.rows);
}

static void try_file(const uint8_t *data, size_t len)
{
	__cleanup(mt_table_free) struct mt_table *table = NULL;
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	_close_ int fd = memfd_create("fuzz", MFD_CLOEXEC);

	want(fd >= 0 && write(fd, data, len) == (ssize_t)len);
	if (mt_elf_new(&elf, fd) || mt_table_build(&table, elf))
		return;
	want(!mt_table_check(table->nodes, table->nr_nodes));
	for (uint32_t offset = 0; offset < len; offset += 16)
		step(table, offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len >= 4 && !memcmp(data, "\177ELF", 4))
		try_file(data, len);
	else
		try_frames(data, len);
	return 0;
}
