/* SPDX-License-Identifier: MIT */
/*
 * change.c - INSERT, UPDATE and DELETE, made of queries and of the calls that write rows
 *
 *     UPDATE t SET a = x WHERE c   ->   SELECT rowid, x AS a stores it FROM t WHERE c
 *     DELETE FROM t WHERE c        ->   SELECT rowid FROM t WHERE c
 *     INSERT ... VALUES (x, y)     ->   SELECT x AS its slot stores it, y ..., by row
 *     INSERT ... query             ->   the query, with such a projection on top
 *     RETURNING z                  ->   SELECT z FROM t, and of t only the rows that changed
 *
 * What these queries give goes into stoa_update(), stoa_delete(), stoa_insert() or an appender as
 * it comes. Two properties of the store make that right without more ado: a cursor sees the rows
 * as they were when it was opened, so a scan cannot meet what it led to (the Halloween problem,
 * System R 1976); and a savepoint is a version like any other, so undoing half a statement is
 * going back to one.
 *
 * (1) All that can fail happens before the savepoint is given up: a RETURNING that computes
 *     anything is run once, for its errors, before its cursor is handed out.
 * (2) RETURNING reads by rowid: of INSERT and UPDATE what the rows have become, of DELETE what
 *     they were, from a cursor opened before they went.
 */
#include "change.h"

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "../lib/core/type.h"
#include "change_state.h"
#include "explain.h"
#include "point.h"
#include "upsert.h"

/* ---- checking ----------------------------------------------------------------------------- */

static int check_query(struct stoa__change *c, const struct stoa__query *q,
		       struct stoa__plan **plan)
{
	struct stoa__arena *arena = c->arena;

	return stoa__plan_query(q, c->tables, NULL, c->stmt->n_params, arena, plan, c->err);
}

static int check_insert(struct stoa__change *c)
{
	const struct stoa__ast_list *rows = stoa__change_value_rows(c->s);
	struct stoa__plan *plan;
	struct stoa__query *q;

	if (c->s->conflict)
		STOA_TRY(stoa__upsert_new(c->stmt, c->s, c->tables, NULL, c->table, &c->info,
					  c->arena, &c->upsert, c->err));
	for (uint32_t i = 0; rows && i < rows->n; i++) {
		STOA_TRY(stoa__change_row(c, c->arena, rows->items[i], &q));
		STOA_TRY(check_query(c, q, &plan));
	}
	if (rows || !c->s->query)
		return STOA_OK;
	STOA_TRY(check_query(c, c->s->query, &plan));
	return plan->n_visible == c->n_slots ? STOA_OK :
					       stoa__change_wrong_width(c, plan->n_visible);
}

/* Is there an aggregate deeper down in what the query gives? */
static bool groups(const struct stoa__plan *plan)
{
	const struct stoa__node *n = plan->root;

	return n->kind == STOA__NODE_PROJECT && n->input[0]->kind == STOA__NODE_AGGREGATE;
}

static int check(struct stoa__change *c)
{
	struct stoa__plan *plan;
	struct stoa__query *q;

	STOA_TRY(stoa__change_find_table(c));
	STOA_TRY(stoa__change_name_slots(c));
	if (c->s->kind == STOA__STATEMENT_INSERT) {
		STOA_TRY(check_insert(c));
	} else {
		if (c->s->kind == STOA__STATEMENT_QUEUE)
			STOA_TRY(stoa__change_check_queue(c));
		STOA_TRY(stoa__change_leader(c, c->arena, &q));
		STOA_TRY(check_query(c, q, &plan));
	}
	if (!c->s->returning)
		return STOA_OK;
	STOA_TRY(stoa__change_returning(c, c->arena, &c->changed, &q));
	STOA_TRY(check_query(c, q, &plan));
	return groups(plan) ? stoa__change_no_aggregates(c, c->s->returning->first) : STOA_OK;
}

int stoa__change_check(stoa_stmt *stmt, struct stoa__tables *tables, struct stoa_error *err)
{
	struct stoa__arena arena = STOA__ARENA_INIT;
	struct stoa__change c = { .stmt = stmt,
				  .s = stoa__stmt_about(stmt),
				  .tables = tables,
				  .arena = &arena,
				  .err = err };
	int rc = check(&c);

	stoa__change_drop_jobs(&c);
	stoa__arena_release(&arena);
	return rc;
}

