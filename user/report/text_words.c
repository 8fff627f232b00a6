// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "report/text_words.h"

#include <stdint.h>
#include <stdio.h>

const char *mt_text_at_least(enum mt_trust trust)
{
	static const char *const words[] = { [MT_TRUST_EXACT] = "",
					     [MT_TRUST_SAMPLED] = "about ",
					     [MT_TRUST_WINDOWED] = "about ",
					     [MT_TRUST_AT_LEAST] = "at least ",
					     [MT_TRUST_ABOUT] = "about " };

	return words[trust];
}

struct mt_unit mt_text_spread(int64_t bytes, double unit)
{
	struct mt_interval ci95 = mt_sampling_interval(bytes, unit);
	struct mt_unit text = { "" };

	if (unit > 0)
		snprintf(text.s, sizeof(text.s), ", %.16s to %.16s", mt_unit_bytes(ci95.low).s,
			 mt_unit_bytes(ci95.high).s);
	return text;
}

struct mt_unit mt_text_estimated(const struct mt_estimate *bytes)
{
	struct mt_unit text = { "" };

	if (bytes->high < MT_ESTIMATE_MAX)
		snprintf(text.s, sizeof(text.s), ", %.16s to %.16s", mt_unit_bytes(bytes->low).s,
			 mt_unit_bytes(bytes->high).s);
	else
		snprintf(text.s, sizeof(text.s), ", %.16s or more", mt_unit_bytes(bytes->low).s);
	return text;
}

const char *mt_text_kind(enum mt_trust trust)
{
	static const char *const words[] = { [MT_TRUST_EXACT] = "exact",
					     [MT_TRUST_SAMPLED] = "sampled",
					     [MT_TRUST_WINDOWED] = "windowed",
					     [MT_TRUST_AT_LEAST] = "see Lost",
					     [MT_TRUST_ABOUT] = "see Lost" };

	return words[trust];
}
