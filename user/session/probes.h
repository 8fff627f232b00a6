/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * probes.h: the kernel's table of probes, `mt_probes`, which a cookie points into.
 *
 * The sites of a file get consecutive rows when the file is probed for the first time, and keep
 * them for the recording. It is also known here in how many processes a file is probed: beyond
 * MT_PROBES_CROWD of them links.h changes the way it does that. One thread; errors are -errno,
 * not logged: -ENOSPC when the table is full.
 */
#ifndef MT_SESSION_PROBES_H
#define MT_SESSION_PROBES_H

#include <stddef.h>
#include <stdint.h>

/* Every trap walks the links of all processes on that instruction: 8 cost what one event does. */
#define MT_PROBES_CROWD 8

struct mt_probe_target;
struct mt_probes;
struct mt_trap_prices;

struct mt_probes_file {
	const struct mt_probe_target *target;
	uint32_t first; /* row of its first site */
	unsigned int processes;
	unsigned int returns_by; /* 1 << enum mt_link_kind, of the links that saw calls return */
};

/* Both are borrowed. */
int mt_probes_new(struct mt_probes **out, int map_fd, const struct mt_trap_prices *prices);
void mt_probes_free(struct mt_probes **probes);

/* The prices have changed. */
int mt_probes_write_again(const struct mt_probes *p);

/* `returns_by` of the file, 0 where it was never probed. */
unsigned int mt_probes_returns_by(const struct mt_probes *p, const struct mt_probe_target *target);

/* The file's entry, which stays where it is until mt_probes_free. */
int mt_probes_file(struct mt_probes *p, const struct mt_probe_target *target,
		   struct mt_probes_file **out);

#endif
