/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * wire_fault.h: the part of wire.h that is about page faults; its rules hold here too.
 */
#ifndef MT_WIRE_FAULT_H
#define MT_WIRE_FAULT_H

#include "wire.h"

/*
 * What a page fault's address is in.
 * X(identifier, name in the report)
 */
#define MT_FAULT_CLASS_LIST(X)                                               \
	X(HEAP, "heap")	      /* what brk made */                            \
	X(STACK, "stack")     /* a thread's */                               \
	X(ANON, "anon")	      /* other private memory */                     \
	X(FILE, "file")	      /* a file's pages, and what processes share */ \
	X(UNKNOWN, "unknown") /* it could not be asked: another thread changed the mappings */

enum mt_fault_class {
	MT_FAULT_INVALID,
#define MT_FAULT_CLASS_ENUM(id, name) MT_FAULT_##id,
	MT_FAULT_CLASS_LIST(MT_FAULT_CLASS_ENUM)
#undef MT_FAULT_CLASS_ENUM
		MT_FAULT_CLASS_MAX
};

/* `faults`: where a process touches memory first. */
struct mt_fault_key {
	__u64 stack;
	__u32 slot;
	__u32 class; /* enum mt_fault_class */
};
_Static_assert(sizeof(struct mt_fault_key) == 16, "wire");

struct mt_fault {
	__u64 sample_cnt;
	__u64 fault_cnt; /* that they stand for */
	__u64 page_cnt;	 /* that these may have brought, logic/fault.h */
};
_Static_assert(sizeof(struct mt_fault) == 24, "wire");

/* `fault_work`: what was done about page faults, on each CPU. */
struct mt_fault_work {
	__u64 event_cnt;
	__u64 stack_cnt;
	__u64 run_ns; /* of the program, from one event in MT_METER_EVERY */
};

#endif
