// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Loads every BPF program under every knob: load TABLE [--update]
 *
 * What the verifier went through (bpf_prog_info.verified_insns, the most over all knobs) is
 * compared with TABLE, which has rows "KERNEL PROGRAM INSTRUCTIONS": a tenth more fails, so
 * that no change makes loading slow unseen, and so does what comes near the kernel's limit of
 * a million. --update writes the rows of this kernel. Also: all that the kernel shows of ours
 * has a name by which it can be found.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "memtide.skel.h"
#include "session/features.h"
#include "session/uapi.h"

#define ROWS_MAX   1024
#define INSNS_MAX  500000
#define GROWTH_PCT 10
#define SKIPPED	   77

enum vm_hooks { VM_NONE, VM_FENTRY, VM_TRACEPOINT, VM_CNT };
static const char *const vm_names[] = { "none", "fentry", "tracepoint" };

enum links { LINKS_PERF, LINKS_MULTI, LINKS_SESSION, LINKS_CNT };
static const char *const link_names[] = { "perf", "multi", "session" };

struct knobs {
	enum links links;
	enum vm_hooks vm;
	unsigned int stacks;
	unsigned int sample_bytes;
	unsigned int entries; /* of every hash map */
};

struct row {
	char kernel[16];
	char program[32];
	unsigned int insns;
};

struct rows {
	struct row row[ROWS_MAX];
	size_t n;
};

static struct {
	struct mt_features features;
	struct rows counted; /* of this kernel */
	char kernel[16];
	unsigned int loaded, refused, failures;
	char *said; /* by libbpf and the verifier, in one load */
	FILE *listen;
} t;

static __attribute__((format(printf, 1, 2))) void fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("FAIL ");
	vprintf(fmt, ap);
	va_end(ap);
	t.failures++;
}

static int libbpf_print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return level == LIBBPF_DEBUG || !t.listen ? 0 : vfprintf(t.listen, fmt, ap);
}

/* ---- one load ---------------------------------------------------------------------------- */

static bool wanted(const char *program, enum vm_hooks vm, enum links links)
{
	if (!strncmp(program, "mt_fentry_", 10) || !strncmp(program, "mt_fexit_", 9))
		return vm == VM_FENTRY;
	if (!strncmp(program, "mt_tp_", 6))
		return vm == VM_TRACEPOINT;
	if (!strcmp(program, "mt_multi_enter"))
		return links != LINKS_PERF;
	if (!strcmp(program, "mt_multi_exit"))
		return links == LINKS_MULTI;
	if (!strcmp(program, "mt_session"))
		return links == LINKS_SESSION;
	return true;
}

static void turn(struct memtide *skel, const struct knobs *k)
{
	struct bpf_program *prog = NULL;
	struct bpf_map *map = NULL;

	while ((prog = bpf_object__next_program(skel->obj, prog)))
		bpf_program__set_autoload(prog, wanted(bpf_program__name(prog), k->vm, k->links));
	bpf_program__set_expected_attach_type(skel->progs.mt_multi_enter,
					      MT_BPF_TRACE_UPROBE_MULTI);
	bpf_program__set_expected_attach_type(skel->progs.mt_multi_exit, MT_BPF_TRACE_UPROBE_MULTI);
	bpf_program__set_expected_attach_type(skel->progs.mt_session, MT_BPF_TRACE_UPROBE_SESSION);
	skel->rodata->mt_links_by_process = k->links != LINKS_PERF;
	skel->rodata->mt_stacks_wanted = k->stacks;
	skel->rodata->mt_sample_bytes = k->sample_bytes;
	while ((map = bpf_object__next_map(skel->obj, map))) {
		if (bpf_map__type(map) == BPF_MAP_TYPE_HASH)
			bpf_map__set_max_entries(map, k->entries);
	}
}

static struct row *find(struct rows *rows, const char *program)
{
	for (size_t i = 0; i < rows->n; i++)
		if (!strcmp(rows->row[i].kernel, t.kernel) &&
		    !strcmp(rows->row[i].program, program))
			return &rows->row[i];
	return NULL;
}

