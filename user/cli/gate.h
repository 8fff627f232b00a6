/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * gate.h: what a difference may not exceed, for scripts: "at_peak>+10%", "alloc_count>+5000",
 * "peak_rss>+16M".
 *
 * A metric goes by its name in the JSON (memtide.diff/1), with or without its unit. Functions log
 * their errors. Text belongs to the caller.
 */
#ifndef MT_CLI_GATE_H
#define MT_CLI_GATE_H

#include <stdbool.h>

struct mt_diff;

/* -EINVAL: it is no gate. */
int mt_gate_check_syntax(const char *text);

/* 1: it is exceeded, which is said. 0. -ENODATA: one of the recordings does not know it. */
int mt_gate_hit(const char *text, const struct mt_diff *diff);

#endif
