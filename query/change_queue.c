/* SPDX-License-Identifier: MIT */
/*
 * change_queue.c - POP, CLAIM, ACK, NACK, EXTEND and ROTATE: what SQL says to a deque
 *
 *     POP 3 FROM jobs QUEUE 'a.org' BACK              stoa_deque_pop(), three times
 *     CLAIM 3 FROM jobs LEASE INTERVAL '1 minute'     stoa_deque_claim()
 *     ROTATE jobs QUEUE 'a.org' BY -1                 stoa_deque_rotate()
 *     ACK jobs WHERE rowid = 7 AND attempt = 1        SELECT * FROM leases('jobs') WHERE ..., and
 *     NACK jobs DELAY INTERVAL '5 seconds' WHERE ...      stoa_deque_ack(), stoa_deque_nack() or
 *     EXTEND jobs LEASE INTERVAL '1 hour' WHERE ...       stoa_deque_extend() for each
 *
 * A lease is thus a row with its rowid, attempt and deadline before the table's own columns: what
 * leases() in FROM shows, what WHERE speaks of, and what RETURNING gives. A lease that is over is
 * in none of them, so that an ACK that comes too late changes nothing, and says so by its count.
 * Leases are nobody's: they end by their deadlines alone.
 */
#include "../lib/core/error.h"
#include "../lib/core/type.h"
#include "change_state.h"
#include "explain.h"

#define LEASE_MS 600000		/* where none is said */

/* ---- which deque, which jobs ------------------------------------------------------------------ */

int stoa__change_find_deque(struct stoa__change *c)
{
	const struct stoa__token *d = &c->s->queue->deque;
	const struct stoa__token *at = d->kind ? d : &c->s->table;
	char *name = d->kind ? stoa__arena_copy(c->arena, d->p, d->len) : NULL;

	if (d->kind && !name)
		return stoa__fail_memory(c->err);
	int rc = stoa__deque_named(c->txn, c->table, name, "DEQUE name", &c->deque, &c->deque_info,
				   c->err);
	if (rc < 0 && rc != STOA_ENOMEM && c->err) {
		c->err->line = at->line;
		c->err->column = at->column;
	}
	return rc;
}

/* Are the statement's jobs leases? Not those that are popped, or only change places. */
static bool leases(const struct stoa__change *c)
{
	unsigned verb = c->s->queue->verb;

	return verb != STOA__QUEUE_POP && verb != STOA__QUEUE_ROTATE;
}

void stoa__change_drop_jobs(struct stoa__change *c)
{
	if (c->jobs)
		stoa__relation_drop(&c->jobs->relation);
	c->jobs = NULL;
}

int stoa__change_new_jobs(struct stoa__change *c)
{
	stoa__change_drop_jobs(c);
	return stoa__lease_table_new(&c->info, leases(c), &c->jobs, c->err);
}

/* ---- how many, of which queue, for how long ---------------------------------------------------- */

/* What the statement's expressions are. */
struct terms {
	int64_t count;		/* below 0 of ROTATE alone */
	bool has_name;
	struct stoa_value name;
	uint32_t ms;		/* of LEASE or DELAY */
};

/* SELECT those of count, name and span that are written, each of its own type. */
static int select_terms(struct stoa__change *c, struct stoa__query **out)
{
	static const struct stoa_slot number = { .name = "count", .type = STOA_I64 },
				      moment = { .name = "interval", .type = STOA_TIMESTAMP };
	const struct stoa__queueing *s = c->s->queue;
	struct stoa__query *q = stoa__arena_zalloc(c->arena, sizeof *q);
	struct stoa__ast_items *items = stoa__arena_zalloc(c->arena, sizeof *items);
	struct stoa_slot *name = stoa__arena_zalloc(c->arena, sizeof *name);

	if (!q || !items || !name)
		return stoa__fail_memory(c->err);
	q->at = c->s->at;
	q->height = 1;
	q->items = items;
	*name = (struct stoa_slot){ .name = "queue", .type = STOA_TEXT };
	if (c->deque_info.n_slots)
		*name = c->info.slots[c->deque_info.slots[0]];
	name->flags = 0;
	if (stoa__type_is_ref(name->type))
		name->type = STOA_I64;
	if ((s->count && !stoa__query_add_item(c->arena, q, STOA__AST_ASSIGN, s->count, &number)) ||
	    (s->name && !stoa__query_add_item(c->arena, q, STOA__AST_ASSIGN, s->name, name)) ||
	    (s->span && !stoa__query_add_item(c->arena, q, STOA__AST_ASSIGN, s->span, &moment)))
		return stoa__fail_memory(c->err);
	*out = q;
	return STOA_OK;
}

