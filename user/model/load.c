// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Rows come in the order of their keys, of which the process is the first part: so each
 * kind is read into one array, and a process's share of it is a stretch of that array.
 */
#include <errno.h>
#include <string.h>

#include "model/model.h"
#include "model/resolve.h"
#include "util/cleanup.h"
#include "util/log.h"

enum kind {
	LOST,
	PROBES,
	PHASES,
	PROCESSES,
	STACKS,
	MODULES,
	SYMBOLS,
	SITES,
	MAP_SITES,
	FAULT_SITES,
	SPAWNS,
	THREADS,
	SAMPLES,
	GAPS,
	BILLS,
	BILL_MAPPINGS,
	KIND_MAX
};

static const size_t row_bytes[KIND_MAX] = {
	[LOST] = sizeof(struct mt_lost_count),
	[PROBES] = sizeof(struct mt_probe_row),
	[PHASES] = sizeof(struct mt_phase_row),
	[PROCESSES] = sizeof(struct mt_model_process),
	[STACKS] = sizeof(struct mt_stack_row),
	[MODULES] = sizeof(struct mt_module_row),
	[SYMBOLS] = sizeof(struct mt_symbol_row),
	[SITES] = sizeof(struct mt_model_site),
	[MAP_SITES] = sizeof(struct mt_model_map_site),
	[FAULT_SITES] = sizeof(struct mt_model_fault_site),
	[SPAWNS] = sizeof(struct mt_model_spawn),
	[THREADS] = sizeof(struct mt_thread_row),
	[SAMPLES] = sizeof(struct mt_sample_row),
	[GAPS] = sizeof(struct mt_gap_row),
	[BILLS] = sizeof(struct mt_bill_row),
	[BILL_MAPPINGS] = sizeof(struct mt_bill_mapping_row),
};

struct rows {
	void *data;
	size_t nr;
	size_t cap;
	size_t taken; /* by the processes so far */
};

struct loader {
	struct mt_model *model;
	struct rows rows[KIND_MAX];
};

void mt_model_free(struct mt_model **model)
{
	if (!*model)
		return;
	mt_pool_free(&(*model)->pool);
	free(*model);
	*model = NULL;
}

static void free_loader(struct loader *l)
{
	for (int i = 0; i < KIND_MAX; i++)
		free(l->rows[i].data);
	mt_model_free(&l->model);
}

/* ---- one callback a table ---------------------------------------------------------------- */

static void *push(struct loader *l, enum kind kind)
{
	struct rows *r = &l->rows[kind];
	void *row;

	if (r->nr == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 64;
		void *data = reallocarray(r->data, cap, row_bytes[kind]);

		if (!data)
			return NULL;
		r->data = data;
		r->cap = cap;
	}
	row = (char *)r->data + r->nr++ * row_bytes[kind];
	return memset(row, 0, row_bytes[kind]);
}

static int keep_text(struct loader *l, const char **text)
{
	return mt_pool_keep(l->model->pool, text);
}

static int keep_words(struct loader *l, const uint64_t **words, size_t nr)
{
	*words = mt_pool_copy(l->model->pool, *words, nr * sizeof(**words));
	return *words ? 0 : -ENOMEM;
}

static int keep_hist(struct loader *l, struct mt_hist_row *h)
{
	return keep_words(l, &h->counts, h->nr);
}

struct meta_field {
	const char *key;
	size_t offset;
	bool number;
};

