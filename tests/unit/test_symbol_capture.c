// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "capture/capture.h"
#include "elf_fixture.h"
#include "symbol/demangle.h"
#include "symbol/symbol.h"
#include "symbol/symbolizer.h"
#include "symbol/worker.h"
#include "target/locate.h"
#include "target/maps.h"
#include "target/perfmap.h"
#include "util/cleanup.h"

/* ---- the worker ----------------------------------------------------------------------- */

enum { QUESTIONS = 60, GROUP = 10 };

struct interview {
	size_t answered;
	size_t named;
	size_t stop_at;
};

static size_t interview_group(void *arg, size_t question)
{
	return question / GROUP;
}

/* The fifth group has no file. */
static int interview_open(void *arg, size_t question, int fds[MT_WORKER_FILES])
{
	assert_int_equal(question % GROUP, 0);
	return question == 40 ? -ENOENT : 0;
}

/* Dies in three of six groups: at the first question, in the middle, at the last. */
static int interview_ask(void *arg, size_t question, struct mt_symbol_stack *answer)
{
	static char name[MT_SYMBOL_NAME_MAX + 4];

	switch (question) {
	case 10:
		__builtin_trap();
	case 34:
		for (;;) /* it has so much of the CPU's time and no more */
			asm volatile("");
	case 59:
		return -ENOMEM;
	}
	memset(name, 'a' + (int)(question % 26), sizeof(name) - 1);
	assert_int_equal(answer->nr, 1);
	answer->nr = 1 + question % MT_SYMBOL_DEPTH;
	for (size_t i = 0; i < answer->nr; i++)
		answer->frames[i] = (struct mt_symbol){
			.function = (question + i) % 2 ? name : NULL,
			.file = (question + i) % 3 ? "" : "file",
			.line = (uint32_t)(question + i),
		};
	return 0;
}

static void check_interview_frame(const struct mt_symbol *f, size_t question, size_t depth)
{
	assert_int_equal(f->line, question + depth);
	assert_string_equal(f->file, (question + depth) % 3 ? "" : "file");
	assert_true(!f->function == !((question + depth) % 2));
	if (f->function) {
		assert_int_equal(strlen(f->function), MT_SYMBOL_NAME_MAX + 3);
		assert_int_equal(f->function[MT_SYMBOL_NAME_MAX], 'a' + question % 26);
	}
}

static int interview_put(void *arg, size_t question, const struct mt_symbol_stack *answer)
{
	const bool lost = (question >= 10 && question < 20) || (question >= 34 && question < 50) ||
			  question == 59;
	const struct mt_symbol *first = &answer->frames[0];
	struct interview *i = arg;

	assert_int_equal(question, i->answered++);
	if (question == i->stop_at)
		return -ENOSPC;
	/* What a child has answered of the group that it dies in may be lost too. */
	if (lost || (!first->line && question)) {
		assert_true(lost || question / GROUP == 3 || question / GROUP == 5);
		assert_int_equal(answer->nr, 1);
		assert_null(first->function);
		assert_null(first->file);
		return 0;
	}
	i->named++;
	assert_int_equal(answer->nr, 1 + question % MT_SYMBOL_DEPTH);
	for (size_t depth = 0; depth < answer->nr; depth++)
		check_interview_frame(&answer->frames[depth], question, depth);
	return 0;
}

static const struct mt_worker_ops interview_ops = {
	.group = interview_group,
	.open = interview_open,
	.ask = interview_ask,
	.put = interview_put,
};

static void test_worker_that_dies(void **state)
{
	struct interview i = { .stop_at = SIZE_MAX };

	assert_int_equal(mt_worker_run(&interview_ops, &i, QUESTIONS), 0);
	assert_int_equal(i.answered, QUESTIONS);
	assert_true(i.named >= 20);
}

/* ---- what a worker cannot do ---------------------------------------------------------- */

enum { STEP = 64 << 20 };

struct prisoner {
	int given;  /* what it was opened */
	int others; /* a descriptor of the caller's */
	uint32_t line;
};

static size_t prisoner_group(void *arg, size_t question)
{
	return 0;
}

