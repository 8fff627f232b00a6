// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "cli/options.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/gate.h"
#include "cli/version.h"
#include "util/cleanup.h"
#include "util/log.h"

/* What logic/sample.h reckons with. */
#define SAMPLE_BYTES_MAX (1ULL << 30)

#define DEFAULT_BUDGET_PCT 1.0

#define AGE_MAX_S 1e9
#define NS_IN_S	  1e9

enum key {
	KEY_NO_PTRACE = 0x100,
	KEY_TICK,
	KEY_MAP_MEMORY,
	KEY_NO_STACKS,
	KEY_SAMPLE_BYTES,
	KEY_LIB,
	KEY_PREFIX,
	KEY_UPROBES,
	KEY_VM_HOOKS,
	KEY_MODE,
	KEY_BUDGET,
	KEY_JSON,
	KEY_TEXT,
	KEY_FORMAT,
	KEY_VALUE,
	KEY_PID,
	KEY_HTML,
	KEY_SORT,
	KEY_TOP,
	KEY_SITE,
	KEY_LEAKS,
	KEY_MIN_AGE,
	KEY_TREE,
	KEY_FAIL_ON,
};

static const struct argp_option common_options[] = {
	{ "verbose", 'v', NULL, 0, "Say more; twice: what libbpf says too", 10 },
	{ "quiet", 'q', NULL, 0, "Errors only; record prints no report", 10 },
	{ 0 },
};

static const struct argp_option record_options[] = {
	{ "pid", 'p', "PID[,PID]", 0, "These processes", 1 },
	{ "name", 'n', "COMM", 0, "Every process of this name", 1 },
	{ "cgroup", 'c', "CGROUP", 0, "Every process in this cgroup and below", 1 },
	{ "all", 'a', NULL, 0, "Every process of this host; with --mode kernel", 1 },
	{ "duration", 'd', "SECONDS", 0, "End after so long, or when all targets have ended", 2 },
	{ "output", 'o', "FILE", 0, "Capture file (default memtide-COMM-PID-TIME.mtd)", 2 },
	{ "force", 'f', NULL, 0, "Overwrite the capture file", 2 },
	{ "mode", KEY_MODE, "MODE", 0,
	  "auto (default): as many allocator calls as the budget allows; exact: all of them; "
	  "kernel: no breakpoint anywhere",
	  2 },
	{ "budget", KEY_BUDGET, "PCT", 0,
	  "Of auto and kernel: what it may cost, in percent of the targets' CPU time (default 1)",
	  2 },
	{ "no-ptrace", KEY_NO_PTRACE, NULL, 0,
	  "Do not hold the command at fork and exec; what it starts has a gap", 3 },
	{ "tick", KEY_TICK, "MS", 0,
	  "Look at memory this often (default 100, and up to 250 while nothing moves)", 3 },
	{ "map-memory", KEY_MAP_MEMORY, "MIB", 0, "Limit of kernel memory for maps (default 128)",
	  3 },
	{ "no-stacks", KEY_NO_STACKS, NULL, 0, "Count without stacks: cheaper, one site a function",
	  3 },
	{ "sample-bytes", KEY_SAMPLE_BYTES, "N[K|M]", 0,
	  "Follow a block every so many bytes asked for; calls are counted all (default 0: all "
	  "blocks)",
	  3 },
	{ "lib", KEY_LIB, "PATH", 0, "This file has an allocator's functions too (repeatable)", 3 },
	{ "symbol-prefix", KEY_PREFIX, "PREFIX", 0,
	  "What their names begin with in the --lib before it", 3 },
	{ "uprobes", KEY_UPROBES, "KIND", 0, "auto, session, multi, perf or shared", 4 },
	{ "vm-hooks", KEY_VM_HOOKS, "KIND", 0, "auto, fentry, tracepoint or none", 4 },
	{ 0 },
};

