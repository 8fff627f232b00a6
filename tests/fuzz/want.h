/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* want.h: what must be so of every input; else libFuzzer keeps it. */
#ifndef MT_TESTS_FUZZ_WANT_H
#define MT_TESTS_FUZZ_WANT_H

#include <stdbool.h>
#include <stdlib.h>

static inline void want(bool it)
{
	if (!it)
		abort();
}

#endif
