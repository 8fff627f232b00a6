// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/chunks.h"

#include <unistd.h>

#define IS_MMAPPED 2
#define FLAGS	   7

struct chunk {
	uint64_t prev_size; /* 0 in the first word of a mapping */
	uint64_t size;	    /* of the mapping, and the flags */
};

uint64_t mt_chunks_end(int memory, uint64_t start, uint64_t end)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	while (start < end) {
		struct chunk c;
		uint64_t size;

		if (pread(memory, &c, sizeof(c), (off_t)start) != sizeof(c))
			break;
		size = c.size & ~(uint64_t)FLAGS;
		if (c.prev_size || (c.size & FLAGS) != IS_MMAPPED || !size || size % page ||
		    size > end - start)
			break;
		start += size;
	}
	return start;
}
