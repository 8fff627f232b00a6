// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/mman.h>

#include <linux/version.h>

#include "elf_fixture.h"
#include "placement_check.h"
#include "placement_shapes.h"
#include "target/placement.h"
#include "target/placement_machine.h"
#include "util/cleanup.h"

#define NEW_KERNEL KERNEL_VERSION(6, 18, 0)

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
	{ "jmp rax", 0, 0, STEPPED, CODE(0xff, 0xe0) },
	{ "bnd jmp", 0, 0, STEPPED, CODE(0xf2, 0xe9, 0x00, 0x10, 0x00, 0x00) },
	{ "ret", 0, 0, STEPPED, CODE(0xc3) },

	/* endbr64; push rbp. endbr64; test rdi, rdi; je (ret); push rbp */
	{ "endbr64", ARG1, 4, EMULATED, CODE(0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0xc3) },
	{ "endbr64 and test", ARG1, 9, EMULATED,
	  CODE(0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x85, 0xff, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0xc3),
	  .block = ARG1 },
	/* A probe does not go on a long nop, nor on one behind the entry. */
	{ "nop5", ARG1, 5, EMULATED, CODE(0x0f, 0x1f, 0x44, 0x00, 0x00, 0x55, 0xc3) },
	{ "nop5, sub", ARG1, 5, STEPPED,
	  CODE(0x0f, 0x1f, 0x44, 0x00, 0x00, 0x48, 0x83, 0xec, 0x08, 0x55, 0xc3) },
	{ "nop5, jmp", ARG1, 5, EMULATED, CODE(0x0f, 0x1f, 0x44, 0x00, 0x00, 0xeb, 0x10) },
	{ "another nop5", ARG1, 5, EMULATED, CODE(0x66, 0x0f, 0x1f, 0x40, 0x00, 0x55, 0xc3) },
	{ "endbr64, nop5", ARG1, 0, STEPPED,
	  CODE(0xf3, 0x0f, 0x1e, 0xfa, 0x0f, 0x1f, 0x44, 0x00, 0x00, 0xc3) },
	/* The other nops, as the kernel is: xchg ax, ax; nopl [rax]; nopl [rax+0] */
	{ "66 90", ARG1, 0, EMULATED, CODE(0x66, 0x90, 0x48, 0x83, 0xec, 0x08) },
	{ "66 90 of 6.1", ARG1, 2, STEPPED, CODE(0x66, 0x90, 0x48, 0x83, 0xec, 0x08),
	  .kernel = KERNEL_VERSION(6, 1, 255) },
	{ "66 90 of 6.1, push", ARG1, 2, EMULATED, CODE(0x66, 0x90, 0x55, 0xc3),
	  .kernel = KERNEL_VERSION(6, 1, 255) },
	{ "nop3", ARG1, 0, EMULATED, CODE(0x0f, 0x1f, 0x00, 0x48, 0x83, 0xec, 0x08) },
	{ "nop3 of 6.15", ARG1, 3, STEPPED, CODE(0x0f, 0x1f, 0x00, 0x48, 0x83, 0xec, 0x08),
	  .kernel = KERNEL_VERSION(6, 15, 9) },
	{ "nop8", ARG1, 0, EMULATED,
	  CODE(0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00, 0x48, 0x83, 0xec, 0x08) },
	{ "0f 1f /1", ARG1, 3, STEPPED, CODE(0x0f, 0x1f, 0x08, 0x48, 0x83, 0xec, 0x08) },
	{ "push of 4.15", 0, 0, STEPPED, CODE(0x55, 0xc3), .kernel = KERNEL_VERSION(4, 15, 18) },
	{ "push of 4.16", 0, 0, EMULATED, CODE(0x55, 0xc3), .kernel = KERNEL_VERSION(4, 16, 0) },
	/* Behind the entry: endbr64 and: jmp, nop, call; a push needs no trial. */
	{ "endbr64, jmp", ARG1, 4, EMULATED, CODE(0xf3, 0x0f, 0x1e, 0xfa, 0xeb, 0x10) },
	{ "endbr64, nop", ARG1, 4, EMULATED, CODE(0xf3, 0x0f, 0x1e, 0xfa, 0x90, 0xc3) },
	{ "endbr64, call", ARG1, 4, EMULATED,
	  CODE(0xf3, 0x0f, 0x1e, 0xfa, 0xe8, 0x00, 0x10, 0x00, 0x00, 0xc3) },
	/* Branches with a prefix: bnd, a hint, 66 (refused by the kernel); loop, jrcxz. */
	{ "endbr64, bnd jmp", 0, 0, STEPPED,
	  CODE(0xf3, 0x0f, 0x1e, 0xfa, 0xf2, 0xe9, 0x00, 0x10, 0x00, 0x00) },
	{ "hinted je", 0, 0, STEPPED, CODE(0x31, 0xc0, 0x2e, 0x74, 0x01, 0xc3, 0x55, 0xc3) },
	{ "66 jmp", 0, 0, STEPPED, CODE(0x31, 0xc0, 0x66, 0xe9, 0x00, 0x10, 0x00, 0x00, 0xc3) },
	{ "loop ahead", 0, 0, STEPPED, CODE(0x31, 0xc0, 0xe2, 0x01, 0x55, 0x55, 0xc3) },
	{ "jrcxz", 0, 0, STEPPED, CODE(0x31, 0xc0, 0xe3, 0x01, 0x55, 0x55, 0xc3) },

	/* Early returns: test rsi, rsi; je (xor eax, eax; ret); push */
	{ "size 0", ARG2, 5, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x31, 0xc0, 0xc3) },
	/*
	 * The same with: mov eax, 0; mov rax, rsi; xor edi, edi and mov rax, rdi. Who returns
	 * anything else has answered: lea rax, [rip]; mov eax, 16; xor eax, eax and mov al, 1;
	 * xor al, al; xor eax, ecx; xor ecx, ecx; mov rax, rdi; nothing.
	 */
	{ "mov 0", ARG2, 5, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0xb8, 0x00, 0x00, 0x00, 0x00,
	       0xc3) },
	{ "the size", ARG2, 5, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x48, 0x89, 0xf0, 0xc3) },
	{ "0 moved", ARG2, 5, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x31, 0xff, 0x48, 0x89, 0xf8,
	       0xc3) },
	{ "a block of size 0", ARG2, 3, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x48, 0x8d, 0x05, 0x00, 0x00, 0x00,
	       0x00, 0xc3) },
	{ "mov 16", ARG2, 3, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0xb8, 0x10, 0x00, 0x00, 0x00,
	       0xc3) },
	{ "no longer 0", ARG2, 3, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x31, 0xc0, 0xb0, 0x01, 0xc3) },
	{ "xor al", ARG2, 3, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x30, 0xc0, 0xc3) },
	{ "xor with another", ARG2, 3, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x31, 0xc8, 0xc3) },
	{ "0 elsewhere", ARG2, 3, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x31, 0xc9, 0xc3) },
	{ "not the size", ARG2, 3, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x48, 0x89, 0xf8, 0xc3) },
	{ "a size's bare return", ARG2, 3, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0xc3) },
	{ "a factor's", ARG1 | ARG2, 3, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0xc3), .factors = ARG1 | ARG2 },
	{ "a block's", ARG2, 5, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0xc3), .block = ARG2 },
	/* The size is 0, and the block is returned. */
	{ "a size's, of two", ARG1 | ARG2, 3, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x48, 0x89, 0xf8, 0xc3),
	  .block = ARG1 },
	/* test rsi, rsi; je (xor eax, eax; ret); test rdi, rdi; je (ret); then push, or sub rsp */
	{ "two of them", ARG1 | ARG2, 10, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x08, 0x48, 0x85, 0xff, 0x74, 0x05, 0x55, 0x5d, 0xc3, 0x31,
	       0xc0, 0xc3),
	  .block = ARG1 },
	{ "two, no push", ARG1 | ARG2, 8, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x09, 0x48, 0x85, 0xff, 0x74, 0x06, 0x48, 0x83, 0xec, 0x08,
	       0x31, 0xc0, 0xc3),
	  .block = ARG1 },
	/* mov rax, rsi; test rax, rax: the argument all the same */
	{ "moved", ARG2, 8, EMULATED,
	  CODE(0x48, 0x89, 0xf0, 0x48, 0x85, 0xc0, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0xc3) },
	/* In what follows the way out is none, so the branch it is, not the push behind. */
	{ "not an argument", ARG1, 3, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x31, 0xc0, 0xc3) },
	{ "half of it", ARG2, 2, EMULATED,
	  CODE(0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x31, 0xc0, 0xc3) },
	{ "not at once", ARG2, 5, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x31, 0xc9, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x31, 0xc0, 0xc3) },
	{ "two registers", ARG1 | ARG2, 3, EMULATED,
	  CODE(0x48, 0x85, 0xf7, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x31, 0xc0, 0xc3) },
	{ "js, not je", ARG2, 3, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x78, 0x03, 0x55, 0x5d, 0xc3, 0x31, 0xc0, 0xc3) },
	/* The taken path stores, calls, jumps, takes too long, or is elsewhere: it may be work. */
	{ "stores", ARG2, 3, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x89, 0x07, 0xc3) },
	{ "calls", ARG2, 3, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0xe8, 0x00, 0x10, 0x00, 0x00,
	       0xc3) },
	{ "jumps", ARG2, 3, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0xeb, 0x00, 0xc3) },
	{ "takes long", ARG2, 3, EMULATED,
	  CODE(0x48, 0x85, 0xf6, 0x74, 0x03, 0x55, 0x5d, 0xc3, 0x31, 0xc0, 0x31, 0xc0, 0x31, 0xc0,
	       0x31, 0xc0, 0xc3) },
	{ "elsewhere", ARG2, 3, EMULATED, CODE(0x48, 0x85, 0xf6, 0x74, 0x70, 0x55, 0x5d, 0xc3) },
	/* cmp rsi, [rdi]; ja +3; mov rax, rsi; ret; push: an allocator's fast path */
	{ "fast path", ARG1, 3, EMULATED,
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
	/* Stores are work: mov [rax], rcx; lock xadd [rax], rcx */
	{ "mov [rax]", 0, 0, STEPPED, CODE(0x48, 0x89, 0x08, 0x55, 0xc3) },
	{ "xchg [rax]", 0, 0, STEPPED, CODE(0x48, 0x87, 0x08, 0x55, 0xc3) },
	{ "stosb", ARG1, 0, STEPPED, CODE(0xaa, 0x55, 0xc3) },
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
	{ "around it", 0, 2, EMULATED, CODE(0x31, 0xc0, 0x75, 0x02, 0x53, 0x5b, 0xc3) },
	/* xor eax, eax; jmp, or jne, to itself; je ahead and a jne back to it */
	{ "jmp to itself", 0, 0, STEPPED, CODE(0x31, 0xc0, 0xeb, 0xfe) },
	{ "jne to itself", 0, 0, STEPPED, CODE(0x31, 0xc0, 0x75, 0xfe, 0xc3) },
	{ "branch in a loop", 0, 0, STEPPED,
	  CODE(0x31, 0xc0, 0x74, 0x04, 0xff, 0xc0, 0x75, 0xfa, 0xc3) },
	/* It may go anywhere; what follows it is no code. */
	{ "switch", 0, 0, STEPPED, CODE(0x31, 0xc0, 0x53, 0x5b, 0xff, 0xe0) },
	{ "no code behind", 0, 0, STEPPED, CODE(0x31, 0xc0, 0x53, 0x5b, 0xc3, 0x06) },
	{ "cut short", 0, 0, STEPPED, CODE(0x31, 0xc0, 0x53, 0x5b, 0xe8, 0x00) },
	{ "cut branch", 0, 0, STEPPED, CODE(0x31, 0xc0, 0x0f) },

	/* mov rbx, rdi; xor edi, edi; push: where it was moved to */
	{ "moved away", ARG1, 5, EMULATED, CODE(0x48, 0x89, 0xfb, 0x31, 0xff, 0x55, 0xc3),
	  .args = { RBX, 0, 0 } },
	{ "and a copy", ARG1, 3, EMULATED, CODE(0x48, 0x89, 0xfb, 0x55, 0xc3) },
	/* mov rax, rdi; mov rcx, rax; xor edi, edi; xor eax, eax */
	{ "moved twice", ARG1, 10, EMULATED,
	  CODE(0x48, 0x89, 0xf8, 0x48, 0x89, 0xc1, 0x31, 0xff, 0x31, 0xc0, 0x55, 0xc3),
	  .args = { RCX, 0, 0 } },
	/* mov rax, rdi; mov rdi, rsi; mov rsi, rax: they changed places */
	{ "swapped", ARG1 | ARG2, 9, EMULATED,
	  CODE(0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x48, 0x89, 0xc6, 0x55, 0xc3),
	  .args = { RAX, RDI, 0 } },
	/* mov rbx, rdi; mov rdi, rsi; mov rdi, rbx: back in its own */
	{ "and back", ARG1, 9, EMULATED,
	  CODE(0x48, 0x89, 0xfb, 0x48, 0x89, 0xf7, 0x48, 0x89, 0xdf, 0x55, 0xc3) },
	/* mov rbx, rdi; xor edi, edi; and then: xor ebx, ebx; mov bl, 1; mov bh, 1; inc rbx */
	{ "overwritten", ARG1, 0, STEPPED,
	  CODE(0x48, 0x89, 0xfb, 0x31, 0xff, 0x31, 0xdb, 0x55, 0xc3) },
	{ "low byte", ARG1, 0, STEPPED,
	  CODE(0x48, 0x89, 0xfb, 0x31, 0xff, 0xb3, 0x01, 0x55, 0xc3) },
	{ "high byte", ARG1, 0, STEPPED,
	  CODE(0x48, 0x89, 0xfb, 0x31, 0xff, 0xb7, 0x01, 0x55, 0xc3) },
	{ "incremented", ARG1, 0, STEPPED,
	  CODE(0x48, 0x89, 0xfb, 0x31, 0xff, 0x48, 0xff, 0xc3, 0x55, 0xc3) },
	/* mov ebx, edi; mov bl, dil; movzx; lea rbx, [rdi]; cmove rbx, rdi; xchg: no whole moves */
	{ "mov ebx", ARG1, 0, STEPPED, CODE(0x89, 0xfb, 0x31, 0xff, 0x55, 0xc3) },
	{ "mov bl", ARG1, 0, STEPPED, CODE(0x40, 0x88, 0xfb, 0x31, 0xff, 0x55, 0xc3) },
	{ "cmove", ARG1, 0, STEPPED, CODE(0x48, 0x0f, 0x44, 0xdf, 0x31, 0xff, 0x55, 0xc3) },
	{ "xchg", ARG1, 0, STEPPED, CODE(0x48, 0x87, 0xfb, 0x55, 0xc3) },
	{ "setcc", ARG1, 0, STEPPED, CODE(0x40, 0x0f, 0x94, 0xc7, 0x55, 0xc3) },
	{ "mov rdi, [rdi]", ARG1, 0, STEPPED, CODE(0x48, 0x8b, 0x3f, 0x55, 0xc3) },

	/* mov rax, rdi; mul rsi; xor esi, esi: the product; without asking for it, nothing */
	{ "product", ARG1 | ARG2, 8, EMULATED,
	  CODE(0x48, 0x89, 0xf8, 0x48, 0xf7, 0xe6, 0x31, 0xf6, 0x55, 0xc3), .args = { RAX, ONE, 0 },
	  .factors = ARG1 | ARG2 },
	{ "no factors", ARG1 | ARG2, 0, STEPPED,
	  CODE(0x48, 0x89, 0xf8, 0x48, 0xf7, 0xe6, 0x31, 0xf6, 0x55, 0xc3) },
	/* imul rdi, rsi; imul rdi, rdi; imul edi, esi; imul rdi, rsi, 8; mul [rsi] */
	{ "imul", ARG1 | ARG2, 4, EMULATED, CODE(0x48, 0x0f, 0xaf, 0xfe, 0x55, 0xc3),
	  .args = { RDI, ONE, 0 }, .factors = ARG1 | ARG2 },
	{ "squared", ARG1 | ARG2, 0, STEPPED, CODE(0x48, 0x0f, 0xaf, 0xff, 0x55, 0xc3),
	  .factors = ARG1 | ARG2 },
	{ "imul edi", ARG1 | ARG2, 0, STEPPED, CODE(0x0f, 0xaf, 0xfe, 0x55, 0xc3),
	  .factors = ARG1 | ARG2 },
	{ "imul by 8", ARG1 | ARG2, 0, STEPPED, CODE(0x48, 0x6b, 0xfe, 0x08, 0x55, 0xc3),
	  .factors = ARG1 | ARG2 },
	{ "mul [rsi]", ARG1 | ARG2, 0, STEPPED,
	  CODE(0x48, 0x89, 0xf8, 0x48, 0xf7, 0x26, 0x31, 0xff, 0x55, 0xc3),
	  .factors = ARG1 | ARG2 },
	/* mov rax, rdi; mul rsi; shl rax, 1; xor esi, esi: and no longer the product */
	{ "product lost", ARG1 | ARG2, 0, STEPPED,
	  CODE(0x48, 0x89, 0xf8, 0x48, 0xf7, 0xe6, 0x48, 0xd1, 0xe0, 0x31, 0xf6, 0x55, 0xc3),
	  .factors = ARG1 | ARG2 },
	/* The product is known, but the pointer is gone. */
	{ "pointer lost", ARG1 | ARG2 | ARG3, 0, STEPPED,
	  CODE(0x48, 0x89, 0xf0, 0x48, 0xf7, 0xe2, 0x31, 0xff, 0x55, 0xc3),
	  .factors = ARG2 | ARG3 },
};

