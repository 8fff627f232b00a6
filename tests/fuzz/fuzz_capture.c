// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * libFuzzer on captures that were not made by memtide: whatever SQLite takes for a database is
 * refused, or read and reported on.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "capture/capture.h"
#include "model/model.h"
#include "report/report.h"
#include "util/cleanup.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char path[] = "/dev/shm/memtide-fuzz-XXXXXX";
static int fd;
static FILE *out;

static void leave(void)
{
	unlink(path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fd = mkstemp(path);
	out = fopen("/dev/null", "w");
	stderr = fopen("/dev/null", "w"); /* sanitizers write to the descriptor */
	return fd < 0 || !out || !stderr || atexit(leave);
}

static void report(struct mt_capture *c)
{
	const struct mt_text_options options = { .width = 80 };
	__cleanup(mt_model_free) struct mt_model *model = NULL;

	if (mt_model_load(&model, c))
		return;
	mt_report_text(out, model, &options);
	mt_report_json(out, model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	__cleanup(mt_capture_free) struct mt_capture *c = NULL;

	if (ftruncate(fd, 0) || pwrite(fd, data, len, 0) != (ssize_t)len)
		abort();
	if (!mt_capture_open(&c, path))
		report(c);
	return 0;
}
