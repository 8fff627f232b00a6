/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * wire.h: the one header that the BPF programs and user space share.
 *
 * With wire_fault.h it fixes the layout of every map key, map value, ring-buffer record and
 * control request. Both sides are compiled from the same tree and linked into one program, so
 * the layout is not an on-disk format; the capture file has its own (user/capture).
 *
 * Rules: explicit sizes, no pointers, no bool, no bitfields; kinds are append-only and
 * 0 is invalid; every struct's size is asserted. Times are CLOCK_MONOTONIC nanoseconds,
 * sizes are bytes unless the name says otherwise.
 */
#ifndef MT_WIRE_H
#define MT_WIRE_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define MT_FRAMES_MAX  127 /* PERF_MAX_STACK_DEPTH, the kernel's default limit */
#define MT_FRAMES_ROOM 128 /* for as many, so that a number can be masked */
#define MT_COMM_LEN    16  /* TASK_COMM_LEN */

/* How much of a user stack is read at once: as much as lets a thread fit into 2 KiB. */
#define MT_WINDOW_WORDS 47

/* A block that realloc resized this often is a realloc storm (DESIGN section 6). */
#define MT_STORM_CHAIN 4

/* A block freed sooner than this was short-lived. */
#define MT_SHORT_LIVED_NS 1000000ULL

/* Width of the window in which a site's busiest stretch of realloc calls is found. */
#define MT_BUSY_WINDOW_NS 100000000ULL

/* What a probe observes. Also the `kind` of a site, for those that allocate. */
enum mt_func {
	MT_FUNC_INVALID = 0,
	MT_FUNC_MALLOC = 1,
	MT_FUNC_CALLOC = 2,
	MT_FUNC_REALLOC = 3,
	MT_FUNC_REALLOCARRAY = 4,
	MT_FUNC_FREE = 5,
	MT_FUNC_POSIX_MEMALIGN = 6,
	MT_FUNC_ALIGNED_ALLOC = 7,
	MT_FUNC_MEMALIGN = 8,
	MT_FUNC_VALLOC = 9,
	MT_FUNC_PVALLOC = 10,
	MT_FUNC_PTHREAD_CREATE = 11,
	MT_FUNC_MALLOCX = 12,
	MT_FUNC_RALLOCX = 13,
	MT_FUNC_XALLOCX = 14, /* resizes in place or not at all; returns the size that it has */
	MT_FUNC_NEW = 15,
	MT_FUNC_NEW_ARRAY = 16,
	MT_FUNC_RET = 17,      /* not a function: a `ret` by which one ends that may throw */
	MT_FUNC_REALLOCF = 18, /* frees the block also when it fails */
	MT_FUNC_MAX,
};

/*
 * Where an argument is when a probe is hit. A function may have moved it from the register
 * of the calling convention; factors may be multiplied already, the other one is then ONE.
 */
enum mt_arg {
	MT_ARG_NONE = 0, /* the function has no such argument */
	MT_ARG_ONE = 1,
	MT_ARG_X86 = 2,	   /* + register number: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8-r15 */
	MT_ARG_ARM64 = 32, /* + register number: x0-x30 */
	MT_ARG_MAX = 63,
};

/* How a call's result is learnt. */
enum mt_result {
	MT_RESULT_NONE = 0,   /* it has none that matters */
	MT_RESULT_RETURN = 1, /* by a return probe */
	MT_RESULT_RET = 2,    /* by probes on its `ret`s: it may throw, see alloc.bpf.c */
	MT_RESULT_UNKNOWN = 3 /* it may throw, and not all of its ends are known */
};

/*
 * A probe's cookie: { tgid:32, probe:32 }. The process that its link was opened for: a hit in
 * another one (a vfork child on some kernels) is not this link's to count. 0: an event that
 * several processes share. The probe is an index of `mt_probes`.
 */
#define MT_COOKIE(tgid, probe)	((__u64)(__u32)(tgid) << 32 | (__u32)(probe))
#define MT_COOKIE_TGID(cookie)	((__u32)((cookie) >> 32))
#define MT_COOKIE_PROBE(cookie) ((__u32)(cookie))