static int prisoner_open(void *arg, size_t question, int fds[MT_WORKER_FILES])
{
	fds[1] = ((struct prisoner *)arg)->given;
	return 0;
}

static bool refused(long ret, int why)
{
	return ret == -1 && errno == why;
}

/* The number of the first thing that was allowed and should not be, or the reverse; 0: none. */
static int try_to_escape(struct prisoner *p)
{
	const pid_t parent = getppid();
	char byte;

	if (pread(p->given, &byte, 1, 0) != 1)
		return 1;
	if (!refused(write(p->others, "x", 1), EBADF))
		return 2;
	if (!refused(open("/dev/null", O_RDONLY | O_CLOEXEC), EPERM))
		return 3;
	if (!refused(syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0), EPERM))
		return 4;
	if (!refused(syscall(SYS_kill, parent, 0), EPERM))
		return 5;
	if (!refused(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL), EPERM))
		return 6;
	if (!refused(syscall(SYS_ptrace, PTRACE_SEIZE, parent, NULL, NULL), EPERM))
		return 7;
	if (!refused(syscall(SYS_bpf, 0, NULL, 0), EPERM))
		return 8;
	if (!refused(syscall(SYS_prlimit64, 0, RLIMIT_CPU, NULL, NULL), EPERM))
		return 9;
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, p->given, 0) != MAP_FAILED)
		return 10;
	return 0;
}

/* Takes all the memory it can get. */
static uint32_t steps_until_full(void)
{
	uint32_t steps = 0;

	while (steps < 100 && mmap(NULL, STEP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				   -1, 0) != MAP_FAILED)
		steps++;
	return steps;
}

static int prisoner_ask(void *arg, size_t question, struct mt_symbol_stack *answer)
{
	answer->frames[0].line = question ? steps_until_full() : (uint32_t)try_to_escape(arg);
	answer->frames[0].function = "answered";
	return 0;
}

static int prisoner_put(void *arg, size_t question, const struct mt_symbol_stack *answer)
{
	assert_string_equal(answer->frames[0].function, "answered");
	if (question)
		assert_in_range(answer->frames[0].line, 4, (512 << 20) / STEP);
	else
		assert_int_equal(answer->frames[0].line, 0);
	return 0;
}

static void test_worker_is_confined(void **state)
{
	static const struct mt_worker_ops ops = { .group = prisoner_group,
						  .open = prisoner_open,
						  .ask = prisoner_ask,
						  .put = prisoner_put };
	_close_ int given = fixture_open(FIXTURE_LIBC), others = fixture_open(FIXTURE_LIBC);
	struct prisoner p = { .given = given, .others = others };

	assert_int_equal(mt_worker_run(&ops, &p, 2), 0);
}

/* ---- a file that is not there when it is read ----------------------------------------- */

static int waiting_open(void *arg, size_t question, int fds[MT_WORKER_FILES])
{
	fds[0] = *(int *)arg;
	return 0;
}

static int waiting_ask(void *arg, size_t question, struct mt_symbol_stack *answer)
{
	char byte;

	answer->frames[0].function = "read";
	return (int)read(*(int *)arg, &byte, 1);
}

static int waiting_put(void *arg, size_t question, const struct mt_symbol_stack *answer)
{
	assert_null(answer->frames[0].function);
	return 0;
}

/* It uses no CPU; and the caller's own signal mask must not keep a worker alive. */
static void test_worker_that_waits(void **state)
{
	static const struct mt_worker_ops ops = { .group = prisoner_group,
						  .open = waiting_open,
						  .ask = waiting_ask,
						  .put = waiting_put };
	sigset_t alarms;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarms, NULL);
	assert_int_equal(mt_worker_run(&ops, &ends[0], 1), 0);
	sigprocmask(SIG_UNBLOCK, &alarms, NULL);
	close(ends[0]);
	close(ends[1]);
}

static void test_worker_that_is_not_heard(void **state)
{
	struct interview i = { .stop_at = 5 };

	assert_int_equal(mt_worker_run(&interview_ops, &i, QUESTIONS), -ENOSPC);
	assert_int_equal(i.answered, 6);
	i = (struct interview){ .stop_at = 12 };
	assert_int_equal(mt_worker_run(&interview_ops, &i, QUESTIONS), -ENOSPC);
	assert_int_equal(i.answered, 13);
	i = (struct interview){ .stop_at = 0 };
	assert_int_equal(mt_worker_run(&interview_ops, &i, 0), 0);
	assert_int_equal(i.answered, 0);
}

