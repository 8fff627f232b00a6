/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * features.h: what the running kernel can do, found by trying.
 *
 * Each probe loads a program of two instructions and attaches it where it can do no harm
 * (to ourselves, a child of ours, or a file that cannot be probed). Nothing is left behind. A
 * version number is never looked at: distributions backport. Errors: the answers are booleans; why
 * something cannot be had is in `*_errno`. Not thread-safe.
 */
#ifndef MT_SESSION_FEATURES_H
#define MT_SESSION_FEATURES_H

#include <stdbool.h>

struct mt_features {
	bool btf;	/* /sys/kernel/btf/vmlinux is there */
	bool host_pids; /* we see processes by the ids that the kernel has for them */
	bool bpf;	/* we may load programs */
	int bpf_errno;
	bool bpf_loop; /* the youngest helper that every recording needs (5.17) */
	int bpf_loop_errno;
	bool fentry; /* fentry/fexit on system calls (5.5) */
	int fentry_errno;
	bool tracefs; /* syscall tracepoints */
	int tracefs_errno;
	bool perf_uprobe; /* perf_event uprobes (4.17) with cookies (5.15) */
	int perf_uprobe_errno;
	bool uprobe_multi; /* 6.6, with the process filter of 6.10 */
	int uprobe_multi_errno;
	bool uprobe_session; /* 6.13 */
	int uprobe_session_errno;
	bool pagemap_scan; /* 6.7 */
};

void mt_features_probe(struct mt_features *f);

/* Does the kernel describe its types? Nothing else is worth trying if not. */
bool mt_features_btf(void);

/* Are we in the initial pid namespace? BPF tells processes by their ids there. */
bool mt_features_host_pids(void);

/* Are resident pages counted per CPU (6.2, kernel commit f1a7941243c1), or per thread? */
bool mt_features_rss_per_cpu(void);

#endif
