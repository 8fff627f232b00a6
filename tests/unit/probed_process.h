/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * Processes that call a function, for the tests of events that probe it.
 *
 * They are forked off the test, or are its program anew with two arguments; main() hands
 * itself over to serve() then. Each obeys letters from a pipe, and replies with one.
 */
#ifndef MT_TESTS_PROBED_PROCESS_H
#define MT_TESTS_PROBED_PROCESS_H

#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/proc.h"
#include "util/cleanup.h"

#define CODE_BYTES 16

struct process {
	pid_t pid;
	int to;
	int from;
};

static uint64_t probed_offset;	     /* bytes in the program's file */
static uint8_t original[CODE_BYTES]; /* the function as it is there */
static int commands, replies;

/* The function that has the probes. */
__attribute__((noinline)) static int probed(int n)
{
	__asm__ volatile("" : "+r"(n));
	return n + 1;
}

#define RESULT_OF_CALL 4242

/* Through a pointer that the compiler cannot follow. */
static void call_probed(void)
{
	int (*volatile function)(int) = probed;

	function(RESULT_OF_CALL - 1);
}

static int find_probed(struct dl_phdr_info *info, size_t size, void *unused)
{
	uint64_t at = (uintptr_t)probed - info->dlpi_addr;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && at - p->p_vaddr < p->p_filesz)
			probed_offset = at - p->p_vaddr + p->p_offset;
	}
	return 1; /* the first is the program itself */
}

static void probed_init(void)
{
	dl_iterate_phdr(find_probed, NULL);
	memcpy(original, (void *)(uintptr_t)probed, sizeof(original));
}

static bool is_clean(void)
{
	return !memcmp((void *)(uintptr_t)probed, original, CODE_BYTES);
}

static void reply(char c)
{
	if (write(replies, &c, 1) != 1)
		_exit(1);
}

static void *exec_again(void *unused)
{
	char from[16], to[16];

	snprintf(from, sizeof(from), "%d", commands);
	snprintf(to, sizeof(to), "%d", replies);
	execl("/proc/self/exe", "test_shared", from, to, NULL);
	_exit(1);
}

/* Replies 'd' or 'c': was the child's text dirty, or clean, before its call; 'D': and after. */
static void call_in_forked_child(void)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		bool was_clean = is_clean();

		call_probed();
		_exit(!is_clean() ? 'D' : was_clean ? 'c' : 'd');
	}
	waitpid(pid, &status, 0);
	reply((char)WEXITSTATUS(status));
}

static void call_in_vforked_child(void)
{
	pid_t pid = vfork();

	if (!pid) {
		call_probed();
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	reply('v');
}

static void *serve(void *arg);

static void act(char c)
{
	pthread_t thread;

	if (c == 'c') {
		call_probed();
		reply('c');
	} else if (c == 'f') {
		call_in_forked_child();
	} else if (c == 'v') {
		call_in_vforked_child();
	} else if (c == 'e') {
		exec_again(NULL);
	} else if (c == 't') { /* exec by a thread */
		pthread_create(&thread, NULL, exec_again, NULL);
		pause();
	} else if (c == 'm') { /* the main thread ends; another goes on */
		pthread_create(&thread, NULL, serve, "not main");
		syscall(SYS_exit, 0);
	}
}

static bool is_zombie(pid_t tid)
{
	struct mt_proc_stat stat;

	return !mt_proc_stat(tid, &stat) && stat.state == 'Z';
}

/* Replies when the program is there, and the main thread not if it is to end. */
static void *serve(void *not_main)
{
	char c;

	while (not_main && !is_zombie(getpid()))
		usleep(1000);
	reply('s');
	while (read(commands, &c, 1) == 1)
		act(c);
	_exit(0);
}

static char process_reply(const struct process *p)
{
	char c;

	assert_int_equal(read(p->from, &c, 1), 1);
	return c;
}

static char process_do(const struct process *p, char c)
{
	assert_int_equal(write(p->to, &c, 1), 1);
	return process_reply(p);
}

static void process_start(struct process *p)
{
	int there[2], back[2];

	assert_int_equal(pipe(there), 0);
	assert_int_equal(pipe(back), 0);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (!p->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		commands = there[0];
		replies = back[1];
		close(there[1]);
		close(back[0]);
		serve(NULL);
	}
	close(there[0]);
	close(back[1]);
	p->to = there[1];
	p->from = back[0];
	assert_int_equal(process_reply(p), 's');
}

static void process_end(struct process *p)
{
	if (!p->pid)
		return;
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
	close(p->to);
	close(p->from);
	p->pid = 0;
}

/* Is the function in the process, which has not execed, as it is in the file? */
static bool process_is_clean(const struct process *p)
{
	uint8_t code[CODE_BYTES];
	char path[32];
	_close_ int mem = -1;

	snprintf(path, sizeof(path), "/proc/%d/mem", p->pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(mem, code, sizeof(code), (off_t)(uintptr_t)probed), sizeof(code));
	return !memcmp(code, original, sizeof(code));
}

#endif
