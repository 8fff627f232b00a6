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

#include "session/perf.h"
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

static int attach_type(enum mt_link_kind kind)
{
	return kind == MT_LINK_SESSION ? MT_BPF_TRACE_UPROBE_SESSION
	       : kind == MT_LINK_MULTI ? MT_BPF_TRACE_UPROBE_MULTI
				       : 0;
}

/* It does nothing but answer. */
static int load_program(enum mt_link_kind kind, int answer)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach_type(kind));
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = answer },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "mt_calibrate", "GPL", insns,
			       ARRAY_SIZE(insns), &opts);

	return fd < 0 ? -errno : fd;
}

/* A session is told of a return if its program answers 0 at the entry. */
static int attach(struct mt_puppet *p, const int progs[2], enum mt_link_kind kind, uint64_t code)
{
	uint64_t offsets[CLASSES], cookies[CLASSES] = { 0 };
	struct mt_puppet_probes entries = {
		.offsets = offsets + PUSH,
		.cookies = cookies,
		.cnt = CLASSES - PUSH,
		.prog_fd = progs[0],
		.attach_type = attach_type(kind),
	};
	struct mt_puppet_probes returns = entries;
	int err;

	for (int i = 0; i < CLASSES; i++)
		offsets[i] = code + (i + 1) * SLOT;
	returns.returns = kind != MT_LINK_SESSION;
	returns.offsets = offsets + RETURN;
	returns.cnt = 1;
	if (kind == MT_LINK_SESSION) {
		entries.cnt--;
		entries.prog_fd = progs[1];
	}
	err = mt_puppet_probe(p, &returns);
	return err ? err : mt_puppet_probe(p, &entries);
}

/* In its CPU time: what else the machine does is not taken for the trap's price. */
static int run_round(struct mt_puppet *p, int clock, uint64_t code, int64_t ns[CLASSES])
{
	uint64_t loop;
	int err = mt_puppet_address(p, code, &loop);

	for (int i = 0; !err && i < CLASSES; i++) {
		uint64_t args[3] = { CALLS, loop + (i + 1) * SLOT };
		int64_t from, to;

		err = mt_puppet_call(p, loop, args);
		err = err ? err : mt_perf_ran(clock, &from);
		err = err ? err : mt_puppet_finish(p);
		err = err ? err : mt_perf_ran(clock, &to);
		ns[i] = err ? 0 : to - from;
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

int mt_calibrate(struct mt_trap_prices *out, enum mt_link_kind kind)
{
	_close_ int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), wait = -1, skip = -1,
		    clock = -1;
	__cleanup(mt_puppet_free) struct mt_puppet *p = NULL;
	int64_t ns[ROUNDS][CLASSES], until = mt_clock_ns() + PATIENCE_NS;
	uint64_t code = 0;
	int err, rounds = 0;

	if (exe < 0)
		return -errno;
	dl_iterate_phdr(find_code, &code);
	wait = load_program(kind, 0);
	skip = wait < 0 ? wait : load_program(kind, 1);
	if (skip < 0)
		return skip;
	err = mt_puppet_new(&p, exe, NULL);
	err = err ? err : attach(p, (const int[]){ wait, skip }, kind, code);
	clock = err ? err : mt_puppet_clock(p);
	err = clock < 0
		      ? clock
		      : run_round(p, clock, code, ns[0]); /* a warm-up: the next one replaces it */
	while (!err && rounds < ROUNDS && (!rounds || mt_clock_ns() < until))
		err = run_round(p, clock, code, ns[rounds++]);
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

int mt_calibrate(struct mt_trap_prices *out, enum mt_link_kind kind)
{
	return -ENOTSUP;
}

#endif

struct mt_calibration {
	pthread_t thread;
	enum mt_link_kind kind;
	int err;
	struct mt_trap_prices prices;
};

static void *work(void *calibration)
{
	struct mt_calibration *c = calibration;

	c->err = mt_calibrate(&c->prices, c->kind);
	return NULL;
}

int mt_calibration_begin(struct mt_calibration **out, enum mt_link_kind kind)
{
	struct mt_calibration *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->kind = kind;
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
