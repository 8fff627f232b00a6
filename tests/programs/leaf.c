/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* leaf COUNT BYTES: some blocks, half of them freed; what other programs execute. */
#include "truth.h"

SITE void *leaf_block(size_t n)
{
	return T_MALLOC(n);
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 10;
	size_t bytes = argc > 2 ? (size_t)atol(argv[2]) : 100;

	for (int i = 0; i < count; i++) {
		void *p = leaf_block(bytes + i);

		if (i % 2)
			T_FREE(p);
	}
	truth_write();
	return 0;
}
