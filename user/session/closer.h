/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * closer.h: closes links aside, so that nobody waits for it.
 *
 * Closing a link waits until no CPU runs its program any more: tens of milliseconds, in
 * which a held process would stand still and events would pile up. A few threads do it
 * instead; the kernel lets their waits share.
 *
 * mt_closer_close() takes over the descriptors, which are closed in their order by one thread, and
 * returns at once: what is to be closed beside each other is handed over one by one; where no
 * thread can be had it closes them itself. mt_closer_free() waits for all of them. Thread-safe.
 * Create it with the signals blocked that the main thread handles.
 */
#ifndef MT_SESSION_CLOSER_H
#define MT_SESSION_CLOSER_H

#include <stdbool.h>
#include <stddef.h>

struct mt_closer;

int mt_closer_new(struct mt_closer **out);
void mt_closer_free(struct mt_closer **closer);

void mt_closer_close(struct mt_closer *c, const int *fds, size_t nr);

/* Is nothing left to close? */
bool mt_closer_idle(struct mt_closer *c);
/* Until all that was handed over has been closed. */
void mt_closer_wait(struct mt_closer *c);

#endif
