// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "cli/gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/diff.h"
#include "util/log.h"

#define NAMES_MAX 400

struct gate {
	size_t name_length;
	double limit;
	bool pct;
};

static int parse(struct gate *g, const char *text)
{
	static const struct {
		const char *suffix;
		double factor;
	} units[] = { { "", 1 }, { "%", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 } };
	const char *number = strstr(text, ">+");
	char *end;

	if (!number)
		return -EINVAL;
	g->name_length = number - text;
	number += strlen(">+");
	g->limit = strtod(number, &end);
	g->pct = !strcmp(end, "%");
	if (end == number || !(g->limit >= 0) || g->limit > 1e18)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(end, units[i].suffix)) {
			g->limit *= units[i].factor;
			return 0;
		}
	return -EINVAL;
}

/* "at_peak" or "at_peak_bytes" */
static bool is_named(const char *metric, const char *text, size_t length)
{
	const char *unit = strrchr(metric, '_');

	return length && !strncmp(metric, text, length) &&
	       (!metric[length] || (unit && metric + length == unit));
}

static int find(const char *text, size_t length)
{
	for (int i = 0; i < MT_DIFF_METRICS; i++)
		if (is_named(mt_diff_metric_name(i), text, length))
			return i;
	return -1;
}

int mt_gate_check_syntax(const char *text)
{
	char names[NAMES_MAX] = "";
	struct gate g;

	if (parse(&g, text))
		return mt_err(-EINVAL,
			      "diff: --fail-on '%s': write METRIC>+N, with %%, K, M or G "
			      "behind it or nothing",
			      text);
	if (find(text, g.name_length) >= 0)
		return 0;
	for (int i = 0; i < MT_DIFF_METRICS; i++) {
		strcat(names, i ? ", " : "");
		strcat(names, mt_diff_metric_name(i));
	}
	return mt_err(-EINVAL, "diff: --fail-on '%s': there is no such metric; there are %s", text,
		      names);
}

int mt_gate_hit(const char *text, const struct mt_diff *diff)
{
	const struct mt_diff_metric *m;
	struct gate g = { 0 };
	int64_t change;
	double pct;

	parse(&g, text);
	m = &diff->metrics[find(text, g.name_length)];
	if (!mt_diff_change(m, &change, &pct))
		return mt_err(-ENODATA,
			      "--fail-on '%s' cannot be judged: a recording does not know "
			      "%s; record both with --mode exact",
			      text, m->name);
	if ((g.pct ? pct : change) <= g.limit)
		return 0;
	mt_err(0, "--fail-on '%s': %s went from %lld to %lld, %+.1f%%", text, m->name,
	       (long long)m->old, (long long)m->new, pct);
	return 1;
}