static const struct meta_field meta_fields[] = {
	{ MT_META_STARTED, offsetof(struct mt_model_meta, started), false },
	{ MT_META_MODE, offsetof(struct mt_model_meta, mode), false },
	{ MT_META_HOST, offsetof(struct mt_model_meta, host), false },
	{ MT_META_KERNEL, offsetof(struct mt_model_meta, kernel), false },
	{ MT_META_ARCH, offsetof(struct mt_model_meta, arch), false },
	{ MT_META_HOOKS_VM, offsetof(struct mt_model_meta, hooks_vm), false },
	{ MT_META_HOOKS_RET, offsetof(struct mt_model_meta, hooks_return), false },
	{ MT_META_COMMAND, offsetof(struct mt_model_meta, command), false },
	{ MT_META_DURATION_NS, offsetof(struct mt_model_meta, duration_ns), true },
	{ MT_META_FINISHED, offsetof(struct mt_model_meta, finished), true },
	{ MT_META_CPUS, offsetof(struct mt_model_meta, cpus), true },
	{ MT_META_TRAPS, offsetof(struct mt_model_meta, traps), true },
	{ MT_META_TRAP_COST_NS, offsetof(struct mt_model_meta, trap_cost_ns), true },
	{ MT_META_SYSCALL_TAX_NS, offsetof(struct mt_model_meta, syscall_tax_ns), true },
	{ MT_META_TICK_NS, offsetof(struct mt_model_meta, tick_ns), true },
	{ MT_META_BUDGET_PPM, offsetof(struct mt_model_meta, budget_ppm), true },
	{ MT_META_SAMPLE_BYTES, offsetof(struct mt_model_meta, sample_bytes), true },
	{ MT_META_SELF_CPU_NS, offsetof(struct mt_model_meta, self_cpu_ns), true },
	{ MT_META_UNWIND_FILES, offsetof(struct mt_model_meta, unwind_files), true },
	{ MT_META_UNWIND_TABLES, offsetof(struct mt_model_meta, unwind_tables), true },
	{ MT_META_UNWIND_BYTES, offsetof(struct mt_model_meta, unwind_bytes), true },
	{ MT_META_UNWIND_FROM_CACHE, offsetof(struct mt_model_meta, unwind_from_cache), true },
	{ MT_META_UNWIND_EVICTED, offsetof(struct mt_model_meta, unwind_evicted), true },
	{ MT_META_UNWIND_BUILD_NS, offsetof(struct mt_model_meta, unwind_build_ns), true },
};

static int64_t parse_number(const char *text)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(text, &end, 10);
	return errno || end == text || *end || v < 0 || v >= 1LL << 62 ? -1 : v;
}

static int on_meta(const char *key, const char *value, void *arg)
{
	struct loader *l = arg;

	for (size_t i = 0; i < ARRAY_SIZE(meta_fields); i++) {
		const struct meta_field *f = &meta_fields[i];
		char *field = (char *)&l->model->meta + f->offset;

		if (strcmp(key, f->key))
			continue;
		if (f->number) {
			*(int64_t *)field = parse_number(value);
			return 0;
		}
		*(const char **)field = value;
		return keep_text(l, (const char **)field);
	}
	return 0;
}

static int on_lost(const char *name, int64_t cnt, void *arg)
{
	struct mt_lost_count *lost = push(arg, LOST);

	if (!lost)
		return -ENOMEM;
	*lost = (struct mt_lost_count){ name, cnt };
	return keep_text(arg, &lost->name);
}

static int on_probe(const struct mt_probe_row *row, void *arg)
{
	struct mt_probe_row *probe = push(arg, PROBES);

	if (!probe)
		return -ENOMEM;
	*probe = *row;
	return keep_text(arg, &probe->module) ?:
	       keep_text(arg, &probe->function) ?:
	       keep_text(arg, &probe->placement) ?:
	       keep_text(arg, &probe->kind);
}

static int on_process(const struct mt_process_row *row, void *arg)
{
	struct mt_model_process *p = push(arg, PROCESSES);

	if (!p)
		return -ENOMEM;
	p->row = *row;
	return keep_text(arg, &p->row.comm) ?:
	       keep_text(arg, &p->row.exe) ?:
	       keep_text(arg, &p->row.cgroup) ?:
	       keep_text(arg, &p->row.allocators) ?:
	       keep_text(arg, &p->row.runtimes) ?:
	       keep_text(arg, &p->row.heap_note) ?:
	       keep_text(arg, &p->row.ended) ?:
	       keep_text(arg, &p->row.since) ?:
	       keep_text(arg, &p->row.peak_rss_kind);
}

static int on_module(const struct mt_module_row *row, void *arg)
{
	struct mt_module_row *module = push(arg, MODULES);

	if (!module)
		return -ENOMEM;
	*module = *row;
	return keep_text(arg, &module->path) ?: keep_text(arg, &module->build_id);
}

static int on_stack(const struct mt_stack_row *row, void *arg)
{
	struct mt_stack_row *stack = push(arg, STACKS);

	if (!stack)
		return -ENOMEM;
	*stack = *row;
	return keep_text(arg, &stack->end) ?: keep_words(arg, &stack->frames, stack->nr);
}

static int on_symbol(const struct mt_symbol_row *row, void *arg)
{
	struct mt_symbol_row *symbol = push(arg, SYMBOLS);

	if (!symbol)
		return -ENOMEM;
	*symbol = *row;
	return keep_text(arg, &symbol->function) ?:
	       keep_text(arg, &symbol->file) ?:
	       keep_text(arg, &symbol->module);
}

static int keep_storm(struct loader *l, const struct mt_storm_row **storm)
{
	struct mt_storm_row *kept;

	if (!*storm)
		return 0;
	kept = mt_pool_copy(l->model->pool, *storm, sizeof(**storm));
	*storm = kept;
	return kept ? keep_hist(l, &kept->final_sizes) : -ENOMEM;
}

