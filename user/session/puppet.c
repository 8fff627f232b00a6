// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * All it does between exec and its end is done to it: registers set, memory written, system
 * calls made by the few bytes that are put where ld.so would have begun.
 */
#include "session/puppet.h"

#ifdef __x86_64__

#include <elf.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "session/closer.h"
#include "session/perf.h"
#include "session/uapi.h"
#include "target/allocator.h"
#include "util/cleanup.h"
#include "util/privilege.h"

#define PAGE	      4096ULL
#define LOADS_MAX     64
#define ADDRESS_LIMIT (1ULL << 47)
#define FDS_MAX	      (MT_ALLOCATOR_SITES_MAX * 2 * 2)

/* What the kernel's return trampoline calls, since 6.11. */
#define NR_URETPROBE 335

/* What is mapped begins before that memory: a stack, and thread-local storage around TLS. */
#define DATA	   (MT_PUPPET_MEMORY - (1ULL << 20))
#define DATA_BYTES ((1ULL << 20) + MT_PUPPET_MEMORY_BYTES)
#define TLS	   (MT_PUPPET_MEMORY - PAGE)

/* syscall; 1: int3; jmp 1b; ret */
static const uint8_t code[8] = { 0x0f, 0x05, 0xcc, 0xeb, 0xfd, 0xc3 };
#define CODE_SYSCALL 0
#define CODE_TRAP    2
#define CODE_RET     5

struct mt_puppet {
	pid_t pid; /* 0: it is dead and reaped */
	int fd;
	struct mt_closer *closer;
	struct user_regs_struct start; /* as exec left them */
	uint64_t code;
	Elf64_Phdr loads[LOADS_MAX];
	size_t nr_loads;
	uint64_t base; /* what is added to the file's addresses */
	int links[FDS_MAX];
	size_t nr_links;
};

/* ---- stopping and going on ---- */

static void reap(struct mt_puppet *p)
{
	int status;

	if (!p->pid)
		return;
	kill(p->pid, SIGKILL);
	while (waitpid(p->pid, &status, __WALL) == p->pid && WIFSTOPPED(status))
		continue;
	p->pid = 0;
}

/* Waits for it to stop; the signal that stopped it. */
static int wait_stop(struct mt_puppet *p)
{
	pid_t pid;
	int status, sig;

	do {
		pid = waitpid(p->pid, &status, __WALL);
	} while (pid < 0 && errno == EINTR);
	if (pid < 0 || !WIFSTOPPED(status)) {
		p->pid = 0;
		return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) ? -WEXITSTATUS(status)
									   : -ESRCH;
	}
	sig = WSTOPSIG(status);
	if (sig != SIGALRM)
		return sig;
	reap(p);
	return -ETIMEDOUT;
}

/* Goes on by a ptrace request until it is stopped as by a breakpoint or a step. */
static int go_on(struct mt_puppet *p, int request)
{
	int sig;

	if (!p->pid || ptrace(request, p->pid, NULL, NULL))
		return -ESRCH;
	sig = wait_stop(p);
	if (sig < 0)
		return sig;
	return sig == SIGTRAP ? 0 : -EFAULT;
}

static int get_regs(struct mt_puppet *p, struct user_regs_struct *regs)
{
	return p->pid && !ptrace(PTRACE_GETREGS, p->pid, NULL, regs) ? 0 : -ESRCH;
}

static int set_regs(struct mt_puppet *p, const struct user_regs_struct *regs)
{
	return p->pid && !ptrace(PTRACE_SETREGS, p->pid, NULL, regs) ? 0 : -ESRCH;
}

int mt_puppet_finish(struct mt_puppet *p)
{
	struct user_regs_struct regs;
	int err = go_on(p, PTRACE_CONT);

	err = err ? err : get_regs(p, &regs);
	if (err)
		return err;
	return regs.rip == p->code + CODE_TRAP + 1 ? 0 : -EFAULT;
}

int mt_puppet_step(struct mt_puppet *p)
{
	return go_on(p, PTRACE_SINGLESTEP);
}

