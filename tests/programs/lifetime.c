/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* lifetime: temporary, short-lived, aged and held blocks, each at a site of its own. */
#include "truth.h"

#define BATCH 50

SITE void *temporary(void)
{
	return T_MALLOC(64);
}

SITE void *batched(void)
{
	return T_MALLOC(48);
}

SITE void *aged(void)
{
	return T_MALLOC(96);
}

SITE void *held(void)
{
	return T_MALLOC(4096);
}

int main(void)
{
	void *block[BATCH];

	held();
	for (int i = 0; i < 200; i++)
		T_FREE(temporary());
	for (int i = 0; i < BATCH; i++)
		block[i] = batched();
	for (int i = 0; i < BATCH; i++) /* only the last is the newest */
		T_FREE(block[i]);
	for (int i = 0; i < BATCH; i++)
		block[i] = aged();
	nap_ms(50);
	for (int i = 0; i < BATCH; i++)
		T_FREE(block[i]);
	nap_ms(250);
	truth_write();
	return 0;
}
