/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * shorten.h: a function's name in few columns; private to user/report.
 *
 * What tells one C++ or Rust function from another is at the end of its name; what makes it
 * long are the types within. Pure: thread-safe, allocates nothing, cannot fail.
 */
#ifndef MT_REPORT_SHORTEN_H
#define MT_REPORT_SHORTEN_H

#include <stddef.h>

/* Characters, of which UTF-8's continuation bytes are none. */
size_t mt_columns(const char *text, size_t bytes);

/*
 * Makes `name` (UTF-8, escaped: all of it is printed) fit into `columns`, of which there are
 * at least 8. First what is in <> and () becomes "..", then a return type goes, then what is
 * before the last component becomes "...", and at last the component's own end does.
 */
void mt_shorten(char *name, size_t columns);

#endif
