// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * reallocf: mimalloc's, which frees the block also when it fails. Under LD_PRELOAD of mimalloc.
 * Three blocks; two are to become larger than can be, one becomes 200 bytes.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

typedef void *(*reallocf_fn)(void *p, size_t size);

int main(void)
{
	volatile size_t huge = SIZE_MAX / 4;
	reallocf_fn reallocf = (reallocf_fn)dlsym(RTLD_DEFAULT, "mi_reallocf");
	void *blocks[3];

	if (!reallocf)
		return 1;
	for (int i = 0; i < 3; i++)
		blocks[i] = malloc(100);
	return reallocf(blocks[0], huge) || reallocf(blocks[1], huge) || !reallocf(blocks[2], 200);
}
