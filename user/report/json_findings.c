// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "report/json_internal.h"

#include "finding/finding.h"

static json_t *evidence(const struct mt_finding *f)
{
	_decref_ json_t *object = json_object();

	for (size_t i = 0; object && i < f->nr_evidence; i++)
		if (json_object_set_new(object, f->evidence[i].name,
					mt_json_known(f->evidence[i].value)))
			return NULL;
	return TAKE_PTR(object);
}

static json_t *finding(struct mt_json_process *p, const struct mt_finding *f)
{
	return json_pack("{ss ss so so so so so so so so}", "rule", f->rule, "severity",
			 mt_severity_name(f->severity), "title", mt_json_text(f->title), "evidence",
			 evidence(f), "advice", mt_json_text(f->advice), "note",
			 mt_json_text(f->note), "saves_bytes", mt_json_known(f->saves_bytes),
			 "saves_reserved_bytes", mt_json_known(f->saves_reserved_bytes),
			 "saved_how", mt_json_text(f->saved_how), "stack",
			 f->stack ? mt_json_stack(p, f->stack) : json_array());
}

json_t *mt_json_findings(struct mt_json_process *p)
{
	__cleanup(mt_findings_free) struct mt_findings *findings = NULL;
	_decref_ json_t *array = json_array();

	if (!array || mt_findings_new(&findings, p->model, p->process))
		return NULL;
	for (size_t i = 0; i < findings->nr; i++)
		if (json_array_append_new(array, finding(p, &findings->v[i])))
			return NULL;
	return TAKE_PTR(array);
}
