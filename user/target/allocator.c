// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/allocator.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/version.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "target/catalogue.h"
#include "target/elf.h"
#include "target/ends.h"
#include "target/returns.h"
#include "util/cleanup.h"

/* One family in one file, under one prefix. */
struct match {
	struct mt_elf *elf;
	const struct mt_catalogue_family *family;
	const char *prefix;
	unsigned int kernel_version;
	struct mt_allocator *out;
};

#define NAME_SIZE sizeof(((struct mt_probe_site *)0)->function)

static unsigned int running_kernel(void)
{
	unsigned int major = 0, minor = 0, patch = 0;
	struct utsname host;

	uname(&host);
	sscanf(host.release, "%3u.%3u.%5u", &major, &minor, &patch);
	return KERNEL_VERSION(major, minor, patch > 255 ? 255 : patch);
}

/* A name that is longer than any in the catalogue is nobody's. */
static int find(const struct match *m, const char *name, char full[NAME_SIZE], uint64_t *offset)
{
	if ((size_t)snprintf(full, NAME_SIZE, "%s%s", m->prefix, name) >= NAME_SIZE)
		return -ENOENT;
	return mt_elf_function(m->elf, full, offset);
}

/* Unless the file itself says that its symbol points into the middle of a function. */
static bool is_function(struct mt_elf *elf, uint64_t offset)
{
	uint64_t address;

	return !mt_elf_address_of(elf, offset, &address) && mt_elf_is_function_start(elf, address);
}

static bool defines(const struct match *m, const char *name)
{
	char full[NAME_SIZE];
	uint64_t offset;

	return find(m, name, full, &offset) != -ENOENT;
}

static bool is_there(const struct match *m)
{
	const char *soname = mt_elf_soname(m->elf);

	if (m->family->soname && (!soname || strcmp(soname, m->family->soname)))
		return false;
	for (const char *const *mark = m->family->marks; *mark; mark++) {
		if (!defines(m, *mark))
			return false;
	}
	return true;
}

static uint64_t start_of(const struct mt_probe_site *site)
{
	return site->file_offset - site->function_offset;
}

bool mt_allocator_has(const struct mt_allocator *a, uint64_t file_offset)
{
	for (size_t i = 0; i < a->nr_sites; i++) {
		if (a->sites[i].func != MT_FUNC_RET && start_of(&a->sites[i]) == file_offset)
			return true;
	}
	return false;
}

static bool has_malloc(const struct match *m)
{
	char full[NAME_SIZE];
	uint64_t offset, alias;
	int err = find(m, "malloc", full, &offset);

	if (err)
		return err != -ENOENT; /* to fail there */
	return !m->family->malloc_alias ||
	       (!mt_elf_function(m->elf, m->family->malloc_alias, &alias) && alias == offset);
}

/* Does the code of operator new, which is at `new`, call or jump to `function`? */
static bool calls(const uint8_t *code, size_t len, uint64_t new, uint64_t function)
{
	for (size_t i = 0; i + 5 <= len; i++) {
		int32_t relative;

		memcpy(&relative, code + i + 1, sizeof(relative));
		if ((code[i] == 0xe8 || code[i] == 0xe9) &&
		    new + i + 5 + (uint64_t)(int64_t)relative == function)
			return true;
	}
	return false;
}

/*
 * Does C++'s operator new call the family's malloc, or the one that has the name, as libstdc++'s
 * does? In a static program it is not the allocator's then, and what it allocates is counted as
 * malloc's. Where calls go through a PLT this says no, and new counts as new.
 */
static bool new_calls_malloc(const struct match *m)
{
	uint64_t new, malloc;
	char full[NAME_SIZE];
	const uint8_t *code;
	size_t len;

	if (mt_elf_function(m->elf, "_Znwm", &new) ||
	    mt_elf_function_code(m->elf, "_Znwm", MT_PLACEMENT_CODE_MAX, &code, &len))
		return false;
	return (!find(m, "malloc", full, &malloc) && calls(code, len, new, malloc)) ||
	       (!mt_elf_function(m->elf, "malloc", &malloc) && calls(code, len, new, malloc));
}

