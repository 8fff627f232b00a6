/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * capture.h: the capture file, a SQLite database (DESIGN section 2).
 *
 * The recorder writes rows inside transactions, one a tick, so that after kill -9 the file
 * holds everything up to the last tick. Every put is an upsert on the row's key: a later
 * tick replaces what an earlier one said. Readers get the same row structs by callback.
 * Pointers in a row handed to a callback are valid during the callback only; those handed
 * to a put need only live through the call.
 *
 * A row knows nothing of the kernel side's layout. Times are nanoseconds since the start
 * of the capture (may be negative for what began earlier); -1 in a field whose comment
 * says "or -1" means unknown. Errors are -errno; a full disk is -ENOSPC, a file that is
 * no capture -EBADMSG, one of a newer schema -EPROTO. A capture that is damaged halfway
 * yields what can be read, then -EBADMSG.
 *
 * A capture that was opened shows one state of the file, even while that still grows, and
 * holds its writer up: load the model, then free it. A commit that finds the file read by
 * somebody for a second returns -EBUSY and leaves the transaction open: commit again. A
 * process that still writes a capture must not open it too, but can iterate over its own.
 *
 * Not thread-safe; one writer. The file is created 0600 with O_EXCL and O_NOFOLLOW.
 */
#ifndef MT_CAPTURE_CAPTURE_H
#define MT_CAPTURE_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/tally.h"
#include "target/build.h"

#define MT_CAPTURE_SCHEMA 9

struct mt_capture;

/* Keys of the meta table. */
#define MT_META_STARTED	       "started"     /* RFC 3339 */
#define MT_META_DURATION_NS    "duration_ns" /* up to the last tick */
#define MT_META_FINISHED       "finished"    /* 1 when the recording ended in order */
#define MT_META_MODE	       "mode"
#define MT_META_BUDGET_PPM     "budget_ppm" /* of the targets' CPU time; mode auto */
#define MT_META_HOST	       "host"	    /* its name */
#define MT_META_KERNEL	       "kernel"
#define MT_META_ARCH	       "arch"
#define MT_META_CPUS	       "cpus"
#define MT_META_HOOKS_VM       "hooks_vm"	/* fentry, tracepoint, none */
#define MT_META_SYSCALL_TAX_NS "syscall_tax_ns" /* each of the host cost more by these hooks */
#define MT_META_HOOKS_RET      "hooks_return"	/* session, uretprobe_multi, uretprobe */
#define MT_META_TRAPS	       "traps"
#define MT_META_TRAP_COST_NS   "trap_cost_ns" /* of an emulated instruction, on that host */
#define MT_META_TICK_NS	       "tick_ns"
#define MT_META_SELF_CPU_NS    "self_cpu_ns" /* CPU time that the recorder itself used */
#define MT_META_COMMAND	       "command"     /* the target as asked for: "-p 123", "-- prog" */

/* Not there when all blocks were followed. Else sites are estimates, from blocks by weight. */
#define MT_META_SAMPLE_BYTES "sample_bytes"

/* Keys on the tables for unwinding; not there when no stacks were taken. */
#define MT_META_UNWIND_FILES	  "unwind_files"      /* whose code was met */
#define MT_META_UNWIND_TABLES	  "unwind_tables"     /* of these that were there in the end */
#define MT_META_UNWIND_BYTES	  "unwind_bytes"      /* kernel memory of these tables */
#define MT_META_UNWIND_FROM_CACHE "unwind_from_cache" /* tables that were not built anew */
#define MT_META_UNWIND_EVICTED	  "unwind_evicted"    /* for want of room */
#define MT_META_UNWIND_BUILD_NS	  "unwind_build_ns"   /* spent in reading and building */

struct mt_probe_row {
	const char *module;
	const char *function;
	uint64_t offset;       /* in the file's function, from its first byte */
	const char *placement; /* "emulated", "stepped", or NULL: not classified */
	const char *kind;      /* "entry", "session", "return" */
};

