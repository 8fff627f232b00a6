// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "elf_fixture.h"
#include "symbol/demangle.h"
#include "symbol/symbolizer.h"
#include "target/elf.h"
#include "util/cleanup.h"

/* ---- one file ------------------------------------------------------------------------- */

static const char program_source[] = "#line 100 \"dir/program.c\"\n"
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
	int fd, debug;
	struct mt_elf *elf;
	struct mt_symbolizer *symbolizer;
};

/* `debug`: its debug file, or NULL. */
static struct subject subject_open_with(const char *name, const char *debug)
{
	struct subject s = { .fd = fixture_open(name), .debug = debug ? fixture_open(debug) : -1 };

	assert_int_equal(mt_elf_new(&s.elf, s.fd), 0);
	assert_int_equal(mt_symbolizer_new(&s.symbolizer, s.fd, s.debug), 0);
	return s;
}

static struct subject subject_open(const char *name)
{
	return subject_open_with(name, NULL);
}

static void subject_close(struct subject *s)
{
	mt_symbolizer_free(&s->symbolizer);
	mt_elf_free(&s->elf);
	mt_cleanup_fd(&s->fd);
	mt_cleanup_fd(&s->debug);
}

static struct mt_symbol_stack find_all(struct subject *s, uint64_t offset)
{
	struct mt_symbol_stack found;

	assert_int_equal(mt_symbolizer_find(s->symbolizer, offset, &found), 0);
	assert_in_range(found.nr, 1, MT_SYMBOL_DEPTH);
	return found;
}

/* Where nothing was inlined. */
static struct mt_symbol find(struct subject *s, uint64_t offset)
{
	struct mt_symbol_stack found = find_all(s, offset);

	assert_int_equal(found.nr, 1);
	return found.frames[0];
}

static void expect_source(const char *name, const char *function, const char *file, uint32_t line)
{
	__cleanup(subject_close) struct subject s = subject_open(name);
	struct mt_symbol found = find(&s, fixture_offset(name, function) + 1);
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
		"-g -O0 -shared -fPIC", "-g -O0 -ffunction-sections -Wl,--gc-sections",
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

/* The lines are in the program, but which of them were inlined is not. */
static void test_split_dwarf(void **state)
{
	__cleanup(subject_close) struct subject s = { .fd = -1, .debug = -1 };
	struct mt_symbol found;

	fixture_compile("program", program_source, "-g -O0 -gsplit-dwarf");
	s = subject_open("program");
	found = find(&s, fixture_offset("program", "main"));
	assert_string_equal(found.function, "main");
	assert_null(found.file);
	assert_int_equal(found.line, 0);
}

/* Parts in a file that the program names are not looked for. */
static void test_alternative_debug_file(void **state)
{
	__cleanup(subject_close) struct subject s = { .fd = -1, .debug = -1 };
	struct mt_symbol found;

	fixture_compile("program", program_source, "-g -O0");
	fixture_run("printf '/dev/zero\\0\\1\\2\\3\\4' > link && objcopy "
		    "--add-section .gnu_debugaltlink=link program linked");
	s = subject_open("linked");
	found = find(&s, fixture_offset("program", "main"));
	assert_string_equal(found.function, "main");
	assert_null(found.file);
	assert_int_equal(found.line, 0);
}

/* A string that does not end in its section makes libdw run out of it. */
static void test_unterminated_strings(void **state)
{
	static const char *const sections[] = { ".debug_str", ".debug_line_str" };

	fixture_compile("program", program_source, "-gdwarf-5 -O0");
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		__cleanup(subject_close) struct subject s = { .fd = -1, .debug = -1 };
		struct mt_symbol found;

		fixture_run("objcopy --dump-section %s=strings program && printf x >> strings && "
			    "objcopy --update-section %s=strings program open-ended",
			    sections[i], sections[i]);
		s = subject_open("open-ended");
		found = find(&s, fixture_offset("program", "main"));
		assert_string_equal(found.function, "main");
		assert_null(found.file);
	}
}

