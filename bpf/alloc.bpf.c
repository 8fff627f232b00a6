// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * alloc: every call of an allocator's functions, paired from entry to return.
 *
 * One body serves all functions; the cookie leads to what is known of the one that was hit
 * (struct mt_probe). It is wrapped for each kind of link that a kernel may have. A block is
 * recorded
 * when its call returns, before the program sees the address; it is dropped when `free`
 * begins, before the allocator can hand the address out again. What realloc may free in
 * mid-call leaves `live` when the call begins, for the same reason, and goes back if the
 * call fails.
 *
 * Where not all blocks are followed (mt_sample_bytes) it is decided when a call begins, and all are
 * counted. A session is not told of the return of a malloc whose block will not be followed: it is
 * taken to succeed. The free of a block that is not in `live` is a free, whatever the block was.
 * What realloc makes of a followed block is followed for certain, at weight 1, and what it makes of
 * another is decided like any new block: either way it counts once on average, whatever went
 * before, so sums stay unbiased, and chains can be followed. What a call did to the block that
 * there was (moved, copied) counts by that block's weight.
 */
#include "block.h"

/* No block is larger: what mmap hands out unasked is below 2^47 on x86-64, 2^48 on arm64. */
#define MT_USER_BYTES_MAX (1ULL << 48)

/* Nothing is pending any more, but for the operator new in the course of which it was. */
static __always_inline void call_over(struct mt_thread *th)
{
	th->call.func = 0;
	if (!th->outer.func)
		return;
	th->call = th->outer;
	th->outer.func = 0;
}

/* The call will not return: put back what it had taken. */
static __always_inline void call_discard(struct mt_thread *th, struct mt_proc *proc)
{
	if (th->call.has_old)
		live_put(proc, th->slot, th->call.arg, &th->call.old);
	call_over(th);
	__sync_fetch_and_add(&proc->discarded_cnt, 1);
}

/*
 * The last free once more, which was another probe's (operator delete may be a jump to `free`), or
 * another link's: that of a leader which an exec has ended is there for a while beside the new one.
 * A thread frees no block twice without a call in between that is seen; but of a sample's not all.
 */
static __always_inline bool is_told_again(const struct mt_thread *th, __u64 addr, __u32 index)
{
	return th->last_freed == addr && (!mt_sample_bytes || th->freed_by != index);
}

/*
 * Two frees are none of the program's. When a thread ends glibc hands the blocks in its cache,
 * which the program has freed long since, to its own `free`: they are taken for that until the
 * thread allocates again, since libc also frees blocks of its own that are older than the attach.
 * And the last one may be told of again.
 *
 * `inside`: in the course of a call, where it seems to be the allocator's own. But what that frees
 * for itself was never counted; a block that was is the program's. So with an exception that
 * a new_handler throws and operator new catches: what frees it are jumps from there.
 */
static __always_inline void on_free(struct pt_regs *ctx, struct mt_thread *th, struct mt_proc *proc,
				    const struct mt_probe *probe, __u32 index, bool inside)
{
	__u64 addr = mt_argument(ctx, probe->block);
	struct mt_live rec;

	if (!addr)
		return;
	if (live_take(th->slot, addr, &rec))
		block_gone(th, proc, addr, &rec);
	else if (inside || is_told_again(th, addr, index))
		return;
	else if (mt_call_internal(probe, PT_REGS_IP(ctx), mt_user_word(PT_REGS_SP(ctx)))) {
		__sync_fetch_and_add(&proc->flushed_free_cnt, 1);
		th->flushes++;
	} else
		unknown_free(proc, addr);
	th->last_freed = addr;
	th->freed_by = index;
}

static __always_inline __u64 size_asked(struct pt_regs *ctx, const struct mt_probe *probe)
{
	return mt_call_product(mt_argument(ctx, probe->factor), mt_argument(ctx, probe->size));
}

/* 1 where all blocks are followed. */
static __always_inline __u32 weight_of(struct mt_thread *th, __u64 size)
{
	return mt_sample_bytes ? mt_sample(th, size) : 1;
}

static __always_inline void on_call(struct pt_regs *ctx, struct mt_thread *th,
				    const struct mt_probe *probe, __u32 index)
{
	struct mt_pending *call = &th->call;

	call->sp = PT_REGS_SP(ctx);
	call->ip = PT_REGS_IP(ctx);
	if (probe->result == MT_RESULT_RET)
		call->caller = mt_user_word(call->sp);
	call->size_bytes = size_asked(ctx, probe);
	call->arg = mt_argument(ctx, probe->block);
	call->has_old = 0;
	call->remapped = 0;
	if (mt_call_frees(probe->func) && call->arg)
		call->has_old = live_take(th->slot, call->arg, &call->old);
	call->weight =
		call->has_old || probe->func == MT_FUNC_FREE ? 1 : weight_of(th, call->size_bytes);
	call->probe = index;
	call->result = probe->result;
	call->func = probe->func;
}