/* One program image (DESIGN section 6: exec ends one and opens another). */
struct mt_process_row {
	uint32_t id;	    /* its slot: unique in the capture */
	uint32_t parent_id; /* 0: none */
	int32_t pid;
	int32_t ppid;
	const char *comm;
	const char *exe;	/* may be NULL */
	const char *cgroup;	/* may be NULL */
	const char *allocators; /* comma-separated, "glibc 2.36"; may be NULL */
	const char *runtimes;	/* that own memory in other ways: "Go"; likewise */
	const char *heap_note;	/* why its heap was not watched, or only in part; may be NULL */
	struct mt_build build;	/* of its executable */
	int64_t start_ns;
	int64_t end_ns;	     /* or -1: still running at the last tick */
	const char *ended;   /* "exec", "exit", "signal", "running" */
	int32_t exit_status; /* status, or the signal's number; -1: none */
	bool oom_killed;
	const char *since; /* "start" or "attach": what the heap counts cover */
	int64_t seen_ns;   /* when its allocator calls began to be counted; -1: never */

	int64_t peak_rss_bytes; /* or -1 */
	int64_t peak_rss_ns;
	const char *peak_rss_kind;    /* "kernel" or "sampled" */
	int64_t peak_rss_error_bytes; /* or -1 */
	int64_t peak_mapped_bytes;    /* or -1 */

	int64_t heap_live_bytes; /* or -1: its heap was never watched */
	int64_t heap_peak_bytes; /* or -1 */
	int64_t heap_peak_ns;	 /* or -1 */
	int64_t unknown_free_cnt;
	int64_t inherited_free_cnt;
	int64_t flushed_free_cnt; /* by the C library, of what the program had freed before */
	int64_t failed_cnt;
	int64_t realloc_failed_cnt; /* of these */
	int64_t discarded_cnt;
	bool entry_only;	/* calls were seen where they begin: no block has an address */
	int64_t entry_free_cnt; /* frees of such a process */
	int64_t alloc_cnt;	/* these three of all its blocks, or -1: its sites know them */
	int64_t alloc_bytes;
	int64_t free_cnt;

	int64_t cpu_ns; /* its CPU time while it was recorded, what it lost included */
	/* Of that, by sampling one trap in 16: */
	int64_t trap_ns; /* lost in traps, or -1: their price is not known */
	int64_t run_ns;	 /* and in the programs that these ran */
	int64_t bill_ns; /* beside it: spent by us in itemising its resident memory */

	/* Mode auto. Bursts and what they counted, tally.h; all 0: there were none. */
	int32_t windowed; /* it had some, however short */
	struct mt_bursts bursts;
	double burst_own_ns; /* what they stand for: progress in its life but in exact phases */
	struct mt_tally alloc_cnt_tally;
	struct mt_tally alloc_bytes_tally;
	/* What lives and the peak are of what was allocated since; -1: not known, bursts go on. */
	int64_t exact_since_ns;

	int64_t anon_grown_bytes; /* anonymous memory that became writable, or -1 */
	int64_t anon_heap_bytes;  /* of that: by probed calls, or -1 */
	int64_t mmap_cnt;
	int64_t mmap_bytes;
	int64_t munmap_cnt;
	int64_t munmap_bytes;
	int64_t mremap_cnt;
	int64_t brk_grown_bytes;
	int64_t map_live_bytes;
	int64_t map_peak_bytes;
	int64_t arena_reserved_bytes; /* glibc's per-thread arenas */

	int64_t fault_cnt;	  /* page faults, or -1: not watched */
	int64_t fault_period;	  /* at the coarsest, one of so many got a stack; or -1 */
	int64_t anon_rss_bytes;	  /* resident anonymous memory, growth up to its peak; or -1 */
	int64_t shared_rss_bytes; /* of files and shared memory, likewise */

	int64_t threads_created;
	int64_t threads_exited;
	int64_t threads_peak_alive;
	int64_t stack_reserved_peak_bytes;
	int64_t stack_touched_peak_bytes; /* or -1: no tick saw one */
};

struct mt_module_row {
	uint32_t process;
	uint64_t start;
	uint64_t end;
	uint64_t file_offset;
	const char *path;
	const char *build_id; /* hex, or NULL */
};

struct mt_stack_row {
	uint64_t id;
	const uint64_t *frames; /* innermost first */
	size_t nr;
	const char *end; /* how it ends, MT_STACK_END_LIST (wire.h); NULL: not known */
};

/* What an address in a process means; several rows with rising `depth` when inlined. */
struct mt_symbol_row {
	uint32_t process;
	uint64_t address;
	uint32_t depth; /* 0 is innermost */
	bool inlined;
	const char *function; /* demangled, or NULL */
	const char *file;     /* or NULL */
	uint32_t line;	      /* 0: unknown */
	const char *module;   /* path, or NULL */
	uint64_t offset;      /* of the address in the module's file */
};