/* ---- rows --------------------------------------------------------------------------------- */

/* Counts a row, and remembers it for RETURNING. */
int stoa__change_note(struct stoa__change *c, stoa_rowid row)
{
	c->n++;
	if (!c->s->returning)
		return STOA_OK;
	if (c->changed.n == c->cap_rowids) {
		size_t cap = c->cap_rowids ? c->cap_rowids * 2 : 16;
		stoa_rowid *p = stoa__realloc_array(c->rowids, cap, sizeof *p);
		if (!p)
			return stoa__fail_memory(c->err);
		c->rowids = p;
		c->cap_rowids = cap;
		c->changed.p = p;
	}
	c->rowids[c->changed.n++] = row;
	return STOA_OK;
}

/* A query made for the statement, planned and opened. */
int stoa__change_open(struct stoa__change *c, const struct stoa__query *query,
		      struct stoa__query_cursor **out)
{
	struct stoa__query_cursor *q;

	*out = NULL;
	STOA_TRY(stoa__query_cursor_new(c->stmt, &q, c->err));
	q->counting = c->explain != NULL;
	int rc = stoa__query_cursor_plan(q, query, c->tables, c->err);
	if (rc == STOA_OK)
		rc = stoa__query_cursor_start(q, c->tables, NULL, c->err);
	if (rc == STOA_OK)
		rc = stoa_cursor_watch(&q->cursor, c->stmt->progress, c->stmt->progress_ctx,
				       c->err);
	if (rc < 0)
		stoa_cursor_close(&q->cursor);
	else
		*out = q;
	return rc;
}

/* The first line of a plan. */
static const char *head(const struct stoa__statement *s)
{
	switch (s->kind) {
	case STOA__STATEMENT_INSERT:
		return "insert what follows";
	case STOA__STATEMENT_UPDATE:
		return "update what follows";
	case STOA__STATEMENT_QUEUE:
		return s->queue->verb == STOA__QUEUE_ACK  ? "ack what follows" :
		       s->queue->verb == STOA__QUEUE_NACK ? "give back what follows" :
							    "extend what follows";
	default:
		return "delete what follows";
	}
}

/* The plan of what leads the statement. */
void stoa__change_put_plan(struct stoa__change *c, const struct stoa__query_cursor *q)
{
	if (c->explain)
		stoa__text_put_plan(c->explain, q->plan, head(c->s), q->counts,
				    c->stmt->tree->analyze);
}

/* ---- UPDATE and DELETE -------------------------------------------------------------------- */

/* What is done with each row that the leader gives. */
static int update_row(struct stoa__change *c, const struct stoa_value *row)
{
	stoa_rowid id = (stoa_rowid)row[0].i;

	STOA_TRY(stoa_update(c->txn, c->table, id, c->slots, row + 1, c->n_slots, c->err));
	return stoa__change_note(c, id);
}

static int delete_row(struct stoa__change *c, const struct stoa_value *row)
{
	c->n++;
	return stoa_delete(c->txn, c->table, (stoa_rowid)row[0].i, c->err);
}

static int note_row(struct stoa__change *c, const struct stoa_value *row)
{
	return stoa__change_note(c, (stoa_rowid)row[0].i);
}

static int lead(struct stoa__change *c,
		int (*each)(struct stoa__change *c, const struct stoa_value *row))
{
	struct stoa__query_cursor *q;
	const struct stoa_value *row;
	struct stoa__query *query;
	int rc;

	STOA_TRY(stoa__change_leader(c, c->arena, &query));
	STOA_TRY(stoa__change_open(c, query, &q));
	while ((rc = stoa_next(&q->cursor, &row, c->err)) == STOA_ROW) {
		rc = each(c, row);
		if (rc < 0)
			break;
	}
	stoa__change_put_plan(c, q);
	stoa_cursor_close(&q->cursor);
	return rc < 0 ? rc : STOA_OK;
}

