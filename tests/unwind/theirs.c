// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "frames.h"

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <stdlib.h>

struct theirs {
	Dwfl *dwfl;
	pid_t pid;
};

/* Only what is in the files themselves, as for the other one. */
static int no_debuginfo(Dwfl_Module *m, void **data, const char *name, Dwarf_Addr base,
			const char *file, const char *link, GElf_Word crc, char **path)
{
	return -1;
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_linux_proc_find_elf,
	.find_debuginfo = no_debuginfo,
};

void theirs_refresh(struct theirs *t)
{
	dwfl_report_begin(t->dwfl);
	dwfl_linux_proc_report(t->dwfl, t->pid);
	dwfl_report_end(t->dwfl, NULL, NULL);
}

int theirs_new(struct theirs **out, pid_t pid)
{
	struct theirs *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->pid = pid;
	t->dwfl = dwfl_begin(&callbacks);
	if (!t->dwfl) {
		free(t);
		return -ENOMEM;
	}
	theirs_refresh(t);
	if (dwfl_linux_proc_attach(t->dwfl, pid, true)) {
		theirs_free(&t);
		return -EIO;
	}
	*out = t;
	return 0;
}

void theirs_free(struct theirs **theirs)
{
	if (!*theirs)
		return;
	dwfl_end((*theirs)->dwfl);
	free(*theirs);
	*theirs = NULL;
}

static int add_frame(Dwfl_Frame *frame, void *arg)
{
	struct frames *f = arg;
	Dwarf_Addr pc;

	if (f->nr == MT_FRAMES_MAX || !dwfl_frame_pc(frame, &pc, NULL))
		return DWARF_CB_ABORT;
	f->pc[f->nr++] = pc;
	return DWARF_CB_OK;
}

void theirs_unwind(struct theirs *t, pid_t tid, struct frames *out)
{
	out->nr = 0;
	out->end = dwfl_getthread_frames(t->dwfl, tid, add_frame, out) ? MT_STACK_UNREADABLE
								       : MT_STACK_COMPLETE;
	if (out->nr == MT_FRAMES_MAX)
		out->end = MT_STACK_DEEP;
}
