// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/estimate.h"

#include <math.h>

#define NORMAL	   1.959964 /* 97.5% of the normal distribution lie below it */
#define BURSTS_MIN 3

static double larger(double a, double b)
{
	return a > b ? a : b;
}

static double smaller(double a, double b)
{
	return a < b ? a : b;
}

/*
 * What 97.5% of Student's distribution lie below: Abramowitz and Stegun 26.7.5, four terms.
 * From 2 degrees of freedom on less than 1% off.
 */
static double student(double freedom)
{
	const double z = NORMAL, z2 = z * z;
	const double terms[] = {
		z * (z2 + 1) / 4,
		z * ((5 * z2 + 16) * z2 + 3) / 96,
		z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384,
		z * ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) / 92160,
	};
	double sum = 0;

	for (int i = 3; i >= 0; i--)
		sum = (sum + terms[i]) / freedom;
	return z + sum;
}

/* By what an error of the traps' price makes of the bursts' progress: so large a part of it. */
static void widen(struct mt_estimate *e, double error)
{
	e->low /= 1 + error;
	e->high = error < 1 ? e->high / (1 - error) : INFINITY;
}

/* A crafted capture may lead anywhere, to no number too. */
static struct mt_estimate bounded(struct mt_estimate e)
{
	e.value = smaller(larger(e.value, 0), MT_ESTIMATE_MAX);
	e.low = smaller(larger(e.low, 0), MT_ESTIMATE_MAX);
	if (!(e.high < MT_ESTIMATE_MAX))
		e.high = INFINITY;
	return e;
}

struct mt_estimate mt_estimate_total(const struct mt_tally *t, const struct mt_bursts *bursts,
				     double progress_ns)
{
	double n = bursts->cnt, rate, spread, unseen, error, factor;
	struct mt_estimate e = { 0, 0, INFINITY };

	if (!bursts->cnt || t->sum <= 0)
		return e;
	rate = t->sum / bursts->stretch_ns;
	e.value = rate * progress_ns;
	if (bursts->cnt < BURSTS_MIN)
		return bounded(e);
	/* Rounding can leave a steady counter's spread just below zero. */
	spread = larger(t->sum2 - 2 * rate * t->cross + rate * rate * bursts->stretch_ns2, 0);
	unseen = larger(1 - bursts->progress_ns / progress_ns, 0);
	error = sqrt(n / (n - 1) * spread * unseen) / t->sum;
	factor = exp(error * student(smaller(larger(mt_tally_effective(t), 2), n - 1)));
	e.low = e.value / factor;
	e.high = e.value * factor;
	widen(&e, MT_BURST_PRICE_ERROR * bursts->doubt_ns / bursts->progress_ns);
	return bounded(e);
}
