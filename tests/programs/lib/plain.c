// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* plain: a library that allocates by the C library; late loads it in mid-run. */
#include "plain.h"

#include <stdlib.h>

void *plain_make(size_t size)
{
	return malloc(size);
}

void plain_drop(void *p)
{
	free(p);
}
