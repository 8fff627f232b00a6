/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * hold.h: runs a command and stops it, and every process that descends from it, at fork,
 * exec and exit (PTRACE_SEIZE), so that the recorder can attach its probes before the first
 * instruction of a new image and look at a process before its memory goes.
 *
 *	held:  launch -> start -> (SIGCHLD -> poll)... -> done -> [detach] -> free
 *	loose: the same with hold false: nothing is ptraced, and the only thing reported is the
 *	       command's end.
 *
 * What the held processes can notice: they are slower at fork and exec (0.1 ms an exec) and at
 * thread creation and exit (50 us and more a thread), and nobody else can ptrace them. Signals,
 * job control and exit statuses pass through unchanged. When memtide dies, by kill -9 too, the
 * kernel lets them all run on; while it is itself stopped (Ctrl-Z) they wait for it at their
 * next fork, exec, exit or signal. A set-user-ID program keeps its privileges only if memtide
 * had CAP_SYS_PTRACE when it launched the command (the kernel remembers the tracer's
 * credentials of that moment). A clone() with CLONE_UNTRACED escapes.
 *
 * Threads: ptrace belongs to a thread, so launch, poll, detach and free must be called by the
 * same one. SIGCHLD must be blocked (it comes by signalfd) before launch, and its disposition
 * is set to the default by launch: an inherited SIG_IGN would lose exit statuses. A held
 * session's poll, start and detach reap every child of the process, so nobody else may leave
 * one unreaped across them. Errors are -errno, logged unless said otherwise.
 */
#ifndef MT_SESSION_HOLD_H
#define MT_SESSION_HOLD_H

#include <stdbool.h>
#include <sys/types.h>

struct mt_hold;
struct mt_launch_signals;

/*
 * Called while the task in question is stopped or has not run its first instruction, and in
 * the order of its life: forked, execed (any number), exiting, ended. The command itself is
 * not reported as forked. They must not call mt_hold_detach() or mt_hold_free().
 */
struct mt_hold_ops {
	/*
	 * A new process, not a thread. Its parent is 0 where that was killed in mid-fork.
	 * shares_mm: it runs in its parent's address space until its exec (vfork, posix_spawn).
	 */
	void (*forked)(void *arg, pid_t parent_tgid, pid_t child, bool shares_mm);
	/*
	 * The new image is in place, ld.so has not run, tgid is its only thread; former_tid
	 * differs from tgid where another thread called exec. False lets this process and what it
	 * will start go unheld: nothing more is reported of it, but for the command's own end.
	 */
	bool (*execed)(void *arg, pid_t tgid, pid_t former_tid);
	/*
	 * The last thread of a process is about to exit; its memory is still there, to be seen
	 * by /proc/TID (a leader that went before has lost it). Left out where SIGKILL took
	 * that thread while it was stopped.
	 */
	void (*exiting)(void *arg, pid_t tgid, pid_t tid);
	/* The whole process has ended; wait_status as from waitpid(). */
	void (*ended)(void *arg, pid_t tgid, int wait_status);
};

/*
 * Why a program by this name must not be held, to be said after the name ("uses ptrace..."),
 * or NULL: those that ptrace their children find them taken. For a command before launch, and in
 * execed() by /proc/PID/exe.
 */
const char *mt_hold_refusal(const char *path);

/*
 * Forks the command, which waits for mt_hold_start(). path from mt_launch_find(). -EPERM and
 * -ENOSYS, not logged: ptrace is refused (memtide is itself under strace; Yama; seccomp):
 * launch without hold and state the gap.
 */
int mt_hold_launch(struct mt_hold **out, const char *path, char **argv,
		   const struct mt_launch_signals *inherited, bool hold,
		   const struct mt_hold_ops *ops, void *arg);

/*
 * Lets the command exec. When that fails: -ENOENT (a shell's 127), -EACCES and others (126);
 * the child is reaped and nothing of it is reported. Waits for the outcome; may call ops.
 */
int mt_hold_start(struct mt_hold *h);

/* The command's pid: valid until mt_hold_done(). */
pid_t mt_hold_pid(const struct mt_hold *h);

/*
 * To be called for every SIGCHLD: deals with all that is waiting and never blocks. Returns 1
 * when it gave up its turn with more to do: call again soon, no SIGCHLD may follow. 0 else.
 */
int mt_hold_poll(struct mt_hold *h);

/* Has the command itself ended? Its descendants may live on: mt_hold_alive(). */
bool mt_hold_done(const struct mt_hold *h, int *wait_status);

/* How many processes are held now. */
int mt_hold_alive(const struct mt_hold *h);

/*
 * Hands a signal that memtide got on to the command. si_code as signalfd gave it (ssi_code):
 * what the terminal sent (SI_KERNEL) has reached the command already, if it is still in our
 * process group, and is not sent twice.
 */
void mt_hold_forward(struct mt_hold *h, int signo, int si_code);

/*
 * Lets everything run on untraced, pending signals and stopped processes as they are; no op
 * is called any more but the command's ended(). Waits for at most 2 s for all to stop first:
 * -ETIMEDOUT when some did not (a vfork parent, uninterruptible I/O); they are let go by
 * later polls, so go on polling. Interrupting has one visible effect, that of a SIGSTOP and
 * SIGCONT: calls like epoll_wait() return EINTR. A memtide that is about to exit had better
 * do just that: the kernel detaches without stopping anybody.
 */
int mt_hold_detach(struct mt_hold *h);

/* A command that was never started is killed; all else runs on (mt_hold_detach()). */
void mt_hold_free(struct mt_hold **hp);

#endif
