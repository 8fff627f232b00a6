/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * faults.h: who made a process's memory resident, by its page faults.
 *
 * A fault may bring a page, a huge one or, of a file, the pages around it; what it brought may have
 * gone again. So the bytes of sites are scaled to how much resident memory grew by the kernel's own
 * counters, for anonymous memory and for what is shared apart. Anonymous sites are only scaled
 * down: growth that faults do not explain was brought in by other means, and is nobody's.
 *
 * Results point into the model, which must outlive them. Pure over a const model: thread-safe.
 * Bytes; -1 is unknown. Returns 0 or -ENOMEM.
 */
#ifndef MT_ANALYSIS_FAULTS_H
#define MT_ANALYSIS_FAULTS_H

#include "model/model.h"

struct mt_fault_site_bytes {
	const struct mt_model_fault_site *site;
	int64_t bytes; /* of the growth */
	double pct;    /* of all growth; -1: there is none */
};

struct mt_faults_by_site {
	bool watched;		   /* else all is unknown */
	bool sampled;		   /* not every fault got a stack */
	bool scaled;		   /* some site's bytes are other than its faults' */
	int64_t fault_cnt;	   /* exact but for what threads that live have not told yet */
	int64_t grown_bytes;	   /* of resident memory */
	int64_t unexplained_bytes; /* of these, no fault's */
	struct mt_fault_site_bytes *sites; /* largest first */
	size_t nr_sites;
};

int mt_faults_by_site_new(struct mt_faults_by_site **out, const struct mt_model_process *p);
void mt_faults_by_site_free(struct mt_faults_by_site **faults);

#endif
