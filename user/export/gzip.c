// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "export/gzip.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "util/cleanup.h"

/* zlib: largest window, and a gzip header instead of its own. */
#define GZIP_WINDOW (15 + 16)
#define MEM_LEVEL   8

struct mt_gzip {
	z_stream z;
	FILE *file;
	unsigned char buffer[1 << 16];
};

int mt_gzip_new(struct mt_gzip **out, FILE *file)
{
	struct mt_gzip *gz = calloc(1, sizeof(*gz));

	if (!gz)
		return -ENOMEM;
	gz->file = file;
	if (deflateInit2(&gz->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, MEM_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK) {
		free(gz);
		return -ENOMEM;
	}
	*out = gz;
	return 0;
}

/* Until the input is used up; at the end until there is no more output. */
static int run(struct mt_gzip *gz, int flush)
{
	int status;

	do {
		size_t nr;

		gz->z.next_out = gz->buffer;
		gz->z.avail_out = sizeof(gz->buffer);
		status = deflate(&gz->z, flush);
		nr = sizeof(gz->buffer) - gz->z.avail_out;
		if (fwrite(gz->buffer, 1, nr, gz->file) != nr)
			return -EIO;
	} while (gz->z.avail_in || (flush == Z_FINISH && status == Z_OK));
	return 0;
}

int mt_gzip_write(struct mt_gzip *gz, const void *bytes, size_t nr)
{
	gz->z.next_in = (z_const Bytef *)bytes;
	gz->z.avail_in = nr;
	return run(gz, Z_NO_FLUSH);
}

int mt_gzip_end(struct mt_gzip *gz)
{
	return run(gz, Z_FINISH);
}

void mt_gzip_free(struct mt_gzip **gz)
{
	if (!*gz)
		return;
	deflateEnd(&(*gz)->z);
	free(*gz);
	*gz = NULL;
}