static int delete_noted(struct stoa__change *c)
{
	for (size_t i = 0; i < c->changed.n; i++)
		STOA_TRY(stoa_delete(c->txn, c->table, c->changed.p[i], c->err));
	return STOA_OK;
}

/* ---- RETURNING ---------------------------------------------------------------------------- */

static bool is_plain(const struct stoa__ast_items *items)
{
	for (const struct stoa__ast_item *i = items->first; i; i = i->next)
		if (i->expr->kind != STOA__AST_NAME && i->expr->kind != STOA__AST_STAR)
			return false;
	return true;
}

/* Runs a query to its end, for its errors. */
static int run_through(struct stoa__change *c, const struct stoa__query *query)
{
	struct stoa__query_cursor *q;
	struct stoa_batch b;
	int rc;

	STOA_TRY(stoa__change_open(c, query, &q));
	do {
		rc = stoa_next_batch(&q->cursor, &b, c->err);
	} while (rc == STOA_ROW);
	stoa_cursor_close(&q->cursor);
	return rc < 0 ? rc : STOA_OK;
}

/* Makes @out a cursor over the rows that are noted, as they are now; it takes the list over. */
static int open_returning(struct stoa__change *c, struct stoa__query_cursor *out)
{
	struct stoa__query *query;

	if (!c->s->returning)
		return STOA_OK;
	out->rowids = c->rowids;
	out->only = c->changed;
	c->rowids = NULL;
	STOA_TRY(stoa__change_returning(c, &out->arena, &out->only, &query));
	if (!is_plain(c->s->returning))
		STOA_TRY(run_through(c, query));
	STOA_TRY(stoa__query_cursor_plan(out, query, c->tables, c->err));
	return stoa__query_cursor_start(out, c->tables, NULL, c->err);
}

/* ---- the whole ---------------------------------------------------------------------------- */

static int change(struct stoa__change *c, struct stoa__query_cursor *out)
{
	switch (c->s->kind) {
	case STOA__STATEMENT_INSERT:
		STOA_TRY(c->s->query && !stoa__change_value_rows(c->s) ?
				 stoa__change_insert_query(c) :
				 stoa__change_insert_values(c, out->params));
		return open_returning(c, out);
	case STOA__STATEMENT_UPDATE:
		STOA_TRY(lead(c, update_row));
		return open_returning(c, out);
	case STOA__STATEMENT_QUEUE:
		STOA_TRY(stoa__change_queue(c));
		return open_returning(c, out);
	default:
		if (!c->s->returning)
			return lead(c, delete_row);
		STOA_TRY(lead(c, note_row));
		STOA_TRY(open_returning(c, out));
		c->changed = out->only;
		return delete_noted(c);
	}
}

/*
 * One call that is all or nothing by itself needs no savepoint, which would have each page copied
 * before it is changed. ON CONFLICT makes one, too, whatever it comes to.
 */
static bool is_single(const struct stoa__statement *s)
{
	const struct stoa__ast_list *rows = stoa__change_value_rows(s);

	return s->kind == STOA__STATEMENT_INSERT && !s->returning &&
	       (!s->query || (rows && rows->n == 1));
}

/* A change of one row: true if it is done. */
static bool change_point(struct stoa__change *c, const struct stoa_value *params)
{
	struct stoa__point_change p = stoa__change_point(c, params);

	return !c->s->queue && stoa__point_change(&p, &c->n) == STOA_ROW;
}

static int change_all(struct stoa__change *c, struct stoa__query_cursor *out)
{
	uint32_t mark = 0;

	STOA_TRY(stoa__change_find_table(c));
	STOA_TRY(stoa__change_name_slots(c));
	if (c->s->queue)
		STOA_TRY(stoa__change_find_deque(c));
	if (change_point(c, out->params))
		return STOA_OK;
	if (!is_single(c->s))
		STOA_TRY(stoa_savepoint(c->txn, &mark, c->err));
	int rc = STOA_OK;
	if (c->s->conflict)
		rc = stoa__upsert_new(c->stmt, c->s, c->tables, c->txn, c->table, &c->info,
				      c->arena, &c->upsert, c->err);
	if (rc == STOA_OK)
		rc = change(c, out);
	stoa__upsert_release(c->upsert);
	if (rc < 0 && mark)
		STOA_TRY(stoa_rollback_to(c->txn, mark, NULL));
	if (mark)
		STOA_TRY(stoa_release(c->txn, mark, NULL));
	return rc;
}