static int on_site(const struct mt_site_row *row, void *arg)
{
	struct mt_model_site *site = push(arg, SITES);

	if (!site)
		return -ENOMEM;
	site->row = *row;
	site->stack.id = row->stack;
	return keep_text(arg, &site->row.kind) ?:
	       keep_hist(arg, &site->row.sizes) ?:
	       keep_hist(arg, &site->row.lifetimes) ?:
	       keep_hist(arg, &site->row.ages) ?:
	       keep_storm(arg, &site->row.storm);
}

static int on_map_site(const struct mt_map_site_row *row, void *arg)
{
	struct mt_model_map_site *site = push(arg, MAP_SITES);

	if (!site)
		return -ENOMEM;
	site->row = *row;
	site->stack.id = row->stack;
	return keep_text(arg, &site->row.kind);
}

static int on_fault_site(const struct mt_fault_site_row *row, void *arg)
{
	struct mt_model_fault_site *site = push(arg, FAULT_SITES);

	if (!site)
		return -ENOMEM;
	site->row = *row;
	site->stack.id = row->stack;
	return keep_text(arg, &site->row.class);
}

static int on_spawn(const struct mt_spawn_row *row, void *arg)
{
	struct mt_model_spawn *spawn = push(arg, SPAWNS);

	if (!spawn)
		return -ENOMEM;
	spawn->row = *row;
	spawn->stack.id = row->stack;
	return 0;
}

static int on_thread(const struct mt_thread_row *row, void *arg)
{
	struct mt_thread_row *thread = push(arg, THREADS);

	if (!thread)
		return -ENOMEM;
	*thread = *row;
	return keep_text(arg, &thread->comm);
}

static int on_sample(const struct mt_sample_row *row, void *arg)
{
	struct mt_sample_row *sample = push(arg, SAMPLES);

	if (!sample)
		return -ENOMEM;
	*sample = *row;
	return 0;
}

static int on_gap(const struct mt_gap_row *row, void *arg)
{
	struct mt_gap_row *gap = push(arg, GAPS);

	if (!gap)
		return -ENOMEM;
	*gap = *row;
	return keep_text(arg, &gap->why);
}

static int on_bill(const struct mt_bill_row *row, void *arg)
{
	struct mt_bill_row *bill = push(arg, BILLS);

	if (!bill)
		return -ENOMEM;
	*bill = *row;
	return keep_text(arg, &bill->at);
}

static int on_bill_mapping(const struct mt_bill_mapping_row *row, void *arg)
{
	struct mt_bill_mapping_row *mapping = push(arg, BILL_MAPPINGS);

	if (!mapping)
		return -ENOMEM;
	*mapping = *row;
	return keep_text(arg, &mapping->at) ?:
	       keep_text(arg, &mapping->part) ?:
	       keep_text(arg, &mapping->name);
}

static int on_phase(const struct mt_phase_row *row, void *arg)
{
	struct mt_phase_row *phase = push(arg, PHASES);

	if (!phase)
		return -ENOMEM;
	*phase = *row;
	return keep_text(arg, &phase->layer);
}

static int read_tables(struct loader *l, struct mt_capture *c)
{
	return mt_capture_each_meta(c, on_meta, l) ?:
	       mt_capture_each_lost(c, on_lost, l) ?:
	       mt_capture_each_probe(c, on_probe, l) ?:
	       mt_capture_each_process(c, on_process, l) ?:
	       mt_capture_each_module(c, on_module, l) ?:
	       mt_capture_each_stack(c, on_stack, l) ?:
	       mt_capture_each_symbol(c, on_symbol, l) ?:
	       mt_capture_each_site(c, on_site, l) ?:
	       mt_capture_each_map_site(c, on_map_site, l) ?:
	       mt_capture_each_fault_site(c, on_fault_site, l) ?:
	       mt_capture_each_spawn(c, on_spawn, l) ?:
	       mt_capture_each_thread(c, on_thread, l) ?:
	       mt_capture_each_sample(c, on_sample, l) ?:
	       mt_capture_each_gap(c, on_gap, l) ?:
	       mt_capture_each_bill(c, on_bill, l) ?:
	       mt_capture_each_bill_mapping(c, on_bill_mapping, l) ?:
	       mt_capture_each_phase(c, on_phase, l);
}

/* ---- linking ----------------------------------------------------------------------------- */

