// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/kernel.h"

#include <errno.h>
#include <math.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "memtide.skel.h"
#include "session/calibrate.h"
#include "session/closer.h"
#include "session/features.h"
#include "session/perf.h"
#include "session/probes.h"
#include "session/seccomp.h"
#include "session/shared.h"
#include "session/syscall_tax.h"
#include "session/uapi.h"
#include "util/capability.h"
#include "util/cleanup.h"
#include "util/log.h"

#include "logic/fault.h"

#define BUSY_TRIES 10000

struct mt_kernel {
	struct memtide *skel;
	struct ring_buffer *ring;
	struct mt_closer *closer;
	struct mt_probes *probes;
	struct mt_shared *shared;
	struct mt_calibration *calibration; /* while it loads */
	struct mt_trap_prices prices;
	bool priced;
	enum mt_link_kind links;
	bool links_forced;
	bool has_multi;
	bool seccomp_tried;
	bool returns_pass_seccomp;
	enum mt_vm_hooks vm;
	int vm_hooks[10];
	size_t nr_vm_hooks;
	double syscall_tax_ns;
	void (*on_event)(const struct mt_event *, void *);
	void *on_event_arg;
};

/* libbpf's messages come one level lower than ours. */
static int libbpf_print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[512];
	int n;

	if (mt_log_level() < (level == LIBBPF_DEBUG ? MT_LOG_DEBUG : MT_LOG_VERBOSE))
		return 0;
	n = vsnprintf(line, sizeof(line), fmt, ap);
	if (n > 0 && n < (int)sizeof(line) && line[n - 1] == '\n')
		line[n - 1] = '\0';
	mt_info("%s", line);
	return n;
}

/*
 * What an entry of a map that is not preallocated takes: header, key and value, rounded up
 * to the kernel's allocation sizes (bpf_mem_alloc: powers of two, and 96 and 192).
 */
static uint64_t entry_bytes(size_t key, size_t value)
{
	uint64_t bytes = 48 + ((key + 7) & ~7ULL) + ((value + 7) & ~7ULL) + 8, size = 16;

	while (size < bytes)
		size *= 2;
	return bytes <= size / 4 * 3 && (size == 128 || size == 256) ? size / 4 * 3 : size;
}

/* How --map-memory is divided, in percent. The ring buffer and small maps have the rest. */
static const struct {
	const char *map;
	unsigned int pct;
	size_t key;
	size_t value;
} shares[] = {
	{ "mt_live", 33, sizeof(struct mt_live_key), sizeof(struct mt_live) },
	{ "mt_sites", 14, sizeof(struct mt_site_key), sizeof(struct mt_site) },
	{ "mt_hists", 10, sizeof(struct mt_site_key), sizeof(struct mt_hists) },
	{ "mt_storms", 3, sizeof(struct mt_site_key), sizeof(struct mt_storm) },
	{ "mt_faults", 3, sizeof(struct mt_fault_key), sizeof(struct mt_fault) },
	{ "mt_stacks", 12, sizeof(uint64_t), sizeof(struct mt_stack_part) },
	{ "mt_threads", 6, sizeof(uint32_t), sizeof(struct mt_thread) },
	{ "mt_procs", 2, sizeof(uint32_t), sizeof(struct mt_proc) },
	{ "mt_images", 1, sizeof(uint32_t), sizeof(struct mt_image) },
	{ "mt_files", 1, sizeof(struct mt_file_key), sizeof(uint32_t) },
	{ "mt_code", 1, sizeof(struct mt_code_key), sizeof(struct mt_code) },
};

/* The tables of the unwinder are made one by one, user/session/unwinder.c. */
#define TABLES_PCT 12

uint64_t mt_kernel_table_bytes(const struct mt_kernel_options *options)
{
	return options->map_memory_bytes / 100 * TABLES_PCT;
}

/* A 32nd of the memory: 40,000 events at the default. */
static int size_ring(struct bpf_map *ring, uint64_t map_memory_bytes)
{
	uint64_t bytes = 64 << 10;

	while (bytes * 2 <= map_memory_bytes / 32)
		bytes *= 2;
	return bpf_map__set_max_entries(ring, bytes);
}

