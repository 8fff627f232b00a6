/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * sites.h: the stacks that an export is made of, and the formats' functions; private to
 * user/export.
 *
 * A site is a stack of a process's heap or of its page faults. Sites whose values are all 0 or
 * unknown are left out. They point into the model, which must outlive them; processes are in the
 * model's order, sites of a process in the analyses'. Bytes and counts, -1 is unknown. Returns 0,
 * -ENOMEM, or -ESRCH after a message.
 */
#ifndef MT_EXPORT_SITES_H
#define MT_EXPORT_SITES_H

#include "export/export.h"
#include "model/model.h"

struct mt_export_process {
	const struct mt_model_process *model;
	bool watched;			  /* its heap was */
	const char *heap_kind;		  /* as mt_heap_kind() */
	const char *fault_kind;		  /* "exact", "sampled"; NULL: not watched */
	bool known[MT_EXPORT_VALUES];	  /* of its sites */
	int64_t totals[MT_EXPORT_VALUES]; /* the process's own */
};

struct mt_export_site {
	const struct mt_export_process *process;
	const struct mt_model_stack *stack;
	const struct mt_model_site *parts; /* of the heap, one a kind; else NULL */
	size_t nr_parts;
	const struct mt_model_fault_site *faults; /* of page faults; else NULL */
	int64_t values[MT_EXPORT_VALUES];
};

struct mt_export_sites {
	const struct mt_model *model;
	struct mt_export_process *processes;
	size_t nr_processes;
	struct mt_export_site *v;
	size_t nr;
	bool known[MT_EXPORT_VALUES]; /* of some process */
};

/* pid 0: of all processes. */
int mt_export_sites_new(struct mt_export_sites **out, const struct mt_model *m, int32_t pid);
void mt_export_sites_free(struct mt_export_sites **sites);

/* What a value is called: in pprof and speedscope, in NDJSON; "bytes" or "count". */
struct mt_export_value_name {
	const char *profile;
	const char *json;
	const char *unit;
};
const struct mt_export_value_name *mt_export_value_name(enum mt_export_value value);

/* The value to show first, `asked` if it is known. -ENODATA after a message. */
int mt_export_choose(const struct mt_export_sites *sites, enum mt_export_value asked);

/* A site's kind in a word: "exact", "sampled", "windowed", or "incomplete": something was lost. */
const char *mt_export_kind(const struct mt_export_site *site);

/*
 * Names fit for a terminal, since the tools that read an export print them as they are. The caller
 * frees; NULL: out of memory. A frame without a function is MODULE+0xOFFSET or its address; the
 * root of a process is its name, with the kind of what is not exact.
 */
char *mt_export_frame(const struct mt_frame *frame);
char *mt_export_root(const struct mt_export_site *site);

/* What stands for a stack that could not be taken. */
#define MT_EXPORT_NO_STACK "[no stack]"

/* One a format. 0 or -errno, as mt_export(). */
int mt_export_pprof(FILE *out, const struct mt_export_sites *sites, enum mt_export_value first);
int mt_export_folded(FILE *out, const struct mt_export_sites *sites, enum mt_export_value value);
int mt_export_speedscope(FILE *out, const struct mt_export_sites *sites,
			 enum mt_export_value first);
int mt_export_dhat(FILE *out, const struct mt_export_sites *sites);
int mt_export_ndjson(FILE *out, const struct mt_export_sites *sites);
int mt_export_openmetrics(FILE *out, const struct mt_export_sites *sites);

#endif
