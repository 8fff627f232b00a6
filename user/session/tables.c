// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/tables.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "session/kernel.h"
#include "util/cleanup.h"

#define BATCH_ENTRIES 512

typedef int (*entry_fn)(const void *key, const void *value, void *cb, void *arg);

struct table {
	int fd;
	size_t key_bytes;
	size_t value_bytes;
};

/* One walk with room for `room` entries at a time; -ENOSPC when a bucket holds more. */
static int walk(const struct table *t, uint32_t room, entry_fn entry, void *cb, void *arg)
{
	_free_ char *keys = calloc(room, t->key_bytes), *values = calloc(room, t->value_bytes);
	uint64_t position = 0;
	bool first = true, last = false;

	if (!keys || !values)
		return -ENOMEM;
	while (!last) {
		uint32_t n = room;
		int err = bpf_map_lookup_batch(t->fd, first ? NULL : &position, &position, keys,
					       values, &n, NULL);

		if (err && errno != ENOENT)
			return -errno;
		last = err != 0;
		first = false;
		for (uint32_t i = 0; i < n; i++) {
			err = entry(keys + i * t->key_bytes, values + i * t->value_bytes, cb, arg);
			if (err)
				return err;
		}
	}
	return 0;
}

/* A bucket that does not fit ends the walk before any of its entries was seen. */
static int each(const struct table *t, entry_fn entry, void *cb, void *arg)
{
	uint32_t room = BATCH_ENTRIES;

	for (;;) {
		int err = walk(t, room, entry, cb, arg);

		if (err != -ENOSPC || room >= 1U << 20)
			return err;
		room *= 8;
	}
}

static int site_entry(const void *key, const void *value, void *cb, void *arg)
{
	return ((mt_site_fn)cb)(key, value, arg);
}

static int storm_entry(const void *key, const void *value, void *cb, void *arg)
{
	return ((mt_storm_fn)cb)(key, value, arg);
}

static int fault_entry(const void *key, const void *value, void *cb, void *arg)
{
	return ((mt_fault_fn)cb)(key, value, arg);
}

static int live_entry(const void *key, const void *value, void *cb, void *arg)
{
	return ((mt_live_fn)cb)(key, value, arg);
}

int mt_tables_each_site(const struct mt_kernel *k, mt_site_fn cb, void *arg)
{
	struct table t = { mt_kernel_map_fd(k, "mt_sites"), sizeof(struct mt_site_key),
			   sizeof(struct mt_site) };

	return each(&t, site_entry, cb, arg);
}

int mt_tables_each_storm(const struct mt_kernel *k, mt_storm_fn cb, void *arg)
{
	struct table t = { mt_kernel_map_fd(k, "mt_storms"), sizeof(struct mt_site_key),
			   sizeof(struct mt_storm) };

	return each(&t, storm_entry, cb, arg);
}

int mt_tables_each_fault(const struct mt_kernel *k, mt_fault_fn cb, void *arg)
{
	struct table t = { mt_kernel_map_fd(k, "mt_faults"), sizeof(struct mt_fault_key),
			   sizeof(struct mt_fault) };

	return each(&t, fault_entry, cb, arg);
}

int mt_tables_each_live(const struct mt_kernel *k, mt_live_fn cb, void *arg)
{
	struct table t = { mt_kernel_map_fd(k, "mt_live"), sizeof(struct mt_live_key),
			   sizeof(struct mt_live) };

	return each(&t, live_entry, cb, arg);
}

static int lookup(const struct mt_kernel *k, const char *map, const void *key, void *value)
{
	return bpf_map_lookup_elem(mt_kernel_map_fd(k, map), key, value) ? -errno : 0;
}

int mt_tables_image(const struct mt_kernel *k, pid_t tgid, struct mt_image *out)
{
	uint32_t key = tgid;

	return lookup(k, "mt_images", &key, out);
}

int mt_tables_proc(const struct mt_kernel *k, uint32_t slot, struct mt_proc *out)
{
	return lookup(k, "mt_procs", &slot, out);
}

int mt_tables_site(const struct mt_kernel *k, const struct mt_site_key *key, struct mt_site *out)
{
	return lookup(k, "mt_sites", key, out);
}

int mt_tables_hists(const struct mt_kernel *k, const struct mt_site_key *key, struct mt_hists *out)
{
	return lookup(k, "mt_hists", key, out);
}

int mt_tables_storm(const struct mt_kernel *k, const struct mt_site_key *key, struct mt_storm *out)
{
	return lookup(k, "mt_storms", key, out);
}

/* Inwards out: a part holds its frames outermost first. */
int mt_tables_stack(const struct mt_kernel *k, uint64_t id, struct mt_stack *out)
{
	struct mt_stack_part part;
	int err;

	out->nr = 0;
	for (; id; id = part.outer) {
		err = lookup(k, "mt_stacks", &id, &part);
		if (err)
			return err;
		if (part.nr > MT_PART_FRAMES || part.nr > MT_FRAMES_MAX - out->nr)
			return -EBADMSG;
		for (uint32_t i = part.nr; i > 0; i--)
			out->frames[out->nr++] = part.frames[i - 1];
		out->end = part.end;
	}
	return 0;
}

int mt_tables_fault_work(const struct mt_kernel *k, struct mt_fault_work *out)
{
	int cpus = libbpf_num_possible_cpus(), err;
	_free_ struct mt_fault_work *each = cpus > 0 ? calloc(cpus, sizeof(*each)) : NULL;
	uint32_t zero = 0;

	if (!each)
		return cpus > 0 ? -ENOMEM : cpus;
	err = lookup(k, "mt_fault_work", &zero, each);
	if (err)
		return err;
	*out = (struct mt_fault_work){ 0 };
	for (int i = 0; i < cpus; i++) {
		out->event_cnt += each[i].event_cnt;
		out->stack_cnt += each[i].stack_cnt;
		out->run_ns += each[i].run_ns;
	}
	return 0;
}

uint64_t mt_tables_lost(const struct mt_kernel *k, enum mt_lost what)
{
	uint32_t key = what;
	uint64_t cnt = 0;

	return lookup(k, "mt_lost", &key, &cnt) ? 0 : cnt;
}

void mt_tables_drop_proc(const struct mt_kernel *k, uint32_t slot)
{
	bpf_map_delete_elem(mt_kernel_map_fd(k, "mt_procs"), &slot);
}

void mt_tables_drop_site(const struct mt_kernel *k, const struct mt_site_key *key)
{
	bpf_map_delete_elem(mt_kernel_map_fd(k, "mt_sites"), key);
	bpf_map_delete_elem(mt_kernel_map_fd(k, "mt_hists"), key);
	bpf_map_delete_elem(mt_kernel_map_fd(k, "mt_storms"), key);
}

void mt_tables_drop_fault(const struct mt_kernel *k, const struct mt_fault_key *key)
{
	bpf_map_delete_elem(mt_kernel_map_fd(k, "mt_faults"), key);
}

void mt_tables_drop_stack_part(const struct mt_kernel *k, uint64_t key)
{
	bpf_map_delete_elem(mt_kernel_map_fd(k, "mt_stacks"), &key);
}

void mt_tables_drop_live(const struct mt_kernel *k, const struct mt_live_key *keys, size_t nr)
{
	int fd = mt_kernel_map_fd(k, "mt_live");

	for (size_t i = 0; i < nr; i++)
		bpf_map_delete_elem(fd, &keys[i]);
}
