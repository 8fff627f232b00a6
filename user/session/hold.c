// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * A table of tracees by tid; each points to its process. All of it follows from the stops
 * that waitpid() reports. A tracee can die by SIGKILL at any moment, in a stop too, so ESRCH
 * from any ptrace request means that its death will be reported, and is ignored.
 */
#include "session/hold.h"

#include <ctype.h>
#include <errno.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "session/launch.h"
#include "util/cleanup.h"
#include "util/log.h"

/*
 * CLONE, because any thread can fork or exec; it costs two stops a thread, EXIT a third. Not
 * EXITKILL: the targets outlive us.
 */
#define HOLD_OPTIONS                                                                           \
	(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | \
	 PTRACE_O_TRACEEXIT)

#define HOLD_BUCKETS  4096 /* a power of two; thousands of threads stay O(1) */
#define HOLD_BATCH    128
#define HOLD_TURN     16 /* batches a poll */
#define HOLD_DETACH_S 2
#define HOLD_START_MS 10 /* how often a start looks whether a signal stopped the child */

struct process {
	pid_t tgid;
	int task_cnt;
	int running_cnt; /* tasks that have not begun to exit */
};

struct task {
	struct task *next;
	struct process *process;
	pid_t tid;
	bool exiting;
};

struct mt_hold {
	struct task *bucket[HOLD_BUCKETS];
	int task_cnt;
	int process_cnt;
	const struct mt_hold_ops *ops;
	void *arg;
	char *path;
	pid_t pid;
	int gate_fd; /* -1 before the fork and once started */
	bool hold;
	bool detaching;
	bool done;
	int wait_status;
};

/* ---- the table ---- */

static struct task **find_slot(struct mt_hold *h, pid_t tid)
{
	struct task **t = &h->bucket[tid & (HOLD_BUCKETS - 1)];

	while (*t && (*t)->tid != tid)
		t = &(*t)->next;
	return t;
}

static struct task *find_task(struct mt_hold *h, pid_t tid)
{
	return *find_slot(h, tid);
}

/* A NULL process: tid leads a new one. */
static struct task *add_task(struct mt_hold *h, pid_t tid, struct process *process)
{
	_free_ struct process *fresh = NULL;
	_free_ struct task *t = calloc(1, sizeof(*t));
	struct task **slot = find_slot(h, tid);

	if (!process) {
		process = fresh = calloc(1, sizeof(*fresh));
		if (fresh)
			fresh->tgid = tid;
	}
	if (!t || !process) {
		mt_err(-ENOMEM, "no memory to hold thread %d: it goes unheld", tid);
		return NULL;
	}
	if (TAKE_PTR(fresh))
		h->process_cnt++;
	process->task_cnt++;
	process->running_cnt++;
	h->task_cnt++;
	t->tid = tid;
	t->process = process;
	return *slot = TAKE_PTR(t);
}

static void drop_task(struct mt_hold *h, struct task *t)
{
	struct process *p = t->process;

	if (!t->exiting)
		p->running_cnt--;
	if (--p->task_cnt == 0) {
		h->process_cnt--;
		free(p);
	}
	h->task_cnt--;
	*find_slot(h, t->tid) = t->next;
	free(t);
}

/* Drops what an exec has swept away without notice. */
static void drop_other_tasks(struct mt_hold *h, const struct task *keep)
{
	if (keep->process->task_cnt == 1)
		return;
	for (int i = 0; i < HOLD_BUCKETS; i++) {
		struct task *next;

		for (struct task *t = h->bucket[i]; t; t = next) {
			next = t->next;
			if (t != keep && t->process == keep->process)
				drop_task(h, t);
		}
	}
}

/* ---- new tasks ---- */

static void go_on(pid_t tid, int request, int sig)
{
	ptrace(request, tid, NULL, (void *)(long)sig);
}

/* Children and tracees can be waited for; one that is dead and reaped cannot. */
static bool is_ours(pid_t tid)
{
	siginfo_t si;

	return !waitid(P_PID, tid, &si, WEXITED | WNOHANG | WNOWAIT | __WALL);
}

static bool is_thread_of(pid_t tgid, pid_t tid)
{
	return !syscall(SYS_tgkill, tgid, tid, 0) || errno == EPERM;
}

