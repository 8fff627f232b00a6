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
#include "target/placement.h"
#include "util/cleanup.h"

#define ARG1 MT_PLACEMENT_ARG1
#define ARG2 MT_PLACEMENT_ARG2
#define ARG3 MT_PLACEMENT_ARG3

struct shape {
	const char *name;
	unsigned int needed;
	uint32_t offset;
	enum mt_placement placement;
	size_t len;
	uint8_t bytes[48];
	uint8_t ret_at; /* the function goes on with nops until a `ret` here; 0: it does not */
};

#define STEPPED	 MT_PLACEMENT_STEPPED
#define EMULATED MT_PLACEMENT_EMULATED
#define CODE(...)                           \
	sizeof((uint8_t[]){ __VA_ARGS__ }), \
	{                                   \
		__VA_ARGS__                 \
	}

/* Debian 12's libc6 2.36-9+deb12u14, amd64: as objdump shows them. */
static const struct shape glibc[] = {
	/* push r12; push rbp; push rbx; mov rbx, rdi; sub rsp, 16 */
	{ "malloc", ARG1, 0, EMULATED,
	  CODE(0x41, 0x54, 0x55, 0x53, 0x48, 0x89, 0xfb, 0x48, 0x83, 0xec, 0x10) },
	/* push r13; mov rax, rdi; push r12; push rbp; push rbx; sub rsp, 24; mul rsi */
	{ "calloc", ARG1 | ARG2, 0, EMULATED,
	  CODE(0x41, 0x55, 0x48, 0x89, 0xf8, 0x41, 0x54, 0x55, 0x53, 0x48, 0x83, 0xec, 0x18, 0x48,
	       0xf7, 0xe6) },
	/* push r15; push r14; push r13; push r12; push rbp; mov rbp, rsi */
	{ "realloc", ARG1 | ARG2, 0, EMULATED,
	  CODE(0x41, 0x57, 0x41, 0x56, 0x41, 0x55, 0x41, 0x54, 0x55, 0x48, 0x89, 0xf5) },
	/* test rdi, rdi; je (a ret at 200); push rbp; lea rsi, [rdi-16]; push rbx; sub rsp, 24 */
	{ "free", ARG1, 9, EMULATED,
	  CODE(0x48, 0x85, 0xff, 0x0f, 0x84, 0xbf, 0x00, 0x00, 0x00, 0x55, 0x48, 0x8d, 0x77, 0xf0,
	       0x53, 0x48, 0x83, 0xec, 0x18),
	  .ret_at = 200 },
	/* cmpb [rip+0x140201], 0; push r12; mov r12, rdx; push rbp */
	{ "posix_memalign", ARG1 | ARG3, 7, EMULATED,
	  CODE(0x80, 0x3d, 0x01, 0x02, 0x14, 0x00, 0x00, 0x41, 0x54, 0x49, 0x89, 0xd4, 0x55) },
	/* cmpb [rip+0x140e31], 0; push rbx; mov rbx, rdi */
	{ "valloc", ARG1, 7, EMULATED,
	  CODE(0x80, 0x3d, 0x31, 0x0e, 0x14, 0x00, 0x00, 0x53, 0x48, 0x89, 0xfb) },
	/* cmpb [rip+0x140e71], 0; je 16; jmp; xchg ax, ax; sub rsp, 24: no push */
	{ "aligned_alloc", ARG2, 0, STEPPED,
	  CODE(0x80, 0x3d, 0x71, 0x0e, 0x14, 0x00, 0x00, 0x74, 0x07, 0xe9, 0x32, 0xf6, 0xff, 0xff,
	       0x66, 0x90, 0x48, 0x83, 0xec, 0x18) },
	/* mov rax, rsi; mul rdx (writes rdx); mov rsi, rax; jo; jmp */
	{ "reallocarray", ARG1 | ARG2 | ARG3, 0, STEPPED,
	  CODE(0x48, 0x89, 0xf0, 0x48, 0xf7, 0xe2, 0x48, 0x89, 0xc6, 0x70, 0x05, 0xe9, 0x40, 0xb8,
	       0xf8, 0xff, 0xc3) },
	/* push r15; push r14; push r13; push r12; push rbp; push rbx; sub rsp, 280 */
	{ "pthread_create", 0, 0, EMULATED,
	  CODE(0x41, 0x57, 0x41, 0x56, 0x41, 0x55, 0x41, 0x54, 0x55, 0x53, 0x48, 0x81, 0xec, 0x18,
	       0x01, 0x00, 0x00) },
};

