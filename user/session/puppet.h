/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * puppet.h: a throwaway process that runs only what we make it run, for trying probes.
 *
 * It executes our own program and is stopped (ptrace) before the first instruction of that:
 * nothing of ours is in its memory, it has one descriptor, the file, which it maps as ld.so
 * would, but does not relocate. Then single functions of that file can be run with registers
 * of our choice, step by step. The file may be hostile: once sealed, the puppet can make no
 * system call, and can change nothing but itself. It is killed when we die, and when it has
 * lived for MT_PUPPET_LIFE_S from then on.
 *
 * Its owner must be one thread (ptrace); only that one child is waited for, and reaped by
 * mt_puppet_free(). x86-64 only. Offsets are bytes in the file. Errors are -errno, not logged:
 * -ETIMEDOUT at the end of its life, -ESRCH when it is dead.
 */
#ifndef MT_SESSION_PUPPET_H
#define MT_SESSION_PUPPET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MT_PUPPET_LIFE_S 2

struct mt_closer;
struct mt_puppet;

/*
 * `fd` is read-only and borrowed, as is the closer, which gets the links of the probes; NULL: they
 * are closed at once. -EPERM and others: ptrace or the program cannot be had. -ENOEXEC: the file
 * is not one for this machine, or damaged.
 */
int mt_puppet_new(struct mt_puppet **out, int fd, struct mt_closer *closer);
void mt_puppet_free(struct mt_puppet **puppet);

/* Attaches a BPF program to the file's instructions, by one link for all or perf events. */
struct mt_puppet_probes {
	const uint64_t *offsets;
	const uint64_t *cookies;
	uint32_t cnt;
	int prog_fd;
	int attach_type; /* MT_BPF_TRACE_UPROBE_*, of a link for many; 0: perf events */
	bool returns;
};

int mt_puppet_probe(struct mt_puppet *p, const struct mt_puppet_probes *probes);

/* A descriptor that mt_perf_ran() tells its CPU time of (perf.h); the caller's. */
int mt_puppet_clock(const struct mt_puppet *p);

/* False: it has been killed, or has lived too long. */
bool mt_puppet_is_alive(const struct mt_puppet *p);

/* From here on it can make no system call. */
int mt_puppet_seal(struct mt_puppet *p);

/* Where it has mapped executable code; -ENOENT: it is none. */
int mt_puppet_address(const struct mt_puppet *p, uint64_t offset, uint64_t *address);

/*
 * Memory to point at, and its size: a page of pointers to itself, so that what is followed leads
 * somewhere, and zeros. Its address is a power of two, which an allocator may take for an
 * alignment, and a multiple of 32 MiB: mimalloc finds a block's segment by rounding its address
 * down.
 */
#define MT_PUPPET_MEMORY       (1ULL << 40)
#define MT_PUPPET_MEMORY_BYTES (64ULL << 20)

/* The stack and frame pointers of a call at a function's first instruction. */
#define MT_PUPPET_SP (MT_PUPPET_MEMORY - (512ULL << 10) - 8)
#define MT_PUPPET_FP (MT_PUPPET_SP + 256)

/*
 * Lets a function be called with these arguments, from where mt_puppet_finish() ends. The other
 * registers are small numbers, all different.
 */
int mt_puppet_call(struct mt_puppet *p, uint64_t address, const uint64_t args[3]);

/*
 * Runs one instruction, a probed one too: the kernel sends the SIGTRAP of one that it has emulated
 * or stepped itself. -EFAULT: another signal came.
 */
int mt_puppet_step(struct mt_puppet *p);

/* Lets the function return at once, wherever it is: as if its frame were gone. */
int mt_puppet_return(struct mt_puppet *p);

/* Runs until the call has returned to its caller. -EFAULT: it got elsewhere. */
int mt_puppet_finish(struct mt_puppet *p);

#endif
