/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * peaks lower|higher|start|end|plateau: where the peak is.
 * lower: grow, shrink, grow again but less; higher: ... but more; start: the first block is
 * the peak; end: only grows; plateau: the peak is reached again, by other sites.
 */
#include "truth.h"

#define BLOCKS 60

static void *block[2][BLOCKS];

SITE void *early(size_t n)
{
	return T_MALLOC(n);
}

SITE void *late(size_t n)
{
	return T_CALLOC(1, n);
}

static void grow(int group, int nr)
{
	for (int i = 0; i < nr; i++)
		block[group][i] = group ? late(1000 + i) : early(1000 + i);
}

static void shrink(int group, int from, int to)
{
	for (int i = from; i < to; i++)
		T_FREE(block[group][i]);
}

static void shape(const char *name)
{
	if (!strcmp(name, "start")) {
		T_FREE(early(1 << 20));
		grow(1, BLOCKS);
	} else if (!strcmp(name, "end")) {
		grow(0, BLOCKS);
		grow(1, BLOCKS);
	} else if (!strcmp(name, "plateau")) {
		grow(0, BLOCKS);
		shrink(0, 0, BLOCKS);
		grow(1, BLOCKS); /* to the same height, which is no new peak */
		shrink(1, 0, BLOCKS);
	} else {
		grow(0, BLOCKS);
		shrink(0, 10, BLOCKS);
		grow(1, strcmp(name, "lower") ? BLOCKS : BLOCKS / 2);
		shrink(1, 0, 20);
		shrink(0, 0, 10);
	}
}

int main(int argc, char **argv)
{
	shape(argc > 1 ? argv[1] : "lower");
	truth_write();
	return 0;
}
