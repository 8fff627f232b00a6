// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/trial.h"

#include <errno.h>

#ifdef __x86_64__

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/user.h>

#include <bpf/bpf.h>

#include "session/puppet.h"
#include "session/uapi.h"
#include "target/allocator.h"
#include "target/locate.h"
#include "util/cleanup.h"
#include "util/log.h"

#define KERNEL_ENOTSUPP 524 /* no error of user space */

#define ROUNDS	  2  /* where the sites are, and at the entries of those that fail there */
#define STEPS_MAX 64 /* instructions from the entry to the probe */
#define REGS	  21 /* in struct pt_regs; struct user_regs_struct begins with the same */
#define SMALL	  40
#define LARGE	  (1ULL << 32 | SMALL) /* does not fit into half a register */
#define FACTOR	  3
#define BLOCK	  (MT_PUPPET_MEMORY + (64 << 10)) /* its header is before it */

/* What the program leaves of a site: the first hit is the entry's, the second the return's. */
struct record {
	uint64_t hits;
	uint64_t regs[2][REGS];
};

struct trial {
	struct mt_puppet *puppet;
	struct record *records; /* the map's memory */
	size_t nr_sites;
	int map;
	int prog;
	bool multi;
};

#define REG(name) (offsetof(struct user_regs_struct, name) / sizeof(uint64_t))

/* By the register's number in wire.h. */
static const uint8_t registers[] = {
	REG(rax), REG(rcx), REG(rdx), REG(rbx), REG(rsp), REG(rbp), REG(rsi), REG(rdi),
	REG(r8),  REG(r9),  REG(r10), REG(r11), REG(r12), REG(r13), REG(r14), REG(r15),
};

/* ---- the program ---- */

#define INSN(...)	     ((struct bpf_insn){ __VA_ARGS__ })
#define LOAD(d, s, o)	     INSN(BPF_LDX | BPF_MEM | BPF_DW, d, s, o, 0)
#define STORE(size, d, o, s) INSN(BPF_STX | BPF_MEM | (size), d, s, o, 0)
#define ADD(d, i)	     INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define MOVE(d, s)	     INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define SKIP_IF_ZERO(r, n)   INSN(BPF_JMP | BPF_JEQ | BPF_K, r, 0, n, 0)
#define CALL(f)		     INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)

/* record = map[cookie]; record->regs[record->hits++ != 0] = *ctx; a third hit is as a second. */
static int load_program(int map, bool multi)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = multi ? MT_BPF_TRACE_UPROBE_MULTI : 0);
	const struct bpf_insn head[] = {
		MOVE(BPF_REG_6, BPF_REG_1),
		CALL(BPF_FUNC_get_attach_cookie),
		STORE(BPF_W, BPF_REG_10, -4, BPF_REG_0),
		INSN(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map),
		INSN(0),
		MOVE(BPF_REG_2, BPF_REG_10),
		ADD(BPF_REG_2, -4),
		CALL(BPF_FUNC_map_lookup_elem),
		SKIP_IF_ZERO(BPF_REG_0, 6 + 2 * REGS),
		LOAD(BPF_REG_1, BPF_REG_0, 0),
		MOVE(BPF_REG_2, BPF_REG_1),
		ADD(BPF_REG_2, 1),
		STORE(BPF_DW, BPF_REG_0, offsetof(struct record, hits), BPF_REG_2),
		SKIP_IF_ZERO(BPF_REG_1, 1),
		ADD(BPF_REG_0, sizeof(uint64_t[REGS])),
	};
	struct bpf_insn insns[ARRAY_SIZE(head) + 2 * REGS + 2];
	size_t n = 0;
	int fd;

	for (; n < ARRAY_SIZE(head); n++)
		insns[n] = head[n];
	for (int i = 0; i < REGS; i++) {
		int to = offsetof(struct record, regs) + 8 * i;

		insns[n++] = LOAD(BPF_REG_1, BPF_REG_6, 8 * i);
		insns[n++] = STORE(BPF_DW, BPF_REG_0, to, BPF_REG_1);
	}
	insns[n++] = INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0);
	insns[n++] = INSN(BPF_JMP | BPF_EXIT);
	fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "mt_trial", "GPL", insns, n, &opts);
	return fd < 0 ? -errno : fd;
}