/* What a probe observes, and where. A size is the product of `size` and `factor`. */
struct mt_probe {
	__u32 func;
	__u8 size;   /* enum mt_arg, all three */
	__u8 factor; /* or ONE */
	__u8 block;  /* what is freed or resized; posix_memalign: where the result goes */
	__u8 result; /* enum mt_result */
	/* Callers at [ip + from, ip + to) are the allocator itself; from == to: not known. */
	__s32 internal_from;
	__s32 internal_to;
	__u32 trap_ns;	 /* what a hit costs on this host before any program runs */
	__u32 return_ns; /* likewise one of its return probe */
};
_Static_assert(sizeof(struct mt_probe) == 24, "wire");

#define MT_PROBES_MAX 16384 /* their indices fit into 16 bits */

/*
 * Log-linear histogram: four buckets an octave, so a bucket is at most 25% wide.
 * Index and bounds are in logic/hist.h.
 */
#define MT_HIST_BUCKETS 168 /* values up to 2^43; larger ones go to the last bucket */

/* Lifetimes are counted in units of 256 ns, so that 2^43 units reach beyond 600 hours. */
#define MT_LIFETIME_SHIFT 8

/*
 * Ways to lose something. Each is a counter; a report prints those that are not zero.
 * X(identifier, name in the report)
 */
#define MT_LOST_LIST(X)                                                                      \
	X(RING_FULL, "ring_full")	    /* an event did not fit into the ring buffer */  \
	X(LIVE_FULL, "live_full")	    /* a block was counted but cannot be followed */ \
	X(SITES_FULL, "sites_full")	    /* an allocation has no site to be counted at */ \
	X(STORMS_FULL, "storms_full")	    /* a realloc has no record for its chain */      \
	X(STACKS_FULL, "stacks_full")	    /* a stack was hashed but not stored */          \
	X(THREADS_FULL, "threads_full")	    /* a thread cannot be followed */                \
	X(IMAGES_FULL, "images_full")	    /* a program image cannot be followed */         \
	X(STACK_FAILED, "stack_failed")	    /* no user stack could be taken */               \
	X(SWAP_EXHAUSTED, "swap_exhausted") /* a compare-and-swap lost too many races */     \
	X(HEADROOM_FULL, "headroom_full")   /* more than 512 GiB below the peak */           \
	X(RESULT_UNREAD, "result_unread")   /* posix_memalign's result could not be read */  \
	X(BLOCK_REPLACED, "block_replaced") /* an address was handed out again unfreed */    \
	X(VM_RING_FULL, "vm_ring_full")	    /* a mapping call did not: the ledger is off */  \
	X(SITE_MISSING, "site_missing")	    /* a freed block's site was gone */              \
	X(NEW_UNFOLLOWED, "new_unfollowed") /* operator new may throw, see alloc.bpf.c */    \
	X(HISTS_FULL, "hists_full")	    /* a size or lifetime is in no histogram */      \
	X(CODE_REPLACED, "code_replaced")   /* its addresses have meant two things */        \
	X(FAULTS_FULL, "faults_full")	    /* a page fault has no site to be counted at */

enum mt_lost {
#define MT_LOST_ENUM(id, name) MT_LOST_##id,
	MT_LOST_LIST(MT_LOST_ENUM)
#undef MT_LOST_ENUM
		MT_LOST_MAX
};

/* `live`: one outstanding block. */
struct mt_live_key {
	__u64 addr;
	__u32 slot;
	__u32 zero;
};
_Static_assert(sizeof(struct mt_live_key) == 16, "wire");

struct mt_live {
	__u64 size_bytes;
	__u64 born_ns;
	__u64 stack;
	__u64 chain_copied_bytes;
	__u64 chain_first_ns;
	__u64 chain_first_bytes;
	__u32 chain_len; /* how often realloc resized it */
	__u16 func;
	__u16 weight; /* it stands for so many, logic/sample.h; 1 where all are followed */
};
_Static_assert(sizeof(struct mt_live) == 56, "wire");

