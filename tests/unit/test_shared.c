// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* session/shared.c: events that several processes share, and what becomes of them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "probed_process.h"
#include "session/child.h"
#include "session/perf.h"
#include "session/shared.h"
#include "target/proc.h"
#include "util/cleanup.h"

#define INSN(c, d, s, o, i)                                                         \
	{                                                                           \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) \
	}
#define CALL(helper)	   INSN(BPF_JMP | BPF_CALL, 0, 0, 0, helper)
#define MOV(d, s)	   INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define MOV_IMM(d, i)	   INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ADD_IMM(d, i)	   INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define STORE(w, d, o, s)  INSN(BPF_STX | BPF_MEM | (w), d, s, o, 0)
#define STORE_IMM(d, o, i) INSN(BPF_ST | BPF_MEM | BPF_W, d, 0, o, i)
#define LOAD_MAP(d, fd) \
	INSN(BPF_LD | BPF_IMM | BPF_DW, d, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

#define ENTRY_COOKIE  0x1234567890ULL
#define RETURN_COOKIE 0x1234567891ULL

/* Where a function's result is in the registers that a program is given. */
#ifdef __x86_64__
#define RESULT offsetof(struct user_regs_struct, rax)
#else
#define RESULT offsetof(struct user_regs_struct, regs)
#endif

/* What the program saw of a process; of all that are not in the map: of process 0. */
struct seen {
	uint64_t hits;
	uint64_t cookie;
	uint64_t result; /* the register for it */
};

static const pid_t others;
static int exe = -1;
static int map = -1;
static int prog = -1;
static struct mt_shared *shared;

static int load_program(void)
{
	const struct bpf_insn insns[] = {
		MOV(BPF_REG_6, BPF_REG_1),
		CALL(BPF_FUNC_get_current_pid_tgid),
		INSN(BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_0, 0, 0, 32),
		STORE(BPF_W, BPF_REG_10, -4, BPF_REG_0),
		LOAD_MAP(BPF_REG_1, map),
		MOV(BPF_REG_2, BPF_REG_10),
		ADD_IMM(BPF_REG_2, -4),
		CALL(BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 7, 0),
		STORE_IMM(BPF_REG_10, -4, 0),
		LOAD_MAP(BPF_REG_1, map),
		MOV(BPF_REG_2, BPF_REG_10),
		ADD_IMM(BPF_REG_2, -4),
		CALL(BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 8, 0),
		MOV(BPF_REG_7, BPF_REG_0),
		MOV_IMM(BPF_REG_1, 1),
		INSN(BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_7, BPF_REG_1, 0, BPF_ADD),
		MOV(BPF_REG_1, BPF_REG_6),
		CALL(BPF_FUNC_get_attach_cookie),
		STORE(BPF_DW, BPF_REG_7, offsetof(struct seen, cookie), BPF_REG_0),
		INSN(BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_0, BPF_REG_6, RESULT, 0),
		STORE(BPF_DW, BPF_REG_7, offsetof(struct seen, result), BPF_REG_0),
		MOV_IMM(BPF_REG_0, 0),
		EXIT,
	};

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "mt_test", "GPL", insns, ARRAY_SIZE(insns),
			     NULL);
}

static struct seen seen(pid_t pid)
{
	struct seen s;

	assert_int_equal(bpf_map_lookup_elem(map, &pid, &s), 0);
	return s;
}

/* How often the program ran for the process in one call of the function. */
static uint64_t hits(const struct process *p)
{
	uint64_t before = seen(p->pid).hits;

	process_do(p, 'c');
	return seen(p->pid).hits - before;
}

/* ---- the tests ---------------------------------------------------------------------------- */

static struct process a, b, c;
static pid_t rivals;

static int open_for(pid_t tid, bool is_return)
{
	struct mt_shared_probe probe = {
		.file_fd = exe,
		.offset = probed_offset,
		.is_return = is_return,
		.prog_fd = prog,
		.cookie = is_return ? RETURN_COOKIE : ENTRY_COOKIE,
	};

	return mt_shared_open(shared, &probe, tid);
}

