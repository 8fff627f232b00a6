// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "capture/blob.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "logic/hist.h"

size_t mt_blob_encode_frames(uint8_t *blob, const uint64_t *frames, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		uint64_t le = htole64(frames[i]);

		memcpy(blob + i * sizeof(le), &le, sizeof(le));
	}
	return nr * sizeof(*frames);
}

size_t mt_blob_encode_hist(uint8_t *blob, const uint64_t *counts, size_t nr)
{
	size_t bytes = 0;

	while (nr && !counts[nr - 1])
		nr--;
	for (size_t i = 0; i < nr; i++) {
		uint64_t v = counts[i];

		for (; v >= 0x80; v >>= 7)
			blob[bytes++] = v | 0x80;
		blob[bytes++] = v;
	}
	return bytes;
}

int mt_blob_decode_frames(uint64_t *frames, const uint8_t *blob, size_t bytes)
{
	if (bytes % sizeof(*frames))
		return -EBADMSG;
	for (size_t i = 0; i < bytes / sizeof(*frames); i++) {
		uint64_t le;

		memcpy(&le, blob + i * sizeof(le), sizeof(le));
		frames[i] = le64toh(le);
	}
	return bytes / sizeof(*frames);
}

int mt_blob_decode_hist(uint64_t *counts, const uint8_t *blob, size_t bytes)
{
	int nr = 0, shift = 0;
	uint64_t v = 0;

	for (size_t i = 0; i < bytes; i++) {
		v |= (uint64_t)(blob[i] & 0x7f) << shift;
		shift += 7;
		if (blob[i] & 0x80 && shift < 56)
			continue;
		if (blob[i] & 0x80 || nr == MT_HIST_BUCKETS)
			return -EBADMSG;
		counts[nr++] = v;
		v = 0;
		shift = 0;
	}
	return shift ? -EBADMSG : nr;
}
