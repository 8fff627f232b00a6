// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "report/report.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "capture/capture.h"
#include "cli/commands.h"
#include "model/model.h"
#include "util/cleanup.h"
#include "util/log.h"

int mt_print_report(FILE *out, const char *file, enum mt_format format)
{
	__cleanup(mt_capture_free) struct mt_capture *capture = NULL;
	__cleanup(mt_model_free) struct mt_model *model = NULL;
	struct mt_text_options text = mt_text_options_for(out);
	int err = mt_capture_open(&capture, file);

	err = err ? err : mt_model_load(&model, capture);
	mt_capture_free(&capture); /* a recorder may be waiting to write */
	if (err)
		return err;
	err = format == MT_FORMAT_JSON ? mt_report_json(out, model)
				       : mt_report_text(out, model, &text);
	if (!err && fflush(out))
		err = -errno;
	return err ? mt_err(err, "cannot write the report: %s", strerror(-err)) : 0;
}

static FILE *open_output(const struct mt_options *o)
{
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (o->force ? O_TRUNC : O_EXCL);
	int fd = open(o->out, flags, 0600);

	if (fd < 0)
		mt_err(-errno, "cannot create %s: %s%s", o->out, strerror(errno),
		       errno == EEXIST ? ": -f overwrites" : "");
	return fd < 0 ? NULL : fdopen(fd, "w");
}

int mt_command_report(const struct mt_options *o)
{
	_fclose_ FILE *file = o->out ? open_output(o) : NULL;

	if (o->out && !file)
		return MT_EXIT_FAILURE;
	return mt_print_report(file ? file : stdout, o->file, o->format) ? MT_EXIT_FAILURE
									 : MT_EXIT_OK;
}