/* Count an allocation where it begins: nothing will be known of what it returns. */
static __always_inline void count_unfollowed(struct pt_regs *ctx, struct mt_thread *th,
					     struct mt_proc *proc, const struct mt_probe *probe)
{
	struct mt_live rec = { .size_bytes = size_asked(ctx, probe), .func = probe->func };
	long epoch = mt_proc_move(proc, 0);

	count_alloc(proc, rec.size_bytes);
	rec.weight = weight_of(th, rec.size_bytes);
	if (epoch < 0 || !rec.weight)
		return;
	rec.stack = mt_stack_at_leaf(ctx, th);
	mt_site_alloc(&rec, th->slot, epoch);
	mt_site_free(&rec, th->slot, epoch, GONE_UNFOLLOWED);
	__sync_fetch_and_add(&proc->unfollowed_cnt, 1);
}

/* Without return probes calls are counted, and nothing is known of what lives. */
static __always_inline void on_entry_only(struct pt_regs *ctx, struct mt_thread *th,
					  struct mt_proc *proc, const struct mt_probe *probe,
					  __u32 index)
{
	__u64 block = mt_argument(ctx, probe->block), sp = PT_REGS_SP(ctx);
	__u64 caller = mt_user_word(sp);
	bool frees = probe->func == MT_FUNC_FREE || mt_call_frees(probe->func);

	if (mt_call_same(&th->call, index, sp, caller) ||
	    (probe->func != MT_FUNC_FREE && mt_call_internal(probe, PT_REGS_IP(ctx), caller)))
		return;
	th->call.sp = sp;
	th->call.caller = caller;
	th->call.probe = index;
	if (frees && block)
		__sync_fetch_and_add(&proc->entry_free_cnt, 1);
	if (probe->func == MT_FUNC_FREE || (frees && block && !size_asked(ctx, probe)))
		return;
	count_unfollowed(ctx, th, proc, probe);
}

/*
 * A return probe replaces the return address, and a C++ exception does not get past it: what
 * would have been caught ends the program. A session that asks for no return does not help: those
 * of other processes ask for it, whoever calls. So operator new has none: probes on its `ret`s
 * end it, and where those are not all known it is counted and not followed.
 */
static __always_inline void on_throwing(struct pt_regs *ctx, struct mt_thread *th,
					struct mt_proc *proc, const struct mt_probe *probe)
{
	__u64 addr = mt_argument(ctx, probe->block);
	struct mt_live old;

	if (size_asked(ctx, probe) >= MT_USER_BYTES_MAX) {
		__sync_fetch_and_add(&proc->failed_cnt, 1);
		return;
	}
	if (addr && live_take(th->slot, addr, &old))
		block_gone(th, proc, addr, &old);
	count_unfollowed(ctx, th, proc, probe);
	th->last_freed = 0; /* it may be handed out again */
	mt_lose(MT_LOST_NEW_UNFOLLOWED);
}

/* Are this link's hits to be counted for the thread? */
static __always_inline bool is_ours(const struct mt_thread *th, __u64 cookie)
{
	__u32 tgid = MT_COOKIE_TGID(cookie);
	struct mt_image *image;

	if (tgid)
		return tgid == th->link_tgid;
	tgid = th->link_tgid;
	image = bpf_map_lookup_elem(&mt_images, &tgid);
	return image && image->shared;
}

/* What a hit costs its process. */
struct meter {
	struct mt_proc *proc;
	__u64 begin_ns; /* 0: it is not timed */
};

static __always_inline struct meter meter_begin(void)
{
	bool timed = mt_meter_every < 2 || bpf_get_prandom_u32() % mt_meter_every == 0;

	return (struct meter){ .begin_ns = timed ? bpf_ktime_get_ns() : 0 };
}

/* A burst that costs too much ends here, whatever user space is doing. */
static __always_inline void meter_hit(struct meter *m, struct mt_proc *proc, __u32 trap_ns)
{
	__u64 nr = __sync_fetch_and_add(&proc->hits, 1);

	m->proc = proc;
	if (m->begin_ns)
		__sync_fetch_and_add(&proc->trap_ns, (__u64)trap_ns * mt_meter_every);
	if (proc->hits_max && nr >= proc->hits_max)
		proc->open = 0;
}

