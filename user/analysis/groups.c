// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/groups.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/sum.h"
#include "util/cleanup.h"

/* A container's id, as Docker, containerd and CRI-O write it; people use its beginning. */
#define ID_LEN	 64
#define ID_SHOWN 12

/* The id in "docker-ID.scope", "cri-containerd-ID.scope", "ID"; or NULL. */
static const char *container_id(const char *component, size_t len)
{
	size_t run = 0;

	for (size_t i = 0; i < len; i++) {
		run = isxdigit((unsigned char)component[i]) ? run + 1 : 0;
		if (run == ID_LEN && (i + 1 == len || component[i + 1] == '.'))
			return component + i + 1 - ID_LEN;
	}
	return NULL;
}

static bool ends_with(const char *s, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len > n && !memcmp(s + len - n, end, n);
}

/* What is deepest in the path counts: a container is in a unit. */
static char *name_of(const char *cgroup)
{
	const char *unit = NULL, *component = cgroup;
	char *name = NULL;
	int unit_len = 0;

	while (*component) {
		size_t len = strcspn(component, "/");
		const char *id = container_id(component, len);

		if (id)
			return asprintf(&name, "container %.*s", ID_SHOWN, id) < 0 ? NULL : name;
		if (ends_with(component, len, ".service") || ends_with(component, len, ".scope")) {
			unit = component;
			unit_len = len;
		}
		component += len + (component[len] == '/');
	}
	return unit ? strndup(unit, unit_len) : strdup(*cgroup ? cgroup : "/");
}

static void add(struct mt_group *g, const struct mt_process_row *row)
{
	g->process_cnt++;
	if (row->peak_rss_bytes > 0)
		mt_sum_add(&g->peak_rss_bytes, row->peak_rss_bytes);
	if (row->anon_rss_bytes > 0)
		mt_sum_add(&g->grown_bytes, row->anon_rss_bytes);
	if (row->shared_rss_bytes > 0)
		mt_sum_add(&g->grown_bytes, row->shared_rss_bytes);
}

static struct mt_group *group_of(struct mt_groups *groups, const char *cgroup)
{
	struct mt_group *g;

	for (size_t i = 0; i < groups->nr; i++)
		if (!strcmp(groups->v[i].cgroup, cgroup))
			return &groups->v[i];
	g = &groups->v[groups->nr];
	*g = (struct mt_group){ .cgroup = cgroup, .name = name_of(cgroup) };
	if (!g->name)
		return NULL;
	groups->nr++;
	return g;
}

static int by_rss(const void *va, const void *vb)
{
	const struct mt_group *a = va, *b = vb;

	return mt_sum_falling(a->peak_rss_bytes, b->peak_rss_bytes) ?: strcmp(a->cgroup, b->cgroup);
}

int mt_groups_new(struct mt_groups **out, const struct mt_model *m)
{
	__cleanup(mt_groups_free) struct mt_groups *groups = calloc(1, sizeof(*groups));

	if (!groups)
		return -ENOMEM;
	groups->v = calloc(m->nr_processes + 1, sizeof(*groups->v));
	if (!groups->v)
		return -ENOMEM;
	for (size_t i = 0; i < m->nr_processes; i++) {
		struct mt_group *g = group_of(groups, m->processes[i].row.cgroup ?: "");

		if (!g)
			return -ENOMEM;
		add(g, &m->processes[i].row);
	}
	qsort(groups->v, groups->nr, sizeof(*groups->v), by_rss);
	*out = TAKE_PTR(groups);
	return 0;
}

void mt_groups_free(struct mt_groups **groups)
{
	struct mt_groups *g = *groups;

	if (!g)
		return;
	for (size_t i = 0; g->v && i < g->nr; i++)
		free(g->v[i].name);
	free(g->v);
	free(g);
	*groups = NULL;
}
