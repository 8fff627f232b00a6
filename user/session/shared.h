/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * shared.h: uprobe events that many processes share.
 *
 * A trap walks all that is registered for its file and offset. With a link per process that
 * is every traced process; here it is one tracefs uprobe event, whose filter looks for the
 * process in a list. An event is defined when a place is first asked for, in the group
 * memtide_PID_STARTTIME of uprobe_events, and has one program and one cookie for all. Each
 * process then has a perf event of its own, which is what mt_shared_open() returns.
 *
 * What the kernel makes of it (seen on 6.18, and in kernel/trace/trace_uprobe.c):
 *  - An event is for the address space of the task it was opened for, whatever that is at the
 *    time. So it lasts through an exec by that task, also when ld.so maps the file later.
 *    After an exec by another thread it is for nobody: open it anew and close the old one. The
 *    same when the main thread ends before the others: then open it for one of those.
 *  - A forked child inherits breakpoints that count nothing, and each goes when first hit.
 *  - Hits of a vfork child are hits of its parent's address space: they come, as the child's.
 *  - Entries are filtered by process, returns are not. Where another link asks for the return
 *    of the same function, the program runs for that link's processes too; a program must
 *    ignore a return whose entry it has not seen.
 *  - The program must return 0, else the kernel goes on to write a sample that nobody reads.
 *
 * Opening and closing walk all processes that map the file, each time over the list: 500
 * processes with 21 events each take 16 s to open and 20 s to close, 100 take 0.2 s. The last
 * event of a definition takes 0.1 s to close, and the kernel does one at a time: so
 * mt_shared_free() takes that long for each.
 *
 * A definition may have many places (5.4), which would be closed together. But the kernel removes
 * all but one of these while they are in use, and does not unregister what it frees: whoever
 * removes such a definition too early, of whatever tool, brings the host down. So each has one.
 *
 * Definitions have no breakpoints, but outlive a SIGKILL, and keep their file and its mount in
 * use: the next mt_shared_new() removes those whose owner has ended. It cannot remove one in use,
 * whatever it believes of its owner (in another PID namespace, say).
 *
 * A process owns one pool at a time. Not thread-safe. Errors are -errno, not logged.
 */
#ifndef MT_SESSION_SHARED_H
#define MT_SESSION_SHARED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct mt_shared;

struct mt_shared_probe {
	int file_fd;
	uint64_t offset; /* bytes in the file */
	bool is_return;
	int prog_fd; /* of type kprobe, loaded for no attach type */
	uint64_t cookie;
};

/* Also removes what killed recorders left. Where tracefs cannot be had, no event will be. */
int mt_shared_new(struct mt_shared **out);

/* The caller has closed all events; definitions that are still in use would stay. */
void mt_shared_free(struct mt_shared **shared);

/*
 * A perf event that is the caller's to close. `tid` is any live thread, the main one for
 * preference. -ESRCH: it has ended. -EINVAL: this place has another program or cookie. -EPERM,
 * -EACCES, -ENODEV: tracefs is not ours to write.
 */
int mt_shared_open(struct mt_shared *s, const struct mt_shared_probe *probe, pid_t tid);

#endif