/* Where the calling convention has what is needed. */
static void conventional(unsigned int needed, uint8_t args[3])
{
	static const uint8_t places[] = { RDI, RSI, RDX };

	for (int i = 0; i < 3; i++)
		args[i] = needed & 1U << i ? places[i] : MT_ARG_NONE;
}

static int choose(const uint8_t *code, size_t len, unsigned int needed,
		  struct mt_placement_result *out)
{
	struct mt_placement_request request = {
		.code = code, .len = len, .needed = needed, .kernel_version = NEW_KERNEL
	};

	return mt_placement_choose(&request, out);
}

static void check_shape(const struct shape *s)
{
	struct mt_placement_result r = { .offset = UINT32_MAX };
	uint8_t code[256], args[3];
	struct mt_placement_request request = {
		.code = code,
		.len = s->ret_at ? s->ret_at + 1U : s->len,
		.needed = s->needed,
		.factors = s->factors,
		.block = s->block,
		.kernel_version = s->kernel ?: NEW_KERNEL,
	};

	memset(code, 0x90, sizeof(code));
	memcpy(code, s->bytes, s->len);
	if (s->ret_at)
		code[s->ret_at] = 0xc3;
	conventional(s->needed, args);
	if (s->args[0] || s->args[1] || s->args[2])
		memcpy(args, s->args, sizeof(args));
	assert_int_equal(mt_placement_choose_x86(&request, &r), 0);
	if (r.offset != s->offset || r.placement != s->placement ||
	    memcmp(r.args, args, sizeof(args)) || r.entry > r.offset)
		fail_msg("%s: +%u %s, args %u %u %u; expected +%u %s, %u %u %u", s->name, r.offset,
			 mt_placement_name(r.placement), r.args[0], r.args[1], r.args[2], s->offset,
			 mt_placement_name(s->placement), args[0], args[1], args[2]);
}

