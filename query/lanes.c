/* SPDX-License-Identifier: MIT */
/*
 * lanes.c - copies of a pipeline, each in a thread of its own
 *
 * Threads live as long as one piece of work: making one takes some 20 us, a piece of work has row
 * groups of a millisecond each. The calling thread runs lane 0 itself.
 */
#include "lanes.h"

#include <pthread.h>
#include <signal.h>

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"

void stoa__lanes_close(struct stoa__lanes *l)
{
	for (size_t i = 0; i < l->n; i++) {
		stoa__op_close(l->items[i].root);
		l->items[i].root = l->items[i].scan = NULL;
	}
}

int stoa__lane_begin(struct stoa__lane *lane, uint64_t *place, struct stoa_error *err)
{
	if (lane->scan)
		return stoa__op_scan_deal(lane->scan, place, err);
	if (lane->begun)
		return STOA_END;
	lane->begun = true;
	*place = 0;
	return STOA_ROW;
}

/* ---- threads -------------------------------------------------------------------------------- */

struct job {
	struct stoa__lanes *lanes;
	int (*work)(void *ctx, size_t i, struct stoa_error *err);
	void *ctx;
	pthread_mutex_t lock;
	int rc;			/* of the first that failed */
	struct stoa_error err;
};
struct thread {
	struct job *job;
	size_t i;
	pthread_t id;
};

static void work(struct job *j, size_t i)
{
	struct stoa_error err;
	int rc = j->work(j->ctx, i, &err);

	if (rc >= 0)
		return;
	pthread_mutex_lock(&j->lock);
	if (j->rc == STOA_OK) {
		j->rc = rc;
		j->err = err;
		/* An error ends the query: whatever else runs for it may give up. */
		atomic_store(&j->lanes->run->stop, true);
	}
	pthread_mutex_unlock(&j->lock);
}

static void *thread_main(void *arg)
{
	struct thread *t = arg;

	work(t->job, t->i);
	return NULL;
}

/* How many threads there are; signals are left to the application's own. */
static size_t start(struct job *j, struct thread *threads, size_t n)
{
	sigset_t all, before;
	size_t i;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (i = 0; i < n; i++) {
		threads[i] = (struct thread){ .job = j, .i = i + 1 };
		if (pthread_create(&threads[i].id, NULL, thread_main, &threads[i]))
			break;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return i;
}

int stoa__lanes_work(struct stoa__lanes *l,
		     int (*body)(void *ctx, size_t i, struct stoa_error *err), void *ctx,
		     struct stoa_error *err)
{
	struct job j = { .lanes = l, .work = body, .ctx = ctx };
	struct thread threads[STOA__LANES_MAX];

	if (l->n == 1)
		return body(ctx, 0, err);
	pthread_mutex_init(&j.lock, NULL);
	size_t n = start(&j, threads, l->n - 1);
	work(&j, 0);
	for (size_t i = n + 1; i < l->n; i++)	/* no threads to be had for these */
		work(&j, i);
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i].id, NULL);
	pthread_mutex_destroy(&j.lock);
	if (j.rc < 0 && err)
		*err = j.err;
	return j.rc;
}
