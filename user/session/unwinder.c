// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/unwinder.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "session/kernel.h"
#include "target/elf.h"
#include "target/locate.h"
#include "unwind/cache.h"
#include "unwind/table.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/privilege.h"

/* The kernel waits for all programs that may search the map at each change: so, several at once. */
#define BATCH_MAX 64

enum state {
	UNKNOWN,
	ASKED,	   /* its table is being made */
	PUBLISHED, /* an empty one where none is to be had */
	EVICTED,   /* there was no room for it */
};

struct file {
	enum state state;
	int fd;		/* -1: the vDSO */
	uint64_t bytes; /* of its table, once that is known */
	bool from_cache;
	bool was_evicted;
};

struct mt_unwinder {
	struct mt_kernel *kernel;
	struct mt_cache *cache; /* or NULL */
	uint64_t bytes_max;
	pthread_t thread;
	bool started;
	/* Under the lock, but for what of the files is the thread's: all but their states. */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_cond_t idle;
	uint32_t queue[MT_FILES_TABLES_MAX]; /* numbers; each is there once at most */
	uint32_t head, tail;
	uint32_t nr_files;
	uint32_t busy; /* taken from the queue and not done */
	bool ending;
	struct file files[MT_FILES_TABLES_MAX];
	struct mt_unwinder_stats told;	/* as of when the thread last came for more */
	struct mt_unwinder_stats stats; /* the thread's */
};

/* ---- in the thread ----------------------------------------------------------------------- */

/* From the cache, else built and put there; of what says nothing, an empty one. */
static struct mt_table *table_of(const struct mt_unwinder *u, struct file *f)
{
	__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
	char name[MT_CACHE_NAME_LEN];
	struct mt_table *t = NULL;
	bool kept;

	f->from_cache = false;
	if (f->fd < 0) {
		mt_table_build_vdso(&t);
	} else if (!mt_elf_new(&elf, f->fd)) {
		kept = u->cache && !mt_cache_name(elf, name);
		if (kept && !mt_cache_load(u->cache, name, &t)) {
			f->from_cache = true;
			return t;
		}
		if (!mt_table_build(&t, elf) && kept)
			mt_cache_store(u->cache, name, t);
	}
	if (!t)
		mt_table_empty(&t);
	return t;
}

/* A map with the table in it; as many bytes go to the kernel as it has. */
static int make_map(const struct mt_table *t)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_INNER_MAP | BPF_F_MMAPABLE);
	size_t len = t->nr_nodes * sizeof(*t->nodes);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "mt_table", sizeof(uint32_t), sizeof(*t->nodes),
				t->nr_nodes, &opts);
	void *at;

	if (fd < 0)
		return -errno;
	at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) {
		close(fd);
		return -ENOMEM;
	}
	memcpy(at, t->nodes, len);
	munmap(at, len);
	return fd;
}

/* What it takes in the kernel: pages, and one in front of them. */
static uint64_t map_bytes(const struct mt_table *t)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return (t->nr_nodes * sizeof(*t->nodes) + 2 * page - 1) / page * page;
}

static uint64_t uses(const struct mt_unwinder *u, uint32_t number)
{
	uint64_t n = 0;

	bpf_map_lookup_elem(mt_kernel_map_fd(u->kernel, "mt_uses"), &number, &n);
	return n;
}

static void set_state(struct mt_unwinder *u, uint32_t number, enum state state)
{
	pthread_mutex_lock(&u->lock);
	u->files[number].state = state;
	pthread_mutex_unlock(&u->lock);
}

static void leave_out(struct mt_unwinder *u, uint32_t number)
{
	u->stats.evicted += !u->files[number].was_evicted;
	u->files[number].was_evicted = true;
	set_state(u, number, EVICTED);
}

static void evict(struct mt_unwinder *u, uint32_t number)
{
	bpf_map_delete_elem(mt_kernel_map_fd(u->kernel, "mt_tables"), &number);
	u->stats.bytes -= u->files[number].bytes;
	u->stats.from_cache -= u->files[number].from_cache;
	u->stats.tables--;
	leave_out(u, number);
}

/*
 * Who would have to go for a file that was met so often: the one met least, and that less than half
 * as often, so that two do not drive each other out in turn. 0: none; else what is there for it,
 * all of them together.
 */
