// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/overhead.h"

#include "analysis/sum.h"

/* The price of what did not fit into the time that there was is wrong: at most a hundredfold. */
#define PCT_MAX 10000.0

static double limited(double pct)
{
	return pct < PCT_MAX ? pct : PCT_MAX;
}

static void set_pct(struct mt_overhead *o)
{
	o->pct = -1;
	o->own_ns = o->cpu_ns;
	if (o->spent_ns < 0)
		return;
	o->own_ns = o->cpu_ns > o->spent_ns ? o->cpu_ns - o->spent_ns : 0;
	o->pct = o->own_ns ? 100.0 * o->spent_ns / o->own_ns : o->spent_ns ? PCT_MAX : 0;
	o->pct = limited(o->pct);
}

void mt_overhead_process(struct mt_overhead *out, const struct mt_process_row *row)
{
	out->cpu_ns = row->cpu_ns;
	mt_sum_add(&out->cpu_ns, row->bill_ns);
	out->spent_ns = row->trap_ns < 0 ? -1 : row->trap_ns;
	if (out->spent_ns >= 0) {
		mt_sum_add(&out->spent_ns, row->run_ns);
		mt_sum_add(&out->spent_ns, row->bill_ns);
	}
	set_pct(out);
	out->exact_pct = -1;
	if (row->bursts.progress_ns > 0)
		out->exact_pct = limited(100 * row->bursts.spent_ns / row->bursts.progress_ns);
	else if (row->seen_ns >= 0 && !row->windowed)
		out->exact_pct = out->pct;
}

void mt_overhead_capture(struct mt_overhead *out, const struct mt_model *m)
{
	double known_ns = 0, exact_ns = 0;

	*out = (struct mt_overhead){ 0 };
	for (size_t i = 0; i < m->nr_processes; i++) {
		struct mt_overhead o;

		mt_overhead_process(&o, &m->processes[i].row);
		mt_sum_add(&out->cpu_ns, o.cpu_ns);
		if (o.spent_ns < 0)
			out->spent_ns = -1;
		else if (out->spent_ns >= 0)
			mt_sum_add(&out->spent_ns, o.spent_ns);
		known_ns += o.exact_pct < 0 ? 0 : o.own_ns;
		exact_ns += o.exact_pct < 0 ? 0 : o.exact_pct / 100 * o.own_ns;
	}
	set_pct(out);
	out->exact_pct =
		known_ns > 0 && m->meta.sample_bytes <= 0 ? limited(100 * exact_ns / known_ns) : -1;
}
