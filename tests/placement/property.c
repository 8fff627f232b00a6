// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Where the probes of every installed allocator's functions are put, whether the arguments are
 * there, and what a trap there costs: property list | arguments | price
 *
 * list: a row for each function of the catalogue, tab-separated: file, name, address, size,
 * offset, placement, bytes. arguments: each function is called with numbers that are all
 * different, in a process of its own and with a probe that reports the registers (trial.h).
 * price: for each offset that is said to be emulated, one live trap on it is measured against
 * one on a nop of one byte, turn by turn, in this process.
 *
 * For a price nothing of the allocators is run. A private copy of the file is mapped, in which
 * what follows the probed instruction, or where it jumps to, is a return: so a loop runs that
 * one instruction, as the file has it, and no other.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/perf_event.h>

#include "session/features.h"
#include "session/perf.h"
#include "session/trial.h"
#include "target/allocator.h"
#include "target/catalogue.h"
#include "target/elf.h"
#include "target/locate.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define SKIPPED 77

#define ROUNDS	    15	/* the median of as many is a price */
#define TRAPS	    300 /* in each */
#define REPEATS	    100 /* of rounds, against noise */
#define NOISE_PCT   120 /* two prices of a nop that are further apart are noise */
#define MOST_PCT    200 /* of a nop's price */
#define LEAST_PCT   50	/* or it did not trap */
#define STEPPED_PCT 200 /* that a stepped instruction must exceed for this to mean anything */

/* No argument is there at the beginning of a function. */
#define ELSEWHERE (MT_ARG_X86 + 12)

static const char *const libraries[] = {
	"/lib/x86_64-linux-gnu/libc.so.6",
	"/lib/ld-musl-x86_64.so.1",
	"/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
	"/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4",
	"/usr/lib/x86_64-linux-gnu/libmimalloc.so.2.0",
};

/* A function as it was placed. */
struct placed {
	const char *path;
	const struct mt_probe_site *site;
	uint64_t address;
	size_t len;
	uint8_t bytes[8]; /* from the probe on */
	size_t nr_bytes;
};

static int failures;

static void check_has(struct mt_elf *elf, const char *path, const struct mt_allocator *a,
		      const struct mt_catalogue_function *functions)
{
	for (const struct mt_catalogue_function *f = functions; f && f->name; f++) {
		const uint8_t *code;
		uint64_t offset;
		size_t len;

		if (mt_elf_function(elf, f->name, &offset) || mt_allocator_has(a, offset))
			continue;
		/* A jump to another that may throw is counted there. */
		if (f->throws && !mt_elf_function_code(elf, f->name, 4096, &code, &len) &&
		    code[0] == 0xe9)
			continue;
		printf("FAIL %s %s has no probe\n", path, f->name);
		failures++;
	}
}

/* No function of the catalogue that the file defines is left out. */
static void check_complete(struct mt_elf *elf, const char *path, const struct mt_allocator *a)
{
	check_has(elf, path, a, mt_catalogue_standard);
	check_has(elf, path, a, mt_catalogue_operators);
	for (const struct mt_catalogue_family *f = mt_catalogue; f->name; f++)
		check_has(elf, path, a, f->own);
}

/* What is in the file; NULL: it is not installed, or said to fail. */
static struct mt_allocator *recognise(struct mt_elf *elf, const char *path)
{
	struct mt_allocator *a = malloc(sizeof(*a));
	int err = a ? mt_allocator_recognise(elf, NULL, a) : -ENOMEM;

	if (!err) {
		check_complete(elf, path, a);
		return a;
	}
	printf("FAIL %s: %s\n", path, strerror(-err));
	failures++;
	free(a);
	return NULL;
}

