// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/lifetime.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NS_PER_S  1000000000LL
#define NS_PER_MS 1000000LL

static int64_t max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t mt_lifetime_end(const struct mt_model *m)
{
	int64_t end = 0;

	if (m->meta.duration_ns >= 0)
		return m->meta.duration_ns;
	/* Killed before it wrote its duration: the last thing that it saw. */
	for (size_t i = 0; i < m->nr_processes; i++) {
		const struct mt_model_process *p = &m->processes[i];

		end = max(end, p->row.end_ns);
		if (p->nr_samples)
			end = max(end, p->samples[p->nr_samples - 1].t_ns);
	}
	return end;
}

/* Gaps come sorted by their begin and may overlap; the time before `seen` is one too. */
static int64_t uncounted(const struct mt_lifetime *l, const struct mt_model_process *p)
{
	int64_t seen = p->row.seen_ns < 0 ? l->to_ns : p->row.seen_ns;
	int64_t counted_to = min(max(seen, l->from_ns), l->to_ns);
	int64_t total = counted_to - l->from_ns;

	for (size_t i = 0; i < p->nr_gaps; i++) {
		int64_t from = max(p->gaps[i].from_ns, counted_to);
		int64_t to = min(p->gaps[i].to_ns, l->to_ns);

		if (to <= from)
			continue;
		total += to - from;
		counted_to = to;
	}
	return total;
}

/* Where only one layer counted from some moment on. */
static bool simple_phase(struct mt_phase *out, const struct mt_lifetime *l,
			 const struct mt_model_process *p, size_t i)
{
	int64_t seen =
		p->row.seen_ns >= 0 ? min(max(p->row.seen_ns, l->from_ns), l->to_ns) : l->to_ns;
	const struct mt_phase phases[] = { { l->from_ns, seen, "kernel" },
					   { seen, l->to_ns, "exact" } };

	for (size_t j = 0; j < 2; j++)
		if (phases[j].to_ns > phases[j].from_ns && !i--) {
			*out = phases[j];
			return true;
		}
	return false;
}

bool mt_lifetime_phase(struct mt_phase *out, const struct mt_lifetime *l, const struct mt_model *m,
		       const struct mt_model_process *p, size_t i)
{
	if (!m->nr_phases)
		return simple_phase(out, l, p, i);
	for (size_t j = 0; j < m->nr_phases; j++) {
		int64_t to = j + 1 < m->nr_phases ? m->phases[j + 1].from_ns : l->to_ns;
		struct mt_phase phase = { max(m->phases[j].from_ns, l->from_ns), min(to, l->to_ns),
					  m->phases[j].layer };

		if (phase.to_ns > phase.from_ns && !i--) {
			*out = phase;
			return true;
		}
	}
	return false;
}

/* How much of a burst phase its bursts have seen. */
static double seen_share(const struct mt_process_row *row)
{
	return row->burst_own_ns > 0 ? fmin(row->bursts.progress_ns / row->burst_own_ns, 1) : 0;
}

/* In mode auto: the finest layer, and what was not counted. */
static void set_by_phases(struct mt_lifetime *l, const struct mt_model *m,
			  const struct mt_model_process *p)
{
	static const char *const layers[] = { "kernel", "burst", "exact" };
	double counted_ns = 0;
	struct mt_phase phase;
	size_t finest = 0;

	for (size_t i = 0; p->row.seen_ns >= 0 && mt_lifetime_phase(&phase, l, m, p, i); i++) {
		double share = 0;

		for (size_t j = finest; j < 3; j++)
			finest = strcmp(phase.layer, layers[j]) ? finest : j;
		if (!strcmp(phase.layer, "exact"))
			share = 1;
		else if (!strcmp(phase.layer, "burst"))
			share = seen_share(&p->row);
		counted_ns += share * (phase.to_ns - phase.from_ns);
	}
	l->layer = layers[finest];
	l->uncounted_ns = l->duration_ns - counted_ns;
}

void mt_lifetime_get(struct mt_lifetime *out, const struct mt_model *m,
		     const struct mt_model_process *p)
{
	struct mt_lifetime l = { .counted_pct = -1 };

	l.from_ns = max(p->row.start_ns, 0);
	l.to_ns = max(l.from_ns, p->row.end_ns >= 0 ? p->row.end_ns : mt_lifetime_end(m));
	l.duration_ns = l.to_ns - l.from_ns;
	l.layer = p->row.seen_ns >= 0 ? "exact" : "kernel";
	l.uncounted_ns = uncounted(&l, p);
	if (m->nr_phases)
		set_by_phases(&l, m, p);
	if (l.duration_ns)
		l.counted_pct = 100.0 - 100.0 * l.uncounted_ns / l.duration_ns;
	*out = l;
}

/* RFC 3339: "2026-01-31T12:00:00", maybe a fraction, then "Z" or "+01:00". */
static int parse_date(const char *text, int64_t *out_s, int64_t *out_ns)
{
	struct tm tm = {};
	const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	int hours = 0, minutes = 0;
	char sign = '+';

	if (!rest)
		return -ENODATA;
	*out_ns = 0;
	if (*rest == '.') {
		int64_t unit = NS_PER_S / 10;

		for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
			*out_ns += (*rest - '0') * unit;
	}
	if (*rest != 'Z' && sscanf(rest, "%c%2d:%2d", &sign, &hours, &minutes) != 3)
		return -ENODATA;
	*out_s = timegm(&tm) - (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	return 0;
}

int mt_lifetime_epoch(int64_t *out_ns, const struct mt_model *m)
{
	int64_t s, ns;

	if (parse_date(m->meta.started, &s, &ns) || __builtin_mul_overflow(s, NS_PER_S, &s) ||
	    __builtin_add_overflow(s, ns, out_ns))
		return -ENODATA;
	return 0;
}

int mt_lifetime_date(char date[MT_DATE_LEN], const struct mt_model *m, int64_t at_ns)
{
	int64_t s, ns;
	struct tm tm;
	time_t t;
	char text[24];

	if (parse_date(m->meta.started, &s, &ns))
		return -ENODATA;
	ns += at_ns % NS_PER_S;
	s += at_ns / NS_PER_S;
	if (ns < 0) {
		ns += NS_PER_S;
		s--;
	}
	t = s + ns / NS_PER_S;
	if (!gmtime_r(&t, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm))
		return -ENODATA;
	snprintf(date, MT_DATE_LEN, "%s.%03dZ", text, (int)(ns % NS_PER_S / NS_PER_MS));
	return 0;
}
