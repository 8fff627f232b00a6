/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * options.h: the command line, parsed into one struct and validated in one place.
 *
 * mt_options_parse() prints help and usage errors itself. Strings belong to argv.
 */
#ifndef MT_CLI_OPTIONS_H
#define MT_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "export/export.h"
#include "report/report.h"
#include "session/session.h"

/* Exit codes, DESIGN section 5. */
enum mt_exit {
	MT_EXIT_OK = 0,
	MT_EXIT_FAILURE = 1,
	MT_EXIT_USAGE = 2,
	MT_EXIT_NO_TARGET = 3,
	MT_EXIT_INCAPABLE = 4,	/* the kernel or a privilege does not suffice */
	MT_EXIT_GATE = 10,	/* diff: a --fail-on is exceeded */
	MT_EXIT_RECORDER = 125, /* with -- COMMAND: memtide's own failure */
	MT_EXIT_NOT_EXECUTABLE = 126,
	MT_EXIT_NOT_FOUND = 127,
};

enum mt_command {
	MT_COMMAND_INVALID = 0,
	MT_COMMAND_RECORD,
	MT_COMMAND_REPORT,
	MT_COMMAND_DIFF,
	MT_COMMAND_EXPORT,
	MT_COMMAND_DOCTOR,
};

enum mt_mode {
	MT_MODE_AUTO = 0,
	MT_MODE_EXACT,
	MT_MODE_KERNEL,
};

enum mt_format {
	MT_FORMAT_TEXT = 0,
	MT_FORMAT_JSON,
	MT_FORMAT_HTML,
};

struct mt_options {
	enum mt_command command;

	/* record: exactly one target */
	const char *pids;
	const char *comm;
	const char *cgroup;
	bool all;
	char **argv;	   /* -- COMMAND */
	double duration_s; /* 0: until the targets end */
	int64_t tick_ms;
	enum mt_mode mode;
	double budget_pct; /* of the targets' CPU time */
	bool no_ptrace;
	struct mt_kernel_options kernel;
	struct mt_session_library libraries[8];
	size_t nr_libraries;

	const char *file;      /* record: -o; report, export: the capture */
	const char *file2;     /* diff: the new one */
	const char *gates[16]; /* diff: --fail-on */
	size_t nr_gates;
	const char *out; /* report, diff, export: -o */
	bool force;
	enum mt_format format;
	struct mt_text_options text; /* which sites, and how; the rest is unset */
	struct mt_export_options export;
	int verbosity; /* enum mt_log_level */
};

/* 0, or -EINVAL after a message; exits by itself for --help and --version. */
int mt_options_parse(struct mt_options *out, int argc, char **argv);

#endif