/* `sites` and `storms`: where blocks come from. */
struct mt_site_key {
	__u64 stack;
	__u32 slot;
	__u32 func;
};
_Static_assert(sizeof(struct mt_site_key) == 16, "wire");

#define MT_SITE_FIRST 12

/*
 * Sums over its blocks, each as often as its weight says. `since_*`: {tag:24, since:40}, the change
 * since the epoch that tag names; logic/peak.h.
 */
struct mt_site {
	__u64 alloc_cnt;
	__u64 alloc_bytes;
	__u64 free_cnt;
	__u64 free_bytes;
	__u64 since_bytes;
	__u64 since_cnt;
	__u64 temporary_cnt;
	__u64 short_lived_cnt;
	__u64 max_bytes;
	/* Of its first blocks, those freed first: the bucket + 1; 0: none. Later ones: `hists`. */
	__u8 first_sizes[MT_SITE_FIRST];
	__u8 first_lifetimes[MT_SITE_FIRST];
};
_Static_assert(sizeof(struct mt_site) == 9 * 8 + 2 * MT_SITE_FIRST, "wire");

/* `hists`: beside a site that is called more often; most are not, where stacks are whole. */
struct mt_hists {
	__u32 sizes[MT_HIST_BUCKETS];
	__u32 lifetimes[MT_HIST_BUCKETS];
};
_Static_assert(sizeof(struct mt_hists) == 2 * 4 * MT_HIST_BUCKETS, "wire");

/* Beside a site whose func is realloc or reallocarray. */
struct mt_storm {
	__u64 calls;
	__u64 grown;
	__u64 moved;
	__u64 copied_bytes;
	__u64 chains; /* blocks resized MT_STORM_CHAIN times or more */
	__u64 longest_chain;
	__u64 window; /* {number of the window:32, calls in it:32} */
	__u64 busiest_window_calls;
	__u32 final_sizes[MT_HIST_BUCKETS]; /* of such blocks, when freed */
};
_Static_assert(sizeof(struct mt_storm) == 8 * 8 + 4 * MT_HIST_BUCKETS, "wire");

/*
 * How a stack ends. All but COMPLETE lack their outermost frames.
 * X(identifier, name in the report)
 */
#define MT_STACK_END_LIST(X)                                                                   \
	X(COMPLETE, "complete")	    /* at the program's or the thread's first function */      \
	X(DEEP, "deep")		    /* it has more than MT_FRAMES_MAX frames */                \
	X(NO_TABLE, "no_table")	    /* in a file that has no table, or not yet */              \
	X(NO_ROW, "no_row")	    /* in code that its file's table says nothing of */        \
	X(NO_FILE, "no_file")	    /* in code of no file (a JIT's), without frame pointers */ \
	X(RULE, "rule")		    /* the table has a rule that it cannot express */          \
	X(UNREADABLE, "unreadable") /* the stack could not be read */                          \
	X(NOT_CODE, "not_code")	    /* a return address that leads to no code */               \
	X(BUSY, "busy")		    /* whether it does could not be asked: mappings changed */

enum mt_stack_end {
	MT_STACK_INVALID,
#define MT_STACK_END_ENUM(id, name) MT_STACK_##id,
	MT_STACK_END_LIST(MT_STACK_END_ENUM)
#undef MT_STACK_END_ENUM
		MT_STACK_END_MAX
};

/*
 * A stack: return addresses, innermost first; one that a signal interrupted is 1 more than the
 * address of its instruction, so that 1 less is in the calling instruction for all.
 */
struct mt_stack {
	__u32 nr;
	__u32 end; /* enum mt_stack_end */
	__u64 frames[MT_FRAMES_ROOM];
};
_Static_assert(sizeof(struct mt_stack) == 1032, "wire");

/*
 * `stacks`: a stack in parts, each the callers of the one before it, so that what many stacks have
 * in common, their outer frames, is kept once. The key of a part is a hash of it and of all outside
 * of it; that of the innermost part is the stack's. All parts but the innermost are full.
 */
