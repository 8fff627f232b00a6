/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * blob.h: arrays of 64-bit numbers in and out of the capture's blobs.
 *
 * Frames are 8 bytes each, little-endian. Histograms are LEB128 numbers (seven bits a byte,
 * low bits first, the high bit says that more follow), without trailing zeros: a count is
 * most often 0 or small. Encoders write at most mt_blob_max_bytes(nr); decoders need room
 * for one number a byte, and trust nothing. No ownership passes. Thread-safe.
 */
#ifndef MT_CAPTURE_BLOB_H
#define MT_CAPTURE_BLOB_H

#include <stddef.h>
#include <stdint.h>

/* A larger count is refused, so that the sum over a histogram fits 64 bits. */
#define MT_BLOB_COUNT_MAX ((1ULL << 56) - 1)

static inline size_t mt_blob_max_bytes(size_t nr)
{
	return nr * 10;
}

size_t mt_blob_encode_frames(uint8_t *blob, const uint64_t *frames, size_t nr);
size_t mt_blob_encode_hist(uint8_t *blob, const uint64_t *counts, size_t nr);

/* Return how many numbers there are, or -EBADMSG. */
int mt_blob_decode_frames(uint64_t *frames, const uint8_t *blob, size_t bytes);
int mt_blob_decode_hist(uint64_t *counts, const uint8_t *blob, size_t bytes);

#endif
