/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * calibrate.h: what a probe costs on this host, by the kind of instruction that it is on.
 *
 * A throwaway process (puppet.h) calls small functions of our own program with the kernel's
 * probes in them, and a BPF program that does nothing. Takes less than 300 ms, up to 2 s on a
 * very slow machine. The prices are nanoseconds a hit, medians of short rounds that take turns,
 * less the same calls without a probe. Errors are -errno, not logged: -ENOTSUP but on x86-64.
 * Call it from one thread, or have it done meanwhile by one of its own: begin, then end.
 */
#ifndef MT_SESSION_CALIBRATE_H
#define MT_SESSION_CALIBRATE_H

#include "session/kernel.h"

struct mt_trap_prices {
	double push_ns; /* these three are emulated */
	double nop_ns;
	double branch_ns;
	double stepped_ns; /* any other instruction */
	double return_ns;  /* what a return probe adds to its entry */
	/* What our program took meanwhile for a hit that is only counted; 0: not known. */
	double census_run_ns;
};

/* By links of this kind; MT_LINK_SHARED: as MT_LINK_PERF. */
int mt_calibrate(struct mt_trap_prices *out, enum mt_link_kind kind);

struct mt_calibration;

int mt_calibration_begin(struct mt_calibration **out, enum mt_link_kind kind);
/* Waits for it, and frees it; what mt_calibrate() returned. NULL: -ENODATA. */
int mt_calibration_end(struct mt_calibration **calibration, struct mt_trap_prices *out);

#endif
