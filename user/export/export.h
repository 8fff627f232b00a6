/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * export.h: what a capture says, in the formats of other tools.
 *
 * An export computes nothing: numbers are the model's or an analysis's, the JSON report's own. What
 * is unknown is left out, never 0. What is estimated says so, as far as the format has a place for
 * it. Names are escaped, whatever is in the capture. Thread-safe over a const model.
 *
 * mt_export() returns 0 or -errno after a message: -ESRCH where no such process is in the capture,
 * -ENODATA where it knows nothing of what the format is about; -ENOMEM and, when `out` could not be
 * written, -EIO without one.
 */
#ifndef MT_EXPORT_EXPORT_H
#define MT_EXPORT_EXPORT_H

#include <stdint.h>
#include <stdio.h>

struct mt_model;

enum mt_export_format {
	MT_EXPORT_NONE = 0,
	MT_EXPORT_PPROF, /* gzip: bytes, not text */
	MT_EXPORT_FOLDED,
	MT_EXPORT_SPEEDSCOPE,
	MT_EXPORT_DHAT,
	MT_EXPORT_NDJSON,
	MT_EXPORT_OPENMETRICS,
};

/* What a stack is worth. */
enum mt_export_value {
	MT_EXPORT_ALLOC_CNT = 0,
	MT_EXPORT_ALLOC_BYTES,
	MT_EXPORT_LIVE_CNT,
	MT_EXPORT_LIVE_BYTES,
	MT_EXPORT_PEAK_CNT, /* live at the peak of the heap */
	MT_EXPORT_PEAK_BYTES,
	MT_EXPORT_RESIDENT_BYTES, /* that page faults brought */
	MT_EXPORT_VALUES,	  /* their number; as an option: the first that is known */
};

struct mt_export_options {
	enum mt_export_format format;
	enum mt_export_value value; /* that is shown first; of folded the only one */
	int32_t pid;		    /* 0: all processes */
};

int mt_export(FILE *out, const struct mt_model *m, const struct mt_export_options *options);

#endif