static int open_entry(const struct process *p)
{
	int event = open_for(p->pid, false);

	assert_true(event >= 0);
	return event;
}

/* As the next recorder does when it starts. */
static void sweep(void)
{
	struct mt_shared *next = NULL;

	assert_int_equal(mt_shared_new(&next), 0);
	mt_shared_free(&next);
}

/* Beside every test others start all the time. */
static pid_t start_rivals(void)
{
	struct mt_shared *theirs = NULL;
	pid_t pid = mt_child_fork();

	assert_true(pid >= 0);
	while (!pid) {
		mt_shared_new(&theirs);
		mt_shared_free(&theirs);
	}
	return pid;
}

/* How many definitions there are in the group of `owner`. */
static size_t defined(pid_t owner)
{
	_close_ int tracefs = mt_tracefs_open(false);
	_fclose_ FILE *f = fdopen(openat(tracefs, "uprobe_events", O_RDONLY | O_CLOEXEC), "r");
	_free_ char *line = NULL;
	size_t size = 0, nr = 0;
	char group[32];

	snprintf(group, sizeof(group), ":memtide_%d_", owner);
	assert_non_null(f);
	while (getline(&line, &size, f) > 0)
		nr += strstr(line, group) == line + 1;
	return nr;
}

static int setup(void **state)
{
	struct seen none = { 0 };

	bpf_map_update_elem(map, &others, &none, BPF_ANY);
	process_start(&a);
	process_start(&b);
	process_start(&c);
	bpf_map_update_elem(map, &a.pid, &none, BPF_ANY);
	bpf_map_update_elem(map, &b.pid, &none, BPF_ANY);
	bpf_map_update_elem(map, &c.pid, &none, BPF_ANY);
	rivals = start_rivals();
	return mt_shared_new(&shared);
}

static int teardown(void **state)
{
	bool clean = process_is_clean(&c);

	kill(rivals, SIGKILL);
	mt_child_wait(rivals);
	process_end(&a);
	process_end(&b);
	process_end(&c);
	mt_shared_free(&shared);
	return clean && !defined(getpid()) ? 0 : -1;
}

static void test_two_processes(void **state)
{
	_close_ int ours = open_entry(&a);
	_close_ int theirs = open_entry(&b);

	assert_int_equal(defined(getpid()), 1);
	assert_int_equal(hits(&a), 1);
	assert_int_equal(hits(&b), 1);
	assert_int_equal(seen(b.pid).cookie, ENTRY_COOKIE);
	assert_false(process_is_clean(&a));
	assert_false(process_is_clean(&b));

	assert_int_equal(hits(&c), 0);
	call_probed();
	assert_int_equal(seen(others).hits, 0);
	assert_true(process_is_clean(&c));
	assert_true(is_clean());
}

static void test_returns(void **state)
{
	int exit_a = open_for(a.pid, true), enter_a;
	_close_ int exit_b = open_for(b.pid, true);

	assert_true(exit_a >= 0 && exit_b >= 0);
	assert_int_equal(hits(&a), 1);
	assert_int_equal(seen(a.pid).cookie, RETURN_COOKIE);
	assert_int_equal((int)seen(a.pid).result, RESULT_OF_CALL);
	enter_a = open_entry(&a);
	assert_int_equal(defined(getpid()), 2);
	assert_int_equal(hits(&a), 2);
	assert_int_equal(hits(&b), 1);
	close(enter_a);
	close(exit_a);
	assert_int_equal(hits(&a), 0);
	assert_int_equal(hits(&b), 1);
	assert_true(process_is_clean(&a));
}

