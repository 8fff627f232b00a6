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
#include "session/calibrate.h"
#include "session/features.h"
#include "session/seccomp.h"
#include "util/capability.h"
#include "util/cleanup.h"
#include "util/log.h"

#define COLUMNS 80
#define INDENT	28 /* of what a check is, behind its answer and its name */

struct check {
	const char *name;
	const char *what;
	bool ok;
	int err;
	bool required;
	const char *advice; /* about a no */
};

#define CAPABILITY(cap, need, why)                                                         \
	{                                                                                  \
		.name = #cap, .what = why, .ok = mt_capability_has(cap), .required = need, \
		.advice = "run as root, or give memtide this capability",                  \
	}

#define FEATURE(feature, need, why, without)                                       \
	{                                                                          \
		.name = #feature, .what = why, .required = need, .ok = f->feature, \
		.err = f->feature##_errno,                                         \
		.advice = refused(f->feature##_errno, f->bpf) ?: (without)         \
	}

/* Whoever may load programs is refused by the kernel itself, whatever its privileges. */
static const char *refused(int err, bool privileged)
{
	if (privileged || (err != EPERM && err != EACCES))
		return NULL;
	return "run as root, or with CAP_BPF and CAP_PERFMON";
}

static const char *without_fentry(const struct mt_features *f)
{
	if (!f->tracefs)
		return "as tracefs says below; without either nothing is known of mappings";
	return "syscall tracepoints are used: they slow every system call of the host by "
	       "60-80 ns while recording";
}

static const char *without_tracefs(const struct mt_features *f, bool sys_admin)
{
	if (!sys_admin && (f->tracefs_errno == EPERM || f->tracefs_errno == EACCES))
		return "run as root, or with CAP_SYS_ADMIN";
	if (f->fentry)
		return "fentry is used";
	return "use a kernel built with CONFIG_FTRACE_SYSCALLS, or be without mappings";
}

static size_t examine(struct check *out, size_t max, const struct mt_features *f)
{
	bool sys_admin = mt_capability_has(CAP_SYS_ADMIN);
	int seccomp_errno = -mt_seccomp_probe();
	struct check checks[] = {
		{ "btf", "kernel type information", f->btf, 0, true,
		  "use a kernel built with CONFIG_DEBUG_INFO_BTF (Debian's are)" },
		{ "host_pids", "the kernel's ids of processes", f->host_pids, 0, true,
		  "run this on the host, or in a container with the host's pids and /proc" },
		FEATURE(bpf, true, "loading BPF programs",
			"use a kernel built with CONFIG_BPF_SYSCALL"),
		FEATURE(bpf_loop, true, "loops in BPF (5.17)", "use Linux 6.1 or later"),
		FEATURE(perf_uprobe, true, "uprobes as perf events",
			"use a kernel built with CONFIG_UPROBE_EVENTS"),
		FEATURE(uprobe_multi, false, "one link for all functions (6.6, fixed in 6.10)",
			"perf events are used: more descriptors, slower to attach"),
		FEATURE(uprobe_session, false, "entry and return in one probe (6.13)",
			"entry and return probes are used"),
		{ "uretprobe_seccomp", "return probes under seccomp filters", !seccomp_errno,
		  seccomp_errno, false,
		  refused(seccomp_errno, f->bpf)
			  ?: "processes with a seccomp filter are probed at entries only: their "
			     "live bytes are unknown" },
		FEATURE(fentry, false, "fentry on system calls", without_fentry(f)),
		{ "tracefs", "syscall tracepoints", f->tracefs, f->tracefs_errno, false,
		  without_tracefs(f, sys_admin) },
		{ "pagemap_scan", "fast look at touched pages (6.7)", f->pagemap_scan, 0, false,
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

struct verdict {
	struct utsname host;
	struct check checks[20];
	size_t nr;
	bool able;
	struct mt_trap_prices prices;
	int prices_err; /* why they are not known */
};

static json_t *prices_json(const struct verdict *v)
{
	const struct mt_trap_prices *p = &v->prices;

	if (v->prices_err)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "push", (json_int_t)p->push_ns, "nop",
			 (json_int_t)p->nop_ns, "branch", (json_int_t)p->branch_ns, "stepped",
			 (json_int_t)p->stepped_ns, "return", (json_int_t)p->return_ns);
}

static void print_json(const struct verdict *v)
{
	json_t *root = json_object(), *list = json_array();
	const struct check *checks = v->checks;

	for (size_t i = 0; i < v->nr; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:b, s:b, s:s?, s:s?}", "name", checks[i].name,
					"what", checks[i].what, "ok", checks[i].ok, "required",
					checks[i].required, "error",
					checks[i].err ? strerror(checks[i].err) : NULL, "advice",
					checks[i].ok ? NULL : checks[i].advice));
	json_object_set_new(root, "schema", json_string("memtide.doctor/1"));
	json_object_set_new(root, "kernel", json_string(v->host.release));
	json_object_set_new(root, "arch", json_string(v->host.machine));
	json_object_set_new(root, "able", json_boolean(v->able));
	json_object_set_new(root, "checks", list);
	json_object_set_new(root, "trap_ns", prices_json(v));
	json_dumpf(root, stdout, JSON_INDENT(2));
	printf("\n");
	json_decref(root);
}

/* Words from where the line already is, INDENT, to COLUMNS; then on lines of their own. */
static void print_wrapped(const char *text)
{
	int column = INDENT;

	while (*text) {
		int len = strcspn(text, " ");

		if (column > INDENT && column + 1 + len > COLUMNS)
			column = printf("\n%*s", INDENT, "") - 1;
		column += printf("%s%.*s", column > INDENT ? " " : "", len, text);
		text += len + strspn(text + len, " ");
	}
	printf("\n");
}

static void print_check(const struct check *c)
{
	const char *answer = c->ok ? "yes" : c->required ? "NO" : "no";
	char text[256];

	snprintf(text, sizeof(text), "%s%s%s", c->what, c->err ? ": " : "",
		 c->err ? strerror(c->err) : "");
	printf("  %-4s %-20s ", answer, c->name);
	print_wrapped(text);
	if (c->ok)
		return;
	snprintf(text, sizeof(text), "-> %s", c->advice);
	printf("%*s", INDENT, "");
	print_wrapped(text);
}

static void print_prices(const struct verdict *v)
{
	const struct mt_trap_prices *p = &v->prices;

	if (v->prices_err) {
		printf("\nwhat a probe costs was not measured: %s\n", strerror(v->prices_err));
		return;
	}
	printf("\na probe's hit, in ns:  push %.0f  nop %.0f  branch %.0f  other %.0f\n",
	       p->push_ns, p->nop_ns, p->branch_ns, p->stepped_ns);
	printf("its return, in ns:     %.0f\n", p->return_ns);
}

static void print_text(const struct verdict *v)
{
	printf("kernel %s %s\n\n", v->host.release, v->host.machine);
	for (size_t i = 0; i < v->nr; i++)
		print_check(&v->checks[i]);
	print_prices(v);
	printf("\n%s\n", v->able ? "memtide can record here." : "memtide cannot record here.");
}

int mt_command_doctor(const struct mt_options *o)
{
	struct verdict v = { .able = true };
	struct mt_features f;

	uname(&v.host);
	mt_features_probe(&f);
	v.nr = examine(v.checks, ARRAY_SIZE(v.checks), &f);
	for (size_t i = 0; i < v.nr; i++)
		v.able &= v.checks[i].ok || !v.checks[i].required;
	v.prices_err = -mt_calibrate(&v.prices, f.uprobe_session ? MT_LINK_SESSION
						: f.uprobe_multi ? MT_LINK_MULTI
								 : MT_LINK_PERF);
	if (o->format == MT_FORMAT_JSON)
		print_json(&v);
	else
		print_text(&v);
	if (fflush(stdout) || ferror(stdout)) {
		mt_err(-errno, "cannot write what was found: %m");
		return MT_EXIT_FAILURE;
	}
	return v.able ? MT_EXIT_OK : MT_EXIT_INCAPABLE;
}
