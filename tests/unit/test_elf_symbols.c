// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Functions that only .gnu_debugdata or a debug file names, and where functions begin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <gelf.h>
#include <lzma.h>

#include "elf_fixture.h"
#include "util/cleanup.h"

#define ROOM (1U << 20) /* for .gnu_debugdata in "roomy" */

static const char source[] =
	"int exported(int x);\n"
	"__attribute__((noinline)) int inner(int x) { return x * 3; }\n"
	"static __attribute__((noinline)) int hidden(int x) { return inner(x) + 1; }\n"
	"int exported(int x) { return hidden(x) + 2; }\n"
	/* What a wrong or hostile table says: in the middle of a function, and in data. */
	"asm(\".text\\n.type around,@function\\naround: .cfi_startproc\\nnop\\nnop\\n\"\n"
	"    \".type middle,@function\\nmiddle: nop\\nret\\n.cfi_endproc\\n.size around,.-around\\n"
	"\"\n"
	"    \".size middle,.-middle\\n\"\n"
	"    \".type bare,@function\\nbare: nop\\nret\\n.size bare,.-bare\\n\"\n"
	"    \".data\\n.type in_data,@function\\nin_data: .skip 8\\n.size "
	"in_data,8\\n.text\\n\");\n";

static struct mt_elf *open_elf(int fd)
{
	struct mt_elf *elf = NULL;

	assert_int_equal(mt_elf_new(&elf, fd), 0);
	return elf;
}

static int ask(const char *file, const char *function, uint64_t *offset)
{
	_close_ int fd = fixture_open(file);
	__cleanup(mt_elf_free) struct mt_elf *elf = open_elf(fd);

	return mt_elf_function(elf, function, offset);
}

static void expect_as_in_whole(struct mt_elf *elf, const char *function)
{
	uint64_t offset = 0;

	assert_int_equal(mt_elf_function(elf, function, &offset), 0);
	assert_int_equal(offset, fixture_offset("whole.so", function));
}

/* ---- .gnu_debugdata ------------------------------------------------------------------- */

static int count_hidden(const struct mt_elf_symbol *sym, void *arg)
{
	*(int *)arg += !strcmp(sym->name, "hidden");
	return 0;
}

static void test_debugdata(void **state)
{
	_close_ int fd = fixture_open("mini.so");
	__cleanup(mt_elf_free) struct mt_elf *elf = open_elf(fd);
	const uint8_t *code;
	uint64_t offset;
	int seen = 0;
	size_t len;

	assert_int_equal(ask("stripped.so", "hidden", &offset), -ENOENT);
	expect_as_in_whole(elf, "hidden");
	expect_as_in_whole(elf, "inner");
	expect_as_in_whole(elf, "exported");
	assert_int_equal(mt_elf_function_code(elf, "hidden", 4096, &code, &len), 0);
	assert_true(len > 4 && len < 100);
	assert_int_equal(mt_elf_function(elf, "in_data", &offset), -ENOEXEC);
	assert_int_equal(mt_elf_function(elf, "nowhere", &offset), -ENOENT);
	assert_int_equal(mt_elf_each_function(elf, count_hidden, &seen), 0);
	assert_int_equal(seen, 1);
}

/* What cannot be unpacked is as if it were not there. */
static void expect_useless(const char *make)
{
	uint64_t offset;

	fixture_run("%s > bad.xz && objcopy --add-section .gnu_debugdata=bad.xz stripped.so bad.so",
		    make);
	assert_int_equal(ask("bad.so", "hidden", &offset), -ENOENT);
	assert_int_equal(ask("bad.so", "exported", &offset), 0);
}

static void test_debugdata_is_hostile(void **state)
{
	expect_useless("head -c 200 mini.xz");
	expect_useless("head -c -1 mini.xz");
	expect_useless("(head -c 100 mini.xz; echo damage; tail -c +108 mini.xz)");
	expect_useless("echo no xz");
	expect_useless("printf x");
	expect_useless("echo no ELF | xz");
	expect_useless("head -c 100 mini | xz");
	expect_useless("xz < /dev/null");
	/* For another machine. */
	expect_useless("(head -c 18 mini; printf '\\363\\0'; tail -c +21 mini) | xz");
	/* A bomb: 300 MiB in 45 kB, with the real one before it and after it. */
	expect_useless("(cat mini; head -c 300M /dev/zero) | xz -1");
	expect_useless("(head -c 300M /dev/zero; cat mini) | xz -1");
}

/* ---- a debug file --------------------------------------------------------------------- */

