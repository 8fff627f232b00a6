// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * release-profile: how the program was built, where another setting makes it smaller or faster.
 * What a stripped or static file does not tell is unknown: null in the evidence.
 */
#include <stdio.h>
#include <string.h>

#include "finding/rules.h"
#include "util/units.h"

#define SYMBOLS_MIN (1 << 20)
#define ADVICE_MAX  300

static void append(char list[ADVICE_MAX], const char *setting)
{
	size_t used = strlen(list);

	snprintf(list + used, ADVICE_MAX - used, "%s%s", used ? ", " : "", setting);
}

static void begin(const struct mt_case *c, struct mt_finding *f, bool slow)
{
	const struct mt_build *b = &c->process->row.build;

	mt_finding_begin(f, "release-profile", NULL);
	f->severity = slow ? MT_SEVERITY_WARN : MT_SEVERITY_INFO;
	mt_finding_evidence(f, "symbol_bytes", b->symbol_bytes);
	mt_finding_evidence(f, "unwind_table_bytes", b->unwind_bytes);
}

static void rust(struct mt_case *c)
{
	const struct mt_build *b = &c->process->row.build;
	char settings[ADVICE_MAX] = "";
	struct mt_finding f;

	if (b->codegen_units > 1)
		append(settings, "codegen-units = 1, lto = true");
	if (b->unwinds == 1)
		append(settings, "panic = \"abort\" where no panic is caught");
	if (b->symbol_bytes >= SYMBOLS_MIN)
		append(settings, "strip = true or split-debuginfo = \"packed\"");
	if (b->overflow_checks != 1 && !settings[0])
		return;
	begin(c, &f, b->overflow_checks == 1);
	mt_finding_evidence(&f, "codegen_unit_count", b->codegen_units);
	mt_finding_evidence(&f, "overflow_check_flag", b->overflow_checks);
	mt_finding_evidence(&f, "unwinds_flag", b->unwinds);
	if (b->overflow_checks == 1)
		mt_finding_title(&f, "It is a debug build of Rust, or one with overflow checks");
	else
		mt_finding_title(&f, "Its release profile leaves something to gain");
	mt_finding_advice(&f, "%s%s%s. What it saves is told by memtide diff.",
			  b->overflow_checks == 1 ? "Build it with --release" : "",
			  !settings[0]		    ? ""
			  : b->overflow_checks == 1 ? ", and in [profile.release] set "
						    : "In [profile.release] set ",
			  settings);
	mt_finding_add(c, &f);
}

static void gnu(struct mt_case *c)
{
	struct mt_finding f;

	if (c->process->row.build.optimised != 0)
		return;
	begin(c, &f, true);
	mt_finding_title(&f, "It was compiled without optimisation");
	mt_finding_advice(&f, "Build it with -O2, and -flto where that is possible.");
	mt_finding_add(c, &f);
}

void mt_rule_release_profile(struct mt_case *c)
{
	if (c->process->row.build.language == MT_BUILD_RUST)
		rust(c);
	else if (c->process->row.build.language == MT_BUILD_GNU)
		gnu(c);
}