static int wrong(struct stoa__change *c, const struct stoa__ast *at, const char *what)
{
	return stoa__fail_at(c->err, STOA_EINVAL, at->at.line, at->at.column, "%s", what);
}

/* Takes the terms from the row of select_terms(). */
static int take_terms(struct stoa__change *c, const struct stoa_value *row, struct terms *out)
{
	const struct stoa__queueing *s = c->s->queue;

	if (s->count) {
		if (row->type == STOA_NULL || (row->i < 0 && s->verb != STOA__QUEUE_ROTATE))
			return wrong(c, s->count, "so many rows cannot be taken");
		out->count = row++->i;
	}
	if (s->name) {
		bool is_bytes = row->type != STOA_NULL &&
				stoa__type_family(row->type) == STOA__BYTES;

		out->has_name = true;
		out->name = *row++;
		if (is_bytes)
			out->name.p = stoa__arena_copy(c->arena, out->name.p, out->name.len);
		if (is_bytes && !out->name.p)
			return stoa__fail_memory(c->err);
	}
	if (s->span) {
		if (row->type == STOA_NULL || row->i < 0 || row->i / 1000 > UINT32_MAX)
			return wrong(c, s->span->b, "an interval from none to 49 days is wanted here");
		/* One of a microsecond is none that ends at once. */
		out->ms = (uint32_t)((row->i + 999) / 1000);
	}
	return STOA_OK;
}

static int find_terms(struct stoa__change *c, struct terms *out)
{
	const struct stoa__queueing *s = c->s->queue;
	struct stoa__query_cursor *q;
	struct stoa__query *query;
	const struct stoa_value *row;

	*out = (struct terms){ .count = 1, .ms = s->verb == STOA__QUEUE_NACK ? 0 : LEASE_MS };
	if (!s->count && !s->name && !s->span)
		return STOA_OK;
	STOA_TRY(select_terms(c, &query));
	STOA_TRY(stoa__change_open(c, query, &q));
	int rc = stoa_next(&q->cursor, &row, c->err);
	if (rc == STOA_ROW)
		rc = take_terms(c, row, out);
	stoa_cursor_close(&q->cursor);
	return rc;
}

int stoa__change_check_queue(struct stoa__change *c)
{
	const struct stoa__queueing *s = c->s->queue;
	struct stoa__plan *plan;
	struct stoa__query *q;

	if (s->count || s->name || s->span) {
		STOA_TRY(select_terms(c, &q));
		STOA_TRY(stoa__plan_query(q, c->tables, NULL, c->stmt->n_params, c->arena, &plan,
					  c->err));
	}
	return stoa__change_new_jobs(c);
}

/* ---- POP, CLAIM -------------------------------------------------------------------------------- */

/* Counts a job, and keeps it for RETURNING. */
static int note(struct stoa__change *c, const struct stoa_lease *lease,
		const struct stoa_value *values)
{
	c->n++;
	return c->s->returning ? stoa__lease_table_add(c->jobs, leases(c), c->txn, c->table, lease,
						       values, c->err) :
				 STOA_OK;
}

static int pop(struct stoa__change *c, const struct terms *t)
{
	struct stoa_value *values = stoa__arena_array(c->arena, c->info.n_slots, sizeof *values);
	struct stoa_lease taken = { 0 };

	if (!values)
		return stoa__fail_memory(c->err);
	for (int64_t i = 0; i < t->count; i++) {
		int rc = stoa_deque_pop(c->txn, c->table, c->deque, t->has_name ? &t->name : NULL,
					c->s->queue->back ? STOA_BACK : STOA_FRONT, values,
					c->info.n_slots, &taken.row, c->err);
		if (rc != STOA_ROW)
			return rc < 0 ? rc : STOA_OK;
		STOA_TRY(note(c, &taken, values));
	}
	return STOA_OK;
}