#define MT_PART_FRAMES 13 /* an entry of the map then takes 192 bytes, an allocation size */
#define MT_PARTS_MAX   ((MT_FRAMES_MAX + MT_PART_FRAMES - 1) / MT_PART_FRAMES)

struct mt_stack_part {
	__u64 outer; /* 0: none */
	__u32 nr;
	__u32 end;		      /* of the whole stack */
	__u64 frames[MT_PART_FRAMES]; /* outermost first */
};
_Static_assert(sizeof(struct mt_stack_part) == 16 + 8 * MT_PART_FRAMES, "wire");

/* `files`: those that code has been seen of; the value is their number, from 1 on. */
struct mt_file_key {
	__u64 inode;
	__u32 dev;     /* as the kernel has it: 12 bits major, 20 bits minor; 0: the vDSO */
	__u32 changed; /* of its ctime: what is written over it is another file */
};
_Static_assert(sizeof(struct mt_file_key) == 16, "wire");

#define MT_FILES_TABLES_MAX 4096 /* files of a higher number have no table */

/* `code`: mappings that are known to be code of an address space, by the pieces they reach into. */
#define MT_CODE_PIECE_SHIFT 16

struct mt_code_key {
	__u64 piece; /* address >> MT_CODE_PIECE_SHIFT */
	__u32 slot;
	__u32 zero;
};
_Static_assert(sizeof(struct mt_code_key) == 16, "wire");

struct mt_code {
	__u64 start; /* of the mapping */
	__u64 end;
	__u64 file_offset; /* of its start */
	__u32 file;	   /* its number; 0: of no file */
	__u32 zero;
};
_Static_assert(sizeof(struct mt_code) == 32, "wire");

/*
 * `tables`: how to unwind the code of a file, one table each (made by user/unwind, searched by
 * logic/unwind.h). An array of nodes: the header, then a tree whose inner nodes and leaves all
 * have MT_TABLE_FANOUT entries, level by level from the root, then the rules.
 *
 * The entry i of an inner node is the file offset at which what its child i covers begins; child
 * i of node n of a level is node n * MT_TABLE_FANOUT + i of the next. A leaf's entry is a row:
 * {file offset less that at which the leaf begins:16, number of the rule:16}, and holds up to the
 * next row, through the leaf's end. Its first offset is 0. Inner entries that are not
 * used are ~0; rows that are not, copies of the last.
 */
#define MT_TABLE_FANOUT	    256
#define MT_TABLE_NODE_RULES 128
#define MT_TABLE_LEVELS_MAX 3 /* inner ones and leaves: 16 million rows */
#define MT_TABLE_RULES_MAX  65536
#define MT_TABLE_MAGIC	    0x3142544d /* "MTB1" */

enum mt_cfa {
	MT_CFA_NONE = 0,   /* no function's code is here */
	MT_CFA_SP = 1,	   /* sp + offset */
	MT_CFA_FP = 2,	   /* fp + offset */
	MT_CFA_SP_AT = 3,  /* the word at sp + offset, + addend */
	MT_CFA_FP_AT = 4,  /* the word at fp + offset, + addend */
	MT_CFA_PLT = 5,	   /* sp + 8, and 8 more from byte `offset` of each 16 bytes on */
	MT_CFA_SIGNAL = 6, /* a signal's frame: the registers are where the kernel put them */
	MT_CFA_END = 7,	   /* nobody called this */
	MT_CFA_OTHER = 8,  /* what none of these can express */
	MT_CFA_BX = 9,	   /* bx + offset; bx is rbx, which holds an old stack pointer then */
};

/*
 * The frame's end (CFA), from the registers in it, and where below that the caller's registers are.
 * The return address is the word below it.
 */
struct mt_rule {
	__s32 offset;
	__u8 cfa; /* enum mt_cfa */
	__u8 addend;
	__s8 fp; /* the caller's is at CFA + 8 * fp; or one of MT_RULE_* */
	__s8 bx; /* likewise */
};
_Static_assert(sizeof(struct mt_rule) == 8, "wire");