/* Whichever was first: the program is attached to neither's. */
static void test_close_one(void **state)
{
	int first = open_entry(&a), second = open_entry(&b);

	close(first);
	assert_true(process_is_clean(&a));
	assert_int_equal(hits(&a), 0);
	assert_int_equal(hits(&b), 1);

	first = open_entry(&a);
	assert_int_equal(hits(&a), 1);
	close(second);
	assert_true(process_is_clean(&b));
	assert_int_equal(hits(&a), 1);
	assert_int_equal(hits(&b), 0);

	close(first);
	assert_true(process_is_clean(&a));
	first = open_entry(&b);
	assert_int_equal(hits(&b), 1);
	close(first);
	assert_int_equal(defined(getpid()), 1);
}

static void test_first_process_ends(void **state)
{
	int first = open_entry(&a);
	_close_ int second = open_entry(&b);

	process_end(&a);
	assert_int_equal(hits(&b), 1);
	close(first);
	assert_int_equal(hits(&b), 1);
}

static void test_refused(void **state)
{
	_close_ int first = open_entry(&a);
	pid_t gone = b.pid;
	struct mt_shared_probe other = {
		.file_fd = exe,
		.offset = probed_offset,
		.prog_fd = prog,
		.cookie = ENTRY_COOKIE + 1,
	};

	assert_int_equal(mt_shared_open(shared, &other, b.pid), -EINVAL);
	process_end(&b);
	assert_int_equal(open_for(gone, false), -ESRCH);
	/* What cannot be attached leaves no definition. */
	other.offset++;
	other.prog_fd = map;
	assert_true(mt_shared_open(shared, &other, a.pid) < 0);
	assert_int_equal(defined(getpid()), 1);
}

/* A recorder that may not write to tracefs can record, without this. */
static void test_unprivileged(void **state)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		shared = NULL;
		_exit(setuid(65534) || mt_shared_new(&shared) || open_for(a.pid, false) != -EPERM);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_children(void **state)
{
	_close_ int event = open_entry(&a);

	assert_int_equal(process_do(&a, 'f'), 'd');
	assert_int_equal(seen(others).hits, 0);
	assert_int_equal(seen(a.pid).hits, 0);

	process_do(&a, 'v');
	assert_int_equal(seen(others).hits, 1);
	assert_int_equal(hits(&a), 1);
}

static void test_exec(void **state)
{
	int event = open_entry(&a), again;

	assert_int_equal(process_do(&a, 'e'), 's');
	assert_int_equal(hits(&a), 1);

	assert_int_equal(process_do(&a, 't'), 's');
	assert_int_equal(hits(&a), 0);
	again = open_entry(&a);
	assert_int_equal(hits(&a), 1);
	close(event);
	assert_int_equal(hits(&a), 1);
	close(again);
	assert_int_equal(hits(&a), 0);
}

static void test_main_thread_ends(void **state)
{
	int event = open_entry(&a);
	_close_ int again = -1;
	pid_t *tids = NULL;
	size_t nr = 0;

	assert_int_equal(process_do(&a, 'm'), 's');
	assert_int_equal(hits(&a), 0);
	assert_int_equal(open_for(a.pid, false), -ESRCH);

	assert_int_equal(mt_proc_tids(a.pid, &tids, &nr), 0);
	assert_int_equal(nr, 2);
	again = open_for(tids[0] == a.pid ? tids[1] : tids[0], false);
	free(tids);
	assert_true(again >= 0);
	assert_int_equal(hits(&a), 1);
	close(event);
	assert_int_equal(hits(&a), 1);
}