/* What takes longer than any program was interrupted: another thread had the CPU meanwhile. */
static __always_inline void meter_end(const struct meter *m)
{
	__u64 ns;

	if (!m->proc || !m->begin_ns)
		return;
	ns = bpf_ktime_get_ns() - m->begin_ns;
	if (ns < MT_METER_MAX_NS)
		__sync_fetch_and_add(&m->proc->run_ns, ns * mt_meter_every);
}

/* The thread, if this hit is to be counted; its process is in *m. */
static __always_inline struct mt_thread *hit(__u64 cookie, __u32 trap_ns, struct meter *m)
{
	struct mt_thread *th = mt_thread_current();
	struct mt_proc *proc;

	if (!th || !is_ours(th, cookie))
		return NULL;
	proc = bpf_map_lookup_elem(&mt_procs, &th->slot);
	if (!proc)
		return NULL;
	meter_hit(m, proc, trap_ns);
	return proc->open ? th : NULL;
}

/* What the caller does next: nothing, or wait for the call's return. */
enum { CALL_DONE, CALL_PENDING };

/* Does an allocator make this call for the one that is pending? Yes, where it cannot be told. */
static __always_inline bool is_internal(struct pt_regs *ctx, const struct mt_pending *call,
					const struct mt_probe *probe, __u64 caller)
{
	__u32 index = call->probe;
	const struct mt_probe *outer = bpf_map_lookup_elem(&mt_probes, &index);

	return !outer || outer->internal_from == outer->internal_to ||
	       mt_call_internal(outer, call->ip, caller) ||
	       mt_call_internal(probe, PT_REGS_IP(ctx), caller);
}

/* While a call is pending: does the program make this one? Then there is room for it. */
static __always_inline bool is_own(struct pt_regs *ctx, struct mt_thread *th, struct mt_proc *proc,
				   const struct mt_probe *probe, __u32 index)
{
	__u64 sp = PT_REGS_SP(ctx), caller = mt_user_word(sp);

	for (int i = 0; i < 2 && th->call.func; i++) {
		bool internal = is_internal(ctx, &th->call, probe, caller);

		switch (mt_is_left(&th->call)
				? MT_NESTING_NONE
				: mt_call_nesting(&th->call, index, sp, caller, internal)) {
		case MT_NESTING_INSIDE:
			return false;
		case MT_NESTING_BESIDE:
			if (th->outer.func)
				return false;
			th->outer = th->call;
			th->call.func = 0;
			return true;
		default:
			call_discard(th, proc);
		}
	}
	return true;
}

/*
 * May the return of a call go unseen, whose block is not followed? Its nested calls must be told
 * from the program's then: malloc has none.
 */
static __always_inline bool may_skip(const struct mt_probe *probe)
{
	switch (probe->func) {
	case MT_FUNC_MALLOC:
		return probe->result == MT_RESULT_RETURN;
	case MT_FUNC_CALLOC:
	case MT_FUNC_ALIGNED_ALLOC:
	case MT_FUNC_MEMALIGN:
	case MT_FUNC_VALLOC:
	case MT_FUNC_PVALLOC:
	case MT_FUNC_MALLOCX:
		return probe->internal_from != probe->internal_to;
	default:
		return false;
	}
}

/* The call that has just begun is not waited for; what is needed to know its nested calls stays. */
static __always_inline void skip(struct mt_thread *th, struct mt_proc *proc,
				 const struct mt_probe *probe)
{
	allocated(th, proc);
	th->last_alloc = 0;
	if (probe->internal_from == probe->internal_to)
		th->call.sp = 0;
	else
		th->call.caller = mt_user_word(th->call.sp);
	th->call.result = MT_RESULT_NONE;
	th->call.func = 0;
}

/*
 * Does an allocator make this call for the one that was skipped last? If that has not returned its
 * return address is still where it was.
 */
static __always_inline bool is_inside_skipped(struct pt_regs *ctx, const struct mt_pending *call,
					      __u32 index)
{
	__u64 sp = PT_REGS_SP(ctx), caller;
	__u32 outer_index = call->probe;
	const struct mt_probe *outer;

	if (call->result != MT_RESULT_NONE || sp > call->sp)
		return false;
	outer = bpf_map_lookup_elem(&mt_probes, &outer_index);
	caller = mt_user_word(sp);
	if (mt_user_word(call->sp) != call->caller)
		return false;
	return mt_call_same(call, index, sp, caller) ||
	       (sp < call->sp && outer && mt_call_internal(outer, call->ip, caller));
}

