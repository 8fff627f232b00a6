// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* libFuzzer on the reader of /proc/PID/smaps, whose paths are of the target's choosing. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "target/smaps.h"
#include "util/cleanup.h"
#include "want.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	__cleanup(mt_smaps_free) struct mt_smaps *smaps = NULL;
	_fclose_ FILE *in = len ? fmemopen((void *)data, len, "r") : NULL;

	if (!in || mt_smaps_read(&smaps, in))
		return 0;
	for (size_t i = 0; i < smaps->nr; i++) {
		const struct mt_smap *s = &smaps->v[i];

		want(s->m.start < s->m.end && s->m.path);
		want(s->rss_bytes >= 0 && (uint64_t)s->rss_bytes <= s->m.end - s->m.start);
		want(!i || s[-1].m.end <= s->m.start);
	}
	return 0;
}
