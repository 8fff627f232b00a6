// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/wait.h>

#include "capture/capture.h"
#include "elf_fixture.h"
#include "symbol/demangle.h"
#include "symbol/symbol.h"
#include "symbol/symbolizer.h"
#include "target/elf.h"
#include "target/locate.h"
#include "target/maps.h"
#include "util/cleanup.h"

/* ---- names ---------------------------------------------------------------------------- */

static void expect_demangled(const char *name, const char *expected)
{
	_free_ char *shown = mt_symbol_demangle(name);

	assert_string_equal(shown, expected);
}

static void test_demangles(void **state)
{
	expect_demangled("_ZNSt6vectorIiSaIiEE9push_backERKi",
			 "std::vector<int, std::allocator<int> >::push_back(int const&)");
	expect_demangled("_Z3foov.constprop.0", "foo() [clone .constprop.0]");
	expect_demangled("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE",
			 "core::fmt::Write::write_fmt");
	expect_demangled("_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$"
			 "3bar17h930b740aa94f1d3aE",
			 "<Test + 'static as foo::Bar<Test>>::bar");
	expect_demangled("_RNvMsr_NtCs3ssYzQotkvD_3std4pathNtB5_7PathBuf3newCs15kBYyAo9fc_7mycrate",
			 "<std::path::PathBuf>::new");
	expect_demangled("malloc@@GLIBC_2.2.5", "malloc");
	expect_demangled("memcpy@GLIBC_2.2.5", "memcpy");
	expect_demangled("main", "main");
	expect_demangled("foo.cold", "foo.cold");
	expect_demangled("@odd", "@odd");
	expect_demangled("_Z", "_Z");
	expect_demangled("_ZN", "_ZN");
	expect_demangled("_R", "_R");
	expect_demangled("", "");
}

/* f(pair<int,int>, pair<T0,T0>, pair<T1,T1>, ...): each parameter is twice as long. */
static void test_bounds_what_explodes(void **state)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char name[1024] = "_Z1fSt4pairIiiE";
	_free_ char *shown = NULL;

	for (int i = 0; i < 36; i++)
		sprintf(name + strlen(name), "S_IS%c_S%c_E", digits[i], digits[i]);
	shown = mt_symbol_demangle(name);
	assert_int_equal(strncmp(shown, "f(std::pair<int, int>, ", 23), 0);
	assert_int_equal(strlen(shown), MT_SYMBOL_NAME_MAX + 3);
	assert_string_equal(shown + MT_SYMBOL_NAME_MAX, "...");
}

static void test_bounds_what_is_long(void **state)
{
	static char name[100000];
	_free_ char *shown = NULL, *exact = NULL;

	memset(name, 'x', sizeof(name) - 1);
	shown = mt_symbol_demangle(name);
	assert_int_equal(strlen(shown), MT_SYMBOL_NAME_MAX + 3);
	name[MT_SYMBOL_NAME_MAX] = '\0';
	exact = mt_symbol_demangle(name);
	assert_string_equal(exact, name);

	/* Not in the middle of a character. */
	name[MT_SYMBOL_NAME_MAX] = '\xa4';
	name[MT_SYMBOL_NAME_MAX - 1] = '\xc3';
	free(TAKE_PTR(shown));
	shown = mt_symbol_demangle(name);
	assert_int_equal(strlen(shown), MT_SYMBOL_NAME_MAX - 1 + 3);
	assert_string_equal(shown + MT_SYMBOL_NAME_MAX - 1, "...");
}

static void test_survives_any_name(void **state)
{
	static const char *const prefixes[] = { "_ZN", "_RNv", "_ZSt", "_RIN", "", "_Z1f" };
	static const char letters[] = "0123456789SsTtINREKPLFDpABCabc_$.uvwxyz";

	for (int i = 0; i < 20000; i++) {
		_free_ char *shown = NULL;
		char name[256];
		size_t len = (size_t)sprintf(name, "%s", prefixes[fixture_random(6)]);

		for (uint64_t n = fixture_random(200); n; n--)
			name[len++] = fixture_random(50)
					      ? letters[fixture_random(sizeof(letters) - 1)]
					      : (char)(1 + fixture_random(255));
		name[len] = '\0';
		shown = mt_symbol_demangle(name);
		assert_true(strlen(shown) <= MT_SYMBOL_NAME_MAX + 3);
	}
	/* Deeper than any recursion limit. */
	for (size_t kind = 0; kind < 3; kind++) {
		static char deep[4000];
		_free_ char *shown = NULL;

		memset(deep, "PNR"[kind], sizeof(deep) - 1);
		memcpy(deep, kind == 2 ? "_R" : "_Z1f", kind == 2 ? 2 : 4);
		shown = mt_symbol_demangle(deep);
		assert_non_null(shown);
	}
}

