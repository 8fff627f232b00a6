// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/perfmap.h"
#include "util/cleanup.h"

struct mt_process *mt_session_process(struct mt_session *s, pid_t pid)
{
	for (size_t i = 0; i < s->nr_processes; i++)
		if (s->processes[i].pid == pid)
			return &s->processes[i];
	return NULL;
}

struct mt_process *mt_session_add_process(struct mt_session *s, pid_t pid,
					  struct mt_program *program)
{
	struct mt_process *v = reallocarray(s->processes, s->nr_processes + 1, sizeof(*v));

	if (!v)
		return NULL;
	s->processes = v;
	v[s->nr_processes] = (struct mt_process){ .pid = pid, .program = program };
	return &v[s->nr_processes++];
}

void mt_session_drop_process(struct mt_session *s, struct mt_process *process)
{
	mt_attach_settle(s, process);
	mt_attach_release(process);
	*process = s->processes[--s->nr_processes];
}

void mt_session_bury(struct mt_session *s, struct mt_process *process, int64_t now_ns)
{
	struct mt_program *p = process->program;

	s->strays++;
	if (p->pid == process->pid && !p->ended) {
		p->ended = MT_ENDED_EXIT;
		p->end_ns = now_ns;
		mt_session_keep_map(s, p);
	}
	mt_session_drop_process(s, process);
}

void mt_session_keep_map(struct mt_session *s, struct mt_program *p)
{
	struct mt_perfmap *grown;
	_close_ int fd = -1;

	if (p->root_fd < 0 || !p->inner_pid || s->nr_maps == MT_MAPS_MAX)
		return;
	fd = mt_perfmap_open(p->root_fd, p->inner_pid, p->uid, p->born_ns);
	mt_cleanup_fd(&p->root_fd);
	if (fd < 0)
		return;
	grown = reallocarray(s->maps, s->nr_maps + 1, sizeof(*grown));
	if (!grown)
		return;
	s->maps = grown;
	s->maps[s->nr_maps++] = (struct mt_perfmap){ .process = p->slot, .fd = TAKE_FD(fd) };
}

int mt_session_add_program(struct mt_session *s, struct mt_program *program)
{
	uint32_t slot = program->slot;

	if (slot > s->nr_programs) {
		struct mt_program **v =
			reallocarray(s->programs, slot, sizeof(struct mt_program *));

		if (!v)
			return -ENOMEM;
		memset(v + s->nr_programs, 0,
		       (slot - s->nr_programs) * sizeof(struct mt_program *));
		s->programs = v;
		s->nr_programs = slot;
	}
	mt_program_free(&s->programs[slot - 1]);
	s->programs[slot - 1] = program;
	return 0;
}

struct mt_program *mt_session_program(const struct mt_session *s, uint32_t slot)
{
	return slot && slot <= s->nr_programs ? s->programs[slot - 1] : NULL;
}

uint32_t mt_session_slots(const struct mt_session *s)
{
	return s->nr_programs;
}

bool mt_session_inhabited(const struct mt_session *s, const struct mt_program *program)
{
	for (size_t i = 0; i < s->nr_processes; i++)
		if (s->processes[i].program == program)
			return true;
	return false;
}

void mt_session_forget(struct mt_session *s, uint32_t slot)
{
	mt_program_free(&s->programs[slot - 1]);
}