static void place(struct mt_elf *elf, int fd, struct placed *p,
		  void (*cb)(const struct placed *, void *), void *arg)
{
	const uint8_t *code;
	ssize_t n = pread(fd, p->bytes, sizeof(p->bytes), (off_t)p->site->file_offset);
	int err = p->site->refused ? -ENOTSUP : n < 0 ? -errno : 0;

	err = err ? err : mt_elf_function_code(elf, p->site->function, 1U << 20, &code, &p->len);
	err = err ? err
		  : mt_elf_address_of(elf, p->site->file_offset - p->site->function_offset,
				      &p->address);
	if (!err) {
		p->nr_bytes = (size_t)n;
		cb(p, arg);
		return;
	}
	printf("FAIL %s %s: %s\n", p->path, p->site->function, strerror(-err));
	failures++;
}

/* Calls `cb` for every function of the catalogue that a file has. */
static void each_placed(const char *path, void (*cb)(const struct placed *, void *), void *arg)
{
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	_free_ struct mt_allocator *a = NULL;
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 ? -errno : mt_elf_new(&elf, fd);

	if (err) {
		printf("not there: %s: %s\n", path, strerror(-err));
		return;
	}
	a = recognise(elf, path);
	for (size_t i = 0; a && i < a->nr_sites; i++) {
		struct placed p = { .path = path, .site = &a->sites[i] };

		if (a->sites[i].func != MT_FUNC_RET)
			place(elf, fd, &p, cb, arg);
	}
}

static void print_row(const struct placed *p, void *unused)
{
	printf("%s\t%s\t%" PRIx64 "\t%zu\t%u\t%s\t", p->path, p->site->function, p->address, p->len,
	       p->site->function_offset, mt_placement_name(p->site->placement));
	for (size_t i = 0; i < p->nr_bytes; i++)
		printf("%s%02x", i ? " " : "", p->bytes[i]);
	printf("\n");
}

/* ---- arguments ---------------------------------------------------------------------------- */

enum which { SIZE, FACTOR, BLOCK, NONE };

/* Where the site says that an argument is; NULL: the function has no such argument. */
static uint8_t *place_of(struct mt_probe_site *site, enum which which)
{
	if (which == SIZE)
		return site->size_arg ? &site->size_at : NULL;
	if (which == FACTOR)
		return site->factor_arg ? &site->factor_at : NULL;
	return site->block_arg ? &site->block_at : NULL;
}

/*
 * Calls all functions: they pass. With a `wrong` argument, which is then said to be elsewhere,
 * those that have it do not. How many were called.
 */
static size_t call(const char *path, int fd, const struct mt_allocator *a, enum which wrong,
		   const struct mt_trial_options *options)
{
	struct mt_probe_target target = { .fd = fd, .path = (char *)path };
	struct mt_allocator tried = *a;
	size_t called = 0;
	int err;

	for (size_t i = 0; i < a->nr_sites && wrong != NONE; i++) {
		uint8_t *place = place_of(&tried.sites[i], wrong);

		tried.sites[i].needs_trial = place && a->sites[i].needs_trial;
		if (place)
			*place = ELSEWHERE;
	}
	for (size_t i = 0; i < a->nr_sites; i++)
		called += tried.sites[i].needs_trial;
	err = mt_trial_run(&target, tried.sites, a->nr_sites, options);
	if (err) {
		printf("FAIL %s: no trial: %s\n", path, strerror(-err));
		failures++;
		return 0;
	}
	for (size_t i = 0; i < a->nr_sites; i++) {
		const struct mt_probe_site *is = &a->sites[i], *was = &tried.sites[i];
		bool stays = !was->refused && was->function_offset == is->function_offset;
		bool should = wrong == NONE || !place_of(&tried.sites[i], wrong);

		if (stays == should || is->func == MT_FUNC_RET)
			continue;
		printf("FAIL %s %s+%u: an argument is not where %s\n", path, is->function,
		       is->function_offset, should ? "it is said to be" : "it was found");
		failures++;
	}
	return called;
}