/* ---- a capture ------------------------------------------------------------------------ */

/* `first` ends with a call that does not return: its return address is `second`'s. */
static const char twins_source[] = "asm(\".text\\n.globl first\\n.globl second\\n\"\n"
				   "    \".type first,@function\\n.type second,@function\\n\"\n"
				   "    \"first: .skip 16, 0x90\\n.size first,16\\n\"\n"
				   "    \"second: .skip 16, 0x90\\n.size second,16\\n\");\n";

struct row {
	uint32_t process;
	uint64_t address;
	const char *function;
	const char *module;
	uint64_t offset;
};

struct expected {
	const struct row *rows;
	size_t nr;
	size_t seen;
};

static int check_row(const struct mt_symbol_row *row, void *arg)
{
	struct expected *e = arg;
	const struct row *r = &e->rows[e->seen++];

	assert_true(e->seen <= e->nr);
	assert_int_equal(row->process, r->process);
	assert_int_equal(row->address, r->address);
	assert_int_equal(row->depth, 0);
	assert_false(row->inlined);
	assert_int_equal(row->offset, r->offset);
	assert_true(!row->function == !r->function);
	assert_true(!row->module == !r->module);
	if (r->function)
		assert_string_equal(row->function, r->function);
	if (r->module)
		assert_string_equal(row->module, r->module);
	assert_null(row->file);
	assert_int_equal(row->line, 0);
	return 0;
}

static void expect_rows(struct mt_capture *c, const struct row *rows, size_t nr)
{
	struct expected e = { .rows = rows, .nr = nr };

	assert_int_equal(mt_capture_each_symbol(c, check_row, &e), 0);
	assert_int_equal(e.seen, nr);
}

static void put_stack(struct mt_capture *c, uint64_t id, uint64_t a, uint64_t b)
{
	const uint64_t frames[] = { a, b };

	assert_int_equal(mt_capture_put_stack(
				 c, &(struct mt_stack_row){ .id = id, .frames = frames, .nr = 2 }),
			 0);
}

static void put_module(struct mt_capture *c, uint32_t process, uint64_t start, const char *path,
		       const char *build_id)
{
	const struct mt_module_row row = { .process = process,
					   .start = start,
					   .end = start + 0x100000,
					   .file_offset = 0,
					   .path = path,
					   .build_id = build_id };

	assert_int_equal(mt_capture_put_module(c, &row), 0);
}

static void put_process(struct mt_capture *c, uint32_t id)
{
	const struct mt_process_row row = {
		.id = id, .comm = "x", .ended = "exit", .since = "start", .peak_rss_kind = "kernel"
	};

	assert_int_equal(mt_capture_put_process(c, &row), 0);
}

static struct mt_capture *new_capture(void)
{
	struct mt_capture *c = NULL;

	assert_int_equal(mt_capture_create(&c, fixture_path("capture"), true), 0);
	assert_int_equal(mt_capture_begin(c), 0);
	put_process(c, 1);
	put_process(c, 2);
	return c;
}

