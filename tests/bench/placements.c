// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * placements [FILE...]: where memtide would probe each function of the catalogue; without an
 * argument, in the allocators that Debian packages.
 *
 * A row shows the function's first bytes, an instruction a group. They end with the probed
 * instruction; where the entry is probed since nothing better was found (`stepped`), with the
 * one that no good place can follow.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <Zydis/Zydis.h>

#include "target/allocator.h"
#include "target/elf.h"
#include "util/cleanup.h"

#define CODE_MAX 128 /* bytes of a function that are shown at most */

static const struct {
	const char *package;
	const char *file;
} debian[] = {
	{ "libc6", "/lib/x86_64-linux-gnu/libc.so.6" },
	{ "libjemalloc2", "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2" },
	{ "libtcmalloc-minimal4", "/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4" },
	{ "libmimalloc2.0", "/usr/lib/x86_64-linux-gnu/libmimalloc.so.2.0" },
	{ "musl", "/lib/ld-musl-x86_64.so.1" },
};

struct count {
	unsigned int emulated;
	unsigned int stepped;
	unsigned int rets;
};

/* "rdi", "1" for a factor that is multiplied already, "-" for none. */
static const char *place_name(uint8_t number, uint8_t arg)
{
	if (!number)
		return "-";
	if (arg == MT_ARG_ONE)
		return "1";
	return ZydisRegisterGetString(
		ZydisRegisterEncode(ZYDIS_REGCLASS_GPR64, (uint8_t)(arg - MT_ARG_X86)));
}

/* Is nothing behind it as good as the entry? A branch, a store, a moved stack. */
static bool ends_search(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op)
{
	if (in->meta.branch_type != ZYDIS_BRANCH_TYPE_NONE ||
	    in->meta.category == ZYDIS_CATEGORY_RET)
		return true;
	for (size_t i = 0; i < in->operand_count; i++) {
		if (!(op[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		if (op[i].type == ZYDIS_OPERAND_TYPE_MEMORY ||
		    (op[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		     (op[i].reg.value == ZYDIS_REGISTER_RSP ||
		      op[i].reg.value == ZYDIS_REGISTER_RBP)))
			return true;
	}
	return false;
}

static void print_code(const struct mt_probe_site *site, const uint8_t *code, size_t len)
{
	bool stepped = site->placement == MT_PLACEMENT_STEPPED, last = false;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;
	ZydisFormatter formatter;
	ZydisDecoder decoder;
	char text[96] = "?";

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
	ZydisFormatterSetProperty(&formatter, ZYDIS_FORMATTER_PROP_FORCE_RELATIVE_BRANCHES,
				  ZYAN_TRUE);
	ZydisFormatterSetProperty(&formatter, ZYDIS_FORMATTER_PROP_ADDR_PADDING_RELATIVE,
				  ZYDIS_PADDING_DISABLED);
	for (size_t at = 0; at < len && !last; at += in.length) {
		if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, code + at, len - at, &in, op)))
			break;
		printf("%s", at ? " " : "");
		for (size_t i = 0; i < in.length; i++)
			printf("%02x", code[at + i]);
		last = at >= site->function_offset && (!stepped || ends_search(&in, op));
		ZydisFormatterFormatInstruction(&formatter, &in, op, in.operand_count_visible, text,
						sizeof(text), at, NULL);
	}
	printf("  %s%s\n", stepped ? "up to " : "", text);
}

static int print_site(int fd, const struct mt_probe_site *site)
{
	uint8_t code[CODE_MAX];
	ssize_t len =
		pread(fd, code, sizeof(code), (off_t)(site->file_offset - site->function_offset));

	if (len <= 0)
		return -EIO;
	printf("%-36s +%-3u %-9s %-4s %-4s %-4s ", site->function, site->function_offset,
	       site->refused ? "refused" : mt_placement_name(site->placement),
	       place_name(site->size_arg, site->size_at),
	       place_name(site->factor_arg, site->factor_at),
	       place_name(site->block_arg, site->block_at));
	print_code(site, code, (size_t)len);
	return 0;
}

static int print_file(const char *package, const char *file, struct count *count)
{
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	_free_ struct mt_allocator *a = calloc(1, sizeof(*a));
	_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);
	int err;

	if (!a)
		return -ENOMEM;
	if (fd < 0)
		return -errno;
	err = mt_elf_new(&elf, fd);
	err = err ? err : mt_allocator_recognise(elf, NULL, a);
	if (err)
		return err;
	printf("\n%s: %s (%s)\n%-36s %-4s %-10s %-4s %-4s %-4s %s\n", package, file, a->name,
	       "function", "at", "class", "size", "n", "block", "code");
	for (size_t i = 0; i < a->nr_sites && !err; i++) {
		if (a->sites[i].func == MT_FUNC_RET) {
			count->rets++;
			continue;
		}
		*(a->sites[i].placement == MT_PLACEMENT_EMULATED ? &count->emulated
								 : &count->stepped) += 1;
		err = print_site(fd, &a->sites[i]);
	}
	return err;
}

static int print_or_say(const char *package, const char *file, struct count *count)
{
	int err = print_file(package, file, count);

	if (err)
		printf("\n%s: %s: %s\n", package, file,
		       err == -ENOENT ? "not there, or no allocator that we know" : strerror(-err));
	return err;
}

int main(int argc, char **argv)
{
	struct count count = { 0 };
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed |= print_or_say("file", argv[i], &count);
	for (size_t i = 0; argc < 2 && i < ARRAY_SIZE(debian); i++)
		failed |= print_or_say(debian[i].package, debian[i].file, &count);
	printf("\n%u functions: %u emulated, %u stepped; and %u `ret`s of those that may throw\n",
	       count.emulated + count.stepped, count.emulated, count.stepped, count.rets);
	return failed != 0;
}
