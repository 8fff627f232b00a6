/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * cfi_bytes.h: .eh_frame written by hand, and the rows that are read from it.
 *
 * A struct cfi_bytes owns what is in it; cfi_bytes_free. What does not fit fails the test.
 */
#ifndef MT_TESTS_CFI_BYTES_H
#define MT_TESTS_CFI_BYTES_H

#include <dwarf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "unwind/cfi.h"
#include "util/cleanup.h"

#define CFI_ADDRESS 0x100000 /* of the section */
#define ROWS_MAX    64

/* Registers of x86-64. */
#define RAX 0
#define RBX 3
#define RBP 6
#define RSP 7
#define R12 12
#define RIP 16

struct cfi_bytes {
	uint8_t *data;
	size_t len;
	size_t room;
	size_t cie; /* of the FDEs that follow */
};

struct cfi_row {
	uint64_t address;
	struct mt_rule rule;
};

struct cfi_rows {
	struct cfi_row v[ROWS_MAX];
	size_t nr;
};

/* Instructions as an argument; `ops` is one array of bytes. */
#define OPS(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

static inline void cfi_put(struct cfi_bytes *b, const void *data, size_t len)
{
	while (b->room < b->len + len) {
		b->room = b->room ? 2 * b->room : 4096;
		b->data = realloc(b->data, b->room);
		if (!b->data)
			abort();
	}
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
}

static inline void cfi_u8(struct cfi_bytes *b, uint8_t value)
{
	cfi_put(b, &value, 1);
}

static inline void cfi_u32(struct cfi_bytes *b, uint32_t value)
{
	cfi_put(b, &value, 4);
}

/* An entry is as long as what has been put since. */
static inline size_t cfi_begin(struct cfi_bytes *b)
{
	cfi_u32(b, 0);
	return b->len;
}

static inline void cfi_end(struct cfi_bytes *b, size_t begin)
{
	uint32_t len = (uint32_t)(b->len - begin);

	memcpy(b->data + begin - 4, &len, 4);
}

/* A CIE by its letters and what they say; code is counted by 1, data by -8. */
static inline void cfi_cie(struct cfi_bytes *b, const char *letters, const uint8_t *said,
			   size_t nr_said, const uint8_t *ops, size_t nr_ops)
{
	size_t begin = cfi_begin(b);

	b->cie = begin - 4;
	cfi_u32(b, 0);
	cfi_u8(b, 1);
	cfi_put(b, letters, strlen(letters) + 1);
	cfi_u8(b, 1);
	cfi_u8(b, 0x78);
	cfi_u8(b, RIP);
	if (*letters == 'z')
		cfi_u8(b, (uint8_t)nr_said);
	cfi_put(b, said, nr_said);
	cfi_put(b, ops, nr_ops);
	cfi_end(b, begin);
}

/* The one that every compiler writes: CFA = rsp + 8, the return address below it. */
static inline void cfi_usual_cie(struct cfi_bytes *b)
{
	cfi_cie(b, "zR", OPS(DW_EH_PE_absptr), OPS(DW_CFA_def_cfa, RSP, 8, DW_CFA_offset | RIP, 1));
}

/* A function of that CIE's form: absolute 8-byte pointers, no more augmentation. */
static inline void cfi_fde(struct cfi_bytes *b, uint64_t start, uint64_t len, const uint8_t *ops,
			   size_t nr_ops)
{
	size_t begin = cfi_begin(b);

	cfi_u32(b, (uint32_t)(begin - b->cie));
	cfi_put(b, &start, 8);
	cfi_put(b, &len, 8);
	cfi_u8(b, 0);
	cfi_put(b, ops, nr_ops);
	cfi_end(b, begin);
}

static inline void cfi_bytes_free(struct cfi_bytes *b)
{
	free(b->data);
	*b = (struct cfi_bytes){ 0 };
}

static inline int cfi_on_row(uint64_t address, const struct mt_rule *rule, void *arg)
{
	struct cfi_rows *rows = arg;

	if (rows->nr == ROWS_MAX)
		abort();
	rows->v[rows->nr++] = (struct cfi_row){ address, *rule };
	return 0;
}

/* From a copy that ends where the bytes end, so that a sanitizer sees a read beyond. */
static inline int cfi_read(const struct cfi_bytes *b, mt_cfi_row_fn cb, void *arg)
{
	_free_ uint8_t *copy = malloc(b->len);
	struct mt_cfi cfi = { copy, b->len, CFI_ADDRESS };

	if (!copy)
		abort();
	memcpy(copy, b->data, b->len);
	return mt_cfi_each_row(&cfi, cb, arg);
}

#endif
