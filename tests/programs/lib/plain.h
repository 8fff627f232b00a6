/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* plain.h: blocks of malloc, made and freed in the library itself. */
#ifndef MT_TESTS_PLAIN_H
#define MT_TESTS_PLAIN_H

#include <stddef.h>

void *plain_make(size_t size);
void plain_drop(void *p);

#endif