static int attach(struct mt_elf *elf, const char *name, int *fd)
{
	*fd = open(name[0] == '/' ? name : fixture_path(name), O_RDONLY | O_CLOEXEC);
	return mt_elf_attach_debug(elf, *fd);
}

static void test_debug_file(void **state)
{
	_close_ int fd = fixture_open("stripped.so"), debug = -1, second = -1;
	__cleanup(mt_elf_free) struct mt_elf *elf = open_elf(fd);
	uint64_t offset;

	assert_int_equal(mt_elf_function(elf, "hidden", &offset), -ENOENT);
	assert_int_equal(attach(elf, "whole.debug", &debug), 0);
	expect_as_in_whole(elf, "hidden");
	expect_as_in_whole(elf, "exported");
	assert_int_equal(mt_elf_function(elf, "in_data", &offset), -ENOEXEC);
	assert_int_equal(attach(elf, "whole.debug", &second), -EEXIST);
}

static int attach_error(const char *file, const char *debug_file)
{
	_close_ int fd = fixture_open(file), debug = -1;
	__cleanup(mt_elf_free) struct mt_elf *elf = open_elf(fd);
	uint64_t offset;
	int err = attach(elf, debug_file, &debug);

	assert_int_equal(mt_elf_function(elf, "hidden", &offset), err ? -ENOENT : 0);
	return err;
}

static void test_debug_file_of_another_build(void **state)
{
	fixture_compile("other.so", source, "-shared -fPIC -Wl,--build-id=0x02020202");
	fixture_compile("none.so", source, "-shared -fPIC -Wl,--build-id=none");
	fixture_run("strip -o none-stripped.so none.so");
	assert_int_equal(attach_error("stripped.so", "other.so"), -ESTALE);
	assert_int_equal(attach_error("stripped.so", "none.so"), -ESTALE);
	assert_int_equal(attach_error("none-stripped.so", "other.so"), -ESTALE);
	assert_int_equal(attach_error("none-stripped.so", "none.so"), 0);
	assert_int_equal(attach_error("stripped.so", "mini.xz"), -ENOEXEC);
	assert_int_equal(attach_error("stripped.so", "."), -ENOEXEC);
	assert_int_equal(attach_error("stripped.so", "nothing"), -EBADF);
}

/* It does not overrule the file, not even a version that is not the default. */
static void test_debug_file_comes_last(void **state)
{
	static const char versioned[] = "int va_old(int x) { return x + 1; }\n"
					"asm(\".symver va_old,va@V1\");\n";
	static const char plain[] = "int before(int x) { return x + 2; }\n"
				    "int va(int x) { return x + 3; }\n";
	_close_ int fd = -1, debug = -1;
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	uint64_t offset = 0;

	fixture_write("v", "V1 { global: va; };\n", 20);
	fixture_compile("old.so", versioned,
			"-shared -fPIC -Wl,--version-script=v -Wl,--build-id=0x03030303");
	fixture_compile("plain.so", plain, "-shared -fPIC -Wl,--build-id=0x03030303");
	fd = fixture_open("old.so");
	elf = open_elf(fd);
	assert_int_equal(attach(elf, "plain.so", &debug), 0);
	assert_int_equal(mt_elf_function(elf, "va", &offset), 0);
	assert_int_equal(offset, fixture_offset("old.so", "va_old"));
	assert_int_not_equal(offset, fixture_offset("plain.so", "va"));
}

/* Debian's own, from libc6-dbg. */
static void test_libc_dbg(void **state)
{
	_close_ int fd = fixture_open(FIXTURE_LIBC), debug = -1;
	__cleanup(mt_elf_free) struct mt_elf *elf = open_elf(fd);
	const char *id = mt_elf_build_id(elf);
	uint64_t offset, address;
	char path[200];

	snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%.2s/%s.debug", id, id + 2);
	if (access(path, R_OK)) {
		print_message("skipped: libc6-dbg is not installed\n");
		skip();
	}
	assert_int_equal(mt_elf_function(elf, "_int_malloc", &offset), -ENOENT);
	assert_int_equal(attach(elf, path, &debug), 0);
	assert_int_equal(mt_elf_function(elf, "_int_malloc", &offset), 0);
	assert_int_equal(mt_elf_address_of(elf, offset, &address), 0);
	assert_int_equal(mt_elf_is_function_start(elf, address), 1);
}

/* ---- the index ------------------------------------------------------------------------ */