static int run(stoa_stmt *stmt, stoa_txn *txn, struct stoa__text *text, stoa_cursor **out,
	       struct stoa_error *err)
{
	struct stoa__txn_tables t;
	struct stoa__query_cursor *q;
	struct stoa__change c = {
		.stmt = stmt, .s = stoa__stmt_about(stmt), .txn = txn, .err = err, .explain = text
	};

	STOA_TRY(stoa__query_cursor_new(stmt, &q, err));
	stoa__txn_tables_init(&t, txn);
	c.tables = &t.tables;
	c.arena = &q->arena;
	int rc = change_all(&c, q);
	q->cursor.changes = c.n;
	if (rc == STOA_OK && c.s->returning)
		stoa__query_cursor_keep(q, &t);
	stoa__change_drop_jobs(&c);
	stoa__txn_tables_release(&t);
	stoa__free(c.rowids);
	if (rc < 0)
		stoa_cursor_close(&q->cursor);
	else
		*out = &q->cursor;
	return rc;
}

int stoa__change_run(stoa_stmt *stmt, stoa_txn *txn, stoa_cursor **out, struct stoa_error *err)
{
	return run(stmt, txn, NULL, out, err);
}

/* ---- EXPLAIN ---------------------------------------------------------------------------- */

/* The plan alone. */
static int plan_only(struct stoa__change *c)
{
	const struct stoa__query *query = c->s->query;
	struct stoa__query_cursor *q;
	struct stoa__query *leader;

	STOA_TRY(stoa__change_find_table(c));
	STOA_TRY(stoa__change_name_slots(c));
	if (c->s->kind == STOA__STATEMENT_INSERT && (!query || stoa__change_value_rows(c->s)))
		return STOA_OK;
	if (c->s->kind == STOA__STATEMENT_QUEUE) {
		STOA_TRY(stoa__change_find_deque(c));
		if (stoa__change_explain_take(c))
			return STOA_OK;
		STOA_TRY(stoa__change_new_jobs(c));
	}
	if (c->s->kind != STOA__STATEMENT_INSERT) {
		STOA_TRY(stoa__change_leader(c, c->arena, &leader));
		query = leader;
	}
	STOA_TRY(stoa__change_open(c, query, &q));
	stoa__change_put_plan(c, q);
	stoa_cursor_close(&q->cursor);
	return STOA_OK;
}

static int explain_only(stoa_stmt *stmt, stoa_txn *txn, struct stoa__text *text,
			struct stoa_error *err)
{
	struct stoa__arena arena = STOA__ARENA_INIT;
	struct stoa__txn_tables t;
	struct stoa__change c = { .stmt = stmt,
				  .s = stoa__stmt_about(stmt),
				  .txn = txn,
				  .err = err,
				  .explain = text,
				  .arena = &arena };

	stoa__txn_tables_init(&t, txn);
	c.tables = &t.tables;
	int rc = plan_only(&c);
	stoa__change_drop_jobs(&c);
	stoa__txn_tables_release(&t);
	stoa__arena_release(&arena);
	return rc;
}

int stoa__change_explain(stoa_stmt *stmt, stoa_txn *txn, struct stoa__text *text, uint64_t *n,
			 struct stoa_error *err)
{
	const struct stoa__ast_list *rows = stoa__change_value_rows(stoa__stmt_about(stmt));
	stoa_cursor *cur;

	if (stmt->tree->analyze) {
		STOA_TRY(run(stmt, txn, text, &cur, err));
		*n = stoa_changes(cur);
		stoa_cursor_close(cur);
	} else {
		STOA_TRY(explain_only(stmt, txn, text, err));
	}
	if (rows || !text->buf.len)
		stoa__text_put(text, "insert %u rows of values\n", rows ? rows->n : 1);
	return STOA_OK;
}