/* Not in tables: code for which there is no rule, so that frame pointers have to do. */
#define MT_CFA_BY_FP_NO_ROW  100
#define MT_CFA_BY_FP_NO_FILE 101

#define MT_RULE_SAME  0 /* not saved: as it is */
#define MT_RULE_AT_FP 1 /* at fp: of a function that aligned its stack */

/*
 * `rules`: rules that were found lately, at an index that the key leads to. Written without a lock:
 * what two writers mix up fits no key (R. Hyatt, T. Mann: A lockless transposition table
 * implementation for parallel search, 2002).
 */
#define MT_RULES_CACHED 8192

struct mt_cached_rule {
	__u64 check; /* key ^ rule */
	__u64 rule;  /* struct mt_rule */
};
_Static_assert(sizeof(struct mt_cached_rule) == 16, "wire");

struct mt_table_header {
	__u32 magic;
	__u32 levels;			  /* 2 or 3 */
	__u32 first[MT_TABLE_LEVELS_MAX]; /* the first node of each level, the root's is 1 */
	__u32 rules;			  /* the first node with rules */
	__u32 nr_rules;
	__u32 nr_nodes; /* all, with the header */
};

union mt_table_node {
	struct mt_table_header header;
	__u32 entries[MT_TABLE_FANOUT];
	struct mt_rule rules[MT_TABLE_NODE_RULES];
};
_Static_assert(sizeof(union mt_table_node) == 1024, "wire");

/* Where an unwinding stands. */
struct mt_walk {
	__u64 pc;
	__u64 sp;
	__u64 fp;
	__u64 bx;
	__u64 window;	  /* address of the first word in mt_thread.window */
	__u32 words;	  /* so many are there */
	__u32 after_call; /* pc is a return address: the code that counts is in front of it */
};
_Static_assert(sizeof(struct mt_walk) == 48, "wire");

#define MT_METER_EVERY	16
#define MT_METER_MAX_NS 64000 /* 127 frames take a tenth */

enum mt_birth {
	MT_BIRTH_INVALID = 0,
	MT_BIRTH_ATTACH = 1, /* it ran before us */
	MT_BIRTH_FORK = 2,
	MT_BIRTH_EXEC = 3,
};

/* `procs`: one address space (a program image); the key is its slot. */
struct mt_proc {
	__u64 word; /* the peak algorithm's state, logic/peak.h */
	__u64 peak_bytes;
	__u64 peak_ns;
	__u64 unknown_free_cnt;
	__u64 inherited_free_cnt;
	__u64 flushed_free_cnt;	   /* by the allocator, of what the program had freed before */
	__u64 unfollowed_cnt;	   /* blocks that did not fit into `live` */
	__u64 unfollowed_free_cnt; /* frees that are taken for theirs */
	__u64 failed_cnt;
	__u64 realloc_failed_cnt; /* of these */
	__u64 discarded_cnt;	  /* calls that never returned: longjmp, an exception */
	__u64 hits;		  /* traps taken */
	__u64 end_hits;		  /* of these: at a call's return or `ret` */
	__u64 hits_max;		  /* it closes then: a burst must not cost more; 0: it never does */
	/* By one hit in mt_meter_every, times that: */
	__u64 trap_ns;		/* of the traps alone */
	__u64 run_ns;		/* of the programs that they ran */
	__u64 fault_run_ns;	/* likewise of those that page faults ran */
	__u64 entry_free_cnt;	/* of a process whose calls are seen at their entry only */
	__u64 anon_grown_bytes; /* anonymous memory that became writable, thread stacks aside */
	__u64 anon_heap_bytes;	/* of that: in the course of a call that is probed */
	__u64 alloc_cnt;	/* these three of all blocks, where only some are followed */
	__u64 alloc_bytes;
	__u64 free_cnt;
	__u64 born_ns;
	__u64 fault_cnt;       /* page faults */
	__u64 fault_event_cnt; /* how often it was told of some */
	/* Resident, at the first fault and at most, as faults found it; shared: and of files. */
	__u64 anon_first_pages;
	__u64 anon_most_pages;
	__u64 shared_first_pages;
	__u64 shared_most_pages;
	__u32 tgid;
	__u32 birth; /* enum mt_birth */
	__u32 parent_slot;
	__u32 open; /* calls are counted */
	__u32 seen_from_birth;
	__u32 entry_only; /* as in struct mt_image: blocks have no address */
};
_Static_assert(sizeof(struct mt_proc) == 264, "wire");

