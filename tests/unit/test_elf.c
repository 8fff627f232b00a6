// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <gelf.h>
#include <gnu/libc-version.h>
#include <zlib.h>

#include "elf_fixture.h"
#include "target/elf.h"
#include "util/cleanup.h"

/* Functions whose code is text, so that the file itself says whether an offset is right. */
#define MARKED(name, text)                                                                      \
	"asm(\".text\\n.globl " name "\\n.type " name ",@function\\n" name ": .ascii \\\"" text \
	"\\\"\\n.size " name ",.-" name "\\n\");\n"

static const char library_source[] = MARKED("visible", "MARK-VISIBLE") MARKED(
	"va_old", "MARK-VA-OLD") MARKED("va_new", "MARK-VA-NEW") MARKED("vb_new", "MARK-VB-NEW")
	MARKED("vb_old",
	       "MARK-VB-OLD") "asm(\".symver va_old,va@V1\\n.symver va_new,va@@V2\\n\"\n"
			      "    \".symver vb_new,vb@@V2\\n.symver vb_old,vb@V1\\n\");\n"
			      "asm(\".data\\n.type in_data,@function\\nin_data: .skip 8\\n.size "
			      "in_data,8\\n\");\n"
			      "asm(\".text\\n.type local_only,@function\\nlocal_only: .ascii "
			      "\\\"MARK-LOCAL\\\"\\n\"\n"
			      "    \".size local_only,.-local_only\\n\");\n"
			      "asm(\".type unsized,@function\\nunsized: ret\\n\"\n"
			      "    \".type endless,@function\\nendless: ret\\n\"\n"
			      "    \".size endless,0x10000000\\n\");\n"
			      "extern double cos(double);\n"
			      "extern int puts(const char *);\n"
			      "double angle; int datum = 3;\n"
			      "void use(void) { angle = cos(angle); puts(\"\"); }\n"
			      "static void one(void) {}\n"
			      "static void *choose(void) { return one; }\n"
			      "void chosen(void) __attribute__((ifunc(\"choose\")));\n";

static const char version_script[] = "V1 { global: va; vb; };\n"
				     "V2 { global: va; vb; visible; chosen; use; datum; } V1;\n"
				     "V10.2 { } V2; V9.30 { } V2; W99.9 { } V2;\n";

static struct mt_elf *open_elf(int fd)
{
	struct mt_elf *elf = NULL;

	assert_int_equal(mt_elf_new(&elf, fd), 0);
	return elf;
}

static void expect_mark(const char *file, const char *function, const char *mark)
{
	_close_ int fd = fixture_open(file);
	__cleanup(mt_elf_free) struct mt_elf *elf = open_elf(fd);
	uint64_t offset = 0, address, again;
	char text[64] = "";

	assert_int_equal(mt_elf_function(elf, function, &offset), 0);
	assert_int_equal(pread(fd, text, strlen(mark), (off_t)offset), strlen(mark));
	assert_string_equal(text, mark);
	assert_int_equal(mt_elf_address_of(elf, offset, &address), 0);
	assert_int_equal(mt_elf_offset_of(elf, address, &again), 0);
	assert_int_equal(again, offset);
}

static int function_error(const char *file, const char *function)
{
	_close_ int fd = fixture_open(file);
	__cleanup(mt_elf_free) struct mt_elf *elf = open_elf(fd);
	uint64_t offset = 0;

	return mt_elf_function(elf, function, &offset);
}