/* A histogram is log-linear as in bpf/logic/hist.h: `nr` counts. */
struct mt_hist_row {
	const uint64_t *counts;
	size_t nr;
};

/* Realloc at one site; absent for sites of other kinds. */
struct mt_storm_row {
	int64_t calls;
	int64_t grown;
	int64_t moved;
	int64_t copied_bytes;
	int64_t chains; /* blocks that realloc resized MT_STORM_CHAIN times or more */
	int64_t longest_chain;
	int64_t busiest_100ms_calls;
	struct mt_hist_row final_sizes; /* bytes */
};

struct mt_site_row {
	uint32_t process;
	uint64_t stack;
	const char *kind; /* "malloc", "calloc", ... */
	int64_t alloc_cnt;
	int64_t alloc_bytes;
	int64_t free_cnt;
	int64_t free_bytes;
	int64_t at_peak_cnt;
	int64_t at_peak_bytes;
	int64_t temporary_cnt;
	int64_t short_lived_cnt;
	int64_t max_bytes;
	struct mt_hist_row sizes;     /* bytes */
	struct mt_hist_row lifetimes; /* 256 ns */
	struct mt_hist_row ages;      /* 256 ns, of live blocks at the end; nr 0: not taken */
	int64_t max_age_ns;	      /* or -1 */
	/* What lives at the end in blocks of 64 KiB and more; of that, what is resident; or -1. */
	int64_t large_bytes;
	int64_t large_resident_bytes;
	struct mt_tally alloc_cnt_tally; /* of alloc_cnt what bursts counted; as in the process */
	struct mt_tally alloc_bytes_tally;
	const struct mt_storm_row *storm; /* or NULL */
};

struct mt_map_site_row {
	uint32_t process;
	uint64_t stack;	  /* 0: none could be taken */
	const char *kind; /* "mmap", "brk" */
	int64_t cnt;
	int64_t bytes;
	int64_t live_bytes;
	int64_t at_peak_bytes; /* at the peak of the ledger's total */
};

/* Where memory was touched first. */
struct mt_fault_site_row {
	uint32_t process;
	uint64_t stack;	   /* 0: none could be taken */
	const char *class; /* what was touched, MT_FAULT_CLASS_LIST (wire.h) */
	int64_t sample_cnt;
	int64_t fault_cnt; /* that the samples stand for */
	int64_t bytes;	   /* that these can have brought */
};

struct mt_thread_row {
	uint32_t process;
	int32_t tid;
	const char *comm;
	bool main;
	int64_t start_ns;
	int64_t end_ns;		/* or -1 */
	uint64_t spawn_stack;	/* 0: unknown */
	int64_t reserved_bytes; /* or -1; without the guard */
	int64_t guard_bytes;	/* or -1 */
	int64_t touched_bytes;	/* or -1: no tick saw it */
};

/* Threads by where they were created. */
struct mt_spawn_row {
	uint32_t process;
	uint64_t stack; /* 0: unknown */
	int64_t created;
	int64_t peak_alive;
	int64_t reserved_bytes;	   /* of one thread, the largest */
	int64_t touched_max_bytes; /* or -1 */
};

struct mt_sample_row {
	uint32_t process;
	int64_t t_ns;
	int64_t rss_bytes;
	int64_t heap_live_bytes; /* or -1 */
	int64_t mapped_bytes;
	int64_t threads;
};

/* What its resident memory consisted of; these parts add up to it. */
struct mt_bill_row {
	uint32_t process;
	const char *at; /* "peak", "end" */
	int64_t t_ns;
	int64_t rss_bytes;
	int64_t allocator_bytes;
	int64_t heap_live_bytes; /* of that: of blocks that lived; or -1 */
	int64_t thread_stacks_bytes;
	int64_t file_bytes;
	int64_t shmem_bytes;
	int64_t other_anon_bytes;
	int64_t unexplained_bytes;
	int64_t page_tables_bytes;   /* or -1; this and the next are beside it */
	int64_t kernel_stacks_bytes; /* or -1 */
};