static uint64_t find_least(const struct mt_unwinder *u, uint64_t met, uint32_t *least)
{
	uint64_t fewest = UINT64_MAX, bytes = 0;

	for (uint32_t i = 1; i < MT_FILES_TABLES_MAX; i++) {
		const struct file *f = &u->files[i];
		uint64_t n;

		if (f->state != PUBLISHED)
			continue;
		n = uses(u, i);
		if (n >= (met + 1) / 2)
			continue;
		bytes += f->bytes;
		if (n < fewest) {
			fewest = n;
			*least = i;
		}
	}
	return bytes;
}

/* None goes where that is not enough. */
static bool make_room(struct mt_unwinder *u, uint32_t number, uint64_t bytes)
{
	uint64_t met = uses(u, number);
	uint32_t least = 0;

	while (u->stats.bytes + bytes > u->bytes_max) {
		if (u->stats.bytes + bytes > u->bytes_max + find_least(u, met, &least))
			return false;
		evict(u, least);
	}
	return true;
}

/* The map that is to be published under the number, or -1. */
static int prepare_map(struct mt_unwinder *u, uint32_t number)
{
	__cleanup(mt_table_free) struct mt_table *t = NULL;
	struct file *f = &u->files[number];
	int map;

	if (!f->bytes || make_room(u, number, f->bytes))
		t = table_of(u, f);
	if (t)
		f->bytes = map_bytes(t);
	if (!t || !make_room(u, number, f->bytes)) {
		leave_out(u, number);
		return -1;
	}
	map = make_map(t);
	if (map < 0) {
		leave_out(u, number);
		return -1;
	}
	u->stats.bytes += f->bytes;
	u->stats.from_cache += f->from_cache;
	u->stats.tables++;
	return map;
}

static void publish(struct mt_unwinder *u, uint32_t *numbers, int *maps, uint32_t nr)
{
	int outer = mt_kernel_map_fd(u->kernel, "mt_tables");
	uint32_t done = nr;

	if (nr && bpf_map_update_batch(outer, numbers, maps, &done, NULL))
		mt_debug("%u of %u tables could not be given to the kernel", nr - done, nr);
	for (uint32_t i = 0; i < nr; i++) {
		if (i < done)
			set_state(u, numbers[i], PUBLISHED);
		else
			evict(u, numbers[i]);
		close(maps[i]);
	}
}

static bool is_ending(struct mt_unwinder *u)
{
	bool ending;

	pthread_mutex_lock(&u->lock);
	ending = u->ending;
	pthread_mutex_unlock(&u->lock);
	return ending;
}

static void serve(struct mt_unwinder *u, const uint32_t *numbers, uint32_t nr)
{
	uint32_t published[BATCH_MAX], n = 0;
	int64_t start = mt_clock_ns();
	int maps[BATCH_MAX];

	for (uint32_t i = 0; i < nr && !is_ending(u); i++) {
		maps[n] = prepare_map(u, numbers[i]);
		if (maps[n] >= 0)
			published[n++] = numbers[i];
	}
	u->stats.build_ns += (uint64_t)(mt_clock_ns() - start);
	publish(u, published, maps, n);
}

/* Numbers that were asked for, when there are some; 0: it is over. */
static uint32_t take(struct mt_unwinder *u, uint32_t *numbers)
{
	uint32_t n = 0;

	pthread_mutex_lock(&u->lock);
	u->told = u->stats;
	u->busy = 0;
	if (u->head == u->tail)
		pthread_cond_broadcast(&u->idle);
	while (u->head == u->tail && !u->ending)
		pthread_cond_wait(&u->wake, &u->lock);
	while (u->head != u->tail && !u->ending && n < BATCH_MAX)
		numbers[n++] = u->queue[u->head++ % MT_FILES_TABLES_MAX];
	u->busy = n;
	pthread_mutex_unlock(&u->lock);
	return n;
}

static void *work(void *unwinder)
{
	struct mt_unwinder *u = unwinder;
	uint32_t numbers[BATCH_MAX], nr;

	mt_privilege_keep(MT_PRIVILEGE_RECORD);
	while ((nr = take(u, numbers)))
		serve(u, numbers, nr);
	return NULL;
}

/* ---- in the session's -------------------------------------------------------------------- */

/* Takes the descriptor. */
static void ask(struct mt_unwinder *u, uint32_t number, int fd)
{
	pthread_mutex_lock(&u->lock);
	u->nr_files += u->files[number].state == UNKNOWN;
	u->files[number].fd = fd;
	u->files[number].state = ASKED;
	u->queue[u->tail++ % MT_FILES_TABLES_MAX] = number;
	pthread_cond_signal(&u->wake);
	pthread_mutex_unlock(&u->lock);
}

static enum state state_of(struct mt_unwinder *u, uint32_t number)
{
	enum state state;

