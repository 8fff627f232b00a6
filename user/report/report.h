/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * report.h: what a capture says, printed.
 *
 * The JSON is memtide.report/1 (README); the text is for a person in a hurry; the HTML is one
 * offline page that draws the JSON, where the program was built with it. A report
 * computes nothing: numbers are the model's or an analysis's. Names are escaped, whatever
 * is in the capture. Thread-safe over a const model. Return 0, -ENOMEM, or -EIO when `out`
 * could not be written.
 */
#ifndef MT_REPORT_REPORT_H
#define MT_REPORT_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "analysis/pick.h"

struct mt_diff;
struct mt_model;

enum mt_text_tree {
	MT_TEXT_LIST = 0,
	MT_TEXT_CALLERS, /* from what allocated to who called it */
	MT_TEXT_CALLEES, /* from main down */
};

struct mt_text_options {
	unsigned int width; /* columns; lines are cut there */
	bool color;
	unsigned int top; /* sites of a heap; 0: a few */
	struct mt_pick pick;
	enum mt_text_tree tree;
};

/* A terminal's width, else 80; colour on a terminal unless NO_COLOR is set. */
struct mt_text_options mt_text_options_for(FILE *out);

int mt_report_text(FILE *out, const struct mt_model *m, const struct mt_text_options *options);
int mt_report_json(FILE *out, const struct mt_model *m);

/* Two recordings beside each other; memtide.diff/1. */
int mt_report_diff_text(FILE *out, const struct mt_diff *d, const struct mt_text_options *options);
int mt_report_diff_json(FILE *out, const struct mt_diff *d);
int mt_report_diff_html(FILE *out, const struct mt_diff *d); /* as mt_report_html() */

bool mt_report_has_html(void);
int mt_report_html(FILE *out, const struct mt_model *m);

#endif
