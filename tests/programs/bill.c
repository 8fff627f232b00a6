// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Memory of every kind, each of a size of its own, and an end at which all of it is still there:
 * the other threads are killed, so that nobody gives their stacks back. MT_TRUTH becomes what the
 * kernel says of it just before: /proc/self/status, then smaps. With an argument it says so, and
 * waits before it ends.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define MIB	(1UL << 20)
#define SMALL	(32UL << 10)
#define THREADS 4

static char bss[4 * MIB];
static char data[2 * MIB] = "x";
static pthread_barrier_t barrier;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *map(size_t len, int flags, int fd)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

/* Lives: 8 of 16 MiB touched, none of 64, 9 MiB in small blocks. 24 MiB were freed below one. */
static void make_heap(void)
{
	static void *blocks[24 * MIB / SMALL];

	memset(malloc(16 * MIB), 1, 8 * MIB);
	if (!malloc(64 * MIB))
		die("malloc");
	for (size_t i = 0; i < 9 * MIB / SMALL; i++)
		memset(malloc(SMALL), 1, SMALL);
	for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++)
		blocks[i] = memset(malloc(SMALL), 1, SMALL);
	memset(malloc(SMALL), 1, SMALL);
	for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++)
		free(blocks[i]);
}

static void make_mappings(void)
{
	char there[] = "/var/tmp/mt-bill-XXXXXX", here[] = "mt-bill-XXXXXX";
	char *p, *name = access("/var/tmp", W_OK) ? here : there;
	int file = mkstemp(name), memory = memfd_create("bill", 0);

	if (file < 0 || memory < 0 || unlink(name) || ftruncate(file, 6 * MIB) ||
	    ftruncate(memory, 3 * MIB))
		die("files");
	p = map(6 * MIB, MAP_SHARED, file);
	memset(p, 1, 6 * MIB);
	memset(map(3 * MIB, MAP_SHARED, memory), 1, 3 * MIB);
	memset(map(5 * MIB, MAP_SHARED | MAP_ANONYMOUS, -1), 1, 5 * MIB);
	memset(map(7 * MIB, MAP_PRIVATE | MAP_ANONYMOUS, -1), 1, 7 * MIB);
	memset(bss, 1, sizeof(bss));
	memset(data, 1, sizeof(data));
}

static void *deep(void *arg)
{
	volatile char frame[MIB];

	for (size_t i = 0; i < sizeof(frame); i += 1024)
		frame[i] = 1;
	pthread_barrier_wait(&barrier);
	for (;;)
		pause();
	return NULL;
}

static void copy(const char *from, int to)
{
	int fd = open(from, O_RDONLY);
	static char text[65536];
	ssize_t n;

	while ((n = read(fd, text, sizeof(text))) > 0)
		if (write(to, text, n) != n)
			die("write");
	close(fd);
}

int main(int argc, char **argv)
{
	const char *truth = getenv("MT_TRUTH");
	int out = truth ? open(truth, O_WRONLY | O_CREAT | O_TRUNC, 0600) : 1;
	pthread_t thread;

	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); /* what is not touched is not to be resident */
	make_heap();
	make_mappings();
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread, NULL, deep, NULL))
			die("pthread_create");
	pthread_barrier_wait(&barrier);
	copy("/proc/self/status", out);
	copy("/proc/self/smaps", out);
	if (argc > 1 && (write(1, "ready\n", 6) != 6 || read(0, bss, 1) < 0))
		die("wait");
	_exit(0);
}
