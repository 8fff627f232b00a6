/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * model.h: a capture in memory, linked: what analyses read.
 *
 * A row struct is the capture's (capture.h says its units and what -1 means), with its
 * strings and arrays owned by the model; the model adds what a row only names: stacks with
 * their frames resolved, and rows sorted to their process. It computes no results. A stack
 * that the capture lacks has no frames. Processes are in the order of their ids, everything
 * below a process in the order of its key.
 *
 * Everything in a model is const and lives until mt_model_free(). Reading is thread-safe.
 * mt_model_load() returns 0, -ENOMEM, or what the capture's reader returned; -EBADMSG also
 * for rows that contradict each other. The capture can be freed after it.
 */
#ifndef MT_MODEL_MODEL_H
#define MT_MODEL_MODEL_H

#include "capture/capture.h"

struct mt_pool;

/* One function in a stack; several share an address where the compiler inlined. */
struct mt_frame {
	uint64_t address;
	const char *function; /* or NULL */
	const char *file;     /* or NULL */
	const char *module;   /* path; NULL: the address is in no known file */
	const char *build_id; /* of the module, hex; or NULL */
	uint64_t offset;      /* of the address in the module's file */
	uint32_t line;	      /* 0: unknown */
	bool inlined;	      /* into the next frame */
};

/* Innermost first. Frames are those of the process: equal frames are the same pointer. */
struct mt_model_stack {
	uint64_t id;
	const struct mt_frame *const *frames;
	size_t nr;
	const char *end; /* as in struct mt_stack_row */
};

struct mt_model_site {
	struct mt_site_row row;
	struct mt_model_stack stack;
};

struct mt_model_map_site {
	struct mt_map_site_row row;
	struct mt_model_stack stack;
};

struct mt_model_fault_site {
	struct mt_fault_site_row row;
	struct mt_model_stack stack;
};

struct mt_model_spawn {
	struct mt_spawn_row row;
	struct mt_model_stack stack;
};

struct mt_model_process {
	struct mt_process_row row;
	const struct mt_model_site *sites; /* those of one stack are neighbours */
	size_t nr_sites;
	const struct mt_model_map_site *map_sites;
	size_t nr_map_sites;
	const struct mt_model_fault_site *fault_sites;
	size_t nr_fault_sites;
	const struct mt_model_spawn *spawns;
	size_t nr_spawns;
	const struct mt_thread_row *threads;
	size_t nr_threads;
	const struct mt_sample_row *samples;
	size_t nr_samples;
	const struct mt_bill_row *bills; /* "end" before "peak" */
	size_t nr_bills;
	const struct mt_bill_mapping_row *bill_mappings;
	size_t nr_bill_mappings;
	const struct mt_gap_row *gaps;
	size_t nr_gaps;
	const struct mt_module_row *modules;
	size_t nr_modules;
	const struct mt_frame *frames; /* every frame of its stacks, once */
	size_t nr_frames;
};

struct mt_lost_count {
	const char *name;
	int64_t cnt;
};

/* The meta table; NULL or -1 where the capture does not say. */
struct mt_model_meta {
	const char *started;
	const char *mode;
	const char *host;
	const char *kernel;
	const char *arch;
	const char *hooks_vm;
	const char *hooks_return;
	const char *command;
	int64_t duration_ns;
	int64_t finished;
	int64_t cpus;
	int64_t traps;
	int64_t trap_cost_ns;
	int64_t syscall_tax_ns;
	int64_t tick_ns;
	int64_t budget_ppm;
	int64_t sample_bytes; /* -1: all blocks were followed */
	int64_t self_cpu_ns;
	int64_t unwind_files;
	int64_t unwind_tables;
	int64_t unwind_bytes;
	int64_t unwind_from_cache;
	int64_t unwind_evicted;
	int64_t unwind_build_ns;
};

struct mt_model {
	struct mt_pool *pool; /* owns all that follows */
	struct mt_model_meta meta;
	const struct mt_lost_count *lost;
	size_t nr_lost;
	const struct mt_probe_row *probes;
	size_t nr_probes;
	const struct mt_phase_row *phases;
	size_t nr_phases;
	const struct mt_model_process *processes;
	size_t nr_processes;
};

/* The file that was mapped around the call before a return address, or NULL. */
const struct mt_module_row *mt_model_module(const struct mt_model_process *p, uint64_t address);

int mt_model_load(struct mt_model **out, struct mt_capture *c);
void mt_model_free(struct mt_model **model);

#endif