	pthread_mutex_lock(&u->lock);
	state = u->files[number].state;
	pthread_mutex_unlock(&u->lock);
	return state;
}

/* Of what we have mapped there. 0: it has none that can have a table, or is known. */
static uint32_t number_of_new(struct mt_unwinder *u, const void *at)
{
	uint32_t number;

	if (mt_kernel_file_number(u->kernel, at, &number) || number >= MT_FILES_TABLES_MAX ||
	    state_of(u, number) != UNKNOWN)
		return 0;
	return number;
}

int mt_unwinder_new(struct mt_unwinder **out, struct mt_kernel *k, uint64_t bytes_max)
{
	struct mt_unwinder *u = calloc(1, sizeof(*u));
	uint32_t number;

	if (!u)
		return -ENOMEM;
	u->kernel = k;
	u->bytes_max = bytes_max;
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->wake, NULL);
	pthread_cond_init(&u->idle, NULL);
	if (mt_cache_open(&u->cache))
		mt_debug("tables for unwinding are not kept: no directory for them");
	u->started = !pthread_create(&u->thread, NULL, work, u);
	if (!u->started) {
		mt_unwinder_free(&u);
		return mt_err(-EAGAIN, "cannot start a thread: raise the limit (ulimit -u)");
	}
	number = number_of_new(u, (const void *)getauxval(AT_SYSINFO_EHDR));
	if (number)
		ask(u, number, -1);
	*out = u;
	return 0;
}

void mt_unwinder_free(struct mt_unwinder **unwinder)
{
	struct mt_unwinder *u = *unwinder;

	if (!u)
		return;
	pthread_mutex_lock(&u->lock);
	u->ending = true;
	pthread_cond_broadcast(&u->wake);
	pthread_mutex_unlock(&u->lock);
	if (u->started)
		pthread_join(u->thread, NULL);
	for (uint32_t i = 0; i < MT_FILES_TABLES_MAX; i++)
		if (u->files[i].state != UNKNOWN && u->files[i].fd >= 0)
			close(u->files[i].fd);
	pthread_cond_destroy(&u->idle);
	pthread_cond_destroy(&u->wake);
	pthread_mutex_destroy(&u->lock);
	mt_cache_close(&u->cache);
	free(u);
	*unwinder = NULL;
}

/*
 * Or -1: it has gone, and who maps it next makes the kernel ask again. Another file may be mapped
 * there by now: the inode tells, but for the upper bits where an overlay says of which layer it is.
 */
static int open_mapped(const struct mt_event *e)
{
	_close_ int fd = -1;
	struct stat st;
	char path[96];

	snprintf(path, sizeof(path), "/proc/%u/map_files/%llx-%llx", e->tgid,
		 (unsigned long long)e->a, (unsigned long long)e->b);
	fd = mt_locate_open_regular(AT_FDCWD, path, 0);
	if (fd < 0 || fstat(fd, &st) || (st.st_ino ^ e->c) << 16)
		return -1;
	return TAKE_FD(fd);
}

void mt_unwinder_on_file(struct mt_unwinder *u, const struct mt_event *e)
{
	enum state state;
	int fd = -1;

	if (e->result <= 0 || e->result >= MT_FILES_TABLES_MAX)
		return;
	state = state_of(u, e->result);
	if (state == UNKNOWN)
		fd = open_mapped(e);
	if (state == EVICTED) /* it may have been met more often meanwhile */
		ask(u, e->result, u->files[e->result].fd);
	else if (fd >= 0)
		ask(u, e->result, fd);
}

void mt_unwinder_prepare(struct mt_unwinder *u, const struct mt_probe_target *file)
{
	void *at = file->is_elf ? mmap(NULL, 1, PROT_READ, MAP_PRIVATE, file->fd, 0) : MAP_FAILED;
	uint32_t number;
	int fd;

	if (at == MAP_FAILED)
		return;
	number = number_of_new(u, at);
	munmap(at, 1);
	fd = number ? fcntl(file->fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (fd >= 0)
		ask(u, number, fd);
}

void mt_unwinder_wait(struct mt_unwinder *u)
{
	pthread_mutex_lock(&u->lock);
	while (u->head != u->tail || u->busy)
		pthread_cond_wait(&u->idle, &u->lock);
	pthread_mutex_unlock(&u->lock);
}

void mt_unwinder_stats(struct mt_unwinder *u, struct mt_unwinder_stats *out)
{
	pthread_mutex_lock(&u->lock);
	*out = u->told;
	out->files = u->nr_files;
	pthread_mutex_unlock(&u->lock);
}