static void test_stripped(void **state)
{
	static const char source[] = "__attribute__((visibility(\"default\"))) int out(int x)\n"
				     "{ return x; }\n"
				     "static int __attribute__((noinline,used)) in(int x)\n"
				     "{ return x + 1; }\n";
	__cleanup(subject_close) struct subject s = { .fd = -1, .debug = -1 };
	struct mt_symbol found;

	fixture_compile("whole.so", source, "-g -O0 -shared -fPIC -fno-toplevel-reorder");
	fixture_run("strip -o stripped.so whole.so");
	s = subject_open("stripped.so");
	found = find(&s, fixture_offset("whole.so", "out"));
	assert_string_equal(found.function, "out");
	assert_null(found.file);
	/* Beyond the end of `out`; a nearest-symbol lookup would lie here. */
	found = find(&s, fixture_offset("whole.so", "in"));
	assert_null(found.function);
	assert_null(found.file);
	found = find(&s, 1ULL << 40);
	assert_null(found.function);
	found = find(&s, UINT64_MAX);
	assert_null(found.function);
}

/* ---- separate debug information ------------------------------------------------------- */

static void test_debug_file(void **state)
{
	__cleanup(subject_close) struct subject with = { .fd = -1, .debug = -1 },
						without = { .fd = -1, .debug = -1 };
	__cleanup(subject_close) struct subject other = { .fd = -1, .debug = -1 };
	struct mt_symbol found;
	uint64_t at;

	fixture_compile("program", program_source, "-g -O0 -Wl,--build-id=0x01020304");
	at = fixture_offset("program", "hidden");
	fixture_run("objcopy --only-keep-debug program program.debug && "
		    "strip -o stripped program && "
		    "gcc -g -O0 -Wl,--build-id=0x05060708 -o other program.c");
	without = subject_open("stripped");
	assert_null(find(&without, at).function);

	with = subject_open_with("stripped", "program.debug");
	found = find(&with, at + 1);
	assert_string_equal(found.function, "hidden");
	assert_non_null(found.file);
	assert_string_equal(strrchr(found.file, '/'), "/program.c");
	assert_int_equal(found.line, 101);

	other = subject_open_with("stripped", "other");
	found = find(&other, at + 1);
	assert_null(found.function);
	assert_null(found.file);
}

/* What Fedora has in each file: names, and nothing more. */
static void test_mini_debug_info(void **state)
{
	__cleanup(subject_close) struct subject s = { .fd = -1, .debug = -1 };
	struct mt_symbol found;
	uint64_t at;

	fixture_compile("program", program_source, "-g -O0");
	at = fixture_offset("program", "hidden");
	fixture_run("objcopy --only-keep-debug program full && strip -g -o mini full && "
		    "rm -f mini.xz && xz mini && strip -o stripped program && "
		    "objcopy --add-section .gnu_debugdata=mini.xz stripped");
	s = subject_open("stripped");
	found = find(&s, at + 1);
	assert_string_equal(found.function, "hidden");
	assert_null(found.file);
}

/* More than libdw could read within a worker's memory: names are still there. */
static void test_too_much_debug_information(void **state)
{
	__cleanup(subject_close) struct subject s = { .fd = -1, .debug = -1 };
	struct mt_symbol found;

	fixture_compile("program", program_source, "-g -O0");
	fixture_run("head -c 270M /dev/zero > zeros && objcopy --add-section .debug_types=zeros "
		    "--compress-debug-sections=zlib program bomb && rm zeros");
	s = subject_open("bomb");
	found = find(&s, fixture_offset("program", "main"));
	assert_string_equal(found.function, "main");
	assert_null(found.file);
}

/* Debian's own, where libc6-dbg is installed. */
static void test_debug_file_of_libc(void **state)
{
	__cleanup(subject_close) struct subject bare = subject_open(FIXTURE_LIBC),
						s = { .fd = -1, .debug = -1 };
	const char *id = mt_symbolizer_build_id(bare.symbolizer);
	struct mt_symbol_stack found;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%.2s/%s.debug", id, id + 2);
	if (access(path, R_OK))
		skip();
	s = subject_open_with(FIXTURE_LIBC, path);
	found = find_all(&s, fixture_offset(FIXTURE_LIBC, "pthread_create"));
	assert_string_equal(found.frames[found.nr - 1].function, "pthread_create");
	assert_string_equal(strrchr(found.frames[found.nr - 1].file, '/'), "/pthread_create.c");
	assert_true(found.frames[found.nr - 1].line > 0);
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
		"    \".section .last,\\\"ax\\\"\\n.type edge,@function\\nedge: .skip 16, "
		"0x90\\n\");\n";
	__cleanup(subject_close) struct subject s = { .fd = -1, .debug = -1 };
	uint64_t at;

	fixture_compile("names.so", source, "-shared -fPIC -nostdlib");
	s = subject_open("names.so");
	at = fixture_offset("names.so", "a");
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
	at = fixture_offset("names.so", "edge");
	assert_string_equal(find(&s, at + 15).function, "edge");
	assert_null(find(&s, at + 16).function);
}

