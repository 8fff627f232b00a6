// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "export/sites.h"

#include <errno.h>
#include <string.h>

#include "analysis/faults.h"
#include "analysis/heap.h"
#include "analysis/losses.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/log.h"

const struct mt_export_value_name *mt_export_value_name(enum mt_export_value value)
{
	static const struct mt_export_value_name names[MT_EXPORT_VALUES] = {
		[MT_EXPORT_ALLOC_CNT] = { "alloc_objects", "alloc_count", "count" },
		[MT_EXPORT_ALLOC_BYTES] = { "alloc_space", "alloc_bytes", "bytes" },
		[MT_EXPORT_LIVE_CNT] = { "inuse_objects", "live_count", "count" },
		[MT_EXPORT_LIVE_BYTES] = { "inuse_space", "live_bytes", "bytes" },
		[MT_EXPORT_PEAK_CNT] = { "peak_objects", "at_peak_count", "count" },
		[MT_EXPORT_PEAK_BYTES] = { "peak_space", "at_peak_bytes", "bytes" },
		[MT_EXPORT_RESIDENT_BYTES] = { "resident_space", "resident_bytes", "bytes" },
	};

	return &names[value];
}

/* ---- sites of one process -------------------------------------------------------------------- */

/* A place for one more, all of whose values are unknown. */
static struct mt_export_site *push(struct mt_export_sites *s, const struct mt_export_process *p)
{
	struct mt_export_site *site = &s->v[s->nr++];

	*site = (struct mt_export_site){ .process = p };
	memset(site->values, -1, sizeof(site->values));
	return site;
}

/* The last one stays if it says something. */
static void keep_last(struct mt_export_sites *s)
{
	const struct mt_export_site *site = &s->v[s->nr - 1];

	for (int i = 0; i < MT_EXPORT_VALUES; i++)
		if (site->values[i] > 0)
			return;
	s->nr--;
}

static void set_known(struct mt_export_process *p, const struct mt_heap *heap,
		      const struct mt_faults_by_site *faults)
{
	p->known[MT_EXPORT_ALLOC_CNT] = p->known[MT_EXPORT_ALLOC_BYTES] = heap->watched;
	for (int i = MT_EXPORT_LIVE_CNT; i <= MT_EXPORT_PEAK_BYTES; i++)
		p->known[i] = heap->watched && heap->lives;
	p->known[MT_EXPORT_RESIDENT_BYTES] = faults->watched;
}

static void set_totals(struct mt_export_process *p, const struct mt_heap *heap,
		       const struct mt_faults_by_site *faults)
{
	memset(p->totals, -1, sizeof(p->totals));
	p->totals[MT_EXPORT_RESIDENT_BYTES] = faults->grown_bytes;
	if (!heap->watched)
		return;
	p->totals[MT_EXPORT_ALLOC_CNT] = heap->alloc_cnt;
	p->totals[MT_EXPORT_ALLOC_BYTES] = heap->alloc_bytes;
	p->totals[MT_EXPORT_PEAK_BYTES] = p->model->row.heap_peak_bytes;
	if (!heap->lives)
		return;
	p->totals[MT_EXPORT_LIVE_CNT] = heap->live_cnt;
	p->totals[MT_EXPORT_LIVE_BYTES] = heap->live_bytes;
}

static void add_heap_site(struct mt_export_sites *s, const struct mt_export_process *p,
			  const struct mt_heap_site *from)
{
	const int64_t values[MT_EXPORT_VALUES] = {
		[MT_EXPORT_ALLOC_CNT] = from->alloc_cnt,
		[MT_EXPORT_ALLOC_BYTES] = from->alloc_bytes,
		[MT_EXPORT_LIVE_CNT] = from->live_cnt,
		[MT_EXPORT_LIVE_BYTES] = from->live_bytes,
		[MT_EXPORT_PEAK_CNT] = from->at_peak_cnt,
		[MT_EXPORT_PEAK_BYTES] = from->at_peak_bytes,
	};
	struct mt_export_site *site = push(s, p);

	site->stack = from->stack;
	site->parts = from->parts;
	site->nr_parts = from->nr_parts;
	for (int i = 0; i < MT_EXPORT_RESIDENT_BYTES; i++)
		if (p->known[i] && values[i] >= 0)
			site->values[i] = values[i];
	keep_last(s);
}

static void add_fault_site(struct mt_export_sites *s, const struct mt_export_process *p,
			   const struct mt_fault_site_bytes *from)
{
	struct mt_export_site *site = push(s, p);

	site->stack = &from->site->stack;
	site->faults = from->site;
	site->values[MT_EXPORT_RESIDENT_BYTES] = from->bytes;
	keep_last(s);
}

