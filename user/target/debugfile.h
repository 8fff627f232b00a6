/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * debugfile.h: the separate debug file of a program or library, as distributions install it.
 *
 * It is looked for below the root directory of the process that maps the file, which is the
 * only place that belongs to the very build: first by build id, below
 * /usr/lib/debug/.build-id; then by the name that .gnu_debuglink gives, in the file's own
 * directory, in .debug there, and below /usr/lib/debug, where its CRC-32 must be as said.
 *
 * Whoever can write the debug file says where probes go in the program. So it must be owned
 * by root or by the owner of the program, who could change the program itself as well, and
 * not be everybody's to write.
 *
 * Nothing is owned but the descriptor that is handed out. Thread-safe. Errors are -errno:
 * -ENOENT there is none that is acceptable.
 */
#ifndef MT_TARGET_DEBUGFILE_H
#define MT_TARGET_DEBUGFILE_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Opens it, read-only. `path` is the program's as the process sees it, `owner` that of its
 * open file: by the path another one may be found by now. `build_id` and `debuglink` are what
 * elf.h says of it, or NULL. mt_elf_attach_debug compares the build id.
 */
int mt_debugfile_open(int root_fd, const char *path, uid_t owner, const char *build_id,
		      const char *debuglink, uint32_t crc);

#endif
