// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/faults.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session/kernel.h"
#include "session/perf.h"
#include "session/tables.h"
#include "target/proc.h"
#include "util/cleanup.h"

/* A process that creates threads faster than this many looks at them is believed to be covered. */
#define LOOKS_MAX 16

/* The events of one period. */
struct events {
	int *fds;
	size_t nr;
	size_t room;
};

struct mt_faults {
	struct mt_kernel *kernel;
	struct mt_fault_sampling sampling;
	int64_t coarsest; /* period * one_in, at most */
	struct events events;
	int64_t past_ns; /* that tasks ran in the time of earlier events */
};

static void events_close(struct events *e)
{
	for (size_t i = 0; i < e->nr; i++)
		close(e->fds[i]);
	free(e->fds);
	*e = (struct events){ 0 };
}

static int events_add(struct events *e, int event)
{
	_close_ int fd = event;

	if (e->nr == e->room) {
		size_t room = e->room ? e->room * 2 : 64;
		int *fds = reallocarray(e->fds, room, sizeof(*fds));

		if (!fds)
			return -ENOMEM;
		e->fds = fds;
		e->room = room;
	}
	e->fds[e->nr++] = TAKE_FD(fd);
	return 0;
}

/* One that cannot be read has ended with its task: it ran no more. */
static int64_t events_running_ns(const struct events *e)
{
	int64_t total = 0, ns;

	for (size_t i = 0; i < e->nr; i++)
		total += mt_perf_ran(e->fds[i], &ns) ? 0 : ns;
	return total;
}

static void set_sampling(struct mt_faults *f, const struct mt_fault_sampling *sampling)
{
	int64_t coarse = (int64_t)sampling->period * sampling->one_in;

	f->sampling = *sampling;
	f->coarsest = coarse > f->coarsest ? coarse : f->coarsest;
	mt_kernel_sample_faults(f->kernel, sampling->period, sampling->one_in);
}

int mt_faults_new(struct mt_faults **out, struct mt_kernel *kernel)
{
	struct mt_faults *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->kernel = kernel;
	set_sampling(f, &(struct mt_fault_sampling){ 1, 1 });
	*out = f;
	return 0;
}

void mt_faults_free(struct mt_faults **faults)
{
	if (!*faults)
		return;
	events_close(&(*faults)->events);
	free(*faults);
	*faults = NULL;
}

static bool among(const pid_t *tids, size_t nr, pid_t tid)
{
	for (size_t i = 0; i < nr; i++)
		if (tids[i] == tid)
			return true;
	return false;
}

/* Those of its threads that are not among `known`. How many; or -errno. */
static int watch_new(struct mt_faults *f, struct events *e, uint32_t period, const pid_t *tids,
		     size_t nr, const pid_t *known, size_t nr_known)
{
	int found = 0, err = 0;

	for (size_t i = 0; i < nr && !err; i++) {
		int fd;

		if (among(known, nr_known, tids[i]))
			continue;
		fd = mt_perf_faults_open(tids[i], period, mt_kernel_fault_fd(f->kernel));
		found += fd >= 0;
		if (fd != -ESRCH) /* else it has just ended */
			err = fd < 0 ? fd : events_add(e, fd);
	}
	return err ? err : found;
}

/*
 * A thread that is created by one without an event yet has none, so they are looked at until no
 * new one is there.
 */
static int watch(struct mt_faults *f, struct events *e, uint32_t period, pid_t pid)
{
	_free_ pid_t *known = NULL;
	size_t nr_known = 0;
	int n = 1, total = 0;

	for (int look = 0; n > 0 && look < LOOKS_MAX; look++) {
		_free_ pid_t *tids = NULL;
		size_t nr = 0;

		n = mt_proc_tids(pid, &tids, &nr);
		if (n)
			return n;
		n = watch_new(f, e, period, tids, nr, known, nr_known);
		total += n;
		free(known);
		known = TAKE_PTR(tids);
		nr_known = nr;
	}
	return n < 0 ? n : total ? 0 : -ESRCH;
}

int mt_faults_watch(struct mt_faults *f, pid_t pid)
{
	return watch(f, &f->events, f->sampling.period, pid);
}

int mt_faults_sample(struct mt_faults *f, const struct mt_fault_sampling *sampling,
		     const pid_t *pids, size_t nr)
{
	__cleanup(events_close) struct events e = { 0 };

	if (sampling->period != f->sampling.period) {
		for (size_t i = 0; i < nr; i++) {
			int err = watch(f, &e, sampling->period, pids[i]);

			if (err && err != -ESRCH)
				return err;
		}
		f->past_ns += events_running_ns(&f->events) - events_running_ns(&e);
		events_close(&f->events);
		f->events = e;
		e = (struct events){ 0 };
	}
	set_sampling(f, sampling);
	return 0;
}

struct mt_fault_sampling mt_faults_sampling(const struct mt_faults *f)
{
	return f->sampling;
}

int64_t mt_faults_coarsest(const struct mt_faults *f)
{
	return f->coarsest;
}

int mt_faults_stats(const struct mt_faults *f, double event_ns, struct mt_fault_stats *out)
{
	struct mt_fault_work work;
	int err = mt_tables_fault_work(f->kernel, &work);

	if (err)
		return err;
	*out = (struct mt_fault_stats){
		.event_cnt = work.event_cnt,
		.stack_cnt = work.stack_cnt,
		.cost_ns = work.run_ns + work.event_cnt * event_ns,
	};
	return 0;
}

int64_t mt_faults_running_ns(const struct mt_faults *f)
{
	return f->past_ns + events_running_ns(&f->events);
}

void mt_faults_stop(struct mt_faults *f)
{
	f->past_ns = mt_faults_running_ns(f);
	events_close(&f->events);
}