/* Defines an event by hand ('p'), or removes it ('-'). */
static void tell(int tracefs, char what, const char *name)
{
	_close_ int fd = openat(tracefs, "uprobe_events", O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_true(dprintf(fd, what == 'p' ? "p:%s /proc/self/fd/%d:0x%llx\n" : "-:%s\n", name,
			    exe, (unsigned long long)probed_offset) > 0);
}

/* Uses an event; negative where it is not defined. */
static int use(int tracefs, const char *name)
{
	unsigned int id = 0;
	int err = mt_perf_tracepoint_id(tracefs, name, &id);

	return err ?: mt_perf_tracepoint_open_task(id, a.pid);
}

/* Starts recording and stops; then it has defined the entry as e0 and the return as e1. */
static pid_t start_recorder(void)
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (!pid) {
		shared = NULL;
		if (mt_shared_new(&shared) || open_for(a.pid, false) < 0 ||
		    open_for(a.pid, true) < 0 || process_is_clean(&a))
			_exit(1);
		raise(SIGSTOP);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	return pid;
}

/* A recorder that is killed leaves no breakpoint; its definitions the next one removes. */
static void test_killed(void **state)
{
	_close_ int tracefs = mt_tracefs_open(false), event = open_entry(&b);
	pid_t pid = start_recorder();
	struct mt_proc_stat stat;
	int uses[2];

	assert_int_equal(mt_proc_stat(pid, &stat), 0);
	for (int i = 0; i < 2; i++) { /* else the rivals are the next */
		char name[64];

		snprintf(name, sizeof(name), "memtide_%d_%llu/e%d", pid,
			 (unsigned long long)stat.start_ns, i);
		uses[i] = use(tracefs, name);
		assert_true(uses[i] >= 0);
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	sweep();
	assert_int_equal(defined(pid), 2);

	close(uses[0]);
	close(uses[1]);
	assert_true(process_is_clean(&a));
	assert_int_equal(hits(&a), 0);
	sweep();
	assert_int_equal(defined(pid), 0);
	assert_int_equal(defined(getpid()), 1);
	assert_int_equal(hits(&b), 1);
}

/* What is in use stays, even if its owner is believed dead, as one in another namespace is. */
static void test_in_use(void **state)
{
	_close_ int tracefs = mt_tracefs_open(true);
	int event = -1;
	char name[64];

	snprintf(name, sizeof(name), "memtide_%d_1/e0", getpid());
	for (int tries = 0; tries < 1000 && event < 0; tries++) { /* a rival may be faster */
		tell(tracefs, 'p', name);
		event = use(tracefs, name);
	}
	assert_true(event >= 0);
	sweep();
	assert_int_equal(defined(getpid()), 1);
	close(event);
	sweep();
	assert_int_equal(defined(getpid()), 0);
}

/* What has a living owner stays, even if it is not in use yet; and what is another tool's. */
static void test_owned(void **state)
{
	_close_ int tracefs = mt_tracefs_open(true);
	struct mt_proc_stat stat;
	siginfo_t info;
	char name[64];

	assert_int_equal(mt_proc_stat(a.pid, &stat), 0);
	snprintf(name, sizeof(name), "memtide_%d_%llu/e0", a.pid,
		 (unsigned long long)stat.start_ns);
	tell(tracefs, 'p', name);
	snprintf(name, sizeof(name), "memtide_%d_other/e0", a.pid);
	tell(tracefs, 'p', name);
	sweep();
	assert_int_equal(defined(a.pid), 2);

	tell(tracefs, '-', name);
	kill(a.pid, SIGKILL);
	/* A zombie. */
	assert_int_equal(waitid(P_PID, (id_t)a.pid, &info, WEXITED | WNOWAIT), 0);
	sweep();
	assert_int_equal(defined(a.pid), 0);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_two_processes), TEST(test_returns),
		TEST(test_close_one),	  TEST(test_first_process_ends),
		TEST(test_refused),	  TEST(test_children),
		TEST(test_exec),	  TEST(test_main_thread_ends),
		TEST(test_killed),	  TEST(test_in_use),
		TEST(test_owned),	  TEST(test_unprivileged),
	};

	if (argc == 3) {
		commands = atoi(argv[1]);
		replies = atoi(argv[2]);
		serve(NULL);
	}
	if (geteuid()) {
		puts("only root may define uprobe events");
		return 77;
	}
	probed_init();
	exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	map = bpf_map_create(BPF_MAP_TYPE_HASH, "mt_test", sizeof(pid_t), sizeof(struct seen), 64,
			     NULL);
	prog = load_program();
	assert_true(exe >= 0 && map >= 0 && prog >= 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
