// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "symbol/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "symbol/confine.h"
#include "symbol/demangle.h"
#include "symbol/symbolizer.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

#define TEXT_SIZE (PATH_MAX + MT_SYMBOL_NAME_MAX)

/* Then it is ended; it ends itself before. */
#define WORKER_PATIENCE_NS ((MT_WORKER_SECONDS + 5) * 1000000000LL)

/* Exit status of a child that could not be. 1 is libdw's, when memory ends. */
#define UNCONFINED 125

/* What goes through the pipe for a frame, after the number of frames; the two texts follow. */
struct message {
	uint32_t line;
	uint32_t function_len; /* 1 more than it has; 0: none */
	uint32_t file_len;
};

/* An answer in the caller, with room for its texts: too much for a stack. */
struct letter {
	struct mt_symbol_stack answer;
	char function[MT_SYMBOL_DEPTH][TEXT_SIZE];
	char file[MT_SYMBOL_DEPTH][TEXT_SIZE];
};

static const struct mt_symbol_stack nothing = { .nr = 1 };

static uint32_t length(const char *text)
{
	return text ? (uint32_t)strnlen(text, TEXT_SIZE - 1) + 1 : 0;
}

static bool write_frame(FILE *out, const struct mt_symbol *s)
{
	const struct message m = {
		.line = s->line,
		.function_len = length(s->function),
		.file_len = length(s->file),
	};

	return fwrite(&m, sizeof(m), 1, out) == 1 &&
	       (m.function_len < 2 || fwrite(s->function, m.function_len - 1, 1, out) == 1) &&
	       (m.file_len < 2 || fwrite(s->file, m.file_len - 1, 1, out) == 1);
}

static bool write_answer(FILE *out, const struct mt_symbol_stack *answer)
{
	const uint32_t nr = (uint32_t)answer->nr;
	bool written = fwrite(&nr, sizeof(nr), 1, out) == 1;

	for (size_t i = 0; written && i < nr; i++)
		written = write_frame(out, &answer->frames[i]);
	return written;
}

static bool read_text(FILE *in, uint32_t len, char text[TEXT_SIZE], const char **out)
{
	*out = len ? text : NULL;
	if (len > TEXT_SIZE)
		return false;
	if (len)
		text[len - 1] = '\0';
	return len < 2 || fread(text, len - 1, 1, in) == 1;
}

/* False at the end, and for what is no answer. */
static bool read_answer(FILE *in, struct letter *l)
{
	uint32_t nr;

	if (fread(&nr, sizeof(nr), 1, in) != 1 || !nr || nr > MT_SYMBOL_DEPTH)
		return false;
	l->answer.nr = nr;
	for (uint32_t i = 0; i < nr; i++) {
		struct mt_symbol *s = &l->answer.frames[i];
		struct message m;

		if (fread(&m, sizeof(m), 1, in) != 1 ||
		    !read_text(in, m.function_len, l->function[i], &s->function) ||
		    !read_text(in, m.file_len, l->file[i], &s->file))
			return false;
		s->line = m.line;
	}
	return true;
}

/* The child. Nothing that it says is of use when it has to end. */
static void answer_all(const struct mt_worker_ops *ops, void *arg, size_t first, size_t end,
		       FILE *out)
{
	for (size_t i = first; i < end; i++) {
		struct mt_symbol_stack answer = nothing;

		if (ops->ask(arg, i, &answer) || !write_answer(out, &answer))
			return;
	}
	fflush(out);
}

/* No handler and no mask of the caller's is left: signals end it, as does the caller's end. */
static int become_worker(pid_t caller, int out, const int fds[MT_WORKER_FILES])
{
	int kept[2 + MT_WORKER_FILES] = { STDERR_FILENO, out };
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != caller)
		return -ESRCH;
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	alarm(MT_WORKER_SECONDS);
	memcpy(kept + 2, fds, MT_WORKER_FILES * sizeof(*fds));
	return mt_confine(kept, ARRAY_SIZE(kept));
}

/* The child ends itself in time, but for one that is stopped or the kernel holds up. */
struct answers {
	int fd;
	int64_t until_ns;
};

static ssize_t read_answers(void *cookie, char *out, size_t size)
{
	const struct answers *a = cookie;
	struct pollfd ready = { .fd = a->fd, .events = POLLIN };
	int64_t left_ms = (a->until_ns - mt_clock_ns()) / 1000000;

	if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) <= 0)
		return 0;
	return read(a->fd, out, size);
}

static int close_answers(void *cookie)
{
	struct answers *a = cookie;

	close(a->fd);
	free(a);
	return 0;
}

static FILE *open_answers(int fd)
{
	static const cookie_io_functions_t functions = {
		.read = read_answers,
		.close = close_answers,
	};
	struct answers *a = malloc(sizeof(*a));
	FILE *in;

	if (!a)
		return NULL;
	*a = (struct answers){ fd, mt_clock_ns() + WORKER_PATIENCE_NS };
	in = fopencookie(a, "r", functions);
	if (!in)
		free(a);
	return in;
}

static pid_t start(const struct mt_worker_ops *ops, void *arg, size_t first, size_t end, FILE **in)
{
	int ends[2], fds[MT_WORKER_FILES] = { -1, -1 };
	_close_ int rd = -1, wr = -1;
	const pid_t caller = getpid();
	FILE *out;
	pid_t pid;

	if (ops->open(arg, first, fds))
		return 0;
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	rd = ends[0];
	wr = ends[1];
	*in = open_answers(rd);
	if (!*in)
		return -ENOMEM;
	TAKE_FD(rd);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		out = fdopen(wr, "w");
		if (!out || become_worker(caller, wr, fds))
			_exit(UNCONFINED);
		answer_all(ops, arg, first, end, out);
		_exit(0);
	}
	return pid;
}

/* Hands on answers from `*next` on until the child has no more. */
static int put_answers(const struct mt_worker_ops *ops, void *arg, size_t *next, size_t end,
		       FILE *in)
{
	_free_ struct letter *l = malloc(sizeof(*l));

	if (!l)
		return -ENOMEM;
	while (*next < end && read_answer(in, l)) {
		int err = ops->put(arg, *next, &l->answer);

		if (err)
			return err;
		++*next;
	}
	return 0;
}

/* 1: the child could not be confined, and did not begin. */
static int run_group(const struct mt_worker_ops *ops, void *arg, size_t *next, size_t end)
{
	_fclose_ FILE *in = NULL;
	pid_t pid = start(ops, arg, *next, end, &in);
	int status, err;

	if (pid <= 0)
		return pid;
	err = put_answers(ops, arg, next, end, in);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return err ?: WIFEXITED(status) && WEXITSTATUS(status) == UNCONFINED;
}

/* The first question after `first` that is of another group. */
static size_t group_end(const struct mt_worker_ops *ops, void *arg, size_t first, size_t nr)
{
	const size_t group = ops->group(arg, first);
	size_t end = first + 1;

	while (end < nr && ops->group(arg, end) == group)
		end++;
	return end;
}

int mt_worker_run(const struct mt_worker_ops *ops, void *arg, size_t nr)
{
	bool able = true;
	int err = 0;

	for (size_t next = 0; err >= 0 && next < nr;) {
		const size_t end = group_end(ops, arg, next, nr);

		err = able ? run_group(ops, arg, &next, end) : 0;
		if (err > 0) {
			mt_warn("symbols: a process cannot be confined here (seccomp, resource "
				"limits): "
				"frames stay without names");
			able = false;
		}
		for (; err >= 0 && next < end; next++)
			err = ops->put(arg, next, &nothing);
	}
	return err;
}
