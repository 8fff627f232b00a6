// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/closer.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "util/privilege.h"

#define THREADS 12 /* as many as there are hooks at system calls, and more */

struct job {
	STAILQ_ENTRY(job) next;
	size_t nr;
	int fds[];
};

struct mt_closer {
	pthread_t threads[THREADS];
	size_t nr_threads;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_cond_t idle;
	size_t pending; /* jobs that are not done */
	STAILQ_HEAD(, job) jobs;
	bool ending;
};

static void run(struct job *job)
{
	for (size_t i = 0; i < job->nr; i++)
		close(job->fds[i]);
	free(job);
}

/* The next job, or NULL when there will be none. */
static struct job *take(struct mt_closer *c)
{
	struct job *job;

	pthread_mutex_lock(&c->lock);
	while (STAILQ_EMPTY(&c->jobs) && !c->ending)
		pthread_cond_wait(&c->wake, &c->lock);
	job = STAILQ_FIRST(&c->jobs);
	if (job)
		STAILQ_REMOVE_HEAD(&c->jobs, next);
	pthread_mutex_unlock(&c->lock);
	return job;
}

static void *work(void *closer)
{
	struct mt_closer *c = closer;
	struct job *job;

	mt_privilege_keep(0);
	while ((job = take(c))) {
		run(job);
		pthread_mutex_lock(&c->lock);
		if (!--c->pending)
			pthread_cond_broadcast(&c->idle);
		pthread_mutex_unlock(&c->lock);
	}
	return NULL;
}

int mt_closer_new(struct mt_closer **out)
{
	struct mt_closer *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->wake, NULL);
	pthread_cond_init(&c->idle, NULL);
	STAILQ_INIT(&c->jobs);
	while (c->nr_threads < THREADS &&
	       !pthread_create(&c->threads[c->nr_threads], NULL, work, c))
		c->nr_threads++;
	*out = c;
	return 0;
}

void mt_closer_free(struct mt_closer **closer)
{
	struct mt_closer *c = *closer;

	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->ending = true;
	pthread_cond_broadcast(&c->wake);
	pthread_mutex_unlock(&c->lock);
	while (c->nr_threads)
		pthread_join(c->threads[--c->nr_threads], NULL);
	pthread_cond_destroy(&c->wake);
	pthread_cond_destroy(&c->idle);
	pthread_mutex_destroy(&c->lock);
	free(c);
	*closer = NULL;
}

void mt_closer_close(struct mt_closer *c, const int *fds, size_t nr)
{
	struct job *job = malloc(sizeof(*job) + nr * sizeof(job->fds[0]));

	if (!job || !c->nr_threads) {
		free(job);
		for (size_t i = 0; i < nr; i++)
			close(fds[i]);
		return;
	}
	job->nr = nr;
	memcpy(job->fds, fds, nr * sizeof(job->fds[0]));
	pthread_mutex_lock(&c->lock);
	STAILQ_INSERT_TAIL(&c->jobs, job, next);
	c->pending++;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
}

bool mt_closer_idle(struct mt_closer *c)
{
	bool idle;

	pthread_mutex_lock(&c->lock);
	idle = !c->pending;
	pthread_mutex_unlock(&c->lock);
	return idle;
}

void mt_closer_wait(struct mt_closer *c)
{
	pthread_mutex_lock(&c->lock);
	while (c->pending)
		pthread_cond_wait(&c->idle, &c->lock);
	pthread_mutex_unlock(&c->lock);
}