static void test_allocators(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(allocators); i++)
		check_shape(&allocators[i]);
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
	/* xchg r8, rax; push */
	static const uint8_t xchg[] = { 0x41, 0x90, 0x55, 0xc3 };
	struct mt_placement_request request = { .code = loop, .len = 1, .factors = ARG1 };
	struct mt_placement_result r = { .offset = 7, .placement = EMULATED };

	memset(code, 0x90, sizeof(code));
	assert_int_equal(choose(code, 0, 0, &r), -EINVAL);
	assert_int_equal(choose(code, sizeof(code), 0, &r), -EINVAL);
	assert_int_equal(choose(loop, sizeof(loop), 0, &r), -ENOTSUP);
	assert_int_equal(choose(loop, 5, 0, &r), -ENOTSUP);
	assert_int_equal(choose(xchg, sizeof(xchg), 0, &r), -ENOTSUP);
	assert_int_equal(mt_placement_choose(&request, &r), -EINVAL); /* not needed */
	request.factors = 0;
	request.block = ARG1;
	assert_int_equal(mt_placement_choose(&request, &r), -EINVAL); /* not needed */
	request.block = 0;
	request.factors = ARG1;
	request.needed = ARG1 | ARG2 | ARG3;
	assert_int_equal(mt_placement_choose(&request, &r), -EINVAL); /* only one */
	request.factors = request.needed;
	assert_int_equal(mt_placement_choose(&request, &r), -EINVAL); /* three */
	assert_int_equal(r.offset, 7);
	assert_int_equal(r.placement, EMULATED);
	assert_int_equal(choose(code, sizeof(code) - 1, 0, &r), 0);
}

