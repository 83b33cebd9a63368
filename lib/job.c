/* SPDX-License-Identifier: MIT */
/* job.c - see job.h */
#include "job.h"

struct stoa__job *stoa__job_next_due(const struct stoa__deque *d, uint64_t *due)
{
	return stoa__tree_next(d->due, *due, true, due);
}

static void count(struct stoa__deque *d, const struct stoa__job *job, uint64_t by)
{
	if (job->state == STOA__JOB_CLAIMED)
		d->n_claimed += by;
	else if (job->state == STOA__JOB_DELAYED)
		d->n_delayed += by;
}

static uint64_t free_due(const struct stoa__deque *d, uint64_t ms, uint64_t row)
{
	uint64_t due;

	if (ms > STOA__DUE_MS_MAX)
		ms = STOA__DUE_MS_MAX;
	due = ms << STOA__DUE_ROW_BITS | (row & (((uint64_t)1 << STOA__DUE_ROW_BITS) - 1));
	while (stoa__tree_find(d->due, due))
		due++;
	return due;
}

int stoa__job_own(struct stoa__version *w, struct stoa__deque *d, struct stoa__job *job)
{
	/* Putting what is there makes the path to it the version's own. */
	if (stoa__job_waits(job))
		STOA_TRY(stoa__tree_put(w, &d->due, job->due, job));
	return stoa__tree_put(w, &d->jobs, job->row, job);
}

int stoa__job_set(struct stoa__version *w, struct stoa__deque *d, const struct stoa__job *like,
		  uint64_t due_ms)
{
	struct stoa__job *old = stoa__job_find(d, like->row), *job;

	if (old)
		STOA_TRY(stoa__job_own(w, d, old));
	job = stoa__block_new(w, STOA__KIND_INDEX, sizeof *job);
	if (!job)
		return STOA_ENOMEM;
	job->row = like->row;
	job->owner = like->owner;
	job->attempts = like->attempts;
	job->state = like->state;
	job->end = like->end;
	if (stoa__job_waits(job))
		job->due = free_due(d, due_ms, job->row);
	if (stoa__job_waits(job) && stoa__tree_put(w, &d->due, job->due, job) < 0)
		goto fail;
	if (stoa__tree_put(w, &d->jobs, job->row, job) < 0) {
		if (stoa__job_waits(job))
			(void)stoa__tree_remove(w, &d->due, job->due);	/* its path is owned */
		goto fail;
	}
	count(d, job, 1);
	if (old) {
		count(d, old, UINT64_MAX);
		if (stoa__job_waits(old))
			(void)stoa__tree_remove(w, &d->due, old->due);
		stoa__block_retire(w, &old->block);
	}
	return STOA_OK;
fail:
	stoa__block_retire(w, &job->block);
	return STOA_ENOMEM;
}

void stoa__job_drop(struct stoa__version *w, struct stoa__deque *d, struct stoa__job *job)
{
	count(d, job, UINT64_MAX);
	if (stoa__job_waits(job))
		(void)stoa__tree_remove(w, &d->due, job->due);
	(void)stoa__tree_remove(w, &d->jobs, job->row);
	stoa__block_retire(w, &job->block);
}

struct visit {
	void (*each)(void *ctx, struct stoa__block *b);
	void *ctx;
};

static int visit_job(void *ctx, uint64_t row, void *job)
{
	struct visit *v = ctx;

	(void)row;
	v->each(v->ctx, &((struct stoa__job *)job)->block);
	return STOA_OK;
}

void stoa__job_each_block(struct stoa__deque *d, void (*each)(void *ctx, struct stoa__block *b),
			  void *ctx)
{
	struct visit v = { each, ctx };

	(void)stoa__tree_walk(d->jobs, 0, visit_job, &v);
	stoa__tree_each_block(d->jobs, each, ctx);
	stoa__tree_each_block(d->due, each, ctx);
}

/* ---- checking ---- */

struct check {
	const struct stoa__table *t;
	const struct stoa__deque *d;
	uint64_t n_claimed, n_delayed, n_due;
	const char *why;
};

static int check_job(void *ctx, uint64_t row, void *value)
{
	struct check *c = ctx;
	const struct stoa__job *job = value;
	struct stoa__place at;

	if (job->row != row || stoa__table_locate(c->t, row, &at, NULL) < 0)
		c->why = "a job of a row that is not there";
	if (stoa__job_waits(job) && stoa__tree_find(c->d->due, job->due) != job)
		c->why = "a job that waits for no time";
	c->n_claimed += job->state == STOA__JOB_CLAIMED;
	c->n_delayed += job->state == STOA__JOB_DELAYED;
	return c->why ? STOA_ECORRUPT : STOA_OK;
}

static int count_due(void *ctx, uint64_t due, void *value)
{
	(void)due;
	(void)value;
	((struct check *)ctx)->n_due++;
	return STOA_OK;
}

bool stoa__job_check(const struct stoa__table *t, const struct stoa__deque *d, const char **why)
{
	struct check c = { .t = t, .d = d };

	(void)stoa__tree_walk(d->jobs, 0, check_job, &c);
	(void)stoa__tree_walk(d->due, 0, count_due, &c);
	if (!c.why && (c.n_claimed != d->n_claimed || c.n_delayed != d->n_delayed ||
		       c.n_due != c.n_claimed + c.n_delayed))
		c.why = "wrong counts of jobs";
	*why = c.why;
	return !c.why;
}
