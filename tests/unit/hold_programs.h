/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * hold_programs.h: what test_hold.c holds: its own binary, run again with a program's name
 * and an argument. Each checks what it can see itself and says so by its exit status: the
 * tests know the value that is right. PROGRAM_IN and PROGRAM_OUT are pipes to the test.
 */
#ifndef MT_TESTS_HOLD_PROGRAMS_H
#define MT_TESTS_HOLD_PROGRAMS_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM_IN  198 /* far from what a test opens */
#define PROGRAM_OUT 199
#define SELF	    "/proc/self/exe"

static inline void say(char c)
{
	if (write(PROGRAM_OUT, &c, 1) != 1)
		_exit(99);
}

static inline void hear(void)
{
	char c;

	while (read(PROGRAM_IN, &c, 1) < 0 && errno == EINTR)
		;
}

static inline void expect_child(pid_t pid, int status)
{
	int got;

	if (waitpid(pid, &got, 0) != pid || got != status)
		_exit(98);
}

static int prog_exit(const char *arg)
{
	_exit(atoi(arg));
}

static int prog_raise(const char *arg)
{
	raise(atoi(arg));
	return 97;
}

/* Starts five processes in five ways. */
static int prog_tree(const char *arg)
{
	char *argv[] = { "self", "exit", "3", NULL };
	extern char **environ;
	pid_t pid;

	pid = fork();
	if (pid == 0)
		_exit(1);
	expect_child(pid, 1 << 8);

	pid = fork();
	if (pid == 0) {
		execv(SELF, argv);
		_exit(2);
	}
	expect_child(pid, 3 << 8);

	pid = vfork();
	if (pid == 0) {
		execv(SELF, argv);
		_exit(2);
	}
	expect_child(pid, 3 << 8);

	pid = vfork();
	if (pid == 0)
		_exit(4);
	expect_child(pid, 4 << 8);

	if (posix_spawn(&pid, SELF, NULL, NULL, argv, environ))
		return 2;
	expect_child(pid, 3 << 8);
	return 0;
}

static int prog_forks(const char *arg)
{
	int n = atoi(arg), status, good = 0;

	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(i & 1);
	}
	while (wait(&status) > 0)
		good += WIFEXITED(status);
	return good == n ? 0 : 1;
}

static void *thread_nop(void *arg)
{
	return NULL;
}

static void *thread_pause(void *arg)
{
	pause();
	return NULL;
}

static void start_thread(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, fn, arg))
		_exit(96);
	pthread_detach(t);
}

static int prog_threads(const char *arg)
{
	pthread_t t[10];

	for (int i = 0; i < atoi(arg); i += 10) {
		for (int j = 0; j < 10; j++)
			if (pthread_create(&t[j], NULL, thread_nop, NULL))
				return 1;
		for (int j = 0; j < 10; j++)
			pthread_join(t[j], NULL);
	}
	start_thread(thread_pause, NULL);
	return 5;
}

static void *thread_exec(void *arg)
{
	char *argv[] = { "self", "exit", "7", NULL };

	if (arg)
		pthread_join(*(pthread_t *)arg, NULL);
	/* /proc/self is the leader's, and a dead one has no exe. */
	execv("/proc/thread-self/exe", argv);
	_exit(2);
}

/* "live": the leader waits; "dead": it has exited before another thread calls exec. */
static int prog_exec_thread(const char *arg)
{
	static pthread_t leader;
	bool dead = !strcmp(arg, "dead");

	leader = pthread_self();
	for (int i = 0; i < 8; i++)
		start_thread(thread_pause, NULL);
	start_thread(thread_exec, dead ? &leader : NULL);
	if (dead)
		pthread_exit(NULL);
	thread_pause(NULL);
	return 1;
}

static void *thread_exit_after(void *leader)
{
	pthread_join(*(pthread_t *)leader, NULL);
	say('z');
	hear();
	exit(9);
}

static int prog_zombie_leader(const char *arg)
{
	static pthread_t leader;

	leader = pthread_self();
	start_thread(thread_exit_after, &leader);
	pthread_exit(NULL);
}

/* A parent watches its child stop and go on, as a shell does. */
static int prog_job_control(const char *arg)
{
	int sigs[] = { SIGSTOP, SIGTSTP }, fds[2], status;
	char c = 'c';
	pid_t pid;

	if (pipe(fds))
		return 4;
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < atoi(arg); i++)
			start_thread(thread_pause, NULL);
		/* A group of its own, and not an orphaned one, which would ignore SIGTSTP. */
		setpgid(0, 0);
		for (int i = 0; i < 2; i++) {
			raise(sigs[i]);
			/* A stop would overwrite a "continued" that is not waited for yet. */
			if (read(fds[0], &c, 1) != 1)
				_exit(7);
		}
		_exit(6);
	}
	for (int i = 0; i < 2; i++) {
		if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status) ||
		    WSTOPSIG(status) != sigs[i])
			return 1;
		kill(pid, SIGCONT);
		if (waitpid(pid, &status, WCONTINUED) != pid || !WIFCONTINUED(status))
			return 2;
		if (write(fds[1], &c, 1) != 1)
			return 3;
	}
	expect_child(pid, 6 << 8);
	return 0;
}