static const struct shape shapes[] = {
	/* What the kernel emulates as the entry itself. */
	{ "push rsp", 0, 0, EMULATED, CODE(0x54, 0xc3) },
	{ "push r8", 0, 0, EMULATED, CODE(0x41, 0x50, 0xc3) },
	{ "nop", 0, 0, EMULATED, CODE(0x90, 0xc3) },
	{ "jmp short", 0, 0, EMULATED, CODE(0xeb, 0x10) },
	{ "jmp near", 0, 0, EMULATED, CODE(0xe9, 0x00, 0x10, 0x00, 0x00) },
	{ "je short", 0, 0, EMULATED, CODE(0x74, 0x10, 0xc3) },
	{ "jns near", 0, 0, EMULATED, CODE(0x0f, 0x89, 0x00, 0x10, 0x00, 0x00, 0xc3) },
	{ "call", 0, 0, EMULATED, CODE(0xe8, 0x00, 0x10, 0x00, 0x00, 0xc3) },
	/* And what it steps: REX.W push, push imm, push [mem], pause, jmp rax, ret. */
	{ "rex.w push", 0, 0, STEPPED, CODE(0x48, 0x50, 0xc3) },
	{ "pop r8", 0, 0, STEPPED, CODE(0x41, 0x58, 0xc3) },
	{ "push imm", 0, 0, STEPPED, CODE(0x6a, 0x01, 0x55, 0xc3) },
	{ "push mem", 0, 0, STEPPED, CODE(0xff, 0x37, 0x55, 0xc3) },
	{ "pause", 0, 0, STEPPED, CODE(0xf3, 0x90, 0xc3) },
	{ "xchg r8, rax", 0, 0, STEPPED, CODE(0x41, 0x90, 0xc3) },
	{ "jmp rax", 0, 0, STEPPED, CODE(0xff, 0xe0) },
	{ "bnd jmp", 0, 0, STEPPED, CODE(0xf2, 0xe9, 0x00, 0x10, 0x00, 0x00) },
	{ "ret", 0, 0, STEPPED, CODE(0xc3) },

	/* endbr64; push rbp. endbr64; test rdi, rdi; je (ret); push rbp */
	{ "endbr64", ARG1, 4, EMULATED, CODE(0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0xc3) },
	{ "endbr64 and test", ARG1, 9, EMULATED,
	  CODE(0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x85, 0xff, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0xc3) },
	/* A probe does not go on a long nop, nor on one behind the entry. */
	{ "nop5", ARG1, 5, EMULATED, CODE(0x0f, 0x1f, 0x44, 0x00, 0x00, 0x55, 0xc3) },
	{ "nop5, sub", ARG1, 5, STEPPED,
	  CODE(0x0f, 0x1f, 0x44, 0x00, 0x00, 0x48, 0x83, 0xec, 0x08, 0x55, 0xc3) },
	{ "xchg ax, ax", ARG1, 2, EMULATED, CODE(0x66, 0x90, 0x55, 0xc3) },
	{ "endbr64, nop5", ARG1, 0, STEPPED,
	  CODE(0xf3, 0x0f, 0x1e, 0xfa, 0x0f, 0x1f, 0x44, 0x00, 0x00, 0xc3) },
	/* Only pushes behind the entry: endbr64; jmp. endbr64; nop. endbr64; call */
	{ "endbr64, jmp", 0, 0, STEPPED, CODE(0xf3, 0x0f, 0x1e, 0xfa, 0xeb, 0x10) },
	{ "endbr64, nop", 0, 0, STEPPED, CODE(0xf3, 0x0f, 0x1e, 0xfa, 0x90, 0xc3) },
	{ "endbr64, call", 0, 0, STEPPED,
	  CODE(0xf3, 0x0f, 0x1e, 0xfa, 0xe8, 0x00, 0x10, 0x00, 0x00, 0xc3) },

	/* Early returns: test rsi, rsi; je (xor eax, eax; ret); push */
	{ "size 0", ARG2, 5, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x31, 0xc0, 0xc3) },
	{ "not an argument", ARG1, 0, STEPPED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x31, 0xc0, 0xc3) },
	{ "half of it", ARG2, 0, STEPPED,
	  CODE(0x85, 0xf6, 0x90, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x31, 0xc0, 0xc3) },
	{ "half, at once", ARG2, 0, STEPPED,
	  CODE(0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x31, 0xc0, 0xc3) },
	{ "two registers", ARG1 | ARG2, 0, STEPPED,
	  CODE(0x48, 0x85, 0xf7, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x31, 0xc0, 0xc3) },
	{ "js, not je", ARG2, 0, STEPPED,
	  CODE(0x48, 0x85, 0xf6, 0x78, 0x03, 0x55, 0x5d, 0xc3, 0x31, 0xc0, 0xc3) },
	/* The taken path stores, calls, jumps, takes too long, or is elsewhere: it may be work. */
	{ "stores", ARG2, 0, STEPPED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x89, 0x07, 0xc3) },
	{ "calls", ARG2, 0, STEPPED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0xe8, 0x00, 0x10, 0x00, 0x00,
	       0xc3) },
	{ "jumps", ARG2, 0, STEPPED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0xeb, 0x00, 0xc3) },
	{ "takes long", ARG2, 0, STEPPED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x31, 0xc0, 0x31, 0xc0, 0x31, 0xc0,
	       0x31, 0xc0, 0xc3) },
	{ "elsewhere", ARG2, 0, STEPPED, CODE(0x48, 0x85, 0xf6, 0x74, 0x70, 0x55, 0x5d, 0xc3) },
	/* cmp rsi, [rdi]; ja +3; mov rax, rsi; ret; push: an allocator's fast path */
	{ "fast path", ARG1, 0, STEPPED,
	  CODE(0x48, 0x3b, 0x37, 0x77, 0x04, 0x48, 0x89, 0xf0, 0xc3, 0x55, 0x5d, 0xc3) },

	/* Arguments, stack and frame pointer gone: mov rdi, rax; mov edi; mul; xchg; cmpxchg */
	{ "mov rdi", ARG1, 0, STEPPED, CODE(0x48, 0x89, 0xc7, 0x55, 0xc3) },
	{ "mov rdi, not needed", ARG2, 3, EMULATED, CODE(0x48, 0x89, 0xc7, 0x55, 0xc3) },
	{ "mov dil", ARG1, 0, STEPPED, CODE(0x40, 0xb7, 0x01, 0x55, 0xc3) },
	{ "mul", ARG3, 0, STEPPED, CODE(0x48, 0xf7, 0xe6, 0x55, 0xc3) },
	{ "mul, not needed", ARG1 | ARG2, 3, EMULATED, CODE(0x48, 0xf7, 0xe6, 0x55, 0xc3) },
	{ "cmov rdi", ARG1, 0, STEPPED, CODE(0x48, 0x0f, 0x44, 0xf8, 0x55, 0xc3) },
	{ "sub rsp", 0, 0, STEPPED, CODE(0x48, 0x83, 0xec, 0x08, 0x55, 0xc3) },
	{ "lea rsp", 0, 0, STEPPED, CODE(0x48, 0x8d, 0x64, 0x24, 0xf8, 0x55, 0xc3) },
	{ "mov rbp", 0, 0, STEPPED, CODE(0x48, 0x89, 0xfd, 0x55, 0xc3) },
	{ "mov [rsp]", 0, 0, STEPPED, CODE(0x48, 0x89, 0x3c, 0x24, 0x55, 0xc3) },
	{ "rep stosb", ARG1, 0, STEPPED, CODE(0xf3, 0xaa, 0x55, 0xc3) },
	{ "syscall", 0, 0, STEPPED, CODE(0x0f, 0x05, 0x55, 0xc3) },
	{ "ud2", 0, 0, STEPPED, CODE(0x0f, 0x0b, 0x55, 0xc3) },
	/* mov rax, [rip+0x1234]; push */
	{ "rip-relative", ARG1, 7, EMULATED,
	  CODE(0x48, 0x8b, 0x05, 0x34, 0x12, 0x00, 0x00, 0x55, 0xc3) },

	/* Loops: xor eax, eax; push rbx; pop rbx; jne to: the push, before it, behind it, 0. */
	{ "loop to the push", 0, 0, STEPPED, CODE(0x31, 0xc0, 0x53, 0x5b, 0x75, 0xfc, 0xc3) },
	{ "loop before it", 0, 0, STEPPED,
	  CODE(0x31, 0xc0, 0x31, 0xc9, 0x53, 0x5b, 0x75, 0xfa, 0xc3) },
	{ "loop behind it", 0, 2, EMULATED, CODE(0x31, 0xc0, 0x53, 0x5b, 0x75, 0xfd, 0xc3) },
	{ "tail recursion", 0, 0, STEPPED, CODE(0x31, 0xc0, 0x53, 0x5b, 0xeb, 0xfa) },
	{ "recursion", 0, 2, EMULATED,
	  CODE(0x31, 0xc0, 0x53, 0xe8, 0xf8, 0xff, 0xff, 0xff, 0x5b, 0xc3) },
	{ "call of its middle", 0, 0, STEPPED,
	  CODE(0x31, 0xc0, 0x53, 0xe8, 0xfa, 0xff, 0xff, 0xff, 0x5b, 0xc3) },
	{ "loop instruction", 0, 0, STEPPED, CODE(0x31, 0xc0, 0x53, 0x5b, 0xe2, 0xfc, 0xc3) },
	/* xor eax, eax; jne over the push: not every call runs it */
	{ "around it", 0, 0, STEPPED, CODE(0x31, 0xc0, 0x75, 0x02, 0x53, 0x5b, 0xc3) },
	/* It may go anywhere; what follows it is no code. */
	{ "switch", 0, 0, STEPPED, CODE(0x31, 0xc0, 0x53, 0x5b, 0xff, 0xe0) },
	{ "no code behind", 0, 0, STEPPED, CODE(0x31, 0xc0, 0x53, 0x5b, 0xc3, 0x06) },
	{ "cut short", 0, 0, STEPPED, CODE(0x31, 0xc0, 0x53, 0x5b, 0xe8, 0x00) },
	{ "no code", 0, 0, STEPPED, CODE(0x06) },
};

