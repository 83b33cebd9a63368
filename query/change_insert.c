/* SPDX-License-Identifier: MIT */
/*
 * change_insert.c - the rows of an INSERT, and of whatever else fills a table
 *
 * Rows of VALUES are computed one by one, those of a query come in batches: few are put in one by
 * one, many go through an appender.
 */
#include "../lib/core/error.h"
#include "../lib/core/type.h"
#include "change.h"
#include "change_state.h"
#include "upsert.h"

static int insert_row(struct stoa__change *c, const struct stoa_value *values)
{
	stoa_rowid row;

	if (c->upsert) {
		int rc = stoa__upsert_row(c->upsert, values, &row, c->err);
		if (rc != STOA_END)
			return rc < 0 ? rc : row ? stoa__change_note(c, row) : STOA_OK;
	}
	STOA_TRY(c->s->queue ? stoa_deque_push(c->txn, c->table, c->deque, STOA_FRONT, values,
					       c->info.n_slots, &row, c->err) :
			       stoa_insert(c->txn, c->table, values, c->info.n_slots, &row, c->err));
	return stoa__change_note(c, row);
}

/* A row of which something has to be computed: one row of a query. */
static int insert_computed(struct stoa__change *c, const struct stoa__query *query)
{
	struct stoa__query_cursor *q;
	const struct stoa_value *row;

	STOA_TRY(stoa__change_open(c, query, &q));
	int rc = stoa_next(&q->cursor, &row, c->err);
	if (rc == STOA_ROW)
		rc = insert_row(c, row);
	stoa_cursor_close(&q->cursor);
	return rc;
}

static int insert_values_row(struct stoa__change *c, struct stoa__arena *arena,
			     const struct stoa__ast *row, const struct stoa_value *params)
{
	struct stoa__point_change point = stoa__change_point(c, params);
	struct stoa__query *query;
	struct stoa__plan *plan;
	struct stoa_value *values = stoa__arena_array(arena, c->info.n_slots, sizeof *values);

	if (!values)
		return stoa__fail_memory(c->err);
	if (c->upsert && stoa__point_values(&point, values) == STOA_ROW)
		return insert_row(c, values);
	STOA_TRY(stoa__change_row(c, arena, row, &query));
	STOA_TRY(stoa__plan_query(query, c->tables, params, c->stmt->n_params, arena, &plan,
				  c->err));
	if (stoa__plan_constants(plan, values))
		return insert_row(c, values);
	return insert_computed(c, query);
}

int stoa__change_insert_values(struct stoa__change *c, const struct stoa_value *params)
{
	const struct stoa__ast_list *rows = stoa__change_value_rows(c->s);
	struct stoa__arena arena = STOA__ARENA_INIT;
	uint32_t n = rows ? rows->n : 1;
	int rc = STOA_OK;

	for (uint32_t i = 0; rc == STOA_OK && i < n; i++) {
		const struct stoa__ast *row = rows ? rows->items[i] : NULL;
		stoa__arena_reset(&arena);
		rc = insert_values_row(c, &arena, row, params);
		if (rc < 0 && row && c->err && !c->err->line) {
			c->err->line = row->at.line;
			c->err->column = row->at.column;
		}
	}
	stoa__arena_release(&arena);
	return rc;
}

/* A few rows, one by one; slots that the query does not fill take their defaults. */
static int insert_batch(struct stoa__change *c, const struct stoa_batch *b, struct stoa_value *row)
{
	for (size_t r = 0; r < b->n_rows; r++) {
		for (size_t i = 0; i < c->info.n_slots; i++)
			row[i] = stoa_default();
		for (size_t i = 0; i < c->n_slots; i++)
			row[c->slots[i]] = stoa__array_value(&b->columns[i], r);
		STOA_TRY(insert_row(c, row));
	}
	return STOA_OK;
}

static int insert_batches(struct stoa__change *c, stoa_cursor *cur, struct stoa_batch *b)
{
	struct stoa_value *row = stoa__arena_array(c->arena, c->info.n_slots, sizeof *row);
	int rc;

	if (!row)
		return stoa__fail_memory(c->err);
	do {
		STOA_TRY(insert_batch(c, b, row));
		rc = stoa_next_batch(cur, b, c->err);
	} while (rc == STOA_ROW);
	return rc < 0 ? rc : STOA_OK;
}

