// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/calibrate.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#ifdef __x86_64__

#include <fcntl.h>
#include <link.h>
#include <stdint.h>

#include <bpf/bpf.h>

#include "session/puppet.h"
#include "session/uapi.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define ROUNDS	    15
#define CALLS	    250
#define PATIENCE_NS 150000000LL /* no further round begins after */

enum class {
	BARE,
	PUSH,
	NOP,
	BRANCH,
	STEPPED,
	RETURN, /* as PUSH, with a return probe too */
	CLASSES,
};

/* A loop of rdi calls of rsi, and a function for each class, 16 bytes apart. */
#define SLOT 16
asm(".pushsection .text\n"
    ".balign 64\n"
    ".hidden mt_calibrate_code\n"
    ".globl mt_calibrate_code\n"
    "mt_calibrate_code:\n"
    "1:	call *%rsi\n"
    "	dec %rdi\n"
    "	jnz 1b\n"
    "	ret\n"
    ".balign 16\n" /* BARE */
    "	push %rax\n"
    "	pop %rax\n"
    "	ret\n"
    ".balign 16\n" /* PUSH */
    "	push %rax\n"
    "	pop %rax\n"
    "	ret\n"
    ".balign 16\n" /* NOP */
    "	nop\n"
    "	ret\n"
    ".balign 16\n" /* BRANCH */
    "	jz 1f\n"
    "1:	ret\n"
    ".balign 16\n" /* STEPPED */
    "	test %rdi,%rdi\n"
    "	ret\n"
    ".balign 16\n" /* RETURN */
    "	push %rax\n"
    "	pop %rax\n"
    "	ret\n"
    ".popsection\n");

extern const char mt_calibrate_code[];

/* Called for our own program first. */
static int find_code(struct dl_phdr_info *info, size_t size, void *arg)
{
	uint64_t address = (uintptr_t)mt_calibrate_code - info->dlpi_addr, *offset = arg;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *l = &info->dlpi_phdr[i];

		if (l->p_type == PT_LOAD && address >= l->p_vaddr &&
		    address - l->p_vaddr < l->p_filesz)
			*offset = l->p_offset + (address - l->p_vaddr);
	}
	return 1;
}

static int load_program(bool multi)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = multi ? MT_BPF_TRACE_UPROBE_MULTI : 0);
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "mt_calibrate", "GPL", nothing,
			       ARRAY_SIZE(nothing), &opts);

	return fd < 0 ? -errno : fd;
}

static int attach(struct mt_puppet *p, int prog, bool multi, uint64_t code)
{
	uint64_t offsets[CLASSES], cookies[CLASSES] = { 0 };
	struct mt_puppet_probes entries = {
		.offsets = offsets + PUSH,
		.cookies = cookies,
		.cnt = CLASSES - PUSH,
		.prog_fd = prog,
		.multi = multi,
	};
	struct mt_puppet_probes returns = entries;
	int err;

	for (int i = 0; i < CLASSES; i++)
		offsets[i] = code + (i + 1) * SLOT;
	returns.returns = true;
	returns.offsets = offsets + RETURN;
	returns.cnt = 1;
	err = mt_puppet_probe(p, &returns);
	return err ? err : mt_puppet_probe(p, &entries);
}

static int run_round(struct mt_puppet *p, uint64_t code, int64_t ns[CLASSES])
{
	uint64_t loop;
	int err = mt_puppet_address(p, code, &loop);

	for (int i = 0; !err && i < CLASSES; i++) {
		uint64_t args[3] = { CALLS, loop + (i + 1) * SLOT };
		int64_t from;

		err = mt_puppet_call(p, loop, args);
		from = mt_clock_ns();
		err = err ? err : mt_puppet_finish(p);
		ns[i] = mt_clock_ns() - from;
	}
	return err;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The median of what a round of `what` took more than the same round of `base`. */
static double price(int64_t ns[][CLASSES], int rounds, enum class what, enum class base)
{
	int64_t more[ROUNDS];
	int middle = rounds / 2;

	for (int i = 0; i < rounds; i++)
		more[i] = ns[i][what] - ns[i][base];
	qsort(more, rounds, sizeof(*more), compare);
	return (double)more[middle] / CALLS;
}

int mt_calibrate(struct mt_trap_prices *out, bool multi)
{
	_close_ int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), prog = -1;
	__cleanup(mt_puppet_free) struct mt_puppet *p = NULL;
	int64_t ns[ROUNDS][CLASSES], until = mt_clock_ns() + PATIENCE_NS;
	uint64_t code = 0;
	int err, rounds = 0;

	if (exe < 0)
		return -errno;
	dl_iterate_phdr(find_code, &code);
	prog = load_program(multi);
	if (prog < 0)
		return prog;
	err = mt_puppet_new(&p, exe, NULL);
	err = err ? err : attach(p, prog, multi, code);
	err = err ? err : run_round(p, code, ns[0]); /* a warm-up: the next one replaces it */
	while (!err && rounds < ROUNDS && (!rounds || mt_clock_ns() < until))
		err = run_round(p, code, ns[rounds++]);
	if (err)
		return err;
	*out = (struct mt_trap_prices){
		.push_ns = price(ns, rounds, PUSH, BARE),
		.nop_ns = price(ns, rounds, NOP, BARE),
		.branch_ns = price(ns, rounds, BRANCH, BARE),
		.stepped_ns = price(ns, rounds, STEPPED, BARE),
		.return_ns = price(ns, rounds, RETURN, PUSH),
	};
	return 0;
}

#else

int mt_calibrate(struct mt_trap_prices *out, bool multi)
{
	return -ENOTSUP;
}

#endif

struct mt_calibration {
	pthread_t thread;
	bool multi;
	int err;
	struct mt_trap_prices prices;
};

static void *work(void *calibration)
{
	struct mt_calibration *c = calibration;

	c->err = mt_calibrate(&c->prices, c->multi);
	return NULL;
}

int mt_calibration_begin(struct mt_calibration **out, bool multi)
{
	struct mt_calibration *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->multi = multi;
	if (pthread_create(&c->thread, NULL, work, c)) {
		free(c);
		return -EAGAIN;
	}
	*out = c;
	return 0;
}

int mt_calibration_end(struct mt_calibration **calibration, struct mt_trap_prices *out)
{
	struct mt_calibration *c = *calibration;
	int err;

	if (!c)
		return -ENODATA;
	pthread_join(c->thread, NULL);
	err = c->err;
	if (!err)
		*out = c->prices;
	free(c);
	*calibration = NULL;
	return err;
}