static int add_process(struct mt_export_sites *s, const struct mt_model_process *p,
		       const struct mt_losses *losses)
{
	__cleanup(mt_faults_by_site_free) struct mt_faults_by_site *faults = NULL;
	__cleanup(mt_heap_free) struct mt_heap *heap = NULL;
	struct mt_export_process *out = &s->processes[s->nr_processes++];

	if (mt_heap_new(&heap, s->model, p) || mt_faults_by_site_new(&faults, p))
		return -ENOMEM;
	out->model = p;
	out->watched = heap->watched;
	out->heap_kind = mt_heap_kind(heap, losses->heap);
	out->fault_kind = !faults->watched ? NULL : faults->sampled ? "sampled" : "exact";
	set_known(out, heap, faults);
	set_totals(out, heap, faults);
	for (size_t i = 0; heap->watched && i < heap->nr_sites; i++)
		add_heap_site(s, out, &heap->sites[i]);
	for (size_t i = 0; faults->watched && i < faults->nr_sites; i++)
		add_fault_site(s, out, &faults->sites[i]);
	for (int i = 0; i < MT_EXPORT_VALUES; i++)
		s->known[i] = s->known[i] || out->known[i];
	return 0;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int reserve(struct mt_export_sites *s)
{
	size_t sites = 0;

	for (size_t i = 0; i < s->model->nr_processes; i++)
		sites += s->model->processes[i].nr_sites + s->model->processes[i].nr_fault_sites;
	s->v = calloc(sites + 1, sizeof(*s->v));
	s->processes = calloc(s->model->nr_processes + 1, sizeof(*s->processes));
	return s->v && s->processes ? 0 : -ENOMEM;
}

int mt_export_sites_new(struct mt_export_sites **out, const struct mt_model *m, int32_t pid)
{
	__cleanup(mt_export_sites_free) struct mt_export_sites *s = calloc(1, sizeof(*s));
	struct mt_losses losses;
	int err = 0;

	if (!s)
		return -ENOMEM;
	s->model = m;
	err = reserve(s);
	mt_losses_get(&losses, m);
	for (size_t i = 0; i < m->nr_processes && !err; i++)
		if (!pid || m->processes[i].row.pid == pid)
			err = add_process(s, &m->processes[i], &losses);
	if (err)
		return err;
	if (pid && !s->nr_processes)
		return mt_err(-ESRCH,
			      "process %d is not in this capture; memtide report says which "
			      "are",
			      pid);
	*out = TAKE_PTR(s);
	return 0;
}

void mt_export_sites_free(struct mt_export_sites **sites)
{
	if (!*sites)
		return;
	free((*sites)->processes);
	free((*sites)->v);
	free(*sites);
	*sites = NULL;
}

int mt_export_choose(const struct mt_export_sites *sites, enum mt_export_value asked)
{
	static const enum mt_export_value by_default[] = {
		MT_EXPORT_LIVE_BYTES,
		MT_EXPORT_ALLOC_BYTES,
		MT_EXPORT_RESIDENT_BYTES,
	};

	if (asked != MT_EXPORT_VALUES && sites->known[asked])
		return asked;
	if (asked != MT_EXPORT_VALUES)
		return mt_err(-ENODATA,
			      "%s is not known in this capture (bursts and mode kernel "
			      "do not see what lives); try another --value",
			      mt_export_value_name(asked)->profile);
	for (size_t i = 0; i < ARRAY_SIZE(by_default); i++)
		if (sites->known[by_default[i]])
			return by_default[i];
	return mt_err(-ENODATA, "neither a heap nor page faults were watched: nothing to export");
}

const char *mt_export_kind(const struct mt_export_site *site)
{
	const char *kind = site->faults ? site->process->fault_kind : site->process->heap_kind;

	return kind ?: "incomplete";
}

/* ---- names ----------------------------------------------------------------------------------- */

char *mt_export_frame(const struct mt_frame *f)
{
	const char *slash = f->module ? strrchr(f->module, '/') : NULL;
	_free_ char *place = NULL;
	int n = 0;

	if (f->function && *f->function)
		return mt_escape_terminal(f->function);
	if (f->module)
		n = asprintf(&place, "%s+0x%llx", slash ? slash + 1 : f->module,
			     (unsigned long long)f->offset);
	else
		n = asprintf(&place, "0x%llx", (unsigned long long)f->address);
	if (n < 0)
		place = NULL;
	return place ? mt_escape_terminal(place) : NULL;
}

char *mt_export_root(const struct mt_export_site *site)
{
	const char *kind = mt_export_kind(site);
	_free_ char *name = NULL;
	int n;

	if (!strcmp(kind, "exact"))
		return mt_escape_terminal(site->process->model->row.comm);
	n = asprintf(&name, "%s [%s]", site->process->model->row.comm, kind);
	if (n < 0)
		name = NULL;
	return name ? mt_escape_terminal(name) : NULL;
}