/* ---- one file ------------------------------------------------------------------------- */

static const char program_source[] =
	"#line 100 \"dir/program.c\"\n"
	"static int __attribute__((noinline)) hidden(int x)\n"
	"{\n"
	"	return x * 3;\n"
	"}\n"
	"int __attribute__((noinline)) shown(int x)\n"
	"{\n"
	"	return hidden(x) + 1;\n"
	"}\n"
	"#line 200 \"main.c\"\n"
	"int main(int argc, char **argv)\n"
	"{\n"
	"	return shown(argc);\n"
	"}\n";

/* A file and what is known of it. */
struct subject {
	int fd;
	struct mt_elf *elf;
	struct mt_symbolizer *symbolizer;
};

static struct subject subject_open(const char *name)
{
	struct subject s = { .fd = fixture_open(name) };

	assert_int_equal(mt_elf_new(&s.elf, s.fd), 0);
	assert_int_equal(mt_symbolizer_new(&s.symbolizer, s.fd), 0);
	return s;
}

static void subject_close(struct subject *s)
{
	mt_symbolizer_free(&s->symbolizer);
	mt_elf_free(&s->elf);
	close(s->fd);
}

static struct mt_symbol find(struct subject *s, uint64_t offset)
{
	struct mt_symbol symbol;

	assert_int_equal(mt_symbolizer_find(s->symbolizer, offset, &symbol), 0);
	return symbol;
}

static uint64_t offset_of(const char *name, const char *function)
{
	_close_ int fd = fixture_open(name);
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	uint64_t offset = 0;

	assert_int_equal(mt_elf_new(&elf, fd), 0);
	assert_int_equal(mt_elf_function(elf, function, &offset), 0);
	return offset;
}

static void expect_source(const char *name, const char *function, const char *file, uint32_t line)
{
	__cleanup(subject_close) struct subject s = subject_open(name);
	struct mt_symbol found = find(&s, offset_of(name, function) + 1);
	size_t tail = strlen(file);

	assert_string_equal(found.function, function);
	assert_non_null(found.file);
	assert_true(strlen(found.file) >= tail);
	assert_string_equal(found.file + strlen(found.file) - tail, file);
	assert_int_equal(found.line, line);
}

static void expect_program(const char *name)
{
	expect_source(name, "hidden", "dir/program.c", 101);
	expect_source(name, "shown", "dir/program.c", 105);
	expect_source(name, "main", "main.c", 201);
}

static void test_function_file_line(void **state)
{
	static const char *const flags[] = {
		"-g -O0 -pie -fPIE",	"-g -O0 -no-pie -fno-pie",
		"-gdwarf-4 -O0",	"-gdwarf-5 -O0 -gz=zlib",
		"-g -O0 -gsplit-dwarf", "-g -O0 -ffunction-sections -Wl,--gc-sections",
		"-g -O0 -shared -fPIC",
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		fixture_compile("program", program_source, flags[i]);
		expect_program("program");
	}
}

static void test_without_aranges(void **state)
{
	fixture_compile("program", program_source, "-g -O0");
	fixture_run("objcopy --remove-section .debug_aranges program bare");
	expect_program("bare");
}

/* Parts in a file that the program names are not looked for. */
static void test_alternative_debug_file(void **state)
{
	__cleanup(subject_close) struct subject s = { .fd = -1 };
	struct mt_symbol found;

	fixture_compile("program", program_source, "-g -O0");
	fixture_run("printf '/dev/zero\\0\\1\\2\\3\\4' > link && objcopy "
		    "--add-section .gnu_debugaltlink=link program linked");
	s = subject_open("linked");
	found = find(&s, offset_of("program", "main"));
	assert_string_equal(found.function, "main");
	assert_null(found.file);
	assert_int_equal(found.line, 0);
}

static void test_stripped(void **state)
{
	static const char source[] = "__attribute__((visibility(\"default\"))) int out(int x)\n"
				     "{ return x; }\n"
				     "static int __attribute__((noinline,used)) in(int x)\n"
				     "{ return x + 1; }\n";
	__cleanup(subject_close) struct subject s = { .fd = -1 };
	struct mt_symbol found;

	fixture_compile("whole.so", source, "-g -O0 -shared -fPIC -fno-toplevel-reorder");
	fixture_run("strip -o stripped.so whole.so");
	s = subject_open("stripped.so");
	found = find(&s, offset_of("whole.so", "out"));
	assert_string_equal(found.function, "out");
	assert_null(found.file);
	/* Beyond the end of `out`; a nearest-symbol lookup would lie here. */
	found = find(&s, offset_of("whole.so", "in"));
	assert_null(found.function);
	assert_null(found.file);
	found = find(&s, 1ULL << 40);
	assert_null(found.function);
	found = find(&s, UINT64_MAX);
	assert_null(found.function);
}