static void add_process(struct mt_hold *h, pid_t parent, pid_t child, bool vfork)
{
	/* More than vfork() shares; kcmp() may be configured out. */
	long differ = parent ? syscall(SYS_kcmp, parent, child, KCMP_VM, 0, 0) : 1;

	if (add_task(h, child, NULL) && !h->detaching)
		h->ops->forked(h->arg, parent, child, differ < 0 ? vfork : !differ);
}

/*
 * A parent's event and its child's first stop come in either order. Whichever comes first
 * enters the child, which has run nothing until its first stop is answered.
 */
static void on_fork(struct mt_hold *h, struct task *parent, int event)
{
	unsigned long child;

	if (ptrace(PTRACE_GETEVENTMSG, parent->tid, NULL, &child) || find_task(h, child))
		return;
	/* Came and went before we read this event, or has been let go. */
	if (!is_ours(child))
		return;
	if (is_thread_of(parent->process->tgid, child))
		add_task(h, child, parent->process);
	else
		add_process(h, parent->process->tgid, child, event == PTRACE_EVENT_VFORK);
}

static int read_ids(pid_t tid, pid_t *tgid, pid_t *ppid)
{
	_fclose_ FILE *f = NULL;
	char path[32], line[128];
	int found = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	f = fopen(path, "re");
	while (f && found < 2 && fgets(line, sizeof(line), f))
		found += sscanf(line, "Tgid: %d", tgid) == 1 || sscanf(line, "PPid: %d", ppid) == 1;
	return found == 2 ? 0 : -ESRCH;
}

/*
 * The first stop of a child whose parent's event has not come. It must not be left waiting
 * for that: a parent killed in mid-fork never sends it.
 */
static struct task *adopt(struct mt_hold *h, pid_t tid)
{
	pid_t tgid, ppid;
	struct task *relative;

	if (h->detaching || read_ids(tid, &tgid, &ppid))
		return NULL;
	if (tgid == tid) {
		add_process(h, find_task(h, ppid) ? ppid : 0, tid, false);
		return find_task(h, tid);
	}
	relative = find_task(h, tgid);
	return relative ? add_task(h, tid, relative->process) : NULL;
}

/* ---- stops and ends ---- */

static void let_go(struct mt_hold *h, struct task *t, int sig)
{
	go_on(t->tid, PTRACE_DETACH, sig);
	drop_task(h, t);
}

static void on_exec(struct mt_hold *h, struct task *t)
{
	unsigned long former = t->tid;

	/*
	 * The caller of exec has taken the leader's tid. The kernel has ended the other
	 * threads: most have said so, a dead leader and the caller's old tid never do.
	 */
	ptrace(PTRACE_GETEVENTMSG, t->tid, NULL, &former);
	drop_other_tasks(h, t);
	t->exiting = false;
	t->process->running_cnt = 1;

	if (h->ops->execed(h->arg, t->tid, former))
		go_on(t->tid, PTRACE_CONT, 0);
	else
		let_go(h, t, 0);
}

static void on_exit_stop(struct mt_hold *h, struct task *t)
{
	t->exiting = true;
	if (--t->process->running_cnt == 0)
		h->ops->exiting(h->arg, t->process->tgid, t->tid);
	go_on(t->tid, PTRACE_CONT, 0);
}

static void on_stop(struct mt_hold *h, struct task *t, int event, int sig)
{
	if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
	    event == PTRACE_EVENT_CLONE)
		on_fork(h, t, event);
	if (h->detaching) {
		let_go(h, t, event ? 0 : sig);
		return;
	}
	switch (event) {
	case 0: /* a signal is about to be delivered */
		go_on(t->tid, PTRACE_CONT, sig);
		return;
	case PTRACE_EVENT_EXEC:
		on_exec(h, t);
		return;
	case PTRACE_EVENT_EXIT:
		on_exit_stop(h, t);
		return;
	case PTRACE_EVENT_STOP:
		/*
		 * SIGTRAP: a first stop, or the end of a group-stop. Else the group-stop
		 * itself: stay stopped, but hear of SIGCONT.
		 */
		go_on(t->tid, sig == SIGTRAP ? PTRACE_CONT : PTRACE_LISTEN, 0);
		return;
	default:
		go_on(t->tid, PTRACE_CONT, 0);
	}
}

