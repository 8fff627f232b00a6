/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * escape.h: names from a hostile ELF or /proc, made fit for what prints them.
 *
 * The caller frees the result; NULL when memory is out. Thread-safe.
 */
#ifndef MT_UTIL_ESCAPE_H
#define MT_UTIL_ESCAPE_H

/* For JSON: bytes that are not UTF-8 become U+FFFD. */
char *mt_escape_utf8(const char *text);

/*
 * For a terminal: whatever is no printable character (control bytes, C1 codes, invisible and
 * direction-changing characters, bytes that are not UTF-8) becomes \xNN.
 */
char *mt_escape_terminal(const char *text);

#endif
