// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/timeline.h"

#include <errno.h>
#include <stdlib.h>

/* Samples of two points, at first. */
#define GROUP 2

/* Of two or more the lowest and the highest are never the same: an equal one counts as higher. */
static void take(struct mt_sample *low, struct mt_sample *high, const struct mt_sample *s,
		 bool first)
{
	if (first || s->rss_bytes < low->rss_bytes)
		*low = *s;
	if (first || s->rss_bytes >= high->rss_bytes)
		*high = *s;
}

static void put(struct mt_sample *points, const struct mt_sample *low, const struct mt_sample *high)
{
	bool rises = low->t_ns <= high->t_ns;

	points[0] = rises ? *low : *high;
	points[1] = rises ? *high : *low;
}

/* Two groups become one. */
static void halve(struct mt_timeline *t)
{
	size_t nr = 0;

	for (size_t i = 0; i < t->nr; i += 2 * GROUP, nr += GROUP) {
		struct mt_sample low, high;

		for (size_t j = i; j < i + 2 * GROUP; j++)
			take(&low, &high, &t->points[j], j == i);
		put(t->points + nr, &low, &high);
	}
	t->nr = nr;
	t->wanted *= 2;
	t->kept = 0;
	t->redone = true;
}

static int settle(struct mt_timeline *t)
{
	if (t->nr + GROUP > t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		struct mt_sample *points;

		room = room < MT_TIMELINE_POINTS ? room : MT_TIMELINE_POINTS;
		points = reallocarray(t->points, room, sizeof(*points));
		if (!points)
			return -ENOMEM;
		t->points = points;
		t->room = room;
	}
	if (t->seen > 1)
		put(t->points + t->nr, &t->low, &t->high);
	else
		t->points[t->nr] = t->low;
	t->nr += t->seen > 1 ? GROUP : 1;
	t->seen = 0;
	return 0;
}

int mt_timeline_add(struct mt_timeline *t, const struct mt_sample *sample)
{
	if (!t->wanted)
		t->wanted = GROUP;
	if (t->nr == MT_TIMELINE_POINTS)
		halve(t);
	take(&t->low, &t->high, sample, !t->seen++);
	return t->seen < t->wanted ? 0 : settle(t);
}

int mt_timeline_end(struct mt_timeline *t)
{
	return t->seen ? settle(t) : 0;
}

void mt_timeline_fini(struct mt_timeline *t)
{
	free(t->points);
	*t = (struct mt_timeline){ 0 };
}
