// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/diff.h"

#include <errno.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/gate.h"
#include "cli/output.h"
#include "model/model.h"
#include "report/report.h"
#include "util/cleanup.h"
#include "util/log.h"

struct loaded {
	struct mt_model *old;
	struct mt_model *new;
	struct mt_diff *diff;
};

static void fini(struct loaded *l)
{
	mt_diff_free(&l->diff);
	mt_model_free(&l->old);
	mt_model_free(&l->new);
}

static int load(struct loaded *l, const struct mt_options *o)
{
	int err = mt_output_load(&l->old, o->file);

	err = err ?: mt_output_load(&l->new, o->file2);
	if (err)
		return err;
	err = mt_diff_new(&l->diff, l->old, l->new, o->text.pick.order);
	return err ? mt_err(err, "cannot compare them: %s", strerror(-err)) : 0;
}

static int print(FILE *out, const struct mt_options *o)
{
	__cleanup(fini) struct loaded l = { 0 };
	struct mt_text_options text = mt_text_options_for(out);
	int err = load(&l, o);

	if (err)
		return err;
	text.top = o->text.top;
	err = o->format == MT_FORMAT_JSON   ? mt_report_diff_json(out, l.diff)
	      : o->format == MT_FORMAT_HTML ? mt_report_diff_html(out, l.diff)
					    : mt_report_diff_text(out, l.diff, &text);
	return err ? mt_err(err, "cannot write the difference: %s", strerror(-err)) : 0;
}

/* All of them are judged, so that a script sees all that is wrong. */
static enum mt_exit judge(const struct mt_options *o)
{
	__cleanup(fini) struct loaded l = { 0 };
	enum mt_exit status = MT_EXIT_OK;

	if (o->nr_gates && load(&l, o))
		return MT_EXIT_FAILURE;
	for (size_t i = 0; i < o->nr_gates; i++) {
		int hit = mt_gate_hit(o->gates[i], l.diff);

		if (hit < 0)
			status = MT_EXIT_FAILURE;
		else if (hit && status == MT_EXIT_OK)
			status = MT_EXIT_GATE;
	}
	return status;
}

int mt_command_diff(const struct mt_options *o)
{
	enum mt_exit status = mt_output_check(o);

	if (status)
		return status;
	return mt_output_print(o, print) ? MT_EXIT_FAILURE : judge(o);
}
