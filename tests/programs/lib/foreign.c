// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "foreign.h"

#include "../truth.h"

static struct {
	struct truth_block old;
	size_t size;
	uint64_t asked_ns;
} call;

void foreign_ask(size_t size)
{
	call.size = size;
	call.asked_ns = truth_before_alloc(size);
}

void foreign_got(const char *function, const char *kind, void *p, size_t size)
{
	if (size != call.size)
		truth_die("foreign: not the size that was asked for");
	truth_after_alloc(function, kind, p, size, call.asked_ns);
}

void foreign_drop(void *p)
{
	call.old = truth_before_free(p, &call.asked_ns);
}

void foreign_dropped(void)
{
	truth_after_free(&call.old, call.asked_ns);
}

void foreign_resize(void *p, size_t size)
{
	call.size = size;
	call.old = truth_before_realloc(p, size, &call.asked_ns);
}

void foreign_resized(const char *function, const char *kind, void *p, size_t size)
{
	if (size != call.size)
		truth_die("foreign: not the size that was asked for");
	truth_after_realloc(function, kind, &call.old, p, size, call.asked_ns);
}

bool foreign_idle(void)
{
	return getenv("MT_IDLE");
}

void foreign_die(const char *why)
{
	truth_die(why);
}

void foreign_write(void)
{
	truth_write();
}