/* A leader's end is reported when no other thread is left: it is the process's end. */
static void on_end(struct mt_hold *h, pid_t tid, int status)
{
	struct task *t = find_task(h, tid);
	bool is_process = t && t->process->tgid == tid && !h->detaching;

	if (t)
		drop_task(h, t);
	if (tid == h->pid && !h->done) {
		h->done = is_process = true;
		h->wait_status = status;
	}
	if (is_process)
		h->ops->ended(h->arg, tid, status);
}

static void on_wait(struct mt_hold *h, pid_t tid, int status)
{
	struct task *t;

	if (!WIFSTOPPED(status)) {
		on_end(h, tid, status);
		return;
	}
	t = find_task(h, tid);
	if (!t)
		t = adopt(h, tid);
	if (t)
		on_stop(h, t, status >> 16, WSTOPSIG(status));
	else
		go_on(tid, PTRACE_DETACH, status >> 16 ? 0 : WSTOPSIG(status));
}

int mt_hold_poll(struct mt_hold *h)
{
	struct {
		pid_t tid;
		int status;
	} batch[HOLD_BATCH];

	if (!h->hold && h->done)
		return 0;
	/*
	 * Everybody who waits is heard before anybody goes on: the kernel looks through its
	 * list from the start each time, and one busy process would starve those behind it.
	 */
	for (int turn = 0; turn < HOLD_TURN; turn++) {
		int n = 0;

		while (n < HOLD_BATCH) {
			batch[n].tid =
				waitpid(h->hold ? -1 : h->pid, &batch[n].status, __WALL | WNOHANG);
			if (batch[n].tid <= 0)
				break;
			n++;
		}
		if (n == 0)
			return 0;
		for (int i = 0; i < n; i++)
			on_wait(h, batch[i].tid, batch[i].status);
	}
	return 1;
}

/* ---- launching ---- */

const char *mt_hold_refusal(const char *path)
{
	static const char *const tracers[] = {
		"strace", "ltrace",	 "gdb", "gdbserver", "gdb-multiarch",
		"lldb",	  "lldb-server", "rr",	"dlv",	     "proot"
	};
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;

	for (size_t i = 0; i < ARRAY_SIZE(tracers); i++) {
		size_t len = strlen(tracers[i]);

		/* lldb-14 is lldb, gdb-add-index is not gdb. */
		if (!strncmp(base, tracers[i], len) &&
		    (!base[len] || (base[len] == '-' && isdigit((unsigned char)base[len + 1]))))
			return "uses ptrace on its own children";
	}
	return NULL;
}

/* Ends and reaps a command that has not become anything. */
static void kill_unstarted(struct mt_hold *h)
{
	int status;

	kill(h->pid, SIGKILL);
	while (waitpid(h->pid, &status, __WALL) == h->pid && WIFSTOPPED(status))
		go_on(h->pid, PTRACE_CONT, 0);
	h->done = true;
	h->wait_status = status;
	if (h->task_cnt)
		drop_task(h, find_task(h, h->pid));
}

int mt_hold_launch(struct mt_hold **out, const char *path, char **argv,
		   const struct mt_launch_signals *inherited, bool hold,
		   const struct mt_hold_ops *ops, void *arg)
{
	__cleanup(mt_hold_free) struct mt_hold *h = calloc(1, sizeof(*h));

	if (!h)
		return mt_err(-ENOMEM, "no memory to launch %s", path);
	h->ops = ops;
	h->arg = arg;
	h->hold = hold;
	h->gate_fd = -1;
	h->path = strdup(path);
	if (!h->path)
		return mt_err(-ENOMEM, "no memory to launch %s", path);
	signal(SIGCHLD, SIG_DFL);
	h->pid = mt_launch_fork(&h->gate_fd, path, argv, inherited);
	if (h->pid < 0)
		return h->pid;
	if (hold && ptrace(PTRACE_SEIZE, h->pid, NULL, (void *)HOLD_OPTIONS))
		return errno == EPERM || errno == ENOSYS
			       ? -errno
			       : mt_err(-errno, "cannot hold %s: %s", path, strerror(errno));
	if (hold && !add_task(h, h->pid, NULL))
		return -ENOMEM;
	*out = TAKE_PTR(h);
	return 0;
}