static size_t check_arguments(const char *path, const struct mt_trial_options *options)
{
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	_free_ struct mt_allocator *a = NULL;
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t called;

	if (fd < 0 || mt_elf_new(&elf, fd))
		return 0; /* said by `list` */
	a = recognise(elf, path);
	if (!a)
		return 0;
	called = call(path, fd, a, NONE, options);
	for (enum which wrong = SIZE; wrong < NONE; wrong++)
		call(path, fd, a, wrong, options);
	return called;
}

static int check_all_arguments(void)
{
	struct mt_features features;
	struct mt_trial_options options = { 0 };
	size_t called = 0;

	if (geteuid()) {
		printf("needs root\n");
		return SKIPPED;
	}
	mt_features_probe(&features);
	options.multi = features.uprobe_multi;
	for (size_t i = 0; i < ARRAY_SIZE(libraries); i++)
		called += check_arguments(libraries[i], &options);
	printf("%zu functions called: %d failures\n", called, failures);
	return failures || !called;
}

/* ---- one instruction in a loop ------------------------------------------------------------ */

struct snippet {
	uint8_t *map; /* the whole file, privately */
	size_t size;
	uint8_t *insn;
	uint64_t flags; /* with which a conditional branch goes on */
};

static void snippet_unmap(struct snippet *s)
{
	if (s->map)
		munmap(s->map, s->size);
}

/* Its length, and where it goes if that is always elsewhere; 0: what no probe belongs on. */
static size_t decode(const uint8_t *b, bool *jumps, int32_t *by)
{
	*jumps = b[0] == 0xe9 || b[0] == 0xe8 || b[0] == 0xeb;
	if (b[0] == 0xeb)
		*by = (int8_t)b[1];
	else
		memcpy(by, b + 1, sizeof(*by));
	if (b[0] == 0xe9 || b[0] == 0xe8)
		return 5;
	if (b[0] == 0xeb || (b[0] & 0xf0) == 0x70)
		return 2;
	if (b[0] == 0x0f && (b[1] & 0xf0) == 0x80)
		return 6;
	if ((b[0] & 0xf8) == 0x50 || b[0] == 0x90)
		return 1;
	if ((b[0] == 0x41 && (b[1] & 0xf8) == 0x50) || (b[0] == 0x66 && b[1] == 0x90))
		return 2;
	if (b[0] == 0x48 && (b[1] == 0x85 || b[1] == 0x89)) /* test, mov of registers: stepped */
		return 3;
	return 0;
}

/* Flags with which the branch on condition `cc` is not taken. */
static uint64_t flags_against(uint8_t cc)
{
	static const uint16_t of_odd[] = { 0x800, 0x1, 0x40, 0x1, 0x80, 0x4, 0x80, 0x40 };

	return 0x202 | (cc & 1 ? of_odd[(cc & 15) >> 1] : 0);
}

/* The file's instruction at `offset`, and a return behind it. */
static int snippet_map(struct snippet *s, const char *path, uint64_t offset)
{
	static const uint8_t pop_ret[] = { 0x48, 0x8d, 0x64, 0x24, 0x08, 0xc3 };
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	bool jumps;
	int32_t by;
	size_t len;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	s->size = (size_t)st.st_size;
	s->map = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (s->map == MAP_FAILED) {
		s->map = NULL;
		return -errno;
	}
	s->insn = s->map + offset;
	len = decode(s->insn, &jumps, &by);
	if (!len || offset + len + sizeof(pop_ret) > s->size)
		return -ENOTSUP;
	s->flags = flags_against(s->insn[0] == 0x0f ? s->insn[1] : s->insn[0]);
	if (jumps && offset + len + (uint64_t)(int64_t)by >= s->size)
		return -ERANGE;
	if (jumps)
		s->insn[len + by] = 0xc3;
	if (!jumps || s->insn[0] == 0xe8)
		s->insn[len] = 0xc3;
	if ((s->insn[0] & 0xf8) == 0x50 || (s->insn[0] == 0x41 && (s->insn[1] & 0xf8) == 0x50))
		memcpy(s->insn + len, pop_ret, sizeof(pop_ret));
	/* No breakpoint goes into a mapping that can be written. */
	return mprotect(s->map, s->size, PROT_READ | PROT_EXEC) ? -errno : 0;
}