#define BYTES(...)                                  \
	{                                           \
		sizeof((uint8_t[]){ __VA_ARGS__ }), \
		{                                   \
			__VA_ARGS__                 \
		}                                   \
	}

/* What must not be stepped: each as the first instruction, and behind a nop of 5 bytes. */
static void test_unsafe(void **state)
{
	static const struct {
		size_t len;
		uint8_t bytes[12];
	} unsafe[] = {
		BYTES(0x9c), BYTES(0x66, 0x9c), BYTES(0x9d),		  /* pushf, popf */
		BYTES(0xcc), BYTES(0xcd, 0x80), BYTES(0xf1), BYTES(0xf4), /* int, hlt */
		BYTES(0x0f, 0x05), BYTES(0x0f, 0x34),
		BYTES(0x0f, 0x0b), /* syscall, sysenter, ud2 */
		BYTES(0xcf), BYTES(0x48, 0xcf), BYTES(0xcb),
		BYTES(0xca, 0x08, 0x00),	      /* far returns */
		BYTES(0xff, 0x2f), BYTES(0xff, 0x1f), /* far jmp, call */
		BYTES(0xe4, 0x01), BYTES(0xec), BYTES(0xee), BYTES(0x6c), BYTES(0x6f), /* in, out */
		BYTES(0xfa), BYTES(0xfb), BYTES(0x0f, 0x32),			       /* system */
		BYTES(0x8e, 0xd0),					       /* mov ss, eax */
		BYTES(0xf3, 0xaa), BYTES(0xf3, 0x48, 0xa5), BYTES(0xf2, 0xae), /* rep, repne */
		BYTES(0xc7, 0xf8, 0x00, 0x00, 0x00, 0x00),		       /* xbegin */
		/* lock, ds, cs; notrack jmp; data16 jmp */
		BYTES(0xf0, 0x48, 0x0f, 0xc1, 0x08), BYTES(0x3e, 0x48, 0x89, 0xf8),
		BYTES(0x2e, 0x74, 0x00), BYTES(0x3e, 0xff, 0xe0),
		BYTES(0x66, 0xe9, 0x00, 0x00, 0x00, 0x00), BYTES(0x06), BYTES(0x41), /* none */
	};

	for (size_t i = 0; i < ARRAY_SIZE(unsafe); i++) {
		uint8_t code[24] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };
		struct mt_placement_result r;
		size_t len = unsafe[i].len;

		memcpy(code + 5, unsafe[i].bytes, len);
		if (choose(code + 5, len, 0, &r) != -ENOTSUP)
			fail_msg("%02x %02x is probed", code[5], code[6]);
		assert_int_equal(choose(code, 5 + len, 0, &r), -ENOTSUP);
	}
}

