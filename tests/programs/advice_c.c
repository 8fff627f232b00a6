// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * advice_c RULE bad|good FILE: a program that a rule of the findings fires on, and its twin that
 * does the same work in the way that the advice says.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB   (1 << 20)
#define LISTS 64

static void rest(int ms)
{
	usleep(ms * 1000);
}

static char *filled(size_t bytes)
{
	return memset(malloc(bytes), 1, bytes);
}

static void preallocate(size_t step, size_t first)
{
	long *v[LISTS], sizes[LISTS];

	for (int i = 0; i < LISTS; i++)
		v[i] = malloc((sizes[i] = first) * sizeof(long));
	for (long n = 0; n < 4000; n++)
		for (int i = 0; i < LISTS; i++) {
			if (n == sizes[i])
				v[i] = realloc(v[i], (sizes[i] += step) * sizeof(long));
			v[i][n] = n;
		}
	for (int i = 0; i < LISTS; i++)
		free(v[i]);
}

static void preallocate_bad(void)
{
	preallocate(100, 100);
}

static void preallocate_good(void)
{
	preallocate(0, 4000);
}

static void peak(void)
{
	char *p = filled(16 * MIB);

	rest(100);
	free(p);
}

static void large_lifetime_bad(void)
{
	char *p = malloc(16 * MIB);

	memset(p, 1, 16 * MIB);
	rest(300);
	peak();
	free(p);
}

static void large_lifetime_good(void)
{
	char *p = malloc(16 * MIB);

	memset(p, 1, 16 * MIB);
	free(p);
	rest(300);
	peak();
}

static char *kept[20000];
static char line[200];

static void cloning_bad(void)
{
	memset(line, 'x', sizeof(line) - 1);
	for (int i = 0; i < 20000; i++)
		kept[i] = strdup(line);
}

static void cloning_good(void)
{
	memset(line, 'x', sizeof(line) - 1);
	for (int i = 0; i < 20000; i++)
		kept[i] = line;
}

static const char *file; /* to be read: some megabytes */

static void read_all(FILE *f, size_t size)
{
	char *text = malloc(size);

	if (fread(text, 1, size, f) != size)
		abort();
	free(text);
}

static void read_parts(FILE *f, size_t size)
{
	char *part = malloc(4096);

	while (fread(part, 1, 4096, f))
		;
	free(part);
}

static void streaming(void (*reads)(FILE *, size_t))
{
	FILE *f = fopen(file, "r");
	size_t size;

	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	reads(f, size);
	fclose(f);
}

static void streaming_bad(void)
{
	streaming(read_all);
}

static void streaming_good(void)
{
	streaming(read_parts);
}

static void *table[100000];

static void compact_types_bad(void)
{
	for (int i = 0; i < 100000; i++)
		table[i] = malloc(24);
}

static void compact_types_good(void)
{
	table[0] = filled(100000 * 24);
}

/* Open addressing; returns the new table. */
static long *rehash(long *old, size_t *size)
{
	size_t larger = *size * 2;
	long *v = malloc(larger * sizeof(*v));

	memset(v, 0, larger * sizeof(*v));
	for (size_t i = 0; i < *size; i++)
		if (old[i])
			v[old[i] * 2654435761U % larger] = old[i];
	free(old);
	*size = larger;
	return v;
}

static void hash_map(size_t size)
{
	long *v = (long *)filled(size * sizeof(*v));

	for (size_t n = 0; n < 500000; n++)
		if (n * 2 > size)
			v = rehash(v, &size);
	free(v);
}

static void hash_map_bad(void)
{
	hash_map(16);
}

static void hash_map_good(void)
{
	hash_map(1 << 20);
}

static void *worker(void *arg)
{
	rest(400);
	return NULL;
}

static void thread_stacks(size_t bytes)
{
	pthread_t all[32];
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, bytes);
	for (int i = 0; i < 32; i++)
		if (pthread_create(&all[i], &attr, worker, NULL))
			abort();
	for (int i = 0; i < 32; i++)
		pthread_join(all[i], NULL);
}

static void thread_stacks_bad(void)
{
	thread_stacks(8 * MIB);
}

static void thread_stacks_good(void)
{
	thread_stacks(64 << 10);
}

static char *cache[400];

static void lookup(int limit)
{
	for (int i = 0; i < 400; i++) {
		free(cache[i % limit]);
		cache[i % limit] = filled(10000);
		if (i % 4 == 0)
			rest(5);
	}
}

/* One block in ten stays and holds what is free before it. */
static void allocator_bad(void)
{
	enum { BLOCKS = 20000 };
	static char *v[BLOCKS];

	for (int i = 0; i < BLOCKS; i++)
		v[i] = filled(1000);
	rest(200);
	for (int i = 0; i < BLOCKS; i++)
		if (i % 10)
			free(v[i]);
	rest(200);
}

/* In one piece, which goes back when it is freed. */
static void allocator_good(void)
{
	char *all = filled(20 * MIB);

	rest(200);
	free(all);
	rest(200);
}

static void *buffers[16];

/* Of each buffer little is filled. */
static void shrink(size_t kept)
{
	for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++) {
		buffers[i] = malloc(2 * MIB);
		memset(buffers[i], 1, 1000);
		if (kept < 2 * MIB)
			buffers[i] = realloc(buffers[i], kept);
	}
	rest(300);
}

static void shrink_bad(void)
{
	shrink(2 * MIB);
}

static void shrink_good(void)
{
	shrink(1000);
}

static void unbounded_cache_bad(void)
{
	lookup(400);
}

static void unbounded_cache_good(void)
{
	lookup(20);
}

static const struct {
	const char *rule;
	void (*bad)(void);
	void (*good)(void);
} rules[] = {
	{ "preallocate", preallocate_bad, preallocate_good },
	{ "shrink", shrink_bad, shrink_good },
	{ "large-lifetime", large_lifetime_bad, large_lifetime_good },
	{ "cloning", cloning_bad, cloning_good },
	{ "streaming", streaming_bad, streaming_good },
	{ "compact-types", compact_types_bad, compact_types_good },
	{ "hash-map", hash_map_bad, hash_map_good },
	{ "thread-stacks", thread_stacks_bad, thread_stacks_good },
	{ "allocator", allocator_bad, allocator_good },
	{ "unbounded-cache", unbounded_cache_bad, unbounded_cache_good },
};

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	file = argv[3];
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (!strcmp(argv[1], rules[i].rule)) {
			(strcmp(argv[2], "bad") ? rules[i].good : rules[i].bad)();
			return 0;
		}
	return 2;
}
