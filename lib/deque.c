/* SPDX-License-Identifier: MIT */
/* deque.c - see deque.h */
#include "deque.h"

#include <string.h>

#include "core/alloc.h"
#include "core/hash.h"

#define SAME_HASH 256		/* names that may share all of a hash but its lowest byte */
#define SWEEP_MIN 64		/* entries that are gone, below which nobody minds */

static uint64_t run_of(uint64_t position)
{
	return position / STOA__RUN_ENTRIES;
}

/* ---- names ---- */

/* Names are numbered by their hash; the lowest byte tells those with the same hash apart. */
static uint64_t first_number(struct stoa_bytes name)
{
	return name.len ? stoa__hash(name.p, name.len) & ~(uint64_t)(SAME_HASH - 1) : 0;
}

struct stoa__queue *stoa__deque_find_other(const struct stoa__deque *d, struct stoa_bytes name)
{
	uint64_t first = first_number(name), number;
	struct stoa__queue *q = stoa__tree_find(d->queues, first);

	/* Nearly always; the rest is for names that share a hash. */
	if (q && stoa__queue_has_name(q, name))
		return q;
	q = stoa__tree_next(d->queues, first, true, &number);
	while (q && number - first < SAME_HASH && !stoa__queue_has_name(q, name))
		q = stoa__tree_next(d->queues, number, false, &number);
	return q && number - first < SAME_HASH ? q : NULL;
}

struct stoa__queue *stoa__deque_next(const struct stoa__deque *d, uint64_t number, bool or_equal)
{
	return stoa__tree_next(d->queues, number, or_equal, &number);
}

/* The smallest number that is free for a name; STOA_EFULL if somebody went to great lengths. */
static int free_number(const struct stoa__deque *d, struct stoa_bytes name, uint64_t *out)
{
	uint64_t first = first_number(name);

	for (uint64_t i = 0; i < SAME_HASH; i++) {
		if (!stoa__tree_find(d->queues, first + i)) {
			*out = first + i;
			return STOA_OK;
		}
	}
	return STOA_EFULL;
}

/* ---- queues ---- */

/* A queue like @q with room for @cap entries in itself. It is in no tree yet. */
static struct stoa__queue *queue_new(struct stoa__version *w, const struct stoa__queue *q,
				     uint32_t cap, struct stoa_bytes name)
{
	size_t size = sizeof *q + cap * sizeof q->few[0] + name.len;
	struct stoa__queue *copy = stoa__block_new(w, STOA__KIND_INDEX, size);

	if (!copy)
		return NULL;
	copy->number = q->number;
	copy->front = q->front;
	copy->back = q->back;
	copy->n_gone = q->n_gone;
	copy->runs = q->runs;
	copy->near[STOA_FRONT] = q->near[STOA_FRONT];
	copy->near[STOA_BACK] = q->near[STOA_BACK];
	copy->cap = cap;
	copy->name_len = name.len;
	memcpy(&copy->few[cap], name.p, name.len);
	if (q->cap && cap)
		memcpy(copy->few, q->few, (q->back - q->front) * sizeof q->few[0]);
	return copy;
}

/* Puts a queue just made into the tree, in the place of *@slot (NULL: of nothing). */
static int enter(struct stoa__version *w, struct stoa__deque *d, struct stoa__queue *q,
		 struct stoa__queue **slot)
{
	if (!q)
		return STOA_ENOMEM;
	if (stoa__tree_put(w, &d->queues, q->number, q) < 0) {
		stoa__block_retire(w, &q->block);
		return STOA_ENOMEM;
	}
	if (*slot)
		stoa__block_retire(w, &(*slot)->block);
	else
		d->n_queues++;
	*slot = q;
	d->recent = q;
	return STOA_OK;
}

int stoa__deque_replace(struct stoa__version *w, struct stoa__deque *d, struct stoa__queue **q)
{
	return enter(w, d, queue_new(w, *q, (*q)->cap, stoa__queue_name(*q)), q);
}

/* ---- runs ---- */

