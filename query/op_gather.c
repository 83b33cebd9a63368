/* SPDX-License-Identifier: MIT */
/*
 * op_gather.c - the rows of several lanes, as one lane would have given them
 *
 * Each lane copies what it makes of a row group into *parcels* of some thousand rows, and queues
 * them; the calling thread takes them in the order of the row groups.
 *
 *     lane 0: group 4 [p p p.] group 7 [p .....
 *     lane 1: group 5 [.]      group 6 [p p p ...        turn = 4
 *
 * The first row group is not copied nor left to a thread: whoever wants few rows pays for none, and
 * has the first as soon as ever.
 *
 * (1) Groups are dealt out in order and without gaps, and each ends with a parcel that says so (a
 * dot in the picture): so the parcel at hand is the head of a queue, or still to come. (2) A queue
 * has QUEUE parcels at most; a lane that has filled its own waits. The lane whose turn it is never
 * waits for another, so all go on. (3) An error is a parcel, too: it counts when its turn comes,
 * and not if a LIMIT ends the query before.
 */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "lanes.h"
#include "rows.h"

#define QUEUE 4
#define PARCEL_ROWS 8192
#define WATCH_NS 20000000	/* longest wait while somebody looks on */

struct parcel {
	uint64_t group;
	bool last;		/* of its group */
	int rc;			/* of an error */
	struct stoa_error err;
	struct stoa__rows rows;
};

struct queue {
	struct parcel parcels[QUEUE];
	unsigned head, n;	/* those that are full; the one behind them is being filled */
	bool done;		/* nothing more comes */
	struct gather *gather;
	struct stoa__task task;	/* the lane's */
};

enum phase { FIRST_GROUP, QUEUES, ENDED };

struct gather {
	struct stoa__op op;
	struct stoa__lanes in;
	const struct stoa__type *types;
	size_t n_columns;
	enum phase phase;
	bool begun;
	struct queue *queues;
	size_t n_threads;	/* those that run */
	pthread_mutex_t lock;	/* of all below, and of queues' heads */
	pthread_cond_t put, taken;
	bool stop;
	uint64_t turn;		/* group whose parcels are next */
	struct parcel *at_hand;	/* the calling thread's; NULL: none */
	struct queue *from;	/* where it lies */
	uint32_t at, n;		/* rows of the batch, in it */
};

/* ---- in a lane's thread ---------------------------------------------------------------------- */

/* The parcel to be filled next: NULL when nobody wants it. */
static struct parcel *next_parcel(struct gather *g, struct queue *q)
{
	struct parcel *p = NULL;

	pthread_mutex_lock(&g->lock);
	while (q->n == QUEUE && !g->stop)
		pthread_cond_wait(&g->taken, &g->lock);
	if (!g->stop)
		p = &q->parcels[(q->head + q->n) % QUEUE];
	pthread_mutex_unlock(&g->lock);
	return p;
}

static void put_parcel(struct gather *g, struct queue *q)
{
	pthread_mutex_lock(&g->lock);
	q->n++;
	pthread_cond_signal(&g->put);
	pthread_mutex_unlock(&g->lock);
}

static int fill(struct gather *g, struct stoa__op *root, struct parcel *p, struct stoa_error *err)
{
	size_t n;

	while (p->rows.n < PARCEL_ROWS) {
		int rc = stoa__op_next(root, &n, err);
		if (rc != STOA_ROW)
			return rc;
		for (size_t i = 0; i < g->n_columns; i++) {
			struct stoa__vec v;
			STOA_TRY(stoa__op_column(root, i, &v, err));
			STOA_TRY(stoa__rows_keep(&p->rows, i, &v, n, err));
		}
		p->rows.n += (uint32_t)n;
	}
	return STOA_ROW;
}

/* Fills parcels with what becomes of one row group: may the lane go on? */
static bool do_group(struct gather *g, struct queue *q, struct stoa__op *root, uint64_t group)
{
	for (;;) {
		struct parcel *p = next_parcel(g, q);
		if (!p)
			return false;
		stoa__rows_reset(&p->rows);
		p->group = group;
		p->rc = fill(g, root, p, &p->err);
		p->last = p->rc != STOA_ROW;
		bool failed = p->rc < 0, last = p->last;
		put_parcel(g, q);
		if (last)
			return !failed;
	}
}

