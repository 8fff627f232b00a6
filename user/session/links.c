// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/links.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <bpf/bpf.h>

#include "session/closer.h"
#include "session/kernel.h"
#include "session/perf.h"
#include "session/uapi.h"
#include "target/locate.h"
#include "util/cleanup.h"
#include "wire.h"

/* A perf event and the link that ties the program to it, an entry and a return each. */
#define FDS_MAX (MT_FUNC_MAX * 2 * 2)

struct mt_links {
	const struct mt_probe_target *target;
	struct mt_closer *closer;
	int fds[FDS_MAX];
	size_t nr;
};

/* The very file, whatever its path now leads to. */
static void target_path(const struct mt_probe_target *target, char path[static 32])
{
	snprintf(path, 32, "/proc/self/fd/%d", target->fd);
}

static uint64_t site_cookie(pid_t tgid, const struct mt_probe_site *site)
{
	return MT_COOKIE(tgid, site->func, site->code_before, site->code_after);
}

static int add(struct mt_links *l, int fd)
{
	if (fd < 0)
		return fd;
	l->fds[l->nr++] = fd;
	return 0;
}

static int open_multi(struct mt_links *l, const struct mt_kernel *k, pid_t tgid, bool returns)
{
	uint64_t offsets[MT_FUNC_MAX], cookies[MT_FUNC_MAX];
	struct mt_uprobe_multi m = { .offsets = offsets, .cookies = cookies, .pid = tgid };
	const struct mt_allocator *a = &l->target->allocator;
	char path[32];

	target_path(l->target, path);
	m.path = path;
	m.flags = returns ? MT_BPF_F_UPROBE_MULTI_RETURN : 0;
	for (size_t i = 0; i < a->nr_sites; i++) {
		if (returns && !a->sites[i].wants_return)
			continue;
		offsets[m.cnt] = a->sites[i].file_offset;
		cookies[m.cnt++] = site_cookie(tgid, &a->sites[i]);
	}
	if (!m.cnt)
		return 0;
	return add(l, mt_link_create_uprobe_multi(returns ? mt_kernel_exit_fd(k)
							  : mt_kernel_enter_fd(k),
						  MT_BPF_TRACE_UPROBE_MULTI, &m));
}

static int open_perf_one(struct mt_links *l, const struct mt_kernel *k, pid_t tgid,
			 const struct mt_probe_site *site, bool is_return)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .perf_event.bpf_cookie = site_cookie(tgid, site));
	char path[32];
	int event, link;

	target_path(l->target, path);
	event = mt_perf_uprobe_open(path, site->file_offset, is_return, tgid);
	if (event < 0)
		return event;
	add(l, event);
	link = bpf_link_create(is_return ? mt_kernel_exit_fd(k) : mt_kernel_enter_fd(k), event,
			       BPF_PERF_EVENT, &opts);
	return link < 0 ? -errno : add(l, link);
}

static int open_perf(struct mt_links *l, const struct mt_kernel *k, pid_t tgid, bool returns)
{
	const struct mt_allocator *a = &l->target->allocator;

	for (size_t i = 0; i < a->nr_sites; i++) {
		int err;

		if (returns && !a->sites[i].wants_return)
			continue;
		err = open_perf_one(l, k, tgid, &a->sites[i], returns);
		if (err)
			return err;
	}
	return 0;
}

int mt_links_open(struct mt_links **out, const struct mt_kernel *k, pid_t tgid,
		  const struct mt_probe_target *target)
{
	__cleanup(mt_links_free) struct mt_links *l = calloc(1, sizeof(*l));
	int (*open)(struct mt_links *, const struct mt_kernel *, pid_t, bool) =
		mt_kernel_links(k) == MT_LINK_MULTI ? open_multi : open_perf;
	int err;

	if (!l)
		return -ENOMEM;
	l->target = target;
	l->closer = mt_kernel_closer(k);
	err = open(l, k, tgid, true);
	err = err ? err : open(l, k, tgid, false);
	if (err)
		return err;
	*out = TAKE_PTR(l);
	return 0;
}

void mt_links_free(struct mt_links **links)
{
	struct mt_links *l = *links;

	if (!l)
		return;
	/* Newest first: entries go before the returns that they wait for. */
	for (size_t i = 0; i < l->nr / 2; i++) {
		int fd = l->fds[i];

		l->fds[i] = l->fds[l->nr - 1 - i];
		l->fds[l->nr - 1 - i] = fd;
	}
	mt_closer_close(l->closer, l->fds, l->nr);
	free(l);
	*links = NULL;
}

const struct mt_probe_target *mt_links_target(const struct mt_links *links)
{
	return links->target;
}