static volatile sig_atomic_t signal_cnt, signals_in_order = 1;

static void count_signal(int sig, siginfo_t *si, void *uc)
{
	signals_in_order &= si->si_value.sival_int == signal_cnt;
	signal_cnt++;
}

/* Counts SIGRTMIN until SIGRTMIN+1, which is delivered after all that are queued. */
static int prog_count_signals(const char *arg)
{
	struct sigaction act = { .sa_sigaction = count_signal, .sa_flags = SA_SIGINFO };
	sigset_t end;
	int sig;

	sigemptyset(&end);
	sigaddset(&end, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &end, NULL);
	sigaction(SIGRTMIN, &act, NULL);
	say('r');
	while (sigwait(&end, &sig))
		;
	return signal_cnt == atoi(arg) && signals_in_order ? 0 : 1;
}

/* Each process forks the next. */
static int prog_nest(const char *arg)
{
	int depth = atoi(arg);

	while (depth-- && fork() == 0)
		;
	while (wait(NULL) > 0)
		;
	return 0;
}

/* "self" or "child": who forks when told to. */
static int prog_fork_when_told(const char *arg)
{
	if (!strcmp(arg, "child") && fork()) {
		wait(NULL);
		return 0;
	}
	say('r');
	hear();
	if (fork() == 0)
		_exit(0);
	wait(NULL);
	return 0;
}

/* Its children say a letter each, if they get to it; how they end does not matter. */
static int prog_orphans(const char *arg)
{
	for (int i = 0; i < atoi(arg); i++)
		if (fork() == 0) {
			say('o');
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	return 0;
}

static void *thread_hear(void *arg)
{
	char *argv[] = { "self", "exit", "3", NULL };
	pid_t pid;

	hear();
	pid = vfork();
	if (pid == 0) {
		execv(SELF, argv);
		_exit(2);
	}
	expect_child(pid, 3 << 8);
	say('t');
	return NULL;
}

/* Four busy kinds of task: threads in a read, a child, a stopped child, signals on the way. */
static int prog_long(const char *arg)
{
	struct sigaction act = { .sa_sigaction = count_signal,
				 .sa_flags = SA_SIGINFO | SA_RESTART };
	pthread_t t[3];
	pid_t reader, stopped;
	sigset_t set;
	int status;

	sigaction(SIGRTMIN, &act, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	stopped = fork();
	if (stopped == 0) {
		raise(SIGSTOP);
		_exit(3);
	}
	if (waitpid(stopped, &status, WUNTRACED) != stopped || !WIFSTOPPED(status))
		return 1;
	reader = fork();
	if (reader == 0) {
		hear();
		_exit(4);
	}
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, thread_hear, NULL);
	/* One thread takes them all, or their order would be anybody's. */
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	say('r');
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	expect_child(reader, 4 << 8);
	if (waitpid(stopped, &status, WNOHANG))
		return 2; /* must still be stopped */
	kill(stopped, SIGCONT);
	expect_child(stopped, 3 << 8);
	return signal_cnt == atoi(arg) && signals_in_order ? 0 : 3;
}

/* A vfork parent cannot be interrupted until its child is done. */
static int prog_vfork_wait(const char *arg)
{
	pid_t pid = vfork();

	if (pid == 0) {
		say('v');
		hear();
		_exit(3);
	}
	expect_child(pid, 3 << 8);
	return 0;
}

static int prog_signal_state(const char *arg)
{
	struct sigaction act;
	sigset_t mask;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int sig = 1; sig < NSIG; sig++) {
		if (sigismember(&mask, sig) == 1 && sig != SIGUSR1)
			return 1;
		/* ASan has its own handlers for a few. */
		if (!sigaction(sig, NULL, &act) && act.sa_handler == SIG_IGN && sig != SIGHUP)
			return 2;
	}
	sigaction(SIGHUP, NULL, &act);
	return sigismember(&mask, SIGUSR1) == 1 && act.sa_handler == SIG_IGN ? 0 : 3;
}

static inline int run_program(char **argv)
{
	static const struct {
		const char *name;
		int (*fn)(const char *arg);
	} programs[] = {
		{ "exit", prog_exit },
		{ "raise", prog_raise },
		{ "tree", prog_tree },
		{ "forks", prog_forks },
		{ "threads", prog_threads },
		{ "exec-thread", prog_exec_thread },
		{ "zombie-leader", prog_zombie_leader },
		{ "job-control", prog_job_control },
		{ "count-signals", prog_count_signals },
		{ "nest", prog_nest },
		{ "fork-when-told", prog_fork_when_told },
		{ "orphans", prog_orphans },
		{ "long", prog_long },
		{ "vfork-wait", prog_vfork_wait },
		{ "signal-state", prog_signal_state },
	};

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (!strcmp(argv[1], programs[i].name))
			return programs[i].fn(argv[2]);
	return 95;
}

#endif
