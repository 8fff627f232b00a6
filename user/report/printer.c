// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "report/printer.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "report/shorten.h"
#include "util/cleanup.h"
#include "util/escape.h"

#define FIELD_INDENT  2
#define FIELD_TEXT    16
#define SHORTEST_NAME 8

static void put(struct mt_printer *p, const char *text, size_t bytes)
{
	if (!p->err && fwrite(text, 1, bytes, p->out) != bytes)
		p->err = -EIO;
}

static void put_indent(struct mt_printer *p, int columns)
{
	while (columns-- > 0)
		put(p, " ", 1);
}

/* How much of `text` fits: all, or up to the last space that does, or one long word. */
static size_t fit(const char *text, size_t columns)
{
	size_t best = strcspn(text, " ");

	if (mt_columns(text, strlen(text)) <= columns)
		return strlen(text);
	for (size_t end = best; text[end]; end += 1 + strcspn(text + end + 1, " ")) {
		if (mt_columns(text, end) > columns)
			break;
		best = end;
	}
	return best;
}

static void print_escaped(struct mt_printer *p, int indent, int hang, const char *text)
{
	int column = indent;

	do {
		size_t room = p->width > (size_t)column ? p->width - column : 1;
		size_t bytes = fit(text, room);

		put_indent(p, column);
		put(p, text, bytes);
		put(p, "\n", 1);
		text += bytes;
		text += strspn(text, " ");
		column = hang;
	} while (*text);
}

__attribute__((format(printf, 5, 0))) static void print_formatted(struct mt_printer *p, int indent,
								  int hang, const char *label,
								  const char *fmt, va_list ap)
{
	_free_ char *text = NULL, *line = NULL, *escaped = NULL;
	int label_columns = label ? hang - indent : 0;

	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	if (!text || asprintf(&line, "%-*s%s", label_columns, label ?: "", text) < 0)
		line = NULL;
	escaped = line ? mt_escape_terminal(line) : NULL;
	if (escaped)
		print_escaped(p, indent, hang, escaped);
	else if (!p->err)
		p->err = -ENOMEM;
}

void mt_print(struct mt_printer *p, int indent, int hang, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_formatted(p, indent, hang, NULL, fmt, ap);
	va_end(ap);
}

void mt_print_field(struct mt_printer *p, const char *label, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_formatted(p, FIELD_INDENT, FIELD_TEXT, label, fmt, ap);
	va_end(ap);
}

void mt_print_heading(struct mt_printer *p, const char *fmt, ...)
{
	static const char bold[] = "\x1b[1m", plain[] = "\x1b[0m";
	va_list ap;

	put(p, "\n", 1);
	if (p->color)
		put(p, bold, strlen(bold));
	va_start(ap, fmt);
	print_formatted(p, 0, FIELD_INDENT, NULL, fmt, ap);
	va_end(ap);
	if (p->color)
		put(p, plain, strlen(plain));
}

void mt_print_name(struct mt_printer *p, int indent, const char *name, const char *tail)
{
	_free_ char *escaped = mt_escape_terminal(name), *escaped_tail = mt_escape_terminal(tail);
	size_t used;

	if (!escaped || !escaped_tail) {
		p->err = p->err ?: -ENOMEM;
		return;
	}
	used = indent + mt_columns(escaped_tail, strlen(escaped_tail));
	mt_shorten(escaped, p->width > used + SHORTEST_NAME ? p->width - used : SHORTEST_NAME);
	put_indent(p, indent);
	put(p, escaped, strlen(escaped));
	put(p, escaped_tail, strlen(escaped_tail));
	put(p, "\n", 1);
}
