// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "report/text_stack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "analysis/unwound.h"
#include "report/printer.h"
#include "util/cleanup.h"

#define FRAMES_SHOWN 5	/* not counting what was inlined, but at most */
#define FRAME_LINES  10 /* lines */
#define STACK_INDENT MT_STACK_INDENT

/* The last two components of a path: enough to tell one main.c from another. */
static const char *short_path(const char *path)
{
	const char *slash = strrchr(path, '/');

	while (slash && slash > path && *--slash != '/')
		;
	return slash && *slash == '/' ? slash + 1 : path;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char *mt_frame_name(const struct mt_frame *f)
{
	char *name;
	int err;

	if (f->function)
		err = asprintf(&name, "%s", f->function);
	else if (f->module)
		err = asprintf(&name, "%s+0x%llx", base_name(f->module),
			       (unsigned long long)f->offset);
	else
		err = asprintf(&name, "0x%llx", (unsigned long long)f->address);
	return err < 0 ? NULL : name;
}

static void print_frame(struct mt_printer *p, const struct mt_frame *f, size_t times)
{
	_free_ char *name = mt_frame_name(f), *place = NULL, *tail = NULL;
	const char *inlined = f->inlined ? " [inlined]" : "";
	int err = name ? 0 : -ENOMEM;

	if (err >= 0 && f->file && f->line)
		err = asprintf(&place, " (%s:%u)", short_path(f->file), f->line);
	else if (err >= 0 && f->function && f->module)
		err = asprintf(&place, " (%s)", base_name(f->module));
	if (err >= 0 && times > 1)
		err = asprintf(&tail, "%s%s [%zu times]", place ?: "", inlined, times);
	else if (err >= 0)
		err = asprintf(&tail, "%s%s", place ?: "", inlined);
	if (err < 0)
		p->err = p->err ?: -ENOMEM;
	else
		mt_print_name(p, STACK_INDENT, name, tail);
}

static bool is_own(const struct mt_model_process *process, const struct mt_frame *f)
{
	return process->row.exe && f->module && !strcmp(process->row.exe, f->module);
}

/* Innermost first; and down to the program's own code if libraries come before it. */
void mt_print_stack(struct mt_printer *p, const struct mt_model_process *process,
		    const struct mt_model_stack *stack)
{
	bool own = false;
	size_t i = 0;
	int shown = 0;

	for (int lines = 0; i < stack->nr && shown < FRAMES_SHOWN && lines < FRAME_LINES; lines++) {
		const struct mt_frame *f = stack->frames[i];
		size_t first = i;

		/* Recursion is one line. */
		while (i < stack->nr && stack->frames[i] == f)
			i++;
		print_frame(p, f, i - first);
		shown += !f->inlined;
		own |= is_own(process, f);
	}
	while (!own && i < stack->nr && !is_own(process, stack->frames[i]))
		i++;
	if (!own && i < stack->nr) {
		mt_print(p, STACK_INDENT, STACK_INDENT, "...");
		print_frame(p, stack->frames[i], 1);
	}
	if (!stack->nr)
		mt_print(p, STACK_INDENT, STACK_INDENT, "(no stack)");
	else if (i == stack->nr && mt_unwound_meaning(stack->end))
		mt_print(p, STACK_INDENT, STACK_INDENT, "(the stack ends here: %s)",
			 mt_unwound_meaning(stack->end));
}