/* Nanoseconds for one pass, in a loop of TRAPS. */
static int64_t time_once(const struct snippet *s)
{
	register const uint8_t *insn asm("r12") = s->insn;
	register uint64_t flags asm("r13") = s->flags;
	uint64_t n = TRAPS;
	int64_t begin = mt_clock_ns();

	/* Below the red zone. */
	asm volatile("subq $128, %%rsp\n"
		     "1: pushq %[flags]\n"
		     "popfq\n"
		     "call *%[insn]\n"
		     "decq %[n]\n"
		     "jnz 1b\n"
		     "addq $128, %%rsp"
		     : [n] "+b"(n)
		     : [insn] "r"(insn), [flags] "r"(flags)
		     : "cc", "memory", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11");
	return (mt_clock_ns() - begin) / TRAPS;
}

/* A breakpoint on a file's offset in this process, with a program that does nothing. */
static int trap(const char *path, uint64_t offset)
{
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	_close_ int prog = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "mt_price", "GPL", nothing,
					 ARRAY_SIZE(nothing), NULL);
	_close_ int event = -1;

	if (prog < 0)
		return -errno;
	event = mt_perf_uprobe_open(path, offset, false, 0);
	if (event < 0)
		return event;
	if (ioctl(event, PERF_EVENT_IOC_SET_BPF, prog) || ioctl(event, PERF_EVENT_IOC_ENABLE, 0))
		return -errno;
	return TAKE_FD(event);
}

/* ---- prices --------------------------------------------------------------------------------- */

/* Something to trap on. */
struct priced {
	struct snippet snippet;
	int event;
};

static void priced_close(struct priced *p)
{
	if (p->event >= 0)
		close(p->event);
	snippet_unmap(&p->snippet);
}