/* The largest of its mappings, those of one name and part together. */
struct mt_bill_mapping_row {
	uint32_t process;
	const char *at;
	uint32_t rank;	  /* from 0 on */
	const char *part; /* "allocator", "thread_stacks" and so on */
	const char *name;
	int64_t rss_bytes;
};

/* A stretch in which a process ran and its calls were not counted. */
struct mt_gap_row {
	uint32_t process;
	int64_t from_ns;
	int64_t to_ns;
	const char *why;
};

/* Mode auto: the layer that ran from then on. */
struct mt_phase_row {
	int64_t from_ns;
	const char *layer; /* "kernel", "burst", "exact" */
};

int mt_capture_create(struct mt_capture **out, const char *path, bool force);
int mt_capture_open(struct mt_capture **out, const char *path);
void mt_capture_free(struct mt_capture **capture);

int mt_capture_begin(struct mt_capture *c);
int mt_capture_commit(struct mt_capture *c);

int mt_capture_put_meta(struct mt_capture *c, const char *key, const char *value);
int mt_capture_put_meta_int(struct mt_capture *c, const char *key, int64_t value);
int mt_capture_put_lost(struct mt_capture *c, const char *name, int64_t cnt);
int mt_capture_put_probe(struct mt_capture *c, const struct mt_probe_row *row);
int mt_capture_put_process(struct mt_capture *c, const struct mt_process_row *row);
int mt_capture_put_module(struct mt_capture *c, const struct mt_module_row *row);
int mt_capture_put_stack(struct mt_capture *c, const struct mt_stack_row *row);
int mt_capture_put_symbol(struct mt_capture *c, const struct mt_symbol_row *row);
int mt_capture_put_site(struct mt_capture *c, const struct mt_site_row *row);
int mt_capture_put_map_site(struct mt_capture *c, const struct mt_map_site_row *row);
int mt_capture_put_fault_site(struct mt_capture *c, const struct mt_fault_site_row *row);
int mt_capture_put_thread(struct mt_capture *c, const struct mt_thread_row *row);
int mt_capture_put_spawn(struct mt_capture *c, const struct mt_spawn_row *row);
int mt_capture_put_sample(struct mt_capture *c, const struct mt_sample_row *row);
int mt_capture_put_gap(struct mt_capture *c, const struct mt_gap_row *row);
int mt_capture_put_phase(struct mt_capture *c, const struct mt_phase_row *row);
int mt_capture_put_bill(struct mt_capture *c, const struct mt_bill_row *row);
int mt_capture_put_bill_mapping(struct mt_capture *c, const struct mt_bill_mapping_row *row);

/* A process's samples, or bills, that were put so far are void. */
int mt_capture_drop_samples(struct mt_capture *c, uint32_t process);
int mt_capture_drop_bills(struct mt_capture *c, uint32_t process);

/*
 * Iteration. A callback returns 0 to go on or -errno to stop; the iteration returns what
 * stopped it. Rows come in the order of their keys. Writing while iterating is allowed.
 */
#define MT_CAPTURE_EACH(name, type)                                                              \
	int mt_capture_each_##name(struct mt_capture *c, int (*cb)(const struct type *, void *), \
				   void *arg)

int mt_capture_each_meta(struct mt_capture *c,
			 int (*cb)(const char *key, const char *value, void *), void *arg);
int mt_capture_each_lost(struct mt_capture *c, int (*cb)(const char *name, int64_t cnt, void *),
			 void *arg);
MT_CAPTURE_EACH(probe, mt_probe_row);
MT_CAPTURE_EACH(process, mt_process_row);
MT_CAPTURE_EACH(module, mt_module_row);
MT_CAPTURE_EACH(stack, mt_stack_row);
MT_CAPTURE_EACH(symbol, mt_symbol_row);
MT_CAPTURE_EACH(site, mt_site_row);
MT_CAPTURE_EACH(map_site, mt_map_site_row);
MT_CAPTURE_EACH(fault_site, mt_fault_site_row);
MT_CAPTURE_EACH(thread, mt_thread_row);
MT_CAPTURE_EACH(spawn, mt_spawn_row);
MT_CAPTURE_EACH(sample, mt_sample_row);
MT_CAPTURE_EACH(gap, mt_gap_row);
MT_CAPTURE_EACH(phase, mt_phase_row);
MT_CAPTURE_EACH(bill, mt_bill_row);
MT_CAPTURE_EACH(bill_mapping, mt_bill_mapping_row);

#endif
