// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/mman.h>

#include <Zydis/Zydis.h>

#include "elf_fixture.h"
#include "target/ends.h"
#include "target/placement.h"
#include "target/returns.h"
#include "util/cleanup.h"

#define CODE(...)                           \
	sizeof((uint8_t[]){ __VA_ARGS__ }), \
	{                                   \
		__VA_ARGS__                 \
	}

#define BY_WORD 0x10000 /* added to where the word is */

struct shape {
	const char *name;
	int err;
	size_t len;
	uint8_t bytes[32];
	uint32_t rets[4]; /* to a 0, but for the first */
	size_t nr_rets;
	int64_t jumps[4];
	size_t nr_jumps;
};

static const struct shape shapes[] = {
	{ "ret", 0, CODE(0xc3), { 0 }, 1 },
	{ "push; pop; ret", 0, CODE(0x55, 0x5d, 0xc3), { 2 }, 1 },
	{ "rep ret", 0, CODE(0xf3, 0xc3), { 0 }, 1 },
	{ "bnd ret", 0, CODE(0xf2, 0xc3), { 0 }, 1 },
	{ "ret 8", 0, CODE(0xc2, 0x08, 0x00), { 0 }, 1 },
	{ "je over; ret; ret", 0, CODE(0x74, 0x01, 0xc3, 0xc3), { 2, 3 }, 2 },
	{ "a c3 that is no ret", 0, CODE(0xb8, 0xc3, 0xc3, 0xc3, 0xc3, 0xc3), { 5 }, 1 },
	{ "ret, padding", 0, CODE(0xc3, 0x0f, 0x1f, 0x00, 0x66, 0x90), { 0 }, 1 },
	{ "ret, int3", 0, CODE(0xc3, 0xcc, 0xcc), { 0 }, 1 },
	{ "loop to itself", 0, CODE(0xe2, 0xfe, 0xc3), { 2 }, 1 },
	/* Ends elsewhere. */
	{ "jmp ahead", 0, CODE(0xe9, 0x00, 0x10, 0x00, 0x00), .jumps = { 0x1005 }, .nr_jumps = 1 },
	{ "jmp just behind", 0, CODE(0xeb, 0x00), .jumps = { 2 }, .nr_jumps = 1 },
	{ "jmp just before", 0, CODE(0xeb, 0xfd), .jumps = { -1 }, .nr_jumps = 1 },
	{ "jmp back", 0, CODE(0xe9, 0x00, 0xff, 0xff, 0xff), .jumps = { -0xfb }, .nr_jumps = 1 },
	{ "bnd jmp", 0, CODE(0xf2, 0xe9, 0x00, 0x10, 0x00, 0x00), .jumps = { 0x1006 },
	  .nr_jumps = 1 },
	{ "je to a cold part; ret",
	  0,
	  CODE(0x0f, 0x84, 0x00, 0x10, 0x00, 0x00, 0xc3),
	  { 6 },
	  1,
	  { 0x1006 },
	  1 },
	{ "jmp by word", 0, CODE(0xff, 0x25, 0x00, 0x10, 0x00, 0x00), .jumps = { BY_WORD + 0x1006 },
	  .nr_jumps = 1 },
	/* Within, or not known to whom. */
	{ "switch: notrack jmp rax; ret", 0, CODE(0x3e, 0xff, 0xe0, 0xc3), { 3 }, 1 },
	{ "jmp [rax+8*rcx]; ret", 0, CODE(0xff, 0x24, 0xc8, 0xc3), { 3 }, 1 },
	{ "jmp fs:[rip]; ret", 0, CODE(0x64, 0xff, 0x25, 0x00, 0x00, 0x00, 0x00, 0xc3), { 7 }, 1 },
	/* Calls do not end it, but at the end they do not return. */
	{ "call; ret", 0, CODE(0xe8, 0x00, 0x10, 0x00, 0x00, 0xc3), { 5 }, 1 },
	{ "ret; call", 0, CODE(0xc3, 0xe8, 0x00, 0x10, 0x00, 0x00), { 0 }, 1 },
	{ "ret; ud2", 0, CODE(0xc3, 0x0f, 0x0b), { 0 }, 1 },
	/* Refused: no bytes; not instructions; cut off; running on; into an instruction. */
	{ "nothing", -ENOTSUP, 0 },
	{ "undefined", -ENOTSUP, CODE(0xc3, 0x06, 0xc3) },
	{ "cut off", -ENOTSUP, CODE(0xc3, 0xe9, 0x00) },
	{ "runs on", -ENOTSUP, CODE(0xc3, 0x55) },
	{ "runs on by a branch", -ENOTSUP, CODE(0xc3, 0x74, 0xfd) },
	{ "nothing but padding", -ENOTSUP, CODE(0x90, 0x90) },
	{ "into an instruction", -ENOTSUP, CODE(0x74, 0x01, 0xb8, 0xc3, 0xc3, 0xc3, 0xc3, 0xc3) },
	{ "into the branch itself", -ENOTSUP, CODE(0x74, 0xff, 0xc3) },
	{ "far ret", -ENOTSUP, CODE(0xcb) },
	{ "iret", -ENOTSUP, CODE(0x48, 0xcf) },
	{ "far jmp", -ENOTSUP, CODE(0xff, 0x28, 0xc3) },
};