static struct stoa__run *run_new(struct stoa__version *w, const struct stoa__run *old,
				 uint64_t number)
{
	struct stoa__run *run = stoa__block_new(w, STOA__KIND_INDEX, sizeof *run);

	if (!run)
		return NULL;
	atomic_init(&run->touched, w->stamp);
	run->number = number;
	if (old) {
		run->lo = old->lo;
		run->hi = old->hi;
		memcpy(run->rows + run->lo, old->rows + run->lo,
		       (run->hi - run->lo) * sizeof run->rows[0]);
	}
	return run;
}

static bool is_writable(const struct stoa__version *w, const struct stoa__run *run, uint32_t i)
{
	return stoa__block_owned(w, &run->block) || i < run->lo || i >= run->hi;
}

/*
 * Makes the run with position @at, where it is missing, and its entry there one that may be
 * written.
 */
static int own_run(struct stoa__version *w, struct stoa__node **runs, uint64_t at,
		   struct stoa__run **out)
{
	struct stoa__run *old = stoa__tree_find(*runs, run_of(at)), *run;

	*out = old;
	if (old && is_writable(w, old, at % STOA__RUN_ENTRIES))
		return STOA_OK;
	run = run_new(w, old, run_of(at));
	if (!run)
		return STOA_ENOMEM;
	if (stoa__tree_put(w, runs, run->number, run) < 0) {
		stoa__block_retire(w, &run->block);
		return STOA_ENOMEM;
	}
	if (old)
		stoa__block_retire(w, &old->block);
	*out = run;
	return STOA_OK;
}

static void write_entry(const struct stoa__version *w, struct stoa__run *run, uint64_t at,
			uint64_t row)
{
	uint32_t i = at % STOA__RUN_ENTRIES;

	run->rows[i] = row;
	if (run->lo == run->hi)
		run->lo = run->hi = i;
	if (i < run->lo)
		run->lo = i;
	if (i >= run->hi)
		run->hi = i + 1;
	atomic_store_explicit(&run->touched, w->stamp, memory_order_relaxed);
}

/* Has the run that is kept in mind for @end position @at? */
static inline bool is_near(const struct stoa__queue *q, enum stoa_end end, uint64_t at)
{
	return q->near[end] && q->near[end]->number == run_of(at);
}

/* The run of @q with position @at, or NULL. */
static inline struct stoa__run *run_at(const struct stoa__queue *q, uint64_t at)
{
	if (is_near(q, STOA_FRONT, at))
		return q->near[STOA_FRONT];
	if (is_near(q, STOA_BACK, at))
		return q->near[STOA_BACK];
	return stoa__tree_find(q->runs, run_of(at));
}

/*
 * As own_run(), in a queue that is the version's own; the end that @at is nearer to keeps the run in
 * mind.
 */
static int own_entry(struct stoa__version *w, struct stoa__queue *q, uint64_t at)
{
	enum stoa_end end = at < q->front + (q->back - q->front) / 2 ? STOA_FRONT : STOA_BACK;
	struct stoa__run *run = run_at(q, at);

	if (run && is_writable(w, run, at % STOA__RUN_ENTRIES)) {
		q->near[end] = run;
		return STOA_OK;
	}
	for (int i = 0; i < 2; i++)
		if (q->near[i] == run)
			q->near[i] = NULL;	/* another takes its place */
	return own_run(w, &q->runs, at, &q->near[end]);
}

static int retire_run(void *ctx, uint64_t number, void *run)
{
	(void)number;
	stoa__block_retire(ctx, &((struct stoa__run *)run)->block);
	return STOA_OK;
}

static void retire_runs(struct stoa__version *w, struct stoa__node **runs)
{
	(void)stoa__tree_walk(*runs, 0, retire_run, w);
	stoa__tree_retire(w, runs);
}

