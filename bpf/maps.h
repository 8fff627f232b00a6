/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * maps.h: every map and knob, defined in core.bpf.c and declared here for the others.
 *
 * Hash maps are not preallocated: a recording of a small program must not cost what one
 * of a large program may (allowed in tracing programs since 6.1, kernel commit
 * 96da3f7d489d). Their max_entries are set at load from --map-memory.
 */
#ifndef MT_MAPS_H
#define MT_MAPS_H

#include <vmlinux.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "wire_fault.h"

#define MT_HASH(name, key_type, value_type)           \
	struct name {                                 \
		__uint(type, BPF_MAP_TYPE_HASH);      \
		__uint(map_flags, BPF_F_NO_PREALLOC); \
		__uint(max_entries, 1024);            \
		__type(key, key_type);                \
		__type(value, value_type);            \
	}

MT_HASH(mt_live_map, struct mt_live_key, struct mt_live);
MT_HASH(mt_sites_map, struct mt_site_key, struct mt_site);
MT_HASH(mt_hists_map, struct mt_site_key, struct mt_hists);
MT_HASH(mt_storms_map, struct mt_site_key, struct mt_storm);
MT_HASH(mt_faults_map, struct mt_fault_key, struct mt_fault);
MT_HASH(mt_stacks_map, __u64, struct mt_stack_part);
MT_HASH(mt_procs_map, __u32, struct mt_proc);
MT_HASH(mt_images_map, __u32, struct mt_image);
MT_HASH(mt_threads_map, __u32, struct mt_thread);
MT_HASH(mt_files_map, struct mt_file_key, __u32);

struct mt_code_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct mt_code_key);
	__type(value, struct mt_code);
};

/*
 * A file's table: user space makes it with as many nodes as it needs. By sizes: clang describes no
 * type that only a map inside another one has.
 */
struct mt_table_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_INNER_MAP | BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(union mt_table_node));
};

struct mt_rules_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MT_RULES_CACHED);
	__type(key, __u32);
	__type(value, struct mt_cached_rule);
};

/* How often the kernel was asked for code that proved to be a file's, by the file's number. */
struct mt_uses_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MT_FILES_TABLES_MAX);
	__type(key, __u32);
	__type(value, __u64);
};

/* By the file's number. */
struct mt_tables_map {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MT_FILES_TABLES_MAX);
	__type(key, __u32);
	__array(values, struct mt_table_map);
};

struct mt_probes_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MT_PROBES_MAX);
	__type(key, __u32);
	__type(value, struct mt_probe);
};

struct mt_lost_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MT_LOST_MAX);
	__type(key, __u32);
	__type(value, __u64);
};

struct mt_fault_work_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mt_fault_work);
};

/* Two rings: a flood of mmap calls must not cost the news that a process began or ended. */
struct mt_events_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
};

/* Zeroes to insert as an empty value: the largest, mt_thread, would not fit on the BPF stack. */
#define MT_ZERO_WORDS (sizeof(struct mt_thread) / 8)
_Static_assert(sizeof(struct mt_hists) <= sizeof(struct mt_thread), "fits into mt_zero");
_Static_assert(sizeof(struct mt_storm) <= sizeof(struct mt_thread), "fits into mt_zero");

#ifndef MT_MAPS_DEFINE
extern struct mt_live_map mt_live SEC(".maps");
extern struct mt_sites_map mt_sites SEC(".maps");
extern struct mt_hists_map mt_hists SEC(".maps");
extern struct mt_storms_map mt_storms SEC(".maps");
extern struct mt_faults_map mt_faults SEC(".maps");
extern struct mt_fault_work_map mt_fault_work SEC(".maps");
extern struct mt_stacks_map mt_stacks SEC(".maps");
extern struct mt_procs_map mt_procs SEC(".maps");
extern struct mt_images_map mt_images SEC(".maps");
extern struct mt_threads_map mt_threads SEC(".maps");
extern struct mt_files_map mt_files SEC(".maps");
extern struct mt_tables_map mt_tables SEC(".maps");
extern struct mt_rules_map mt_rules SEC(".maps");
extern struct mt_uses_map mt_uses SEC(".maps");
extern struct mt_code_map mt_code SEC(".maps");
extern struct mt_probes_map mt_probes SEC(".maps");
extern struct mt_lost_map mt_lost SEC(".maps");
extern struct mt_events_map mt_events SEC(".maps");
extern struct mt_events_map mt_vm_events SEC(".maps");

/*
 * The kernel filters a multi-probe's hits by process, so a vfork child needs a link of its
 * own; a perf_event's by address space, so there the parent's link sees the child too.
 */
extern const volatile __u32 mt_links_by_process;
extern const volatile __u32 mt_stacks_wanted;
/* Not all blocks are followed, but what has a sample point, logic/sample.h; 0: all are. */
extern const volatile __u64 mt_sample_bytes;
/* One hit of a probe in so many is timed. */
extern const volatile __u32 mt_meter_every;
extern const volatile __u64 mt_zero[MT_ZERO_WORDS];
#endif

#endif
