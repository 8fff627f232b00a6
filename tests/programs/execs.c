/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * execs leader|thread: three images of one process, each executing the next.
 * thread: it is another thread that executes, while the leader and a third wait.
 */
#include "truth.h"

static char **args;
static int image;

SITE void *first_image(size_t n)
{
	return T_MALLOC(n);
}

SITE void *next_image(size_t n)
{
	return T_CALLOC(1, n);
}

SITE void *last_image(size_t n)
{
	return T_REALLOC(T_MALLOC(8), n);
}

static void *become_next(void *arg)
{
	char number[2] = { (char)('1' + image), 0 };
	char *const argv[] = { args[0], args[1], number, NULL };

	truth_write();
	execv("/proc/self/exe", argv);
	truth_die("execs: cannot execute itself");
	return arg;
}

static void *idle(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void from_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, idle, NULL) ||
	    pthread_create(&thread, NULL, become_next, NULL))
		truth_die("execs: no thread");
	idle(NULL);
}

int main(int argc, char **argv)
{
	void *(*const by[])(size_t) = { first_image, next_image, last_image };
	void *p = NULL;

	args = argv;
	image = argc > 2 ? argv[2][0] - '0' : 0;
	for (int i = 0; i < 10 * (image + 1); i++)
		p = by[image](100 * (image + 1) + i);
	T_FREE(p);
	if (image == 2)
		truth_write();
	else if (argc > 1 && !strcmp(argv[1], "thread"))
		from_thread();
	else
		become_next(NULL);
	return 0;
}
