// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * record: targets -> session -> capture -> report.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "capture/capture.h"
#include "capture/drain.h"
#include "cli/commands.h"
#include "session/calibrate.h"
#include "session/launch.h"
#include "session/pacer.h"
#include "session/session.h"
#include "symbol/symbol.h"
#include "target/proc.h"
#include "target/select.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/privilege.h"

/* The file is brought up to date this often. */
#define DRAIN_NS 1000000000LL

struct recording {
	const struct mt_options *options;
	struct mt_session *session;
	struct mt_capture *capture;
	struct mt_drain *drain;
	char *file;
	int64_t start_ns;
	int64_t ticked_ns;
	int64_t drained_ns;
	int interrupts;
	int launch_err; /* the command could not be run */
	int err;	/* the file could not be written any more */
};

static void free_recording(struct recording *r)
{
	mt_drain_free(&r->drain);
	mt_capture_free(&r->capture);
	mt_session_free(&r->session);
	free(r->file);
}

/* ---- before ----------------------------------------------------------------------------- */

static int select_targets(const struct mt_options *o, pid_t **pids, size_t *nr)
{
	if (o->pids)
		return mt_select_pids(o->pids, pids, nr);
	if (o->comm)
		return mt_select_comm(o->comm, pids, nr);
	return o->all ? mt_select_all(pids, nr) : mt_select_cgroup(o->cgroup, pids, nr);
}

/* memtide-COMM-PID-TIME.mtd, with nothing in COMM that a shell would mind. */
static char *default_file(const struct mt_options *o, pid_t pid)
{
	char comm[MT_COMM_LEN] = "", stamp[32], *name = NULL;
	time_t now = time(NULL);
	struct tm tm;

	if (o->argv)
		snprintf(comm, sizeof(comm), "%s", basename(o->argv[0]));
	else if (o->all)
		strcpy(comm, "all");
	else
		mt_proc_comm(pid, comm);
	for (char *c = comm; *c; c++)
		if (!strchr("+-._", *c) && !(*c >= '0' && *c <= '9') && !(*c >= 'A' && *c <= 'Z') &&
		    !(*c >= 'a' && *c <= 'z'))
			*c = '_';
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", localtime_r(&now, &tm));
	return asprintf(&name, "memtide-%s-%d-%s.mtd", comm, pid, stamp) < 0 ? NULL : name;
}

static int put_command(struct recording *r)
{
	const struct mt_options *o = r->options;
	_free_ char *text = NULL;
	int n;

	if (o->argv) /* arguments can be secrets: the name only */
		n = asprintf(&text, "-- %s", o->argv[0]);
	else
		n = asprintf(&text, "%s%s",
			     o->all    ? "-a"
			     : o->pids ? "-p "
			     : o->comm ? "-n "
				       : "-c ",
			     o->all    ? ""
			     : o->pids ? o->pids
			     : o->comm ? o->comm
				       : o->cgroup);
	return n < 0 ? -ENOMEM : mt_capture_put_meta(r->capture, MT_META_COMMAND, text);
}

