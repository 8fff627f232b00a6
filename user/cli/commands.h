/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * commands.h: one function for each command; each returns the program's exit code and has
 * logged why it is not 0.
 */
#ifndef MT_CLI_COMMANDS_H
#define MT_CLI_COMMANDS_H

#include <stdio.h>

#include "cli/options.h"

struct mt_launch_signals;

int mt_command_record(const struct mt_options *options, const struct mt_launch_signals *inherited);
int mt_command_report(const struct mt_options *options);
int mt_command_diff(const struct mt_options *options);
int mt_command_export(const struct mt_options *options);
int mt_command_doctor(const struct mt_options *options);

/* Print the report of a capture file to `out`, in the format asked for. 0 or -errno. */
int mt_print_report(FILE *out, const char *file, const struct mt_options *o);

#endif
