/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * printer.h: lines of a text report; private to user/report.
 *
 * Every line that a report prints passes through here, where it is escaped (escape.h) and
 * fitted to the width: so no name can reach the terminal raw. The printer borrows `out`; its
 * first error is kept and later calls do nothing. Not thread-safe.
 */
#ifndef MT_REPORT_PRINTER_H
#define MT_REPORT_PRINTER_H

#include <stdbool.h>
#include <stdio.h>

struct mt_printer {
	FILE *out;
	size_t width;
	bool color;
	int err; /* 0, -ENOMEM or -EIO */
};

/* Broken at spaces where it is too long; what follows is indented by `hang`. */
void mt_print(struct mt_printer *p, int indent, int hang, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* "  Label          text" */
void mt_print_field(struct mt_printer *p, const char *label, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* An empty line, then one that stands out. */
void mt_print_heading(struct mt_printer *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* One line: the name of a function, shortened as far as `tail` needs. */
void mt_print_name(struct mt_printer *p, int indent, const char *name, const char *tail);

#endif