static int put_host(struct recording *r)
{
	static const char *const vm_names[] = { "auto", "fentry", "tracepoint", "none" };
	const struct mt_kernel *k = mt_session_kernel(r->session);
	const struct mt_trap_prices *prices = mt_kernel_prices(k);
	static const char *const return_names[] = {
		[MT_LINK_SESSION] = "session", [MT_LINK_MULTI] = "uretprobe_multi",
		[MT_LINK_PERF] = "uretprobe",  [MT_LINK_SHARED] = "uretprobe",
		[MT_LINK_NONE] = "none",
	};
	static const char *const mode_names[] = { "auto", "exact", "kernel" };
	struct utsname host;
	char started[64];
	time_t now = time(NULL);
	struct tm tm;
	int err;

	uname(&host);
	strftime(started, sizeof(started), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	err = mt_capture_put_meta(r->capture, MT_META_STARTED, started);
	err = err ? err
		  : mt_capture_put_meta(r->capture, MT_META_MODE, mode_names[r->options->mode]);
	err = err ? err : mt_capture_put_meta(r->capture, MT_META_HOST, host.nodename);
	err = err ? err : mt_capture_put_meta(r->capture, MT_META_KERNEL, host.release);
	err = err ? err : mt_capture_put_meta(r->capture, MT_META_ARCH, host.machine);
	err = err ? err
		  : mt_capture_put_meta_int(r->capture, MT_META_CPUS,
					    sysconf(_SC_NPROCESSORS_ONLN));
	err = err ? err
		  : mt_capture_put_meta(r->capture, MT_META_HOOKS_VM,
					vm_names[mt_kernel_vm_hooks(k)]);
	err = err ? err
		  : mt_capture_put_meta_int(r->capture, MT_META_SYSCALL_TAX_NS,
					    mt_kernel_syscall_tax_ns(k));
	err = err ? err
		  : mt_capture_put_meta(r->capture, MT_META_HOOKS_RET,
					return_names[mt_kernel_links(k)]);
	if (!err && r->options->mode != MT_MODE_EXACT)
		err = mt_capture_put_meta_int(r->capture, MT_META_BUDGET_PPM,
					      llround(r->options->budget_pct * 1e4));
	if (!err && mt_kernel_sample_bytes(k))
		err = mt_capture_put_meta_int(r->capture, MT_META_SAMPLE_BYTES,
					      mt_kernel_sample_bytes(k));
	err = err ? err
		  : mt_capture_put_meta_int(r->capture, MT_META_TICK_NS,
					    r->options->tick_ms ? r->options->tick_ms * 1000000
								: MT_TICK_NS);
	return err || !prices
		       ? err
		       : mt_capture_put_meta_int(r->capture, MT_META_TRAP_COST_NS, prices->push_ns);
}

static int open_capture(struct recording *r, pid_t pid)
{
	const struct mt_options *o = r->options;
	int err;

	r->file = o->file ? strdup(o->file) : default_file(o, pid);
	if (!r->file)
		return -ENOMEM;
	err = mt_capture_create(&r->capture, r->file, o->force);
	if (err)
		return err;
	err = mt_drain_new(&r->drain, r->capture, r->session, r->start_ns);
	err = err ? err : mt_capture_begin(r->capture);
	err = err ? err : put_host(r);
	err = err ? err : put_command(r);
	return err ? err : mt_capture_commit(r->capture);
}

/* A command gets the first interrupt itself, and the recording goes on to its end. */
static void on_signals(struct recording *r, int fd)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		if (r->options->argv)
			mt_session_forward(r->session, info.ssi_signo, info.ssi_code);
		else if (info.ssi_signo == SIGWINCH)
			continue;
		if (info.ssi_signo == SIGINT ||
		    (!r->options->argv && info.ssi_signo != SIGUSR1 && info.ssi_signo != SIGUSR2))
			r->interrupts++;
	}
}

/*
 * One that ended before we came to it is no reason to give up the others. Hundreds take some
 * time, which may be too long for who asked for them.
 */
static int adopt(struct recording *r, const pid_t *pids, size_t nr, int signals)
{
	size_t adopted = 0;

	for (size_t i = 0; i < nr && !r->interrupts; i++) {
		int err = mt_session_adopt(r->session, pids[i]);

		if (err && err != -ESRCH)
			return err;
		adopted += !err;
		on_signals(r, signals);
	}
	return adopted || r->interrupts ? 0 : -ESRCH;
}