/* `skips`: the return of a call that is done will not be seen. */
static __always_inline int on_entry(struct pt_regs *ctx, struct mt_thread *th, struct mt_proc *proc,
				    const struct mt_probe *probe, __u32 index, bool skips)
{
	bool inside;

	if (probe->func == MT_FUNC_PTHREAD_CREATE) {
		th->spawning = 1;
		th->spawn_stack = mt_stack_at_leaf(ctx, th);
		return CALL_DONE;
	}
	th->spawning = 0; /* its stack is there, or it has failed */
	if (proc->entry_only) {
		on_entry_only(ctx, th, proc, probe, index);
		return CALL_DONE;
	}
	if (th->call.func)
		inside = !is_own(ctx, th, proc, probe, index);
	else
		inside = mt_sample_bytes && skips && is_inside_skipped(ctx, &th->call, index);
	if (probe->func == MT_FUNC_FREE) {
		on_free(ctx, th, proc, probe, index, inside);
		if (!inside && probe->result == MT_RESULT_RETURN) {
			on_call(ctx, th, probe, index); /* it may free by another's */
			return CALL_PENDING;
		}
	} else if (probe->result == MT_RESULT_UNKNOWN && !inside) {
		on_throwing(ctx, th, proc, probe);
	} else if (!inside) {
		on_call(ctx, th, probe, index);
		if (!mt_sample_bytes || !skips || th->call.weight || !may_skip(probe))
			return CALL_PENDING;
		skip(th, proc, probe);
	}
	if (!th->call.func) /* what it came in the course of goes on */
		call_over(th);
	return CALL_DONE;
}

static __always_inline int enter(struct pt_regs *ctx, struct meter *meter, bool skips)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u32 index = MT_COOKIE_PROBE(cookie);
	const struct mt_probe *probe = bpf_map_lookup_elem(&mt_probes, &index);
	struct mt_thread *th;
	int next = CALL_DONE;

	if (!probe)
		return CALL_DONE;
	th = hit(cookie, probe->trap_ns, meter);
	if (th)
		next = on_entry(ctx, th, meter->proc, probe, index, skips);
	meter_end(meter);
	return next;
}

/* A call has returned a block that is followed; `old`: what realloc replaced, or NULL. */
static __always_inline void follow(struct pt_regs *ctx, struct mt_thread *th, struct mt_proc *proc,
				   __u64 addr, struct mt_live *old)
{
	struct mt_pending *call = &th->call;
	struct mt_live rec = {
		.size_bytes = call->size_bytes,
		.born_ns = bpf_ktime_get_ns(),
		.func = call->func,
		.weight = call->weight,
	};
	bool moved = addr != call->arg;

	rec.stack = call->result == MT_RESULT_RET ? mt_stack_at_leaf(ctx, th)
						  : mt_stack_at_return(ctx, th);
	if (old)
		mt_chain_next(&rec, old, mt_call_copied(call, moved));
	block_new(th, proc, addr, &rec, old);
	th->last_alloc = addr;
	/* What became of a block that was not followed is told by those that were. */
	if (mt_call_frees(call->func) && (old || !call->arg || !mt_sample_bytes))
		mt_storm_add(&rec, th->slot, old, moved);
}

static __always_inline void on_return(struct pt_regs *ctx, struct mt_thread *th,
				      struct mt_proc *proc, __u64 addr)
{
	struct mt_pending *call = &th->call;
	struct mt_live *old = call->has_old ? &call->old : NULL;

	barrier_var(old); /* else clang tests has_old again, and 6.1's verifier does not follow */
	if (old)
		count_free(proc);
	else if (mt_call_frees(call->func) && call->arg)
		unknown_free(proc, call->arg);
	allocated(th, proc);
	if (!mt_sample_bytes || call->weight)
		follow(ctx, th, proc, addr, old);
	else
		th->last_alloc = 0;
}

/* A call has returned NULL, or what stands for it. */
static __always_inline void on_failure(struct mt_thread *th, struct mt_proc *proc)
{
	struct mt_pending *call = &th->call;

	if (mt_call_was_free(call)) {
		if (call->has_old)
			block_gone(th, proc, call->arg, &call->old);
		else
			unknown_free(proc, call->arg);
		return;
	}
	__sync_fetch_and_add(&proc->failed_cnt, 1);
	if (mt_call_frees(call->func))
		__sync_fetch_and_add(&proc->realloc_failed_cnt, 1);
	if (call->func == MT_FUNC_REALLOCF && call->has_old)
		block_gone(th, proc, call->arg, &call->old);
	else if (call->func == MT_FUNC_REALLOCF && call->arg)
		unknown_free(proc, call->arg);
	else if (call->has_old)
		live_put(proc, th->slot, call->arg, &call->old);
}

