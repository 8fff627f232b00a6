// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/threads.h"

#include <errno.h>

#include "analysis/lifetime.h"
#include "analysis/sum.h"
#include "util/cleanup.h"

#define SMALLEST_STACK_BYTES (64LL << 10)
#define LARGEST_STACK_BYTES  (1LL << 62)

static int64_t suggest_stack(int64_t touched_bytes)
{
	int64_t bytes = SMALLEST_STACK_BYTES;

	if (touched_bytes < 0)
		return -1;
	while (bytes / 2 < touched_bytes && bytes < LARGEST_STACK_BYTES)
		bytes *= 2;
	return bytes;
}

int64_t mt_threads_reserved_bytes(const struct mt_spawn_row *row)
{
	int64_t bytes;

	return __builtin_mul_overflow(row->peak_alive, row->reserved_bytes, &bytes) ? INT64_MAX
										    : bytes;
}

static int by_reserved(const void *va, const void *vb)
{
	const struct mt_spawn_row *a = &((const struct mt_spawn_site *)va)->spawn->row;
	const struct mt_spawn_row *b = &((const struct mt_spawn_site *)vb)->spawn->row;

	return mt_sum_falling(mt_threads_reserved_bytes(a), mt_threads_reserved_bytes(b))
		       ?: mt_sum_falling(a->created, b->created)
		       ?: (a->stack > b->stack) - (a->stack < b->stack);
}

static int by_depth(const void *va, const void *vb)
{
	const struct mt_thread_row *a = ((const struct mt_thread_life *)va)->row;
	const struct mt_thread_row *b = ((const struct mt_thread_life *)vb)->row;

	return mt_sum_falling(a->touched_bytes, b->touched_bytes)
		       ?: mt_sum_falling(a->reserved_bytes, b->reserved_bytes)
		       ?: mt_sum_falling(b->tid, a->tid)
		       ?: mt_sum_falling(b->start_ns, a->start_ns);
}

int mt_threads_new(struct mt_threads **out, const struct mt_model *m,
		   const struct mt_model_process *p)
{
	__cleanup(mt_threads_free) struct mt_threads *threads = calloc(1, sizeof(*threads));
	struct mt_lifetime life;

	if (!threads)
		return -ENOMEM;
	threads->sites = calloc(p->nr_spawns + 1, sizeof(*threads->sites));
	threads->list = calloc(p->nr_threads + 1, sizeof(*threads->list));
	if (!threads->sites || !threads->list)
		return -ENOMEM;
	mt_lifetime_get(&life, m, p);
	for (size_t i = 0; i < p->nr_spawns; i++) {
		const struct mt_model_spawn *spawn = &p->spawns[i];

		threads->sites[i].spawn = spawn;
		threads->sites[i].suggested_stack_bytes =
			suggest_stack(spawn->row.touched_max_bytes);
	}
	for (size_t i = 0; i < p->nr_threads; i++) {
		const struct mt_thread_row *row = &p->threads[i];
		int64_t end = row->end_ns >= 0 ? row->end_ns : life.to_ns;

		threads->list[i].row = row;
		threads->list[i].lifetime_ns = end > row->start_ns ? end - row->start_ns : 0;
	}
	threads->nr_sites = p->nr_spawns;
	threads->nr_list = p->nr_threads;
	qsort(threads->sites, threads->nr_sites, sizeof(*threads->sites), by_reserved);
	qsort(threads->list, threads->nr_list, sizeof(*threads->list), by_depth);
	*out = TAKE_PTR(threads);
	return 0;
}

void mt_threads_free(struct mt_threads **threads)
{
	if (!*threads)
		return;
	free((*threads)->sites);
	free((*threads)->list);
	free(*threads);
	*threads = NULL;
}