static void test_resolves_a_capture(void **state)
{
	__cleanup(mt_capture_free) struct mt_capture *c = new_capture();
	const struct mt_site_row site = { .process = 1, .stack = 11, .kind = "malloc" };
	const struct mt_site_row site2 = { .process = 2, .stack = 11, .kind = "calloc" };
	const struct mt_map_site_row map_site = { .process = 1, .stack = 12, .kind = "mmap" };
	const struct mt_fault_site_row fault_site = { .process = 2, .stack = 16, .class = "anon" };
	const struct mt_spawn_row spawn = { .process = 2, .stack = 13 };
	const struct mt_spawn_row spawn2 = { .process = 2, .stack = 15 };
	uint64_t first;
	char path[PATH_MAX];

	fixture_compile("twins.so", twins_source,
			"-shared -fPIC -nostdlib -Wl,--build-id=0x01020304");
	first = fixture_offset("twins.so", "first");
	strcpy(path, fixture_path("twins.so"));
	put_module(c, 1, 0x10000000, path, "01020304");
	put_module(c, 1, 0x30000000, path, "ffffffff"); /* replaced since */
	put_module(c, 2, 0x20000000, path, "01020304");
	put_module(c, 2, 0x10000000, "[vdso]", NULL);
	/* Process 2 has another module at process 1's address. */
	put_stack(c, 11, 0x10000000 + first + 16, 0x20000000 + first + 17);
	put_stack(c, 12, 0x10000000 + first + 8, 0x30000000 + first + 8);
	put_stack(c, 13, 0x20000000 + first + 16, 0x10);
	put_stack(c, 15, 0x10100000, 0x10000000); /* at the end of a module; before its first */
	put_stack(c, 14, 0x10000000, 0x20000000); /* nobody's */
	put_stack(c, 16, 0x20000000 + first + 18, 0x10);
	assert_int_equal(mt_capture_put_site(c, &site), 0);
	assert_int_equal(mt_capture_put_site(c, &site2), 0);
	assert_int_equal(mt_capture_put_map_site(c, &map_site), 0);
	assert_int_equal(mt_capture_put_fault_site(c, &fault_site), 0);
	assert_int_equal(mt_capture_put_spawn(c, &spawn), 0);
	assert_int_equal(mt_capture_put_spawn(c, &spawn2), 0);
	assert_int_equal(mt_capture_commit(c), 0);

	for (int again = 0; again < 2; again++) {
		const struct row rows[] = {
			{ 1, 0x10000000 + first + 8, "first", path, first + 8 },
			{ 1, 0x10000000 + first + 16, "first", path, first + 16 },
			{ 1, 0x20000000 + first + 17, NULL, NULL, 0 },
			{ 1, 0x30000000 + first + 8, NULL, path, first + 8 },
			{ 2, 0x10, NULL, NULL, 0 },
			{ 2, 0x10000000, NULL, NULL, 0 },
			{ 2, 0x10000000 + first + 16, NULL, "[vdso]", first + 16 },
			{ 2, 0x10100000, NULL, "[vdso]", 0x100000 },
			{ 2, 0x20000000 + first + 16, "first", path, first + 16 },
			{ 2, 0x20000000 + first + 17, "second", path, first + 17 },
			{ 2, 0x20000000 + first + 18, "second", path, first + 18 },
		};

		assert_int_equal(mt_symbol_resolve_capture(c, NULL, NULL, 0), 0);
		expect_rows(c, rows, ARRAY_SIZE(rows));
	}
}

static int check_depth(const struct mt_symbol_row *row, void *arg)
{
	static const char *const functions[] = { "in", "middle", "main" };
	uint32_t *depth = arg;

	assert_in_range(*depth, 0, 2);
	assert_int_equal(row->depth, *depth);
	assert_int_equal(row->inlined, *depth < 2);
	assert_string_equal(row->function, functions[*depth]);
	assert_int_equal(row->line, 1 + *depth);
	assert_int_equal(row->address - row->offset, 0x10000000);
	++*depth;
	return 0;
}

/* One address, three functions: three rows. */
static void test_resolves_inlined_functions(void **state)
{
	static const char source[] =
		"static inline void in(void) { asm volatile(\"nop;nop;nop;nop\"); }\n"
		"static inline void middle(void) { in(); }\n"
		"int main(void) { middle(); return 0; }\n";
	__cleanup(mt_capture_free) struct mt_capture *c = new_capture();
	const struct mt_site_row site = { .process = 1, .stack = 11, .kind = "malloc" };
	uint64_t frame;
	const struct mt_stack_row stack = { .id = 11, .frames = &frame, .nr = 1 };
	uint32_t depths = 0;
	char path[PATH_MAX];

	fixture_compile("inlined", source, "-O2 -g -Wl,--build-id=0x01020304");
	strcpy(path, fixture_path("inlined"));
	put_module(c, 1, 0x10000000, path, "01020304");
	frame = 0x10000000 + fixture_offset("inlined", "main") + 3;
	assert_int_equal(mt_capture_put_stack(c, &stack), 0);
	assert_int_equal(mt_capture_put_site(c, &site), 0);
	assert_int_equal(mt_capture_commit(c), 0);
	assert_int_equal(mt_symbol_resolve_capture(c, NULL, NULL, 0), 0);
	assert_int_equal(mt_capture_each_symbol(c, check_depth, &depths), 0);
	assert_int_equal(depths, 3);
}