static void check_shape(const struct shape *s)
{
	struct mt_placement_result r = { .offset = UINT32_MAX };
	uint8_t code[256];
	size_t len = s->len;

	memset(code, 0x90, sizeof(code));
	memcpy(code, s->bytes, s->len);
	if (s->ret_at) {
		code[s->ret_at] = 0xc3;
		len = s->ret_at + 1;
	}
	assert_int_equal(mt_placement_choose(code, len, s->needed, &r), 0);
	if (r.offset != s->offset || r.placement != s->placement)
		fail_msg("%s: +%u %s, expected +%u %s", s->name, r.offset,
			 mt_placement_name(r.placement), s->offset,
			 mt_placement_name(s->placement));
}

static void test_glibc(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(glibc); i++)
		check_shape(&glibc[i]);
}

static void test_shapes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		check_shape(&shapes[i]);
}

static void test_refused(void **state)
{
	static uint8_t code[MT_PLACEMENT_CODE_MAX + 1];
	/* nop5; xor eax, eax; jne to the xor */
	static const uint8_t loop[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00, 0x31, 0xc0, 0x75, 0xfc };
	struct mt_placement_result r = { .offset = 7, .placement = EMULATED };

	memset(code, 0x90, sizeof(code));
	assert_int_equal(mt_placement_choose(code, 0, 0, &r), -EINVAL);
	assert_int_equal(mt_placement_choose(code, sizeof(code), 0, &r), -EINVAL);
	assert_int_equal(mt_placement_choose(loop, sizeof(loop), 0, &r), -ENOTSUP);
	assert_int_equal(mt_placement_choose(loop, 5, 0, &r), -ENOTSUP);
	assert_int_equal(r.offset, 7);
	assert_int_equal(r.placement, EMULATED);
	assert_int_equal(mt_placement_choose(code, sizeof(code) - 1, 0, &r), 0);
}

