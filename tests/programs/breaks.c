/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* breaks: a break that grows and shrinks, by sbrk and by the system call. No allocator. */
#include <sys/syscall.h>
#include "truth.h"

static void grown(long bytes, const char *function)
{
	struct truth_tally *t = truth_tally(truth.now.map, function);

	t->count++;
	t->bytes += bytes;
	truth.now.brk_grown_bytes += bytes;
}

SITE void grow_by_call(long bytes)
{
	long at = syscall(SYS_brk, 0);

	if (syscall(SYS_brk, at + bytes) != at + bytes)
		truth_die("breaks: cannot grow");
	grown(bytes, __func__);
}

SITE void grow_by_sbrk(long bytes)
{
	if (sbrk(bytes) == (void *)-1)
		truth_die("breaks: cannot grow");
	grown(bytes, __func__);
}

SITE void shrink_by_sbrk(long bytes)
{
	if (sbrk(-bytes) == (void *)-1)
		truth_die("breaks: cannot shrink");
	truth_tally(truth.now.map, "grow_by_sbrk")->bytes -= bytes; /* grew last */
}

int main(void)
{
	for (int i = 1; i <= 5; i++)
		grow_by_call(i * 8192);
	for (int i = 1; i <= 3; i++)
		grow_by_sbrk(i * 4096);
	sbrk(0); /* where it is; changes nothing */
	shrink_by_sbrk(4096);
	truth_write();
	return 0;
}