static void test_which_name(void **state)
{
	static const char source[] =
		"asm(\".text\\n.globl __a_alias\\n.weak a\\n.globl big\\n\"\n"
		"    \".type __a_alias,@function\\n.type a,@function\\n.type big,@function\\n\"\n"
		"    \".globl a_longer\\n.type a_longer,@function\\n\"\n"
		"    \"__a_alias: a: a_longer: .skip 8, 0x90\\n\"\n"
		"    \".size a,8\\n.size __a_alias,8\\n.size a_longer,8\\n\"\n"
		"    \"big: .skip 8, 0x90\\n.type inner,@function\\n\"\n"
		"    \"inner: .skip 4, 0x90\\n.size inner,4\\n\"\n"
		"    \".skip 8, 0x90\\n.size big,.-big\\n\"\n"
		"    \".type open,@function\\nopen: .skip 16, 0x90\\n\"\n"
		"    \".type next,@function\\nnext: .skip 16, 0x90\\n.size next,4\\n\"\n"
		"    \".section .last,\\\"ax\\\"\\n.type edge,@function\\nedge: .skip 16, 0x90\\n\");\n";
	__cleanup(subject_close) struct subject s = { .fd = -1 };
	uint64_t at;

	fixture_compile("names.so", source, "-shared -fPIC -nostdlib");
	s = subject_open("names.so");
	at = offset_of("names.so", "a");
	assert_string_equal(find(&s, at).function, "a");
	assert_string_equal(find(&s, at + 7).function, "a");
	assert_string_equal(find(&s, at + 8).function, "big");
	assert_string_equal(find(&s, at + 16).function, "inner");
	assert_string_equal(find(&s, at + 19).function, "inner");
	assert_string_equal(find(&s, at + 20).function, "big");
	assert_string_equal(find(&s, at + 27).function, "big");
	/* Of unknown size: to the next function. */
	assert_string_equal(find(&s, at + 28).function, "open");
	assert_string_equal(find(&s, at + 43).function, "open");
	assert_string_equal(find(&s, at + 44).function, "next");
	assert_null(find(&s, at + 48).function);
	/* Or to the section's end. */
	at = offset_of("names.so", "edge");
	assert_string_equal(find(&s, at + 15).function, "edge");
	assert_null(find(&s, at + 16).function);
}

static void test_cxx(void **state)
{
	static const char source[] = "namespace outer { template <class T> struct S {\n"
				     "T __attribute__((noinline)) get(T x) { return x; } }; }\n"
				     "template struct outer::S<int>;\n";
	__cleanup(subject_close) struct subject s = { .fd = -1 };
	struct mt_symbol found;

	fixture_write("cxx.cc", source, strlen(source));
	fixture_run("g++ -g -O1 -shared -fPIC -o cxx.so cxx.cc");
	s = subject_open("cxx.so");
	found = find(&s, offset_of("cxx.so", "_ZN5outer1SIiE3getEi"));
	assert_string_equal(found.function, "outer::S<int>::get(int)");
	assert_int_equal(found.line, 2);
}

static void test_libc(void **state)
{
	__cleanup(subject_close) struct subject s = subject_open(FIXTURE_LIBC);

	assert_string_equal(find(&s, offset_of(FIXTURE_LIBC, "malloc") + 5).function, "malloc");
	assert_string_equal(find(&s, offset_of(FIXTURE_LIBC, "pthread_create")).function,
			    "pthread_create");
	assert_non_null(mt_symbolizer_build_id(s.symbolizer));
}

/* Looks at a file's every 61st byte, whatever it may be. */
static void look_everywhere(int fd, size_t len)
{
	__cleanup(mt_symbolizer_free) struct mt_symbolizer *s = NULL;

	if (mt_symbolizer_new(&s, fd))
		return;
	for (uint64_t at = 0; at < len; at += 61) {
		struct mt_symbol found;

		assert_int_equal(mt_symbolizer_find(s, at, &found), 0);
		assert_true(!found.function || strlen(found.function) <= MT_SYMBOL_NAME_MAX + 3);
		assert_true(!found.file || strlen(found.file) > 0);
	}
}

