/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * text_stack.h: a stack in the text report: innermost first, and down to the program's own code
 * where libraries come before it. Errors are kept in the printer.
 */
#ifndef MT_REPORT_TEXT_STACK_H
#define MT_REPORT_TEXT_STACK_H

#include "model/model.h"

#define MT_STACK_INDENT 7

struct mt_printer;

/* "malloc", "libfoo.so+0x1234", "0x55..."; the caller frees. NULL: no memory. */
char *mt_frame_name(const struct mt_frame *frame);

void mt_print_stack(struct mt_printer *p, const struct mt_model_process *process,
		    const struct mt_model_stack *stack);

#endif