static int size_maps(struct bpf_object *obj, uint64_t map_memory_bytes)
{
	for (size_t i = 0; i < ARRAY_SIZE(shares); i++) {
		uint64_t entry = entry_bytes(shares[i].key, shares[i].value) + 16 /* bucket */;
		uint64_t entries = map_memory_bytes / 100 * shares[i].pct / entry;
		struct bpf_map *map = bpf_object__find_map_by_name(obj, shares[i].map);
		int err;

		if (entries < 64)
			entries = 64;
		err = map ? bpf_map__set_max_entries(map, entries) : -ENOENT;
		if (err)
			return mt_err(err, "cannot size map %s: %s", shares[i].map, strerror(-err));
	}
	return 0;
}

static bool wanted(const struct mt_kernel *k, const struct bpf_program *prog)
{
	const char *name = bpf_program__name(prog);

	if (!strncmp(name, "mt_fentry_", 10) || !strncmp(name, "mt_fexit_", 9))
		return k->vm == MT_VM_FENTRY;
	if (!strncmp(name, "mt_tp_", 6))
		return k->vm == MT_VM_TRACEPOINT;
	/* Beside a session: for what may throw. */
	if (!strcmp(name, "mt_multi_enter") || !strcmp(name, "mt_multi_exit"))
		return k->links == MT_LINK_MULTI || k->links == MT_LINK_SESSION;
	if (!strcmp(name, "mt_session"))
		return k->links == MT_LINK_SESSION;
	if (!strncmp(name, "mt_call_", 8))
		return k->links != MT_LINK_NONE;
	return true;
}

static int choose_links(struct mt_kernel *k, enum mt_link_kind asked, const struct mt_features *f)
{
	const struct {
		const char *name;
		bool there;
		int why_not;
	} kinds[] = {
		[MT_LINK_SESSION] = { "session probes", f->uprobe_session,
				      f->uprobe_session_errno },
		[MT_LINK_MULTI] = { "uprobe_multi", f->uprobe_multi, f->uprobe_multi_errno },
		[MT_LINK_PERF] = { "uprobes", f->perf_uprobe, f->perf_uprobe_errno },
		[MT_LINK_SHARED] = { "uprobe events", f->tracefs, f->tracefs_errno },
		[MT_LINK_NONE] = { "none", true, 0 },
	};

	k->links_forced = asked != MT_LINK_AUTO;
	k->has_multi = f->uprobe_multi;
	k->links = asked;
	for (int kind = MT_LINK_SESSION; k->links == MT_LINK_AUTO && kind <= MT_LINK_PERF; kind++)
		if (kinds[kind].there || kind == MT_LINK_PERF)
			k->links = kind;
	if (kinds[k->links].there)
		return 0;
	if (k->links_forced)
		return mt_err(-EOPNOTSUPP, "this kernel has no %s (%s): leave --uprobes out",
			      kinds[k->links].name, strerror(kinds[k->links].why_not));
	if (f->perf_uprobe_errno == EACCES || f->perf_uprobe_errno == EPERM)
		return mt_err(-EPERM, "this kernel opens probes for CAP_SYS_ADMIN only (those with "
				      "uprobe_multi, 6.10 and later, do not): run as root");
	return mt_err(-EOPNOTSUPP,
		      "this kernel has no uprobes (%s): use one built with CONFIG_UPROBE_EVENTS",
		      strerror(f->perf_uprobe_errno));
}

static int choose(struct mt_kernel *k, const struct mt_kernel_options *options)
{
	struct mt_features f;
	int err;

	if (!mt_features_btf())
		return mt_err(-EOPNOTSUPP,
			      "the kernel has no BTF (/sys/kernel/btf/vmlinux): use one "
			      "built with CONFIG_DEBUG_INFO_BTF");
	if (!mt_features_host_pids())
		return mt_err(-EOPNOTSUPP,
			      "this is a pid namespace of its own, where the kernel's ids of "
			      "processes are not seen: run this on the host, or in a container "
			      "with the host's pids and /proc");
	mt_features_probe(&f);
	if (!f.bpf) {
		struct mt_capability_names missing = mt_capability_missing();

		return mt_err(-EPERM,
			      "cannot load BPF programs (%s)%s%s: run as root, or with CAP_BPF, "
			      "CAP_PERFMON and, for others' processes, CAP_SYS_PTRACE; see "
			      "`memtide doctor`",
			      strerror(f.bpf_errno), *missing.s ? ", without " : "", missing.s);
	}
	if (!f.bpf_loop)
		return mt_err(-EOPNOTSUPP,
			      "this kernel is too old: its BPF has no bpf_loop (5.17); use Linux "
			      "6.1 or later");
	err = choose_links(k, options->links, &f);
	if (err)
		return err;
	k->vm = options->vm;
	if (k->vm == MT_VM_AUTO)
		k->vm = f.fentry ? MT_VM_FENTRY : f.tracefs ? MT_VM_TRACEPOINT : MT_VM_NONE;
	return 0;
}