static void test_cxx(void **state)
{
	static const char source[] = "namespace outer { template <class T> struct S {\n"
				     "T __attribute__((noinline)) get(T x) { return x; } }; }\n"
				     "template struct outer::S<int>;\n";
	__cleanup(subject_close) struct subject s = { .fd = -1, .debug = -1 };
	struct mt_symbol found;

	fixture_write("cxx.cc", source, strlen(source));
	fixture_run("g++ -g -O1 -shared -fPIC -o cxx.so cxx.cc");
	s = subject_open("cxx.so");
	found = find(&s, fixture_offset("cxx.so", "_ZN5outer1SIiE3getEi"));
	assert_string_equal(found.function, "outer::S<int>::get(int)");
	assert_int_equal(found.line, 2);
}

/* ---- what was inlined ----------------------------------------------------------------- */

static const char inlining_source[] =
	"#line 100 \"leaf.h\"\n"
	"extern int sink(int);\n"
	"static inline __attribute__((always_inline)) int leaf(int x)\n"
	"{\n"
	"	return sink(x);\n"
	"}\n"
	"#line 200 \"middle.h\"\n"
	"static inline __attribute__((always_inline)) int middle(int x)\n"
	"{\n"
	"	{ int y = sink(x); y += leaf(y); return y + 1; }\n"
	"}\n"
	"#line 300 \"program.c\"\n"
	"int __attribute__((noinline,noclone)) sink(int x) { asm(\"\"); return x + 1; }\n"
	"int __attribute__((noinline,noclone)) outer(int x)\n"
	"{\n"
	"	return middle(x) + 1;\n"
	"}\n"
	"int main(int argc, char **argv) { return outer(argc) + leaf(2); }\n";

static void expect_frame(const struct mt_symbol *f, const char *function, const char *file,
			 uint32_t line)
{
	assert_string_equal(f->function, function);
	assert_non_null(f->file);
	assert_string_equal(strrchr(f->file, '/') + 1, file);
	assert_int_equal(f->line, line);
}

/* Each call of `sink` in `outer`, by the line that it is on. */
static void test_inlined(void **state)
{
	static const char *const flags[] = { "-O2 -gdwarf-4", "-O2 -gdwarf-5", "-O2 -g -flto",
					     "-O2 -g -ffunction-sections" };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		__cleanup(subject_close) struct subject s = { .fd = -1, .debug = -1 };
		bool middle = false, leaf = false;
		uint64_t at;

		fixture_compile("program", inlining_source, flags[i]);
		s = subject_open("program");
		at = fixture_offset("program", "outer");
		for (size_t byte = 0; byte < 16; byte++) {
			struct mt_symbol_stack found = find_all(&s, at + byte);

			if (found.frames[0].line == 202 && found.nr == 2) {
				expect_frame(&found.frames[0], "middle", "middle.h", 202);
				expect_frame(&found.frames[1], "outer", "program.c", 303);
				middle = true;
			} else if (found.frames[0].line == 103) {
				assert_int_equal(found.nr, 3);
				expect_frame(&found.frames[0], "leaf", "leaf.h", 103);
				expect_frame(&found.frames[1], "middle", "middle.h", 202);
				expect_frame(&found.frames[2], "outer", "program.c", 303);
				leaf = true;
			}
		}
		assert_true(middle && leaf);
	}
}

/* More than an answer holds: then the innermost line is nobody's that is named. */
static void test_inlined_too_deep(void **state)
{
	for (size_t depth = MT_SYMBOL_DEPTH - 1; depth <= MT_SYMBOL_DEPTH; depth++) {
		__cleanup(subject_close) struct subject s = { .fd = -1, .debug = -1 };
		_free_ char *source = NULL;
		struct mt_symbol_stack found;
		size_t len;
		FILE *out = open_memstream(&source, &len);

		fprintf(out, "#define I static inline __attribute__((always_inline)) int\n"
			     "I f0(int x) { asm volatile(\"nop;nop;nop;nop\"); return x; }\n");
		for (size_t i = 1; i < depth; i++)
			fprintf(out, "I f%zu(int x) { return f%zu(x); }\n", i, i - 1);
		fprintf(out, "int main(int c, char **v) { return f%zu(c); }\n", depth - 1);
		fclose(out);
		fixture_compile("deep", source, "-O2 -g");
		s = subject_open("deep");
		found = find_all(&s, fixture_offset("deep", "main") + 2);
		assert_string_equal(found.frames[found.nr - 1].function, "main");
		if (depth < MT_SYMBOL_DEPTH) {
			assert_int_equal(found.nr, MT_SYMBOL_DEPTH);
			assert_string_equal(found.frames[0].function, "f0");
		} else {
			assert_int_equal(found.nr, 1);
			assert_null(found.frames[0].file);
		}
	}
}