static const struct argp_option report_options[] = {
	{ "text", KEY_TEXT, NULL, 0, "For people (default)", 1 },
	{ "json", KEY_JSON, NULL, 0, "For programs: memtide.report/1", 1 },
	{ "html", KEY_HTML, NULL, 0, "For a browser: one offline file", 1 },
	{ "output", 'o', "FILE", 0, "Write there instead of to stdout", 2 },
	{ "force", 'f', NULL, 0, "Overwrite it", 2 },
	{ "sort", KEY_SORT, "ORDER", 0,
	  "Sites of the heap by at_peak, live, alloc, calls or temporary (default at_peak if it is "
	  "known)",
	  3 },
	{ "top", KEY_TOP, "N", 0, "So many of them (default 3)", 3 },
	{ "site", KEY_SITE, "TEXT", 0, "Those with this in the name of a function or module", 3 },
	{ "leaks", KEY_LEAKS, NULL, 0, "What lives at the end", 3 },
	{ "min-age", KEY_MIN_AGE, "SECONDS", 0, "Of that, where half of the blocks are as old", 3 },
	{ "tree", KEY_TREE, "WAY", 0,
	  "Add up stacks that begin alike: callees (from main down) or callers (from what "
	  "allocated "
	  "up)",
	  3 },
	{ 0 },
};

static const struct argp_option diff_options[] = {
	{ "text", KEY_TEXT, NULL, 0, "For people (default)", 1 },
	{ "json", KEY_JSON, NULL, 0, "For programs: memtide.diff/1", 1 },
	{ "html", KEY_HTML, NULL, 0, "One offline page with a differential flame graph", 1 },
	{ "output", 'o', "FILE", 0, "Write there instead of to stdout", 2 },
	{ "force", 'f', NULL, 0, "Overwrite it", 2 },
	{ "sort", KEY_SORT, "ORDER", 0, "Sites by at_peak, live, alloc, calls or temporary", 3 },
	{ "top", KEY_TOP, "N", 0, "So many of them (default 10)", 3 },
	{ "fail-on", KEY_FAIL_ON, "'METRIC>+N[%]'", 0,
	  "Status 10 where it grew by more, as in 'at_peak>+10%' (repeatable)", 4 },
	{ 0 },
};

static const struct argp_option export_options[] = {
	{ "format", KEY_FORMAT, "FORMAT", 0,
	  "pprof, folded, speedscope, dhat, ndjson or openmetrics", 1 },
	{ "value", KEY_VALUE, "VALUE", 0,
	  "Of pprof, folded and speedscope, what to show first: inuse, alloc, peak, each also with "
	  "-count, or resident (default inuse if it is known)",
	  1 },
	{ "pid", KEY_PID, "PID", 0, "This process only", 1 },
	{ "output", 'o', "FILE", 0, "Write there instead of to stdout", 2 },
	{ "force", 'f', NULL, 0, "Replace it, in one step", 2 },
	{ 0 },
};

static const struct argp_option doctor_options[] = {
	{ "json", KEY_JSON, NULL, 0, "For programs", 1 },
	{ 0 },
};

struct word {
	const char *name;
	int value;
};

static const struct word uprobe_words[] = {
	{ "auto", MT_LINK_AUTO }, { "session", MT_LINK_SESSION }, { "multi", MT_LINK_MULTI },
	{ "perf", MT_LINK_PERF }, { "shared", MT_LINK_SHARED },	  { 0 },
};

static const struct word vm_words[] = {
	{ "auto", MT_VM_AUTO },
	{ "fentry", MT_VM_FENTRY },
	{ "tracepoint", MT_VM_TRACEPOINT },
	{ "none", MT_VM_NONE },
	{ 0 },
};

static const struct word mode_words[] = {
	{ "exact", MT_MODE_EXACT },
	{ "kernel", MT_MODE_KERNEL },
	{ "auto", MT_MODE_AUTO },
	{ 0 },
};

static const struct word sort_words[] = {
	{ "at_peak", MT_PICK_AT_PEAK },	    { "live", MT_PICK_LIVE },
	{ "alloc", MT_PICK_ALLOC },	    { "calls", MT_PICK_CALLS },
	{ "temporary", MT_PICK_TEMPORARY }, { 0 },
};

static const struct word tree_words[] = {
	{ "callers", MT_TEXT_CALLERS },
	{ "callees", MT_TEXT_CALLEES },
	{ 0 },
};

static const struct word format_words[] = {
	{ "pprof", MT_EXPORT_PPROF },
	{ "folded", MT_EXPORT_FOLDED },
	{ "speedscope", MT_EXPORT_SPEEDSCOPE },
	{ "dhat", MT_EXPORT_DHAT },
	{ "ndjson", MT_EXPORT_NDJSON },
	{ "openmetrics", MT_EXPORT_OPENMETRICS },
	{ 0 },
};

