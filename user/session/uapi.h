/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * uapi.h: kernel interfaces newer than Debian 12's headers and libbpf 1.1, spelled out.
 *
 * Values are from include/uapi/linux/bpf.h of the kernel named beside each; they are ABI and
 * do not change. No state; functions return a file descriptor or -errno.
 */
#ifndef MT_SESSION_UAPI_H
#define MT_SESSION_UAPI_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>

#define MT_BPF_TRACE_UPROBE_MULTI    48 /* 6.6, commit 89ae89f53d20 */
#define MT_BPF_TRACE_UPROBE_SESSION  57 /* 6.13, commit d920179b3d48 */
#define MT_BPF_F_UPROBE_MULTI_RETURN 1U

struct mt_uprobe_multi {
	const char *path;
	const uint64_t *offsets;
	const uint64_t *cookies;
	uint32_t cnt;
	uint32_t flags;
	int pid; /* 0: every process */
};

/* BPF_LINK_CREATE with the uprobe_multi arguments that libbpf 1.1 does not know. */
static inline int mt_link_create_uprobe_multi(int prog_fd, uint32_t attach_type,
					      const struct mt_uprobe_multi *m)
{
	struct {
		uint32_t prog_fd;
		uint32_t target_fd;
		uint32_t attach_type;
		uint32_t flags;
		uint64_t path;
		uint64_t offsets;
		uint64_t ref_ctr_offsets;
		uint64_t cookies;
		uint32_t cnt;
		uint32_t multi_flags;
		uint32_t pid;
		uint32_t zero;
	} attr = {
		.prog_fd = prog_fd,
		.attach_type = attach_type,
		.path = (uintptr_t)m->path,
		.offsets = (uintptr_t)m->offsets,
		.cookies = (uintptr_t)m->cookies,
		.cnt = m->cnt,
		.multi_flags = m->flags,
		.pid = (uint32_t)m->pid,
	};
	int fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : fd;
}

#endif