/* One line of what addr2line says, without the newline. */
static void read_line(FILE *in, char line[4096])
{
	assert_non_null(fgets(line, 4096, in));
	line[strcspn(line, "\n")] = '\0';
}

static uint32_t line_of(const char *place)
{
	return (uint32_t)strtoul(strrchr(place, ':') + 1, NULL, 10);
}

/* Every address of a program's code; the number of those where something was inlined. */
static size_t compare_with_addr2line(const char *name)
{
	__cleanup(subject_close) struct subject s = subject_open(name);
	size_t inlined = 0, compared = 0, differ = 0;
	char line[4096], place[4096];
	FILE *in;

	fixture_run("objdump -d -j .text %s | grep -oE '^ +[0-9a-f]+:' | tr -d ' :' > at && "
		    "addr2line -a -i -f -C -e %s < at > said && echo 0x0 >> said",
		    name, name);
	in = fopen(fixture_path("said"), "r");
	for (read_line(in, line); strcmp(line, "0x0");) {
		uint64_t address = strtoull(line, NULL, 16), offset;
		struct mt_symbol_stack found;
		size_t depth = 0;
		bool same = true;

		assert_int_equal(mt_elf_offset_of(s.elf, address, &offset), 0);
		found = find_all(&s, offset);
		inlined += found.nr > 1;
		for (read_line(in, line); strncmp(line, "0x", 2); read_line(in, line), depth++) {
			const struct mt_symbol *f = &found.frames[depth];

			read_line(in, place);
			if (!line_of(place)) /* guessed from the next symbol before it */
				continue;
			/* Functions with the same code are one, under any of their names. */
			same = same && depth < found.nr && f->line == line_of(place) &&
			       (depth + 1 == found.nr || !strcmp(f->function, line));
			if (!same)
				print_message("%zx %zu: %s %s; %s %s:%u\n", (size_t)address, depth,
					      line, place, f->function, f->file, f->line);
		}
		compared++;
		differ += !same || depth != found.nr;
	}
	fclose(in);
	print_message("%s: %zu of %zu addresses differ\n", name, differ, compared);
	assert_int_equal(differ, 0);
	return inlined;
}

static void test_inlined_cxx(void **state)
{
	static const char source[] =
		"#include <map>\n#include <string>\n#include <vector>\n"
		"struct Cache { std::map<int, std::vector<std::string>> all;\n"
		"  void insert(int k, const char *s) { all[k].push_back(s); } };\n"
		"namespace detail { template <class F> int twice(F f) { return f(1) + f(2); }\n"
		"struct Call { Cache &c; int insert(int k) { c.insert(k, \"\"); return k; }\n"
		"  int operator()(int k) { return insert(k); } }; }\n"
		"int main(int argc, char **argv) {\n"
		"  Cache c;\n"
		"  detail::twice(detail::Call{c});\n"
		"  try { c.all.at(argc); } catch (...) { c.insert(3, \"three\"); }\n"
		"  return (int)c.all.size(); }\n";

	fixture_write("inlined.cc", source, strlen(source));
	fixture_run("g++ -g -O2 -o inlined inlined.cc");
	assert_true(compare_with_addr2line("inlined") > 100);
}

static void test_inlined_rust(void **state)
{
	static const char source[] =
		"use std::collections::HashMap;\n"
		"fn main() {\n"
		"  let mut m: HashMap<usize, Vec<String>> = HashMap::new();\n"
		"  for (i, a) in std::env::args().enumerate() {\n"
		"    m.entry(i % 3).or_default().push(a);\n"
		"  }\n"
		"  println!(\"{}\", m.values().map(|v| v.len()).sum::<usize>());\n"
		"}\n";

	if (system("command -v rustc > /dev/null 2>&1"))
		skip();
	fixture_write("inlined.rs", source, strlen(source));
	fixture_run("rustc -O -g -o inlined-rust inlined.rs");
	assert_true(compare_with_addr2line("inlined-rust") > 100);
}