static int open_records(struct trial *t, size_t nr)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	void *memory;

	t->map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "mt_trial", sizeof(uint32_t),
				sizeof(struct record), nr, &opts);
	if (t->map < 0)
		return -errno;
	memory = mmap(NULL, nr * sizeof(struct record), PROT_READ | PROT_WRITE, MAP_SHARED, t->map,
		      0);
	if (memory == MAP_FAILED)
		return -errno;
	t->records = memory;
	t->nr_sites = nr;
	return 0;
}

static void close_trial(struct trial *t)
{
	mt_puppet_free(&t->puppet);
	if (t->records)
		munmap(t->records, t->nr_sites * sizeof(*t->records));
	mt_cleanup_fd(&t->prog);
	mt_cleanup_fd(&t->map);
}

/* ---- the probes ---- */

/* Those of `nr` sites, from `first` on, that are to be tried. */
static int attach(struct trial *t, const struct mt_probe_site *sites, size_t first, size_t nr,
		  bool returns)
{
	uint64_t offsets[MT_ALLOCATOR_SITES_MAX], cookies[MT_ALLOCATOR_SITES_MAX];
	struct mt_puppet_probes probes = {
		.offsets = offsets,
		.cookies = cookies,
		.prog_fd = t->prog,
		.attach_type = t->multi ? MT_BPF_TRACE_UPROBE_MULTI : 0,
		.returns = returns,
	};

	for (size_t i = first; i < first + nr; i++) {
		if (!sites[i].needs_trial || (returns && sites[i].result != MT_RESULT_RETURN))
			continue;
		offsets[probes.cnt] = sites[i].file_offset;
		cookies[probes.cnt++] = i;
	}
	return mt_puppet_probe(t->puppet, &probes);
}

/* What an instruction that the kernel does not probe leads to. */
static bool is_refusal(int err)
{
	return err == -KERNEL_ENOTSUPP || err == -ENOEXEC;
}

/*
 * For one instruction that it refuses the kernel refuses the link. Then they go one by one, as
 * perf events always do, and the site that has no probe will not be reached.
 */
static int attach_all(struct trial *t, const struct mt_probe_site *sites, size_t nr, bool returns)
{
	int err = t->multi ? attach(t, sites, 0, nr, returns) : -ENOEXEC;

	if (!is_refusal(err))
		return err;
	for (size_t i = 0; i < nr; i++) {
		err = attach(t, sites, i, 1, returns);
		if (err && !is_refusal(err))
			return err;
	}
	return 0;
}

static int open_trial(struct trial *t, const struct mt_probe_target *target,
		      const struct mt_probe_site *sites, size_t nr,
		      const struct mt_trial_options *options)
{
	int err = open_records(t, nr);

	if (err)
		return err;
	t->multi = options->multi;
	t->prog = load_program(t->map, t->multi);
	if (t->prog < 0)
		return t->prog;
	err = mt_puppet_new(&t->puppet, target->fd, options->closer);
	err = err ? err : attach_all(t, sites, nr, true);
	err = err ? err : attach_all(t, sites, nr, false);
	return err ? err : mt_puppet_seal(t->puppet);
}

/* ---- a call ---- */

/* What no site needs is an alignment or a pointer: one number is both. */
static uint64_t argument(const struct mt_probe_site *site, unsigned int number, uint64_t size)
{
	if (number == site->size_arg)
		return size;
	if (number == site->factor_arg)
		return FACTOR;
	return number == site->block_arg ? BLOCK : MT_PUPPET_MEMORY;
}

static uint64_t found(const struct record *r, uint8_t at)
{
	if (at < MT_ARG_X86 || at - MT_ARG_X86 >= (int)ARRAY_SIZE(registers))
		return at == MT_ARG_ONE;
	return r->regs[0][registers[at - MT_ARG_X86]];
}

/* Why the state at the probe is not the entry's, or NULL. */
static const char *check_entry(const struct mt_probe_site *site, const struct record *r,
			       uint64_t address, const uint64_t args[3])
{
	const uint64_t *regs = r->regs[0];
	uint64_t factor = site->factor_arg ? FACTOR : 1;

	if (regs[REG(rip)] != address)
		return "it is hit elsewhere";
	if (regs[REG(rsp)] != MT_PUPPET_SP)
		return "the stack pointer has moved";
	if (regs[REG(rbp)] != MT_PUPPET_FP)
		return "the frame pointer has changed";
	if (site->size_arg &&
	    found(r, site->size_at) * (site->factor_arg ? found(r, site->factor_at) : 1) !=
		    args[site->size_arg - 1] * factor)
		return "the size is lost";
	if (site->block_arg && found(r, site->block_at) != args[site->block_arg - 1])
		return "the block is lost";
	return NULL;
}

