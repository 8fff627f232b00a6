// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/features.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "session/pagemap.h"
#include "session/perf.h"
#include "session/uapi.h"
#include "util/cleanup.h"

/* PROC_PID_INIT_INO: fixed since 3.8, kernel commit 98f842e675f9 */
#define INITIAL_PID_NAMESPACE 0xeffffffcU

/* r0 = 0; exit */
static const struct bpf_insn nothing[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
	{ .code = BPF_JMP | BPF_EXIT },
};

static int load_nothing(enum bpf_prog_type type, unsigned int attach_type, int btf_id)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach_type,
		    .attach_btf_id = btf_id);
	int fd = bpf_prog_load(type, "mt_feature", "GPL", nothing, ARRAY_SIZE(nothing), &opts);

	return fd < 0 ? -errno : fd;
}

static int probe_bpf(void)
{
	_close_ int fd = load_nothing(BPF_PROG_TYPE_KPROBE, 0, 0);

	return fd < 0 ? fd : 0;
}

static int probe_fentry(void)
{
	int id = libbpf_find_vmlinux_btf_id("__x64_sys_munmap", BPF_TRACE_FENTRY);
	_close_ int prog = -1, link = -1;

	if (id < 0)
		id = libbpf_find_vmlinux_btf_id("__arm64_sys_munmap", BPF_TRACE_FENTRY);
	if (id < 0)
		return id;
	prog = load_nothing(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, id);
	if (prog < 0)
		return prog;
	link = bpf_raw_tracepoint_open(NULL, prog);
	return link < 0 ? -errno : 0;
}

/* Kernel commit e6f2dd0f8067. */
static int probe_bpf_loop(void)
{
	int found = libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_loop, NULL);

	return found < 0 ? found : found ? 0 : -EOPNOTSUPP;
}

/*
 * Before kernel commit 46ba0e49b642 (6.10) the process filter let only one thread through.
 * A kernel with that fix refuses pid -1 before it looks at the path, which here is a
 * directory that can never be probed. One that does not know the attach type refuses any pid.
 */
static int probe_multi(unsigned int attach_type)
{
	_close_ int prog = load_nothing(BPF_PROG_TYPE_KPROBE, attach_type, 0);
	uint64_t offset = 0;
	struct mt_uprobe_multi m = { .path = "/", .offsets = &offset, .cnt = 1 };
	_close_ int link = -1;

	if (prog < 0)
		return prog;
	link = mt_link_create_uprobe_multi(prog, attach_type, &m);
	if (link == -EINVAL) /* never heard of the attach type */
		return -EOPNOTSUPP;
	m.pid = -1;
	link = mt_link_create_uprobe_multi(prog, attach_type, &m);
	if (link == -EINVAL)
		return 0;
	return link < 0 ? link : -ENOTSUP;
}

static int probe_tracefs(void)
{
	_close_ int fd = mt_tracefs_open(false);

	return fd < 0 ? fd : 0;
}

static bool probe_pagemap_scan(void)
{
	uint64_t here = (uintptr_t)&here, page = sysconf(_SC_PAGESIZE);
	uint64_t start = here & -page, end = start + page;
	struct mt_pagemap pagemap;
	bool scans;

	if (mt_pagemap_open(&pagemap, getpid()))
		return false;
	mt_pagemap_first(&pagemap, MT_PAGES_TOUCHED, &start, &end); /* falls back where it must */
	scans = pagemap.scan;
	mt_pagemap_close(&pagemap);
	return scans;
}

void mt_features_probe(struct mt_features *f)
{
	*f = (struct mt_features){
		.btf = mt_features_btf(),
		.host_pids = mt_features_host_pids(),
		.bpf_errno = -probe_bpf(),
		.bpf_loop_errno = -probe_bpf_loop(),
		.fentry_errno = mt_features_btf() ? -probe_fentry() : EOPNOTSUPP,
		.tracefs_errno = -probe_tracefs(),
		.perf_uprobe_errno = -mt_perf_uprobe_probe(),
		.uprobe_multi_errno = -probe_multi(MT_BPF_TRACE_UPROBE_MULTI),
		.uprobe_session_errno = -probe_multi(MT_BPF_TRACE_UPROBE_SESSION),
		.pagemap_scan = probe_pagemap_scan(),
	};
	f->bpf = !f->bpf_errno;
	f->bpf_loop = !f->bpf_loop_errno;
	f->fentry = !f->fentry_errno;
	f->tracefs = !f->tracefs_errno;
	f->perf_uprobe = !f->perf_uprobe_errno;
	f->uprobe_multi = !f->uprobe_multi_errno;
	f->uprobe_session = !f->uprobe_session_errno;
}

bool mt_features_btf(void)
{
	return access("/sys/kernel/btf/vmlinux", R_OK) == 0;
}

bool mt_features_host_pids(void)
{
	struct stat st;

	return !stat("/proc/self/ns/pid", &st) && st.st_ino == INITIAL_PID_NAMESPACE;
}

bool mt_features_rss_per_cpu(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool per_thread;

	if (libbpf_get_error(btf))
		return true;
	per_thread = btf__find_by_name_kind(btf, "mm_rss_stat", BTF_KIND_STRUCT) > 0;
	btf__free(btf);
	return !per_thread;
}
