// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Folded stacks, as flame graph tools take them: a line each, frames from the outermost to the
 * innermost, a semicolon between them; then a space and the value.
 */
#include <errno.h>
#include <string.h>

#include "export/sites.h"
#include "util/cleanup.h"

/* What is fit for a terminal has no newline; the separator is escaped likewise. */
static int print_name(FILE *out, const char *name)
{
	if (!name)
		return -ENOMEM;
	for (; *name; name++) {
		if (*name == ';')
			fputs("\\x3b", out);
		else
			fputc(*name, out);
	}
	return 0;
}

static int print_site(FILE *out, const struct mt_export_site *site, int64_t value)
{
	_free_ char *root = mt_export_root(site);
	int err = print_name(out, root);

	for (size_t i = site->stack->nr; i > 0 && !err; i--) {
		_free_ char *name = mt_export_frame(site->stack->frames[i - 1]);

		fputc(';', out);
		err = print_name(out, name);
	}
	if (!site->stack->nr)
		fputs(";" MT_EXPORT_NO_STACK, out);
	fprintf(out, " %lld\n", (long long)value);
	return err;
}

int mt_export_folded(FILE *out, const struct mt_export_sites *sites, enum mt_export_value value)
{
	int err = 0;

	for (size_t i = 0; i < sites->nr && !err; i++)
		if (sites->v[i].values[value] > 0)
			err = print_site(out, &sites->v[i], sites->v[i].values[value]);
	return err;
}