static int new_error(const char *file)
{
	_close_ int fd = open(fixture_path(file), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;

	return mt_elf_new(&elf, fd);
}

static void test_finds_functions(void **state)
{
	expect_mark("lib.so", "visible", "MARK-VISIBLE");
	expect_mark("lib.so", "va", "MARK-VA-NEW");
	expect_mark("lib.so", "vb", "MARK-VB-NEW");
	expect_mark("lib.so", "local_only", "MARK-LOCAL");
	expect_mark("stripped.so", "vb", "MARK-VB-NEW");
	assert_int_equal(function_error("stripped.so", "local_only"), -ENOENT);
	assert_int_equal(function_error("lib.so", "datum"), -ENOENT);
	assert_int_equal(function_error("lib.so", "in_data"), -ENOEXEC);
	assert_int_equal(function_error("lib.so", "nowhere"), -ENOENT);
	assert_int_equal(function_error("lib.so", "chosen"), -EOPNOTSUPP);
}

static void test_reads_code(void **state)
{
	_close_ int fd = fixture_open("lib.so");
	__cleanup(mt_elf_free) struct mt_elf *elf = open_elf(fd);
	const uint8_t *code = NULL;
	size_t len = 0;

	assert_int_equal(mt_elf_function_code(elf, "local_only", 10, &code, &len), 0);
	assert_int_equal(len, strlen("MARK-LOCAL"));
	assert_memory_equal(code, "MARK-LOCAL", len);
	assert_int_equal(mt_elf_function_code(elf, "local_only", 9, &code, &len), -ERANGE);
	assert_int_equal(mt_elf_function_code(elf, "unsized", 4096, &code, &len), -ERANGE);
	assert_int_equal(mt_elf_function_code(elf, "endless", 1U << 30, &code, &len), -ERANGE);
	assert_int_equal(mt_elf_function_code(elf, "nowhere", 4096, &code, &len), -ENOENT);
	assert_int_equal(mt_elf_function_code(elf, "chosen", 4096, &code, &len), -EOPNOTSUPP);
	assert_int_equal(mt_elf_function_code(elf, "in_data", 4096, &code, &len), -ENOEXEC);
}

/* The file's own header is mapped too, but not as code. */
static void test_only_code_has_addresses(void **state)
{
	_close_ int fd = fixture_open("lib.so");
	__cleanup(mt_elf_free) struct mt_elf *elf = open_elf(fd);
	uint64_t start, end, code = fixture_offset("lib.so", "visible");

	assert_int_equal(mt_elf_segment(elf, code, &start, &end), 0);
	assert_in_range(code, start, end - 1);
	assert_int_equal(mt_elf_segment(elf, 0, &start, &end), -ENOENT);
	assert_int_equal(mt_elf_address_of(elf, 0, &start), -ENOENT);
	assert_int_equal(mt_elf_offset_of(elf, 0, &start), -ENOENT);
}

static void test_an_import_is_no_definition(void **state)
{
	static const char source[] = MARKED(
		"here", "MARK-HERE") "int puts(const char *); int (*volatile p)(const char *);\n"
				     "int main(void) { p = puts; return p(\"\"); }\n";

	/* Not position-independent: puts gets a value, that of its PLT stub. */
	fixture_compile("fixed", source, "-no-pie -fno-pic");
	fixture_run("readelf -Ws --dyn-syms fixed | grep puts | grep -v ' 0000000000000000 ' "
		    ">/dev/null");
	assert_int_equal(function_error("fixed", "puts"), -ENOENT);
	assert_int_equal(function_error("lib.so", "puts"), -ENOENT);
	expect_mark("fixed", "here", "MARK-HERE");
	fixture_compile("pie", source, "-pie -fPIC");
	expect_mark("pie", "here", "MARK-HERE");
}

static int export_error(const char *file, const char *function)
{
	_close_ int fd = fixture_open(file);
	__cleanup(mt_elf_free) struct mt_elf *elf = open_elf(fd);
	uint64_t offset = 0;

	return mt_elf_exported(elf, function, &offset);
}

/* Global in .symtab is not known to others; where there is no .dynsym, it is all there is. */
static void test_exported(void **state)
{
	static const char source[] = "void shown(void) {}\n"
				     "__attribute__((visibility(\"hidden\"))) void kept(void) {}\n"
				     "int main(void) { shown(); kept(); return 0; }\n";

	fixture_compile("private", source, "");
	fixture_compile("public", source, "-rdynamic");
	fixture_compile("static", source, "-static");
	assert_int_equal(function_error("private", "shown"), 0);
	assert_int_equal(export_error("private", "shown"), -ENOENT);
	assert_int_equal(export_error("public", "shown"), 0);
	assert_int_equal(export_error("public", "kept"), -ENOENT);
	assert_int_equal(export_error("static", "shown"), 0);
	assert_int_equal(export_error("static", "nowhere"), -ENOENT);
}

static int count_marks(const struct mt_elf_symbol *sym, void *arg)
{
	int *seen = arg;

	assert_true(sym->size > 0 || sym->limit >= sym->address);
	if (!strcmp(sym->name, "visible"))
		seen[0]++;
	if (!strcmp(sym->name, "local_only") && !sym->global)
		seen[1]++;
	if (!strcmp(sym->name, "puts") || !strcmp(sym->name, "datum"))
		seen[2]++;
	return seen[3] ? -ECANCELED : 0;
}

static void test_enumerates(void **state)
{
	_close_ int fd = fixture_open("lib.so");
	__cleanup(mt_elf_free) struct mt_elf *elf = open_elf(fd);
	int seen[4] = { 0 };

	assert_int_equal(mt_elf_each_function(elf, count_marks, seen), 0);
	assert_int_equal(seen[0], 2); /* once in each table */
	assert_int_equal(seen[1], 1);
	assert_int_equal(seen[2], 0);
	seen[3] = 1;
	assert_int_equal(mt_elf_each_function(elf, count_marks, seen), -ECANCELED);
}

static void test_describes(void **state)
{
	_close_ int fd = fixture_open("lib.so");
	__cleanup(mt_elf_free) struct mt_elf *elf = open_elf(fd);
	unsigned int major, minor;

	assert_string_equal(mt_elf_build_id(elf), "00adbeef");
	assert_string_equal(mt_elf_soname(elf), "libsample.so.7");
	assert_string_equal(mt_elf_needed(elf, 0), "libm.so.6");
	assert_string_equal(mt_elf_needed(elf, 1), "libc.so.6");
	assert_null(mt_elf_needed(elf, 2));
	assert_int_equal(mt_elf_version(elf, "V", &major, &minor), 0);
	assert_int_equal(major, 10);
	assert_int_equal(minor, 2);
	assert_int_equal(mt_elf_version(elf, "X", &major, &minor), -ENOENT);
}

static char *search_path(const char *flags)
{
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	_close_ int fd = -1;

	fixture_compile("paths.so", "int x;\n", flags);
	fd = fixture_open("paths.so");
	elf = open_elf(fd);
	return mt_elf_runpath(elf) ? strdup(mt_elf_runpath(elf)) : NULL;
}

static void test_search_path(void **state)
{
	_free_ char *runpath = search_path("-shared -Wl,-rpath,/a:/b -Wl,--enable-new-dtags");
	_free_ char *rpath = search_path("-shared -Wl,-rpath,/c -Wl,--disable-new-dtags");

	assert_string_equal(runpath, "/a:/b");
	assert_string_equal(rpath, "/c");
	assert_null(search_path("-shared"));
}

/* Writes `text` over the interpreter of a copy of `file`. */
static void expect_interpreter(const char *text, size_t len, const char *expected)
{
	_close_ int fd = -1;
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL, *again = NULL;
	GElf_Phdr p = { 0 };
	int i = 0;

	fixture_compile("program", "int main(void) { return 0; }\n", "");
	fd = open(fixture_path("program"), O_RDWR | O_CLOEXEC);
	elf = open_elf(fd);
	while (p.p_type != PT_INTERP)
		assert_non_null(gelf_getphdr(mt_elf_handle(elf), i++, &p));
	assert_int_equal(pwrite(fd, text, len, (off_t)p.p_offset), len);
	again = open_elf(fd);
	assert_false(mt_elf_is_static(again));
	if (expected)
		assert_string_equal(mt_elf_interpreter(again), expected);
	else
		assert_null(mt_elf_interpreter(again));
}

static void test_interpreter(void **state)
{
	char endless[28];

	memset(endless, '/', sizeof(endless)); /* as long as "/lib64/ld-linux-x86-64.so.2" */
	expect_interpreter("", 0,
			   strcmp(FIXTURE_LIBC, "/lib/x86_64-linux-gnu/libc.so.6")
				   ? "/lib/ld-linux-aarch64.so.1"
				   : "/lib64/ld-linux-x86-64.so.2");
	expect_interpreter("/x", 3, "/x");
	expect_interpreter(endless, sizeof(endless), NULL);
}

static void expect_no_debuglink(const char *make)
{
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	_close_ int fd = -1;
	uint32_t crc;

	fixture_run("%s", make);
	fd = fixture_open("bad.so");
	elf = open_elf(fd);
	assert_true(mt_elf_has_section(elf, ".gnu_debuglink"));
	assert_null(mt_elf_debuglink(elf, &crc));
}

static void test_sections_and_debuglink(void **state)
{
	_close_ int fd = -1;
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	uint32_t crc = 0;

	fixture_run("echo debug > lib.debug && objcopy --add-gnu-debuglink=lib.debug stripped.so "
		    "linked.so");
	fd = fixture_open("linked.so");
	elf = open_elf(fd);
	assert_true(mt_elf_has_section(elf, ".gnu_debuglink"));
	assert_false(mt_elf_has_section(elf, ".gnu_debug"));
	assert_false(mt_elf_has_section(elf, ""));
	assert_string_equal(mt_elf_debuglink(elf, &crc), "lib.debug");
	assert_int_equal(crc, crc32(0, (const unsigned char *)"debug\n", 6));

	expect_no_debuglink("printf lib.debug.and.on > link && objcopy --add-section "
			    ".gnu_debuglink=link stripped.so bad.so");
	expect_no_debuglink("printf 'lib.debug\\0' > link && objcopy --add-section "
			    ".gnu_debuglink=link stripped.so bad.so");
	expect_no_debuglink("printf '\\0123456789' > link && objcopy --add-section "
			    ".gnu_debuglink=link stripped.so bad.so");
	/* A section without content. */
	expect_no_debuglink("echo '.section .empty,\"a\",@nobits; .skip 64' > link.s && "
			    "gcc -shared -nostdlib -o empty.so link.s && "
			    "objcopy --rename-section .empty=.gnu_debuglink empty.so bad.so");
}

static void expect_text(const char *prefix, size_t size, const char *expected)
{
	_close_ int fd = fixture_open("text.so");
	__cleanup(mt_elf_free) struct mt_elf *elf = open_elf(fd);
	char text[64] = "";

	assert_int_equal(mt_elf_find_text(elf, prefix, text, size), expected ? 0 : -ENOENT);
	assert_string_equal(text, expected ? expected : "");
}

static void test_text(void **state)
{
	fixture_compile(
		"text.so",
		"const char a[] = \"prefix one \";\nconst char b[] = \"prefix one 5.3\\n\";\n"
		"const char c[] = \"prefix one 6\"; char d[] = \"prefix two 1\";\n"
		"const char long_one[3 << 20] = { [0 ... (3 << 20) - 1] = '-' };\n"
		"asm(\".text\\n.ascii \\\"prefix three x\\\\0\\\"\\n\");\n",
		"-shared -fPIC -fno-toplevel-reorder");
	expect_text("prefix one ", 64, "5.3");
	expect_text("prefix one ", 3, "5.");
	expect_text("prefix one ", 1, "");
	expect_text("prefix two ", 64, NULL);
	expect_text("prefix three ", 64, "x");
	expect_text("prefix four ", 64, NULL);
}

/* File offset of the segment of constants, the largest by far. */
static off_t constants_offset(int fd)
{
	__cleanup(mt_elf_free) struct mt_elf *elf = open_elf(fd);
	GElf_Phdr p = { 0 };

	for (int i = 0; p.p_filesz < 2U << 20; i++)
		assert_non_null(gelf_getphdr(mt_elf_handle(elf), i, &p));
	return (off_t)p.p_offset;
}

/* A segment is read in pieces of 1 MiB: what lies across their ends is found as well. */
static void test_text_across_chunks(void **state)
{
	static const char mark[] = "mark of the chunk ok";
	struct fixture_victim v;

	fixture_victim_new(&v, "text.so");
	for (size_t i = 0; i < sizeof(mark) + 2; i++) {
		__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
		off_t at = constants_offset(v.fd) + (1 << 20) + 1 - (off_t)i;
		char text[8] = "";

		assert_int_equal(pwrite(v.fd, mark, sizeof(mark), at), sizeof(mark));
		elf = open_elf(v.fd);
		assert_int_equal(mt_elf_find_text(elf, "mark of the chunk ", text, sizeof(text)),
				 0);
		assert_string_equal(text, "ok");
		assert_int_equal(pwrite(v.fd, v.data + at, sizeof(mark), at), sizeof(mark));
	}
	fixture_victim_free(&v);
}

static void test_no_build_id_no_soname(void **state)
{
	_close_ int fd = -1;
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;

	fixture_compile("bare", "int main(void) { return 0; }\n", "-Wl,--build-id=none");
	fd = fixture_open("bare");
	elf = open_elf(fd);
	assert_null(mt_elf_build_id(elf));
	assert_null(mt_elf_soname(elf));
	assert_false(mt_elf_is_static(elf));
	assert_false(mt_elf_is_sanitized(elf));
}

static bool is_sanitized(const char *flags)
{
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	_close_ int fd = -1;

	fixture_compile("sanitized", "int main(void) { return 0; }\n", flags);
	fd = fixture_open("sanitized");
	elf = open_elf(fd);
	return mt_elf_is_sanitized(elf);
}

static void test_sanitizers(void **state)
{
	assert_true(is_sanitized("-fsanitize=address"));
	assert_true(is_sanitized("-fsanitize=address -static-libasan"));
	assert_true(is_sanitized("-fsanitize=address -static-libasan -s"));
	assert_true(is_sanitized("-fsanitize=thread"));
	assert_true(is_sanitized("-fsanitize=leak"));
	assert_false(is_sanitized("-O2"));
}

static void test_static(void **state)
{
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	_close_ int fd = -1;

	fixture_compile("static", "int main(void) { return 0; }\n", "-static");
	fd = fixture_open("static");
	elf = open_elf(fd);
	assert_true(mt_elf_is_static(elf));
	assert_null(mt_elf_needed(elf, 0));
}

static void test_refuses_what_it_cannot_read(void **state)
{
	Elf32_Ehdr small = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_386,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(small),
	};
	Elf64_Ehdr other = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_DYN,
		.e_machine = EM_RISCV,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(other),
	};

	fixture_write("small", &small, sizeof(small));
	assert_int_equal(new_error("small"), -ENOTSUP);
	fixture_write("other", &other, sizeof(other));
	assert_int_equal(new_error("other"), -ENOTSUP);
	fixture_write("empty", "", 0);
	assert_int_equal(new_error("empty"), -ENOEXEC);
	fixture_write("text", "#!/bin/sh\nexit 0\n", 17);
	assert_int_equal(new_error("text"), -ENOEXEC);
	fixture_compile("object", "int x;\n", "-c");
	assert_int_equal(new_error("object"), -ENOEXEC);
	assert_int_equal(new_error("."), -ENOEXEC);
	assert_int_equal(mkfifo(fixture_path("fifo"), 0600), 0);
	assert_int_equal(new_error("fifo"), -ENOEXEC);
	assert_int_equal(new_error("nothing"), -EBADF);
}

