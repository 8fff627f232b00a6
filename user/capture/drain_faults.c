// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "capture/drain_faults.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/capture.h"
#include "capture/drain_stacks.h"
#include "capture/keyed.h"
#include "session/program.h"
#include "session/session.h"
#include "session/tables.h"
#include "util/cleanup.h"
#include "util/log.h"

struct site {
	struct mt_fault_key key; /* first: it is what is hashed */
	uint64_t sample_cnt;	 /* when it was last written */
};

struct mt_drain_faults {
	struct mt_capture *capture;
	struct mt_session *session;
	struct mt_drain_stacks *stacks;
	htab_t sites;
};

int mt_drain_faults_new(struct mt_drain_faults **out, struct mt_capture *capture,
			struct mt_session *session, struct mt_drain_stacks *stacks)
{
	__cleanup(mt_drain_faults_free) struct mt_drain_faults *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->capture = capture;
	f->session = session;
	f->stacks = stacks;
	f->sites = mt_keyed_new(free);
	if (!f->sites)
		return -ENOMEM;
	*out = TAKE_PTR(f);
	return 0;
}

void mt_drain_faults_free(struct mt_drain_faults **faults)
{
	if (!*faults)
		return;
	if ((*faults)->sites)
		htab_delete((*faults)->sites);
	free(*faults);
	*faults = NULL;
}

static const char *const classes[] = { [MT_FAULT_INVALID] = "unknown",
#define CLASS_NAME(id, name) [MT_FAULT_##id] = name,
				       MT_FAULT_CLASS_LIST(CLASS_NAME)
#undef CLASS_NAME
};

static int on_fault(const struct mt_fault_key *key, const struct mt_fault *fault, void *arg)
{
	struct mt_drain_faults *f = arg;
	const struct mt_program *p = mt_session_program(f->session, key->slot);
	struct mt_fault_site_row row = {
		.process = key->slot,
		.stack = key->stack,
		.class = classes[key->class % MT_FAULT_CLASS_MAX],
		.sample_cnt = fault->sample_cnt,
		.fault_cnt = fault->fault_cnt,
		.bytes = fault->page_cnt * sysconf(_SC_PAGESIZE),
	};
	struct site *site;
	int err;

	if (!p || p->hidden)
		return 0;
	site = mt_keyed_get(f->sites, key, sizeof(*site));
	if (!site)
		return -ENOMEM;
	if (site->sample_cnt == fault->sample_cnt)
		return 0;
	site->sample_cnt = fault->sample_cnt;
	err = mt_drain_stacks_put(f->stacks, key->stack);
	return err ? err : mt_capture_put_fault_site(f->capture, &row);
}

int mt_drain_faults_tick(struct mt_drain_faults *f)
{
	int err = mt_tables_each_fault(mt_session_kernel(f->session), on_fault, f);

	return err ? mt_err(err, "cannot read the kernel's page faults: %s", strerror(-err)) : 0;
}

static int drop_site(void **slot, void *arg)
{
	struct mt_drain_faults *f = arg;
	struct site *site = *slot;
	const struct mt_program *p = mt_session_program(f->session, site->key.slot);

	if (p && !p->ended)
		return 1;
	mt_tables_drop_fault(mt_session_kernel(f->session), &site->key);
	mt_drain_stacks_drop(f->stacks, site->key.stack);
	htab_clear_slot(f->sites, slot);
	return 1;
}

void mt_drain_faults_drop_ended(struct mt_drain_faults *f)
{
	htab_traverse_noresize(f->sites, drop_site, f);
}
