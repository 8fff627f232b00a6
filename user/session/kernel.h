/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * kernel.h: the loaded BPF programs and their maps.
 *
 * mt_kernel_load() picks what this kernel can do (features.h), sizes the maps so that
 * together they stay within map_memory_bytes when full, loads, and attaches what watches
 * tasks and address spaces. Probes in allocators are links.h's. Everything is held by file
 * descriptors of this process only: when it ends, however it ends, nothing remains.
 *
 * One thread. Errors are -errno, already logged unless a comment says otherwise.
 */
#ifndef MT_SESSION_KERNEL_H
#define MT_SESSION_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire.h"

/* What ties probes to a process, the cheapest first. */
enum mt_link_kind {
	MT_LINK_AUTO = 0,
	MT_LINK_SESSION, /* one link for entries and returns of all functions of a file */
	MT_LINK_MULTI,	 /* one for the entries, one for the returns */
	MT_LINK_PERF,	 /* a perf event for each */
	MT_LINK_SHARED,	 /* one event for each, for all processes */
	MT_LINK_NONE,	 /* no probe anywhere: allocator calls are not seen */
};

enum mt_vm_hooks {
	MT_VM_AUTO = 0,
	MT_VM_FENTRY,
	MT_VM_TRACEPOINT,
	MT_VM_NONE,
};

struct mt_kernel_options {
	enum mt_link_kind links;
	enum mt_vm_hooks vm;
	bool no_stacks;
	uint64_t map_memory_bytes;
	bool time_all;	       /* time every hit: bursts have few; else one in MT_METER_EVERY */
	uint64_t sample_bytes; /* between sample points, logic/sample.h; 0: follow all blocks */
};

struct mt_closer;
struct mt_kernel;
struct mt_probes;
struct mt_shared;
struct mt_trap_prices;

int mt_kernel_load(struct mt_kernel **out, const struct mt_kernel_options *options);
void mt_kernel_free(struct mt_kernel **kernel);

/* Stop watching address spaces. The closer does it, which may take a second. */
void mt_kernel_unhook(struct mt_kernel *k);

/* What of --map-memory is for the unwinder's tables. */
uint64_t mt_kernel_table_bytes(const struct mt_kernel_options *options);

/* The kind that processes get as long as few of them map a file; links.h. */
enum mt_link_kind mt_kernel_links(const struct mt_kernel *k);
/* Does a vfork child need links of its own? Else its parent's see it too. */
bool mt_kernel_links_by_process(const struct mt_kernel *k);
/* Is that the only kind: was it asked for? */
bool mt_kernel_links_forced(const struct mt_kernel *k);
/* What a hit costs on this host; NULL: that could not be measured. */
const struct mt_trap_prices *mt_kernel_prices(const struct mt_kernel *k);
/* Each hit costs so much more than was known; and a price: rehearse.h. */
int mt_kernel_raise_prices(struct mt_kernel *k, double more_ns, double census_run_ns);
/* Can one link have many probes, whatever kind was asked for? */
bool mt_kernel_has_multi(const struct mt_kernel *k);
/* May a process under a seccomp filter have return probes? */
bool mt_kernel_returns_pass_seccomp(struct mt_kernel *k);
enum mt_vm_hooks mt_kernel_vm_hooks(const struct mt_kernel *k);
/* What these make every system call of the host cost more. */
int64_t mt_kernel_syscall_tax_ns(const struct mt_kernel *k);
/* As in the options. */
uint64_t mt_kernel_sample_bytes(const struct mt_kernel *k);

/* Where links are closed. */
struct mt_closer *mt_kernel_closer(const struct mt_kernel *k);

/* What links.h keeps for all of them. */
struct mt_probes *mt_kernel_probes(const struct mt_kernel *k);
struct mt_shared *mt_kernel_shared(const struct mt_kernel *k);

/* Programs for links.h to attach; a session has one for both. */
int mt_kernel_enter_fd(const struct mt_kernel *k, enum mt_link_kind kind);
int mt_kernel_exit_fd(const struct mt_kernel *k, enum mt_link_kind kind);

/* Ask mt_control (wire.h); *slot may be NULL. Not logged. */
int mt_kernel_control(struct mt_kernel *k, enum mt_control_op op, pid_t tgid, uint32_t *slot);

/*
 * MT_CONTROL_BURST: opens a window in which nothing is known of older blocks, and which closes by
 * itself after so many hits; 0: it does not. Not logged.
 */
int mt_kernel_burst(struct mt_kernel *k, pid_t tgid, uint64_t hits_max);

/*
 * The number under which the kernel knows the file that we have mapped at `at`, MT_CONTROL_FILE.
 * What stat() says would not do: on an overlay or btrfs, code is of another inode or device. Not
 * logged.
 */
int mt_kernel_file_number(struct mt_kernel *k, const void *at, uint32_t *number);

/* The program for page faults, and how they are sampled; faults.h. */
int mt_kernel_fault_fd(const struct mt_kernel *k);
void mt_kernel_sample_faults(struct mt_kernel *k, uint32_t period, uint32_t one_in);

/* Events: a descriptor to wait on, and a callback for each that is there. */
int mt_kernel_events_fd(const struct mt_kernel *k);
int mt_kernel_events(struct mt_kernel *k, void (*cb)(const struct mt_event *, void *), void *arg);

/* A map by its name in bpf/maps.h, for tables.h; belongs to the kernel object. */
int mt_kernel_map_fd(const struct mt_kernel *k, const char *name);

#endif
