// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "unwind/table.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "target/elf.h"
#include "unwind/cfi.h"
#include "unwind/rows.h"
#include "unwind/sigreturn.h"
#include "unwind/start.h"
#include "util/cleanup.h"

/* An executable segment: its code's addresses and their place in the file. */
struct segment {
	uint64_t address;
	uint64_t len;
	uint64_t file_offset;
};

#define SEGMENTS_MAX 16

struct build {
	struct mt_rows *rows;
	struct segment segments[SEGMENTS_MAX];
	size_t nr_segments;
	/* File offsets of code that may have no row: */
	uint64_t sigreturns[MT_SIGRETURNS_MAX];
	size_t nr_sigreturns;
	uint64_t start;
	bool has_start;
};

/* Rows of code that is in no segment are not put: nobody can be there. */
static int on_row(uint64_t address, const struct mt_rule *rule, void *arg)
{
	struct build *b = arg;

	for (size_t i = 0; i < b->nr_segments; i++) {
		const struct segment *s = &b->segments[i];

		/* The row behind the last function may be at the segment's end. */
		if (address - s->address <= s->len)
			return mt_rows_add(b->rows, address - s->address + s->file_offset, rule);
	}
	return 0;
}

static int take(struct mt_rows *rows, struct mt_table **out)
{
	_free_ struct mt_table *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	err = mt_rows_finish(rows, &t->nodes, &t->nr_nodes);
	if (err)
		return err;
	*out = TAKE_PTR(t);
	return 0;
}

static int build(struct mt_table **out, struct build *b, const struct mt_cfi *cfi)
{
	const struct mt_rule signal = { .cfa = MT_CFA_SIGNAL }, outermost = { .cfa = MT_CFA_END };
	__cleanup(mt_rows_free) struct mt_rows *rows = NULL;
	int err = mt_rows_new(&rows);

	b->rows = rows;
	if (!err && cfi)
		err = mt_cfi_each_row(cfi, on_row, b);
	for (size_t i = 0; i < b->nr_sigreturns && !err; i++)
		err = mt_rows_add_gap(rows, b->sigreturns[i], MT_SIGRETURN_BYTES, &signal);
	if (b->has_start && !err)
		err = mt_rows_add_gap(rows, b->start, MT_START_BYTES, &outermost);
	return err ? err : take(rows, out);
}

int mt_table_build(struct mt_table **out, struct mt_elf *elf)
{
	struct build b = { 0 };
	_free_ uint8_t *data = NULL;
	struct mt_cfi cfi = { 0 };
	int err;

#ifndef __x86_64__
	return -ENOTSUP;
#endif
	for (uint64_t end; b.nr_segments < SEGMENTS_MAX; b.nr_segments++) {
		struct segment *s = &b.segments[b.nr_segments];

		if (mt_elf_code_segment(elf, b.nr_segments, &s->file_offset, &end, &s->address))
			break;
		if (end > UINT32_MAX)
			return -E2BIG;
		s->len = end - s->file_offset;
	}
	err = mt_elf_read_frames(elf, &data, &cfi.len, &cfi.address);
	if (err && err != -ENOENT)
		return err;
	cfi.data = data;
	b.nr_sigreturns = mt_sigreturn_find(elf, b.sigreturns);
	b.has_start = !mt_start_find(elf, &b.start);
	if (err && !b.nr_sigreturns && !b.has_start)
		return -ENOENT;
	return build(out, &b, err ? NULL : &cfi);
}

/* The segment of an image in memory that holds .eh_frame, and where in it that begins. */
static bool find_frames(const uint8_t *image, struct mt_cfi *cfi)
{
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)image;
	const Elf64_Phdr *p = (const Elf64_Phdr *)(image + ehdr->e_phoff);
	const Elf64_Phdr *load = NULL, *header = NULL;
	int32_t distance;

	for (size_t i = 0; i < ehdr->e_phnum; i++) {
		if (p[i].p_type == PT_LOAD && !load)
			load = &p[i];
		if (p[i].p_type == PT_GNU_EH_FRAME)
			header = &p[i];
	}
	if (!load || !header || load->p_vaddr || load->p_offset)
		return false;
	memcpy(&distance, image + header->p_vaddr + 4, sizeof(distance));
	cfi->address = header->p_vaddr + 4 + (uint64_t)distance;
	cfi->data = image + cfi->address;
	cfi->len = load->p_memsz - cfi->address;
	return cfi->address < load->p_memsz;
}

int mt_table_build_vdso(struct mt_table **out)
{
	const uint8_t *image = (const uint8_t *)getauxval(AT_SYSINFO_EHDR); /* the kernel's own */
	struct build b = { 0 };
	struct mt_cfi cfi;

	if (!image || !find_frames(image, &cfi))
		return -ENOENT;
	b.segments[b.nr_segments++] = (struct segment){ .len = cfi.address + cfi.len };
	return build(out, &b, &cfi);
}

int mt_table_empty(struct mt_table **out)
{
	struct build b = { 0 };

	return build(out, &b, NULL);
}

/* Of each level as many nodes as the one above can lead to, one behind the other. */
static bool is_tree(const struct mt_table_header *h)
{
	uint64_t room = 1;

	if (h->levels < 2 || h->levels > MT_TABLE_LEVELS_MAX || h->first[0] != 1)
		return false;
	for (uint32_t level = 0; level < h->levels; level++) {
		uint32_t end = level + 1 < h->levels ? h->first[level + 1] : h->rules;

		if (end <= h->first[level] || end - h->first[level] > room || end > h->nr_nodes)
			return false;
		room = (uint64_t)(end - h->first[level]) * MT_TABLE_FANOUT;
	}
	return true;
}

int mt_table_check(const union mt_table_node *nodes, size_t nr_nodes)
{
	const struct mt_table_header *h;

	if (!nr_nodes)
		return -EBADMSG;
	h = &nodes->header;
	if (h->magic != MT_TABLE_MAGIC || h->nr_nodes != nr_nodes || !is_tree(h) ||
	    h->nr_rules > MT_TABLE_RULES_MAX ||
	    h->nr_nodes - h->rules != (h->nr_rules + MT_TABLE_NODE_RULES - 1) / MT_TABLE_NODE_RULES)
		return -EBADMSG;
	return 0;
}

void mt_table_free(struct mt_table **table)
{
	struct mt_table *t = *table;

	if (!t)
		return;
	free(t->nodes);
	free(t);
	*table = NULL;
}