static int begin(struct recording *r, int signals, const struct mt_launch_signals *inherited)
{
	const struct mt_options *o = r->options;
	struct mt_session_options session = {
		.kernel = o->kernel,
		.no_ptrace = o->no_ptrace,
		.libraries = o->libraries,
		.nr_libraries = o->nr_libraries,
	};
	_free_ pid_t *pids = NULL;
	size_t nr = 0;
	int err;

	if (o->mode == MT_MODE_KERNEL)
		session.kernel.links = MT_LINK_NONE;
	session.budget_pct = o->budget_pct;
	session.kernel.time_all = o->mode == MT_MODE_AUTO;
	err = o->argv ? 0 : select_targets(o, &pids, &nr);

	err = err ? err : mt_session_new(&r->session, &session);
	if (err)
		return err;
	r->start_ns = mt_clock_ns();
	r->ticked_ns = r->drained_ns = r->start_ns;
	if (o->argv) {
		r->launch_err = mt_session_launch(r->session, o->argv, inherited);
		return r->launch_err ?: open_capture(r, mt_session_command(r->session));
	}
	err = open_capture(r, nr ? pids[0] : 0);
	return err ? err : adopt(r, pids, nr, signals);
}

/* The command is another process already, with all that it was given. */
static void give_up_privileges(const struct recording *r)
{
	uint64_t keep = MT_PRIVILEGE_RECORD | mt_privilege_to_write(r->file);

	/* Signals are handed on to it, whoever it is by then. */
	if (r->options->argv)
		keep |= MT_PRIVILEGE(CAP_KILL);
	if (mt_session_opens_events(r->session))
		keep |= MT_PRIVILEGE(CAP_SYS_ADMIN);
	if (mt_privilege_keep(keep))
		mt_warn("capabilities that are not needed any more cannot be given up");
	if (mt_privilege_confine())
		mt_warn("system calls that are not needed cannot be given up: has this kernel no "
			"seccomp?");
}

/* ---- during ----------------------------------------------------------------------------- */

static int open_signals(void)
{
	sigset_t mask;
	int fd;

	sigemptyset(&mask);
	for (const int *s = (const int[]){ SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2,
					   SIGCHLD, SIGWINCH, 0 };
	     *s; s++)
		sigaddset(&mask, *s);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? mt_err(-errno, "signalfd: %s", strerror(errno)) : fd;
}

