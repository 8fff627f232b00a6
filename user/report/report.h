/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * report.h: what a capture says, printed.
 *
 * The JSON is memtide.report/1 (README); the text is for a person in a hurry. A report
 * computes nothing: numbers are the model's or an analysis's. Names are escaped, whatever
 * is in the capture. Thread-safe over a const model. Return 0, -ENOMEM, or -EIO when `out`
 * could not be written.
 */
#ifndef MT_REPORT_REPORT_H
#define MT_REPORT_REPORT_H

#include <stdbool.h>
#include <stdio.h>

struct mt_model;

struct mt_text_options {
	unsigned int width; /* columns; lines are cut there */
	bool color;
};

/* A terminal's width, else 80; colour on a terminal unless NO_COLOR is set. */
struct mt_text_options mt_text_options_for(FILE *out);

int mt_report_text(FILE *out, const struct mt_model *m, const struct mt_text_options *options);
int mt_report_json(FILE *out, const struct mt_model *m);

#endif