static void test_argument(void **state)
{
	uint8_t first = MT_ARG_ARM64;

#ifdef __x86_64__
	first = RDI;
	assert_int_equal(mt_placement_argument(2), RSI);
	assert_int_equal(mt_placement_argument(3), RDX);
#endif
	assert_int_equal(mt_placement_argument(0), MT_ARG_NONE);
	assert_int_equal(mt_placement_argument(1), first);
	assert_int_equal(mt_placement_argument(4), MT_ARG_NONE);
}

struct sweep {
	struct mt_elf *elf;
	int fd;
	size_t choices;
	size_t behind;
	size_t emulated;
	size_t refused;
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
		struct mt_placement_request request = { code, sym->size, needed,
							needed == 3 || needed == 6 ? needed : 0,
							NEW_KERNEL };

		int err = mt_placement_choose(&request, &r);

		if (err == -ENOTSUP) {
			s->refused++;
			return 0;
		}
		assert_int_equal(err, 0);
		check_choice(&request, &r, sym->name);
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
	assert_in_range(s.refused, 0, 9); /* pthread_spin_lock, which begins with a lock */
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
		struct mt_placement_request request = { .needed = needed,
							.kernel_version = NEW_KERNEL };
		struct mt_placement_result r;
		size_t len = i % 2 ? s->len : 1 + fixture_random(200);
		uint8_t *code = pages + 4096 - len;

		for (size_t j = 0; j < len; j++)
			code[j] = (uint8_t)fixture_random(256);
		if (i % 2) {
			memcpy(code, s->bytes, len);
			code[fixture_random(len)] = (uint8_t)fixture_random(256);
		}
		request.code = code;
		request.len = len;
		if (__builtin_popcount(needed) == 2)
			request.factors = needed;
		if (mt_placement_choose_x86(&request, &r))
			continue;
		check_choice(&request, &r, "hostile");
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
		cmocka_unit_test(test_allocators), cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_refused),	   cmocka_unit_test(test_unsafe),
		cmocka_unit_test(test_argument),   cmocka_unit_test(test_every_function_of_libc),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