/* Where a fault may bring a huge page, as the administrator has it. */
static enum mt_huge huge_policy(void)
{
	_close_ int fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
	char text[64] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return MT_HUGE_NEVER;
	return strstr(text, "[always]")	   ? MT_HUGE_ALWAYS
	       : strstr(text, "[madvise]") ? MT_HUGE_MADVISE
					   : MT_HUGE_NEVER;
}

static int load(struct mt_kernel *k, const struct mt_kernel_options *options)
{
	struct bpf_program *prog;
	int err;

	k->skel = memtide__open();
	if (!k->skel)
		return mt_err(-errno, "cannot open the BPF object: %s", strerror(errno));
	bpf_object__for_each_program(prog, k->skel->obj)
		bpf_program__set_autoload(prog, wanted(k, prog));
	bpf_program__set_expected_attach_type(k->skel->progs.mt_multi_enter,
					      MT_BPF_TRACE_UPROBE_MULTI);
	bpf_program__set_expected_attach_type(k->skel->progs.mt_multi_exit,
					      MT_BPF_TRACE_UPROBE_MULTI);
	bpf_program__set_expected_attach_type(k->skel->progs.mt_session,
					      MT_BPF_TRACE_UPROBE_SESSION);
	k->skel->rodata->mt_links_by_process = mt_kernel_links_by_process(k);
	k->skel->rodata->mt_stacks_wanted = !options->no_stacks;
	k->skel->rodata->mt_fault_huge = huge_policy();
	k->skel->rodata->mt_sample_bytes = options->sample_bytes;
	if (options->time_all)
		k->skel->rodata->mt_meter_every = 1;
	err = size_maps(k->skel->obj, options->map_memory_bytes);
	err = err ? err : size_ring(k->skel->maps.mt_events, options->map_memory_bytes / 4);
	err = err ? err : size_ring(k->skel->maps.mt_vm_events, options->map_memory_bytes);
	if (err)
		return err;
	err = memtide__load(k->skel);
	if (err)
		return mt_err(err,
			      "the kernel refused a BPF program or map (%s): run with -v for the "
			      "verifier's reason, or give less --map-memory",
			      strerror(-err));
	return 0;
}

static int attach_tasks(struct mt_kernel *k)
{
	struct memtide *s = k->skel;
	struct {
		struct bpf_program *prog;
		struct bpf_link **link;
	} tasks[] = {
		{ s->progs.mt_task_new, &s->links.mt_task_new },
		{ s->progs.mt_process_exec, &s->links.mt_process_exec },
		{ s->progs.mt_process_exit, &s->links.mt_process_exit },
		{ s->progs.mt_oom_victim, &s->links.mt_oom_victim },
	};

	for (size_t i = 0; i < ARRAY_SIZE(tasks); i++) {
		*tasks[i].link = bpf_program__attach(tasks[i].prog);
		if (!*tasks[i].link)
			return mt_err(-errno, "cannot attach %s: %s",
				      bpf_program__name(tasks[i].prog), strerror(errno));
	}
	return 0;
}

/* Attaches a program to its system call: a descriptor, or -errno. */
static int hook(const struct bpf_program *prog, int tracefs)
{
	const char *section = bpf_program__section_name(prog);
	_close_ int event = -1;
	int fd = bpf_program__fd(prog);

	if (tracefs < 0)
		return bpf_raw_tracepoint_open(NULL, fd);
	event = mt_perf_tracepoint_open(tracefs, strchr(section, '/') + 1);
	if (event < 0)
		return event;
	return bpf_link_create(fd, event, BPF_PERF_EVENT, NULL); /* keeps the event */
}

