// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "model/hist.h"

#include "logic/hist.h"

void mt_hist_add(struct mt_hist *sum, const struct mt_hist_row *h)
{
	for (size_t i = 0; i < h->nr && i < MT_HIST_BUCKETS; i++)
		sum->counts[i] += h->counts[i];
}

/* The last bucket is open upwards; its lower bound is all that is known. */
static uint64_t largest_in(unsigned int index)
{
	return index + 1 < MT_HIST_BUCKETS ? mt_hist_lower(index + 1) - 1 : mt_hist_lower(index);
}

uint64_t mt_hist_cnt(const struct mt_hist *h)
{
	uint64_t cnt = 0;

	for (unsigned int i = 0; i < MT_HIST_BUCKETS; i++)
		if (__builtin_add_overflow(cnt, h->counts[i], &cnt))
			return UINT64_MAX;
	return cnt;
}

uint64_t mt_hist_sum(const struct mt_hist *h)
{
	double sum = 0;

	for (unsigned int i = 0; i < MT_HIST_BUCKETS; i++)
		sum += h->counts[i] * ((double)mt_hist_lower(i) + (double)largest_in(i)) / 2;
	return sum < 0x1p64 ? (uint64_t)sum : UINT64_MAX;
}

int64_t mt_hist_quantile(const struct mt_hist *h, unsigned int permille, int64_t max)
{
	unsigned __int128 total = 0, below = 0, rank;

	for (unsigned int i = 0; i < MT_HIST_BUCKETS; i++)
		total += h->counts[i];
	if (!total)
		return -1;
	rank = (total * permille + 999) / 1000;
	if (!rank)
		rank = 1;
	for (unsigned int i = 0;; i++) {
		uint64_t low = mt_hist_lower(i), width = largest_in(i) - low;
		unsigned __int128 count = h->counts[i];

		if (rank <= below + count) {
			int64_t v = low + width * (2 * (rank - below) - 1) / (2 * count);

			return v < max ? v : max;
		}
		below += count;
	}
}

int64_t mt_hist_bound(const struct mt_hist *h, unsigned int permille, int64_t max)
{
	int64_t v = mt_hist_quantile(h, permille, MT_HIST_NO_MAX);
	uint64_t bound = v < 0 ? 0 : largest_in(mt_hist_index(v));

	if (v < 0)
		return -1;
	return bound < (uint64_t)max ? (int64_t)bound : max;
}
