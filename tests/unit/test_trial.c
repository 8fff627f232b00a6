// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * session/trial.c: places that are as good as the entry pass, every way not to be so is found,
 * nothing of the file's own doing gets out, and nothing is left behind.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "elf_fixture.h"

#include "session/closer.h"
#include "session/features.h"
#include "session/trial.h"
#include "target/allocator.h"
#include "target/elf.h"
#include "target/locate.h"
#include "util/clock.h"
#include "util/log.h"

#define RAX (MT_ARG_X86 + 0)
#define RSI (MT_ARG_X86 + 6)
#define RDI (MT_ARG_X86 + 7)

static bool multi; /* the kernel has uprobe_multi */

struct function {
	const char *name;
	const char *body; /* AT: the probe */
	bool good;	  /* it stays there; else it goes to the entry */
	struct mt_probe_site site;
	bool lost; /* nor does the entry do */
};

#define SIZE1 .size_arg = 1, .size_at = RDI, .result = MT_RESULT_RETURN

static const struct function functions[] = {
	{ "branch", "test %rdi,%rdi; AT je 1f; mov %rdi,%rax; 1: ret", true, { SIZE1 } },
	{ "taken", "test %rdi,%rdi; AT jne 1f; ud2; 1: ret", true, { SIZE1 } },
	{ "jump", "xor %ecx,%ecx; AT jmp 1f; ud2; 1: ret", true, { SIZE1 } },
	{ "called", "xor %ecx,%ecx; AT call 1f; 1: ret", true, { SIZE1 } },
	{ "stepped", "xor %ecx,%ecx; AT mov %rcx,%rdx; ret", true, { SIZE1 } },
	{ "next_faults", "xor %ecx,%ecx; AT nop; ud2", true, { SIZE1 } },
	{ "sized",
	  "test %rdi,%rdi; AT je 1f; 1: ret",
	  true,
	  { .block_arg = 1, .block_at = RDI, .size_arg = 2, .size_at = RSI } },
	{ "block", "mov (%rdi),%rax; AT push %rbx", true, { .block_arg = 1, .block_at = RDI } },
	{ "thread", "cmpb $0,(%rsi); AT jne 1f; 1: ret", true, { .result = MT_RESULT_RETURN } },
	{ "align",
	  "lea -1(%rdi),%rax; test %rax,%rdi; jne 1f; AT nop; 1: ret",
	  true,
	  { .size_arg = 2, .size_at = RSI, .result = MT_RESULT_RETURN } },
	{ "product",
	  "mov %rdi,%rax; mul %rsi; AT jo 1f; 1: ret",
	  true,
	  { .size_arg = 2,
	    .factor_arg = 1,
	    .size_at = RAX,
	    .factor_at = MT_ARG_ONE,
	    .result = MT_RESULT_RETURN } },
	{ "factors",
	  "mov %rdi,%rax; AT nop; ret",
	  true,
	  { .size_arg = 2, .factor_arg = 1, .size_at = RSI, .factor_at = RAX } },
	{ "local",
	  "mov %fs:0,%rax; mov (%rax),%rax; cmp %rax,%fs:0; jne 1f; AT nop; 1: ret",
	  true,
	  { SIZE1 } },
	{ "heap",
	  "mov %fs:8,%rax; mov 40(%rax,%rsi),%rax; mov 16(%rax),%rax; mov 64(%rdi),%rdi; mov "
	  "(%rdi),%rdi; AT nop",
	  true,
	  { .size_arg = 2, .size_at = RSI } },
	{ "zeroed", "cmpq $0,after+64(%rip); jne 1f; AT nop; 1: ret", true, { SIZE1 } },
	{ "far_zeroed", "cmpb $0,after+100000(%rip); jne 1f; AT nop; 1: ret", true, { SIZE1 } },
	{ "data", "cmpb $7,before(%rip); jne 1f; AT nop; 1: ret", true, { SIZE1 } },

	{ "lost", "xor %edi,%edi; AT nop; ret", false, { SIZE1 } },
	{ "halved", "mov %edi,%edi; AT nop; ret", false, { SIZE1 } },
	{ "block_lost", "inc %rdi; AT nop; ret", false, { .block_arg = 1, .block_at = RDI } },
	{ "not_a_product",
	  "mov %rdi,%rax; AT nop; ret",
	  false,
	  { .size_arg = 2, .factor_arg = 1, .size_at = RAX, .factor_at = MT_ARG_ONE } },
	{ "moved", "push %rax; AT push %rbx; ret", false, { SIZE1 } },
	{ "moved_entry", "push %rax; AT push %rbx; ret", false, { .size_arg = 1, .size_at = RDI } },
	{ "framed", "mov %rsp,%rbp; AT nop; ret", false, { SIZE1 } },
	{ "no_return", "movq $0,(%rsp); AT nop; ret", false, { SIZE1 }, true },
	{ "unreached", "jmp 1f; AT nop; 1: ret", false, { SIZE1 } },
	{ "small_only", "cmp $0x1000,%rdi; ja 1f; AT nop; 1: ret", false, { SIZE1 } },
	{ "far", ".rept 70; xor %ecx,%ecx; .endr; AT nop; ret", false, { SIZE1 } },
	{ "hangs", "1: jmp 1b; AT nop; ret", false, { SIZE1 } },
	{ "faults", "mov 0,%rax; AT nop; ret", false, { SIZE1 } },
	{ "undefined", "ud2; AT nop; ret", false, { SIZE1 } },
	/* getpid, and an old one by int 0x80 */
	{ "asks", "mov $39,%eax; syscall; AT nop; ret", false, { SIZE1 } },
	{ "asks_32", "mov $20,%eax; int $0x80; AT nop; ret", false, { SIZE1 } },
	/* One for small sizes only may well fault when the size is large. */
	{ "small", "lea before(%rip),%rax; mov (%rax,%rdi),%al; AT nop; ret", true, { SIZE1 } },
	/* Its segment is found by rounding a block's address down. */
	{ "segment",
	  "mov %rdi,%rax; and $-0x2000000,%rax; cmpb $0,(%rax); jne 1f; AT nop; 1: ret",
	  true,
	  { .block_arg = 1, .block_at = RDI } },
	/* At the entry: what is emulated or stepped, and faults then. */
	{ "entry", "AT push %rbx; pop %rbx; ret", true, { SIZE1 } },
	{ "entry_stepped", "AT test %rdi,%rdi; ret", true, { SIZE1 } },
	{ "entry_faults", "AT mov 0,%rax; ret", true, { SIZE1 } },
	{ "entry_block", "AT ret", true, { .block_arg = 1, .block_at = RDI } },
	/* And what the kernel refuses there, or here and there; or the site is wrong there. */
	{ "entry_refused", "AT lock incl (%rdi); ret", false, { SIZE1 }, true },
	{ "both_refused", "lock incl (%rdi); AT ds jmp 1f; 1: ret", false, { SIZE1 }, true },
	{ "behind_refused", "xor %ecx,%ecx; AT ds jmp 1f; 1: ret", false, { SIZE1 } },
	{ "entry_lost", "AT nop; ret", false, { .size_arg = 1, .size_at = RSI }, true },
	/* Still good after all those. */
	{ "last", "test %rdi,%rdi; AT je 1f; 1: ret", true, { SIZE1 } },
};

