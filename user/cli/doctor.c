// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * doctor: what this kernel and these privileges allow, and what to do about a no.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include <jansson.h>
#include <linux/capability.h>

#include "cli/commands.h"
#include "session/features.h"
#include "target/proc.h"
#include "util/cleanup.h"

struct check {
	const char *name;
	const char *what;
	bool ok;
	int err;
	bool required;
	const char *advice; /* about a no */
};

static bool has_capability(unsigned int number)
{
	_free_ char *text = NULL;
	size_t len;
	unsigned long long effective;
	const char *line;

	if (mt_proc_read_file(getpid(), "status", 1 << 16, &text, &len))
		return false;
	line = strstr(text, "\nCapEff:");
	return line && sscanf(line, "\nCapEff: %llx", &effective) == 1 && (effective >> number & 1);
}

#define CAPABILITY(cap, need, why)                                                      \
	{                                                                               \
		.name = #cap, .what = why, .ok = has_capability(cap), .required = need, \
		.advice = "run as root, or give memtide this capability",               \
	}

static size_t examine(struct check *out, size_t max)
{
	struct mt_features f;
	bool sys_admin = has_capability(CAP_SYS_ADMIN);

	mt_features_probe(&f);
	struct check checks[] = {
		{ "btf", "kernel type information", f.btf, 0, true,
		  "use a kernel built with CONFIG_DEBUG_INFO_BTF (Debian's are)" },
		{ "bpf", "loading BPF programs", f.bpf, f.bpf_errno, true,
		  "run as root, or with CAP_BPF and CAP_PERFMON" },
		{ "perf_uprobe", "uprobes as perf events", f.perf_uprobe, f.perf_uprobe_errno, true,
		  "use a kernel built with CONFIG_UPROBE_EVENTS" },
		{ "uprobe_multi", "one link for all functions (6.6, fixed in 6.10)", f.uprobe_multi,
		  f.uprobe_multi_errno, false,
		  "perf events are used: more descriptors, slower to attach" },
		{ "uprobe_session", "entry and return in one probe (6.13)", f.uprobe_session,
		  f.uprobe_session_errno, false, "entry and return probes are used" },
		{ "fentry", "fentry on system calls", f.fentry, f.fentry_errno, false,
		  "syscall tracepoints are used: they slow every system call of the host by "
		  "60-80 ns while recording" },
		{ "tracefs", "syscall tracepoints", f.tracefs, f.tracefs_errno, !f.fentry,
		  "use a kernel built with CONFIG_FTRACE_SYSCALLS, or be without mappings" },
		{ "pagemap_scan", "fast look at touched pages (6.7)", f.pagemap_scan, 0, false,
		  "page maps are read instead" },
		CAPABILITY(CAP_BPF, !sys_admin, "BPF programs and maps"),
		CAPABILITY(CAP_PERFMON, !sys_admin, "attaching them to probes"),
		CAPABILITY(CAP_SYS_PTRACE, true, "reading other processes' maps"),
		CAPABILITY(CAP_DAC_READ_SEARCH, false, "reading files of other users"),
	};
	size_t n = ARRAY_SIZE(checks) < max ? ARRAY_SIZE(checks) : max;

	memcpy(out, checks, n * sizeof(*out));
	return n;
}

static void print_json(const struct utsname *host, const struct check *checks, size_t nr, bool able)
{
	json_t *root = json_object(), *list = json_array();

	for (size_t i = 0; i < nr; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:b, s:b, s:s?, s:s?}", "name", checks[i].name,
					"what", checks[i].what, "ok", checks[i].ok, "required",
					checks[i].required, "error",
					checks[i].err ? strerror(checks[i].err) : NULL, "advice",
					checks[i].ok ? NULL : checks[i].advice));
	json_object_set_new(root, "schema", json_string("memtide.doctor/1"));
	json_object_set_new(root, "kernel", json_string(host->release));
	json_object_set_new(root, "arch", json_string(host->machine));
	json_object_set_new(root, "able", json_boolean(able));
	json_object_set_new(root, "checks", list);
	json_dumpf(root, stdout, JSON_INDENT(2));
	printf("\n");
	json_decref(root);
}

static void print_text(const struct utsname *host, const struct check *checks, size_t nr, bool able)
{
	printf("kernel %s %s\n\n", host->release, host->machine);
	for (size_t i = 0; i < nr; i++) {
		const struct check *c = &checks[i];

		printf("  %-4s %-20s %s%s%s\n",
		       c->ok	     ? "yes"
		       : c->required ? "NO"
				     : "no",
		       c->name, c->what, c->err ? ": " : "", c->err ? strerror(c->err) : "");
		if (!c->ok)
			printf("       %-20s -> %s\n", "", c->advice);
	}
	printf("\n%s\n", able ? "memtide can record here." : "memtide cannot record here.");
}

int mt_command_doctor(const struct mt_options *o)
{
	struct check checks[16];
	size_t nr = examine(checks, ARRAY_SIZE(checks));
	struct utsname host;
	bool able = true;

	uname(&host);
	for (size_t i = 0; i < nr; i++)
		able &= checks[i].ok || !checks[i].required;
	if (o->format == MT_FORMAT_JSON)
		print_json(&host, checks, nr, able);
	else
		print_text(&host, checks, nr, able);
	return able ? MT_EXIT_OK : MT_EXIT_INCAPABLE;
}