/* Touches what was handed out: ASan sees what is not there. */
static void code_sum(struct mt_elf *elf, const char *name)
{
	volatile unsigned int sum = 0;
	const uint8_t *code;
	size_t len;

	if (mt_elf_function_code(elf, name, 1U << 30, &code, &len))
		return;
	for (size_t i = 0; i < len; i++)
		sum += code[i];
}

/* Everything that can be asked; whatever comes back, it must come back. */
static void ask_everything(int fd)
{
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	static const char *const names[] = { "malloc", "aligned_alloc", "memcpy", "va", "use" };
	unsigned int major, minor;
	int seen[4] = { 0 };
	uint32_t crc;
	char text[16];

	if (mt_elf_new(&elf, fd))
		return;
	assert_true(!mt_elf_interpreter(elf) || strlen(mt_elf_interpreter(elf)) < PATH_MAX);
	assert_true(!mt_elf_runpath(elf) || strlen(mt_elf_runpath(elf)) < MT_ELF_TABLE_MAX);
	assert_true(!mt_elf_debuglink(elf, &crc) || mt_elf_debuglink(elf, &crc)[0]);
	if (!mt_elf_find_text(elf, "GNU C Library ", text, sizeof(text)))
		assert_true(strlen(text) < sizeof(text));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		code_sum(elf, names[i]);
	for (size_t i = 0; mt_elf_needed(elf, i); i++)
		assert_true(strlen(mt_elf_needed(elf, i)) < MT_ELF_TABLE_MAX);
	mt_elf_each_function(elf, count_marks, seen);
	mt_elf_version(elf, "GLIBC_", &major, &minor);
	mt_elf_is_sanitized(elf);
}