/* The entries of a queue that has too many for itself go to runs. */
static int spread(struct stoa__version *w, struct stoa__deque *d, struct stoa__queue **q)
{
	struct stoa__queue *old = *q, *wide = queue_new(w, old, 0, stoa__queue_name(old));
	int rc = wide ? STOA_OK : STOA_ENOMEM;

	for (uint64_t p = old->front; p != old->back && rc == STOA_OK; p++) {
		rc = own_entry(w, wide, p);
		if (rc == STOA_OK)
			write_entry(w, run_at(wide, p), p, old->few[p - old->front]);
	}
	if (rc < 0 && wide) {
		retire_runs(w, &wide->runs);
		stoa__block_retire(w, &wide->block);
		return rc;
	}
	if (rc == STOA_OK) {
		struct stoa__node *runs = wide->runs;

		rc = enter(w, d, wide, q);
		if (rc < 0)
			retire_runs(w, &runs);
	}
	return rc;
}

uint64_t stoa__queue_entry(const struct stoa__queue *q, uint64_t at)
{
	const struct stoa__run *run;

	if (q->cap)
		return q->few[at - q->front];
	run = run_at(q, at);
	return run ? run->rows[at % STOA__RUN_ENTRIES] : 0;
}

/* ---- pushing ---- */

/* Gives a queue room for twice as many entries in itself. */
static int widen(struct stoa__version *w, struct stoa__deque *d, struct stoa__queue **q)
{
	uint32_t cap = (*q)->cap * 2 < STOA__FEW_MAX ? (*q)->cap * 2 : STOA__FEW_MAX;

	return enter(w, d, queue_new(w, *q, cap, stoa__queue_name(*q)), q);
}

static int add_queue(struct stoa__version *w, struct stoa__deque *d, struct stoa_bytes name,
		     struct stoa__queue **out)
{
	struct stoa__queue fresh = { .front = STOA__POSITION_0, .back = STOA__POSITION_0 };

	STOA_TRY(free_number(d, name, &fresh.number));
	*out = NULL;
	return enter(w, d, queue_new(w, &fresh, 1, name), out);
}

int stoa__deque_reserve(struct stoa__version *w, struct stoa__deque *d, struct stoa_bytes name,
			enum stoa_end end, struct stoa__queue **out)
{
	struct stoa__queue *q = stoa__deque_find(d, name);
	uint64_t at;

	if (!q)
		STOA_TRY(add_queue(w, d, name, &q));
	if (q->cap && q->back - q->front == q->cap) {
		if (q->cap >= STOA__FEW_MAX)
			STOA_TRY(spread(w, d, &q));
		else
			STOA_TRY(widen(w, d, &q));
	}
	STOA_TRY(stoa__deque_own(w, d, &q));
	*out = q;
	at = end == STOA_FRONT ? q->front - 1 : q->back;
	if (q->cap || (is_near(q, end, at) && is_writable(w, q->near[end], at % STOA__RUN_ENTRIES)))
		return STOA_OK;
	return own_entry(w, q, at);
}

void stoa__deque_push(struct stoa__version *w, struct stoa__deque *d, struct stoa__queue *q,
		      enum stoa_end end, uint64_t row)
{
	uint64_t at = end == STOA_FRONT ? --q->front : q->back++;

	d->n_entries++;
	w->pushed = true;
	if (!q->cap) {
		write_entry(w, is_near(q, end, at) ? q->near[end] : run_at(q, at), at, row);
		return;
	}
	if (end == STOA_FRONT)
		memmove(q->few + 1, q->few, (q->back - q->front - 1) * sizeof q->few[0]);
	q->few[at - q->front] = row;
}

/* ---- leaving ---- */

static bool exists(const struct stoa__table *t, uint64_t row)
{
	struct stoa__place at;

	/* One that cannot be read is not taken for one that has gone. */
	return row && stoa__table_locate(t, row, &at, NULL) != STOA_ENOTFOUND;
}

/* Takes the first or last entry off. */
static void drop_entry(struct stoa__queue *q, enum stoa_end end)
{
	if (end == STOA_BACK) {
		q->back--;
		return;
	}
	q->front++;
	if (q->cap)
		memmove(q->few, q->few + 1, (q->back - q->front) * sizeof q->few[0]);
}

