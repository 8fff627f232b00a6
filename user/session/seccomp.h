/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * seccomp.h: does a return probe get through a seccomp filter?
 *
 * On x86-64 since 6.11 (kernel commit ff474a78cef5) a probed function returns by a system
 * call, `uretprobe`, that no filter has heard of: the process is killed, or the call fails and
 * it crashes. Since 6.14, and in later 6.12.y and 6.13.y, filters are not asked about it (kernel
 * commit cf6cb56ef244). Found by trying, on a child of our own that has such a filter.
 * Thread-safe.
 */
#ifndef MT_SESSION_SECCOMP_H
#define MT_SESSION_SECCOMP_H

/* 0: it does. -EPERM: it does not. Any other -errno: it could not be found out. */
int mt_seccomp_probe(void);

#endif