/* The next rows of one kind, if they are this process's. */
static void *take(struct loader *l, enum kind kind, uint32_t process, size_t *nr)
{
	struct rows *r = &l->rows[kind];
	char *first = r->nr ? (char *)r->data + r->taken * row_bytes[kind] : NULL;

	/* Every row that belongs to a process begins with its id. */
	for (*nr = 0; r->taken < r->nr; r->taken++, ++*nr)
		if (*(const uint32_t *)(first + *nr * row_bytes[kind]) != process)
			break;
	return *nr ? first : NULL;
}

static int link_process(struct loader *l, struct mt_model_process *p, struct mt_stacks *stacks)
{
	_free_ struct mt_model_stack **targets = NULL;
	uint32_t id = p->row.id;
	struct mt_model_site *sites = take(l, SITES, id, &p->nr_sites);
	struct mt_model_map_site *map_sites = take(l, MAP_SITES, id, &p->nr_map_sites);
	struct mt_model_fault_site *fault_sites = take(l, FAULT_SITES, id, &p->nr_fault_sites);
	struct mt_model_spawn *spawns = take(l, SPAWNS, id, &p->nr_spawns);
	struct mt_symbols symbols;
	size_t n = 0;

	symbols.rows = take(l, SYMBOLS, id, &symbols.nr);
	p->modules = take(l, MODULES, id, &p->nr_modules);
	p->threads = take(l, THREADS, id, &p->nr_threads);
	p->samples = take(l, SAMPLES, id, &p->nr_samples);
	p->gaps = take(l, GAPS, id, &p->nr_gaps);
	p->bills = take(l, BILLS, id, &p->nr_bills);
	p->bill_mappings = take(l, BILL_MAPPINGS, id, &p->nr_bill_mappings);
	p->sites = sites;
	p->map_sites = map_sites;
	p->fault_sites = fault_sites;
	p->spawns = spawns;
	targets = calloc(p->nr_sites + p->nr_map_sites + p->nr_fault_sites + p->nr_spawns + 1,
			 sizeof(struct mt_model_stack *));
	if (!targets)
		return -ENOMEM;
	for (size_t i = 0; i < p->nr_sites; i++)
		targets[n++] = &sites[i].stack;
	for (size_t i = 0; i < p->nr_map_sites; i++)
		targets[n++] = &map_sites[i].stack;
	for (size_t i = 0; i < p->nr_fault_sites; i++)
		targets[n++] = &fault_sites[i].stack;
	for (size_t i = 0; i < p->nr_spawns; i++)
		targets[n++] = &spawns[i].stack;
	return mt_resolve_process(l->model->pool, p, stacks, &symbols, targets, n);
}

static int link_processes(struct loader *l)
{
	struct mt_stacks stacks = { l->rows[STACKS].data, l->rows[STACKS].nr };
	struct mt_model_process *processes = l->rows[PROCESSES].data;
	int err = 0;

	for (size_t i = 0; i < l->rows[PROCESSES].nr && !err; i++)
		err = link_process(l, &processes[i], &stacks);
	for (int kind = MODULES; kind < KIND_MAX && !err; kind++)
		if (l->rows[kind].taken < l->rows[kind].nr)
			err = mt_err(-EBADMSG, "the capture is damaged: it has rows of a process "
					       "that it does not list");
	return err;
}

/* The model keeps the rows, but for those that only the linking needed. */
static int hand_over(struct loader *l)
{
	struct mt_model *m = l->model;

	m->lost = l->rows[LOST].data;
	m->nr_lost = l->rows[LOST].nr;
	m->probes = l->rows[PROBES].data;
	m->nr_probes = l->rows[PROBES].nr;
	m->phases = l->rows[PHASES].data;
	m->nr_phases = l->rows[PHASES].nr;
	m->processes = l->rows[PROCESSES].data;
	m->nr_processes = l->rows[PROCESSES].nr;
	for (int kind = 0; kind < KIND_MAX; kind++) {
		if (kind == STACKS || kind == SYMBOLS)
			continue;
		if (mt_pool_adopt(m->pool, l->rows[kind].data))
			return -ENOMEM;
		l->rows[kind].data = NULL;
	}
	return 0;
}

int mt_model_load(struct mt_model **out, struct mt_capture *c)
{
	__cleanup(free_loader) struct loader l = {};
	int err;

	l.model = calloc(1, sizeof(*l.model));
	if (!l.model || mt_pool_new(&l.model->pool))
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(meta_fields); i++)
		if (meta_fields[i].number)
			*(int64_t *)((char *)&l.model->meta + meta_fields[i].offset) = -1;
	err = read_tables(&l, c) ?: link_processes(&l) ?: hand_over(&l);
	if (err)
		return err;
	*out = TAKE_PTR(l.model);
	return 0;
}