/* The file is gone by its name; the recorder had it open. */
static void test_resolves_deleted_files(void **state)
{
	__cleanup(mt_locator_free) struct mt_locator *l = NULL;
	__cleanup(mt_maps_free) struct mt_maps *maps = NULL;
	__cleanup(mt_capture_free) struct mt_capture *c = NULL;
	const struct mt_site_row site = { .process = 1, .stack = 11, .kind = "malloc" };
	const struct mt_probe_target *t;
	_close_ int fd = -1;
	char path[PATH_MAX];
	uint64_t first;
	void *at;

	fixture_compile("gone.so", twins_source, "-shared -fPIC -nostdlib -Wl,--build-id=none");
	first = fixture_offset("gone.so", "first");
	strcpy(path, fixture_path("gone.so"));
	fd = fixture_open("gone.so");
	at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	assert_int_equal(mt_locator_new(&l), 0);
	assert_int_equal(mt_maps_load(&maps, getpid()), 0);
	assert_int_equal(mt_locator_open(l, getpid(), mt_maps_find(maps, (uintptr_t)at), &t), 0);
	unlink(path);

	for (int held = 0; held < 2; held++) {
		const struct row rows[] = {
			{ 1, 0x10, NULL, NULL, 0 },
			{ 1, 0x10000000 + first + 4, held ? "first" : NULL, path, first + 4 },
		};

		mt_capture_free(&c);
		c = new_capture();
		put_module(c, 1, 0x10000000, path, NULL);
		put_stack(c, 11, 0x10000000 + first + 4, 0x10);
		assert_int_equal(mt_capture_put_site(c, &site), 0);
		assert_int_equal(mt_capture_commit(c), 0);
		assert_int_equal(mt_symbol_resolve_capture(c, held ? l : NULL, NULL, 0), 0);
		expect_rows(c, rows, ARRAY_SIZE(rows));
	}
	munmap(at, 4096);
}

static int check_line(const struct mt_symbol_row *row, void *arg)
{
	size_t *rows = arg;

	assert_string_equal(row->function, "hidden");
	assert_non_null(row->file);
	assert_string_equal(strrchr(row->file, '/'), "/linked.so.c");
	assert_int_equal(row->line, 1);
	++*rows;
	return 0;
}

/* Stripped, and what was stripped lies beside it under the name that it gives. */
static void test_resolves_by_debug_file(void **state)
{
	static const char source[] = "static int __attribute__((used,noinline)) hidden(int x) "
				     "{ return x + 1; }\n";
	__cleanup(mt_locator_free) struct mt_locator *l = NULL;
	__cleanup(mt_maps_free) struct mt_maps *maps = NULL;
	__cleanup(mt_capture_free) struct mt_capture *c = new_capture();
	const struct mt_site_row site = { .process = 1, .stack = 11, .kind = "malloc" };
	const struct mt_probe_target *t;
	_close_ int fd = -1;
	size_t rows = 0;
	uint64_t at;
	void *code;

	fixture_compile("linked.so", source, "-g -shared -fPIC -nostdlib -Wl,--build-id=none");
	at = 0x10000000 + fixture_offset("linked.so", "hidden") + 1;
	fixture_run("objcopy --only-keep-debug linked.so linked.debug && strip linked.so && "
		    "objcopy --add-gnu-debuglink=linked.debug linked.so");
	fd = fixture_open("linked.so");
	code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	assert_int_equal(mt_locator_new(&l), 0);
	assert_int_equal(mt_maps_load(&maps, getpid()), 0);
	assert_int_equal(mt_locator_open(l, getpid(), mt_maps_find(maps, (uintptr_t)code), &t), 0);
	munmap(code, 4096);
	/* It was opened with the file. */
	fixture_run("rm linked.so linked.debug");

	put_module(c, 1, 0x10000000, t->path, NULL);
	put_stack(c, 11, at, at + 1);
	assert_int_equal(mt_capture_put_site(c, &site), 0);
	assert_int_equal(mt_capture_commit(c), 0);
	assert_int_equal(mt_symbol_resolve_capture(c, l, NULL, 0), 0);
	assert_int_equal(mt_capture_each_symbol(c, check_line, &rows), 0);
	assert_int_equal(rows, 2);
}

