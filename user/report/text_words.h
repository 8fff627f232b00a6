/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * text_words.h: how sure a number is, in the words of the text report. Thread-safe.
 */
#ifndef MT_REPORT_TEXT_WORDS_H
#define MT_REPORT_TEXT_WORDS_H

#include "analysis/estimate.h"
#include "analysis/losses.h"
#include "analysis/sampling.h"
#include "util/units.h"

/* Before the number: "at least ", "about ", or nothing. */
const char *mt_text_at_least(enum mt_trust trust);
/* Behind it: "exact", "sampled", "windowed", "see Lost". */
const char *mt_text_kind(enum mt_trust trust);

/* ", 1.2 MiB to 1.4 MiB"; nothing where the number is no estimate. */
struct mt_unit mt_text_spread(int64_t bytes, double unit);
/* The same of an estimate from bursts; what bounds it not above has no end. */
struct mt_unit mt_text_estimated(const struct mt_estimate *bytes);

#endif
