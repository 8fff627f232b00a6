// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * libFuzzer on command lines, a word a line. Help and usage errors end the process: each is parsed
 * in a child, which may end by a status of the design and no other. What a child covers libFuzzer
 * does not see; fuzz_options.dict has the words.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/options.h"
#include "util/cleanup.h"

#define WORDS_MAX 64

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	/* Sanitizers write to the descriptor. */
	stdout = fopen("/dev/null", "w");
	stderr = fopen("/dev/null", "w");
	return !stdout || !stderr;
}

/* Before libFuzzer's own handler, to which any end is a crash. */
static void quit(int status, void *arg)
{
	_exit(status);
}

static _Noreturn void parse(const uint8_t *data, size_t len)
{
	char *argv[WORDS_MAX + 2] = { "memtide" }, *text = strndup((const char *)data, len);
	struct mt_options options;
	int argc = 1, err;

	on_exit(quit, NULL);
	for (char *rest = text; rest && argc <= WORDS_MAX; argc++)
		argv[argc] = strsep(&rest, "\n");
	err = mt_options_parse(&options, argc, argv);
	free(text);
	_exit(err ? MT_EXIT_USAGE : MT_EXIT_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	pid_t pid = fork(), ended;
	int status;

	if (!pid)
		parse(data, len);
	do /* libFuzzer's timer */
		ended = waitpid(pid, &status, 0);
	while (ended < 0 && errno == EINTR);
	if (pid < 0 || ended != pid)
		abort();
	if (!WIFEXITED(status) ||
	    (WEXITSTATUS(status) != MT_EXIT_OK && WEXITSTATUS(status) != MT_EXIT_USAGE))
		abort();
	return 0;
}