static int make_syscall(struct mt_puppet *p, long number, const uint64_t args[6], uint64_t *result)
{
	struct user_regs_struct regs = p->start;
	int err;

	regs.rip = p->code + CODE_SYSCALL;
	regs.orig_rax = -1; /* nothing to restart */
	regs.rax = number;
	regs.rdi = args[0];
	regs.rsi = args[1];
	regs.rdx = args[2];
	regs.r10 = args[3];
	regs.r8 = args[4];
	regs.r9 = args[5];
	err = set_regs(p, &regs);
	err = err ? err : mt_puppet_finish(p);
	err = err ? err : get_regs(p, &regs);
	if (err)
		return err;
	if (regs.rax >= -4095ULL)
		return (int)regs.rax;
	*result = regs.rax;
	return 0;
}

static int write_memory(struct mt_puppet *p, uint64_t address, const void *bytes, size_t len)
{
	struct iovec ours = { (void *)bytes, len }, theirs = { (void *)address, len };
	ssize_t n;

	if (!len)
		return 0;
	n = process_vm_writev(p->pid, &ours, 1, &theirs, 1, 0);
	return n < 0 ? -errno : (size_t)n == len ? 0 : -EFAULT;
}

/* ---- mapping the file ---- */

static int map(struct mt_puppet *p, uint64_t address, uint64_t len, int prot, int flags,
	       uint64_t offset, uint64_t *out)
{
	bool anonymous = flags & MAP_ANONYMOUS;
	uint64_t args[6] = { address, len, prot, flags | MAP_PRIVATE, anonymous ? -1 : 0, offset };

	return make_syscall(p, SYS_mmap, args, out);
}

static uint64_t page_up(uint64_t address)
{
	return (address + PAGE - 1) & -PAGE;
}

/* What is behind the file's bytes is zero, as ld.so makes it. */
static int map_zeros(struct mt_puppet *p, const Elf64_Phdr *l, int prot)
{
	static const uint8_t zeros[PAGE];
	uint64_t from = p->base + l->p_vaddr + l->p_filesz, to = p->base + l->p_vaddr + l->p_memsz;
	uint64_t page = l->p_filesz ? page_up(from) : from & -PAGE, unused;
	int err = 0;

	if (l->p_filesz && prot & PROT_WRITE)
		err = write_memory(p, from, zeros, page - from);
	if (err || page >= page_up(to))
		return err;
	return map(p, page, page_up(to) - page, prot, MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE, 0,
		   &unused);
}

static int map_load(struct mt_puppet *p, const Elf64_Phdr *l)
{
	uint64_t lead = l->p_vaddr & (PAGE - 1), unused;
	int prot = (l->p_flags & PF_R ? PROT_READ : 0) | (l->p_flags & PF_W ? PROT_WRITE : 0) |
		   (l->p_flags & PF_X ? PROT_EXEC : 0);
	int err = 0;

	if (l->p_filesz)
		err = map(p, p->base + l->p_vaddr - lead, l->p_filesz + lead, prot, MAP_FIXED,
			  l->p_offset - lead, &unused);
	if (!err && l->p_memsz > l->p_filesz)
		err = map_zeros(p, l, prot);
	return err;
}

static bool load_is_sane(const Elf64_Phdr *l)
{
	return l->p_vaddr < ADDRESS_LIMIT && l->p_memsz < ADDRESS_LIMIT &&
	       l->p_filesz <= l->p_memsz && l->p_offset < ADDRESS_LIMIT &&
	       !((l->p_vaddr ^ l->p_offset) & (PAGE - 1));
}

static int read_loads(struct mt_puppet *p, bool *fixed)
{
	Elf64_Phdr headers[LOADS_MAX];
	Elf64_Ehdr e;
	ssize_t len;

	if (pread(p->fd, &e, sizeof(e), 0) != sizeof(e) || memcmp(e.e_ident, ELFMAG, SELFMAG) ||
	    e.e_ident[EI_CLASS] != ELFCLASS64 || e.e_machine != EM_X86_64 ||
	    e.e_phentsize != sizeof(*headers) || e.e_phnum > LOADS_MAX)
		return -ENOEXEC;
	len = e.e_phnum * sizeof(*headers);
	if (pread(p->fd, headers, len, (off_t)e.e_phoff) != len)
		return -ENOEXEC;
	for (size_t i = 0; i < e.e_phnum; i++) {
		if (headers[i].p_type != PT_LOAD || !headers[i].p_memsz)
			continue;
		if (!load_is_sane(&headers[i]))
			return -ENOEXEC;
		p->loads[p->nr_loads++] = headers[i];
	}
	*fixed = e.e_type == ET_EXEC;
	return p->nr_loads ? 0 : -ENOEXEC;
}

