// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "session/child.h"
#include "session/perf.h"
#include "target/proc.h"
#include "util/cleanup.h"

/* Its owner's pid and start time. An event in it is e0, e1 and so on. */
#define GROUP	       "memtide_%d_%llu"
#define EVENT_NAME_LEN 64

struct definition {
	dev_t dev;
	ino_t ino;
	struct mt_shared_probe probe; /* whose file may have been closed */
	unsigned int id;
	int link;
};

struct mt_shared {
	int tracefs; /* or -errno */
	int uprobe_events;
	unsigned long long start_ns;
	struct definition *definitions;
	size_t nr;
	size_t size;
};

static void event_name(const struct mt_shared *s, size_t number, char name[EVENT_NAME_LEN])
{
	snprintf(name, EVENT_NAME_LEN, GROUP "/e%zu", getpid(), s->start_ns, number);
}

/* Fails with EBUSY while a perf event of it is open, which is as well. */
static void undefine(int uprobe_events, const char *name)
{
	dprintf(uprobe_events, "-:%s\n", name);
}

static bool has_owner(pid_t pid, uint64_t start_ns)
{
	struct mt_proc_stat stat;

	return mt_proc_alive(pid) && !mt_proc_stat(pid, &stat) && stat.start_ns == start_ns;
}

/* Removes what killed recorders left. What cannot be read or removed stays. */
static void sweep(const struct mt_shared *s)
{
	int fd = openat(s->tracefs, "uprobe_events", O_RDONLY | O_CLOEXEC);
	_fclose_ FILE *list = fd < 0 ? NULL : fdopen(fd, "r");
	_free_ char *text = NULL;
	size_t size = 0;
	char *save;

	/* All of it before anything is removed, which would move the rest. */
	if (!list || getdelim(&text, &size, '\0', list) < 0)
		return;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char name[EVENT_NAME_LEN], event[16];
		unsigned long long start_ns;
		pid_t pid;

		if (sscanf(line, "%*c:" GROUP "/%15s", &pid, &start_ns, event) != 3 ||
		    has_owner(pid, start_ns))
			continue;
		snprintf(name, sizeof(name), GROUP "/%s", pid, start_ns, event);
		undefine(s->uprobe_events, name);
	}
}

/* Its root, or -errno. */
static int open_tracefs(int *uprobe_events)
{
	_close_ int root = mt_tracefs_open(true);

	if (root < 0)
		return root;
	/* Never with O_TRUNC: that removes everybody's definitions. */
	*uprobe_events = openat(root, "uprobe_events", O_WRONLY | O_APPEND | O_CLOEXEC);
	return *uprobe_events < 0 ? -errno : TAKE_FD(root);
}

int mt_shared_new(struct mt_shared **out)
{
	struct mt_proc_stat self;
	struct mt_shared *s;
	int err = mt_proc_stat(getpid(), &self);

	if (err)
		return err;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->start_ns = self.start_ns;
	s->uprobe_events = -1;
	s->tracefs = open_tracefs(&s->uprobe_events);
	if (s->tracefs >= 0)
		sweep(s);
	*out = s;
	return 0;
}

void mt_shared_free(struct mt_shared **shared)
{
	struct mt_shared *s = *shared;

	if (!s)
		return;
	for (size_t i = 0; i < s->nr; i++) {
		char name[EVENT_NAME_LEN];

		close(s->definitions[i].link);
		event_name(s, i, name);
		undefine(s->uprobe_events, name);
	}
	free(s->definitions);
	mt_cleanup_fd(&s->uprobe_events);
	mt_cleanup_fd(&s->tracefs);
	free(s);
	*shared = NULL;
}

static void idle(void)
{
	for (;;)
		pause();
}

/*
 * Attaches the program, once, for all: a program cannot be attached twice to an event, and ends
 * with the perf event that it was attached to. So that one is nobody's: it is opened for a
 * child that then ends. Without an address space it lets no process through the filter.
 */
static int attach(unsigned int id, const struct mt_shared_probe *probe)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .perf_event.bpf_cookie = probe->cookie);
	pid_t pid = mt_child_fork();
	_close_ int event = -1;
	int link;

	if (!pid)
		idle();
	if (pid < 0)
		return pid;
	event = mt_perf_tracepoint_open_task(id, pid);
	kill(pid, SIGKILL);
	mt_child_wait(pid);
	if (event < 0)
		return event;
	link = bpf_link_create(probe->prog_fd, event, BPF_PERF_EVENT, &opts);
	return link < 0 ? -errno : link;
}

static int define(struct mt_shared *s, struct definition *d)
{
	char name[EVENT_NAME_LEN];
	int err;

	if (s->tracefs < 0)
		return s->tracefs;
	event_name(s, s->nr, name);
	/* The kernel follows the link now, and keeps what it leads to. */
	if (dprintf(s->uprobe_events, "%c:%s /proc/self/fd/%d:0x%llx\n",
		    d->probe.is_return ? 'r' : 'p', name, d->probe.file_fd,
		    (unsigned long long)d->probe.offset) < 0)
		return -errno;
	err = mt_perf_tracepoint_id(s->tracefs, name, &d->id);
	d->link = err ? err : attach(d->id, &d->probe);
	if (d->link < 0)
		undefine(s->uprobe_events, name);
	return d->link < 0 ? d->link : 0;
}

static int reserve(struct mt_shared *s)
{
	size_t size = s->size ? 2 * s->size : 32;
	struct definition *grown;

	if (s->nr < s->size)
		return 0;
	grown = reallocarray(s->definitions, size, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	s->definitions = grown;
	s->size = size;
	return 0;
}

static struct definition *find(const struct mt_shared *s, const struct definition *wanted)
{
	for (size_t i = 0; i < s->nr; i++) {
		struct definition *d = &s->definitions[i];

		if (d->ino == wanted->ino && d->dev == wanted->dev &&
		    d->probe.offset == wanted->probe.offset &&
		    d->probe.is_return == wanted->probe.is_return)
			return d;
	}
	return NULL;
}

int mt_shared_open(struct mt_shared *s, const struct mt_shared_probe *probe, pid_t tid)
{
	struct definition wanted = { .probe = *probe };
	const struct definition *d;
	struct stat st;
	int err;

	if (fstat(probe->file_fd, &st))
		return -errno;
	wanted.dev = st.st_dev;
	wanted.ino = st.st_ino;
	d = find(s, &wanted);
	if (!d) {
		err = reserve(s);
		err = err ? err : define(s, &wanted);
		if (err)
			return err;
		s->definitions[s->nr] = wanted;
		d = &s->definitions[s->nr++];
	}
	if (d->probe.prog_fd != probe->prog_fd || d->probe.cookie != probe->cookie)
		return -EINVAL;
	return mt_perf_tracepoint_open_task(d->id, tid);
}
