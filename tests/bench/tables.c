// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * tables: what unwind tables of files take. tables FILE...
 *
 * A line a file: code, rows, size and time to build for each MB of code, and the time in which the
 * cache hands it out again. The median of some builds.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/elf.h"
#include "unwind/cache.h"
#include "unwind/table.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define BUILDS 5
#define MB     (1024.0 * 1024.0)

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, size_t nr)
{
	qsort(v, nr, sizeof(*v), by_value);
	return v[nr / 2];
}

static double ms_since(int64_t start)
{
	return (double)(mt_clock_ns() - start) / 1e6;
}

static double code_bytes(const struct mt_elf *elf)
{
	uint64_t start, end, address;
	double sum = 0;

	for (size_t i = 0; !mt_elf_code_segment(elf, i, &start, &end, &address); i++)
		sum += (double)(end - start);
	return sum;
}

/* Rows in use: copies of the last one fill a leaf. */
static size_t count_rows(const struct mt_table *t)
{
	const struct mt_table_header *h = &t->nodes->header;
	size_t rows = 0;

	for (uint32_t i = h->first[h->levels - 1]; i < h->rules; i++)
		for (size_t j = 0; j < MT_TABLE_FANOUT; j++)
			rows += !j || t->nodes[i].entries[j] != t->nodes[i].entries[j - 1];
	return rows;
}

static int build(const char *path, struct mt_table **out, double *code, char **build_id)
{
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 ? -1 : mt_elf_new(&elf, fd);

	err = err ? err : mt_table_build(out, elf);
	if (err)
		return err;
	*code = code_bytes(elf) / MB;
	free(*build_id);
	*build_id = mt_elf_build_id(elf) ? strdup(mt_elf_build_id(elf)) : NULL;
	return 0;
}

static double load_ms(struct mt_cache *cache, const char *build_id, const struct mt_table *t)
{
	__cleanup(mt_table_free) struct mt_table *loaded = NULL;
	int64_t start;

	if (!build_id || mt_cache_store(cache, build_id, t))
		return -1;
	start = mt_clock_ns();
	return mt_cache_load(cache, build_id, &loaded) ? -1 : ms_since(start);
}

static int measure(const char *path, struct mt_cache *cache)
{
	__cleanup(mt_table_free) struct mt_table *t = NULL;
	_free_ char *build_id = NULL;
	double ms[BUILDS], code = 0;

	for (size_t i = 0; i < BUILDS; i++) {
		int64_t start = mt_clock_ns();

		mt_table_free(&t);
		if (build(path, &t, &code, &build_id)) {
			fprintf(stderr, "%s: no table can be made of it\n", path);
			return 1;
		}
		ms[i] = ms_since(start);
	}
	printf("%-34s %8.1f %9zu %10.1f %10.2f %9.1f %9.1f\n",
	       strrchr(path, '/') ? strrchr(path, '/') + 1 : path, code, count_rows(t),
	       (double)(t->nr_nodes * sizeof(*t->nodes)) / 1024 / code, median(ms, BUILDS) / code,
	       median(ms, BUILDS), load_ms(cache, build_id, t));
	return 0;
}

int main(int argc, char **argv)
{
	__cleanup(mt_cache_close) struct mt_cache *cache = NULL;
	int status = 0;

	if (argc < 2 || mt_cache_open(&cache)) {
		fprintf(stderr, "usage: tables FILE...\n");
		return 2;
	}
	printf("%-34s %8s %9s %10s %10s %9s %9s\n", "file", "code MB", "rows", "KB per MB",
	       "ms per MB", "build ms", "cache ms");
	for (int i = 1; i < argc; i++)
		status |= measure(argv[i], cache);
	return status;
}