static void count(const char *program, unsigned int insns)
{
	struct row *row = find(&t.counted, program);

	if (!row) {
		row = &t.counted.row[t.counted.n++];
		snprintf(row->kernel, sizeof(row->kernel), "%s", t.kernel);
		snprintf(row->program, sizeof(row->program), "%s", program);
	}
	row->insns = insns > row->insns ? insns : row->insns;
}

static bool ours(const char *name)
{
	return !strncmp(name, "mt_", 3);
}

static void look_at_program(const struct bpf_program *prog)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);
	int fd = bpf_program__fd(prog);

	if (fd < 0)
		return;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		fail("%s: no information: %s\n", bpf_program__name(prog), strerror(errno));
	else if (!ours(info.name))
		fail("%s: the kernel calls it %s\n", bpf_program__name(prog), info.name);
	count(bpf_program__name(prog), info.verified_insns);
}

/* Those of global data are libbpf's to name: after the object. */
static void look_at_map(const struct bpf_map *map)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_map__fd(map), &info, &len))
		fail("%s: no information: %s\n", bpf_map__name(map), strerror(errno));
	else if (!ours(info.name) && strncmp(info.name, "memtide.", 8))
		fail("%s: the kernel calls it %s\n", bpf_map__name(map), info.name);
}

static int load(struct memtide *skel, const struct knobs *k)
{
	struct bpf_program *prog = NULL;
	struct bpf_map *map = NULL;
	int err;

	turn(skel, k);
	err = memtide__load(skel);
	if (err)
		return err;
	while ((prog = bpf_object__next_program(skel->obj, prog)))
		look_at_program(prog);
	while ((map = bpf_object__next_map(skel->obj, map)))
		look_at_map(map);
	return 0;
}

/* ---- all of them ------------------------------------------------------------------------- */

static bool may_be_refused(const struct knobs *k)
{
	return (k->vm == VM_FENTRY && !t.features.fentry) ||
	       (k->links == LINKS_MULTI && !t.features.uprobe_multi) ||
	       (k->links == LINKS_SESSION && !t.features.uprobe_session);
}

static void attempt(const struct knobs *k)
{
	struct memtide *skel = memtide__open();
	char what[128];
	size_t len;
	int err;

	t.listen = open_memstream(&t.said, &len);
	if (!skel || !t.listen) {
		printf("cannot open the object: %s\n", strerror(errno));
		exit(EXIT_FAILURE);
	}
	err = load(skel, k);
	fclose(t.listen);
	t.listen = NULL;
	snprintf(what, sizeof(what), "links %s, vm %s, stacks %u, sample %u, %u entries",
		 link_names[k->links], vm_names[k->vm], k->stacks, k->sample_bytes, k->entries);
	if (!err) {
		t.loaded++;
	} else if (may_be_refused(k)) {
		printf("refused: %s: %s\n", what, strerror(-err));
		t.refused++;
	} else {
		fail("%s: %s\n%s", what, strerror(-err), t.said);
	}
	memtide__destroy(skel);
	free(t.said);
}

static void attempt_all(void)
{
	const unsigned int entries[] = { 64, 65536 };

	for (unsigned int i = 0; i < 2 * 2 * 2 * VM_CNT * LINKS_CNT; i++) {
		struct knobs k = {
			.stacks = i & 1,
			.entries = entries[i >> 1 & 1],
			.sample_bytes = (i >> 2 & 1) << 19,
			.vm = i / 8 % VM_CNT,
			.links = i / 8 / VM_CNT,
		};

		attempt(&k);
	}
}

/* The table may be of another build of this kernel, that does or does not allow fentry. */
static bool may_be_missing(const char *program)
{
	return !wanted(program, VM_NONE, LINKS_PERF);
}

/* Each program has been loaded under some knob, or may be refused here. */
static void check_complete(void)
{
	struct memtide *skel = memtide__open();
	struct bpf_program *prog = NULL;

	while ((prog = bpf_object__next_program(skel->obj, prog))) {
		const char *name = bpf_program__name(prog);

		if (!find(&t.counted, name) && (t.features.fentry || !may_be_missing(name)))
			fail("%s: never loaded\n", name);
	}
	memtide__destroy(skel);
}