static int find_again(const struct mt_elf_symbol *sym, void *arg)
{
	uint64_t offset, expected;
	int err = mt_elf_function(arg, sym->name, &offset);

	assert_int_not_equal(err, -ENOENT);
	/* Another version's may be elsewhere. */
	if (!err && sym->default_version && !mt_elf_offset_of(arg, sym->address, &expected))
		assert_int_equal(offset, expected);
	return 0;
}

/* Every function of a large library, many of them in one chain of the index. */
static void test_index(void **state)
{
	_close_ int fd = fixture_open(FIXTURE_LIBC);
	__cleanup(mt_elf_free) struct mt_elf *elf = open_elf(fd);
	uint64_t offset;

	assert_int_equal(mt_elf_each_function(elf, find_again, elf), 0);
	assert_int_equal(mt_elf_function(elf, "", &offset), -ENOENT);
	assert_int_equal(mt_elf_function(elf, "mallo", &offset), -ENOENT);
	assert_int_equal(mt_elf_function(elf, "mallocs", &offset), -ENOENT);
}

static void test_longest_name(void **state)
{
	char name[400], long_source[600];
	uint64_t offset;

	memset(name, 'n', sizeof(name));
	for (int len = 255; len <= 256; len++) {
		name[len] = 0;
		snprintf(long_source, sizeof(long_source), "void %s(void) {}\n", name);
		fixture_compile("long.so", long_source, "-shared -fPIC");
		assert_int_equal(ask("long.so", name, &offset), len == 255 ? 0 : -ENOENT);
		name[len] = 'n';
	}
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Hundreds of questions cost about as much as the first, not hundreds of times as much. */
static void test_index_is_kept(void **state)
{
	_close_ int fd = fixture_open(FIXTURE_LIBC);
	__cleanup(mt_elf_free) struct mt_elf *elf = open_elf(fd);
	uint64_t offset, start = now_ns(), first, others;
	char name[32];

	assert_int_equal(mt_elf_function(elf, "nowhere", &offset), -ENOENT);
	first = now_ns() - start;
	start = now_ns();
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "nowhere_%d", i);
		assert_int_equal(mt_elf_function(elf, name, &offset), -ENOENT);
	}
	others = now_ns() - start;
	assert_in_range(others, 0, 50 * first);
}

/* ---- where functions begin ------------------------------------------------------------ */

static int is_start(const char *file, const char *function, uint64_t further)
{
	_close_ int fd = fixture_open(file), debug = -1;
	__cleanup(mt_elf_free) struct mt_elf *elf = open_elf(fd);
	uint64_t offset, address;

	assert_int_equal(attach(elf, "whole.debug", &debug), 0);
	assert_int_equal(mt_elf_function(elf, function, &offset), 0);
	assert_int_equal(mt_elf_address_of(elf, offset, &address), 0);
	return mt_elf_is_function_start(elf, address + further);
}

static void test_function_start(void **state)
{
	assert_int_equal(is_start("stripped.so", "exported", 0), 1);
	assert_int_equal(is_start("stripped.so", "hidden", 0), 1);
	assert_int_equal(is_start("stripped.so", "hidden", 1), 0);
	assert_int_equal(is_start("stripped.so", "around", 0), 1);
	assert_int_equal(is_start("stripped.so", "middle", 0), 0);
	assert_int_equal(is_start("stripped.so", "around", 3), 0);
	/* Behind the last byte of one, and where there is no entry. */
	assert_int_equal(is_start("stripped.so", "around", 4), -ENOENT);
	assert_int_equal(is_start("stripped.so", "bare", 0), -ENOENT);
	assert_int_equal(is_start("stripped.so", "hidden", 1ULL << 62), -ENOENT);
	assert_int_equal(is_start("stripped.so", "hidden", -1ULL << 62), -ENOENT);
}

static GElf_Phdr frames_segment(const char *file)
{
	_close_ int fd = fixture_open(file);
	__cleanup(mt_elf_free) struct mt_elf *elf = open_elf(fd);
	GElf_Phdr p;

	for (int i = 0; gelf_getphdr(mt_elf_handle(elf), i, &p); i++) {
		if (p.p_type == PT_GNU_EH_FRAME)
			return p;
	}
	fail();
	return p;
}

/* With the header's bytes at `at` changed, nothing can be said. */
static void expect_no_table(size_t at, const void *bytes, size_t len)
{
	GElf_Phdr p = frames_segment("stripped.so");
	_close_ int fd = -1;

	fixture_run("cp stripped.so lying.so");
	fd = open(fixture_path("lying.so"), O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, bytes, len, (off_t)(p.p_offset + at)), len);
	assert_int_equal(is_start("lying.so", "hidden", 0), -ENOENT);
}