static int claim(struct stoa__change *c, const struct terms *t)
{
	struct stoa_deque_stat stat = STOA_DEQUE_STAT_INIT;
	struct stoa_lease *leases;
	uint64_t most;
	size_t n = 0;

	/* In one call: by a second one, short leases of the first may be over. */
	STOA_TRY(stoa_deque_stat(c->txn, c->table, c->deque, &stat, c->err));
	most = stat.n_ready + stat.n_claimed + stat.n_delayed;
	most = (uint64_t)t->count < most ? (uint64_t)t->count : most;
	if (!most)
		return STOA_OK;
	leases = stoa__arena_array(c->arena, most, sizeof *leases);
	if (!leases)
		return stoa__fail_memory(c->err);
	STOA_TRY(stoa_deque_claim(c->txn, c->table, c->deque, t->has_name ? &t->name : NULL, NULL,
				  t->ms, leases, most, &n, c->err));
	for (size_t i = 0; i < n; i++)
		STOA_TRY(note(c, &leases[i], NULL));
	return STOA_OK;
}

/* ---- ACK, NACK, EXTEND ------------------------------------------------------------------------- */

/* A lease, and what RETURNING is to say of it: as it was, or when it ends now. */
static int settle(struct stoa__change *c, const struct terms *t, const struct stoa_value *row)
{
	struct stoa_lease lease = { (stoa_rowid)row[0].i, (uint32_t)row[1].i, row[2].i };
	enum stoa_end end = c->s->queue->back ? STOA_BACK : STOA_FRONT;

	if (c->s->queue->verb == STOA__QUEUE_EXTEND)
		STOA_TRY(stoa_deque_extend(c->txn, c->table, c->deque, &lease, t->ms, c->err));
	STOA_TRY(note(c, &lease, NULL));
	if (c->s->queue->verb == STOA__QUEUE_ACK)
		return stoa_deque_ack(c->txn, c->table, c->deque, &lease, c->err);
	if (c->s->queue->verb == STOA__QUEUE_NACK)
		return stoa_deque_nack(c->txn, c->table, c->deque, &lease, end, t->ms, c->err);
	return STOA_OK;
}

static int lead(struct stoa__change *c, const struct terms *t)
{
	struct stoa__query_cursor *q;
	const struct stoa_value *row;
	struct stoa__query *query;

	STOA_TRY(stoa__lease_table_fill(c->jobs, c->txn, c->table, c->deque, c->err));
	STOA_TRY(stoa__change_leader(c, c->arena, &query));
	STOA_TRY(stoa__change_open(c, query, &q));
	/* The cursor holds the leases that there are; what is returned is another table. */
	int rc = stoa__change_new_jobs(c);
	while (rc >= 0 && (rc = stoa_next(&q->cursor, &row, c->err)) == STOA_ROW)
		rc = settle(c, t, row);
	stoa__change_put_plan(c, q);
	stoa_cursor_close(&q->cursor);
	return rc < 0 ? rc : STOA_OK;
}

bool stoa__change_explain_take(struct stoa__change *c)
{
	static const char *const does[] = {
		[STOA__QUEUE_POP] = "pop the first of",
		[STOA__QUEUE_CLAIM] = "claim the first of",
		[STOA__QUEUE_ROTATE] = "rotate",
	};
	const char *what = does[c->s->queue->verb];

	if (what && c->explain)
		stoa__text_put(c->explain, "%s deque %s\n", what, c->deque_info.name);
	return what;
}

int stoa__change_queue(struct stoa__change *c)
{
	struct terms t;

	(void)stoa__change_explain_take(c);
	STOA_TRY(find_terms(c, &t));
	STOA_TRY(stoa__change_new_jobs(c));
	switch (c->s->queue->verb) {
	case STOA__QUEUE_POP:
		return pop(c, &t);
	case STOA__QUEUE_CLAIM:
		return claim(c, &t);
	case STOA__QUEUE_ROTATE:
		return stoa_deque_rotate(c->txn, c->table, c->deque, t.has_name ? &t.name : NULL,
					 t.count, c->err);
	default:
		return lead(c, &t);
	}
}
