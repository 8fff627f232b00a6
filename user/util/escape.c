// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "util/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"

static bool is_continuation(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* The character at `text` and its length; 0 where the bytes are not UTF-8 (RFC 3629). */
static size_t decode(const char *text, uint32_t *out)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *s = (const unsigned char *)text;
	size_t length = s[0] < 0x80		? 1
			: (s[0] & 0xe0) == 0xc0 ? 2
			: (s[0] & 0xf0) == 0xe0 ? 3
			: (s[0] & 0xf8) == 0xf0 ? 4
						: 0;

	if (!length)
		return 0;
	*out = length == 1 ? s[0] : s[0] & (0x7f >> length);
	for (size_t i = 1; i < length; i++) {
		if (!is_continuation(s[i]))
			return 0;
		*out = *out << 6 | (s[i] & 0x3f);
	}
	if (*out < smallest[length] || *out > 0x10ffff || (*out >= 0xd800 && *out <= 0xdfff))
		return 0;
	return length;
}

char *mt_escape_utf8(const char *text)
{
	static const char replacement[] = "\xef\xbf\xbd";
	char *escaped = malloc(strlen(text) * (sizeof(replacement) - 1) + 1), *to = escaped;
	uint32_t character;

	if (!escaped)
		return NULL;
	while (*text) {
		size_t length = decode(text, &character);

		to = length ? mempcpy(to, text, length) : stpcpy(to, replacement);
		text += length ?: 1;
	}
	*to = '\0';
	return escaped;
}

static bool is_printable(uint32_t c)
{
	static const struct {
		uint32_t first;
		uint32_t last;
	} hidden[] = {
		{ 0x00, 0x1f },	    { 0x7f, 0x9f },	{ 0xad, 0xad },	    { 0x61c, 0x61c },
		{ 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
	};

	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
		if (c >= hidden[i].first && c <= hidden[i].last)
			return false;
	return true;
}

char *mt_escape_terminal(const char *text)
{
	/* An escaped byte takes four. */
	char *escaped = malloc(strlen(text) * 4 + 1), *to = escaped;
	uint32_t character;

	if (!escaped)
		return NULL;
	while (*text) {
		size_t length = decode(text, &character);

		if (length && is_printable(character)) {
			to = mempcpy(to, text, length);
		} else {
			length = length ?: 1;
			for (size_t i = 0; i < length; i++)
				to += sprintf(to, "\\x%02x", (unsigned char)text[i]);
		}
		text += length;
	}
	*to = '\0';
	return escaped;
}
