// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "export/export.h"

#include <errno.h>

#include "export/sites.h"
#include "util/cleanup.h"

static int print(FILE *out, const struct mt_export_sites *sites, const struct mt_export_options *o)
{
	int first;

	switch (o->format) {
	case MT_EXPORT_DHAT:
		return mt_export_dhat(out, sites);
	case MT_EXPORT_NDJSON:
		return mt_export_ndjson(out, sites);
	case MT_EXPORT_OPENMETRICS:
		return mt_export_openmetrics(out, sites);
	default:
		break;
	}
	first = mt_export_choose(sites, o->value);
	if (first < 0)
		return first;
	switch (o->format) {
	case MT_EXPORT_PPROF:
		return mt_export_pprof(out, sites, first);
	case MT_EXPORT_FOLDED:
		return mt_export_folded(out, sites, first);
	case MT_EXPORT_SPEEDSCOPE:
		return mt_export_speedscope(out, sites, first);
	default:
		return -EINVAL;
	}
}

int mt_export(FILE *out, const struct mt_model *m, const struct mt_export_options *options)
{
	__cleanup(mt_export_sites_free) struct mt_export_sites *sites = NULL;
	int err = mt_export_sites_new(&sites, m, options->pid);

	err = err ? err : print(out, sites, options);
	return !err && (fflush(out) || ferror(out)) ? -EIO : err;
}
