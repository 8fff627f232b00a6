/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * tally.h: what bursts saw of a counter, in three numbers however many bursts there were.
 *
 * A program is cut into stretches; in each, one burst counts its calls for a moment. What the
 * burst counted is taken for the whole stretch: times the program's progress in the stretch
 * over that in the burst. Progress is CPU time of the program less the cost of our traps.
 *
 * Such expanded counts add up to the program's, whatever the load does and however the lengths
 * follow what earlier bursts cost (Horvitz and Thompson 1952, stratum by stratum), if
 * - a stretch's length is settled before its burst, and the burst lies anywhere in it with
 *   equal chance. Half of the gap before and half of the gap behind as the stretch will not
 *   do where the gap behind follows from what the burst cost: with spikes as long as a burst
 *   the sum was 80% too large.
 * - a burst ends after a length of progress that was settled before it: its deadline moves
 *   on by the price of each trap. Ended by the clock, or by a number of calls, it is shorter
 *   where calls are dense: the same spikes came out 14% too large at a slowdown of 3.
 *
 * Sums start from zeroes, are owned by the caller and can be kept in a file. A site that a
 * burst did not see needs no call. Pure; thread-safe for distinct sums; nothing fails.
 */
#ifndef MT_CAPTURE_TALLY_H
#define MT_CAPTURE_TALLY_H

#include <stdbool.h>
#include <stdint.h>

/* Less progress is not told from nothing. */
#define MT_BURST_PROGRESS_MIN_NS 10000

/*
 * What traps have cost is known to this share: their prices are measured elsewhere (rehearse.h),
 * and a program slows down by what they throw out of its caches. Loads of 0.5 to 10 million pairs
 * of calls a second were 1 to 4% off. Where traps have cost much more than the program's own
 * progress, that share is the least that it is taken for.
 */
#define MT_BURST_PRICE_ERROR 0.05

/* Progress, in nanoseconds. */
struct mt_burst {
	double progress_ns; /* in the burst */
	double stretch_ns;  /* in the stretch that it stands for, the burst included */
	double spent_ns;    /* the cost of our traps in the burst */
	double doubt_ns;    /* the cost of those that its progress was told from */
};

/* All bursts of a process. */
struct mt_bursts {
	int64_t cnt;
	double progress_ns;
	double stretch_ns;
	double stretch_ns2; /* the sum of their squares */
	double spent_ns;
	double doubt_ns;
};

/* One counter of one site or process: its expanded counts, those of each burst being one. */
struct mt_tally {
	double sum;
	double sum2;  /* of their squares */
	double cross; /* of their products with stretch_ns */
};

/*
 * From `*b` of zeroes: a burst with its stretch. True: it is enough to be added. Else the
 * counters are left to go on in the next burst, which is then one with this.
 */
bool mt_burst_extend(struct mt_burst *b, const struct mt_burst *more);

/* Once a burst, and once for each counter that saw something in it. */
void mt_bursts_add(struct mt_bursts *all, const struct mt_burst *b);
void mt_tally_add(struct mt_tally *t, const struct mt_burst *b, double counted);

/*
 * The sum of two counters over the same bursts, as of malloc and calloc on one stack. How they
 * go together is not known: sum2 becomes the most that it can be (Cauchy and Schwarz).
 */
void mt_tally_join(struct mt_tally *t, const struct mt_tally *other);

/* By how many equal bursts the sum is as good (Kish 1965): 1 where one burst made it all. */
double mt_tally_effective(const struct mt_tally *t);

#endif