static const struct word value_words[] = {
	{ "alloc-count", MT_EXPORT_ALLOC_CNT },	  { "alloc", MT_EXPORT_ALLOC_BYTES },
	{ "inuse-count", MT_EXPORT_LIVE_CNT },	  { "inuse", MT_EXPORT_LIVE_BYTES },
	{ "peak-count", MT_EXPORT_PEAK_CNT },	  { "peak", MT_EXPORT_PEAK_BYTES },
	{ "resident", MT_EXPORT_RESIDENT_BYTES }, { 0 },
};

static int word_value(struct argp_state *state, const char *option, const char *arg,
		      const struct word *words)
{
	for (; words->name; words++)
		if (!strcmp(arg, words->name))
			return words->value;
	argp_error(state, "%s: '%s' is none of the words it takes", option, arg);
	return 0;
}

static double number(struct argp_state *state, const char *option, const char *arg, double min,
		     double max)
{
	char *end;
	double v = strtod(arg, &end);

	if (end == arg || *end || !(v >= min && v <= max))
		argp_error(state, "%s: '%s' is not a number from %g to %g", option, arg, min, max);
	return v;
}

/* A number, or one of KiB or MiB. */
static uint64_t sample_bytes(struct argp_state *state, const char *arg)
{
	static const struct {
		char suffix;
		int shift;
	} units[] = { { '\0', 0 }, { 'K', 10 }, { 'M', 20 } };
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(arg, &end, 10);
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (*arg >= '0' && *arg <= '9' && !errno && *end == units[i].suffix &&
		    (!*end || !end[1]) && n <= SAMPLE_BYTES_MAX >> units[i].shift)
			return n << units[i].shift;
	argp_error(state, "--sample-bytes: '%s' is not a number up to 1024M; K and M are KiB, MiB",
		   arg);
	return 0;
}

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
	struct mt_options *o = state->input;

	switch (key) {
	case 'v':
		o->verbosity++;
		return 0;
	case 'q':
		o->verbosity = MT_LOG_QUIET;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void add_library(struct argp_state *state, const char *path)
{
	struct mt_options *o = state->input;

	if (o->nr_libraries == ARRAY_SIZE(o->libraries))
		argp_error(state, "--lib: no more than %zu", ARRAY_SIZE(o->libraries));
	o->libraries[o->nr_libraries++] = (struct mt_session_library){ path, "" };
}

static error_t parse_record(int key, char *arg, struct argp_state *state)
{
	struct mt_options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = o;
		break;
	case 'p':
		o->pids = arg;
		break;
	case 'n':
		o->comm = arg;
		break;
	case 'c':
		o->cgroup = arg;
		break;
	case 'a':
		o->all = true;
		break;
	case 'd':
		o->duration_s = number(state, "-d", arg, 0.001, 1e9);
		break;
	case 'o':
		o->file = arg;
		break;
	case 'f':
		o->force = true;
		break;
	case KEY_NO_PTRACE:
		o->no_ptrace = true;
		break;
	case KEY_TICK:
		o->tick_ms = number(state, "--tick", arg, 10, 60000);
		break;
	case KEY_MAP_MEMORY:
		o->kernel.map_memory_bytes =
			number(state, "--map-memory", arg, 1, 1 << 20) * 1048576;
		break;
	case KEY_NO_STACKS:
		o->kernel.no_stacks = true;
		break;
	case KEY_SAMPLE_BYTES:
		o->kernel.sample_bytes = sample_bytes(state, arg);
		break;
	case KEY_LIB:
		add_library(state, arg);
		break;
	case KEY_PREFIX:
		if (!o->nr_libraries)
			argp_error(state, "--symbol-prefix: which --lib is it of?");
		o->libraries[o->nr_libraries - 1].prefix = arg;
		break;
	case KEY_UPROBES:
		o->kernel.links = word_value(state, "--uprobes", arg, uprobe_words);
		break;
	case KEY_VM_HOOKS:
		o->kernel.vm = word_value(state, "--vm-hooks", arg, vm_words);
		break;
	case KEY_MODE:
		o->mode = word_value(state, "--mode", arg, mode_words);
		break;
	case KEY_BUDGET:
		o->budget_pct = number(state, "--budget", arg, 0.1, 100);
		break;
	case ARGP_KEY_ARG:
		if (!state->quoted || state->next - 1 < state->quoted)
			argp_error(state, "a command comes after --: memtide record -- %s ...",
				   arg);
		o->argv = &state->argv[state->next - 1];
		state->next = state->argc;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* Which sites the text shows, and how. */
static error_t parse_sites(int key, char *arg, struct argp_state *state, struct mt_text_options *o)
{
	switch (key) {
	case KEY_SORT:
		o->pick.order = word_value(state, "--sort", arg, sort_words);
		break;
	case KEY_TOP:
		o->top = number(state, "--top", arg, 1, 1000000);
		break;
	case KEY_SITE:
		o->pick.pattern = arg;
		break;
	case KEY_LEAKS:
		o->pick.leaks = true;
		break;
	case KEY_MIN_AGE:
		o->pick.min_age_ns = number(state, "--min-age", arg, 0, AGE_MAX_S) * NS_IN_S;
		break;
	case KEY_TREE:
		o->tree = word_value(state, "--tree", arg, tree_words);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static error_t parse_report(int key, char *arg, struct argp_state *state)
{
	struct mt_options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = o;
		break;
	case KEY_TEXT:
		o->format = MT_FORMAT_TEXT;
		break;
	case KEY_JSON:
		o->format = MT_FORMAT_JSON;
		break;
	case KEY_HTML:
		o->format = MT_FORMAT_HTML;
		break;
	case 'o':
		o->out = arg;
		break;
	case 'f':
		o->force = true;
		break;
	case ARGP_KEY_ARG:
		if (o->file || o->command == MT_COMMAND_DOCTOR)
			argp_error(state, "'%s' is one argument too many", arg);
		o->file = arg;
		break;
	default:
		return parse_sites(key, arg, state, &o->text);
	}
	return 0;
}

static error_t parse_diff(int key, char *arg, struct argp_state *state)
{
	struct mt_options *o = state->input;

	switch (key) {
	case KEY_FAIL_ON:
		if (o->nr_gates == ARRAY_SIZE(o->gates))
			argp_error(state, "--fail-on: that is one too many");
		o->gates[o->nr_gates++] = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (!o->file || o->file2)
			return parse_report(key, arg, state);
		o->file2 = arg;
		return 0;
	default:
		return parse_report(key, arg, state);
	}
}

static error_t parse_export(int key, char *arg, struct argp_state *state)
{
	struct mt_options *o = state->input;

	switch (key) {
	case KEY_FORMAT:
		o->export.format = word_value(state, "--format", arg, format_words);
		return 0;
	case KEY_VALUE:
		o->export.value = word_value(state, "--value", arg, value_words);
		return 0;
	case KEY_PID:
		o->export.pid = (int32_t)number(state, "--pid", arg, 1, INT32_MAX);
		return 0;
	default:
		return parse_report(key, arg, state);
	}
}

static const struct argp common_argp = { common_options, parse_common };
static const struct argp_child children[] = { { &common_argp }, { 0 } };

static const struct {
	const char *name;
	enum mt_command command;
	struct argp argp;
} commands[] = {
	{ "record",
	  MT_COMMAND_RECORD,
	  { record_options, parse_record, "[-- COMMAND [ARG...]]",
	    "Trace the memory of running processes or of a command.", children } },
	{ "report",
	  MT_COMMAND_REPORT,
	  { report_options, parse_report, "FILE", "Print what a capture file says.", children } },
	{ "diff",
	  MT_COMMAND_DIFF,
	  { diff_options, parse_diff, "OLD NEW", "Compare what two capture files say.",
	    children } },
	{ "export",
	  MT_COMMAND_EXPORT,
	  { export_options, parse_export, "FILE",
	    "Print what a capture file says in the format of another tool.", children } },
	{ "doctor",
	  MT_COMMAND_DOCTOR,
	  { doctor_options, parse_report, "", "Say what this kernel and these privileges allow.",
	    children } },
};

static int usage(FILE *out, int err)
{
	fprintf(out, "Usage: memtide record -p PID[,PID] | -n COMM | -c CGROUP | -a | -- COMMAND "
		     "[ARG...]\n"
		     "       memtide report FILE [--json|--html]\n"
		     "       memtide diff OLD NEW [--json|--html] [--fail-on 'METRIC>+N%%']\n"
		     "       memtide export FILE --format FORMAT [-o OUT]\n"
		     "       memtide doctor [--json]\n"
		     "       memtide COMMAND --help\n"
		     "       memtide --version\n");
	return err;
}

static int validate_export(const struct mt_options *o)
{
	if (!o->file)
		return mt_err(-EINVAL,
			      "export: which capture? memtide export FILE --format FORMAT");
	if (o->export.format == MT_EXPORT_NONE)
		return mt_err(-EINVAL, "export: name a --format: pprof, folded, speedscope, dhat, "
				       "ndjson or openmetrics");
	if (o->export.value != MT_EXPORT_VALUES && o->export.format > MT_EXPORT_SPEEDSCOPE)
		return mt_err(-EINVAL, "export: --value is for pprof, folded and speedscope; the "
				       "others have all values");
	return 0;
}

static int validate_report(const struct mt_options *o)
{
	const struct mt_pick *pick = &o->text.pick;
	bool picks = o->text.top || o->text.tree || pick->order || pick->pattern || pick->leaks;

	if (!o->file)
		return mt_err(-EINVAL, "report: which capture? memtide report FILE");
	if (pick->min_age_ns && !pick->leaks)
		return mt_err(-EINVAL, "report: --min-age is for --leaks");
	if (pick->leaks && pick->order)
		return mt_err(-EINVAL, "report: --leaks has an order of its own: leave --sort out");
	if (picks && o->format != MT_FORMAT_TEXT)
		return mt_err(-EINVAL, "report: --sort, --top, --site, --leaks and --tree are for "
				       "the text; the others have all sites");
	return 0;
}

static int validate_diff(const struct mt_options *o)
{
	if (!o->file2)
		return mt_err(-EINVAL, "diff: which captures? memtide diff OLD NEW");
	for (size_t i = 0; i < o->nr_gates; i++)
		if (mt_gate_check_syntax(o->gates[i]))
			return -EINVAL;
	return 0;
}

static int validate(const struct mt_options *o)
{
	int targets = !!o->pids + !!o->comm + !!o->cgroup + o->all + !!o->argv;

	if (o->command == MT_COMMAND_REPORT)
		return validate_report(o);
	if (o->command == MT_COMMAND_DIFF)
		return validate_diff(o);
	if (o->command == MT_COMMAND_EXPORT)
		return validate_export(o);
	if (o->command == MT_COMMAND_RECORD && targets != 1)
		return mt_err(-EINVAL, "record: name one target: -p PID, -n COMM, -c CGROUP, -a or "
				       "-- COMMAND");
	if (o->all && o->mode != MT_MODE_KERNEL)
		return mt_err(-EINVAL, "record: -a puts no breakpoint into every process: say "
				       "--mode kernel too");
	if (o->budget_pct && o->mode == MT_MODE_EXACT)
		return mt_err(-EINVAL, "record: --mode exact keeps to no --budget");
	if (o->kernel.sample_bytes && o->mode != MT_MODE_EXACT)
		return mt_err(-EINVAL, "record: --sample-bytes is for --mode exact");
	if (o->mode == MT_MODE_KERNEL && o->kernel.links != MT_LINK_AUTO)
		return mt_err(-EINVAL, "record: --mode kernel has no uprobes: leave --uprobes out");
	return 0;
}

int mt_options_parse(struct mt_options *out, int argc, char **argv)
{
	*out = (struct mt_options){
		.kernel.map_memory_bytes = 128 << 20,
		.export.value = MT_EXPORT_VALUES,
		.verbosity = MT_LOG_NORMAL,
	};
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		printf("memtide %s\n", MT_VERSION);
		exit(MT_EXIT_OK);
	}
	if (argc > 1 && !strcmp(argv[1], "--help"))
		exit(usage(stdout, MT_EXIT_OK));
	argp_err_exit_status = MT_EXIT_USAGE;
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++) {
		static char name[32];

		if (strcmp(argv[1], commands[i].name))
			continue;
		snprintf(name, sizeof(name), "memtide %s", commands[i].name);
		argv[1] = name;
		out->command = commands[i].command;
		if (argp_parse(&commands[i].argp, argc - 1, argv + 1, 0, NULL, out))
			return -EINVAL;
		if (validate(out))
			return -EINVAL;
		if (out->mode != MT_MODE_EXACT && !out->budget_pct)
			out->budget_pct = DEFAULT_BUDGET_PCT;
		return 0;
	}
	return usage(stderr, -EINVAL);
}
