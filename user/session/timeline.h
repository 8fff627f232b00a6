/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * timeline.h: a program's memory against time, in a bounded number of points.
 *
 * The first MT_TIMELINE_POINTS samples are kept as they are. When there are more, they are taken
 * four at a time, in which the one of the lowest and the one of the highest resident memory stay:
 * half of them. From then on twice as many samples make two points, and so on. So both outlines of
 * resident memory are true at any length, its peak and its dips are points, and each point is a
 * sample as it was taken, with what else was seen at that moment.
 *
 * A point is settled when no later sample can take its place, but for a halving. Zero is an empty
 * timeline; mt_timeline_fini() frees what it has. Not thread-safe. The only error is -ENOMEM: that
 * sample is not kept.
 */
#ifndef MT_SESSION_TIMELINE_H
#define MT_SESSION_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MT_TIMELINE_POINTS 2000

struct mt_sample {
	int64_t t_ns;
	int64_t rss_bytes;
	int64_t heap_live_bytes; /* -1: not watched */
	int64_t mapped_bytes;
	int64_t threads;
};

struct mt_timeline {
	struct mt_sample *points; /* settled, in the order of time */
	size_t nr;
	size_t room;
	size_t kept; /* that the drain has written; it counts them */
	bool redone; /* what it wrote before is void; it clears this */
	/* Samples that will be two points: so many are wanted, so many were seen. */
	size_t wanted;
	size_t seen;
	struct mt_sample low;
	struct mt_sample high;
};

int mt_timeline_add(struct mt_timeline *t, const struct mt_sample *sample);

/* No more will come: settles what was seen. */
int mt_timeline_end(struct mt_timeline *t);
void mt_timeline_fini(struct mt_timeline *t);

#endif
