// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/rehearse.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session/closer.h"
#include "session/kernel.h"
#include "session/links.h"
#include "session/perf.h"
#include "session/tables.h"
#include "target/locate.h"
#include "target/maps.h"
#include "util/cleanup.h"

#define ROUNDS 25
#define PAIRS  256 /* of a malloc and a free, in a round */
#define BLOCKS 64  /* live at once */
#define WORK   100 /* turns after a pair */

struct rehearsal {
	struct mt_kernel *kernel;
	pid_t pid;
	int line; /* a byte each way begins and ends a round */
	int clock;
	uint32_t slot;
	struct mt_links *links;
};

/* ---- the child --------------------------------------------------------------------------- */

/* Sizes are mixed and small, as most are, and something is done with each block. */
static void allocate(void *blocks[BLOCKS])
{
	for (size_t i = 0; i < PAIRS; i++) {
		size_t size = 16 + 24 * (i % 7);
		void *block;

		free(blocks[i % BLOCKS]);
		block = malloc(size);
		if (block)
			memset(block, (int)i, size);
		for (int turn = 0; turn < WORK; turn++)
			__asm__ volatile("");
		blocks[i % BLOCKS] = block;
	}
}

static _Noreturn void be_child(pid_t parent, int line)
{
	void *blocks[BLOCKS] = { NULL };
	char byte;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(1);
	while (read(line, &byte, 1) == 1) {
		allocate(blocks);
		if (write(line, &byte, 1) != 1)
			break;
	}
	_exit(0);
}

static int begin(struct rehearsal *r)
{
	pid_t parent = getpid();
	int lines[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lines))
		return -errno;
	r->pid = fork();
	if (!r->pid) {
		close(lines[0]);
		be_child(parent, lines[1]);
	}
	close(lines[1]);
	r->line = lines[0];
	if (r->pid < 0)
		return -errno;
	r->clock = mt_perf_clock_open(r->pid);
	return r->clock < 0 ? r->clock : 0;
}

/* The CPU time of a round. */
static int run(const struct rehearsal *r, int64_t *ns)
{
	int64_t from, to;
	int err = mt_perf_ran(r->clock, &from);
	char byte = 0;

	if (!err && (write(r->line, &byte, 1) != 1 || read(r->line, &byte, 1) != 1))
		err = -ECHILD;
	err = err ? err : mt_perf_ran(r->clock, &to);
	*ns = err ? 0 : to - from;
	return err;
}

/* ---- the probes -------------------------------------------------------------------------- */

/* The file that our own malloc is in, which is the child's too. */
static int find_target(const struct rehearsal *r, struct mt_locator *locator,
		       const struct mt_probe_target **out)
{
	__cleanup(mt_maps_free) struct mt_maps *maps = NULL;
	const struct mt_probe_target *file;
	const struct mt_mapping *mapping;
	size_t nr = 0;
	int err = mt_maps_load(&maps, r->pid);

	if (err)
		return err;
	mapping = mt_maps_find(maps, (uintptr_t)malloc);
	err = mapping ? mt_locator_open(locator, r->pid, mapping, &file) : -ENOENT;
	if (err)
		return err;
	mt_locator_collect(file, out, 1, &nr);
	return nr ? 0 : -ENOENT;
}

static int probe(struct rehearsal *r, struct mt_locator *locator)
{
	const struct mt_links_options options = { .alone = true };
	const struct mt_probe_target *target;
	int err = find_target(r, locator, &target);

	err = err ? err : mt_kernel_control(r->kernel, MT_CONTROL_ADOPT, r->pid, &r->slot);
	err = err ? err : mt_links_open(&r->links, r->kernel, r->pid, target, &options);
	return err ? err : mt_kernel_control(r->kernel, MT_CONTROL_OPEN, r->pid, NULL);
}

/* ---- what it leaves ---------------------------------------------------------------------- */

static int drop_site(const struct mt_site_key *key, const struct mt_site *site, void *kernel)
{
	mt_tables_drop_site(kernel, key);
	return 0;
}

static int drop_live(const struct mt_live_key *key, const struct mt_live *live, void *kernel)
{
	mt_tables_drop_live(kernel, key, 1);
	return 0;
}

static void ignore(const struct mt_event *e, void *arg)
{
}

static void end(struct rehearsal *r)
{
	mt_links_free(&r->links);
	if (r->line >= 0)
		close(r->line);
	if (r->clock >= 0)
		close(r->clock);
	if (r->pid > 0) {
		kill(r->pid, SIGKILL);
		while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	mt_tables_each_site(r->kernel, drop_site, r->kernel);
	mt_tables_each_live(r->kernel, drop_live, r->kernel);
	if (r->slot)
		mt_tables_drop_proc(r->kernel, r->slot);
	mt_kernel_events(r->kernel, ignore, NULL);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double v[ROUNDS])
{
	qsort(v, ROUNDS, sizeof(*v), compare);
	return v[ROUNDS / 2];
}

/* The CPU time of a round that is not probed: of what it is in all, hardly anything. */
static int run_bare(const struct rehearsal *r, double *ns)
{
	double v[ROUNDS];
	int err = 0;

	for (int i = 0; i < ROUNDS && !err; i++) {
		int64_t round_ns;

		err = run(r, &round_ns);
		v[i] = round_ns;
	}
	*ns = err ? 0 : median(v);
	return err;
}

/* Of a hit, in the median of the rounds. */
struct cost {
	double more_ns; /* than it is known to */
	double run_ns;	/* of that: by our program */
};

static int run_probed(const struct rehearsal *r, double bare_ns, struct cost *cost)
{
	struct mt_proc before, after;
	double v[ROUNDS], runs[ROUNDS];
	int err = mt_tables_proc(r->kernel, r->slot, &before);

	for (int i = 0; i < ROUNDS && !err; i++, before = after) {
		int64_t ns, known_ns, hits;

		err = run(r, &ns);
		err = err ? err : mt_tables_proc(r->kernel, r->slot, &after);
		if (err)
			break;
		hits = after.hits - before.hits;
		if (hits < PAIRS)
			return -ENODATA;
		known_ns = after.trap_ns - before.trap_ns + after.run_ns - before.run_ns;
		v[i] = (ns - bare_ns - known_ns) / hits;
		runs[i] = (double)(after.run_ns - before.run_ns) / hits;
	}
	if (!err)
		*cost = (struct cost){ median(v), median(runs) };
	return err;
}

int mt_rehearse(struct mt_kernel *k, struct mt_locator *locator)
{
	__cleanup(end) struct rehearsal r = { .kernel = k, .line = -1, .clock = -1 };
	struct cost cost, census;
	double bare_ns;
	int64_t warm_ns;
	int err = begin(&r);

	err = err ? err : run(&r, &warm_ns);
	err = err ? err : run_bare(&r, &bare_ns);
	err = err ? err : probe(&r, locator);
	err = err ? err : run(&r, &warm_ns);
	err = err ? err : run_probed(&r, bare_ns, &cost);
	err = err ? err : mt_kernel_control(k, MT_CONTROL_CLOSE, r.pid, NULL);
	err = err ? err : run_probed(&r, bare_ns, &census);
	return err ? err : mt_kernel_raise_prices(k, cost.more_ns, census.run_ns);
}
