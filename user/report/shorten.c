// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "report/shorten.h"

#include <stdbool.h>
#include <string.h>

#include "util/cleanup.h"

static const char dots[] = "...";

size_t mt_columns(const char *text, size_t bytes)
{
	size_t columns = 0;

	for (size_t i = 0; i < bytes; i++)
		columns += (text[i] & 0xc0) != 0x80;
	return columns;
}

/* How many bytes `columns` characters take. */
static size_t bytes_of(const char *text, size_t columns)
{
	size_t i = 0;

	for (; text[i]; i++)
		if ((text[i] & 0xc0) != 0x80 && columns-- == 0)
			break;
	return i;
}

/* How many bytes at `text` are no bracket: an arrow and an operator's name are none. */
static size_t plain(const char *text)
{
	static const char *const operators[] = { "()", "<=>", "<<=", ">>=", "->*", "<<",
						 ">>", "->",  "<=",  ">=",  "<",   ">" };
	static const char word[] = "operator";
	const size_t len = sizeof(word) - 1;

	if (!strncmp(text, word, len)) {
		for (size_t i = 0; i < ARRAY_SIZE(operators); i++)
			if (!strncmp(text + len, operators[i], strlen(operators[i])))
				return len + strlen(operators[i]);
		return len;
	}
	if (!strncmp(text, "->", 2))
		return 2;
	return strchr("<>()", *text) ? 0 : 1;
}

/* From an opening bracket: its closing one, or the text's end. */
static const char *group_end(const char *text)
{
	int depth = 0;

	while (*text) {
		size_t skip = plain(text);

		if (!skip && strchr("<(", *text))
			depth++;
		else if (!skip && --depth == 0)
			break;
		text += skip ?: 1;
	}
	return text;
}

/*
 * "<..>" and "(..)" for what is enclosed, if it is more than two characters. Rust's names may
 * begin with a type, "<Vec<T> as Trait>::method": that is kept, but for what it encloses.
 */
static void collapse(char *name)
{
	const char *from = name;
	char *to = name;

	if (*from == '<') {
		from++;
		to++;
	}
	while (*from) {
		bool group = strchr("<(", *from);
		const char *end = group ? group_end(from) : from + (plain(from) ?: 1);
		size_t len = (size_t)(end - from);

		if (group && len > 3) {
			to[0] = *from;
			to[1] = '.';
			to[2] = '.';
			len = 3;
		} else {
			memmove(to, from, len);
		}
		to += len;
		from = end;
		if (group && *from)
			*to++ = *from++;
	}
	*to = '\0';
}

/* "::method(..)": the last component, and one more before a closure's, which has no name. */
static const char *last_component(const char *name)
{
	const char *last = name;
	int depth = 0;

	for (const char *at = name; *at; at += plain(at) ?: 1) {
		if (!plain(at))
			depth += strchr("<(", *at) ? 1 : -(depth > 0);
		if (!depth && at[0] == ':' && at[1] == ':' && at[2] && at[2] != '{')
			last = at;
	}
	return last;
}

/*
 * Of a name with components, where it begins after a return type, which templates have. What
 * follows "operator" or is a method's "const" is no end of one.
 */
static const char *after_type(const char *name, const char *last)
{
	const char *start = name;
	bool named = false;
	int depth = 0;

	for (const char *at = name; at < last; at += plain(at) ?: 1) {
		if (!plain(at))
			depth += strchr("<(", *at) ? 1 : -(depth > 0);
		if (!depth && *at == ' ' && !named && strncmp(at, " const", 6))
			start = at + 1;
		named = !strncmp(at, "operator", 8);
	}
	return start;
}

void mt_shorten(char *name, size_t columns)
{
	const char *start, *last;
	size_t len, kept;

	if (mt_columns(name, strlen(name)) <= columns)
		return;
	collapse(name);
	if (mt_columns(name, strlen(name)) <= columns)
		return;
	start = after_type(name, last_component(name));
	memmove(name, start, strlen(start) + 1);
	if (mt_columns(name, strlen(name)) <= columns)
		return;
	last = last_component(name);
	len = strlen(last);
	if (last > name && mt_columns(last, len) + strlen(dots) <= columns) {
		kept = bytes_of(name, columns - strlen(dots) - mt_columns(last, len));
		memmove(name + kept + strlen(dots), last, len + 1);
		memset(name + kept, '.', strlen(dots));
		return;
	}
	if (last > name)
		memmove(name, last + strlen("::"), len + 1 - strlen("::"));
	if (mt_columns(name, strlen(name)) > columns)
		strcpy(name + bytes_of(name, columns - strlen(dots)), dots);
}
