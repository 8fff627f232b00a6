// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "report/text_findings.h"

#include "finding/finding.h"
#include "report/printer.h"
#include "report/text_stack.h"
#include "util/cleanup.h"
#include "util/units.h"

#define SHOWN  3
#define FRAMES 3 /* the program's own first: what libraries do below is in the lists of sites */
#define INDENT MT_STACK_INDENT

static void print_saving(struct mt_printer *p, const struct mt_finding *f)
{
	if (f->saves_bytes > 0)
		mt_print(p, INDENT, INDENT, "Saves %s: %s.", mt_unit_bytes(f->saves_bytes).s,
			 f->saved_how);
	else if (f->saves_reserved_bytes > 0)
		mt_print(p, INDENT, INDENT, "Saves %s of address space: %s.",
			 mt_unit_bytes(f->saves_reserved_bytes).s, f->saved_how);
}

static void print_place(struct mt_printer *p, const struct mt_model_process *process,
			const struct mt_finding *f)
{
	struct mt_model_stack part = *f->stack;

	part.frames += f->own;
	part.nr -= f->own;
	if (part.nr > FRAMES)
		part.nr = FRAMES;
	mt_print_stack(p, process, &part);
}

static void print_finding(struct mt_printer *p, const struct mt_model_process *process,
			  const struct mt_finding *f, size_t number)
{
	mt_print(p, 4, INDENT, "%zu. %s: %s (%s)", number, mt_severity_name(f->severity), f->title,
		 f->rule);
	print_saving(p, f);
	mt_print(p, INDENT, INDENT, "%s", f->advice);
	if (f->note)
		mt_print(p, INDENT, INDENT, "(%s)", f->note);
	if (f->stack)
		print_place(p, process, f);
}

void mt_print_findings(struct mt_printer *p, const struct mt_model *m,
		       const struct mt_model_process *process)
{
	__cleanup(mt_findings_free) struct mt_findings *findings = NULL;
	int err = mt_findings_new(&findings, m, process);

	if (err) {
		p->err = p->err ?: err;
		return;
	}
	for (size_t i = 0; i < findings->nr && i < SHOWN; i++) {
		if (!i)
			mt_print(p, 2, 4, "What to change, worst first:");
		print_finding(p, process, &findings->v[i], i + 1);
	}
	if (findings->nr > SHOWN)
		mt_print(p, 4, INDENT, "and %s more: see --json",
			 mt_unit_things(findings->nr - SHOWN, "finding").s);
}