/* Calls the function and stops it at the probe. */
static const char *reach(const struct trial *t, const struct mt_probe_site *site, struct record *r,
			 uint64_t size)
{
	uint64_t args[3], address = 0;
	int err = mt_puppet_address(t->puppet, site->file_offset, &address);

	for (unsigned int i = 0; i < ARRAY_SIZE(args); i++)
		args[i] = argument(site, i + 1, size);
	r->hits = 0;
	err = err ? err : mt_puppet_call(t->puppet, address - site->function_offset, args);
	for (int steps = 0; !err && !r->hits && steps < STEPS_MAX; steps++)
		err = mt_puppet_step(t->puppet);
	if (err == -EFAULT && size == LARGE && !r->hits)
		return NULL;			 /* it may be for small sizes only */
	if (err && (err != -EFAULT || !r->hits)) /* the probed instruction itself may fault */
		return err == -EFAULT ? "the code before it faults" : strerror(-err);
	return r->hits ? check_entry(site, r, address, args) : "it is not reached";
}

static const char *leave(const struct trial *t, const struct mt_probe_site *site,
			 const struct record *r)
{
	bool returns = site->result == MT_RESULT_RETURN;

	if (mt_puppet_return(t->puppet))
		return "the call does not return";
	if (r->hits != 1U + returns)
		return "the return is not seen";
	if (returns && r->regs[1][REG(rsp)] != MT_PUPPET_SP + 8)
		return "the return has another stack pointer";
	return NULL;
}

/* Why the site is not as it should be, or NULL. */
static const char *try_site(const struct trial *t, const struct mt_probe_site *site,
			    struct record *r)
{
	const char *why = reach(t, site, r, SMALL);

	why = why ? why : leave(t, site, r);
	return why || !site->size_arg ? why : reach(t, site, r, LARGE);
}

/* What fails behind the entry is tried there next, and what fails there has no place. */
static void give_up(const char *path, struct mt_probe_site *site, const char *why)
{
	if (site->function_offset > site->entry) {
		mt_info("%s: %s is probed at its entry, not at +%u: %s", path, site->function,
			site->function_offset, why);
		mt_probe_site_to_entry(site);
		return;
	}
	mt_info("%s: %s cannot be probed: %s", path, site->function, why);
	site->needs_trial = false;
	site->refused = true;
}

/* One process: it may not survive a site behind an entry, but one instruction at an entry. */
static int run(const struct mt_probe_target *target, struct mt_probe_site *sites, size_t nr,
	       const struct mt_trial_options *options)
{
	__cleanup(close_trial) struct trial t = { .map = -1, .prog = -1 };
	int err = open_trial(&t, target, sites, nr, options);

	if (err)
		return err;
	for (size_t i = 0; i < nr; i++) {
		bool behind = sites[i].function_offset > sites[i].entry;
		const char *why;

		if (!sites[i].needs_trial)
			continue;
		why = try_site(&t, &sites[i], &t.records[i]);
		if (why && !behind && !mt_puppet_is_alive(t.puppet))
			continue;
		if (why)
			give_up(target->path, &sites[i], why);
		else
			sites[i].needs_trial = false;
	}
	return 0;
}

static size_t count_untried(const struct mt_probe_site *sites, size_t nr)
{
	size_t untried = 0;

	for (size_t i = 0; i < nr; i++)
		untried += sites[i].needs_trial;
	return untried;
}

int mt_trial_run(const struct mt_probe_target *target, struct mt_probe_site *sites, size_t nr,
		 const struct mt_trial_options *options)
{
	if (nr > MT_ALLOCATOR_SITES_MAX)
		return -E2BIG;
	for (int round = 0; round < ROUNDS && count_untried(sites, nr); round++) {
		int err = run(target, sites, nr, options);

		if (err)
			return err;
	}
	return count_untried(sites, nr) ? -ETIMEDOUT : 0;
}

#else

int mt_trial_run(const struct mt_probe_target *target, struct mt_probe_site *sites, size_t nr,
		 const struct mt_trial_options *options)
{
	return -ENOTSUP;
}

#endif
