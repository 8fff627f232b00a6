/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * output.h: what is printed of a capture, to stdout or to the file of -o.
 *
 * A file of -o is 0600, and there as a whole or not at all: it is written beside its place, under a
 * name that begins with a dot, and then moved there. Without -f nothing is replaced; a symbolic
 * link is never followed. Functions return 0 or -errno after a message.
 */
#ifndef MT_CLI_OUTPUT_H
#define MT_CLI_OUTPUT_H

#include <stdio.h>

#include "cli/options.h"

struct mt_model;

/* The capture of the options, which is closed again: its recorder may be waiting to write. */
int mt_output_load(struct mt_model **out, const char *file);

/* Can it be printed as it was asked for, and where? Else the exit status, after a message. */
enum mt_exit mt_output_check(const struct mt_options *o);

/* Calls `print`, and writes what it printed once it has returned 0. It logs its own errors. */
int mt_output_print(const struct mt_options *o,
		    int (*print)(FILE *out, const struct mt_options *o));

#endif