static int priced_open(struct priced *p, const char *path, uint64_t offset)
{
	int err = snippet_map(&p->snippet, path, offset);

	if (err)
		return err;
	p->event = trap(path, offset);
	return p->event < 0 ? p->event : 0;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

struct prices {
	struct priced nop;
	int64_t nop_ns; /* the last */
	size_t emulated;
	size_t stepped;
	size_t repeated;
	int64_t worst_pct;
};

/*
 * One round: the price of `p` in percent of that of a nop, measured before it and behind it. While
 * those two differ something else was running, and what is between them means nothing.
 */
static int64_t round_pct(struct prices *t, const struct priced *p, size_t *repeats)
{
	int64_t before, ns, after;

	for (;;) {
		before = time_once(&t->nop.snippet);
		ns = time_once(&p->snippet);
		after = time_once(&t->nop.snippet);
		t->nop_ns = (before + after) / 2 ?: 1;
		if (llabs(after - before) * 100 <= t->nop_ns * (NOISE_PCT - 100) || !*repeats)
			return ns * 100 / t->nop_ns;
		--*repeats;
		t->repeated++;
	}
}

/* The median of the rounds. */
static int64_t price_pct(struct prices *t, const struct priced *p)
{
	int64_t pct[ROUNDS];
	size_t repeats = REPEATS;

	for (int i = 0; i < ROUNDS; i++)
		pct[i] = round_pct(t, p, &repeats);
	qsort(pct, ROUNDS, sizeof(*pct), compare);
	return pct[ROUNDS / 2];
}

static void check_price(const struct placed *placed, void *arg)
{
	__cleanup(priced_close) struct priced p = { .event = -1 };
	struct prices *t = arg;
	int64_t pct = 0;
	int err;

	if (placed->site->placement != MT_PLACEMENT_EMULATED) {
		t->stepped++;
		return;
	}
	t->emulated++;
	err = priced_open(&p, placed->path, placed->site->file_offset);
	if (!err)
		pct = price_pct(t, &p);
	if (pct > t->worst_pct)
		t->worst_pct = pct;
	if (!err && pct >= LEAST_PCT && pct <= MOST_PCT)
		return;
	printf("FAIL ");
	print_row(placed, NULL);
	if (err)
		printf("     cannot be priced: %s\n", strerror(-err));
	else
		printf("     a trap costs %" PRId64 "%% of a nop's %" PRId64 " ns\n", pct,
		       t->nop_ns);
	failures++;
}

/* A new file of ours; its descriptor. */
static int make_own(char *path, size_t size)
{
	const char *folder = getenv("TMPDIR");
	int fd;

	snprintf(path, size, "%s/memtide-price-XXXXXX", folder ?: "/tmp");
	fd = mkstemp(path);
	return fd < 0 ? -errno : fd;
}

/* `nop` at 0 and, which is stepped, `test rdi, rdi` at 32. */
static int write_own(char *path, size_t size)
{
	uint8_t code[64] = { [0] = 0x90, [32] = 0x48, [33] = 0x85, [34] = 0xff };
	_close_ int fd = make_own(path, size);

	return fd >= 0 && write(fd, code, sizeof(code)) == sizeof(code) ? 0 : -EIO;
}

/* A copy has no breakpoints but ours: a trap calls everybody who has one on that file's offset. */
static int copy(const char *path, char *to, size_t size)
{
	_close_ int from = open(path, O_RDONLY | O_CLOEXEC);
	_close_ int fd = from < 0 ? -1 : make_own(to, size);
	ssize_t n = -1;

	while (fd >= 0 && (n = sendfile(fd, from, NULL, 1U << 30)) > 0)
		continue;
	return n ? -EIO : 0;
}

static void price_library(const char *path, struct prices *t)
{
	char own[256] = "";

	if (access(path, R_OK)) {
		printf("not there: %s\n", path);
		return;
	}
	if (copy(path, own, sizeof(own))) {
		printf("FAIL cannot copy %s\n", path);
		failures++;
	} else {
		each_placed(own, check_price, t);
		printf("%s: copied, %d failures so far\n", path, failures);
	}
	unlink(own);
}

static int price(const char *own, struct prices *t)
{
	__cleanup(priced_close) struct priced stepped = { .event = -1 };
	int err = priced_open(&t->nop, own, 0);
	int64_t pct;

	if (err == -EPERM || err == -EACCES || err == -ENOENT) {
		printf("no breakpoints for us: %s\n", strerror(-err));
		return SKIPPED;
	}
	if (!err)
		err = priced_open(&stepped, own, 32);
	if (err) {
		printf("FAIL cannot trap on our own file: %s\n", strerror(-err));
		return 1;
	}
	pct = price_pct(t, &stepped);
	printf("a nop: %" PRId64 " ns, stepped: %" PRId64 "%%\n", t->nop_ns, pct);
	if (pct <= STEPPED_PCT) {
		printf("FAIL that does not tell a stepped instruction from an emulated one\n");
		return 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(libraries); i++)
		price_library(libraries[i], t);
	printf("%zu emulated, at most %" PRId64 "%% of a nop; %zu stepped; %zu rounds repeated\n",
	       t->emulated, t->worst_pct, t->stepped, t->repeated);
	return failures || !t->emulated;
}

static int price_all(void)
{
	struct prices t = { .nop = { .event = -1 } };
	char own[256];
	int status = write_own(own, sizeof(own));

	status = status ? 1 : price(own, &t);
	priced_close(&t.nop);
	unlink(own);
	return status;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "price"))
		return price_all();
	if (argc == 2 && !strcmp(argv[1], "arguments"))
		return check_all_arguments();
	if (argc != 2 || strcmp(argv[1], "list")) {
		fprintf(stderr, "usage: property list | arguments | price\n");
		return 2;
	}
	for (size_t i = 0; i < ARRAY_SIZE(libraries); i++)
		each_placed(libraries[i], print_row, NULL);
	return failures != 0;
}
