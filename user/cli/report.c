// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "report/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static bool is_capture(const struct mt_options *o)
{
	struct stat capture, out;

	return stat(o->file, &capture) == 0 && stat(o->out, &out) == 0 &&
	       capture.st_dev == out.st_dev && capture.st_ino == out.st_ino;
}

static int open_output(const struct mt_options *o)
{
	struct stat st;
	int fd;

	if (is_capture(o))
		return mt_err(-EEXIST, "%s is the capture itself; choose another with -o", o->out);
	/* Replaced, not truncated: an old file may be readable by others. */
	if (o->force && lstat(o->out, &st) == 0 && S_ISREG(st.st_mode) && unlink(o->out))
		return mt_err(-errno, "cannot replace %s: %m", o->out);
	fd = open(o->out, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (o->force ? 0 : O_EXCL),
		  0600);
	if (fd < 0)
		return mt_err(-errno, "cannot create %s: %s%s", o->out, strerror(errno),
			      errno == EEXIST ? ": -f overwrites" : "");
	return fd;
}

/* In memory first: a capture that cannot be read must not cost the report that was there. */
static int report_to_file(const struct mt_options *o)
{
	_free_ char *text = NULL;
	size_t len = 0;
	_fclose_ FILE *memory = open_memstream(&text, &len);
	_close_ int fd = -1;
	int err = memory ? mt_print_report(memory, o->file, o->format) : -ENOMEM;

	fd = err ? err : open_output(o);
	if (fd < 0)
		return fd;
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, text + done, len - done);

		if (n < 0)
			return mt_err(-errno, "cannot write %s: %m", o->out);
		done += n;
	}
	return 0;
}

int mt_command_report(const struct mt_options *o)
{
	int err = o->out ? report_to_file(o) : mt_print_report(stdout, o->file, o->format);

	return err ? MT_EXIT_FAILURE : MT_EXIT_OK;
}
