/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * attached: blocks older than an attach. Says "ready", waits for a byte, frees and resizes
 * some of the old blocks and makes new ones; its truth is of the time after. Says "done" and
 * waits again.
 */
#include "truth.h"

#define BLOCKS 100

SITE void *before(size_t n)
{
	return T_MALLOC(n);
}

SITE void *after(size_t n)
{
	return T_MALLOC(n);
}

SITE void *resized(void *p, size_t n)
{
	return T_REALLOC(p, n);
}

int main(void)
{
	void *block[BLOCKS];

	for (int i = 0; i < BLOCKS; i++)
		block[i] = before(1000 + i);
	say("ready");
	await_go();
	truth_attached();
	for (int i = 0; i < 30; i++)
		T_FREE(block[i]);
	for (int i = 30; i < 50; i++)
		block[i] = resized(block[i], 3000 + i);
	for (int i = 0; i < 30; i++)
		block[i] = after(200 + i);
	for (int i = 20; i < 40; i++)
		T_FREE(block[i]);
	truth_write();
	say("done");
	await_go();
	return 0;
}