static void torture(const char *file)
{
	struct fixture_victim v;

	fixture_victim_new(&v, file);
	for (int i = 0; i < 200; i++) {
		fixture_damage(&v);
		ask_everything(v.fd);
		fixture_heal(&v);
	}
	for (int i = 40; i >= 0; i--) {
		assert_int_equal(ftruncate(v.fd, (off_t)(v.len * (size_t)i / 41)), 0);
		ask_everything(v.fd);
	}
	for (size_t i = 64; i < v.len; i++)
		v.data[i] = (unsigned char)fixture_random(256);
	assert_int_equal(pwrite(v.fd, v.data, v.len, 0), v.len);
	ask_everything(v.fd);
	fixture_victim_free(&v);
}

static void test_survives_damage(void **state)
{
	torture("lib.so");
	torture(FIXTURE_LIBC);
}

/* With a mapped file this is a SIGBUS. */
static void test_survives_truncation_meanwhile(void **state)
{
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	struct fixture_victim v;
	uint64_t offset;

	fixture_victim_new(&v, FIXTURE_LIBC);
	elf = open_elf(v.fd);
	assert_int_equal(ftruncate(v.fd, 4096), 0);
	assert_int_equal(mt_elf_function(elf, "malloc", &offset), -ENOENT);
	mt_elf_free(&elf);
	fixture_victim_free(&v);
}