static void check_shape(const struct shape *s)
{
	struct mt_returns r;

	assert_int_equal(mt_returns_find(s->bytes, s->len, &r), s->err);
	if (s->err)
		return;
	assert_int_equal(r.nr_rets, s->nr_rets);
	for (size_t i = 0; i < r.nr_rets; i++)
		assert_int_equal(r.rets[i], s->rets[i]);
	assert_int_equal(r.nr_jumps, s->nr_jumps);
	for (size_t i = 0; i < r.nr_jumps; i++)
		assert_int_equal(r.jumps[i].to + (r.jumps[i].by_word ? BY_WORD : 0), s->jumps[i]);
}

static void test_shapes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		print_message("%s\n", shapes[i].name);
		check_shape(&shapes[i]);
	}
}

static void test_bounds(void **state)
{
	_free_ uint8_t *code = malloc(MT_PLACEMENT_CODE_MAX + 1);
	struct mt_returns r;

	memset(code, 0x90, MT_PLACEMENT_CODE_MAX);
	code[MT_PLACEMENT_CODE_MAX - 1] = code[MT_PLACEMENT_CODE_MAX] = 0xc3;
	assert_int_equal(mt_returns_find(code, MT_PLACEMENT_CODE_MAX, &r), 0);
	assert_int_equal(r.rets[0], MT_PLACEMENT_CODE_MAX - 1);
	assert_int_equal(mt_returns_find(code, MT_PLACEMENT_CODE_MAX + 1, &r), -E2BIG);
	memset(code, 0xc3, MT_RETURNS_MAX + 1);
	assert_int_equal(mt_returns_find(code, MT_RETURNS_MAX, &r), 0);
	assert_int_equal(r.nr_rets, MT_RETURNS_MAX);
	assert_int_equal(mt_returns_find(code, MT_RETURNS_MAX + 1, &r), -E2BIG);
	for (size_t i = 0; i < MT_RETURNS_MAX + 1; i++) {
		code[2 * i] = 0xeb; /* jmp 0x80 back */
		code[2 * i + 1] = 0x80;
	}
	assert_int_equal(mt_returns_find(code, 64, &r), 0);
	assert_int_equal(r.nr_jumps, 32);
	for (size_t i = 0; i < MT_RETURNS_MAX + 1; i++)
		memcpy(code + 5 * i, (uint8_t[]){ 0xe9, 0, 0, 0, 0x70 }, 5);
	assert_int_equal(mt_returns_find(code, 5 * MT_RETURNS_MAX, &r), 0);
	assert_int_equal(r.nr_jumps, MT_RETURNS_MAX);
	assert_int_equal(mt_returns_find(code, 5 * (MT_RETURNS_MAX + 1), &r), -E2BIG);
}