/* Passes over entries at the ends whose rows have gone. */
static void trim(const struct stoa__table *t, struct stoa__queue *q)
{
	while (q->n_gone && !exists(t, stoa__queue_entry(q, q->front))) {
		drop_entry(q, STOA_FRONT);
		q->n_gone--;
	}
	while (q->n_gone && !exists(t, stoa__queue_entry(q, q->back - 1))) {
		drop_entry(q, STOA_BACK);
		q->n_gone--;
	}
}

/*
 * A queue is taken out when it is empty; where memory is out it stays until it is used and empty
 * again.
 */
static void drop_queue(struct stoa__version *w, struct stoa__deque *d, struct stoa__queue *q)
{
	if (stoa__tree_remove(w, &d->queues, q->number) < 0)
		return;
	d->recent = NULL;
	retire_runs(w, &q->runs);
	stoa__block_retire(w, &q->block);
	d->n_queues--;
}

/* Gives up runs that all entries have left. */
static void drop_runs(struct stoa__version *w, struct stoa__queue *q)
{
	struct stoa__run *run;
	uint64_t number;

	q->near[STOA_FRONT] = q->near[STOA_BACK] = NULL;
	while ((run = stoa__tree_next(q->runs, 0, true, &number)) && number < run_of(q->front)) {
		if (stoa__tree_remove(w, &q->runs, number) < 0)
			return;
		stoa__block_retire(w, &run->block);
	}
	while ((run = stoa__tree_next(q->runs, run_of(q->back - 1), false, &number))) {
		if (stoa__tree_remove(w, &q->runs, number) < 0)
			return;
		stoa__block_retire(w, &run->block);
	}
}

/* Puts the rows that exist together again, in runs of their own. */
static void sweep(struct stoa__version *w, const struct stoa__table *t, struct stoa__queue *q)
{
	struct stoa__node *runs = NULL;
	uint64_t at = q->front, row, n = 0;
	struct stoa__run *run;

	if (q->cap)
		return;	/* sixteen at most */
	while ((row = stoa__queue_walk(t, q, STOA_FRONT, &at)) != 0) {
		if (own_run(w, &runs, q->front + n, &run) < 0) {
			retire_runs(w, &runs);
			return;
		}
		write_entry(w, run, q->front + n++, row);
	}
	retire_runs(w, &q->runs);
	q->runs = runs;
	q->near[STOA_FRONT] = q->near[STOA_BACK] = NULL;
	q->back = q->front + n;
	q->n_gone = 0;
}

/* After entries have gone: what has become of no use is given up. */
static void tidy_up(struct stoa__version *w, const struct stoa__table *t, struct stoa__deque *d,
		    struct stoa__queue *q, uint64_t front, uint64_t back)
{
	if (q->n_gone)
		trim(t, q);
	if (q->front == q->back)
		drop_queue(w, d, q);
	else if (q->n_gone > SWEEP_MIN && q->n_gone > (q->back - q->front) / 2)
		sweep(w, t, q);
	else if (run_of(front) != run_of(q->front) || run_of(back - 1) != run_of(q->back - 1))
		drop_runs(w, q);
}

/* The same; mostly it is nothing. @front, @back: where they were. */
static inline void tidy(struct stoa__version *w, const struct stoa__table *t, struct stoa__deque *d,
			struct stoa__queue *q, uint64_t front, uint64_t back)
{
	if (q->n_gone || q->front == q->back || run_of(front) != run_of(q->front) ||
	    run_of(back - 1) != run_of(q->back - 1))
		tidy_up(w, t, d, q, front, back);
}

void stoa__deque_leave(struct stoa__version *w, const struct stoa__table *t, struct stoa__deque *d,
		       struct stoa__queue *q, uint64_t row)
{
	uint64_t front = q->front, back = q->back;