static int attach_vm(struct mt_kernel *k)
{
	const char *kind = k->vm == MT_VM_FENTRY ? "mt_fe" : "mt_tp_";
	_close_ int tracefs = k->vm == MT_VM_TRACEPOINT ? mt_tracefs_open(false) : -1;
	double before_ns = k->vm == MT_VM_TRACEPOINT ? mt_syscall_ns() : 0;
	struct bpf_program *prog;

	if (k->vm == MT_VM_NONE)
		return 0;
	if (k->vm == MT_VM_TRACEPOINT && tracefs < 0)
		return mt_err(tracefs, "cannot mount tracefs: %s", strerror(-tracefs));
	bpf_object__for_each_program(prog, k->skel->obj)
	{
		const char *name = bpf_program__name(prog);
		int fd;

		if (strncmp(name, kind, strlen(kind)) != 0)
			continue;
		fd = hook(prog, tracefs);
		if (fd < 0)
			return mt_err(fd, "cannot attach %s: %s", name, strerror(-fd));
		k->vm_hooks[k->nr_vm_hooks++] = fd;
	}
	if (k->vm == MT_VM_TRACEPOINT)
		k->syscall_tax_ns = fmax(mt_syscall_ns() - before_ns, 0);
	return 0;
}

void mt_kernel_unhook(struct mt_kernel *k)
{
	/* Newest first: exits go before the entries that they wait for. */
	while (k->nr_vm_hooks)
		mt_closer_close(k->closer, &k->vm_hooks[--k->nr_vm_hooks], 1);
}

static int on_record(void *arg, void *data, size_t size)
{
	struct mt_kernel *k = arg;

	if (size >= sizeof(struct mt_event))
		k->on_event(data, k->on_event_arg);
	return 0;
}

/* Without prices all is counted, and what it cost stays unknown. */
static void calibrated(struct mt_kernel *k)
{
	int err = mt_calibration_end(&k->calibration, &k->prices);

	k->priced = !err;
	if (err && err != -ENODATA)
		mt_debug("what a probe costs here cannot be measured: %s", strerror(-err));
}

int mt_kernel_load(struct mt_kernel **out, const struct mt_kernel_options *options)
{
	__cleanup(mt_kernel_free) struct mt_kernel *k = calloc(1, sizeof(*k));
	int err;

	if (!k)
		return -ENOMEM;
	libbpf_set_print(libbpf_print);
	err = choose(k, options);
	err = err ? err : mt_closer_new(&k->closer);
	if (!err && k->links != MT_LINK_NONE)
		err = mt_calibration_begin(&k->calibration, k->links);
	err = err ? err : load(k, options);
	calibrated(k);
	err = err ? err : attach_tasks(k);
	err = err ? err : attach_vm(k);
	err = err ? err
		  : mt_probes_new(&k->probes, bpf_map__fd(k->skel->maps.mt_probes), &k->prices);
	err = err ? err : mt_shared_new(&k->shared);
	if (err)
		return err;
	k->ring = ring_buffer__new(bpf_map__fd(k->skel->maps.mt_events), on_record, k, NULL);
	if (!k->ring ||
	    ring_buffer__add(k->ring, bpf_map__fd(k->skel->maps.mt_vm_events), on_record, k))
		return mt_err(-errno, "cannot map the ring buffers: %s", strerror(errno));
	*out = TAKE_PTR(k);
	return 0;
}

void mt_kernel_free(struct mt_kernel **kernel)
{
	struct mt_kernel *k = *kernel;

	if (!k)
		return;
	mt_kernel_unhook(k);
	mt_closer_free(&k->closer);
	mt_shared_free(&k->shared);
	mt_probes_free(&k->probes);
	ring_buffer__free(k->ring);
	memtide__destroy(k->skel);
	free(k);
	*kernel = NULL;
}

int mt_kernel_raise_prices(struct mt_kernel *k, double more_ns, double census_run_ns)
{
	/* It is less where the trap alone was priced too high; so far off would be a mistake. */
	more_ns = fmin(fmax(more_ns, -k->prices.push_ns / 2), k->prices.push_ns);
	k->prices.push_ns += more_ns;
	k->prices.nop_ns += more_ns;
	k->prices.branch_ns += more_ns;
	k->prices.stepped_ns += more_ns;
	k->prices.return_ns += more_ns;
	k->prices.census_run_ns = census_run_ns;
	return mt_probes_write_again(k->probes);
}

const struct mt_trap_prices *mt_kernel_prices(const struct mt_kernel *k)
{
	return k->priced ? &k->prices : NULL;
}

enum mt_link_kind mt_kernel_links(const struct mt_kernel *k)
{
	return k->links;
}

bool mt_kernel_links_by_process(const struct mt_kernel *k)
{
	return k->links == MT_LINK_SESSION || k->links == MT_LINK_MULTI;
}

bool mt_kernel_links_forced(const struct mt_kernel *k)
{
	return k->links_forced;
}

