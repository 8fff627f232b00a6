// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Where placement puts the probes of every installed allocator's functions, and what a trap
 * there costs: property list | price
 *
 * list: a row for each function, tab-separated: file, name, address, size, offset, placement,
 * bytes. price: for each offset that is said to be emulated, one live trap on it is measured
 * against one on a nop of one byte, turn by turn, in this process.
 *
 * Nothing of the allocators is run. A private copy of the file is mapped, in which what
 * follows the probed instruction, or where it jumps to, is a return: so a loop runs that one
 * instruction, as the file has it, and no other.
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
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/perf_event.h>
#include <linux/version.h>

#include "session/perf.h"
#include "target/elf.h"
#include "target/placement.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define SKIPPED 77

#define ROUNDS	    7	 /* the median of as many is a price */
#define TRAPS	    1000 /* in each */
#define ATTEMPTS    4	 /* against noise */
#define MOST_PCT    200	 /* of a nop's price */
#define LEAST_PCT   50	 /* or it did not trap */
#define STEPPED_PCT 200	 /* that a stepped instruction must exceed for this to mean anything */

#define ARG1 MT_PLACEMENT_ARG1
#define ARG2 MT_PLACEMENT_ARG2
#define ARG3 MT_PLACEMENT_ARG3

static const char *const libraries[] = {
	"/lib/x86_64-linux-gnu/libc.so.6",
	"/lib/ld-musl-x86_64.so.1",
	"/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
	"/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4",
	"/usr/lib/x86_64-linux-gnu/libmimalloc.so.2.0",
};

static const struct function {
	const char *name;
	unsigned int needed, factors;
} functions[] = {
	{ "malloc", ARG1 },
	{ "free", ARG1 },
	{ "cfree", ARG1 },
	{ "calloc", ARG1 | ARG2, ARG1 | ARG2 },
	{ "realloc", ARG1 | ARG2 },
	{ "reallocarray", ARG1 | ARG2 | ARG3, ARG2 | ARG3 },
	{ "posix_memalign", ARG1 | ARG3 },
	{ "aligned_alloc", ARG2 },
	{ "memalign", ARG2 },
	{ "valloc", ARG1 },
	{ "pvalloc", ARG1 },
	{ "pthread_create", 0 },
	{ "mallocx", ARG1 },
	{ "rallocx", ARG1 | ARG2 },
	{ "xallocx", ARG1 | ARG2 },
	{ "sallocx", ARG1 },
	{ "dallocx", ARG1 },
	{ "sdallocx", ARG1 },
	{ "_Znwm", ARG1 },
	{ "_Znam", ARG1 },
	{ "_ZnwmRKSt9nothrow_t", ARG1 },
	{ "_ZnamRKSt9nothrow_t", ARG1 },
	{ "_ZnwmSt11align_val_t", ARG1 },
	{ "_ZnamSt11align_val_t", ARG1 },
	{ "_ZnwmSt11align_val_tRKSt9nothrow_t", ARG1 },
	{ "_ZnamSt11align_val_tRKSt9nothrow_t", ARG1 },
	{ "_ZdlPv", ARG1 },
	{ "_ZdaPv", ARG1 },
	{ "_ZdlPvm", ARG1 },
	{ "_ZdaPvm", ARG1 },
	{ "_ZdlPvRKSt9nothrow_t", ARG1 },
	{ "_ZdaPvRKSt9nothrow_t", ARG1 },
	{ "_ZdlPvSt11align_val_t", ARG1 },
	{ "_ZdaPvSt11align_val_t", ARG1 },
	{ "_ZdlPvmSt11align_val_t", ARG1 },
	{ "_ZdaPvmSt11align_val_t", ARG1 },
	{ "_ZdlPvSt11align_val_tRKSt9nothrow_t", ARG1 },
	{ "_ZdaPvSt11align_val_tRKSt9nothrow_t", ARG1 },
};

/* A function as it was placed. */
struct placed {
	const char *path;
	const char *name;
	const uint8_t *code;
	size_t len;
	uint64_t file_offset; /* of its first byte */
	uint64_t address;
	struct mt_placement_result at;
};

static int failures;

static unsigned int running_kernel(void)
{
	unsigned int major = 0, minor = 0, patch = 0;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u.%u", &major, &minor, &patch) < 2)
		abort();
	return KERNEL_VERSION(major, minor, patch > 255 ? 255 : patch);
}

/* Calls `cb` for what a file has of `functions`. */
static void each_placed(const char *path, void (*cb)(const struct placed *, void *), void *arg)
{
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 ? -errno : mt_elf_new(&elf, fd);

	if (err) {
		printf("not there: %s: %s\n", path, strerror(-err));
		return;
	}
	for (const struct function *f = functions; f < functions + ARRAY_SIZE(functions); f++) {
		struct placed p = { .path = path, .name = f->name };
		struct mt_placement_request request = {
			.needed = f->needed,
			.factors = f->factors,
			.kernel_version = running_kernel(),
		};

		if (mt_elf_function(elf, f->name, &p.file_offset))
			continue;
		err = mt_elf_function_code(elf, f->name, MT_PLACEMENT_CODE_MAX, &p.code, &p.len);
		if (!err)
			err = mt_elf_address_of(elf, p.file_offset, &p.address);
		request.code = p.code;
		request.len = p.len;
		if (!err)
			err = mt_placement_choose(&request, &p.at);
		if (err) {
			printf("FAIL %s %s: %s\n", path, f->name, strerror(-err));
			failures++;
			continue;
		}
		cb(&p, arg);
	}
}