static void test_table_lies(void **state)
{
	GElf_Phdr p = frames_segment("stripped.so");
	uint32_t fits = (uint32_t)((p.p_filesz - 12) / 8);
	uint32_t counts[] = { 0, fits + 1, UINT32_MAX, 1U << 29 };

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		expect_no_table(8, &counts[i], sizeof(counts[i]));
	expect_no_table(0, "\2", 1);
	expect_no_table(1, "\3", 1);
	expect_no_table(2, "\xff", 1);
	expect_no_table(3, "\x1b", 1);
	fixture_compile("bare.so", "void f(void) {}\n",
			"-shared -fPIC -fno-asynchronous-unwind-tables -Wl,--no-eh-frame-hdr "
			"-Wl,--build-id=0x01010101");
	assert_int_equal(is_start("bare.so", "f", 0), -ENOENT);
}

static void test_function_around(void **state)
{
	_close_ int fd = fixture_open("stripped.so"), debug = -1;
	__cleanup(mt_elf_free) struct mt_elf *elf = open_elf(fd);
	uint64_t offset, address, start, size = 0;
	const uint8_t *code;

	assert_int_equal(attach(elf, "whole.debug", &debug), 0);
	assert_int_equal(mt_elf_function(elf, "around", &offset), 0);
	assert_int_equal(mt_elf_address_of(elf, offset, &address), 0);
	for (uint64_t i = 0; i < 4; i++) {
		assert_int_equal(mt_elf_function_around(elf, address + i, &start, &size), 0);
		assert_int_equal(start, address);
		assert_int_equal(size, 4);
	}
	assert_int_equal(mt_elf_function_around(elf, address + 4, &start, &size), -ENOENT);
	assert_int_equal(mt_elf_function_around(elf, 1ULL << 62, &start, &size), -ENOENT);
	/* Its bytes, but not those behind its segment. */
	assert_int_equal(mt_elf_code(elf, address, 4, &code), 0);
	assert_int_equal(code[3], 0xc3);
	assert_int_equal(mt_elf_code(elf, address, 1U << 20, &code), -ENOENT);
	assert_int_equal(mt_elf_code(elf, address, UINT64_MAX, &code), -ENOENT);
	assert_int_equal(mt_elf_code(elf, 0, 4, &code), -ENOENT);
}

struct survey {
	struct mt_elf *elf;
	unsigned int starts, unsaid;
};

static int check_start(const struct mt_elf_symbol *sym, void *arg)
{
	struct survey *s = arg;
	int start = mt_elf_is_function_start(s->elf, sym->address);

	if (!start)
		print_message("refused: %s\n", sym->name);
	s->starts += start == 1;
	s->unsaid += start == -ENOENT;
	return start ? 0 : -EINVAL;
}

/* No function of an allocator that people run is refused. */
static void test_refuses_no_real_function(void **state)
{
	static const char *const files[] = {
		FIXTURE_LIBC,
		"/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
		"/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4",
		"/usr/lib/x86_64-linux-gnu/libmimalloc.so.2.0",
		"/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
		"/lib/ld-musl-x86_64.so.1",
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
		struct survey s = { 0 };
		_close_ int fd = -1;

		if (access(files[i], R_OK)) {
			print_message("not installed: %s\n", files[i]);
			continue;
		}
		fd = fixture_open(files[i]);
		elf = open_elf(fd);
		s.elf = elf;
		assert_int_equal(mt_elf_each_function(elf, check_start, &s), 0);
		print_message("%s: %u starts, %u not said\n", files[i], s.starts, s.unsaid);
		assert_true(s.starts > 0 || strstr(files[i], "musl"));
	}
}

/* ---- damage --------------------------------------------------------------------------- */

static int touch_symbol(const struct mt_elf_symbol *sym, void *arg)
{
	*(size_t *)arg += strlen(sym->name);
	return 0;
}

static void ask_everything(int fd, int debug)
{
	static const char *const names[] = { "hidden", "inner", "exported", "middle", "malloc" };
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	volatile unsigned int sum = 0;
	size_t total = 0;

	if (mt_elf_new(&elf, fd))
		return;
	if (debug >= 0)
		mt_elf_attach_debug(elf, debug);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		uint64_t offset, address, start, size;
		const uint8_t *code;
		size_t len;

		if (!mt_elf_function(elf, names[i], &offset) &&
		    !mt_elf_address_of(elf, offset, &address) &&
		    !mt_elf_function_around(elf, address + i, &start, &size))
			assert_true(address + i - start < size);
		if (!mt_elf_function_code(elf, names[i], 1U << 20, &code, &len))
			sum += code[len - 1];
	}
	mt_elf_each_function(elf, touch_symbol, &total);
}