static void test_libc(void **state)
{
	__cleanup(subject_close) struct subject s = subject_open(FIXTURE_LIBC);

	assert_string_equal(find(&s, fixture_offset(FIXTURE_LIBC, "malloc") + 5).function,
			    "malloc");
	assert_string_equal(find(&s, fixture_offset(FIXTURE_LIBC, "pthread_create")).function,
			    "pthread_create");
	assert_non_null(mt_symbolizer_build_id(s.symbolizer));
}

/* Looks at a file's every 61st byte, whatever it may be. */
static void look_everywhere(int fd, int debug, size_t len)
{
	__cleanup(mt_symbolizer_free) struct mt_symbolizer *s = NULL;

	if (mt_symbolizer_new(&s, fd, debug))
		return;
	for (uint64_t at = 0; at < len; at += 61) {
		struct mt_symbol_stack found;

		assert_int_equal(mt_symbolizer_find(s, at, &found), 0);
		assert_in_range(found.nr, 1, MT_SYMBOL_DEPTH);
		for (size_t i = 0; i < found.nr; i++) {
			const struct mt_symbol *f = &found.frames[i];

			assert_true(!f->function || strlen(f->function) <= MT_SYMBOL_NAME_MAX + 3);
			assert_true(!f->file || strlen(f->file) > 0);
		}
	}
}

static void torture(const char *file)
{
	struct fixture_victim v;

	fixture_victim_new(&v, file);
	for (int i = 0; i < 200; i++) {
		fixture_damage(&v);
		look_everywhere(v.fd, -1, v.len < 100000 ? v.len : 100000);
		fixture_heal(&v);
	}
	for (size_t i = 20; i > 0; i--) {
		assert_int_equal(ftruncate(v.fd, (off_t)(v.len * i / 21)), 0);
		look_everywhere(v.fd, -1, v.len < 100000 ? v.len : 100000);
	}
	for (size_t i = 0; i < v.len; i++)
		v.data[i] = (unsigned char)fixture_random(256);
	assert_int_equal(pwrite(v.fd, v.data, v.len, 0), v.len);
	look_everywhere(v.fd, -1, v.len);
	fixture_victim_free(&v);
}

static void torture_debug_file(void)
{
	_close_ int program = -1;
	struct fixture_victim v;

	fixture_compile("program", inlining_source, "-g -O2 -Wl,--build-id=0x01020304");
	fixture_run("objcopy --only-keep-debug program program.debug && strip program");
	program = fixture_open("program");
	fixture_victim_new(&v, "program.debug");
	for (int i = 0; i < 200; i++) {
		fixture_damage(&v);
		look_everywhere(program, v.fd, 16384);
		fixture_heal(&v);
	}
	fixture_victim_free(&v);
}

static void test_survives_damage(void **state)
{
	fixture_compile("program", program_source, "-g -O0");
	torture("program");
	fixture_compile("program", program_source, "-gdwarf-4 -O0 -ffunction-sections -gz=zlib");
	torture("program");
	torture("cxx.so");
	fixture_compile("program", inlining_source, "-g -O2");
	torture("program");
	torture(FIXTURE_LIBC);
	torture_debug_file();
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
		cmocka_unit_test(test_function_file_line),
		cmocka_unit_test(test_without_aranges),
		cmocka_unit_test(test_split_dwarf),
		cmocka_unit_test(test_alternative_debug_file),
		cmocka_unit_test(test_unterminated_strings),
		cmocka_unit_test(test_stripped),
		cmocka_unit_test(test_debug_file),
		cmocka_unit_test(test_mini_debug_info),
		cmocka_unit_test(test_too_much_debug_information),
		cmocka_unit_test(test_debug_file_of_libc),
		cmocka_unit_test(test_which_name),
		cmocka_unit_test(test_cxx),
		cmocka_unit_test(test_inlined),
		cmocka_unit_test(test_inlined_too_deep),
		cmocka_unit_test(test_inlined_cxx),
		cmocka_unit_test(test_inlined_rust),
		cmocka_unit_test(test_libc),
		cmocka_unit_test(test_survives_damage),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
