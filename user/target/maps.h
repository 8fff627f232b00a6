/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * maps.h: the mappings of a process, from the text of /proc/PID/maps.
 *
 * A struct mt_maps is a snapshot and owns its paths. Mappings are in rising order and do
 * not overlap; a file that is read in several pieces while the process maps and unmaps can
 * show ranges that do, of which the first is kept. Addresses are those of the process.
 * Not thread-safe while it is changed, which only mt_maps_free does.
 *
 * Errors are -errno: -ESRCH when there is no such process, -EACCES, -EBADMSG for text that
 * is not a maps file. A process that has no address space (a kernel thread, a zombie) has
 * no mappings, which is no error.
 */
#ifndef MT_TARGET_MAPS_H
#define MT_TARGET_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mt_mapping {
	uint64_t start;
	uint64_t end; /* first byte after it */
	uint64_t file_offset;
	uint64_t inode; /* 0: no file */
	uint32_t dev_major;
	uint32_t dev_minor;
	int prot; /* PROT_READ and so on */
	bool shared;
	bool deleted; /* its name is gone, or now another file's */
	char *path;   /* without " (deleted)"; "[heap]" and the like too; "" for none */
};

struct mt_maps {
	struct mt_mapping *v;
	size_t nr;
	char *text; /* what the paths point into */
};

int mt_maps_load(struct mt_maps **out, pid_t pid);
int mt_maps_parse(struct mt_maps **out, const char *text, size_t len);
void mt_maps_free(struct mt_maps **maps);

/* One line, without its newline; it is modified, and out->path points into it. */
int mt_maps_parse_line(char *line, struct mt_mapping *out);

/* The mapping that holds `address`, or NULL. */
const struct mt_mapping *mt_maps_find(const struct mt_maps *maps, uint64_t address);

/* A mapping of a named file, with code in it. */
bool mt_mapping_is_code(const struct mt_mapping *m);

#endif
