// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "symbol/symbol.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>

#include "capture/capture.h"
#include "symbol/jit.h"
#include "symbol/symbolizer.h"
#include "symbol/worker.h"
#include "target/locate.h"
#include "target/perfmap.h"
#include "util/cleanup.h"
#include "util/log.h"

#define NO_MODULE SIZE_MAX
#define NO_FILE	  SIZE_MAX

/* How many modules that begin before an address but end before it too are passed over. */
#define OVERLAP_MAX 16

/* What names addresses: a module's file, or the map of what a process has compiled. */
struct file {
	char *path;		      /* NULL: a map */
	char *build_id;		      /* or NULL */
	const struct mt_perfmap *map; /* or NULL */
};

struct module {
	uint32_t process;
	uint64_t start;
	uint64_t end;
	uint64_t file_offset;
	size_t file;
};

/* A process and one of its stacks, or an address in it. */
struct pair {
	uint64_t value;
	uint32_t process;
};

struct pairs {
	struct pair *v;
	size_t nr;
	size_t size;
};

/* A frame and where it lies. */
struct frame {
	struct pair at;
	size_t file;   /* or NO_FILE */
	size_t module; /* or NO_MODULE */
};

struct resolver {
	struct mt_capture *capture;
	const struct mt_locator *locator; /* or NULL */
	struct file *files;
	size_t nr_files;
	struct module *modules; /* by process and start */
	size_t nr_modules;
	struct pairs stacks; /* in use */
	struct pairs addresses;
	struct frame *frames; /* the addresses, by file */

	/* Of the group that is asked about: */
	int fds[MT_WORKER_FILES]; /* the file or map, and its debug file */
	int opened;		  /* ours to close, or -1; found by path, and to be compared */

	/* In the worker, one of them: */
	struct mt_symbolizer *symbolizer;
	struct mt_jit *jit;
};

static void resolver_free(struct resolver *r)
{
	for (size_t i = 0; i < r->nr_files; i++) {
		free(r->files[i].path);
		free(r->files[i].build_id);
	}
	free(r->files);
	free(r->modules);
	free(r->stacks.v);
	free(r->addresses.v);
	free(r->frames);
	mt_cleanup_fd(&r->opened);
}

static int by_value(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return (x->process > y->process) - (x->process < y->process);
}

static void unique_pairs(struct pairs *p)
{
	size_t kept = 0;

	if (p->nr)
		qsort(p->v, p->nr, sizeof(*p->v), by_value);
	for (size_t i = 0; i < p->nr; i++) {
		if (!kept || by_value(&p->v[i], &p->v[kept - 1]))
			p->v[kept++] = p->v[i];
	}
	p->nr = kept;
}

