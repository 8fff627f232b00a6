// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/overhead.h"

#include "analysis/sum.h"

/* The price of what did not fit into the time that there was is wrong: at most a hundredfold. */
#define PCT_MAX 10000.0

static void set_pct(struct mt_overhead *o)
{
	o->pct = -1;
	o->own_ns = o->cpu_ns;
	if (o->spent_ns < 0)
		return;
	o->own_ns = o->cpu_ns > o->spent_ns ? o->cpu_ns - o->spent_ns : 0;
	o->pct = o->own_ns ? 100.0 * o->spent_ns / o->own_ns : o->spent_ns ? PCT_MAX : 0;
	o->pct = o->pct < PCT_MAX ? o->pct : PCT_MAX;
}

void mt_overhead_process(struct mt_overhead *out, const struct mt_process_row *row)
{
	out->cpu_ns = row->cpu_ns;
	out->spent_ns = row->trap_ns < 0 ? -1 : row->trap_ns;
	if (out->spent_ns >= 0)
		mt_sum_add(&out->spent_ns, row->run_ns);
	set_pct(out);
}

void mt_overhead_capture(struct mt_overhead *out, const struct mt_model *m)
{
	*out = (struct mt_overhead){ 0 };
	for (size_t i = 0; i < m->nr_processes; i++) {
		struct mt_overhead o;

		mt_overhead_process(&o, &m->processes[i].row);
		mt_sum_add(&out->cpu_ns, o.cpu_ns);
		if (o.spent_ns < 0)
			out->spent_ns = -1;
		else if (out->spent_ns >= 0)
			mt_sum_add(&out->spent_ns, o.spent_ns);
	}
	set_pct(out);
}