/* `images`: which address space a process runs in. A vfork child shares its parent's. */
struct mt_image {
	__u32 slot;
	__u32 attached;	  /* its link is in place and survives the leader's exec */
	__u32 shared;	  /* events that processes share count for it */
	__u32 entry_only; /* its link has no return probes */
};
_Static_assert(sizeof(struct mt_image) == 16, "wire");

/* A call that has begun and not returned. */
struct mt_pending {
	__u64 sp;
	__u64 size_bytes;
	__u64 arg;    /* realloc: the old block; posix_memalign: where the result goes */
	__u64 ip;     /* of the probe */
	__u64 caller; /* where it returns to; of a call whose `ret`s are probed */
	struct mt_live old;
	__u32 func;	/* 0: none */
	__u32 has_old;	/* `old` left `live` for the duration of the call */
	__u32 remapped; /* the kernel moved pages meanwhile: nothing was copied */
	__u32 probe;
	__u32 result; /* enum mt_result; NONE: it is not waited for */
	__u32 weight; /* of its block; 0: that will not be followed */
};
_Static_assert(sizeof(struct mt_pending) == 120, "wire");

/* No event of its own: it only counts growth. */
#define MT_VM_MPROTECT 255

/* A system call on the address space that has begun and not returned. */
struct mt_vm_pending {
	__u64 addr;
	__u64 len;
	__u64 new_len;
	__u64 new_addr;
	__u32 kind; /* enum mt_event_kind, or MT_VM_MPROTECT; 0: none */
	__u32 flags;
	__u32 prot;
	__s32 fd;
	__u64 grows_bytes; /* anonymous memory that it makes writable, if it succeeds */
};
_Static_assert(sizeof(struct mt_vm_pending) == 56, "wire");

/* A mapping that was faulted in. */
struct mt_fault_place {
	__u64 start;
	__u64 end;
	__u32 flags; /* vm_flags */
	__u32 has_file;
	__u64 stamp; /* of the address space then, logic/fault.h */
};
_Static_assert(sizeof(struct mt_fault_place) == 32, "wire");

/* `threads`: one thread of a target; the key is its tid. */
struct mt_thread {
	__u32 slot;
	__u32 tgid;
	__u32 link_tgid;   /* whose link's hits count for this thread */
	__u16 spawning;	   /* between pthread_create and the new task */
	__u16 freed_by;	   /* the probe that told of last_freed */
	__u64 last_alloc;  /* address of its newest block */
	__u64 last_freed;  /* what it freed since: the next free of it is the same one's */
	__u64 spawn_stack; /* of that pthread_create */
	__u64 flushes;	   /* newest calls of `free` that may be its cache's; see on_free */
	__u64 faults_seen; /* its page faults up to the last that was counted */
	__u64 huge_range;  /* logic/fault.h: where it last may have got a huge page */
	struct mt_fault_place place; /* where it last faulted */
	__u64 sample_left;	     /* bytes to its next sample point; 0: not drawn yet */
	struct mt_pending call;
	struct mt_pending outer; /* operator new, while a new_handler's call is pending */
	struct mt_vm_pending vm;
	/* Scratch, per thread: a probe may be preempted, per-CPU would be shared. */
	struct mt_stack scratch;
	struct mt_walk walk;
	struct mt_stack_part part;
	__u64 part_hash;
	__u64 window[MT_WINDOW_WORDS]; /* of its user stack */
};
_Static_assert(sizeof(struct mt_thread) ==
		       104 + 2 * 120 + 56 + 48 + 128 + 1032 + 8 * MT_WINDOW_WORDS,
	       "wire");

