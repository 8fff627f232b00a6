/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * call.h: decisions about one call of an allocator's function: what it asks for, what it
 * may free, whether another call is nested in it, and how a chain of reallocs goes on.
 *
 * No helpers: compiled into BPF and on the host.
 */
#ifndef MT_LOGIC_CALL_H
#define MT_LOGIC_CALL_H

#include "../wire.h"

/* How far the stack pointer is above its entry value at the return probe. */
#if defined(__TARGET_ARCH_x86) || defined(__x86_64__)
#define MT_RETURN_POP 8 /* `ret` has popped the return address */
#else
#define MT_RETURN_POP 0
#endif

/* Is `caller` in the code that the probe at `ip` takes for the allocator's own? */
static inline int mt_call_internal(const struct mt_probe *probe, __u64 ip, __u64 caller)
{
	__s64 distance = caller - ip;

	return distance >= probe->internal_from && distance < probe->internal_to;
}

/* n * size; what cannot be represented will fail in the allocator too. */
static inline __u64 mt_call_product(__u64 n, __u64 size)
{
	__u64 most = n > 1 ? ~0ULL / n : ~0ULL; /* a division is dear, and most have no factor */

	/* Hides the comparison: clang makes it a 128-bit product, which BPF has not. */
	asm volatile("" : "+r"(most));
	return size > most ? ~0ULL : n * size;
}

static inline int mt_call_frees(__u32 func)
{
	return func == MT_FUNC_REALLOC || func == MT_FUNC_REALLOCARRAY ||
	       func == MT_FUNC_REALLOCF || func == MT_FUNC_RALLOCX || func == MT_FUNC_XALLOCX;
}

/* realloc(p, 0) that answered NULL. */
static inline int mt_call_was_free(const struct mt_pending *call)
{
	return (call->func == MT_FUNC_REALLOC || call->func == MT_FUNC_REALLOCARRAY) && call->arg &&
	       !call->size_bytes;
}

/* xallocx answers with the size that the block now has; what it says of others is its address. */
static inline __u64 mt_call_result(const struct mt_pending *call, __u64 answer)
{
	if (call->func != MT_FUNC_XALLOCX)
		return answer;
	return answer >= call->size_bytes ? call->arg : 0;
}

/* What an entry is to the call that is pending. */
enum mt_nesting {
	MT_NESTING_NONE,   /* that one was left, by longjmp or an exception: it will not return */
	MT_NESTING_INSIDE, /* a part of it */
	MT_NESTING_BESIDE, /* the program's own: what a new_handler does, an exception's object */
};

/*
 * An entry at `sp`, to which `caller` is the return address. Below the pending one: called by
 * it, or by the program code that operator new runs when there is no memory. Level with it: a tail
 * call, as glibc's reallocarray into realloc; but the same function again at the same place
 * is a new call, the pending one was left. Above it: it was left as well.
 */
static inline enum mt_nesting mt_call_nesting(const struct mt_pending *call, __u32 probe, __u64 sp,
					      __u64 caller, int internal)
{
	if (sp > call->sp)
		return MT_NESTING_NONE;
	if (sp < call->sp)
		return internal || (call->func != MT_FUNC_NEW && call->func != MT_FUNC_NEW_ARRAY)
			       ? MT_NESTING_INSIDE
			       : MT_NESTING_BESIDE;
	if (probe == call->probe || (call->result == MT_RESULT_RET && caller != call->caller))
		return MT_NESTING_NONE;
	return MT_NESTING_INSIDE;
}

/* Is a return with the stack pointer at `sp` that of the pending call? */
static inline int mt_call_returns(const struct mt_pending *call, __u32 probe, __u64 sp)
{
	return call->func && call->probe == probe && sp >= call->sp + MT_RETURN_POP;
}

/* Is the pending call the one that a `ret` at `sp` ends? */
static inline int mt_call_ends(const struct mt_pending *call, __u64 sp)
{
	return call->func && call->result == MT_RESULT_RET && sp == call->sp;
}

/*
 * Without return probes nothing is pending; the last entry is what there is to tell by. A tail
 * call has its stack pointer and its caller, and an allocator calls itself.
 */
static inline int mt_call_same(const struct mt_pending *last, __u32 probe, __u64 sp, __u64 caller)
{
	return sp == last->sp && caller == last->caller && probe != last->probe;
}

/* Bytes that a successful realloc copied; a block moved by mremap is not copied. */
static inline __u64 mt_call_copied(const struct mt_pending *call, int moved)
{
	if (!moved || call->remapped)
		return 0;
	return call->old.size_bytes < call->size_bytes ? call->old.size_bytes : call->size_bytes;
}

static inline void mt_chain_next(struct mt_live *rec, const struct mt_live *old, __u64 copied)
{
	rec->chain_len = old->chain_len + 1;
	rec->chain_copied_bytes = old->chain_copied_bytes + copied;
	rec->chain_first_ns = old->chain_len ? old->chain_first_ns : old->born_ns;
	rec->chain_first_bytes = old->chain_len ? old->chain_first_bytes : old->size_bytes;
}

/* Count `n` calls in their window of MT_BUSY_WINDOW_NS and return the calls in it so far. */
static inline __u64 mt_window_add(__u64 *window, __u64 now_ns, __u32 n)
{
	__u64 start = (now_ns / MT_BUSY_WINDOW_NS) << 32;

	for (int i = 0; i < 64; i++) {
		__u64 old = *(volatile __u64 *)window;
		__u64 next = old >> 32 == start >> 32 ? old + n : start + n;

		if (old >> 32 > start >> 32) /* overtaken by the next window */
			return 0;
		if (__sync_val_compare_and_swap(window, old, next) == old)
			return (__u32)next;
	}
	return 0;
}

#endif
