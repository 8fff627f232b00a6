// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/probes.h"

#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>

#include "session/calibrate.h"
#include "target/locate.h"
#include "util/cleanup.h"
#include "wire.h"

struct mt_probes {
	int map_fd;
	const struct mt_trap_prices *prices;
	uint32_t next;
	struct mt_probes_file **v; /* each allocated: their addresses are handed out */
	size_t nr;
};

int mt_probes_new(struct mt_probes **out, int map_fd, const struct mt_trap_prices *prices)
{
	struct mt_probes *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->map_fd = map_fd;
	p->prices = prices;
	*out = p;
	return 0;
}

void mt_probes_free(struct mt_probes **probes)
{
	struct mt_probes *p = *probes;

	if (!p)
		return;
	for (size_t i = 0; i < p->nr; i++)
		free(p->v[i]);
	free(p->v);
	free(p);
	*probes = NULL;
}

static int write_rows(const struct mt_probes *p, const struct mt_allocator *a, uint32_t first)
{
	for (size_t i = 0; i < a->nr_sites; i++) {
		const struct mt_probe_site *site = &a->sites[i];
		uint32_t index = first + i;
		struct mt_probe probe = {
			.func = site->func,
			.size = site->size_at,
			.factor = site->factor_at ?: MT_ARG_ONE,
			.block = site->block_at,
			.result = site->result,
			.internal_from = site->internal_from,
			.internal_to = site->internal_to,
			.trap_ns = site->placement == MT_PLACEMENT_EMULATED ? p->prices->push_ns
									    : p->prices->stepped_ns,
			.return_ns = p->prices->return_ns,
		};

		if (bpf_map_update_elem(p->map_fd, &index, &probe, BPF_ANY))
			return -errno;
	}
	return 0;
}

static int add(struct mt_probes *p, const struct mt_probe_target *target,
	       struct mt_probes_file **out)
{
	_free_ struct mt_probes_file *file = calloc(1, sizeof(*file));
	struct mt_probes_file **v = reallocarray(p->v, p->nr + 1, sizeof(struct mt_probes_file *));
	int err;

	if (v)
		p->v = v;
	if (!v || !file)
		return -ENOMEM;
	if (target->allocator->nr_sites > MT_PROBES_MAX - p->next)
		return -ENOSPC;
	err = write_rows(p, target->allocator, p->next);
	if (err)
		return err;
	file->target = target;
	file->first = p->next;
	p->next += target->allocator->nr_sites;
	*out = p->v[p->nr++] = TAKE_PTR(file);
	return 0;
}

int mt_probes_write_again(const struct mt_probes *p)
{
	int err = 0;

	for (size_t i = 0; i < p->nr && !err; i++)
		err = write_rows(p, p->v[i]->target->allocator, p->v[i]->first);
	return err;
}

static struct mt_probes_file *find(const struct mt_probes *p, const struct mt_probe_target *target)
{
	for (size_t i = 0; i < p->nr; i++)
		if (p->v[i]->target == target)
			return p->v[i];
	return NULL;
}

unsigned int mt_probes_returns_by(const struct mt_probes *p, const struct mt_probe_target *target)
{
	const struct mt_probes_file *file = find(p, target);

	return file ? file->returns_by : 0;
}

int mt_probes_file(struct mt_probes *p, const struct mt_probe_target *target,
		   struct mt_probes_file **out)
{
	struct mt_probes_file *file = find(p, target);

	if (!file)
		return add(p, target, out);
	*out = file;
	return 0;
}