static void test_libc(void **state)
{
	_close_ int fd = fixture_open(FIXTURE_LIBC);
	__cleanup(mt_elf_free) struct mt_elf *elf = open_elf(fd);
	unsigned int major, minor;
	char version[32];

	assert_int_equal(mt_elf_version(elf, "GLIBC_", &major, &minor), 0);
	snprintf(version, sizeof(version), "%u.%u", major, minor);
	assert_string_equal(version, gnu_get_libc_version());
	assert_string_equal(mt_elf_soname(elf), "libc.so.6");
	assert_int_equal(function_error(FIXTURE_LIBC, "strlen"), -EOPNOTSUPP);
}

static int setup(void **state)
{
	fixture_new();
	fixture_write("map", version_script, strlen(version_script));
	fixture_compile("lib.so", library_source,
			"-shared -fPIC -Wl,--version-script=map -Wl,-soname,libsample.so.7 "
			"-Wl,--build-id=0x00adbeef -Wl,--no-as-needed -lm");
	fixture_run("strip -o stripped.so lib.so");
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
		cmocka_unit_test(test_finds_functions),
		cmocka_unit_test(test_reads_code),
		cmocka_unit_test(test_only_code_has_addresses),
		cmocka_unit_test(test_an_import_is_no_definition),
		cmocka_unit_test(test_exported),
		cmocka_unit_test(test_enumerates),
		cmocka_unit_test(test_describes),
		cmocka_unit_test(test_search_path),
		cmocka_unit_test(test_interpreter),
		cmocka_unit_test(test_sections_and_debuglink),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_across_chunks),
		cmocka_unit_test(test_no_build_id_no_soname),
		cmocka_unit_test(test_sanitizers),
		cmocka_unit_test(test_static),
		cmocka_unit_test(test_refuses_what_it_cannot_read),
		cmocka_unit_test(test_survives_damage),
		cmocka_unit_test(test_survives_truncation_meanwhile),
		cmocka_unit_test(test_libc),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