/* Each process has its own. */
static void test_resolves_by_perf_map(void **state)
{
	static const char text[] = "1000 20 first\n1020 20 second\n";
	__cleanup(mt_capture_free) struct mt_capture *c = new_capture();
	const struct mt_site_row sites[] = { { .process = 1, .stack = 11, .kind = "malloc" },
					     { .process = 2, .stack = 11, .kind = "malloc" },
					     { .process = 1, .stack = 12, .kind = "malloc" } };
	const struct row rows[] = {
		{ 1, 0x1020, "first", NULL, 0 }, { 1, 0x1021, "second", NULL, 0 },
		{ 1, 0x1041, NULL, NULL, 0 },	 { 1, 0x20001020, NULL, "[vdso]", 0x1020 },
		{ 2, 0x1020, NULL, NULL, 0 },	 { 2, 0x1021, NULL, NULL, 0 },
	};
	struct mt_perfmap map = { .process = 1 };
	_close_ int fd = -1;

	fixture_write("map", text, strlen(text));
	map.fd = fd = fixture_open("map");
	put_module(c, 1, 0x20000000, "[vdso]", NULL);
	put_stack(c, 11, 0x1020, 0x1021);
	put_stack(c, 12, 0x1041, 0x20001020);
	for (size_t i = 0; i < ARRAY_SIZE(sites); i++)
		assert_int_equal(mt_capture_put_site(c, &sites[i]), 0);
	assert_int_equal(mt_capture_commit(c), 0);
	assert_int_equal(mt_symbol_resolve_capture(c, NULL, &map, 1), 0);
	expect_rows(c, rows, ARRAY_SIZE(rows));
}

/* More frames than the set of addresses first has room for, each many times. */
static void test_resolves_many_frames(void **state)
{
	enum { STACKS = 3000, FRAMES = 100, DISTINCT = 5000 };
	__cleanup(mt_capture_free) struct mt_capture *c = new_capture();
	static struct row rows[DISTINCT];
	uint64_t frames[FRAMES];

	for (uint64_t id = 1; id <= STACKS; id++) {
		const struct mt_site_row site = { .process = 1, .stack = id, .kind = "malloc" };

		for (uint64_t i = 0; i < FRAMES; i++)
			frames[i] = 1 + (id * 7 + i * 61) % DISTINCT;
		assert_int_equal(mt_capture_put_stack(c, &(struct mt_stack_row){ .id = id,
										 .frames = frames,
										 .nr = FRAMES }),
				 0);
		assert_int_equal(mt_capture_put_site(c, &site), 0);
	}
	assert_int_equal(mt_capture_commit(c), 0);
	for (size_t i = 0; i < DISTINCT; i++)
		rows[i] = (struct row){ .process = 1, .address = i + 1 };
	assert_int_equal(mt_symbol_resolve_capture(c, NULL, NULL, 0), 0);
	expect_rows(c, rows, DISTINCT);
}

static int setup(void **state)
{
	fixture_new();
	return 0;
}

static int teardown(void **state)
{
	fixture_free();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worker_that_dies),
		cmocka_unit_test(test_worker_that_is_not_heard),
		cmocka_unit_test(test_worker_is_confined),
		cmocka_unit_test(test_worker_that_waits),
		cmocka_unit_test(test_resolves_a_capture),
		cmocka_unit_test(test_resolves_inlined_functions),
		cmocka_unit_test(test_resolves_deleted_files),
		cmocka_unit_test(test_resolves_by_debug_file),
		cmocka_unit_test(test_resolves_by_perf_map),
		cmocka_unit_test(test_resolves_many_frames),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
