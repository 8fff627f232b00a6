// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* libFuzzer on the reader of /proc/PID/maps, whose paths are of the target's choosing. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "target/maps.h"
#include "util/cleanup.h"
#include "want.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	__cleanup(mt_maps_free) struct mt_maps *maps = NULL;

	if (mt_maps_parse(&maps, (const char *)data, len))
		return 0;
	for (size_t i = 0; i < maps->nr; i++) {
		const struct mt_mapping *m = &maps->v[i];

		want(m->start < m->end && m->path && strlen(m->path) <= len);
		want(!i || m[-1].end <= m->start);
		want(mt_maps_find(maps, m->start) == m && mt_maps_find(maps, m->end - 1) == m);
	}
	return 0;
}
