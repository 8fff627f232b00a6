/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * drain.h: from the session and the kernel's tables into the capture file.
 *
 * Each mt_drain_tick() is one transaction: afterwards the file is as good as if the recorder
 * were killed now. What has not changed since the last tick is not written again. A program
 * that has ended is written for the last time, with the ages of what it left, and is then
 * dropped from the kernel's maps and from the session, so that memory does not grow with the
 * number of processes that come and go.
 *
 * Somebody who reads the file for long can hold up a commit: then it is made at the next tick,
 * and only the final one insists.
 *
 * Borrows session and capture, which must outlive it. One thread. Errors are -errno, logged.
 */
#ifndef MT_CAPTURE_DRAIN_H
#define MT_CAPTURE_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

struct mt_capture;
struct mt_drain;
struct mt_session;

/* start_ns: CLOCK_MONOTONIC at which the capture's time is 0. */
int mt_drain_new(struct mt_drain **out, struct mt_capture *capture, struct mt_session *session,
		 int64_t start_ns);
void mt_drain_free(struct mt_drain **drain);

/* `final`: the session has stopped; everything is written, nothing dropped any more. */
int mt_drain_tick(struct mt_drain *d, bool final);

#endif