#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

static const char tail[] = ".data\nbefore: .byte 7\n.bss\nafter: .skip 200000\n"
			   ".section .note.GNU-stack\n";

/* ---- what is tried ---- */

static void write_function(FILE *f, const struct function *fn)
{
	const char *at = strstr(fn->body, "AT ");

	fprintf(f, ".globl %s, %s_at\n.type %s, @function\n.type %s_at, @function\n", fn->name,
		fn->name, fn->name, fn->name);
	fprintf(f, ".balign 16\n%s: %.*s\n%s_at: %s\n", fn->name, (int)(at - fn->body), fn->body,
		fn->name, at + strlen("AT "));
	fprintf(f, ".size %s, .-%s\n.size %s_at, .-%s_at\n", fn->name, fn->name, fn->name,
		fn->name);
}

static void assemble(const char *name, const struct function *list, size_t nr, const char *flags)
{
	char file[64];
	FILE *f;

	snprintf(file, sizeof(file), "%s.s", name);
	f = fopen(fixture_path(file), "we");
	fprintf(f, ".text\n");
	for (size_t i = 0; i < nr; i++)
		write_function(f, &list[i]);
	fprintf(f, "%s", tail);
	fclose(f);
	fixture_run("gcc -nostdlib -o %s %s %s", name, file, flags);
}

static struct mt_probe_site site_of(struct mt_elf *elf, const struct function *fn)
{
	struct mt_probe_site site = fn->site;
	uint64_t entry;
	char at[80];

	snprintf(site.function, sizeof(site.function), "%s", fn->name);
	snprintf(at, sizeof(at), "%s_at", fn->name);
	assert_int_equal(mt_elf_function(elf, fn->name, &entry), 0);
	assert_int_equal(mt_elf_function(elf, at, &site.file_offset), 0);
	site.function_offset = site.file_offset - entry;
	site.placement = MT_PLACEMENT_EMULATED;
	site.needs_trial = true;
	return site;
}

