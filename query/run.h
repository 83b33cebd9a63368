/* SPDX-License-Identifier: MIT */
/*
 * run.h - what all operators of one execution share
 *
 * Whoever may work long without coming back to the application asks stoa__run_check() now and
 * then: once a batch is often enough, and costs two loads.
 */
#ifndef STOA__RUN_H
#define STOA__RUN_H

#include <pthread.h>
#include <stdatomic.h>

#include "../lib/cursor.h"
#include "plan.h"

struct stoa__run {
	struct stoa__means means;
	_Atomic bool stop;		/* a lane has failed: all others give up */
	struct stoa__watch *watch;	/* the cursor's; NULL: nobody looks on */
	pthread_t caller;		/* thread of the call that is running */
	_Atomic uint64_t n_read;	/* rows, counted if somebody looks on */
	uint64_t n_total;
	uint64_t begun, reported;	/* by the clock, in ns; 0: not yet */
};

/* A call of the application begins, in this thread. */
void stoa__run_enter(struct stoa__run *run);
/*
 * STOA_ECANCELED when the query is to end. In the calling thread: tells the application how far it
 * is.
 */
int stoa__run_check(struct stoa__run *run, struct stoa_error *err);
/* Is anybody to be told? Then waits must not be long. */
static inline bool stoa__run_is_watched(const struct stoa__run *run)
{
	return run->watch && run->watch->progress;
}

#endif