/* Everything that an instruction before the probe must not be, by another way than the code's. */
static void check_before(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op,
			 unsigned int needed, const char *name)
{
	static const ZydisMnemonic never[] = {
		ZYDIS_MNEMONIC_PUSH, ZYDIS_MNEMONIC_POP,     ZYDIS_MNEMONIC_CALL,
		ZYDIS_MNEMONIC_RET,  ZYDIS_MNEMONIC_JMP,     ZYDIS_MNEMONIC_LEAVE,
		ZYDIS_MNEMONIC_UD2,  ZYDIS_MNEMONIC_SYSCALL, ZYDIS_MNEMONIC_HLT,
	};
	static const struct {
		unsigned int needed; /* 0: always */
		ZydisRegister registers[4];
	} kept[] = {
		{ 0, { ZYDIS_REGISTER_RSP, ZYDIS_REGISTER_ESP } },
		{ 0, { ZYDIS_REGISTER_RBP, ZYDIS_REGISTER_EBP, ZYDIS_REGISTER_BPL } },
		{ ARG1, { ZYDIS_REGISTER_RDI, ZYDIS_REGISTER_EDI, ZYDIS_REGISTER_DIL } },
		{ ARG2, { ZYDIS_REGISTER_RSI, ZYDIS_REGISTER_ESI, ZYDIS_REGISTER_SIL } },
		{ ARG3, { ZYDIS_REGISTER_RDX, ZYDIS_REGISTER_EDX, ZYDIS_REGISTER_DL } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(never); i++) {
		if (in->mnemonic == never[i])
			fail_msg("%s: mnemonic %d before the probe", name, never[i]);
	}
	for (size_t i = 0; i < in->operand_count; i++) {
		if (op[i].type != ZYDIS_OPERAND_TYPE_REGISTER ||
		    !(op[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		for (size_t j = 0; j < 4 * ARRAY_SIZE(kept); j++) {
			unsigned int only = kept[j / 4].needed;

			if ((!only || only & needed) && op[i].reg.value &&
			    op[i].reg.value == kept[j / 4].registers[j % 4])
				fail_msg("%s: register %d written before the probe", name,
					 op[i].reg.value);
		}
	}
}

/* One linear sweep, from the first byte: is the choice a place in it, and as good as said? */
static void check_choice(const uint8_t *code, size_t len, unsigned int needed,
			 const struct mt_placement_result *r, const char *name)
{
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;
	ZydisDecoder decoder;
	bool found = false;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (size_t at = 0; at < len; at += in.length) {
		uint64_t to;

		if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, code + at, len - at, &in, op))) {
			assert_int_equal(r->offset, 0);
			return;
		}
		found = found || at == r->offset;
		if (at < r->offset)
			check_before(&in, op, needed, name);
		if (at == r->offset && r->offset && r->placement == EMULATED)
			assert_int_equal(in.mnemonic, ZYDIS_MNEMONIC_PUSH);
		if (at == r->offset)
			assert_false(in.mnemonic == ZYDIS_MNEMONIC_NOP && in.length > 1);
		if (r->offset && in.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE &&
		    in.mnemonic != ZYDIS_MNEMONIC_RET && in.mnemonic != ZYDIS_MNEMONIC_CALL &&
		    ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&in, &op[0], 0x1000 + at, &to)) &&
		    to >= 0x1000 && to - 0x1000 <= r->offset)
			fail_msg("%s: branch to +%d, before the probe", name, (int)(to - 0x1000));
	}
	if (!found)
		fail_msg("%s: +%u is in the middle of an instruction", name, r->offset);
}

