// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/capture.h"
#include "model/model.h"
#include "report/report.h"
#include "util/cleanup.h"
#include "util/log.h"

int mt_output_load(struct mt_model **out, const char *file)
{
	__cleanup(mt_capture_free) struct mt_capture *capture = NULL;
	int err = mt_capture_open(&capture, file);

	return err ? err : mt_model_load(out, capture);
}

enum mt_exit mt_output_check(const struct mt_options *o)
{
	if (o->format != MT_FORMAT_HTML)
		return MT_EXIT_OK;
	if (!mt_report_has_html()) {
		mt_err(-ENOTSUP, "this memtide was built without the page (NO_HTML=1): install "
				 "nodejs and npm and build it again, or use --json");
		return MT_EXIT_FAILURE;
	}
	if (!o->out && isatty(STDOUT_FILENO)) {
		mt_err(-EINVAL, "the page is not for a terminal: -o report.html");
		return MT_EXIT_USAGE;
	}
	return MT_EXIT_OK;
}

static bool is_same_file(const char *a, const char *b)
{
	struct stat x, y;

	return a && !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool is_capture(const struct mt_options *o)
{
	return is_same_file(o->file, o->out) || is_same_file(o->file2, o->out);
}

static int write_all(int fd, const char *text, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, text + done, len - done);

		if (n < 0)
			return -errno;
		done += n;
	}
	return 0;
}

/* A pipe or a device is written to as it is. */
static int write_special(const char *path, const char *text, size_t len)
{
	_close_ int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : write_all(fd, text, len);
}

/* link() is rename() that replaces nothing. */
static int put_in_place(const char *temporary, const char *path, bool replace)
{
	if (replace)
		return rename(temporary, path) ? -errno : 0;
	if (link(temporary, path))
		return -errno;
	unlink(temporary);
	return 0;
}

/* The name of a new file beside `path`, for mkostemp(). */
static char *beside(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	char *name = NULL;

	return asprintf(&name, "%.*s.%s.XXXXXX", (int)(base - path), path, base) < 0 ? NULL : name;
}

static int write_file(const char *path, const char *text, size_t len, bool replace)
{
	_free_ char *temporary = beside(path);
	_close_ int fd = -1;
	int err;

	if (!temporary)
		return -ENOMEM;
	fd = mkostemp(temporary, O_CLOEXEC); /* 0600, O_EXCL */
	if (fd < 0)
		return -errno;
	err = write_all(fd, text, len);
	err = err ? err : put_in_place(temporary, path, replace);
	if (err)
		unlink(temporary);
	return err;
}

static int write_output(const struct mt_options *o, const char *text, size_t len)
{
	struct stat st;
	int err;

	if (is_capture(o))
		return mt_err(-EEXIST, "%s is the capture itself; choose another with -o", o->out);
	if (o->force && lstat(o->out, &st) == 0 && !S_ISREG(st.st_mode))
		err = write_special(o->out, text, len);
	else
		err = write_file(o->out, text, len, o->force);
	return err ? mt_err(err, "cannot create %s: %s%s", o->out, strerror(-err),
			    err == -EEXIST ? ": -f overwrites" : "")
		   : 0;
}

int mt_output_print(const struct mt_options *o, int (*print)(FILE *out, const struct mt_options *o))
{
	_free_ char *text = NULL;
	size_t len = 0;
	_fclose_ FILE *memory = NULL;
	int err;

	if (!o->out)
		return print(stdout, o);
	/* In memory: a capture that cannot be read must not cost the file that was there. */
	memory = open_memstream(&text, &len);
	err = memory ? print(memory, o) : -ENOMEM;
	return err ? err : write_output(o, text, len);
}
