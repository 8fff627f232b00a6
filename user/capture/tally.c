// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "capture/tally.h"

#include <math.h>

bool mt_burst_extend(struct mt_burst *b, const struct mt_burst *more)
{
	double least;

	b->progress_ns += more->progress_ns;
	b->stretch_ns += more->stretch_ns;
	b->spent_ns += more->spent_ns;
	b->doubt_ns += more->doubt_ns;
	least = MT_BURST_PRICE_ERROR * b->doubt_ns;
	if (fmax(b->progress_ns, least) < MT_BURST_PROGRESS_MIN_NS)
		return false;
	b->progress_ns = fmax(b->progress_ns, least);
	return true;
}

void mt_bursts_add(struct mt_bursts *all, const struct mt_burst *b)
{
	all->cnt++;
	all->progress_ns += b->progress_ns;
	all->stretch_ns += b->stretch_ns;
	all->stretch_ns2 += b->stretch_ns * b->stretch_ns;
	all->spent_ns += b->spent_ns;
	all->doubt_ns += b->doubt_ns;
}

void mt_tally_add(struct mt_tally *t, const struct mt_burst *b, double counted)
{
	double expanded = counted * b->stretch_ns / b->progress_ns;

	t->sum += expanded;
	t->sum2 += expanded * expanded;
	t->cross += expanded * b->stretch_ns;
}

void mt_tally_join(struct mt_tally *t, const struct mt_tally *other)
{
	double root = sqrt(t->sum2) + sqrt(other->sum2);

	t->sum += other->sum;
	t->sum2 = root * root;
	t->cross += other->cross;
}

double mt_tally_effective(const struct mt_tally *t)
{
	return t->sum2 > 0 ? t->sum * t->sum / t->sum2 : 0;
}
