/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * foreign.h: truth.h for programs in C++ and Rust, and for calls that its macros do not know.
 *
 * Around a call: foreign_ask and foreign_got make a block, foreign_drop and foreign_dropped
 * free one, foreign_resize and foreign_resized resize one. One thread, one call at a time.
 */
#ifndef MT_TESTS_FOREIGN_H
#define MT_TESTS_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

void foreign_ask(size_t size);
void foreign_got(const char *function, const char *kind, void *p, size_t size); /* NULL: failed */
void foreign_drop(void *p);
void foreign_dropped(void);
void foreign_resize(void *p, size_t size);
void foreign_resized(const char *function, const char *kind, void *p, size_t size);
bool foreign_idle(void); /* MT_IDLE is set: the program is to do nothing, for comparison */
void foreign_die(const char *why);
void foreign_write(void);

#ifdef __cplusplus
}
#endif

#endif
