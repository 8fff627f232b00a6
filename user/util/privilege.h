/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * privilege.h: what a recorder gives up for ever once its targets are attached to.
 *
 * A recorder reads what its targets wrote, as root: whoever found a hole in it should find little
 * behind. Capabilities belong to threads: each thread gives up its own, before it reads anything of
 * a target's. Children that are forked later inherit what is left.
 *
 * Errors are -errno, not logged; what could not be given up is then still there.
 */
#ifndef MT_UTIL_PRIVILEGE_H
#define MT_UTIL_PRIVILEGE_H

#include <linux/capability.h>
#include <stdint.h>

#define MT_PRIVILEGE(capability) (UINT64_C(1) << (capability))

/*
 * What recording takes, as its targets fork, execute, and map libraries, and as bursts come and go:
 * maps and links (CAP_BPF), perf events and probes (CAP_PERFMON), /proc of other users' processes
 * (CAP_SYS_PTRACE), the files that they have mapped (CAP_DAC_READ_SEARCH), also those whose names
 * are gone (CAP_CHECKPOINT_RESTORE: /proc/PID/map_files).
 */
#define MT_PRIVILEGE_RECORD                                                                 \
	(MT_PRIVILEGE(CAP_BPF) | MT_PRIVILEGE(CAP_PERFMON) | MT_PRIVILEGE(CAP_SYS_PTRACE) | \
	 MT_PRIVILEGE(CAP_DAC_READ_SEARCH) | MT_PRIVILEGE(CAP_CHECKPOINT_RESTORE))

/* The calling thread has no others from here on, and no program that it could execute has. */
int mt_privilege_keep(uint64_t capabilities);

/*
 * CAP_DAC_OVERRIDE where files in the folder of `path` can be made and removed only with it, as in
 * another user's; else 0. The calling thread is without it for a moment.
 */
uint64_t mt_privilege_to_write(const char *path);

/*
 * No thread of this process executes another program, makes a connection, changes who it is,
 * mounts, takes another process's descriptors or changes the kernel from here on: such system calls
 * fail with EPERM. They are listed, and not what a recorder does: that would break with each new
 * libc.
 */
int mt_privilege_confine(void);

/* The one path that may still be executed: this program's own. By its address, not its bytes. */
extern const char mt_privilege_self[];

#endif
