/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* own.h: an allocator that no catalogue has, with the standard functions under a prefix. */
#ifndef MT_TESTS_OWN_H
#define MT_TESTS_OWN_H

#include <stddef.h>

void *own_malloc(size_t size);
void *own_calloc(size_t nr, size_t size);
void *own_realloc(void *p, size_t size);
void *own_aligned_alloc(size_t align, size_t size);
void own_free(void *p);
void own_free_sized(void *p, size_t size);			 /* C23 */
void own_free_aligned_sized(void *p, size_t align, size_t size); /* C23 */

#endif
