/* SPDX-License-Identifier: MIT */
/*
 * deque_order.c - a deque that was made of rows takes the order, leases and delays of another
 *
 * For recovery: rows were lost, or records of the deque, or both. What is left of @like says where
 * rows stand; rows that it does not know came after it and go to the back, in the order of their
 * rowids, which is the one in which they came.
 *
 *     like    5 3 . 9      rows    2 3 5 9 11      made    5 3 9 2 11
 *
 * Entries of rows that are lost, and of runs that are, are passed over. Were a row to stand in two
 * places, @like would not be believed at all.
 */
#include <stdlib.h>

#include "core/alloc.h"
#include "deque_index.h"

struct ordering {
	struct stoa__version *w;
	struct stoa__table *t;
	uint32_t i;
	struct stoa__deque *d;		/* that is made */
	struct stoa__rowlist order;	/* rows that have a place, front first, queue by queue */
	struct stoa__rowlist known;	/* these, and those that wait; ascending */
	struct stoa_error *err;
};

static int add(struct ordering *o, struct stoa__rowlist *list, uint64_t row)
{
	return stoa__rowlist_add(list, row) < 0 ? stoa__fail_memory(o->err) : STOA_OK;
}

/* ---- what is known ---- */

static int know_entry(struct ordering *o, uint64_t row)
{
	struct stoa__place place;
	int rc = row ? stoa__table_locate(o->t, row, &place, o->err) : STOA_ENOTFOUND;

	if (rc == STOA_ENOTFOUND)
		return STOA_OK;
	STOA_TRY(rc);
	STOA_TRY(add(o, &o->order, row));
	return add(o, &o->known, row);
}

/*
 * Run by run and not from front to back: between those a queue whose record lies may claim to have
 * more entries than anyone can count to.
 */
static int know_queue(void *ctx, uint64_t number, void *value)
{
	struct ordering *o = ctx;
	const struct stoa__queue *q = value;
	const struct stoa__run *run;
	uint64_t at = 0;

	(void)number;
	for (uint64_t i = 0; q->cap && i < q->back - q->front; i++)
		STOA_TRY(know_entry(o, q->few[i]));
	for (bool first = true; (run = stoa__tree_next(q->runs, at, first, &at)); first = false)
		for (uint64_t i = run->lo; i < run->hi; i++)
			if (at * STOA__RUN_ENTRIES + i - q->front < q->back - q->front)
				STOA_TRY(know_entry(o, run->rows[i]));
	return STOA_OK;
}

static int know_job(void *ctx, uint64_t row, void *value)
{
	struct ordering *o = ctx;
	struct stoa__place place;
	int rc = stoa__table_locate(o->t, row, &place, o->err);

	if (rc == STOA_ENOTFOUND || (rc == STOA_OK && !stoa__job_waits(value)))
		return STOA_OK;
	return rc < 0 ? rc : add(o, &o->known, row);
}

static int know(struct ordering *o, const struct stoa__deque *like)
{
	size_t n;

	STOA_TRY(stoa__tree_walk(like->queues, 0, know_queue, o));
	STOA_TRY(stoa__tree_walk(like->jobs, 0, know_job, o));
	n = o->known.n;
	stoa__rowlist_sort(&o->known);
	if (o->known.n == n)
		return STOA_OK;
	return stoa__fail_corrupt(o->err, "catalog.mdb", 0, "rows are at two places of a queue");
}

/* ---- what is made of it ---- */

static int push(struct ordering *o, uint64_t row)
{
	struct stoa__queue_name name;
	struct stoa__queue *q;
	struct stoa__place at;

	STOA_TRY(stoa__table_locate(o->t, row, &at, o->err));
	STOA_TRY(stoa__queue_name_at(o->t, o->i, at, &name, o->err));
	if (stoa__deque_reserve(o->w, o->d, stoa__queue_name_bytes(&name), STOA_BACK, &q) < 0)
		return stoa__fail_memory(o->err);
	stoa__deque_push(o->w, o->d, q, STOA_BACK, row);
	return STOA_OK;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int push_unknown(void *ctx, uint64_t first, void *value)
{
	struct ordering *o = ctx;
	struct stoa__group *g = value;
	uint32_t n = stoa__group_rows(o->t, g);
	uint64_t row;

	(void)first;
	for (uint32_t k = 0; k < n; k++) {
		if (!stoa__group_alive(g, k))
			continue;
		STOA_TRY(stoa__group_rowids(g, k, 1, &row, o->err));
		if (!o->known.n || !bsearch(&row, o->known.rows, o->known.n, sizeof row, compare))
			STOA_TRY(push(o, row));
	}
	return STOA_OK;
}

static int take_job(void *ctx, uint64_t row, void *value)
{
	struct ordering *o = ctx;
	const struct stoa__job *job = value;
	struct stoa__place place;
	int rc = stoa__table_locate(o->t, row, &place, o->err);

	if (rc == STOA_ENOTFOUND)
		return STOA_OK;
	STOA_TRY(rc);
	return stoa__job_set(o->w, o->d, job, stoa__job_due_ms(job)) < 0 ?
		       stoa__fail_memory(o->err) :
		       STOA_OK;
}

static void retire(void *ctx, struct stoa__block *b)
{
	stoa__block_retire(ctx, b);
}

/* Puts an empty deque in the place of the one that is there. */
static int begin_anew(struct ordering *o)
{
	struct stoa__deque *old;

	STOA_TRY(stoa__deque_index_own(o->w, o->t, o->i, &old, o->err));
	o->d = stoa__block_new(o->w, STOA__KIND_INDEX, sizeof *o->d);
	if (!o->d)
		return stoa__fail_memory(o->err);
	stoa__deque_ops.each_block(&old->block, retire, o->w);
	o->t->indexes->state[o->i] = &o->d->block;
	return STOA_OK;
}

static int make(struct ordering *o, const struct stoa__deque *like)
{
	STOA_TRY(begin_anew(o));
	for (size_t k = 0; k < o->order.n; k++)
		STOA_TRY(push(o, o->order.rows[k]));
	STOA_TRY(stoa__tree_walk(o->t->groups, 0, push_unknown, o));
	if (o->t->tail)
		STOA_TRY(push_unknown(o, 0, o->t->tail));
	return stoa__tree_walk(like->jobs, 0, take_job, o);
}

int stoa__deque_order_as(struct stoa__version *w, struct stoa__table *t, uint32_t i,
			 const struct stoa__deque *like, struct stoa_error *err)
{
	struct ordering o = { .w = w, .t = t, .i = i, .err = err };
	int rc = know(&o, like);

	if (rc == STOA_OK)
		rc = make(&o, like);
	stoa__free(o.order.rows);
	stoa__free(o.known.rows);
	return rc;
}