static void note_arguments(const struct mt_catalogue_function *f, const uint8_t at[3],
			   struct mt_probe_site *site)
{
	site->size_arg = f->size;
	site->factor_arg = f->factor;
	site->block_arg = f->block;
	site->size_at = f->size ? at[f->size - 1] : MT_ARG_NONE;
	site->factor_at = f->factor ? at[f->factor - 1] : f->size ? MT_ARG_ONE : MT_ARG_NONE;
	site->block_at = f->block ? at[f->block - 1] : MT_ARG_NONE;
}

static unsigned int argument_bit(uint8_t number)
{
	return number ? 1U << (number - 1) : 0;
}

/*
 * Move a site from the function's entry to where the probe costs least. A function that is
 * too long to decode, or of unknown length, keeps its probe at the entry.
 */
static int place(const struct match *m, const struct mt_catalogue_function *f,
		 struct mt_probe_site *site)
{
	struct mt_placement_result best = { .placement = MT_PLACEMENT_STEPPED };
	int err = -ERANGE;

	for (unsigned int i = 0; i < ARRAY_SIZE(best.args); i++)
		best.args[i] = mt_placement_argument(i + 1);
#ifdef __x86_64__
	struct mt_placement_request request = {
		.needed = argument_bit(f->size) | argument_bit(f->factor) | argument_bit(f->block),
		.factors = f->factor ? argument_bit(f->size) | argument_bit(f->factor) : 0,
		.block = argument_bit(f->block),
		.kernel_version = m->kernel_version,
	};

	err = mt_elf_function_code(m->elf, site->function, MT_PLACEMENT_CODE_MAX, &request.code,
				   &request.len);
	err = err ? err : mt_placement_choose(&request, &best);
	site->function_bytes = (uint32_t)request.len;
#endif
	site->refused = err == -ENOTSUP;
	if (err && err != -ERANGE && !site->refused)
		return -ENOEXEC;
	site->entry = best.entry;
	site->function_offset = best.offset;
	site->file_offset += best.offset;
	site->placement = best.placement;
	site->needs_trial = !site->refused;
	note_arguments(f, best.args, site);
	return 0;
}

/* The first flusher that is there, as file offsets. */
static int find_flusher(const struct match *m, uint64_t *start, uint64_t *end)
{
	for (const char *const *name = m->family->flushers; name && *name; name++) {
		const uint8_t *code;
		size_t len;

		if (mt_elf_function(m->elf, *name, start) ||
		    mt_elf_function_code(m->elf, *name, MT_PLACEMENT_CODE_MAX, &code, &len))
			continue;
		*end = *start + len;
		return 0;
	}
	return -ENOENT;
}

/*
 * From where the allocator calls this function itself, relative to the probe: a library of its own
 * from all of its code, what is linked into a program from the flusher.
 */
static void note_internal(const struct match *m, struct mt_probe_site *site)
{
	uint64_t start, end;
	int64_t from, to;
	int err = -ENOENT;

	/* A C library allocates for the program too, as strdup does; only its frees may be its own.
	 */
	if (mt_elf_soname(m->elf) && (site->func == MT_FUNC_FREE || !m->family->is_libc))
		err = mt_elf_segment(m->elf, site->file_offset, &start, &end);
	else if (site->func == MT_FUNC_FREE)
		err = find_flusher(m, &start, &end);
	if (err)
		return;
	from = (int64_t)(start - site->file_offset);
	to = (int64_t)(end - site->file_offset);
	if (from < INT32_MIN || to > INT32_MAX)
		return;
	site->internal_from = (int32_t)from;
	site->internal_to = (int32_t)to;
}

/*
 * Does the function do no more than jump to one that has a site? Where no end is seen nobody could
 * tell that the two hits are one call.
 */