/* A lane that cannot even begin: its error comes in the turn of a group that nobody else has. */
static void put_error(struct gather *g, struct queue *q, uint64_t group, int rc,
		      const struct stoa_error *err)
{
	struct parcel *p = next_parcel(g, q);

	if (!p)
		return;
	stoa__rows_reset(&p->rows);
	p->group = group;
	p->last = true;
	p->rc = rc;
	p->err = *err;
	put_parcel(g, q);
}

static void run_lane(void *ctx)
{
	struct queue *q = ctx;
	struct gather *g = q->gather;
	struct stoa__lane *lane = &g->in.items[q - g->queues];
	struct stoa_error err;
	uint64_t group = UINT64_MAX;
	int rc;

	while ((rc = stoa__lane_begin(lane, &group, &err)) == STOA_ROW &&
	       do_group(g, q, lane->root, group))
		;
	if (rc < 0)
		put_error(g, q, UINT64_MAX, rc, &err);
	pthread_mutex_lock(&g->lock);
	q->done = true;
	pthread_cond_signal(&g->put);
	pthread_mutex_unlock(&g->lock);
}

/* ---- starting and stopping ------------------------------------------------------------------- */

static bool start_lane(struct gather *g, struct queue *q)
{
	q->gather = g;
	q->task = (struct stoa__task){ .run = run_lane, .ctx = q };
	return stoa__hands_start(g->in.run->means.hands, &q->task) == STOA_OK;
}

/* Starts as many lanes as can be had. */
static int start(struct gather *g, struct stoa_error *err)
{
	g->queues = stoa__calloc(g->in.n, sizeof *g->queues);
	if (!g->queues)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < g->in.n; i++)
		for (size_t k = 0; k < QUEUE; k++)
			STOA_TRY(stoa__rows_init(&g->queues[i].parcels[k].rows, g->types, g->n_columns,
						 err));
	g->phase = QUEUES;
	while (g->n_threads < g->in.n && start_lane(g, &g->queues[g->n_threads]))
		g->n_threads++;
	return g->n_threads ? STOA_OK :
			      stoa__fail(err, STOA_ENOMEM,
					 "no thread can be started: set n_threads to 1 to do without");
}

static void stop(struct gather *g)
{
	pthread_mutex_lock(&g->lock);
	g->stop = true;
	pthread_cond_broadcast(&g->taken);
	pthread_mutex_unlock(&g->lock);
	for (size_t i = 0; i < g->n_threads; i++)
		stoa__hands_await(g->in.run->means.hands, &g->queues[i].task);
	g->n_threads = 0;
	for (size_t i = 0; g->queues && i < g->in.n; i++)
		for (size_t k = 0; k < QUEUE; k++)
			stoa__rows_release(&g->queues[i].parcels[k].rows);
	stoa__free(g->queues);
	g->queues = NULL;
}

/* ---- in the calling thread ------------------------------------------------------------------- */

static void give_back(struct gather *g)
{
	if (!g->at_hand)
		return;
	pthread_mutex_lock(&g->lock);
	g->turn += g->at_hand->last;
	g->from->head = (g->from->head + 1) % QUEUE;
	g->from->n--;
	pthread_cond_broadcast(&g->taken);
	pthread_mutex_unlock(&g->lock);
	g->at_hand = NULL;
}

/*
 * The queue whose head is next; NULL: it is still to come. Sets *@over when nothing is. Lock held.
 */
static struct queue *whose_turn(const struct gather *g, bool *over)
{
	struct queue *failed = NULL;

	*over = true;
	for (size_t i = 0; i < g->n_threads; i++) {
		struct queue *q = &g->queues[i];
		*over &= q->done && !q->n;
		if (q->n && q->parcels[q->head].group == g->turn)
			return q;
		if (q->n && q->parcels[q->head].group == UINT64_MAX)
			failed = q;
	}
	return failed;
}

/*
 * Waits for a parcel; with somebody looking on, not for long. Lock held, but while the application
 * is told.
 */
static int wait_for_put(struct gather *g, struct stoa_error *err)
{
	struct timespec until;

	if (!stoa__run_is_watched(g->in.run)) {
		pthread_cond_wait(&g->put, &g->lock);
		return STOA_OK;
	}
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += WATCH_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	(void)pthread_cond_timedwait(&g->put, &g->lock, &until);
	pthread_mutex_unlock(&g->lock);
	int rc = stoa__run_check(g->in.run, err);
	pthread_mutex_lock(&g->lock);
	return rc;
}

