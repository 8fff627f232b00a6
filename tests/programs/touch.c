/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * touch: memory that is touched first in known functions.
 *
 * touch two A B            A pages in touch_first(), B in touch_second()
 * touch huge MIB           in huge pages, in touch_huge()
 * touch populate MIB       by mmap, in populate()
 * touch threads N PAGES    in each of N threads, in touch_first()
 * touch read PAGES         by the kernel, in fill()
 * touch churn PAGES TIMES  mapped and unmapped again and again, in touch_first()
 * touch forks N PAGES      in each of N children, in touch_first()
 *
 * It says "resident BYTES" of anonymous memory when all is touched, and waits for a byte where
 * stdin has one, after "ready" first.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SITE static __attribute__((noipa))
#define PAGE 4096L
#define HUGE (2L << 20)

static long pages_each;

static void die(const char *what)
{
	perror(what);
	exit(99);
}

static inline __attribute__((always_inline)) char *map(long bytes, int flags)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1,
		       0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

/* Small pages, whatever the system prefers. */
static char *map_small(long bytes)
{
	char *p = map(bytes, 0);

	madvise(p, bytes, MADV_NOHUGEPAGE);
	return p;
}

SITE void touch_first(volatile char *p, long pages)
{
	for (long i = 0; i < pages; i++)
		p[i * PAGE] = 1;
}

SITE void touch_second(volatile char *p, long pages)
{
	for (long i = 0; i < pages; i++)
		p[i * PAGE] = 1;
}

SITE void touch_huge(volatile char *p, long bytes)
{
	for (long i = 0; i < bytes; i += PAGE)
		p[i] = 1;
}

SITE void populate(long bytes)
{
	map(bytes, MAP_POPULATE);
}

SITE void fill(char *p, long bytes)
{
	int fd = open("/dev/zero", O_RDONLY);

	if (fd < 0 || read(fd, p, bytes) != bytes)
		die("read");
	close(fd);
}

static void *touch_in_thread(void *arg)
{
	touch_first(map_small(pages_each * PAGE), pages_each);
	return NULL;
}

static void in_threads(long n)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 1 << 20);
	for (long i = 0; i < n; i++) {
		pthread_t thread;

		if (pthread_create(&thread, &attr, touch_in_thread, NULL))
			die("pthread_create");
		pthread_join(thread, NULL);
	}
}

static void in_children(long n)
{
	for (long i = 0; i < n; i++) {
		pid_t pid = fork();

		if (!pid) {
			touch_in_thread(NULL);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
}

static void churn(long pages, long times)
{
	for (long i = 0; i < times; i++) {
		char *p = map_small(pages * PAGE);

		touch_first(p, pages);
		munmap(p, pages * PAGE);
	}
}

static void huge(long bytes)
{
	char *p = map(bytes + HUGE, 0);

	p = (char *)(((unsigned long)p + HUGE - 1) & -HUGE);
	if (madvise(p, bytes, MADV_HUGEPAGE))
		die("madvise");
	touch_huge(p, bytes);
}

static void run(const char *how, long a, long b)
{
	if (!strcmp(how, "two")) {
		touch_first(map_small(a * PAGE), a);
		touch_second(map_small(b * PAGE), b);
	} else if (!strcmp(how, "huge")) {
		huge(a << 20);
	} else if (!strcmp(how, "populate")) {
		populate(a << 20);
	} else if (!strcmp(how, "threads")) {
		pages_each = b;
		in_threads(a);
	} else if (!strcmp(how, "read")) {
		fill(map_small(a * PAGE), a * PAGE);
	} else if (!strcmp(how, "churn")) {
		churn(a, b);
	} else if (!strcmp(how, "forks")) {
		pages_each = b;
		in_children(a);
	} else {
		exit(99);
	}
}

static void say_resident(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kib;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %ld", &kib) == 1)
			printf("resident %ld\n", kib << 10);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char byte;

	if (argc < 3)
		return 99;
	printf("ready\n");
	fflush(stdout);
	if (read(0, &byte, 1) < 0)
		return 99;
	run(argv[1], atol(argv[2]), argc > 3 ? atol(argv[3]) : 0);
	say_resident();
	return read(0, &byte, 1) < 0 ? 99 : 0;
}