/*
 * A signal stops the child before its exec too, and is passed on. True when it has got as far
 * as the stop of its exec or exit: those are left to the next poll.
 */
static bool is_past_exec(struct mt_hold *h)
{
	siginfo_t si = { 0 };
	int event, status;

	if (waitid(P_PID, h->pid, &si, WSTOPPED | WNOHANG | WNOWAIT | __WALL) ||
	    si.si_code != CLD_TRAPPED)
		return false;
	event = si.si_status >> 8;
	if (event && event != PTRACE_EVENT_STOP)
		return true;
	if (waitpid(h->pid, &status, __WALL | WNOHANG) == h->pid)
		on_wait(h, h->pid, status);
	return false;
}

int mt_hold_start(struct mt_hold *h)
{
	int err;

	mt_launch_exec(h->gate_fd);
	while ((err = mt_launch_exec_result(h->gate_fd, HOLD_START_MS)) == -EAGAIN)
		if (is_past_exec(h)) {
			/* Nothing said, and on its way out: a signal has ended it. */
			err = mt_launch_exec_result(h->gate_fd, 0);
			err = err == -EAGAIN ? 0 : err;
			break;
		}
	if (err) {
		kill_unstarted(h);
		/* The file was there: it is what should run it that is missing. */
		mt_err(err, "cannot run %s: %s", h->path,
		       err == -ENOENT ? "its interpreter is missing" : strerror(-err));
	}
	mt_cleanup_fd(&h->gate_fd);
	return err;
}

pid_t mt_hold_pid(const struct mt_hold *h)
{
	return h->pid;
}

bool mt_hold_done(const struct mt_hold *h, int *wait_status)
{
	if (h->done)
		*wait_status = h->wait_status;
	return h->done;
}

int mt_hold_alive(const struct mt_hold *h)
{
	return h->process_cnt;
}

void mt_hold_forward(struct mt_hold *h, int signo, int si_code)
{
	if (h->done || (si_code == SI_KERNEL && getpgid(h->pid) == getpgrp()))
		return;
	kill(h->pid, signo);
}

/* ---- the end ---- */

static long ms_until(const struct timespec *deadline)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (deadline->tv_sec - now.tv_sec) * 1000 + (deadline->tv_nsec - now.tv_nsec) / 1000000;
}

static void interrupt_all(struct mt_hold *h)
{
	for (int i = 0; i < HOLD_BUCKETS; i++) {
		struct task *next;

		for (struct task *t = h->bucket[i]; t; t = next) {
			next = t->next;
			/*
			 * One that is already exiting will not stop again. A zombie leader can
			 * keep that state for long; the kernel is told of it by our own exit.
			 */
			if (t->exiting)
				drop_task(h, t);
			else
				ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
		}
	}
}

int mt_hold_detach(struct mt_hold *h)
{
	struct timespec deadline;
	sigset_t sigchld;

	h->detaching = true;
	interrupt_all(h);

	sigemptyset(&sigchld);
	sigaddset(&sigchld, SIGCHLD);
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += HOLD_DETACH_S;
	for (;;) {
		int more = mt_hold_poll(h);
		long ms = ms_until(&deadline);
		struct timespec left = { ms / 1000, ms % 1000 * 1000000 };

		if (!h->task_cnt)
			return 0;
		if (ms <= 0)
			return mt_err(-ETIMEDOUT,
				      "%d threads of the command do not stop to be let go; "
				      "they will be when they do, or when memtide ends",
				      h->task_cnt);
		if (!more)
			sigtimedwait(&sigchld, NULL, &left);
	}
}

void mt_hold_free(struct mt_hold **hp)
{
	struct mt_hold *h = *hp;

	*hp = NULL;
	if (!h)
		return;
	if (h->gate_fd >= 0 && !h->done)
		kill_unstarted(h);
	else if (h->task_cnt && !h->detaching)
		mt_hold_detach(h);
	for (int i = 0; i < HOLD_BUCKETS; i++)
		while (h->bucket[i])
			drop_task(h, h->bucket[i]);
	mt_cleanup_fd(&h->gate_fd);
	free(h->path);
	free(h);
}