/* The next parcel: STOA_ROW, STOA_END or an error. */
static int take(struct gather *g, struct stoa_error *err)
{
	struct queue *q;
	bool over;
	int rc = STOA_OK;

	pthread_mutex_lock(&g->lock);
	while (!(q = whose_turn(g, &over)) && !over && rc == STOA_OK)
		rc = wait_for_put(g, err);
	pthread_mutex_unlock(&g->lock);
	if (rc < 0 || !q)
		return rc < 0 ? rc : STOA_END;
	g->from = q;
	g->at_hand = &q->parcels[q->head];
	g->at = g->n = 0;
	if (g->at_hand->rc >= 0)
		return STOA_ROW;
	if (err)
		*err = g->at_hand->err;
	return g->at_hand->rc;
}

static int next_queued(struct gather *g, size_t *n, struct stoa_error *err)
{
	g->at += g->n;
	while (!g->at_hand || g->at == g->at_hand->rows.n) {
		give_back(g);
		int rc = take(g, err);
		if (rc != STOA_ROW)
			return rc;
	}
	g->n = g->at_hand->rows.n - g->at;
	if (g->n > STOA__BATCH_ROWS)
		g->n = STOA__BATCH_ROWS;
	*n = g->n;
	return STOA_ROW;
}

/* The first group, in this thread. */
static int next_direct(struct gather *g, size_t *n, struct stoa_error *err)
{
	if (!g->begun) {
		uint64_t group;
		g->begun = true;
		int rc = stoa__lane_begin(&g->in.items[0], &group, err);
		if (rc != STOA_ROW)
			return rc;
		g->turn = group + 1;
	}
	return stoa__op_next(g->in.items[0].root, n, err);
}

static int gather_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct gather *g = (struct gather *)op;

	if (g->phase == FIRST_GROUP) {
		int rc = next_direct(g, n, err);
		if (rc != STOA_END)
			return rc;
		STOA_TRY(start(g, err));
	}
	if (g->phase == ENDED)
		return STOA_END;
	int rc = next_queued(g, n, err);
	if (rc != STOA_ROW) {
		g->phase = ENDED;
		g->at_hand = NULL;
		stop(g);
	}
	return rc;
}

_Static_assert(STOA__BATCH_ROWS % 64 == 0, "a batch's validity begins with a word");

static int gather_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
			 struct stoa_error *err)
{
	struct gather *g = (struct gather *)in;

	if (g->phase == FIRST_GROUP)
		return stoa__op_column(g->in.items[0].root, i, out, err);
	const struct stoa__cells *c = &g->at_hand->rows.cells[i];
	memset(out, 0, sizeof *out);
	out->kind = STOA__VEC_FLAT;
	out->phys = c->phys;
	out->type = g->types[i].type;
	out->scale = g->types[i].scale;
	out->n = g->n;
	out->values = (const char *)c->values + g->at * stoa__phys_width(c->phys);
	out->validity = c->valid ? c->valid + g->at / 64 : NULL;
	return STOA_OK;
}

static void gather_close(struct stoa__op *op)
{
	struct gather *g = (struct gather *)op;

	stop(g);
	stoa__lanes_close(&g->in);
	pthread_cond_destroy(&g->put);
	pthread_cond_destroy(&g->taken);
	pthread_mutex_destroy(&g->lock);
	stoa__free(g);
}

int stoa__op_gather(struct stoa__lanes *in, const struct stoa__type *types, size_t n_columns,
		    struct stoa__op **out, struct stoa_error *err)
{
	static const struct stoa__op_ops ops = { gather_next, gather_close, NULL, NULL };
	struct gather *g = stoa__calloc(1, sizeof *g);

	*out = NULL;
	if (!g) {
		stoa__lanes_close(in);
		return stoa__fail_memory(err);
	}
	g->op.input.column = gather_column;
	g->op.ops = &ops;
	g->in = *in;
	g->types = types;
	g->n_columns = n_columns;
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->put, NULL);
	pthread_cond_init(&g->taken, NULL);
	*out = &g->op;
	return STOA_OK;
}