static bool is_forwarding(const struct match *m, const struct mt_probe_site *site, uint64_t offset)
{
#ifdef __x86_64__
	struct mt_returns returns;
	const uint8_t *code;
	size_t len;

	return !mt_elf_function_code(m->elf, site->function, MT_PLACEMENT_CODE_MAX, &code, &len) &&
	       !mt_returns_find(code, len, &returns) && !returns.nr_rets && returns.nr_jumps == 1 &&
	       !returns.jumps[0].by_word &&
	       mt_allocator_has(m->out, offset + (uint64_t)returns.jumps[0].to);
#else
	return false;
#endif
}

static bool has_ret(const struct mt_allocator *a, uint64_t file_offset)
{
	for (size_t i = 0; i < a->nr_sites; i++) {
		if (a->sites[i].func == MT_FUNC_RET && a->sites[i].file_offset == file_offset)
			return true;
	}
	return false;
}

/* Functions share ends: one that is there already is not added. The names come last. */
static int add_rets(const struct match *m, const struct mt_ends *ends)
{
	struct mt_allocator *a = m->out;

	for (size_t i = 0; i < ends->nr; i++) {
		const struct mt_end *end = &ends->v[i];
		uint32_t offset = (uint32_t)(end->address - end->function);
		struct mt_probe_site site = {
			.func = MT_FUNC_RET,
			.function_offset = offset,
			.entry = offset,
			.placement = MT_PLACEMENT_STEPPED,
		};

		if (mt_elf_offset_of(m->elf, end->address, &site.file_offset))
			return -ENOEXEC;
		if (has_ret(a, site.file_offset))
			continue;
		if (a->nr_sites == MT_ALLOCATOR_SITES_MAX)
			return -ENOEXEC;
		a->sites[a->nr_sites++] = site;
	}
	return 0;
}

/* How results are learnt, and that a named free is over; the ends of one that may throw. */
static enum mt_result result(const struct match *m, const struct mt_catalogue_function *f,
			     uint64_t offset, struct mt_ends *ends)
{
	bool custom = m->family == &mt_catalogue_custom;
	bool throws = f->throws || (custom && mt_ends_may_throw(m->elf));

	ends->nr = 0;
	if (f->func == MT_FUNC_PTHREAD_CREATE || (f->func == MT_FUNC_FREE && (!custom || throws)))
		return MT_RESULT_NONE;
	if (!throws)
		return MT_RESULT_RETURN;
#ifdef __x86_64__
	uint64_t address;

	if (!mt_elf_address_of(m->elf, offset, &address) && !mt_ends_find(m->elf, address, ends))
		return MT_RESULT_RET;
	ends->nr = 0;
#endif
	return MT_RESULT_UNKNOWN;
}

/* Of several names for one function the first is kept. */
static int add_site(const struct match *m, const struct mt_catalogue_function *f, bool own)
{
	struct mt_allocator *a = m->out;
	struct mt_probe_site *site = &a->sites[a->nr_sites];
	struct mt_ends ends;
	uint64_t offset;
	int err;

	if (a->nr_sites == MT_ALLOCATOR_SITES_MAX)
		return -ENOEXEC;
	*site = (struct mt_probe_site){ .func = f->func, .optional = own && !f->block };
	err = find(m, f->name, site->function, &offset);
	if (err)
		return err == -ENOENT ? 0 : -ENOEXEC;
	if (mt_allocator_has(a, offset))
		return 0;
	if (!is_function(m->elf, offset))
		return -ENOEXEC;
	site->result = result(m, f, offset, &ends);
	if (site->result == MT_RESULT_UNKNOWN && is_forwarding(m, site, offset))
		return 0;
	site->file_offset = offset;
	err = place(m, f, site);
	if (err)
		return err;
	note_internal(m, site);
	a->nr_sites++;
	return add_rets(m, &ends);
}

/* `own`: the family's own functions, which programs call beside the standard ones. */
static int add_sites(const struct match *m, const struct mt_catalogue_function *functions, bool own)
{
	for (const struct mt_catalogue_function *f = functions; f->name; f++) {
		int err = add_site(m, f, own);

		if (err)
			return err;
	}
	return 0;
}