struct sweep {
	struct mt_elf *elf;
	int fd;
	size_t choices;
	size_t behind;
	size_t emulated;
};

static int check_function(const struct mt_elf_symbol *sym, void *arg)
{
	struct sweep *s = arg;
	struct mt_placement_result r;
	_free_ uint8_t *code = NULL;
	uint64_t offset;

	if (sym->ifunc || !sym->size || sym->size > MT_PLACEMENT_CODE_MAX ||
	    mt_elf_offset_of(s->elf, sym->address, &offset))
		return 0;
	code = malloc(sym->size); /* exactly: ASan sees a read behind it */
	assert_int_equal(pread(s->fd, code, sym->size, (off_t)offset), sym->size);
	for (unsigned int needed = 0; needed < 8; needed++) {
		assert_int_equal(mt_placement_choose(code, sym->size, needed, &r), 0);
		check_choice(code, sym->size, needed, &r, sym->name);
		s->choices++;
		s->behind += r.offset > 0;
		s->emulated += r.placement == EMULATED;
	}
	return 0;
}

static void test_every_function_of_libc(void **state)
{
#ifndef __x86_64__
	skip();
#endif
	_close_ int fd = fixture_open(FIXTURE_LIBC);
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	struct sweep s = { .fd = fd };

	assert_int_equal(mt_elf_new(&elf, fd), 0);
	s.elf = elf;
	mt_elf_each_function(elf, check_function, &s);
	printf("%zu choices: %zu emulated, %zu behind the entry\n", s.choices, s.emulated,
	       s.behind);
	assert_in_range(s.choices, 8 * 1000, 8 * 100000);
	assert_in_range(s.behind, 100, s.emulated);
}

/* Random bytes, and real prologues with random damage, at the end of a readable page. */
static void test_hostile(void **state)
{
	uint8_t *pages =
		mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t behind = 0;

	assert_true(pages != MAP_FAILED);
	assert_int_equal(mprotect(pages + 4096, 4096, PROT_NONE), 0);
	for (int i = 0; i < 20000; i++) {
		const struct shape *s = &shapes[fixture_random(ARRAY_SIZE(shapes))];
		unsigned int needed = (unsigned int)fixture_random(8);
		struct mt_placement_result r;
		size_t len = i % 2 ? s->len : 1 + fixture_random(200);
		uint8_t *code = pages + 4096 - len;

		for (size_t j = 0; j < len; j++)
			code[j] = (uint8_t)fixture_random(256);
		if (i % 2) {
			memcpy(code, s->bytes, len);
			code[fixture_random(len)] = (uint8_t)fixture_random(256);
		}
		if (mt_placement_choose(code, len, needed, &r))
			continue;
		check_choice(code, len, needed, &r, "hostile");
		behind += r.offset > 0;
	}
	assert_in_range(behind, 100, 20000);
	munmap(pages, 8192);
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
		cmocka_unit_test(test_glibc),	cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_every_function_of_libc),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