static void torture(const char *file)
{
	struct fixture_victim v;

	fixture_victim_new(&v, file);
	for (int i = 0; i < 200; i++) {
		fixture_damage(&v);
		look_everywhere(v.fd, v.len < 100000 ? v.len : 100000);
		fixture_heal(&v);
	}
	for (size_t i = 20; i > 0; i--) {
		assert_int_equal(ftruncate(v.fd, (off_t)(v.len * i / 21)), 0);
		look_everywhere(v.fd, v.len < 100000 ? v.len : 100000);
	}
	for (size_t i = 0; i < v.len; i++)
		v.data[i] = (unsigned char)fixture_random(256);
	assert_int_equal(pwrite(v.fd, v.data, v.len, 0), v.len);
	look_everywhere(v.fd, v.len);
	fixture_victim_free(&v);
}

static void test_survives_damage(void **state)
{
	fixture_compile("program", program_source, "-g -O0");
	torture("program");
	fixture_compile("program", program_source, "-gdwarf-4 -O0 -ffunction-sections -gz=zlib");
	torture("program");
	torture("cxx.so");
	torture(FIXTURE_LIBC);
}

/* ---- a capture ------------------------------------------------------------------------ */

/* `first` ends with a call that does not return: its return address is `second`'s. */
static const char twins_source[] =
	"asm(\".text\\n.globl first\\n.globl second\\n\"\n"
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
	const struct mt_process_row row = { .id = id, .comm = "x", .ended = "exit",
					    .since = "start", .peak_rss_kind = "kernel" };

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
	const struct mt_spawn_row spawn = { .process = 2, .stack = 13 };
	uint64_t first;
	char path[PATH_MAX];

	fixture_compile("twins.so", twins_source, "-shared -fPIC -nostdlib -Wl,--build-id=0x01020304");
	first = offset_of("twins.so", "first");
	strcpy(path, fixture_path("twins.so"));
	put_module(c, 1, 0x10000000, path, "01020304");
	put_module(c, 1, 0x30000000, path, "ffffffff"); /* replaced since */
	put_module(c, 2, 0x20000000, path, "01020304");
	put_module(c, 2, 0x10000000, "[vdso]", NULL);
	/* Process 2 has another module at process 1's address. */
	put_stack(c, 11, 0x10000000 + first + 16, 0x20000000 + first + 17);
	put_stack(c, 12, 0x10000000 + first + 8, 0x30000000 + first + 8);
	put_stack(c, 13, 0x20000000 + first + 16, 0x10);
	put_stack(c, 14, 0x10000000, 0x20000000); /* nobody's */
	assert_int_equal(mt_capture_put_site(c, &site), 0);
	assert_int_equal(mt_capture_put_site(c, &site2), 0);
	assert_int_equal(mt_capture_put_map_site(c, &map_site), 0);
	assert_int_equal(mt_capture_put_spawn(c, &spawn), 0);
	assert_int_equal(mt_capture_commit(c), 0);

	for (int again = 0; again < 2; again++) {
		const struct row rows[] = {
			{ 1, 0x10000000 + first + 8, "first", path, first + 8 },
			{ 1, 0x10000000 + first + 16, "first", path, first + 16 },
			{ 1, 0x20000000 + first + 17, NULL, NULL, 0 },
			{ 1, 0x30000000 + first + 8, NULL, path, first + 8 },
			{ 2, 0x10, NULL, NULL, 0 },
			{ 2, 0x10000000 + first + 16, NULL, "[vdso]", first + 16 },
			{ 2, 0x20000000 + first + 16, "first", path, first + 16 },
			{ 2, 0x20000000 + first + 17, "second", path, first + 17 },
		};

		assert_int_equal(mt_symbol_resolve_capture(c, NULL), 0);
		expect_rows(c, rows, ARRAY_SIZE(rows));
	}
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
	first = offset_of("gone.so", "first");
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
		assert_int_equal(mt_symbol_resolve_capture(c, held ? l : NULL), 0);
		expect_rows(c, rows, ARRAY_SIZE(rows));
	}
	munmap(at, 4096);
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
	assert_int_equal(mt_symbol_resolve_capture(c, NULL), 0);
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
		cmocka_unit_test(test_demangles),
		cmocka_unit_test(test_bounds_what_explodes),
		cmocka_unit_test(test_bounds_what_is_long),
		cmocka_unit_test(test_survives_any_name),
		cmocka_unit_test(test_function_file_line),
		cmocka_unit_test(test_without_aranges),
		cmocka_unit_test(test_alternative_debug_file),
		cmocka_unit_test(test_stripped),
		cmocka_unit_test(test_which_name),
		cmocka_unit_test(test_cxx),
		cmocka_unit_test(test_libc),
		cmocka_unit_test(test_survives_damage),
		cmocka_unit_test(test_resolves_a_capture),
		cmocka_unit_test(test_resolves_deleted_files),
		cmocka_unit_test(test_resolves_many_frames),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
