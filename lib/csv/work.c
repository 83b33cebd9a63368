/* SPDX-License-Identifier: MIT */
/*
 * work.c - the blocks of a file, worked on by several threads, their results taken in order
 *
 * Two locks. split_lock: who cuts off the next block (reading it, a few milliseconds). lock: all
 * other shared state, held for moments. A thread that holds split_lock may take lock, never the
 * other way.
 *
 * (1) Blocks are numbered without gaps, and `turn` is the one to be handed over next. (2) failed_at
 * is the number of the earliest block known to be bad; no block beyond it is begun or handed over,
 * and each one before it is, so it only ever goes down and in the end names the first bad block of
 * the file. (3) The calling thread only waits and reports progress, so a callback of the
 * application never runs elsewhere.
 */
#include "work.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "../core/alloc.h"

#define PROGRESS_NS 200000000	/* between two reports */

struct work {
	const struct stoa__csv_job *job;
	pthread_mutex_t split_lock;
	struct stoa__csv_splitter splitter;
	bool at_end;		/* under split_lock */
	pthread_mutex_t lock;
	pthread_cond_t moved;	/* turn, failed_at or n_running changed */
	uint64_t turn;
	uint64_t failed_at;	/* UINT64_MAX: nowhere */
	bool canceled;
	int code;		/* of the failure */
	uint64_t offset;	/* of its block in the file */
	struct stoa__csv_fault fault;
	struct stoa_error error;
	unsigned n_running;
	uint64_t rows;
	uint64_t bytes;
	struct timespec begun;
};

/* What one thread works with. */
struct worker {
	void *state;
	struct stoa__csv_block block;
	struct stoa__csv_fault fault;
	struct stoa_error error;
};

/* Notes that block @number failed with @code, unless an earlier one did. */
static void fail(struct work *w, uint64_t number, int code, const struct worker *me)
{
	pthread_mutex_lock(&w->lock);
	if (number < w->failed_at) {
		w->failed_at = number;
		w->code = code;
		w->offset = me->block.offset;
		w->fault = me->fault;
		w->error = me->error;
	}
	pthread_cond_broadcast(&w->moved);
	pthread_mutex_unlock(&w->lock);
}

/* Is there no use in block @number any more? */
static bool given_up(struct work *w, uint64_t number)
{
	bool yes;

	pthread_mutex_lock(&w->lock);
	yes = w->canceled || number >= w->failed_at;
	pthread_mutex_unlock(&w->lock);
	return yes;
}

/* The next block: STOA_ROW; STOA_END when there is none or no use in it. */
static int next_block(struct work *w, struct worker *me)
{
	int rc = STOA_END;

	pthread_mutex_lock(&w->split_lock);
	if (!w->at_end && !given_up(w, w->splitter.number)) {
		rc = stoa__csv_split_next(&w->splitter, &me->block, &me->error);
		if (rc < 0)
			fail(w, w->splitter.number, rc, me);
		w->at_end = rc != STOA_ROW;
	}
	pthread_mutex_unlock(&w->split_lock);
	return rc;
}

/*
 * Waits until the results of all earlier blocks are taken: true; false when this one is not wanted.
 */
static bool wait_turn(struct work *w, uint64_t number)
{
	bool mine;

	pthread_mutex_lock(&w->lock);
	while (w->turn != number && number < w->failed_at && !w->canceled)
		pthread_cond_wait(&w->moved, &w->lock);
	mine = w->turn == number && number < w->failed_at && !w->canceled;
	pthread_mutex_unlock(&w->lock);
	return mine;
}

static void pass_turn(struct work *w, const struct worker *me, uint64_t rows)
{
	pthread_mutex_lock(&w->lock);
	w->turn++;
	w->rows += rows;
	w->bytes = me->block.offset + me->block.len;
	pthread_cond_broadcast(&w->moved);
	pthread_mutex_unlock(&w->lock);
}

/* Works on the block at hand and hands the result over: may the thread go on? */
static bool do_block(struct work *w, struct worker *me)
{
	const struct stoa__csv_job *job = w->job;
	uint64_t number = me->block.number, rows = 0;
	int rc;

	me->fault.code = STOA_OK;
	rc = job->block(job->ctx, me->state, &me->block, &me->fault, &me->error);
	if (rc == STOA_OK) {
		if (!wait_turn(w, number))
			return false;
		rc = job->take(job->ctx, me->state, &rows, &me->error);
	}
	if (rc < 0) {
		fail(w, number, rc, me);
		return false;
	}
	pass_turn(w, me, rows);
	return true;
}

