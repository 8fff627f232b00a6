// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/links.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <bpf/bpf.h>

#include "session/closer.h"
#include "session/kernel.h"
#include "session/perf.h"
#include "session/probes.h"
#include "session/shared.h"
#include "session/uapi.h"
#include "target/locate.h"
#include "util/cleanup.h"
#include "wire.h"

/* A perf event and the link that ties the program to it, an entry and a return each. */
#define FDS_MAX (MT_ALLOCATOR_SITES_MAX * 2 * 2)

struct mt_links {
	struct mt_probes_file *file;
	struct mt_kernel *kernel;
	enum mt_link_kind kind;
	pid_t tgid;
	int fds[FDS_MAX];
	size_t nr;
};

/* The very file, whatever its path now leads to. */
static void target_path(const struct mt_links *l, char path[static 32])
{
	snprintf(path, 32, "/proc/self/fd/%d", l->file->target->fd);
}

static uint64_t cookie(const struct mt_links *l, size_t site)
{
	return MT_COOKIE(l->kind == MT_LINK_SHARED ? 0 : l->tgid, l->file->first + site);
}

static int add(struct mt_links *l, int fd)
{
	if (fd < 0)
		return fd;
	l->fds[l->nr++] = fd;
	return 0;
}

enum part {
	PART_RETURNS, /* by return probes */
	PART_RETS,    /* by probes on `ret`s, of what must have no return probe */
	PART_ENTRIES, /* with a session: and the returns that they ask for */
	PART_UNSAFE,  /* beside a session: what must have no return probe */
};

/* An exception does not pass a return probe. */
static bool is_unsafe(const struct mt_probe_site *site)
{
	return site->result == MT_RESULT_RET || site->result == MT_RESULT_UNKNOWN;
}

/* For the beginnings or the ends of calls. */
static int program(const struct mt_kernel *k, enum mt_link_kind kind, enum part part)
{
	return part == PART_RETURNS || part == PART_RETS ? mt_kernel_exit_fd(k, kind)
							 : mt_kernel_enter_fd(k, kind);
}

static bool is_in(const struct mt_links *l, const struct mt_probe_site *site, enum part part)
{
	switch (part) {
	case PART_RETURNS:
		return site->result == MT_RESULT_RETURN;
	case PART_RETS:
		return site->func == MT_FUNC_RET;
	case PART_ENTRIES:
		return site->func != MT_FUNC_RET &&
		       (l->kind != MT_LINK_SESSION || !is_unsafe(site));
	default:
		return is_unsafe(site);
	}
}

static int open_multi(struct mt_links *l, enum part part)
{
	uint64_t offsets[MT_ALLOCATOR_SITES_MAX], cookies[MT_ALLOCATOR_SITES_MAX];
	const struct mt_allocator *a = l->file->target->allocator;
	struct mt_uprobe_multi m = { .offsets = offsets, .cookies = cookies, .pid = l->tgid };
	bool session = l->kind == MT_LINK_SESSION && part == PART_ENTRIES;
	enum mt_link_kind kind = session ? MT_LINK_SESSION : MT_LINK_MULTI;
	char path[32];

	target_path(l, path);
	m.path = path;
	m.flags = part == PART_RETURNS ? MT_BPF_F_UPROBE_MULTI_RETURN : 0;
	for (size_t i = 0; i < a->nr_sites; i++) {
		if (!is_in(l, &a->sites[i], part))
			continue;
		offsets[m.cnt] = a->sites[i].file_offset;
		cookies[m.cnt++] = cookie(l, i);
	}
	if (!m.cnt)
		return 0;
	return add(l, mt_link_create_uprobe_multi(program(l->kernel, kind, part),
						  session ? MT_BPF_TRACE_UPROBE_SESSION
							  : MT_BPF_TRACE_UPROBE_MULTI,
						  &m));
}

static int open_perf(struct mt_links *l, size_t site, enum part part)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .perf_event.bpf_cookie = cookie(l, site));
	char path[32];
	int event, link;

	target_path(l, path);
	event = mt_perf_uprobe_open(path, l->file->target->allocator->sites[site].file_offset,
				    part == PART_RETURNS, l->tgid);
	if (event < 0)
		return event;
	add(l, event);
	link = bpf_link_create(program(l->kernel, l->kind, part), event, BPF_PERF_EVENT, &opts);
	return link < 0 ? -errno : add(l, link);
}

