/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * finding.h: what to change in a program so that it needs less memory (DESIGN section 7).
 *
 * mt_findings_new() has every rule look at one process of a model. A finding has the numbers of
 * this process that made the rule fire, what a change would save, and advice in the terms of the
 * program's language. Bytes; -1: cannot be told. saves_bytes is resident memory at the peak,
 * saves_reserved_bytes address space; `saved_how` says how that was reached.
 *
 * A rule fires however short the recording was; where that saw only a part of a program's life, and
 * little of it, the severity is info and `note` says why.
 *
 * Worst first: by severity, then by what it saves. Results point into the model, which must outlive
 * them. Pure over a const model: thread-safe. Returns 0 or -ENOMEM.
 */
#ifndef MT_FINDING_FINDING_H
#define MT_FINDING_FINDING_H

#include "model/model.h"

enum mt_severity {
	MT_SEVERITY_INFO = 1,
	MT_SEVERITY_WARN,
	MT_SEVERITY_HIGH,
};

struct mt_evidence {
	const char *name; /* ends in its unit */
	int64_t value;
};

#define MT_EVIDENCE_MAX 8

struct mt_finding {
	const char *rule; /* "preallocate", ... */
	enum mt_severity severity;
	char *title;
	char *advice;
	const char *note; /* or NULL */
	struct mt_evidence evidence[MT_EVIDENCE_MAX];
	size_t nr_evidence;
	int64_t saves_bytes;
	int64_t saves_reserved_bytes;
	const char *saved_how;		    /* NULL: both are -1 */
	const struct mt_model_stack *stack; /* NULL: it is the whole process */
	size_t own;			    /* the innermost of its frames that is the program's */
};

struct mt_findings {
	struct mt_finding *v;
	size_t nr;
};

int mt_findings_new(struct mt_findings **out, const struct mt_model *m,
		    const struct mt_model_process *p);
void mt_findings_free(struct mt_findings **findings);

/* "info", "warn", "high" */
const char *mt_severity_name(enum mt_severity severity);

#endif
