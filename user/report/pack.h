/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * pack.h: the JSON report without its repetitions, for the HTML page: the same numbers in a
 * thirtieth of the bytes. web/data.js is the other side.
 *
 * The report's frames are shared by its stacks and become rows of one table; its stacks become
 * nodes of one tree, each a frame and how far before it its caller's node is. What is an array in
 * the report is here, under the same name:
 *
 *   ["list", [VALUE...]]			as it is
 *   ["table", ROWS, {KEY: ARRAY...}]	objects that have the same keys, by column
 *   ["words", [STRING...], [INDEX...]]	strings that come back; -1: null
 *   NUMBER				"stack": the node of its innermost frame; -1: it has no
 * frame
 *
 * Returns a new object that the caller owns, {"report", "frames", "nodes": {"frame", "up"}}, or
 * NULL without memory. Pure but for reference counts: not thread-safe over one report.
 */
#ifndef MT_REPORT_PACK_H
#define MT_REPORT_PACK_H

#include <jansson.h>

json_t *mt_pack(json_t *report);

#endif