static void test_survives_damage(void **state)
{
	_close_ int whole = fixture_open("stripped.so");
	struct fixture_victim program, debug;

	fixture_victim_new(&program, "mini.so");
	fixture_victim_new(&debug, "whole.debug");
	for (int i = 0; i < 300; i++) {
		fixture_damage(&program);
		ask_everything(program.fd, debug.fd);
		fixture_heal(&program);
		fixture_damage(&debug);
		ask_everything(whole, debug.fd);
		fixture_heal(&debug);
	}
	for (int i = 40; i >= 0; i--) {
		assert_int_equal(ftruncate(debug.fd, (off_t)(debug.len * (size_t)i / 41)), 0);
		ask_everything(whole, debug.fd);
	}
	fixture_victim_free(&program);
	fixture_victim_free(&debug);
}

static uint64_t debugdata_offset(int fd)
{
	__cleanup(mt_elf_free) struct mt_elf *elf = open_elf(fd);
	Elf *handle = mt_elf_handle(elf);
	Elf_Scn *scn = NULL;
	size_t strings;
	GElf_Shdr shdr;

	assert_int_equal(elf_getshdrstrndx(handle, &strings), 0);
	while ((scn = elf_nextscn(handle, scn))) {
		assert_non_null(gelf_getshdr(scn, &shdr));
		if (!strcmp(elf_strptr(handle, strings, shdr.sh_name), ".gnu_debugdata"))
			return shdr.sh_offset;
	}
	fail();
	return 0;
}

/* The packed file is damaged, not the packing, which would notice. */
static void test_survives_damage_within(void **state)
{
	static uint8_t packed[ROOM];
	struct fixture_victim mini;
	_close_ int fd = open(fixture_path("roomy.so"), O_RDWR | O_CLOEXEC);
	uint64_t at = debugdata_offset(fd), offset;
	unsigned char *image;

	fixture_victim_new(&mini, "mini");
	image = malloc(mini.len);
	assert_non_null(image);
	for (int i = 0; i <= 300; i++) {
		size_t len = 0, used = i % 3 ? mini.len : 1 + fixture_random(mini.len);

		if (i < 300)
			fixture_damage(&mini);
		else
			used = mini.len;
		assert_int_equal(pread(mini.fd, image, mini.len, 0), mini.len);
		assert_int_equal(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, image, used,
							 packed, &len, sizeof(packed)),
				 LZMA_OK);
		assert_int_equal(pwrite(fd, packed, len, (off_t)at), len);
		ask_everything(fd, -1);
		fixture_heal(&mini);
	}
	/* The last one was whole: this is indeed how it is read. */
	assert_int_equal(ask("roomy.so", "hidden", &offset), 0);
	free(image);
	fixture_victim_free(&mini);
}

static int setup(void **state)
{
	fixture_new();
	fixture_write("map", "{ global: exported; local: *; };\n", 33);
	fixture_compile("whole.so", source,
			"-O1 -g -shared -fPIC -Wl,--version-script=map -Wl,--build-id=0x01010101");
	fixture_run("strip -o stripped.so whole.so && objcopy --only-keep-debug whole.so "
		    "whole.debug");
	/* As distributions make it. */
	fixture_run("printf 'hidden\\ninner\\nmiddle\\nin_data\\n' > keep && "
		    "objcopy -S --remove-section .comment --keep-symbols=keep whole.debug mini && "
		    "xz -k mini && objcopy --add-section .gnu_debugdata=mini.xz stripped.so "
		    "mini.so");
	fixture_run("head -c %u /dev/zero > room && "
		    "objcopy --add-section .gnu_debugdata=room stripped.so roomy.so",
		    ROOM);
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
		cmocka_unit_test(test_debugdata),
		cmocka_unit_test(test_debugdata_is_hostile),
		cmocka_unit_test(test_debug_file),
		cmocka_unit_test(test_debug_file_of_another_build),
		cmocka_unit_test(test_debug_file_comes_last),
		cmocka_unit_test(test_libc_dbg),
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_longest_name),
		cmocka_unit_test(test_index_is_kept),
		cmocka_unit_test(test_function_start),
		cmocka_unit_test(test_function_around),
		cmocka_unit_test(test_table_lies),
		cmocka_unit_test(test_refuses_no_real_function),
		cmocka_unit_test(test_survives_damage),
		cmocka_unit_test(test_survives_damage_within),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