static int map_file(struct mt_puppet *p)
{
	uint64_t low = ADDRESS_LIMIT, high = 0, start = 0;
	bool fixed;
	int err = read_loads(p, &fixed);

	if (err)
		return err;
	for (size_t i = 0; i < p->nr_loads; i++) {
		uint64_t from = p->loads[i].p_vaddr & -PAGE;
		uint64_t to = page_up(p->loads[i].p_vaddr + p->loads[i].p_memsz);

		low = from < low ? from : low;
		high = to > high ? to : high;
	}
	err = map(p, fixed ? low : 0, high - low, PROT_NONE,
		  MAP_ANONYMOUS | MAP_NORESERVE | (fixed ? MAP_FIXED_NOREPLACE : 0), 0, &start);
	if (err)
		return err;
	p->base = start - low;
	for (size_t i = 0; !err && i < p->nr_loads; i++)
		err = map_load(p, &p->loads[i]);
	return err;
}

int mt_puppet_address(const struct mt_puppet *p, uint64_t offset, uint64_t *address)
{
	for (size_t i = 0; i < p->nr_loads; i++) {
		const Elf64_Phdr *l = &p->loads[i];

		if (!(l->p_flags & PF_X) || offset < l->p_offset ||
		    offset - l->p_offset >= l->p_filesz)
			continue;
		*address = p->base + l->p_vaddr + (offset - l->p_offset);
		return 0;
	}
	return -ENOENT;
}

/* ---- birth and end ---- */

static _Noreturn void become_puppet(pid_t parent, int fd)
{
	char *argv[] = { "memtide-trial", NULL }, *envp[] = { NULL };
	sigset_t mask;

	/* Only exec's own stop and the deadline; what a fault raises comes in spite of it. */
	sigfillset(&mask);
	sigdelset(&mask, SIGTRAP);
	sigdelset(&mask, SIGALRM);
	if (!prctl(PR_SET_PDEATHSIG, SIGKILL) && getppid() == parent &&
	    !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !sigprocmask(SIG_SETMASK, &mask, NULL) &&
	    dup2(fd, 0) == 0 && !close_range(1, ~0U, 0) && !ptrace(PTRACE_TRACEME, 0, NULL, NULL)) {
		execve(mt_privilege_self, argv, envp);
	}
	_exit(errno);
}

/* Thread-local storage is pointers too: offsets into it are not relocated. */
static int map_data(struct mt_puppet *p)
{
	uint64_t words[3 * PAGE / sizeof(uint64_t)], unused;
	int err = map(p, DATA, DATA_BYTES, PROT_READ | PROT_WRITE,
		      MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, 0, &unused);

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = MT_PUPPET_MEMORY;
	return err ? err : write_memory(p, TLS - PAGE, words, sizeof(words));
}

/* The code goes where ld.so, or a static program, begins: that can be executed already. */
static int take_over(struct mt_puppet *p)
{
	long word;
	int err = wait_stop(p);

	if (err < 0)
		return err;
	err = get_regs(p, &p->start);
	if (err)
		return err;
	p->code = p->start.rip;
	memcpy(&word, code, sizeof(word));
	if (ptrace(PTRACE_SETOPTIONS, p->pid, NULL, (void *)PTRACE_O_EXITKILL) ||
	    ptrace(PTRACE_POKETEXT, p->pid, (void *)p->code, (void *)word))
		return -errno;
	return 0;
}

int mt_puppet_new(struct mt_puppet **out, int fd, struct mt_closer *closer)
{
	__cleanup(mt_puppet_free) struct mt_puppet *p = calloc(1, sizeof(*p));
	pid_t parent = getpid();
	int err;

	if (!p)
		return -ENOMEM;
	p->fd = fd;
	p->closer = closer;
	p->pid = fork();
	if (p->pid < 0) {
		p->pid = 0;
		return -errno;
	}
	if (p->pid == 0)
		become_puppet(parent, fd);
	err = take_over(p);
	err = err ? err : map_data(p);
	err = err ? err : map_file(p);
	if (err)
		return err;
	*out = TAKE_PTR(p);
	return 0;
}

