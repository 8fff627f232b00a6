/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * tables.h: reading what the BPF programs aggregated.
 *
 * Walks go through the kernel's batch look-ups: each bucket is copied whole, entries that
 * come or go meanwhile may or may not be seen, the values of a process that has ended do
 * not change. Callbacks get copies; one stops the walk by returning non-zero, which is then
 * the result. One thread; errors are -errno, not logged.
 */
#ifndef MT_SESSION_TABLES_H
#define MT_SESSION_TABLES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire_fault.h"

struct mt_kernel;

typedef int (*mt_site_fn)(const struct mt_site_key *, const struct mt_site *, void *);
typedef int (*mt_storm_fn)(const struct mt_site_key *, const struct mt_storm *, void *);
typedef int (*mt_fault_fn)(const struct mt_fault_key *, const struct mt_fault *, void *);
typedef int (*mt_live_fn)(const struct mt_live_key *, const struct mt_live *, void *);

int mt_tables_each_site(const struct mt_kernel *k, mt_site_fn cb, void *arg);
int mt_tables_each_storm(const struct mt_kernel *k, mt_storm_fn cb, void *arg);
int mt_tables_each_fault(const struct mt_kernel *k, mt_fault_fn cb, void *arg);
int mt_tables_each_live(const struct mt_kernel *k, mt_live_fn cb, void *arg);

/* Which image a process runs, as the kernel has it now; -ENOENT: it is no target. */
int mt_tables_image(const struct mt_kernel *k, pid_t tgid, struct mt_image *out);
int mt_tables_proc(const struct mt_kernel *k, uint32_t slot, struct mt_proc *out);
int mt_tables_site(const struct mt_kernel *k, const struct mt_site_key *key, struct mt_site *out);
/* Of a site's blocks but the first; -ENOENT: there are no others. */
int mt_tables_hists(const struct mt_kernel *k, const struct mt_site_key *key, struct mt_hists *out);
int mt_tables_storm(const struct mt_kernel *k, const struct mt_site_key *key, struct mt_storm *out);
int mt_tables_stack(const struct mt_kernel *k, uint64_t id, struct mt_stack *out);
/* On all CPUs. */
int mt_tables_fault_work(const struct mt_kernel *k, struct mt_fault_work *out);
uint64_t mt_tables_lost(const struct mt_kernel *k, enum mt_lost what);

/* Forget what belonged to a slot whose process is gone and whose data was kept. */
void mt_tables_drop_proc(const struct mt_kernel *k, uint32_t slot);
void mt_tables_drop_site(const struct mt_kernel *k, const struct mt_site_key *key);
void mt_tables_drop_fault(const struct mt_kernel *k, const struct mt_fault_key *key);
void mt_tables_drop_stack_part(const struct mt_kernel *k, uint64_t key);
void mt_tables_drop_live(const struct mt_kernel *k, const struct mt_live_key *keys, size_t nr);

#endif
