/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * child.h: throwaway children, to try something on.
 *
 * As fork(2) and waitpid(2), with two differences: the end of such a child raises no SIGCHLD,
 * so that whoever waits for other children is not woken by it, and a child ends with the
 * thread that made it, however that ends. It may call only what a signal handler may. Errors
 * are -errno. Thread-safe.
 */
#ifndef MT_SESSION_CHILD_H
#define MT_SESSION_CHILD_H

#include <sys/types.h>

/* 0 in the child. */
pid_t mt_child_fork(void);

/* Waits for its end; its status as waitpid(2) has it. */
int mt_child_wait(pid_t pid);

#endif