/* The address that a call has returned; false: it cannot be known. */
static __always_inline bool result(const struct mt_pending *call, __u64 answer, __u64 *addr)
{
	if (call->func != MT_FUNC_POSIX_MEMALIGN) {
		*addr = mt_call_result(call, answer);
		return true;
	}
	*addr = 0;
	if ((int)answer)
		return true;
	if (!bpf_probe_read_user(addr, sizeof(*addr), (void *)call->arg))
		return true;
	mt_lose(MT_LOST_RESULT_UNREAD);
	return false;
}

/* Does this hit, of a return probe or of a `ret`, end the call? */
static __always_inline bool ends(const struct mt_pending *call, __u32 index, __u64 sp)
{
	const struct mt_probe *probe = bpf_map_lookup_elem(&mt_probes, &index);

	if (probe && probe->func == MT_FUNC_RET)
		return mt_call_ends(call, sp);
	return mt_call_returns(call, index, sp);
}

/*
 * The window closes while calls are pending, which would hide deeper ones when it opens again. On
 * 6.1 a return runs the programs of all perf events at the place, other processes' too: those have
 * nothing to say.
 */
static __always_inline void forget(__u64 cookie, __u32 index, __u64 sp)
{
	struct mt_thread *th = mt_thread_current();

	if (!th || !is_ours(th, cookie))
		return;
	if (ends(&th->call, index, sp))
		th->call.func = 0;
	if (ends(&th->outer, index, sp))
		th->outer.func = 0;
}

static __always_inline void on_exit(struct pt_regs *ctx, struct mt_thread *th, struct mt_proc *proc,
				    __u32 index)
{
	__u64 sp = PT_REGS_SP(ctx), addr = 0;

	if (!ends(&th->call, index, sp)) {
		if (!ends(&th->outer, index, sp))
			return;
		call_discard(th, proc);
	}
	if (th->call.func != MT_FUNC_FREE && result(&th->call, PT_REGS_RC(ctx), &addr)) {
		if (addr)
			on_return(ctx, th, proc, addr);
		else
			on_failure(th, proc);
	}
	call_over(th);
}

static __always_inline int leave(struct pt_regs *ctx, struct meter *meter)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u32 index = MT_COOKIE_PROBE(cookie);
	const struct mt_probe *probe = bpf_map_lookup_elem(&mt_probes, &index);
	struct mt_thread *th;

	if (!probe)
		return 0;
	th = hit(cookie, probe->func == MT_FUNC_RET ? probe->trap_ns : probe->return_ns, meter);
	if (meter->proc)
		__sync_fetch_and_add(&meter->proc->end_hits, 1);
	if (th)
		on_exit(ctx, th, meter->proc, index);
	else
		forget(cookie, index, PT_REGS_SP(ctx));
	meter_end(meter);
	return 0;
}

/* Perf events: a process's own, or one that several share. At a `ret` too it is an exit. */
SEC("?uprobe")
int mt_call_enter(struct pt_regs *ctx)
{
	struct meter meter = meter_begin();

	enter(ctx, &meter, false);
	return 0;
}

SEC("?uretprobe")
int mt_call_exit(struct pt_regs *ctx)
{
	struct meter meter = meter_begin();

	return leave(ctx, &meter);
}

/* Multi-probes; user space sets the attach type. */
SEC("?uprobe")
int mt_multi_enter(struct pt_regs *ctx)
{
	struct meter meter = meter_begin();

	enter(ctx, &meter, false);
	return 0;
}

SEC("?uretprobe")
int mt_multi_exit(struct pt_regs *ctx)
{
	struct meter meter = meter_begin();

	return leave(ctx, &meter);
}

/*
 * A session is told of the entry and, unless it answers 1, of the return. Which one it is shows
 * at the instruction pointer: at the return it is the caller's. (bpf_session_is_return() says
 * it too, but its signature is not the same in all kernels, and libbpf then loads nothing.)
 */
SEC("?uprobe")
int mt_session(struct pt_regs *ctx)
{
	struct meter meter = meter_begin();

	if (PT_REGS_IP(ctx) == bpf_get_func_ip(ctx))
		return enter(ctx, &meter, true) == CALL_PENDING ? 0 : 1;
	return leave(ctx, &meter);
}