	d->n_entries--;
	if (!q->cap && !is_near(q, STOA_FRONT, front))
		q->near[STOA_FRONT] = run_at(q, front);	/* which is mostly asked for */
	if (stoa__queue_entry(q, front) == row)
		drop_entry(q, STOA_FRONT);
	else if (stoa__queue_entry(q, back - 1) == row)
		drop_entry(q, STOA_BACK);
	else
		q->n_gone++;
	tidy(w, t, d, q, front, back);
}

/* The position at which @row would stand if entries ascended. */
static uint64_t search(const struct stoa__queue *q, uint64_t row)
{
	uint64_t lo = q->front, n = q->back - q->front;

	while (n > 1) {
		uint64_t half = n / 2;

		if (stoa__queue_entry(q, lo + half) <= row)
			lo += half;
		n -= half;
	}
	return lo;
}

bool stoa__queue_find(const struct stoa__queue *q, uint64_t row, uint64_t *at)
{
	if (q->front == q->back)
		return false;
	*at = search(q, row);
	if (stoa__queue_entry(q, *at) == row)
		return true;
	for (*at = q->front; *at != q->back; ++*at)
		if (stoa__queue_entry(q, *at) == row)
			return true;
	return false;
}

int stoa__queue_own_entry(struct stoa__version *w, struct stoa__queue *q, uint64_t at)
{
	return q->cap ? STOA_OK : own_entry(w, q, at);
}

void stoa__deque_wipe(struct stoa__version *w, const struct stoa__table *t, struct stoa__deque *d,
		      struct stoa__queue *q, uint64_t at)
{
	uint64_t front = q->front, back = q->back;

	if (q->cap)
		q->few[at - q->front] = 0;
	else
		write_entry(w, run_at(q, at), at, 0);
	q->n_gone++;
	d->n_entries--;
	tidy(w, t, d, q, front, back);
}

int stoa__deque_turn(struct stoa__version *w, const struct stoa__table *t, struct stoa__deque *d,
		     struct stoa__queue **q, enum stoa_end from)
{
	enum stoa_end to = from == STOA_FRONT ? STOA_BACK : STOA_FRONT;
	uint64_t row = stoa__queue_end(*q, from), front, back;

	STOA_TRY(stoa__deque_reserve(w, d, stoa__queue_name(*q), to, q));
	front = (*q)->front;
	back = (*q)->back;
	/* Pushed first, so that the queue is never empty and stays what it is. */
	stoa__deque_push(w, d, *q, to, row);
	drop_entry(*q, from);
	d->n_entries--;
	tidy(w, t, d, *q, front, back);
	return STOA_OK;
}

/* ---- reading ---- */

uint64_t stoa__queue_walk(const struct stoa__table *t, const struct stoa__queue *q,
			  enum stoa_end from, uint64_t *at)
{
	while (q && *at - q->front < q->back - q->front) {
		uint64_t row = stoa__queue_entry(q, *at);

		*at += from == STOA_FRONT ? 1 : UINT64_MAX;
		if (row && (!q->n_gone || exists(t, row)))
			return row;
	}
	return 0;
}

uint64_t stoa__queue_end(const struct stoa__queue *q, enum stoa_end end)
{
	if (!q || q->front == q->back)
		return 0;
	return stoa__queue_entry(q, end == STOA_FRONT ? q->front : q->back - 1);
}

uint64_t stoa__queue_at(const struct stoa__table *t, const struct stoa__queue *q, enum stoa_end from,
			uint64_t i)
{
	uint64_t at, row;

	if (i >= stoa__queue_len(q))
		return 0;
	at = from == STOA_FRONT ? q->front : q->back - 1;
	if (!q->n_gone)
		return stoa__queue_entry(q, from == STOA_FRONT ? at + i : at - i);
	do
		row = stoa__queue_walk(t, q, from, &at);
	while (i--);
	return row;
}

/* ---- loading, taking apart, checking ---- */

bool stoa__deque_number_fits(uint64_t number, struct stoa_bytes name)
{
	return number - first_number(name) < SAME_HASH;
}

