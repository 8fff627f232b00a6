// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/rss.h"

#include <unistd.h>

#define TASK_RSS_EVENTS_THRESH 64
#define RSS_COUNTERS	       3 /* file, anonymous, shared memory */

static int64_t max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void mt_rss_init(struct mt_rss *rss, int64_t inherited_bytes)
{
	*rss = (struct mt_rss){
		.peak_bytes = -1,
		.peak_ns = -1,
		.sampled = true,
		.error_bytes = -1,
		.inherited_bytes = inherited_bytes,
		.max_threads = 1,
	};
}

void mt_rss_tick(struct mt_rss *rss, int64_t hwm_bytes, int64_t rss_bytes, int64_t threads,
		 int64_t now_ns, bool first)
{
	int64_t peak = max(hwm_bytes, rss_bytes);

	rss->max_threads = max(rss->max_threads, threads);
	if (peak <= rss->peak_bytes)
		return;
	rss->peak_bytes = peak;
	rss->peak_ns = first && hwm_bytes > rss_bytes ? -1 : now_ns;
}

/* How much the kernel's counters can be short of, in all. */
static int64_t batched_bytes(const struct mt_rss *rss, bool per_cpu)
{
	int64_t cpus = sysconf(_SC_NPROCESSORS_ONLN), page = sysconf(_SC_PAGESIZE);

	if (!per_cpu)
		return rss->max_threads * TASK_RSS_EVENTS_THRESH * page;
	return RSS_COUNTERS * cpus * max(32, 2 * cpus) * page;
}

void mt_rss_end(struct mt_rss *rss, int64_t maxrss_bytes, int64_t now_ns, bool per_cpu)
{
	if (maxrss_bytes > rss->inherited_bytes) {
		rss->sampled = false;
		if (maxrss_bytes > rss->peak_bytes) {
			rss->peak_bytes = maxrss_bytes;
			rss->peak_ns = now_ns;
		}
	}
	rss->error_bytes = batched_bytes(rss, per_cpu);
	/* Between ticks it can have been as high as the mark, whoever left that. */
	if (rss->sampled && rss->peak_bytes >= 0)
		rss->error_bytes += max(0, maxrss_bytes - rss->peak_bytes);
}

void mt_rss_final_look(struct mt_rss *rss, bool per_cpu)
{
	rss->sampled = false;
	rss->error_bytes = batched_bytes(rss, per_cpu);
}
