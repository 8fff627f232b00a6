/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * syscall_tax.h: what a system call takes here.
 *
 * A tracepoint on one system call sends all of them, of every process, the slow way into the kernel
 * (TIF_SYSCALL_TRACEPOINT, syscall_regfunc() in kernel/tracepoint.c). What that costs is the
 * difference of two measurements, before and after. Nanoseconds of CPU time; takes about 5 ms.
 * Thread-safe.
 */
#ifndef MT_SESSION_SYSCALL_TAX_H
#define MT_SESSION_SYSCALL_TAX_H

double mt_syscall_ns(void);

#endif
