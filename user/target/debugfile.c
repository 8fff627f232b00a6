// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/debugfile.h"

#include <errno.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "target/locate.h"
#include "util/cleanup.h"

#define DEBUG_DIR "/usr/lib/debug"

/* A file is read to the end for its CRC: larger ones have a build id. */
#define CRC_FILE_MAX (1LL << 30)
#define CRC_CHUNK    (256U << 10)

/* Opens the file of that path if it is to be trusted, or -ENOENT. */
static int open_trusted(int root_fd, const char *path, uid_t owner)
{
	_close_ int fd =
		mt_locate_open_regular(root_fd, path, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	struct stat st;

	if (fd < 0)
		return -ENOENT;
	if (fstat(fd, &st) || (st.st_uid != 0 && st.st_uid != owner) || st.st_mode & S_IWOTH)
		return -ENOENT;
	return TAKE_FD(fd);
}

static bool has_crc(int fd, uint32_t crc)
{
	_free_ unsigned char *chunk = NULL;
	uLong sum = crc32_z(0, NULL, 0);
	struct stat st;
	off_t at = 0;
	ssize_t got;

	if (fstat(fd, &st) || st.st_size > CRC_FILE_MAX)
		return false;
	chunk = malloc(CRC_CHUNK);
	if (!chunk)
		return false;
	/* It may grow meanwhile: the size that it had is the end. */
	while (at < st.st_size && (got = pread(fd, chunk, CRC_CHUNK, at)) > 0) {
		sum = crc32_z(sum, chunk, (size_t)got);
		at += got;
	}
	return at >= st.st_size && sum == crc;
}

static int open_by_build_id(int root_fd, uid_t owner, const char *build_id)
{
	char path[256];

	if (strlen(build_id) < 3)
		return -ENOENT;
	if (snprintf(path, sizeof(path), DEBUG_DIR "/.build-id/%.2s/%s.debug", build_id,
		     build_id + 2) >= (int)sizeof(path))
		return -ENOENT;
	return open_trusted(root_fd, path, owner);
}

/* The name comes from the file: anything but a name in a directory is refused. */
static int open_by_link(int root_fd, const char *program, uid_t owner, const char *name,
			uint32_t crc)
{
	static const struct {
		const char *above, *below;
	} dirs[] = { { "", "" }, { "", "/.debug" }, { DEBUG_DIR, "" } };
	const char *slash = strrchr(program, '/');

	if (!slash || strchr(name, '/'))
		return -ENOENT;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		_close_ int fd = -1;
		char path[PATH_MAX];

		if (snprintf(path, sizeof(path), "%s%.*s%s/%s", dirs[i].above,
			     (int)(slash - program), program, dirs[i].below,
			     name) >= (int)sizeof(path))
			continue;
		fd = open_trusted(root_fd, path, owner);
		if (fd >= 0 && has_crc(fd, crc))
			return TAKE_FD(fd);
	}
	return -ENOENT;
}

int mt_debugfile_open(int root_fd, const char *path, uid_t owner, const char *build_id,
		      const char *debuglink, uint32_t crc)
{
	int fd = build_id ? open_by_build_id(root_fd, owner, build_id) : -ENOENT;

	if (fd < 0 && debuglink)
		fd = open_by_link(root_fd, path, owner, debuglink, crc);
	return fd;
}
