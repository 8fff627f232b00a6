// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "export/export.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "model/model.h"
#include "util/cleanup.h"
#include "util/log.h"

static int print(FILE *out, const struct mt_options *o)
{
	__cleanup(mt_model_free) struct mt_model *model = NULL;
	int err = mt_output_load(&model, o->file);

	if (err)
		return err;
	err = mt_export(out, model, &o->export);
	/* Of these nothing was said yet. */
	return err == -ENOMEM || err == -EIO
		       ? mt_err(err, "cannot write the export: %s", strerror(-err))
		       : err;
}

int mt_command_export(const struct mt_options *o)
{
	if (o->export.format == MT_EXPORT_PPROF && !o->out && isatty(STDOUT_FILENO)) {
		mt_err(-EINVAL, "pprof's format is not for a terminal: -o FILE");
		return MT_EXIT_USAGE;
	}
	return mt_output_print(o, print) ? MT_EXIT_FAILURE : MT_EXIT_OK;
}