void mt_puppet_free(struct mt_puppet **puppet)
{
	struct mt_puppet *p = *puppet;

	if (!p)
		return;
	reap(p);
	if (p->closer)
		mt_closer_close(p->closer, p->links, p->nr_links);
	else
		for (size_t i = 0; i < p->nr_links; i++)
			close(p->links[i]);
	free(p);
	*puppet = NULL;
}

int mt_puppet_clock(const struct mt_puppet *p)
{
	return p->pid ? mt_perf_clock_open(p->pid) : -ESRCH;
}

bool mt_puppet_is_alive(const struct mt_puppet *p)
{
	return p->pid != 0;
}

int mt_puppet_seal(struct mt_puppet *p)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NR_URETPROBE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	uint64_t program = DATA + sizeof(filter), unused;
	struct sock_fprog fprog = { ARRAY_SIZE(filter), (struct sock_filter *)DATA };
	uint64_t args[6] = { SECCOMP_SET_MODE_FILTER, 0, program }, life[6] = { MT_PUPPET_LIFE_S };
	int err = write_memory(p, DATA, filter, sizeof(filter));

	err = err ? err : write_memory(p, program, &fprog, sizeof(fprog));
	err = err ? err : make_syscall(p, SYS_alarm, life, &unused);
	return err ? err : make_syscall(p, SYS_seccomp, args, &unused);
}

/* ---- probes ---- */

static int keep(struct mt_puppet *p, int fd)
{
	if (fd < 0)
		return fd;
	if (p->nr_links == FDS_MAX) {
		close(fd);
		return -E2BIG;
	}
	p->links[p->nr_links++] = fd;
	return 0;
}

static int probe_multi(struct mt_puppet *p, const char *path, const struct mt_puppet_probes *probes)
{
	struct mt_uprobe_multi m = {
		.path = path,
		.offsets = probes->offsets,
		.cookies = probes->cookies,
		.cnt = probes->cnt,
		.flags = probes->returns ? MT_BPF_F_UPROBE_MULTI_RETURN : 0,
		.pid = p->pid,
	};

	return keep(p, mt_link_create_uprobe_multi(probes->prog_fd, probes->attach_type, &m));
}

static int probe_perf(struct mt_puppet *p, const char *path, const struct mt_puppet_probes *probes,
		      size_t i)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .perf_event.bpf_cookie = probes->cookies[i]);
	int event = mt_perf_uprobe_open(path, probes->offsets[i], probes->returns, p->pid), link;
	int err = keep(p, event);

	if (err)
		return err;
	link = bpf_link_create(probes->prog_fd, event, BPF_PERF_EVENT, &opts);
	return keep(p, link < 0 ? -errno : link);
}

int mt_puppet_probe(struct mt_puppet *p, const struct mt_puppet_probes *probes)
{
	char path[32];
	int err = 0;

	if (!p->pid)
		return -ESRCH;
	if (!probes->cnt)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p->fd);
	if (probes->attach_type)
		return probe_multi(p, path, probes);
	for (size_t i = 0; !err && i < probes->cnt; i++)
		err = probe_perf(p, path, probes, i);
	return err;
}

/* ---- calls ---- */

int mt_puppet_call(struct mt_puppet *p, uint64_t address, const uint64_t args[3])
{
	struct user_regs_struct regs = p->start;
	unsigned long long *rest[] = { &regs.rax, &regs.rbx, &regs.rcx, &regs.r8,
				       &regs.r9,  &regs.r10, &regs.r11, &regs.r12,
				       &regs.r13, &regs.r14, &regs.r15 };
	uint64_t caller = p->code + CODE_TRAP;
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(rest); i++)
		*rest[i] = 0x5eed0000 + i;
	regs.orig_rax = -1;
	regs.rip = address;
	regs.rdi = args[0];
	regs.rsi = args[1];
	regs.rdx = args[2];
	regs.rsp = MT_PUPPET_SP;
	regs.rbp = MT_PUPPET_FP;
	regs.fs_base = TLS;
	err = set_regs(p, &regs);
	return err ? err : write_memory(p, regs.rsp, &caller, sizeof(caller));
}

int mt_puppet_return(struct mt_puppet *p)
{
	struct user_regs_struct regs;
	int err = get_regs(p, &regs);

	if (err)
		return err;
	regs.orig_rax = -1;
	regs.rip = p->code + CODE_RET;
	regs.rsp = MT_PUPPET_SP;
	err = set_regs(p, &regs);
	return err ? err : mt_puppet_finish(p);
}

#endif