/* ---- the table --------------------------------------------------------------------------- */

static int read_table(const char *path, struct rows *rows)
{
	FILE *f = fopen(path, "r");
	char line[256];

	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f) && rows->n < ROWS_MAX) {
		struct row *row = &rows->row[rows->n];

		if (*line != '#' &&
		    sscanf(line, "%15s %31s %u", row->kernel, row->program, &row->insns) == 3)
			rows->n++;
	}
	fclose(f);
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = strverscmp(x->kernel, y->kernel);

	return order ? order : strcmp(x->program, y->program);
}

static int write_table(const char *path, const struct rows *table)
{
	static struct rows rows;
	FILE *f = fopen(path, "w");

	if (!f)
		return -errno;
	rows = t.counted;
	for (size_t i = 0; i < table->n && rows.n < ROWS_MAX; i++)
		if (strcmp(table->row[i].kernel, t.kernel))
			rows.row[rows.n++] = table->row[i];
	qsort(rows.row, rows.n, sizeof(*rows.row), compare);
	fputs("# KERNEL PROGRAM INSTRUCTIONS: what its verifier went through, the most over all "
	      "knobs.\n# tests/bpf/load.sh --update writes the rows of the running kernel.\n",
	      f);
	for (size_t i = 0; i < rows.n; i++)
		fprintf(f, "%s %s %u\n", rows.row[i].kernel, rows.row[i].program,
			rows.row[i].insns);
	return fclose(f) ? -errno : 0;
}

static void check_table(struct rows *table)
{
	bool known = false;

	for (size_t i = 0; i < table->n; i++) {
		if (strcmp(table->row[i].kernel, t.kernel))
			continue;
		known = true;
		if (!find(&t.counted, table->row[i].program) &&
		    !may_be_missing(table->row[i].program))
			fail("%s: is in the table only; try --update\n", table->row[i].program);
	}
	if (!known)
		printf("the table has no rows of %s: not compared\n", t.kernel);
	for (size_t i = 0; i < t.counted.n; i++) {
		const struct row *row = &t.counted.row[i], *before = find(table, row->program);

		printf("%s %-20s %6u, in the table %6u\n", t.kernel, row->program, row->insns,
		       before ? before->insns : 0);
		if (row->insns > INSNS_MAX)
			fail("%s: near the verifier's limit\n", row->program);
		if (known && !before && !may_be_missing(row->program))
			fail("%s: not in the table; try --update\n", row->program);
		if (before && row->insns * 100ULL > before->insns * (100ULL + GROWTH_PCT))
			fail("%s: grew by more than a tenth; try --update\n", row->program);
	}
}

static void name_kernel(void)
{
	struct utsname u;
	unsigned int major = 0, minor = 0;

	uname(&u);
	sscanf(u.release, "%u.%u", &major, &minor);
	snprintf(t.kernel, sizeof(t.kernel), "%u.%u", major, minor);
}

int main(int argc, char **argv)
{
	static struct rows table;
	bool update = argc == 3 && !strcmp(argv[2], "--update");
	int err;

	if (argc != 2 && !update) {
		fprintf(stderr, "usage: load TABLE [--update]\n");
		return EXIT_FAILURE;
	}
	libbpf_set_print(libbpf_print);
	mt_features_probe(&t.features);
	if (!t.features.bpf) {
		printf("cannot load BPF programs: %s\n", strerror(t.features.bpf_errno));
		return SKIPPED;
	}
	name_kernel();
	attempt_all();
	check_complete();
	err = read_table(argv[1], &table);
	if (update && !t.failures)
		err = write_table(argv[1], &table);
	else if (!update && !err)
		check_table(&table);
	if (err)
		fail("%s: %s\n", argv[1], strerror(-err));
	printf("%u loaded, %u refused, %u failures\n", t.loaded, t.refused, t.failures);
	return t.failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