static int open_shared(struct mt_links *l, size_t site, enum part part)
{
	const struct mt_probe_target *target = l->file->target;
	struct mt_shared_probe probe = {
		.file_fd = target->fd,
		.offset = target->allocator->sites[site].file_offset,
		.is_return = part == PART_RETURNS,
		.prog_fd = program(l->kernel, l->kind, part),
		.cookie = cookie(l, site),
	};

	return add(l, mt_shared_open(mt_kernel_shared(l->kernel), &probe, l->tgid));
}

static int open_each(struct mt_links *l, enum part part)
{
	const struct mt_allocator *a = l->file->target->allocator;

	for (size_t i = 0; i < a->nr_sites; i++) {
		int err = 0;

		if (is_in(l, &a->sites[i], part))
			err = l->kind == MT_LINK_SHARED ? open_shared(l, i, part)
							: open_perf(l, i, part);
		if (err)
			return err;
	}
	return 0;
}

static int open_all(struct mt_links *l, bool entry_only)
{
	bool many = l->kind == MT_LINK_SESSION || l->kind == MT_LINK_MULTI;
	int (*open)(struct mt_links *, enum part) = many ? open_multi : open_each;
	int err = 0;

	if (l->kind == MT_LINK_SHARED)
		err = mt_kernel_control(l->kernel, MT_CONTROL_SHARE, l->tgid, NULL);
	if (!err && !entry_only && l->kind != MT_LINK_SESSION)
		err = open(l, PART_RETURNS);
	if (!err && !entry_only)
		err = open(l, PART_RETS);
	err = err ? err : open(l, PART_ENTRIES);
	if (!err && l->kind == MT_LINK_SESSION)
		err = open(l, PART_UNSAFE);
	return err;
}

static void close_all(struct mt_links *l)
{
	struct mt_closer *closer = mt_kernel_closer(l->kernel);
	bool many = l->kind == MT_LINK_SESSION || l->kind == MT_LINK_MULTI;

	/*
	 * Links of many probes beside each other: else the breakpoints of the second trap while the
	 * first waits for its grace period. Events have one each, and a lock that all openers need.
	 */
	for (size_t i = 0; many && i < l->nr; i++)
		mt_closer_close(closer, &l->fds[i], 1);
	if (!many)
		mt_closer_close(closer, l->fds, l->nr);
	l->nr = 0;
}

static enum mt_link_kind choose(const struct mt_kernel *k, const struct mt_probes_file *file,
				const struct mt_links_options *options)
{
	enum mt_link_kind own = mt_kernel_links(k);

	if (!mt_kernel_links_forced(k) && !options->alone && file->processes >= MT_PROBES_CROWD)
		return MT_LINK_SHARED;
	return own;
}

int mt_links_open(struct mt_links **out, struct mt_kernel *k, pid_t tgid,
		  const struct mt_probe_target *target, const struct mt_links_options *options)
{
	__cleanup(mt_links_free) struct mt_links *l = calloc(1, sizeof(*l));
	struct mt_probes_file *file;
	int err;

	if (!l)
		return -ENOMEM;
	l->kernel = k;
	l->tgid = tgid;
	err = mt_probes_file(mt_kernel_probes(k), target, &file);
	if (err)
		return err;
	l->file = file;
	l->kind = choose(k, file, options);
	file->processes++;
	if (options->entry_only)
		err = mt_kernel_control(k, MT_CONTROL_ENTRY_ONLY, tgid, NULL);
	err = err ? err : open_all(l, options->entry_only);
	if (err && err != -ESRCH && l->kind == MT_LINK_SHARED && !mt_kernel_links_forced(k)) {
		close_all(l); /* tracefs cannot be had: dearer, but as good */
		l->kind = mt_kernel_links(k);
		err = open_all(l, options->entry_only);
	}
	if (err)
		return err;
	if (!options->entry_only)
		file->returns_by |= 1U << l->kind;
	*out = TAKE_PTR(l);
	return 0;
}

void mt_links_free(struct mt_links **links)
{
	struct mt_links *l = *links;

	if (!l)
		return;
	close_all(l);
	if (l->file)
		l->file->processes--;
	free(l);
	*links = NULL;
}

const struct mt_probe_target *mt_links_target(const struct mt_links *links)
{
	return links->file->target;
}
