/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * truth_json.h: the second half of truth.h, which includes it: a truth in the report's words.
 *
 * Into a buffer of its own and out by one write, as the allocator must not be called.
 */
#ifndef MT_TESTS_TRUTH_JSON_H
#define MT_TESTS_TRUTH_JSON_H

#include "truth.h"

static struct {
	char text[1 << 15];
	size_t len;
} truth_out;

__attribute__((format(printf, 1, 2))) static void truth_put(const char *fmt, ...)
{
	size_t room = sizeof(truth_out.text) - truth_out.len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(truth_out.text + truth_out.len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		truth_die("truth: too long");
	truth_out.len += (size_t)n;
}

#define TRUTH_PUT(s, field) truth_put("\"" #field "\":%ld,", (s)->field)

static void truth_put_heap(const struct truth_image *t)
{
	struct truth_site sum = { 0 };

	for (const struct truth_site *s = t->site; s < t->site + TRUTH_SITES; s++) {
		sum.alloc_count += s->alloc_count;
		sum.alloc_bytes += s->alloc_bytes;
		sum.live_count += s->live_count;
		sum.live_bytes += s->live_bytes;
		sum.temporary_count += s->temporary_count;
		sum.short_lived_min_count += s->short_lived_min_count;
		sum.short_lived_max_count += s->short_lived_max_count;
	}
	truth_put("\"heap\":{");
	TRUTH_PUT(&sum, alloc_count);
	TRUTH_PUT(&sum, alloc_bytes);
	TRUTH_PUT(&sum, live_count);
	TRUTH_PUT(&sum, live_bytes);
	TRUTH_PUT(&sum, temporary_count);
	TRUTH_PUT(&sum, short_lived_min_count);
	TRUTH_PUT(&sum, short_lived_max_count);
	TRUTH_PUT(t, free_count);
	TRUTH_PUT(t, free_bytes);
	TRUTH_PUT(t, failed_count);
	truth_put("\"unknown_free_count\":%ld,", truth.forked ? 0 : t->old_free_count);
	truth_put("\"inherited_free_count\":%ld,", truth.forked ? t->old_free_count : 0);
	truth_put("\"peak_live_bytes\":%ld,\"peak_live_max_bytes\":%ld},", t->peak, t->peak_max);
}

/* The age of a site's oldest live block. */
static long truth_oldest_ns(const struct truth_site *site)
{
	uint64_t now = truth_ns(), oldest = now;

	for (int i = 0; i < TRUTH_BUCKETS; i++)
		for (struct truth_block *b = truth.bucket[i]; b; b = b->next)
			if (!b->old && b->site == site && b->got_ns < oldest)
				oldest = b->got_ns;
	return (long)(now - oldest);
}

static void truth_put_sites(const struct truth_image *t)
{
	truth_put("\"sites\":[");
	for (const struct truth_site *s = t->site; s->function; s++) {
		truth_put("%s{\"function\":\"%s\",\"kind\":\"%s\",", s == t->site ? "" : ",",
			  s->function, s->kind);
		TRUTH_PUT(s, alloc_count);
		TRUTH_PUT(s, alloc_bytes);
		TRUTH_PUT(s, live_count);
		TRUTH_PUT(s, live_bytes);
		TRUTH_PUT(s, at_peak_count);
		TRUTH_PUT(s, at_peak_bytes);
		TRUTH_PUT(s, temporary_count);
		TRUTH_PUT(s, short_lived_min_count);
		TRUTH_PUT(s, short_lived_max_count);
		TRUTH_PUT(s, largest_bytes);
		TRUTH_PUT(s, calls);
		TRUTH_PUT(s, moved);
		TRUTH_PUT(s, copied_bytes);
		TRUTH_PUT(s, chains);
		TRUTH_PUT(s, longest_chain);
		truth_put("\"oldest_ns\":%ld}", truth_oldest_ns(s));
	}
	truth_put("],");
}

static void truth_put_tallies(const char *name, const struct truth_tally *list)
{
	truth_put("\"%s\":[", name);
	for (const struct truth_tally *t = list; t->function; t++)
		truth_put("%s{\"function\":\"%s\",\"count\":%ld,\"bytes\":%ld,"
			  "\"at_peak_bytes\":%ld,\"touched_bytes\":%ld}",
			  t == list ? "" : ",", t->function, t->count, t->bytes, t->at_peak_bytes,
			  t->touched_bytes);
	truth_put("],");
}

static void truth_put_rest(const struct truth_image *t)
{
	truth_put("\"realloc\":{\"count\":%ld,\"grow_count\":%ld,\"moved_count\":%ld,"
		  "\"copied_bytes\":%ld,\"failed_count\":%ld},",
		  t->realloc_count, t->realloc_grow_count, t->realloc_moved_count,
		  t->realloc_copied_bytes, t->realloc_failed_count);
	truth_put_tallies("maps", t->map);
	truth_put_tallies("spawns", t->spawn);
	TRUTH_PUT(t, mremap_count);
	TRUTH_PUT(t, brk_grown_bytes);
	TRUTH_PUT(t, threads_peak_alive);
	TRUTH_PUT(t, stack_reserved_peak_bytes);
	truth_put("\"rss_bytes\":%ld", t->rss_bytes);
}

/* One image's truth. The allocator must not be called after it. */
TRUTH_FN void truth_write(void)
{
	const char *path = getenv("MT_TRUTH");
	char comm[17] = "";
	int fd = 1;

	if (truth.now.rising)
		truth_note_peak();
	prctl(PR_GET_NAME, comm);
	truth_out.len = 0;
	truth_put("{\"pid\":%d,\"comm\":\"%s\",", getpid(), comm);
	truth_put_heap(&truth.now);
	truth_put_sites(&truth.now);
	truth_put_rest(&truth.now);
	truth_put("}\n");
	if (path)
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, truth_out.text, truth_out.len) != (ssize_t)truth_out.len)
		truth_die("truth: cannot write it");
	if (path)
		close(fd);
}

#endif
