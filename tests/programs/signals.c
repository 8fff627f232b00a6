/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* signals: says "ready", waits for a signal and ends with its number, or by it with "die". */
#include <signal.h>
#include "truth.h"

int main(int argc, char **argv)
{
	sigset_t set;
	int sig;

	if (argc > 1 && !strcmp(argv[1], "die")) {
		say("ready");
		for (;;)
			pause();
	}
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	say("ready");
	sigwait(&set, &sig);
	return sig;
}