static int wait_on(int epoll, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static bool expired(const struct recording *r, int64_t now)
{
	return r->options->duration_s > 0 &&
	       now - r->start_ns >= (int64_t)(r->options->duration_s * 1e9);
}

static int64_t next_tick_ns(const struct recording *r)
{
	int64_t every_ns = r->options->tick_ms * 1000000;

	return r->ticked_ns + (every_ns ? every_ns : mt_session_tick_ns(r->session));
}

static void tick(struct recording *r)
{
	int64_t now = mt_clock_ns();

	if (now < next_tick_ns(r))
		return;
	r->ticked_ns = now;
	mt_session_tick(r->session);
	now = mt_clock_ns();
	if (now - r->drained_ns < DRAIN_NS)
		return;
	r->drained_ns = now;
	r->err = mt_drain_tick(r->drain, false);
}

static bool ended(const struct recording *r, int *status)
{
	int patience = r->options->argv ? 1 : 0;

	return mt_session_over(r->session, status) || r->interrupts > patience || r->err ||
	       expired(r, mt_clock_ns());
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Memory is to be looked at then, windows have to be opened or closed, or all ends. */
static int64_t wake_ns(const struct recording *r)
{
	const struct mt_pacer *pacer = mt_session_pacer(r->session);
	int64_t wake = next_tick_ns(r);

	if (pacer)
		wake = sooner(wake, mt_pacer_wake_ns(pacer));
	if (r->options->duration_s > 0)
		wake = sooner(wake, r->start_ns + (int64_t)(r->options->duration_s * 1e9));
	return wake;
}

/* Until then, or something happens. */
static int wait_for(const struct recording *r, int epoll, struct epoll_event *ev, int room)
{
	int64_t left_ns = wake_ns(r) - mt_clock_ns();
	struct timespec left = { 0 };

	if (left_ns > 0)
		left = (struct timespec){ left_ns / 1000000000, left_ns % 1000000000 };
	return epoll_pwait2(epoll, ev, room, &left, NULL);
}

static int run(struct recording *r, int signals, int *status)
{
	_close_ int epoll = epoll_create1(EPOLL_CLOEXEC);
	int err;

	if (epoll < 0)
		return -errno;
	err = wait_on(epoll, signals);
	err = err ? err : wait_on(epoll, mt_session_events_fd(r->session));
	while (!err && !ended(r, status)) {
		struct epoll_event ev[2];
		int n = wait_for(r, epoll, ev, ARRAY_SIZE(ev));

		err = n < 0 && errno != EINTR ? -errno : 0;
		for (int i = 0; i < n; i++)
			if (ev[i].data.fd == signals)
				on_signals(r, signals);
		tick(r);
		err = err ? err : mt_session_poll(r->session);
	}
	return err;
}

/* ---- after ------------------------------------------------------------------------------ */

static int finish(struct recording *r)
{
	const struct mt_options *o = r->options;
	const struct mt_perfmap *maps;
	int err = r->err;
	size_t nr_maps;

	mt_session_stop(r->session);
	err = err ? err : mt_drain_tick(r->drain, true);
	maps = mt_session_maps(r->session, &nr_maps);
	err = err ? err
		  : mt_symbol_resolve_capture(r->capture, mt_session_locator(r->session), maps,
					      nr_maps);
	mt_drain_free(&r->drain);
	mt_capture_free(&r->capture);
	if (err)
		return mt_err(err, "%s holds what was recorded up to the last second", r->file);
	if (o->verbosity == MT_LOG_QUIET)
		return 0;
	err = mt_print_report(o->argv ? stderr : stdout, r->file, o);
	if (!err && !o->file)
		fprintf(stderr, "memtide: kept in %s\n", r->file);
	return err;
}

static int exit_code(const struct mt_options *o, int err)
{
	if (!err)
		return MT_EXIT_OK;
	if (o->argv)
		return MT_EXIT_RECORDER;
	if (err == -ESRCH)
		return MT_EXIT_NO_TARGET;
	if (err == -EPERM || err == -EACCES || err == -EOPNOTSUPP)
		return MT_EXIT_INCAPABLE;
	return MT_EXIT_FAILURE;
}

/* As a shell would say it. */
static int command_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void nothing(int sig)
{
}

/*
 * From here on nobody reads `signals`; what it holds has been acted upon. The first signal asks for
 * an end, which has come already, one more aborts.
 */
static void unblock_interrupt(const struct recording *r, int signals)
{
	const struct sigaction once = { .sa_handler = nothing,
					.sa_flags = SA_RESETHAND | SA_RESTART };
	struct signalfd_siginfo info;
	sigset_t mask;

	while (read(signals, &info, sizeof(info)) == sizeof(info))
		;
	sigemptyset(&mask);
	for (const int *s = (const int[]){ SIGINT, SIGTERM, SIGHUP, SIGQUIT, 0 }; *s; s++) {
		sigaddset(&mask, *s);
		if (!r->interrupts)
			sigaction(*s, &once, NULL);
	}
	sigprocmask(SIG_UNBLOCK, &mask, NULL);
}

int mt_command_record(const struct mt_options *o, const struct mt_launch_signals *inherited)
{
	__cleanup(free_recording) struct recording r = { .options = o };
	_close_ int signals = open_signals();
	int status = 0, err = signals < 0 ? signals : begin(&r, signals, inherited);

	if (!err && o->argv)
		err = r.launch_err = mt_session_start(r.session);
	if (r.launch_err == -ENOENT)
		return MT_EXIT_NOT_FOUND;
	if (r.launch_err == -EACCES || r.launch_err == -ENOEXEC)
		return MT_EXIT_NOT_EXECUTABLE;
	if (err == -EINVAL && !r.session) /* what was asked for makes no sense */
		return MT_EXIT_USAGE;
	if (err)
		return exit_code(o, err);
	give_up_privileges(&r);
	mt_info("recording");
	err = run(&r, signals, &status);
	unblock_interrupt(&r, signals);
	err = finish(&r) ?: err;
	return err ? exit_code(o, err) : o->argv ? command_code(status) : MT_EXIT_OK;
}