static void test_stub(void **state)
{
	static const struct {
		size_t len;
		uint8_t bytes[16];
		int64_t word; /* 0: no stub */
	} stubs[] = {
		{ CODE(0xff, 0x25, 0xd2, 0x1f, 0x00, 0x00), 0x1fd8 },
		{ CODE(0xff, 0x25, 0xf2, 0xff, 0xff, 0xff), -8 },
		{ CODE(0xf2, 0xff, 0x25, 0xd1, 0x1f, 0x00, 0x00), 0x1fd8 },
		{ CODE(0xf3, 0x0f, 0x1e, 0xfa, 0xf2, 0xff, 0x25, 0xcd, 0x1f, 0x00, 0x00), 0x1fd8 },
		{ CODE(0xff, 0x25, 0xd2, 0x1f, 0x00) },
		{ CODE(0xff, 0xe0, 0x90, 0x90, 0x90, 0x90) },
		{ CODE(0xff, 0x15, 0xd2, 0x1f, 0x00, 0x00) }, /* call */
		{ CODE(0x90, 0xff, 0x25, 0xd2, 0x1f, 0x00, 0x00) },
		{ CODE(0xe9, 0xd2, 0x1f, 0x00, 0x00) },
		{ 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(stubs); i++) {
		int64_t word = 0;
		int err = mt_returns_stub(stubs[i].bytes, stubs[i].len, &word);

		assert_int_equal(err, stubs[i].word ? 0 : -ENOENT);
		assert_int_equal(word, stubs[i].word);
	}
}

/* Random bytes, and real ends with random damage, at the end of a readable page. */
static void test_hostile(void **state)
{
	uint8_t *pages =
		mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t read = 0;

	assert_true(pages != MAP_FAILED);
	assert_int_equal(mprotect(pages + 4096, 4096, PROT_NONE), 0);
	for (int i = 0; i < 20000; i++) {
		const struct shape *s = &shapes[fixture_random(ARRAY_SIZE(shapes))];
		size_t len = i % 2 && s->len ? s->len : 1 + fixture_random(200);
		uint8_t *code = pages + 4096 - len;
		struct mt_returns r;
		int64_t word;

		for (size_t j = 0; j < len; j++)
			code[j] = (uint8_t)fixture_random(256);
		if (len == s->len) {
			memcpy(code, s->bytes, len);
			code[fixture_random(len)] = (uint8_t)fixture_random(256);
		}
		mt_returns_stub(code, len, &word);
		if (mt_returns_find(code, len, &r))
			continue;
		for (size_t j = 0; j < r.nr_rets; j++)
			assert_in_range(r.rets[j], 0, len - 1);
		for (size_t j = 0; j < r.nr_jumps; j++)
			assert_true(r.jumps[j].by_word || r.jumps[j].to < 0 ||
				    r.jumps[j].to >= (int64_t)len);
		read++;
	}
	assert_in_range(read, 1000, 20000);
	munmap(pages, 8192);
}

struct sweep {
	struct mt_elf *elf;
	size_t functions, rets;
};

/* By another way than the code's: a straight disassembly that knows nothing but lengths. */
static size_t straight(const uint8_t *code, size_t len, uint32_t rets[MT_RETURNS_MAX])
{
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;
	ZydisDecoder decoder;
	size_t n = 0;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (size_t at = 0; at < len; at += in.length) {
		assert_true(ZYAN_SUCCESS(
			ZydisDecoderDecodeFull(&decoder, code + at, len - at, &in, op)));
		assert_true(n < MT_RETURNS_MAX);
		if (in.mnemonic == ZYDIS_MNEMONIC_RET)
			rets[n++] = (uint32_t)at;
	}
	return n;
}

static int check_function(const struct mt_elf_symbol *symbol, void *arg)
{
	struct sweep *sweep = arg;
	uint32_t rets[MT_RETURNS_MAX];
	struct mt_returns r;
	const uint8_t *code;

	if (!symbol->size || mt_elf_code(sweep->elf, symbol->address, symbol->size, &code) ||
	    mt_returns_find(code, symbol->size, &r))
		return 0;
	assert_int_equal(straight(code, symbol->size, rets), r.nr_rets);
	assert_memory_equal(rets, r.rets, r.nr_rets * sizeof(*rets));
	sweep->functions++;
	sweep->rets += r.nr_rets;
	return 0;
}

static void test_every_function_of_libc(void **state)
{
#ifndef __x86_64__
	skip();
#endif
	_close_ int fd = fixture_open(FIXTURE_LIBC);
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	struct sweep sweep = { 0 };

	assert_int_equal(mt_elf_new(&elf, fd), 0);
	sweep.elf = elf;
	mt_elf_each_function(elf, check_function, &sweep);
	print_message("%zu functions, %zu rets\n", sweep.functions, sweep.rets);
	assert_in_range(sweep.functions, 1000, 100000);
	assert_in_range(sweep.rets, sweep.functions / 2, 100 * sweep.functions);
}

/* ---- in files ------------------------------------------------------------------------- */

static int ends_of(const char *file, const char *function, struct mt_ends *out)
{
	_close_ int fd = fixture_open(file);
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	uint64_t offset, address;

	assert_int_equal(mt_elf_new(&elf, fd), 0);
	assert_int_equal(mt_elf_function(elf, function, &offset), 0);
	assert_int_equal(mt_elf_address_of(elf, offset, &address), 0);
	return mt_ends_find(elf, address, out);
}

/* Each is a `ret` in a function that is known; those of its own are as disassembled. */
static void check_ends(struct mt_elf *elf, const char *name, size_t expected)
{
	uint64_t offset, address, start, size;
	uint32_t rets[MT_RETURNS_MAX];
	struct mt_ends ends;
	const uint8_t *code;
	size_t len, own = 0, nr;

	assert_int_equal(mt_elf_function(elf, name, &offset), 0);
	assert_int_equal(mt_elf_address_of(elf, offset, &address), 0);
	assert_int_equal(mt_elf_function_code(elf, name, 1U << 20, &code, &len), 0);
	nr = straight(code, len, rets);
	assert_int_equal(mt_ends_find(elf, address, &ends), 0);
	for (size_t i = 0; i < ends.nr; i++) {
		const struct mt_end *end = &ends.v[i];

		assert_int_equal(mt_elf_code(elf, end->address, 1, &code), 0);
		assert_int_equal(code[0], 0xc3);
		assert_int_equal(mt_elf_function_around(elf, end->address, &start, &size), 0);
		assert_int_equal(start, end->function);
		if (end->function == address)
			assert_int_equal(end->address, address + rets[own++]);
	}
	assert_int_equal(own, nr);
	if (ends.nr != expected)
		fail_msg("%s: %zu ends, not %zu", name, ends.nr, expected);
}

static void test_operators(void **state)
{
	static const struct {
		const char *file, *function;
		size_t nr; /* read off objdump -d */
	} operators[] = {
		/* Its own; behind jmp: newImpl's; behind that, handleOOM's. */
		{ "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", "_Znwm", 3 },
		{ "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", "_Znam", 3 },
		{ "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", "_ZnwmSt11align_val_t", 2 },
		{ "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", "_ZnamSt11align_val_t", 2 },
		/* Through the PLT: allocate_full_cpp_throw_oom's, FetchFromCentralCache's. */
		{ "/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4", "_Znwm", 4 },
		{ "/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4", "_ZnwmSt11align_val_t", 5 },
		/* mi_try_new's; mi_new_realloc's, through the PLT. */
		{ "/usr/lib/x86_64-linux-gnu/libmimalloc.so.2", "_Znwm", 3 },
		{ "/usr/lib/x86_64-linux-gnu/libmimalloc.so.2", "_ZnwmSt11align_val_t", 1 },
		{ "/usr/lib/x86_64-linux-gnu/libmimalloc.so.2", "mi_new_n", 4 },
		{ "/usr/lib/x86_64-linux-gnu/libmimalloc.so.2", "mi_new_realloc", 1 },
		{ "/usr/lib/x86_64-linux-gnu/libmimalloc.so.2", "mi_new_reallocn", 2 },
		{ "/usr/lib/x86_64-linux-gnu/libmimalloc.so.2", "mi_heap_alloc_new", 3 },
		{ "/usr/lib/x86_64-linux-gnu/libmimalloc.so.2", "mi_heap_alloc_new_n", 4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(operators); i++) {
		__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
		_close_ int fd = -1;

		if (access(operators[i].file, R_OK)) {
			print_message("not installed: %s\n", operators[i].file);
			continue;
		}
		fd = fixture_open(operators[i].file);
		assert_int_equal(mt_elf_new(&elf, fd), 0);
		check_ends(elf, operators[i].function, operators[i].nr);
	}
}

#define FUNCTION(name, code)                                                                \
	"    \".globl " name "; .type " name ", @function; " name ": .cfi_startproc\\n\"\n" \
	"    \"" code "\\n.cfi_endproc; .size " name ", .-" name "\\n\"\n"

static const char shared[] = "asm(\n" FUNCTION("plain", "push %rbx; pop %rbx; ret") FUNCTION(
	"direct",
	"je 1f; ret; 1: jmp local") FUNCTION("by_plt",
					     "jmp plain@PLT") FUNCTION("by_got",
								       "jmp *plain@GOTPCREL(%rip)")
	FUNCTION("to_other", "je 1f; ret; 1: jmp getenv@PLT") FUNCTION(
		"to_other_by_got",
		"je 1f; ret; 1: jmp *getenv@GOTPCREL(%rip)") FUNCTION("by_hook", "je 1f; ret; 1: "
										 "jmp *hook(%rip)")
		FUNCTION("by_register", "je 1f; ret; 1: jmp *%rax") FUNCTION(
			"by_hook_only",
			"jmp *hook(%rip)") FUNCTION("one", "je two; ret") FUNCTION("two",
										   "jne one; je "
										   "three@PLT; ret")
			FUNCTION("three", "jmp one@PLT") FUNCTION(
				"into_data",
				"je 1f; ret; 1: jmp "
				"data") FUNCTION("into_no_function",
						 "je 1f; ret; 1: jmp bare") FUNCTION("out_of_code",
										     "je 1f; ret; "
										     "1: jmp hook")
				FUNCTION("to_a_resolver", "je 1f; ret; 1: jmp chosen@PLT") FUNCTION(
					"data",
					"ret; .byte 6") "    \"local: .cfi_startproc; push %rbx; "
							"pop %rbx; ret; .cfi_endproc\\n\"\n"
							"    \"bare: ret\\n\");\n"
							"static void *hook __attribute__((used));\n"
							"static void *choose(void) { return 0; }\n"
							"void chosen(void) "
							"__attribute__((ifunc(\"choose\")));\n";

static void test_jumps(void **state)
{
	static const struct {
		const char *function;
		int err;
		size_t nr;
	} cases[] = {
		{ "plain", 0, 1 },
		{ "direct", 0, 2 },
		{ "by_plt", 0, 1 },
		{ "by_got", 0, 1 },
		{ "to_other", -ENOTSUP },
		{ "to_other_by_got", -ENOTSUP },
		{ "by_hook", 0, 1 },
		{ "by_register", 0, 1 },
		{ "by_hook_only", -ENOTSUP },
		{ "one", 0, 2 },
		{ "three", 0, 2 },
		{ "into_data", -ENOTSUP },
		{ "into_no_function", -ENOTSUP },
		{ "out_of_code", -ENOTSUP },
		{ "to_a_resolver", -ENOTSUP },
	};
	static const char *const builds[] = {
		"-Wl,--no-relax -Wl,-z,lazy",		 /* .plt, and .plt.got */
		"-Wl,--no-relax -Wl,-z,now",		 /* .plt.got only */
		"-Wl,--no-relax -Wl,-z,ibtplt",		 /* .plt.sec, with endbr64 */
		"-Wl,-Bsymbolic-functions -fuse-ld=bfd", /* without any for what is its own */
	};

#ifndef __x86_64__
	skip();
#endif
	for (size_t i = 0; i < ARRAY_SIZE(builds); i++) {
		char flags[200];

		snprintf(flags, sizeof(flags), "-O1 -shared -fPIC %s", builds[i]);
		fixture_compile("jumps", shared, flags);
		for (size_t j = 0; j < ARRAY_SIZE(cases); j++) {
			struct mt_ends ends;
			int err = ends_of("jumps", cases[j].function, &ends);

			if (err != cases[j].err || (!err && ends.nr != cases[j].nr))
				fail_msg("%s, %s: %d, %zu ends", builds[i], cases[j].function, err,
					 ends.nr);
		}
	}
}

/* `nr` functions in a circle of jumps; the first has one `ret`. */
static int ends_of_many(int nr, const char *body, struct mt_ends *out)
{
	char source[32768];
	size_t len = (size_t)snprintf(source, sizeof(source), "asm(\n");

	for (int i = 0; i < nr; i++)
		len += (size_t)snprintf(
			source + len, sizeof(source) - len,
			"\".globl f%d; .type f%d, @function; f%d: .cfi_startproc; jne 1f;\"\n"
			"\"%s; 1: jmp f%d; .cfi_endproc; .size f%d, .-f%d\\n\"\n",
			i, i, i, i ? body : "ret", (i + 1) % nr, i, i);
	snprintf(source + len, sizeof(source) - len, ");\n");
	fixture_compile("many", source, "-O1 -shared -fPIC -Wl,-Bsymbolic-functions");
	return ends_of("many", "f0", out);
}

static void test_ends_bounds(void **state)
{
	struct mt_ends ends;

#ifndef __x86_64__
	skip();
#endif
	assert_int_equal(ends_of_many(64, "ud2", &ends), 0);
	assert_int_equal(ends.nr, 1);
	assert_int_equal(ends_of_many(65, "ud2", &ends), -E2BIG);
	assert_int_equal(ends_of_many(32, "ret; nop; ret", &ends), 0);
	assert_int_equal(ends.nr, 63);
	assert_int_equal(ends_of_many(33, "ret; nop; ret", &ends), -E2BIG);
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
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_stub),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_every_function_of_libc),
		cmocka_unit_test(test_operators),
		cmocka_unit_test(test_jumps),
		cmocka_unit_test(test_ends_bounds),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
