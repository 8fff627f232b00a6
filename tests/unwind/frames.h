/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * frames.h: the stack of a stopped process, by the unwinder that the BPF programs have
 * (logic/unwind.h, with tables of user/unwind) and by libdw's, to be compared.
 *
 * The process is stopped by ptrace; its registers and memory are the snapshot. Both see the same.
 */
#ifndef TESTS_UNWIND_FRAMES_H
#define TESTS_UNWIND_FRAMES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "wire.h"

struct frames {
	uint64_t pc[MT_FRAMES_MAX]; /* innermost first */
	size_t nr;
	uint32_t end; /* enum mt_stack_end; of libdw: COMPLETE, or UNREADABLE for its errors */
};

struct ours;
struct theirs;

/* New mappings are looked for when a pc is in none that is known. */
int ours_new(struct ours **out, pid_t pid);
void ours_free(struct ours **ours);
void ours_unwind(struct ours *ours, const struct user_regs_struct *regs, struct frames *out);

int theirs_new(struct theirs **out, pid_t pid);
void theirs_free(struct theirs **theirs);
void theirs_refresh(struct theirs *theirs);
void theirs_unwind(struct theirs *theirs, pid_t tid, struct frames *out);

#endif
