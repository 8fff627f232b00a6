/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * drain_faults.h: the kernel's table of page faults, into the capture file.
 *
 * A part of drain.h: it borrows what that was given, and what it says of threads and errors holds.
 * A site that has not changed since the last tick is not written again.
 */
#ifndef MT_CAPTURE_DRAIN_FAULTS_H
#define MT_CAPTURE_DRAIN_FAULTS_H

struct mt_capture;
struct mt_drain_faults;
struct mt_drain_stacks;
struct mt_session;

int mt_drain_faults_new(struct mt_drain_faults **out, struct mt_capture *capture,
			struct mt_session *session, struct mt_drain_stacks *stacks);
void mt_drain_faults_free(struct mt_drain_faults **faults);

/* Write every site that has changed, and its stack. */
int mt_drain_faults_tick(struct mt_drain_faults *f);

/* Remove from the kernel what the tick before wrote of programs that had ended. */
void mt_drain_faults_drop_ended(struct mt_drain_faults *f);

#endif
