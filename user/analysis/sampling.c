// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/sampling.h"

#include <math.h>

#include "logic/hist.h"
#include "logic/sample.h"

#define Z95 1.959963985

/* Of what one block adds to a sum of weights: 0 where it is always taken. */
static double variance(double size, int64_t sample_bytes)
{
	double least = mt_sample_least(sample_bytes);
	double p = -expm1(-(size > least ? size : least) / sample_bytes);
	double part = 1 / p - floor(1 / p); /* weights are whole numbers */

	return (1 / p - 1) + part * (1 - part) * p;
}

void mt_sampling_get(struct mt_sampling *out, const struct mt_hist *sizes, int64_t sample_bytes)
{
	double cnt = 0, bytes = 0, cnt_variance = 0, bytes_variance = 0;

	*out = (struct mt_sampling){ 0 };
	if (sample_bytes <= 0)
		return;
	for (unsigned int i = 0; i < MT_HIST_BUCKETS; i++) {
		double size = (mt_hist_lower(i) + mt_hist_lower(i + 1) - 1) / 2.0;
		double v = sizes->counts[i] * variance(size, sample_bytes);

		cnt += sizes->counts[i];
		bytes += sizes->counts[i] * size;
		cnt_variance += v;
		bytes_variance += v * size * size;
	}
	out->count_unit = cnt > 0 ? cnt_variance / cnt : 0;
	out->bytes_unit = bytes > 0 ? bytes_variance / bytes : 0;
}

static int64_t whole(double v)
{
	return v < 0 ? 0 : v < 0x1p62 ? (int64_t)v : 1LL << 62;
}

/*
 * Of n events of a Poisson process (D. P. Byar's approximation; N. E. Breslow, N. E. Day:
 * Statistical methods in cancer research, volume II, 1987), each worth a unit.
 */
struct mt_interval mt_sampling_interval(int64_t estimate, double unit)
{
	double n = unit > 0 && estimate > 0 ? estimate / unit : 0, more = n + 1, low = 0;

	if (!(unit > 0))
		return (struct mt_interval){ estimate, estimate };
	if (n > 0)
		low = 1 - 1 / (9 * n) - Z95 / (3 * sqrt(n));
	low = low > 0 ? n * low * low * low : 0;
	return (struct mt_interval){
		.low = whole(floor(low * unit)),
		.high = whole(
			ceil(more * pow(1 - 1 / (9 * more) + Z95 / (3 * sqrt(more)), 3) * unit)),
	};
}
