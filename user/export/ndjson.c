// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * memtide.sites/1: a line of JSON for each site of each process, for those who add up many
 * captures. Values have the names of the JSON report; what is unknown is not there.
 */
#include <errno.h>
#include <string.h>

#include "export/sites.h"
#include "util/json.h"

/* The build id of the program itself. */
static const char *build_id(const struct mt_model_process *p)
{
	for (size_t i = 0; p->row.exe && i < p->nr_modules; i++)
		if (!strcmp(p->modules[i].path, p->row.exe))
			return p->modules[i].build_id;
	return NULL;
}

/* Names, innermost first; and where the call is in that one's file. */
static int set_stack(json_t *line, const struct mt_model_stack *stack)
{
	const struct mt_frame *inner = stack->nr ? stack->frames[0] : NULL;
	_decref_ json_t *names = json_array();

	for (size_t i = 0; names && i < stack->nr; i++) {
		_free_ char *name = mt_export_frame(stack->frames[i]);

		if (!name || json_array_append_new(names, mt_json_text(name)))
			return -ENOMEM;
	}
	if (!names || json_object_set(line, "stack", names))
		return -ENOMEM;
	if (!inner || !inner->module || !inner->offset || inner->offset > INT64_MAX)
		return 0;
	return json_object_set_new(line, "module", mt_json_text(inner->module)) ||
			       json_object_set_new(line, "offset",
						   json_integer((json_int_t)inner->offset - 1))
		       ? -ENOMEM
		       : 0;
}

static int set_values(json_t *line, const struct mt_export_site *site)
{
	for (int i = 0; i < MT_EXPORT_VALUES; i++)
		if (site->values[i] >= 0 && json_object_set_new(line, mt_export_value_name(i)->json,
								json_integer(site->values[i])))
			return -ENOMEM;
	return 0;
}

static json_t *new_line(const struct mt_export_sites *sites, const struct mt_export_site *site)
{
	const struct mt_model_meta *meta = &sites->model->meta;
	const struct mt_process_row *row = &site->process->model->row;
	const struct {
		const char *key;
		const char *text;
	} texts[] = {
		{ "host", meta->host },
		{ "started", meta->started },
		{ "comm", row->comm },
		{ "exe", row->exe },
		{ "build_id", build_id(site->process->model) },
		{ "of", site->faults ? "faults" : "heap" },
		{ "kind", mt_export_kind(site) },
	};
	_decref_ json_t *line =
		json_pack("{ss si}", "schema", "memtide.sites/1", "pid", (int)row->pid);

	for (size_t i = 0; line && i < ARRAY_SIZE(texts); i++)
		if (texts[i].text &&
		    json_object_set_new(line, texts[i].key, mt_json_text(texts[i].text)))
			return NULL;
	if (!line || set_stack(line, site->stack) || set_values(line, site))
		return NULL;
	return TAKE_PTR(line);
}

int mt_export_ndjson(FILE *out, const struct mt_export_sites *sites)
{
	int err = 0;

	for (size_t i = 0; i < sites->nr && !err; i++) {
		_decref_ json_t *line = new_line(sites, &sites->v[i]);

		err = mt_json_print(out, line, JSON_COMPACT);
	}
	return err;
}
