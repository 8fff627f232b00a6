/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * groups.h: processes together by their cgroup, under the name that people know it by: the systemd
 * unit or the container that its path tells.
 *
 * The group with most resident memory first. Sums of peaks are of different moments, so no group
 * was ever larger. Names are owned by the result, the rest points into the model, which must
 * outlive it. Pure over a const model: thread-safe. Bytes; -1 is unknown. Returns 0 or -ENOMEM.
 */
#ifndef MT_ANALYSIS_GROUPS_H
#define MT_ANALYSIS_GROUPS_H

#include "model/model.h"

struct mt_group {
	const char *cgroup;
	char *name;	     /* "nginx.service", "container 3f9a0c1d2b4e"; or the cgroup */
	int64_t process_cnt; /* program images */
	int64_t peak_rss_bytes;
	int64_t grown_bytes; /* of resident memory, by page faults */
};

struct mt_groups {
	struct mt_group *v;
	size_t nr;
};

int mt_groups_new(struct mt_groups **out, const struct mt_model *m);
void mt_groups_free(struct mt_groups **groups);

#endif