/* A full array first loses its duplicates, of which stacks have many, and then may grow. */
static int add_pair(struct pairs *p, uint32_t process, uint64_t value)
{
	if (p->nr == p->size)
		unique_pairs(p);
	if (p->nr == p->size || p->nr > p->size - p->size / 4) {
		size_t size = p->size ? 2 * p->size : 1024;
		struct pair *grown = reallocarray(p->v, size, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		p->v = grown;
		p->size = size;
	}
	p->v[p->nr++] = (struct pair){ .value = value, .process = process };
	return 0;
}

static int copy_string(char **out, const char *text)
{
	*out = text ? strdup(text) : NULL;
	return text && !*out ? -ENOMEM : 0;
}

static bool same_string(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static int add_file(struct resolver *r, const char *path, const char *build_id,
		    const struct mt_perfmap *map)
{
	struct file *grown = reallocarray(r->files, r->nr_files + 1, sizeof(*grown)), *f;

	if (!grown)
		return -ENOMEM;
	r->files = grown;
	f = &r->files[r->nr_files++];
	*f = (struct file){ .map = map };
	return copy_string(&f->path, path) ?: copy_string(&f->build_id, build_id);
}

/* The number of the file with this path and build id. */
static int intern_file(struct resolver *r, const char *path, const char *build_id, size_t *index)
{
	for (*index = 0; *index < r->nr_files; ++*index) {
		const struct file *f = &r->files[*index];

		if (same_string(f->path, path) && same_string(f->build_id, build_id))
			return 0;
	}
	return add_file(r, path, build_id, NULL);
}

static int add_module(const struct mt_module_row *row, void *arg)
{
	struct resolver *r = arg;
	struct module *grown;
	size_t file;
	int err;

	if (!row->path)
		return 0;
	err = intern_file(r, row->path, row->build_id, &file);
	if (err)
		return err;
	grown = reallocarray(r->modules, r->nr_modules + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	r->modules = grown;
	r->modules[r->nr_modules++] = (struct module){ .process = row->process,
						       .start = row->start,
						       .end = row->end,
						       .file_offset = row->file_offset,
						       .file = file };
	return 0;
}

static int add_site(const struct mt_site_row *row, void *arg)
{
	return add_pair(&((struct resolver *)arg)->stacks, row->process, row->stack);
}

static int add_map_site(const struct mt_map_site_row *row, void *arg)
{
	return add_pair(&((struct resolver *)arg)->stacks, row->process, row->stack);
}

static int add_fault_site(const struct mt_fault_site_row *row, void *arg)
{
	return add_pair(&((struct resolver *)arg)->stacks, row->process, row->stack);
}

static int add_spawn(const struct mt_spawn_row *row, void *arg)
{
	return add_pair(&((struct resolver *)arg)->stacks, row->process, row->stack);
}

/* The frames of a stack, for every process that uses it. */
static int add_stack(const struct mt_stack_row *row, void *arg)
{
	struct resolver *r = arg;
	const struct pairs *used = &r->stacks;
	size_t lo = 0, hi = used->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (used->v[mid].value < row->id)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < used->nr && used->v[lo].value == row->id; lo++) {
		for (size_t i = 0; i < row->nr; i++) {
			int err = add_pair(&r->addresses, used->v[lo].process, row->frames[i]);

			if (err)
				return err;
		}
	}
	return 0;
}

static int by_process_and_start(const void *a, const void *b)
{
	const struct module *x = a, *y = b;

	if (x->process != y->process)
		return x->process < y->process ? -1 : 1;
	return (x->start > y->start) - (x->start < y->start);
}

static int gather(struct resolver *r)
{
	int err = mt_capture_each_module(r->capture, add_module, r);

	if (!err)
		err = mt_capture_each_site(r->capture, add_site, r);
	if (!err)
		err = mt_capture_each_map_site(r->capture, add_map_site, r);
	if (!err)
		err = mt_capture_each_fault_site(r->capture, add_fault_site, r);
	if (!err)
		err = mt_capture_each_spawn(r->capture, add_spawn, r);
	if (err)
		return err;
	if (r->nr_modules)
		qsort(r->modules, r->nr_modules, sizeof(*r->modules), by_process_and_start);
	unique_pairs(&r->stacks);
	err = mt_capture_each_stack(r->capture, add_stack, r);
	unique_pairs(&r->addresses);
	return err;
}

/* The module that the call before the return address `at` is in. */
static size_t find_module(const struct resolver *r, const struct pair *at)
{
	uint64_t pc = at->value - 1;
	size_t lo = 0, hi = r->nr_modules;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct module *m = &r->modules[mid];

		if (m->process < at->process || (m->process == at->process && m->start <= pc))
			lo = mid + 1;
		else
			hi = mid;
	}
	for (size_t i = lo; i > 0 && lo - i < OVERLAP_MAX; i--) {
		const struct module *m = &r->modules[i - 1];

		if (m->process != at->process)
			break;
		if (m->end > pc)
			return i - 1;
	}
	return NO_MODULE;
}

static int by_file(const void *a, const void *b)
{
	const struct frame *x = a, *y = b;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	return by_value(&x->at, &y->at);
}

/* What is in no module may have been compiled by the process itself. */
static size_t find_map(const struct resolver *r, uint32_t process)
{
	for (size_t i = 0; i < r->nr_files; i++) {
		if (r->files[i].map && r->files[i].map->process == process)
			return i;
	}
	return NO_FILE;
}

static int place_frames(struct resolver *r)
{
	r->frames = calloc(r->addresses.nr + 1, sizeof(*r->frames));
	if (!r->frames)
		return -ENOMEM;
	for (size_t i = 0; i < r->addresses.nr; i++) {
		size_t m = find_module(r, &r->addresses.v[i]);

		r->frames[i] = (struct frame){
			.at = r->addresses.v[i],
			.module = m,
			.file = m == NO_MODULE ? find_map(r, r->addresses.v[i].process)
					       : r->modules[m].file,
		};
	}
	qsort(r->frames, r->addresses.nr, sizeof(*r->frames), by_file);
	return 0;
}

static uint64_t offset_in_file(const struct resolver *r, const struct frame *f)
{
	const struct module *m = &r->modules[f->module];

	return f->at.value - m->start + m->file_offset;
}

static size_t group(void *arg, size_t question)
{
	const struct resolver *r = arg;

	return r->frames[question].file;
}

/* By its path, where another one may be found by now, as in what is held: read_file sees it. */
static int open_by_path(struct resolver *r, const struct file *f)
{
	if (!f->build_id || f->path[0] != '/')
		return -ENOENT;
	r->opened = mt_locate_open_regular(AT_FDCWD, f->path, RESOLVE_NO_MAGICLINKS);
	if (r->opened < 0)
		return r->opened;
	r->fds[0] = r->opened;
	return 0;
}

static int open_file(struct resolver *r, const struct file *f)
{
	const struct mt_probe_target *t = NULL;

	r->fds[0] = r->fds[1] = -1;
	mt_cleanup_fd(&r->opened);
	if (f->map) {
		r->fds[0] = f->map->fd;
		return 0;
	}
	if (r->locator)
		t = mt_locator_lookup(r->locator, f->path, f->build_id);
	if (!t)
		return open_by_path(r, f);
	r->fds[0] = t->fd;
	r->fds[1] = t->debug;
	return 0;
}

static int open_group(void *arg, size_t question, int fds[MT_WORKER_FILES])
{
	struct resolver *r = arg;
	const size_t file = r->frames[question].file;
	int err = file == NO_FILE ? -ENOENT : open_file(r, &r->files[file]);

	memcpy(fds, r->fds, sizeof(r->fds));
	return err;
}

/* In the worker, once. What was written over the file is not what ran. */
static int read_file(struct resolver *r, const struct file *f)
{
	int err = f->map ? mt_jit_new(&r->jit, r->fds[0])
			 : mt_symbolizer_new(&r->symbolizer, r->fds[0], r->fds[1]);

	if (!err && !f->map && f->build_id &&
	    !same_string(mt_symbolizer_build_id(r->symbolizer), f->build_id))
		err = -ESTALE;
	if (err)
		mt_info("no symbols from %s: %s", f->path ?: "a perf map", strerror(-err));
	return err;
}

/* In the worker: what is said of the call before the return address. */
static int ask(void *arg, size_t question, struct mt_symbol_stack *answer)
{
	struct resolver *r = arg;
	const struct frame *f = &r->frames[question];
	int err = r->symbolizer || r->jit ? 0 : read_file(r, &r->files[f->file]);

	if (err)
		return err;
	if (r->symbolizer)
		return mt_symbolizer_find(r->symbolizer, offset_in_file(r, f) - 1, answer);
	answer->frames[0].function = mt_jit_find(r->jit, f->at.value - 1);
	return 0;
}

static int put(void *arg, size_t question, const struct mt_symbol_stack *answer)
{
	const struct resolver *r = arg;
	const struct frame *f = &r->frames[question];
	int err = 0;

	for (size_t depth = 0; depth < answer->nr && !err; depth++) {
		const struct mt_symbol *s = &answer->frames[depth];
		const struct mt_symbol_row row = {
			.process = f->at.process,
			.address = f->at.value,
			.depth = (uint32_t)depth,
			.inlined = depth + 1 < answer->nr,
			.function = s->function,
			.file = s->file,
			.line = s->line,
			.module = f->module == NO_MODULE ? NULL : r->files[f->file].path,
			.offset = f->module == NO_MODULE ? 0 : offset_in_file(r, f),
		};

		err = mt_capture_put_symbol(r->capture, &row);
	}
	return err;
}

int mt_symbol_resolve_capture(struct mt_capture *c, const struct mt_locator *files,
			      const struct mt_perfmap *maps, size_t nr_maps)
{
	static const struct mt_worker_ops ops = {
		.group = group, .open = open_group, .ask = ask, .put = put
	};
	__cleanup(resolver_free) struct resolver r = {
		.capture = c,
		.locator = files,
		.opened = -1,
	};
	int err = gather(&r);

	for (size_t i = 0; !err && i < nr_maps; i++)
		err = add_file(&r, NULL, NULL, &maps[i]);
	if (!err)
		err = place_frames(&r);
	if (!err)
		err = mt_capture_begin(c);
	if (err)
		return err;
	err = mt_worker_run(&ops, &r, r.addresses.nr);
	return mt_capture_commit(c) ?: err;
}
