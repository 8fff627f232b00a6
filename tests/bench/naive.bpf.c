// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * naive: how a heap is usually traced, to be compared with; no part of memtide.
 *
 * As bcc's memleak does: probes at the functions' first instructions and a return probe,
 * bpf_get_stackid, a hash of requests by thread, of live blocks by address, of sums by stack.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "naive.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile bool with_stacks;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, __u64);
} requests SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1000000);
	__type(key, __u64);
	__type(value, struct naive_block);
} blocks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __s64);
	__type(value, struct naive_sum);
} sums SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 10240);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, NAIVE_FRAMES_MAX * sizeof(__u64));
} stacks SEC(".maps");

static void sum_add(const struct naive_block *block)
{
	struct naive_sum *sum = bpf_map_lookup_elem(&sums, &block->stack), none = { 0 };

	if (!sum) {
		bpf_map_update_elem(&sums, &block->stack, &none, BPF_NOEXIST);
		sum = bpf_map_lookup_elem(&sums, &block->stack);
	}
	if (!sum)
		return;
	__sync_fetch_and_add(&sum->live_bytes, block->size_bytes);
	__sync_fetch_and_add(&sum->live_cnt, 1);
	__sync_fetch_and_add(&sum->alloc_cnt, 1);
}

static void sum_drop(const struct naive_block *block)
{
	struct naive_sum *sum = bpf_map_lookup_elem(&sums, &block->stack);

	if (!sum)
		return;
	__sync_fetch_and_add(&sum->live_bytes, -block->size_bytes);
	__sync_fetch_and_add(&sum->live_cnt, -1);
}

SEC("uprobe")
int naive_malloc(struct pt_regs *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 size = PT_REGS_PARM1(ctx);

	bpf_map_update_elem(&requests, &tid, &size, BPF_ANY);
	return 0;
}

SEC("uretprobe")
int naive_malloc_return(struct pt_regs *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 address = PT_REGS_RC(ctx), *size = bpf_map_lookup_elem(&requests, &tid);
	struct naive_block block = { 0 };

	if (!size)
		return 0;
	block.size_bytes = *size;
	bpf_map_delete_elem(&requests, &tid);
	if (!address)
		return 0;
	block.born_ns = bpf_ktime_get_ns();
	if (with_stacks)
		block.stack = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
	bpf_map_update_elem(&blocks, &address, &block, BPF_ANY);
	sum_add(&block);
	return 0;
}

SEC("uprobe")
int naive_free(struct pt_regs *ctx)
{
	__u64 address = PT_REGS_PARM1(ctx);
	struct naive_block *found = bpf_map_lookup_elem(&blocks, &address), block;

	if (!found)
		return 0;
	block = *found;
	bpf_map_delete_elem(&blocks, &address);
	sum_drop(&block);
	return 0;
}