/* In whose call a mapping was made: one that is probed, pthread_create, or none; if counted. */
enum mt_maker { MT_MAKER_UNKNOWN, MT_MAKER_PROGRAM, MT_MAKER_HEAP, MT_MAKER_THREAD };

/*
 * Ring buffer: rare events only. `*_BEGIN` leaves the ledger before the kernel unmaps, so
 * that the range may be handed to another thread; END installs the result or puts it back.
 */
enum mt_event_kind {
	MT_EVENT_INVALID = 0,
	MT_EVENT_FORK = 1,	 /* slot: the child's; a: parent's slot; b: parent's tgid */
	MT_EVENT_VFORK = 2,	 /* a child in its parent's address space; else as FORK */
	MT_EVENT_EXEC = 3,	 /* slot: the new image; a: the old; b: former tid; c: maxrss pages;
				    result: CPU time of the process */
	MT_EVENT_EXIT = 4,	 /* a thread; a: wait status; b: 1 if the last; c: maxrss pages;
				    result: as EXEC */
	MT_EVENT_THREAD = 5,	 /* a: new tid; b: its stack pointer; c, d: its stack, 0: unknown;
				    result: bytes of the guard; stack: of pthread_create */
	MT_EVENT_MMAP_BEGIN = 6, /* MAP_FIXED only; a: address; b: length */
	MT_EVENT_MMAP = 7,	 /* a: address asked for; b: length; flags, prot, fd; result */
	MT_EVENT_MUNMAP_BEGIN = 8,  /* a: address; b: length */
	MT_EVENT_MUNMAP = 9,	    /* a: address; b: length; result */
	MT_EVENT_MREMAP_BEGIN = 10, /* a: address; b: length; c: new length; d: new address */
	MT_EVENT_MREMAP = 11,	    /* the same; flags; result */
	MT_EVENT_BRK = 12,	    /* a: old break; result: new break */
	MT_EVENT_OOM = 13,	    /* tgid was chosen by the OOM killer */
	MT_EVENT_FILE = 14, /* code of a new file; a, b: mapped from, to; c: inode; d: dev; result:
			       its number */
};

struct mt_event {
	__u64 ts_ns;
	__u64 a;
	__u64 b;
	__u64 c;
	__u64 d;
	__u64 stack;
	__s64 result;
	__u32 kind;
	__u32 slot;
	__u32 tgid;
	__u32 tid;
	__u32 prot;
	__s32 fd;
	__u32 flags;
	__u32 maker; /* MMAP, MREMAP: enum mt_maker */
	char comm[MT_COMM_LEN];
};
_Static_assert(sizeof(struct mt_event) == 104, "wire");

/* Requests of user space to the `mt_control` program. */
enum mt_control_op {
	MT_CONTROL_INVALID = 0,
	MT_CONTROL_ADOPT = 1,	      /* make tgid a target; slot is the answer */
	MT_CONTROL_OPEN = 2,	      /* its links are in place: count its calls */
	MT_CONTROL_CLOSE = 3,	      /* stop counting */
	MT_CONTROL_SWEEP = 4,	      /* bring every site's tag up to date, logic/peak.h */
	MT_CONTROL_OPEN_AT_BIRTH = 5, /* OPEN, before its first instruction */
	MT_CONTROL_SHARE = 6,	      /* events that processes share count for it too */
	MT_CONTROL_ENTRY_ONLY = 7,    /* its links have no return probes */
	MT_CONTROL_FILE = 8,	      /* the number of the file that we map at `address` */
	MT_CONTROL_BURST = 9,	      /* OPEN for a burst of `number` hits at most; 0: no limit */
};

struct mt_control {
	__u32 op;
	__u32 tgid;
	__u32 slot;
	__s32 error;
	__u64 address;
	__u32 number;
	__u32 zero;
};
_Static_assert(sizeof(struct mt_control) == 32, "wire");

#endif
