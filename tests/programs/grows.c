// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * grows WAY: anonymous memory that becomes writable in one way, and mappings that do not count
 * as that. Says by how many bytes it grew, and how many of them an allocator asked for; the
 * ways differ in nothing else, so that `none` can be subtracted from each.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KIB   1024UL
#define PAGE  4096UL
#define RW    (PROT_READ | PROT_WRITE)
#define ANON  (MAP_PRIVATE | MAP_ANONYMOUS)
#define STACK (ANON | MAP_STACK)

struct growth {
	size_t bytes;
	size_t heap_bytes;
};

static char *map(void *at, size_t len, int prot, int flags, int fd)
{
	char *p = mmap(at, len, prot, flags, fd, 0);

	if (p == MAP_FAILED)
		exit(99);
	return p;
}

static char *protect(char *p, size_t len, int prot)
{
	if (mprotect(p, len, prot))
		exit(99);
	return p;
}

static char *remap(char *p, size_t from, size_t to)
{
	p = mremap(p, from, to, MREMAP_MAYMOVE);
	if (p == MAP_FAILED)
		exit(99);
	return p;
}

static int file_of(size_t len)
{
	int fd = memfd_create("grows", 0);

	if (fd < 0 || ftruncate(fd, (off_t)len))
		exit(99);
	return fd;
}

static struct growth none(void)
{
	return (struct growth){};
}

/* Reserved | writable | reserved | readable | of a file | reserved: one call for all. */
static struct growth opened(void)
{
	char *p = map(NULL, 96 * PAGE, PROT_NONE, ANON, -1);

	map(p + 8 * PAGE, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_FIXED, file_of(8 * PAGE));
	protect(p + 16 * PAGE, 16 * PAGE, PROT_READ);
	protect(p, 96 * PAGE, RW);
	/* Once more, and a part of what is reserved again. */
	protect(p, 96 * PAGE, RW);
	protect(p + 40 * PAGE, 20 * PAGE, PROT_NONE);
	protect(p + 50 * PAGE, 20 * PAGE, RW);
	return (struct growth){ (96 - 8 - 16 + 10) * PAGE, 0 };
}

static struct growth remapped(void)
{
	int fd = file_of(64 * PAGE);
	char *shared = map(NULL, 8 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1);

	remap(map(NULL, 8 * PAGE, RW, MAP_PRIVATE, fd), 8 * PAGE, 24 * PAGE);
	remap(map(NULL, 8 * PAGE, RW, MAP_SHARED, fd), 8 * PAGE, 40 * PAGE);
	remap(shared, 8 * PAGE, 16 * PAGE);
	remap(map(NULL, 8 * PAGE, PROT_NONE, ANON, -1), 8 * PAGE, 64 * PAGE);
	remap(map(NULL, 8 * PAGE, RW, ANON, -1), 8 * PAGE, 28 * PAGE);
	remap(map(NULL, 8 * PAGE, RW, ANON, -1), 8 * PAGE, 2 * PAGE);
	return (struct growth){ (28 + 8) * PAGE, 0 };
}

/* Mappings that say they are for stacks, and are for anything. */
static struct growth pooled(void)
{
	map(NULL, 64 * PAGE, RW, STACK, -1);
	protect(map(NULL, 32 * PAGE, PROT_NONE, STACK | MAP_NORESERVE, -1), 16 * PAGE, RW);
	map(NULL, 32 * PAGE, PROT_NONE, STACK, -1);
	return (struct growth){ 80 * PAGE, 0 };
}

static int idle(void *arg)
{
	(void)arg;
	return 0;
}

/* A thread that is none of the C library's, on this stack; it has ended. */
static void run_on(char *stack, size_t len)
{
	pid_t tid = -1;
	int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
		    CLONE_SYSVSEM | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID;
	pid_t now;

	if (clone(idle, stack + len, flags, NULL, &tid, NULL, &tid) < 0)
		exit(99);
	while ((now = __atomic_load_n(&tid, __ATOMIC_ACQUIRE)))
		syscall(SYS_futex, &tid, FUTEX_WAIT, now, NULL, NULL, 0);
}

/* Another runtime's threads: stacks of their own, twice on one, and one that is not used. */
static struct growth cloned(void)
{
	char *open = map(NULL, 64 * PAGE, RW, STACK, -1);
	char *guarded = map(NULL, 32 * PAGE, PROT_NONE, STACK, -1), *again;

	protect(open, PAGE, PROT_NONE);
	protect(guarded + PAGE, 31 * PAGE, RW);
	run_on(open, 64 * PAGE);
	run_on(open, 64 * PAGE);
	run_on(guarded, 32 * PAGE);
	map(NULL, 48 * PAGE, RW, STACK, -1);
	/* What was unmapped and mapped again as something else was no stack. */
	again = map(NULL, 16 * PAGE, RW, STACK, -1);
	munmap(again, 16 * PAGE);
	run_on(map(again, 16 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1), 16 * PAGE);
	return (struct growth){ (48 + 16 + 16) * PAGE, 0 };
}

static void *no_work(void *arg)
{
	return arg;
}

/* Its stack is left out; what the allocator maps is the allocator's. */
static struct growth spawned(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 768 * KIB);
	if (pthread_create(&thread, &attr, no_work, NULL) || pthread_join(thread, NULL))
		exit(99);
	free(malloc(1024 * KIB - 32)); /* less its header */
	return (struct growth){ 1024 * KIB, 1024 * KIB };
}

static const struct {
	const char *name;
	struct growth (*run)(void);
} way[] = {
	{ "none", none },     { "opened", opened }, { "remapped", remapped },
	{ "pooled", pooled }, { "cloned", cloned }, { "spawned", spawned },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof(way) / sizeof(way[0]); i++) {
		struct growth g;

		if (strcmp(argv[1], way[i].name))
			continue;
		g = way[i].run();
		dprintf(STDOUT_FILENO, "grew %zu %zu\n", g.bytes, g.heap_bytes);
		return 0;
	}
	return 99;
}