static int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Tries what is in the file; nobody and nothing is left. 0 or -errno. */
static int try_all(const char *name, const struct function *list, size_t nr, bool by_multi,
		   struct mt_probe_site *sites)
{
	struct mt_probe_target target = { .fd = fixture_open(name), .path = (char *)name };
	struct mt_trial_options options = { .multi = by_multi };
	struct mt_elf *elf = NULL;
	int before = count_fds(), err;

	assert_int_equal(mt_elf_new(&elf, target.fd), 0);
	for (size_t i = 0; i < nr; i++)
		sites[i] = site_of(elf, &list[i]);
	mt_elf_free(&elf);
	err = mt_trial_run(&target, sites, nr, &options);
	assert_int_equal(count_fds(), before);
	assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	close(target.fd);
	return err;
}

static void check_sites(const struct function *list, size_t nr, const struct mt_probe_site *sites)
{
	for (size_t i = 0; i < nr; i++) {
		bool at_entry = !strncmp(list[i].body, "AT", 2);

		if (!sites[i].function_offset != (at_entry || !list[i].good) ||
		    sites[i].refused != list[i].lost)
			fail_msg("%s: +%u%s", list[i].name, sites[i].function_offset,
				 sites[i].refused ? " is refused" : "");
		assert_false(sites[i].needs_trial);
	}
}

static void test_multi(void **state)
{
	struct mt_probe_site sites[FUNCTIONS];

	if (!multi) {
		print_message("skipped: no uprobe_multi\n");
		skip();
	}
	assemble("shared.so", functions, FUNCTIONS, "-shared");
	assert_int_equal(try_all("shared.so", functions, FUNCTIONS, true, sites), 0);
	check_sites(functions, FUNCTIONS, sites);
}

/* Some of them: closing a perf event takes 0.1 s and more on a new kernel. */
static void test_perf(void **state)
{
	struct function some[FUNCTIONS];
	struct mt_probe_site sites[FUNCTIONS];
	size_t nr = 0;

	for (size_t i = 0; i < FUNCTIONS; i += strncmp(functions[i].body, "AT", 2) ? 4 : 1)
		some[nr++] = functions[i];
	assemble("perf.so", some, nr, "-shared");
	assert_int_equal(try_all("perf.so", some, nr, false, sites), 0);
	check_sites(some, nr, sites);
}

/* A program that is not relocatable is tried where it belongs. */
static void test_fixed(void **state)
{
	struct mt_probe_site sites[FUNCTIONS];

	assemble("fixed", functions, FUNCTIONS, "-static -no-pie -Wl,-e,branch");
	assert_int_equal(try_all("fixed", functions, FUNCTIONS, multi, sites), 0);
	check_sites(functions, FUNCTIONS, sites);
}

/* Its return leads to where it never ends. */
#define HANG                                                                            \
	{                                                                               \
		"hang", "lea 1f(%rip),%rax; mov %rax,(%rsp); AT nop; 1: jmp 1b", false, \
		{                                                                       \
			SIZE1                                                           \
		}                                                                       \
	}

/* What was tried before stays, what comes after is not tried but at entries. */
static void test_hang(void **state)
{
	static const struct function list[] = {
		{ "good", "test %rdi,%rdi; AT je 1f; 1: ret", true, { SIZE1 } },
		HANG,
		{ "untried", "test %rdi,%rdi; AT je 1f; 1: ret", false, { SIZE1 } },
		{ "entry", "AT nop; ret", true, { SIZE1 } },
		{ "lost", "AT lock incl (%rdi); ret", false, { SIZE1 }, true },
	};
	struct mt_probe_site sites[5];
	int64_t from = mt_clock_ns();

	assemble("hang.so", list, 5, "-shared");
	assert_int_equal(try_all("hang.so", list, 5, multi, sites), 0);
	check_sites(list, 5, sites);
	assert_true(mt_clock_ns() - from < 5000000000LL);
}

/* ---- files that want to hurt ---- */

/* Whatever the headers say: an answer, and no more than refusals. */
static void test_damaged(void **state)
{
	unsigned char *bytes, was[64 + 10 * 56];
	size_t len;

	assemble("whole.so", functions, 2, "-shared");
	bytes = fixture_read("whole.so", &len);
	memcpy(was, bytes, sizeof(was));
	for (int i = 0; i < 60; i++) {
		struct mt_probe_site sites[2];
		struct mt_probe_target target = { .path = (char *)"damaged.so" };
		struct mt_trial_options options = { .multi = multi };
		struct mt_elf *elf = NULL;
		int fd = fixture_open("whole.so");

		assert_int_equal(mt_elf_new(&elf, fd), 0);
		for (int k = 0; k < 2; k++)
			sites[k] = site_of(elf, &functions[k]);
		mt_elf_free(&elf);
		close(fd);
		memcpy(bytes, was, sizeof(was));
		for (uint64_t k = 1 + fixture_random(8); k; k--)
			bytes[16 + fixture_random(sizeof(was) - 16)] = fixture_random(256);
		fixture_write("damaged.so", bytes, i % 4 ? len : fixture_random(len));
		target.fd = fixture_open("damaged.so");
		assert_true(mt_trial_run(&target, sites, 2, &options) <= 0);
		close(target.fd);
	}
	free(bytes);
	assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
}