bool mt_kernel_has_multi(const struct mt_kernel *k)
{
	return k->has_multi;
}

bool mt_kernel_returns_pass_seccomp(struct mt_kernel *k)
{
	/* Trying takes 0.1 s, and few need to know. */
	if (!k->seccomp_tried)
		k->returns_pass_seccomp = !mt_seccomp_probe();
	k->seccomp_tried = true;
	return k->returns_pass_seccomp;
}

int64_t mt_kernel_syscall_tax_ns(const struct mt_kernel *k)
{
	return k->vm == MT_VM_TRACEPOINT ? llround(k->syscall_tax_ns) : 0;
}

enum mt_vm_hooks mt_kernel_vm_hooks(const struct mt_kernel *k)
{
	return k->vm;
}

uint64_t mt_kernel_sample_bytes(const struct mt_kernel *k)
{
	return k->skel->rodata->mt_sample_bytes;
}

struct mt_closer *mt_kernel_closer(const struct mt_kernel *k)
{
	return k->closer;
}

struct mt_probes *mt_kernel_probes(const struct mt_kernel *k)
{
	return k->probes;
}

struct mt_shared *mt_kernel_shared(const struct mt_kernel *k)
{
	return k->shared;
}

int mt_kernel_enter_fd(const struct mt_kernel *k, enum mt_link_kind kind)
{
	const struct memtide *s = k->skel;

	if (kind == MT_LINK_SESSION)
		return bpf_program__fd(s->progs.mt_session);
	return bpf_program__fd(kind == MT_LINK_MULTI ? s->progs.mt_multi_enter
						     : s->progs.mt_call_enter);
}

int mt_kernel_exit_fd(const struct mt_kernel *k, enum mt_link_kind kind)
{
	const struct memtide *s = k->skel;

	return bpf_program__fd(kind == MT_LINK_MULTI ? s->progs.mt_multi_exit
						     : s->progs.mt_call_exit);
}

/* A program of this type answers in the context that it was given. */
static int control(struct mt_kernel *k, struct mt_control *ctl)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = ctl, .ctx_size_in = sizeof(*ctl));

	if (bpf_prog_test_run_opts(bpf_program__fd(k->skel->progs.mt_control), &opts))
		return -errno;
	return ctl->error;
}

int mt_kernel_control(struct mt_kernel *k, enum mt_control_op op, pid_t tgid, uint32_t *slot)
{
	struct mt_control ctl = { .op = op, .tgid = tgid };
	int err = control(k, &ctl);

	if (slot)
		*slot = ctl.slot;
	return err;
}

int mt_kernel_burst(struct mt_kernel *k, pid_t tgid, uint64_t hits_max)
{
	struct mt_control ctl = { .op = MT_CONTROL_BURST, .tgid = tgid };

	ctl.number = hits_max < UINT32_MAX ? (uint32_t)hits_max : UINT32_MAX;
	return control(k, &ctl);
}

int mt_kernel_file_number(struct mt_kernel *k, const void *at, uint32_t *number)
{
	struct mt_control ctl = { .op = MT_CONTROL_FILE, .address = (uintptr_t)at };
	int err = control(k, &ctl);

	/* While another thread of ours changes our mappings. */
	for (int i = 0; err == -EBUSY && i < BUSY_TRIES; i++) {
		sched_yield();
		err = control(k, &ctl);
	}
	*number = ctl.number;
	return err;
}

int mt_kernel_fault_fd(const struct mt_kernel *k)
{
	return bpf_program__fd(k->skel->progs.mt_page_fault);
}

void mt_kernel_sample_faults(struct mt_kernel *k, uint32_t period, uint32_t one_in)
{
	k->skel->bss->mt_fault_one_in = one_in;
	k->skel->bss->mt_fault_period = period;
}

int mt_kernel_events_fd(const struct mt_kernel *k)
{
	return ring_buffer__epoll_fd(k->ring);
}

int mt_kernel_events(struct mt_kernel *k, void (*cb)(const struct mt_event *, void *), void *arg)
{
	int n;

	k->on_event = cb;
	k->on_event_arg = arg;
	n = ring_buffer__consume(k->ring);
	return n < 0 ? mt_err(n, "cannot read the ring buffer: %s", strerror(-n)) : 0;
}

int mt_kernel_map_fd(const struct mt_kernel *k, const char *name)
{
	return bpf_object__find_map_fd_by_name(k->skel->obj, name);
}