static void print_row(const struct placed *p, void *unused)
{
	printf("%s\t%s\t%" PRIx64 "\t%zu\t%u\t%s\t", p->path, p->name, p->address, p->len,
	       p->at.offset, mt_placement_name(p->at.placement));
	for (size_t i = p->at.offset; i < p->len && i < p->at.offset + 8U; i++)
		printf("%s%02x", i > p->at.offset ? " " : "", p->code[i]);
	printf("\n");
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
	int64_t ns[ROUNDS];
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

/* The price of `p` in percent of that of `nop`: medians of turns. */
static int64_t price_pct(struct priced *p, struct priced *nop)
{
	for (int i = 0; i < ROUNDS; i++) {
		nop->ns[i] = time_once(&nop->snippet);
		p->ns[i] = time_once(&p->snippet);
	}
	qsort(nop->ns, ROUNDS, sizeof(*nop->ns), compare);
	qsort(p->ns, ROUNDS, sizeof(*p->ns), compare);
	return p->ns[ROUNDS / 2] * 100 / (nop->ns[ROUNDS / 2] ?: 1);
}

struct prices {
	struct priced nop;
	char seen[256][64]; /* file:offset that are done */
	size_t nr_seen;
	size_t emulated;
	size_t stepped;
	int64_t worst_pct;
};

static bool is_seen(struct prices *t, const char *path, uint64_t offset)
{
	char key[64];

	snprintf(key, sizeof(key), "%.40s:%" PRIx64, strrchr(path, '/') + 1, offset);
	for (size_t i = 0; i < t->nr_seen; i++) {
		if (!strcmp(t->seen[i], key))
			return true;
	}
	if (t->nr_seen == ARRAY_SIZE(t->seen))
		abort();
	strcpy(t->seen[t->nr_seen++], key);
	return false;
}

static void check_price(const struct placed *placed, void *arg)
{
	__cleanup(priced_close) struct priced p = { .event = -1 };
	uint64_t offset = placed->file_offset + placed->at.offset;
	struct prices *t = arg;
	int64_t pct = 0;
	int err;

	if (is_seen(t, placed->path, offset))
		return;
	if (placed->at.placement != MT_PLACEMENT_EMULATED) {
		t->stepped++;
		return;
	}
	t->emulated++;
	err = priced_open(&p, placed->path, offset);
	for (int i = 0; !err && i < ATTEMPTS; i++) {
		pct = price_pct(&p, &t->nop);
		if (pct >= LEAST_PCT && pct <= MOST_PCT)
			break;
	}
	if (pct > t->worst_pct)
		t->worst_pct = pct;
	if (!err && pct >= LEAST_PCT && pct <= MOST_PCT)
		return;
	printf("FAIL ");
	print_row(placed, NULL);
	if (err)
		printf("     cannot be priced: %s\n", strerror(-err));
	else
		printf("     a trap costs %" PRId64 " ns, %" PRId64 "%% of a nop's %" PRId64 "\n",
		       p.ns[ROUNDS / 2], pct, t->nop.ns[ROUNDS / 2]);
	failures++;
}

/* A file of our own: `nop` at 0 and, which is stepped, `test rdi, rdi` at 32. */
static int write_own(char *path, size_t size)
{
	uint8_t code[64] = { [0] = 0x90, [32] = 0x48, [33] = 0x85, [34] = 0xff };
	const char *folder = getenv("TMPDIR");
	_close_ int fd = -1;

	snprintf(path, size, "%s/memtide-price-XXXXXX", folder ?: "/tmp");
	fd = mkstemp(path);
	return fd >= 0 && write(fd, code, sizeof(code)) == sizeof(code) ? 0 : -errno;
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
	pct = price_pct(&stepped, &t->nop);
	printf("a nop: %" PRId64 " ns, stepped: %" PRId64 "%%\n", t->nop.ns[ROUNDS / 2], pct);
	if (pct <= STEPPED_PCT) {
		printf("FAIL that does not tell a stepped instruction from an emulated one\n");
		return 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(libraries); i++)
		each_placed(libraries[i], check_price, t);
	printf("%zu emulated, at most %" PRId64 "%% of a nop; %zu stepped\n", t->emulated,
	       t->worst_pct, t->stepped);
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
	if (argc != 2 || strcmp(argv[1], "list")) {
		fprintf(stderr, "usage: property list | price\n");
		return 2;
	}
	for (size_t i = 0; i < ARRAY_SIZE(libraries); i++)
		each_placed(libraries[i], print_row, NULL);
	return failures != 0;
}
