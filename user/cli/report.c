// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "report/report.h"

#include <errno.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "model/model.h"
#include "util/cleanup.h"
#include "util/log.h"

int mt_print_report(FILE *out, const char *file, const struct mt_options *o)
{
	__cleanup(mt_model_free) struct mt_model *model = NULL;
	struct mt_text_options text = mt_text_options_for(out);
	enum mt_format format = o->format;
	int err = mt_output_load(&model, file);

	if (err)
		return err;
	text.top = o->text.top;
	text.pick = o->text.pick;
	text.tree = o->text.tree;
	err = format == MT_FORMAT_JSON	 ? mt_report_json(out, model)
	      : format == MT_FORMAT_HTML ? mt_report_html(out, model)
					 : mt_report_text(out, model, &text);
	if (!err && fflush(out))
		err = -errno;
	return err ? mt_err(err, "cannot write the report: %s", strerror(-err)) : 0;
}

static int print(FILE *out, const struct mt_options *o)
{
	return mt_print_report(out, o->file, o);
}

int mt_command_report(const struct mt_options *o)
{
	enum mt_exit status = mt_output_check(o);

	if (status)
		return status;
	return mt_output_print(o, print) ? MT_EXIT_FAILURE : MT_EXIT_OK;
}