static int append_all(struct stoa__change *c, stoa_appender *app, stoa_cursor *cur,
		      struct stoa_batch *b)
{
	struct stoa_array *arrays = stoa__arena_array(c->arena, c->n_slots, sizeof *arrays);
	stoa_rowid next = c->info.next_rowid;
	int rc;

	if (!arrays)
		return stoa__fail_memory(c->err);
	do {
		for (size_t i = 0; i < c->n_slots; i++)
			arrays[c->slots[i]] = b->columns[i];
		STOA_TRY(stoa_append(app, arrays, c->n_slots, b->n_rows, c->err));
		for (size_t i = 0; i < b->n_rows; i++)
			STOA_TRY(stoa__change_note(c, next++));
		rc = stoa_next_batch(cur, b, c->err);
	} while (rc == STOA_ROW);
	return rc < 0 ? rc : STOA_OK;
}

static int append_batches(struct stoa__change *c, stoa_cursor *cur, struct stoa_batch *b)
{
	stoa_appender *app;

	STOA_TRY(stoa_appender_open(c->txn, c->table, &app, c->err));
	int rc = append_all(c, app, cur, b);
	if (rc == STOA_OK)
		return stoa_appender_close(app, c->err);
	stoa_appender_abort(app);
	return rc;
}

/* A full batch at once says that there are many: those are encoded by column, not put in by row. */
static int insert_rows(struct stoa__change *c, stoa_cursor *cur)
{
	struct stoa_batch b;
	int rc = stoa_next_batch(cur, &b, c->err);

	if (rc != STOA_ROW)
		return rc < 0 ? rc : STOA_OK;
	if (b.n_rows == STOA_BATCH_MAX && c->n_slots == c->info.n_slots && !c->upsert &&
	    !c->s->queue)
		return append_batches(c, cur, &b);
	return insert_batches(c, cur, &b);
}

int stoa__change_fill(stoa_txn *txn, stoa_table table, stoa_cursor *cur, uint64_t *n,
		      struct stoa_error *err)
{
	static const struct stoa__statement plain = { .kind = STOA__STATEMENT_INSERT };
	struct stoa__arena arena = STOA__ARENA_INIT;
	struct stoa__change c = {
		.s = &plain, .txn = txn, .arena = &arena, .err = err, .table = table
	};

	STOA_TRY(stoa_table_info(txn, table, &c.info, err));
	int rc = stoa__change_name_slots(&c);
	if (rc == STOA_OK)
		rc = insert_rows(&c, cur);
	*n += c.n;
	stoa__arena_release(&arena);
	return rc;
}

int stoa__change_insert_query(struct stoa__change *c)
{
	const struct stoa_slot **slots = stoa__arena_array(c->arena, c->n_slots, sizeof(*slots));
	struct stoa__query_cursor *q;

	if (!slots)
		return stoa__fail_memory(c->err);
	for (size_t i = 0; i < c->n_slots; i++)
		slots[i] = &c->info.slots[c->slots[i]];
	STOA_TRY(stoa__query_cursor_new(c->stmt, &q, c->err));
	q->counting = c->explain != NULL;
	int rc = stoa__query_cursor_plan(q, c->s->query, c->tables, c->err);
	if (rc == STOA_OK && q->plan->n_visible != c->n_slots)
		rc = stoa__change_wrong_width(c, q->plan->n_visible);
	if (rc == STOA_OK)
		rc = stoa__query_cursor_start(q, c->tables, slots, c->err);
	if (rc == STOA_OK)
		rc = stoa_cursor_watch(&q->cursor, c->stmt->progress, c->stmt->progress_ctx,
				       c->err);
	if (rc == STOA_OK)
		rc = insert_rows(c, &q->cursor);
	stoa__change_put_plan(c, q);
	stoa_cursor_close(&q->cursor);
	return rc;
}