static void work(struct work *w)
{
	struct worker me;

	memset(&me, 0, sizeof me);
	me.state = w->job->begin(w->job->ctx);
	if (!me.state)	/* as if the first block had failed: nothing further is begun */
		fail(w, 0, stoa__fail_memory(&me.error), &me);
	while (me.state && next_block(w, &me) == STOA_ROW && do_block(w, &me))
		;
	if (me.state)
		w->job->end(w->job->ctx, me.state);
	stoa__csv_block_release(&me.block);
}

static void *work_thread(void *arg)
{
	struct work *w = arg;

	work(w);
	pthread_mutex_lock(&w->lock);
	w->n_running--;
	pthread_cond_broadcast(&w->moved);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* ---- the calling thread ----------------------------------------------------------------- */

static double seconds_since(const struct timespec *begun)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - begun->tv_sec) + (double)(now.tv_nsec - begun->tv_nsec) / 1e9;
}

/* Tells the application how far we are; with the lock held, which is given up meanwhile. */
static void report(struct work *w)
{
	struct stoa_progress now = { w->rows, w->bytes, w->job->in->size, 0 };
	int stop;

	if (!w->job->progress)
		return;
	pthread_mutex_unlock(&w->lock);
	if (now.bytes > now.total_bytes)	/* the newline we added at the end */
		now.bytes = now.total_bytes;
	now.seconds = seconds_since(&w->begun);
	stop = w->job->progress(w->job->progress_ctx, &now);
	pthread_mutex_lock(&w->lock);
	if (stop) {
		w->canceled = true;
		pthread_cond_broadcast(&w->moved);
	}
}

static void wait_for_all(struct work *w)
{
	struct timespec next;

	clock_gettime(CLOCK_MONOTONIC, &next);
	pthread_mutex_lock(&w->lock);
	do {	/* at least one report, of how it ended */
		next.tv_nsec += PROGRESS_NS;
		next.tv_sec += next.tv_nsec / 1000000000;
		next.tv_nsec %= 1000000000;
		while (w->n_running > 0 &&
		       pthread_cond_timedwait(&w->moved, &w->lock, &next) == 0)
			;
		report(w);
	} while (w->n_running > 0);
	pthread_mutex_unlock(&w->lock);
}

/*
 * Starts up to @n threads; signals are left to the application's own. Returns how many there are.
 */
static unsigned start(struct work *w, pthread_t *threads, unsigned n)
{
	sigset_t all, before;
	unsigned i;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_mutex_lock(&w->lock);
	for (i = 0; i < n && pthread_create(&threads[i], NULL, work_thread, w) == 0; i++)
		w->n_running++;
	pthread_mutex_unlock(&w->lock);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return i;
}

static void init(struct work *w, const struct stoa__csv_job *job)
{
	pthread_condattr_t monotonic;

	memset(w, 0, sizeof *w);
	w->job = job;
	w->failed_at = UINT64_MAX;
	w->bytes = job->offset;
	stoa__csv_split_init(&w->splitter, job->in, job->dialect, job->offset, job->records);
	clock_gettime(CLOCK_MONOTONIC, &w->begun);
	pthread_mutex_init(&w->split_lock, NULL);
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->moved, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

static void release(struct work *w)
{
	pthread_cond_destroy(&w->moved);
	pthread_mutex_destroy(&w->lock);
	pthread_mutex_destroy(&w->split_lock);
}

/* What became of it all. */
static int outcome(const struct work *w, uint64_t *rows, struct stoa__csv_fault *fault,
		   struct stoa_error *err)
{
	*fault = w->fault;
	*rows = w->rows;
	if (w->canceled)
		return stoa__fail(err, STOA_ECANCELED, "%s: the import was canceled",
				  w->job->in->path);
	if (w->failed_at == UINT64_MAX)
		return STOA_OK;
	if (w->fault.code == STOA_ENOMEM)
		return stoa__fail_memory(err);
	if (w->fault.code < 0)
		return stoa__csv_input_fail(w->job->in, w->code, w->offset + w->fault.offset,
					    w->fault.text, err);
	if (err)
		*err = w->error;
	return w->code;
}

int stoa__csv_work(const struct stoa__csv_job *job, uint64_t *rows, struct stoa__csv_fault *fault,
		   struct stoa_error *err)
{
	pthread_t *threads = stoa__calloc(job->n_threads, sizeof *threads);
	struct work w;
	unsigned n;
	int rc;

	*rows = 0;
	memset(fault, 0, sizeof *fault);
	if (!threads)
		return stoa__fail_memory(err);
	init(&w, job);
	n = start(&w, threads, job->n_threads);
	if (n == 0)
		work(&w);	/* no thread to be had: then this one */
	else
		wait_for_all(&w);
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	rc = outcome(&w, rows, fault, err);
	release(&w);
	stoa__free(threads);
	return rc;
}
