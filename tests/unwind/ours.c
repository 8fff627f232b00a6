// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "frames.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "target/elf.h"
#include "target/maps.h"
#include "unwind/table.h"
#include "util/cleanup.h"

#define FILES_MAX 1024

struct file {
	uint64_t inode;
	uint32_t dev_major, dev_minor;
	struct mt_table *table; /* or NULL */
};

struct ours {
	pid_t pid;
	struct mt_maps *maps;
	struct file files[FILES_MAX];
	size_t nr_files;
	struct mt_thread thread;
};

/* What logic/unwind.h asks for; the thread is in a struct ours. */
static int mt_unwind_word(struct mt_thread *th, __u64 address, __u64 *word)
{
	struct ours *o = (struct ours *)((char *)th - offsetof(struct ours, thread));
	struct iovec to = { word, sizeof(*word) }, from = { (void *)address, sizeof(*word) };

	return process_vm_readv(o->pid, &to, 1, &from, 1, 0) == sizeof(*word) ? 0 : -1;
}

static const union mt_table_node *mt_unwind_node(void *table, __u32 number)
{
	const struct mt_table *t = table;

	return number < t->nr_nodes ? &t->nodes[number] : NULL;
}

#include "logic/unwind.h"

static struct mt_table *load(pid_t pid, const struct mt_mapping *m)
{
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	struct mt_table *table = NULL;
	_close_ int fd = -1;
	char path[96];

	if (!strcmp(m->path, "[vdso]")) {
		mt_table_build_vdso(&table);
		return table;
	}
	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", pid,
		 (unsigned long long)m->start, (unsigned long long)m->end);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && !mt_elf_new(&elf, fd))
		mt_table_build(&table, elf);
	return table;
}

static struct mt_table *table_of(struct ours *o, const struct mt_mapping *m)
{
	struct file *f = o->files;

	if (!m->inode && strcmp(m->path, "[vdso]"))
		return NULL;
	for (; f < o->files + o->nr_files; f++)
		if (f->inode == m->inode && f->dev_major == m->dev_major &&
		    f->dev_minor == m->dev_minor)
			return f->table;
	if (o->nr_files == FILES_MAX)
		return NULL;
	o->nr_files++;
	*f = (struct file){ m->inode, m->dev_major, m->dev_minor, load(o->pid, m) };
	return f->table;
}

static const struct mt_mapping *code_at(struct ours *o, uint64_t pc)
{
	const struct mt_mapping *m = o->maps ? mt_maps_find(o->maps, pc) : NULL;

	if (!m) {
		mt_maps_free(&o->maps);
		if (mt_maps_load(&o->maps, o->pid))
			return NULL;
		m = mt_maps_find(o->maps, pc);
	}
	return m && (m->prot & PROT_EXEC) ? m : NULL;
}

/* As mt_unwind_step() in unwind.bpf.c. */
static uint32_t step(struct ours *o)
{
	struct mt_thread *th = &o->thread;
	uint64_t pc = th->walk.pc - th->walk.after_call;
	const struct mt_mapping *m = code_at(o, pc);
	struct mt_table *table;
	struct mt_rule rule;
	uint32_t end;

	if (!m)
		return MT_STACK_NOT_CODE;
	table = table_of(o, m);
	if (!table)
		return mt_unwind_by_fp(th, m->inode ? MT_STACK_NO_TABLE : MT_STACK_NO_FILE);
	if (mt_unwind_rule(table, pc - m->start + m->file_offset, &rule))
		return mt_unwind_by_fp(th, MT_STACK_NO_ROW);
	end = mt_unwind_apply(th, &rule);
	return end == MT_STACK_NO_ROW ? mt_unwind_by_fp(th, MT_STACK_NO_ROW) : end;
}

int ours_new(struct ours **out, pid_t pid)
{
	struct ours *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->pid = pid;
	*out = o;
	return 0;
}

void ours_free(struct ours **ours)
{
	struct ours *o = *ours;

	if (!o)
		return;
	for (size_t i = 0; i < o->nr_files; i++)
		mt_table_free(&o->files[i].table);
	mt_maps_free(&o->maps);
	free(o);
	*ours = NULL;
}

void ours_unwind(struct ours *o, const struct user_regs_struct *regs, struct frames *out)
{
	struct mt_walk *w = &o->thread.walk;

	*w = (struct mt_walk){ .pc = regs->rip, .sp = regs->rsp, .fp = regs->rbp, .bx = regs->rbx };
	out->nr = 0;
	do {
		out->pc[out->nr++] = w->pc;
		out->end = step(o);
	} while (!out->end && out->nr < MT_FRAMES_MAX);
	if (!out->end)
		out->end = MT_STACK_DEEP;
	if (out->end == MT_STACK_NOT_CODE && out->nr > 1)
		out->nr--;
}