int stoa__deque_load_queue(struct stoa__version *w, struct stoa__deque *d, struct stoa_bytes name,
			   uint64_t number, uint64_t front, uint64_t back, uint64_t n_gone, bool few,
			   struct stoa__queue **out)
{
	struct stoa__queue like = { .number = number, .front = front, .back = back,
				    .n_gone = n_gone };
	uint32_t cap = few ? (uint32_t)(back - front) : 0;

	*out = NULL;
	STOA_TRY(enter(w, d, queue_new(w, &like, cap, name), out));
	d->n_entries += back - front - n_gone;
	return STOA_OK;
}

int stoa__queue_load_run(struct stoa__version *w, struct stoa__queue *q, uint64_t number,
			 const uint64_t *rows, uint32_t lo, uint32_t hi)
{
	struct stoa__run *run = run_new(w, NULL, number);

	if (!run)
		return STOA_ENOMEM;
	run->lo = lo;
	run->hi = hi;
	memcpy(run->rows + lo, rows, (hi - lo) * sizeof *rows);
	if (stoa__tree_put(w, &q->runs, number, run) < 0) {
		stoa__block_retire(w, &run->block);
		return STOA_ENOMEM;
	}
	return STOA_OK;
}

struct visit {
	void (*each)(void *ctx, struct stoa__block *b);
	void *ctx;
};

static int visit_run(void *ctx, uint64_t number, void *run)
{
	struct visit *v = ctx;

	(void)number;
	v->each(v->ctx, &((struct stoa__run *)run)->block);
	return STOA_OK;
}

static int visit_queue(void *ctx, uint64_t number, void *value)
{
	struct visit *v = ctx;
	struct stoa__queue *q = value;

	(void)number;
	(void)stoa__tree_walk(q->runs, 0, visit_run, v);
	stoa__tree_each_block(q->runs, v->each, v->ctx);
	v->each(v->ctx, &q->block);
	return STOA_OK;
}

void stoa__deque_each_block(struct stoa__deque *d,
			    void (*each)(void *ctx, struct stoa__block *b), void *ctx)
{
	struct visit v = { each, ctx };

	(void)stoa__tree_walk(d->queues, 0, visit_queue, &v);
	stoa__tree_each_block(d->queues, each, ctx);
}

struct check {
	const struct stoa__table *t;
	uint64_t n_queues, n_entries;
	const char *why;
};

static int check_queue(void *ctx, uint64_t number, void *value)
{
	struct check *c = ctx;
	const struct stoa__queue *q = value;
	uint64_t n_gone = 0;

	if (q->number != number)
		c->why = "a queue under another number than its own";
	if (q->cap && (q->runs || q->back - q->front > q->cap))
		c->why = "a queue with more entries than room, or runs as well";
	for (int i = 0; i < 2; i++)
		if (q->near[i] && stoa__tree_find(q->runs, q->near[i]->number) != q->near[i])
			c->why = "a run kept in mind that is not in the tree";
	for (uint64_t p = q->front; p != q->back; p++)
		n_gone += !exists(c->t, stoa__queue_entry(q, p));
	if (n_gone != q->n_gone)
		c->why = "a wrong count of rows that have gone";
	if (q->front != q->back && (!exists(c->t, stoa__queue_entry(q, q->front)) ||
				    !exists(c->t, stoa__queue_entry(q, q->back - 1))))
		c->why = "a queue that begins or ends with a row that has gone";
	c->n_queues++;
	c->n_entries += stoa__queue_len(q);
	return c->why ? STOA_ECORRUPT : STOA_OK;
}

bool stoa__deque_check(const struct stoa__table *t, const struct stoa__deque *d, const char **why)
{
	struct check c = { .t = t };

	(void)stoa__tree_walk(d->queues, 0, check_queue, &c);
	if (!c.why && (c.n_queues != d->n_queues || c.n_entries != d->n_entries))
		c.why = "sums that are not those of the queues";
	if (!c.why && d->recent && stoa__tree_find(d->queues, d->recent->number) != d->recent)
		c.why = "a queue kept in mind that is not in the tree";
	*why = c.why;
	return !c.why;
}