/* ---- ends ---- */

static pid_t start_hang(void)
{
	static const struct function hang = HANG;
	struct mt_probe_site site;
	pid_t pid;

	assemble("hang.so", &hang, 1, "-shared");
	pid = fork();
	if (!pid) {
		try_all("hang.so", &hang, 1, multi, &site);
		_exit(0);
	}
	return pid;
}

static pid_t child_of(pid_t pid)
{
	char path[64];
	pid_t child = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "re");
	if (f && fscanf(f, "%d", &child) != 1)
		child = 0;
	if (f)
		fclose(f);
	return child;
}

/* kill -9 of the recorder takes the puppet along, even one that never stops. */
static void test_killed(void **state)
{
	pid_t pid, puppet = 0;
	int status;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid = start_hang();
	for (int i = 0; i < 500 && !(puppet = child_of(pid)); i++)
		usleep(1000);
	assert_true(puppet > 0);
	usleep(300000); /* it hangs by now */
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(waitpid(puppet, &status, 0), puppet);
	assert_int_equal(status, SIGKILL);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

/* Without privilege there is no trial, and the sites are as they were. */
static void test_unprivileged(void **state)
{
	struct mt_probe_site sites[2];
	int status;
	pid_t pid;

	assemble("plain.so", functions, 2, "-shared");
	pid = fork();
	if (!pid) {
		if (setgid(65534) || setuid(65534))
			_exit(1);
		_exit(try_all("plain.so", functions, 2, multi, sites) < 0 && sites[0].needs_trial &&
				      sites[1].needs_trial
			      ? 42
			      : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 42 << 8);
}

/* ---- real allocators ---- */

static const char *const libraries[] = {
	FIXTURE_LIBC,
	"/lib/x86_64-linux-gnu/libjemalloc.so.2",
	"/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4",
	"/lib/x86_64-linux-gnu/libmimalloc.so.2.0",
	"/lib/ld-musl-x86_64.so.1",
};

static void check_library(const char *path, struct mt_closer *closer)
{
	struct mt_trial_options options = { .multi = multi, .closer = closer };
	struct mt_probe_target target = { .fd = fixture_open(path), .path = (char *)path };
	static struct mt_allocator allocator; /* large */
	struct mt_elf *elf = NULL;
	size_t behind = 0;
	int64_t from;

	assert_int_equal(mt_elf_new(&elf, target.fd), 0);
	assert_int_equal(mt_allocator_recognise(elf, NULL, &allocator), 0);
	mt_elf_free(&elf);
	for (size_t i = 0; i < allocator.nr_sites; i++)
		behind += allocator.sites[i].function_offset > 0;
	from = mt_clock_ns();
	assert_int_equal(mt_trial_run(&target, allocator.sites, allocator.nr_sites, &options), 0);
	print_message("%s: %zu sites, %zu behind the entry, in %.1f ms\n", allocator.name,
		      allocator.nr_sites, behind, (mt_clock_ns() - from) / 1e6);
	for (size_t i = 0; i < allocator.nr_sites; i++) {
		assert_false(allocator.sites[i].needs_trial || allocator.sites[i].refused);
		behind -= allocator.sites[i].function_offset > 0;
	}
	assert_int_equal(behind, 0);
	close(target.fd);
}

static void test_libraries(void **state)
{
	struct mt_closer *closer = NULL;

	assert_int_equal(mt_closer_new(&closer), 0);
	mt_log_set_level(MT_LOG_VERBOSE);
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++)
		if (!access(libraries[i], R_OK))
			check_library(libraries[i], closer);
		else
			print_message("%s is not installed\n", libraries[i]);
	mt_log_set_level(MT_LOG_NORMAL);
	mt_closer_free(&closer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_multi),	     cmocka_unit_test(test_perf),
		cmocka_unit_test(test_fixed),	     cmocka_unit_test(test_hang),
		cmocka_unit_test(test_damaged),	     cmocka_unit_test(test_killed),
		cmocka_unit_test(test_unprivileged), cmocka_unit_test(test_libraries),
	};
	struct mt_features features;
	int failed;

	if (geteuid()) {
		printf("needs root\n");
		return 77;
	}
#ifndef __x86_64__
	printf("x86-64 only\n");
	return 77;
#endif
	mt_features_probe(&features);
	multi = features.uprobe_multi;
	fixture_new();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	fixture_free();
	return failed;
}
