// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "symbol/demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

static const char cut_mark[] = "...";

struct output {
	char text[MT_SYMBOL_NAME_MAX + sizeof(cut_mark)];
	size_t len;
	jmp_buf full;
};

/* Ends a text of more than `len` bytes there, but not within a UTF-8 character. */
static void cut(char *text, size_t len)
{
	while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	memcpy(text + len, cut_mark, sizeof(cut_mark));
}

/*
 * Leaves by longjmp when there is enough: the callback has no way to ask for an end, and
 * libiberty would go on for 2^n bytes. It keeps its state on the stack (all but a decoded
 * punycode identifier of Rust's, at most one of which is then lost).
 */
static void collect(const char *piece, size_t len, void *arg)
{
	struct output *out = arg;
	size_t room = MT_SYMBOL_NAME_MAX + 1 - out->len;

	if (len > room)
		len = room;
	if (len) /* libiberty also passes NULL and 0 */
		memcpy(out->text + out->len, piece, len);
	out->len += len;
	if (len == room)
		longjmp(out->full, 1);
}

static bool demangle(const char *name, struct output *out)
{
	const int options = DMGL_PARAMS | DMGL_ANSI;

	if (setjmp(out->full)) {
		cut(out->text, MT_SYMBOL_NAME_MAX);
		return true;
	}
	/* A legacy Rust name is also a C++ one, with a hash for its last part. */
	out->len = 0;
	if (!rust_demangle_callback(name, options, collect, out)) {
		out->len = 0;
		if (!cplus_demangle_v3_callback(name, options, collect, out))
			return false;
	}
	out->text[out->len] = '\0';
	return true;
}

char *mt_symbol_demangle(const char *name)
{
	size_t len = strcspn(name, "@");
	char plain[MT_SYMBOL_NAME_MAX + sizeof(cut_mark)];
	struct output out;

	/* A name that begins with '@' is all name. */
	if (!len)
		len = strnlen(name, MT_SYMBOL_NAME_MAX + 1);
	if (len > MT_SYMBOL_NAME_MAX) {
		memcpy(plain, name, MT_SYMBOL_NAME_MAX + 1);
		cut(plain, MT_SYMBOL_NAME_MAX);
		return strdup(plain);
	}
	memcpy(plain, name, len);
	plain[len] = '\0';
	return strdup(demangle(plain, &out) ? out.text : plain);
}
