/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * symbol.h: names for the addresses in a capture.
 *
 * For every frame of every stack that a process's sites, mapping sites or threads refer to,
 * one mt_symbol_row is written, and more where the compiler inlined. All frames are return
 * addresses, so what is looked up is the byte before them: the call.
 *
 * A module's file is the one that `files` holds open, with its debug file; where it has
 * none, the one at the module row's path, if its build id is the row's. What lies in no
 * module is looked up in the map of what its process has compiled, if `maps` has one. Each is
 * read once, however many processes map it, in a child that can do no harm (worker.h). A file
 * that cannot be read, or that the child does not survive, leaves its frames with module and
 * offset. Not thread-safe; the capture must not be in a transaction.
 */
#ifndef MT_SYMBOL_SYMBOL_H
#define MT_SYMBOL_SYMBOL_H

#include <stddef.h>

struct mt_capture;
struct mt_locator;
struct mt_perfmap;

/* `files` may be NULL. 0, or -errno of the capture. */
int mt_symbol_resolve_capture(struct mt_capture *c, const struct mt_locator *files,
			      const struct mt_perfmap *maps, size_t nr_maps);

#endif
