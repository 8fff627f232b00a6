/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * ledger_model.h: what the mapping ledger should say, by brute force: one byte a page that
 * names its owner (1 + site; 0: none), and the same for what each call in flight took out.
 */
#ifndef MT_TESTS_LEDGER_MODEL_H
#define MT_TESTS_LEDGER_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "session/ledger.h"

#define PAGES	192
#define THREADS 4
#define STACKS	5
#define SITES	(2 * STACKS)

static uint64_t page;

struct part {
	unsigned int lo, hi;
	uint8_t owner[PAGES];
};

struct model_flight {
	bool used;
	unsigned int lo, hi;
	uint64_t new_len;
	struct part kept, gone, replaced;
};

struct model {
	uint8_t owner[PAGES];
	struct model_flight flight[THREADS];
	uint64_t cnt[SITES], bytes[SITES], live[SITES], at_peak[SITES];
	struct mt_ledger_totals t;
};

static uint8_t site_of(uint64_t stack, enum mt_ledger_kind kind)
{
	return 1 + (stack - 1) * 2 + (kind == MT_LEDGER_BRK);
}

static void part_take(struct model *m, struct part *part, unsigned int lo, unsigned int hi)
{
	memset(part, 0, sizeof(*part));
	part->lo = lo;
	part->hi = hi;
	memcpy(part->owner + lo, m->owner + lo, hi - lo);
	memset(m->owner + lo, 0, hi - lo);
}

static void part_restore(struct model *m, const struct part *part)
{
	for (unsigned int p = part->lo; p < part->hi; p++)
		if (!m->owner[p])
			m->owner[p] = part->owner[p];
}

static uint64_t part_unknown(const struct part *part)
{
	uint64_t n = 0;

	for (unsigned int p = part->lo; p < part->hi; p++)
		n += !part->owner[p];
	return n * page;
}

static void count_part(struct model *m, const uint8_t *owner)
{
	for (unsigned int p = 0; p < PAGES; p++)
		if (owner[p])
			m->live[owner[p] - 1] += page;
}

static void model_recount(struct model *m, uint64_t ts_ns)
{
	memset(m->live, 0, sizeof(m->live));
	count_part(m, m->owner);
	for (int i = 0; i < THREADS; i++) {
		const struct model_flight *f = &m->flight[i];

		if (!f->used)
			continue;
		count_part(m, f->kept.owner);
		count_part(m, f->gone.owner);
		count_part(m, f->replaced.owner);
	}
	m->t.live_bytes = 0;
	for (int i = 0; i < SITES; i++)
		m->t.live_bytes += m->live[i];
	if (m->t.live_bytes <= m->t.peak_bytes)
		return;
	m->t.peak_bytes = m->t.live_bytes;
	m->t.peak_ns = ts_ns;
	memcpy(m->at_peak, m->live, sizeof(m->live));
}

static bool model_clear(struct model *m, unsigned int lo, unsigned int hi)
{
	bool had = false;

	for (unsigned int p = lo; p < hi; p++) {
		had |= m->owner[p] != 0;
		m->owner[p] = 0;
	}
	return had;
}

static void model_add(struct model *m, unsigned int lo, unsigned int hi, uint8_t site)
{
	if (lo == hi)
		return;
	memset(m->owner + lo, site, hi - lo);
	m->cnt[site - 1]++;
	m->bytes[site - 1] += (hi - lo) * page;
}

static struct model_flight *model_begin(struct model *m, int tid, unsigned int lo, unsigned int hi,
					uint64_t new_len)
{
	struct model_flight *f = &m->flight[tid];

	m->t.unpaired += f->used;
	memset(f, 0, sizeof(*f));
	f->used = true;
	f->lo = lo;
	f->hi = hi;
	f->new_len = new_len;
	return f;
}

static void model_fail(struct model *m, int tid)
{
	struct model_flight *f = &m->flight[tid];

	if (!f->used)
		return;
	part_restore(m, &f->replaced);
	part_restore(m, &f->gone);
	part_restore(m, &f->kept);
	f->used = false;
}

/* NULL: the call that ends has no begin. */
static struct model_flight *model_land(struct model *m, int tid, unsigned int lo, unsigned int hi,
				       uint64_t new_len)
{
	struct model_flight *f = &m->flight[tid];

	if (!f->used)
		return NULL;
	f->used = false;
	if (f->lo == lo && f->hi == hi && f->new_len == new_len)
		return f;
	m->t.unpaired++;
	return NULL;
}

#endif