/* The body `mov $imm32, %eax; ret`, and what it returns. */
static int read_constant(struct mt_elf *elf, const char *function, uint32_t *value)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	const uint8_t *code;
	size_t len;
	int err = mt_elf_function_code(elf, function, MT_PLACEMENT_CODE_MAX, &code, &len);

	if (err)
		return err;
	if (len > sizeof(endbr64) && !memcmp(code, endbr64, sizeof(endbr64))) {
		code += sizeof(endbr64);
		len -= sizeof(endbr64);
	}
	if (len < 6 || code[0] != 0xb8 || code[5] != 0xc3)
		return -ENOENT;
	memcpy(value, code + 1, sizeof(*value));
	return 0;
}

/* Copies the number at `text`, as 5.3.0, if `end` follows. */
static bool copy_number(const char *text, char end, char *out, size_t size)
{
	size_t len = 0;

	while ((text[len] >= '0' && text[len] <= '9') ||
	       (len && text[len] == '.' && text[len + 1] >= '0' && text[len + 1] <= '9'))
		len++;
	if (!len || len >= size || text[len] != end)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

static bool read_text(struct mt_elf *elf, const struct mt_catalogue_version *v, char *out,
		      size_t size)
{
	for (const char *const *prefix = v->texts; prefix && *prefix; prefix++) {
		char text[128], *number = text;
		size_t len = v->then ? 0 : strlen(*prefix);

		memcpy(text, *prefix, len);
		if (mt_elf_find_text(elf, *prefix, text + len, sizeof(text) - len))
			continue;
		if (v->then) {
			number = strstr(text, v->then);
			if (!number)
				continue;
			number += strlen(v->then);
		}
		if (copy_number(number, v->end, out, size))
			return true;
	}
	return false;
}

/* " 5.3.0", or "" if the file does not tell. */
static void read_version(const struct match *m, char *out, size_t size)
{
	const struct mt_catalogue_version *v = m->family->version;
	unsigned int major, minor;
	char number[24];
	uint32_t value;

	out[0] = '\0';
	if (!v)
		return;
	if (v->definition && !mt_elf_version(m->elf, v->definition, &major, &minor))
		snprintf(out, size, " %u.%u", major, minor);
	else if (v->function && !read_constant(m->elf, v->function, &value))
		snprintf(out, size, " %u.%u.%u", value / 100, value / 10 % 10, value % 10);
	else if (read_text(m->elf, v, number, sizeof(number)))
		snprintf(out, size, " %s", number);
}

static bool is_listed(const char *names, const char *name)
{
	size_t len = strlen(name);

	for (;;) {
		size_t item = strcspn(names, ",");

		if (item == len && !strncmp(names, name, len))
			return true;
		if (!names[item])
			return false;
		names += item + 1;
	}
}

/* In front of the others: the C library's, which comes last, begins the list. */
static void add_name(const struct match *m)
{
	struct mt_allocator *a = m->out;
	char name[sizeof(a->name)], version[32];

	read_version(m, version, sizeof(version));
	if (m->family->name)
		snprintf(name, sizeof(name), "%s%s", m->family->name, version);
	else
		snprintf(name, sizeof(name), "%smalloc", m->prefix);
	if (is_listed(a->name, name) || strlen(name) + 1 + strlen(a->name) >= sizeof(a->name))
		return;
	if (a->name[0])
		strcat(name, ",");
	strcat(name, a->name);
	strcpy(a->name, name);
}

static int fill(const struct match *m)
{
	struct match unprefixed = *m; /* operators have their names, whatever malloc's is */
	size_t before = m->out->nr_sites;
	int err = 0;

	unprefixed.prefix = "";
	if (has_malloc(m)) {
		err = add_sites(m, mt_catalogue_standard, false);
		if (!err && m->family->operators && !new_calls_malloc(m))
			err = add_sites(&unprefixed, mt_catalogue_operators, false);
	}
	if (!err && m->family->own)
		err = add_sites(m, m->family->own, true);
	if (err)
		return err;
	for (size_t i = before; i < m->out->nr_sites; i++) {
		if (m->out->sites[i].func == MT_FUNC_PTHREAD_CREATE)
			continue;
		add_name(m);
		break;
	}
	return 0;
}

struct naming {
	struct mt_elf *elf;
	struct mt_allocator *a;
};

static void name_in(struct mt_allocator *a, uint64_t function, const char *name)
{
	for (size_t i = 0; i < a->nr_sites; i++) {
		struct mt_probe_site *site = &a->sites[i];

		if (!site->function[0] && start_of(site) == function)
			snprintf(site->function, NAME_SIZE, "%s", name);
	}
}

static int name_by_symbol(const struct mt_elf_symbol *symbol, void *arg)
{
	const struct naming *n = arg;
	uint64_t offset;

	if (!mt_elf_offset_of(n->elf, symbol->address, &offset))
		name_in(n->a, offset, symbol->name);
	return 0;
}

/* The functions that `ret`s are in: as at the entry, as the file says, or by their address. */
static int name_rets(struct mt_elf *elf, struct mt_allocator *a)
{
	struct naming n = { .elf = elf, .a = a };
	int err;

	for (size_t i = 0; i < a->nr_sites; i++) {
		if (a->sites[i].func != MT_FUNC_RET)
			name_in(a, start_of(&a->sites[i]), a->sites[i].function);
	}
	err = mt_elf_each_function(elf, name_by_symbol, &n);
	for (size_t i = 0; i < a->nr_sites; i++) {
		struct mt_probe_site *site = &a->sites[i];
		uint64_t address;

		if (!site->function[0] && !mt_elf_address_of(elf, site->file_offset, &address))
			snprintf(site->function, NAME_SIZE, "0x%" PRIx64,
				 address - site->function_offset);
	}
	return err;
}

int mt_allocator_recognise(struct mt_elf *elf, const char *prefix, struct mt_allocator *out)
{
	struct match m = { .elf = elf, .kernel_version = running_kernel(), .out = out };
	int err = 0;

	out->name[0] = '\0';
	out->nr_sites = 0;
	for (m.family = mt_catalogue; m.family->name; m.family++) {
		for (const char *const *p = m.family->prefixes; *p && !err; p++) {
			m.prefix = *p;
			if (is_there(&m))
				err = fill(&m);
		}
	}
	if (prefix && !err) {
		m.family = &mt_catalogue_custom;
		m.prefix = prefix;
		if (is_there(&m))
			err = fill(&m);
	}
	err = err ? err : name_rets(elf, out);
	return err ? err : out->nr_sites ? 0 : -ENOENT;
}

bool mt_allocator_has_malloc(struct mt_elf *elf, const char *prefix)
{
	const struct match m = { .elf = elf, .family = &mt_catalogue_custom, .prefix = prefix };

	return is_there(&m);
}

void mt_probe_site_to_entry(struct mt_probe_site *site)
{
	uint32_t moved = site->function_offset - site->entry;

	if (!moved)
		return;
	site->needs_trial = true;
	/* Or it would have stayed there. */
	site->placement = MT_PLACEMENT_STEPPED;
	site->function_offset = site->entry;
	site->file_offset -= moved;
	if (site->internal_from != site->internal_to) {
		site->internal_from += (int32_t)moved;
		site->internal_to += (int32_t)moved;
	}
	if (site->size_arg)
		site->size_at = mt_placement_argument(site->size_arg);
	if (site->factor_arg)
		site->factor_at = mt_placement_argument(site->factor_arg);
	if (site->block_arg)
		site->block_at = mt_placement_argument(site->block_arg);
}

const struct mt_probe_site *mt_allocator_drop_refused(struct mt_allocator *a)
{
	size_t kept = 0;

	for (size_t i = 0; i < a->nr_sites; i++) {
		if (a->sites[i].refused && !a->sites[i].optional)
			return &a->sites[i];
	}
	for (size_t i = 0; i < a->nr_sites; i++) {
		if (!a->sites[i].refused)
			a->sites[kept++] = a->sites[i];
	}
	a->nr_sites = kept;
	return NULL;
}
