/* SPDX-License-Identifier: MIT */
/* lanes.c - see lanes.h. The calling thread runs lane 0 itself. */
#include "lanes.h"

#include <pthread.h>

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
/* What one lane has to do. */
struct part {
	struct job *job;
	size_t i;
	struct stoa__task task;
};

static void work(void *ctx)
{
	const struct part *part = ctx;
	struct job *j = part->job;
	struct stoa_error err;
	int rc = j->work(j->ctx, part->i, &err);

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

int stoa__lanes_work(struct stoa__lanes *l,
		     int (*body)(void *ctx, size_t i, struct stoa_error *err), void *ctx,
		     struct stoa_error *err)
{
	struct stoa__hands *hands = l->run->means.hands;
	struct job j = { .lanes = l, .work = body, .ctx = ctx };
	struct part parts[STOA__LANES_MAX];
	size_t n = 1;

	if (l->n == 1)
		return body(ctx, 0, err);
	pthread_mutex_init(&j.lock, NULL);
	for (size_t i = 0; i < l->n; i++)
		parts[i] = (struct part){ &j, i, { .run = work, .ctx = &parts[i] } };
	while (n < l->n && stoa__hands_start(hands, &parts[n].task) == STOA_OK)
		n++;
	work(&parts[0]);
	for (size_t i = n; i < l->n; i++)	/* no threads to be had for these */
		work(&parts[i]);
	for (size_t i = 1; i < n; i++)
		stoa__hands_await(hands, &parts[i].task);
	pthread_mutex_destroy(&j.lock);
	if (j.rc < 0 && err)
		*err = j.err;
	return j.rc;
}
