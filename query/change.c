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

#include <string.h>
#include <strings.h>

#include "../lib/block.h"
#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "../lib/core/type.h"
#include "direct.h"
#include "explain.h"
#include "upsert.h"

struct change {
	stoa_stmt *stmt;
	const struct stoa__statement *s;
	struct stoa__tables *tables;
	stoa_txn *txn;			/* NULL when it is only checked */
	struct stoa__arena *arena;	/* of the cursor that will be handed out */
	struct stoa_error *err;
	stoa_table table;
	struct stoa_table_info info;
	uint32_t *slots;		/* that SET names, or the column list of INSERT; positions */
	size_t n_slots;
	struct stoa__row_list changed;	/* for RETURNING */
	stoa_rowid *rowids;		/* heap: those in @changed */
	size_t cap_rowids;
	uint64_t n;			/* rows changed */
	struct stoa__upsert *upsert;	/* ON CONFLICT; NULL: an error */
	struct stoa__text *explain;	/* receives the plan; NULL: nobody asks */
};

static int fail_at(struct change *c, const struct stoa__token *at, int code, const char *what,
		   const struct stoa__token *name)
{
	return stoa__fail_at(c->err, code, at->line, at->column, what,
			     (int)(name->len > STOA_NAME_MAX ? STOA_NAME_MAX : name->len), name->p);
}

/*
 * ---- names ------------------------------------------------------------------------------------
 */

static int find_table(struct change *c)
{
	const struct stoa__token *t = &c->s->table;
	char *name = stoa__arena_copy(c->arena, t->p, t->len);

	if (!name)
		return stoa__fail_memory(c->err);
	int rc = memchr(t->p, 0, t->len) ?
			 STOA_ENOTFOUND :
			 c->tables->find(c->tables, name, &c->table, &c->info, c->err);
	return rc == STOA_ENOTFOUND ?
		       fail_at(c, t, STOA_ENOTFOUND, "there is no table '%.*s'", t) :
		       rc;
}

/* The slot called @name; it is named here for the first time. */
static int name_slot(struct change *c, const struct stoa__token *name)
{
	size_t i = 0;

	while (i < c->info.n_slots && (strlen(c->info.slots[i].name) != name->len ||
				       strncasecmp(c->info.slots[i].name, name->p, name->len)))
		i++;
	if (i == c->info.n_slots)
		return fail_at(c, name, STOA_ENOTFOUND, "there is no column '%.*s' in the table",
			       name);
	for (size_t k = 0; k < c->n_slots; k++)
		if (c->slots[k] == i)
			return fail_at(c, name, STOA_EINVAL, "column '%.*s' is named twice", name);
	c->slots[c->n_slots++] = (uint32_t)i;
	return STOA_OK;
}

static int name_slots(struct change *c)
{
	c->slots = stoa__arena_array(c->arena, c->info.n_slots, sizeof *c->slots);
	if (!c->slots)
		return stoa__fail_memory(c->err);
	for (struct stoa__assignment *a = c->s->sets; a; a = a->next)
		STOA_TRY(name_slot(c, &a->name));
	for (uint32_t i = 0; c->s->columns && i < c->s->columns->n; i++) {
		const struct stoa__ast *a = c->s->columns->items[i];
		struct stoa__token name = a->at;
		name.p = a->text.p;
		name.len = a->text.len;
		STOA_TRY(name_slot(c, &name));
	}
	if (c->s->kind == STOA__STATEMENT_INSERT && !c->s->columns)
		while (c->n_slots < c->info.n_slots) {
			c->slots[c->n_slots] = (uint32_t)c->n_slots;
			c->n_slots++;
		}
	return STOA_OK;
}

/*
 * ---- queries made of statements -----------------------------------------------------------------
 */

/* SELECT nothing yet FROM the table, of which only @only count. */
static struct stoa__query *select_from(struct change *c, struct stoa__arena *arena,
				       const struct stoa__row_list *only)
{
	struct stoa__query *q = stoa__arena_zalloc(arena, sizeof *q);
	struct stoa__from *f = stoa__arena_zalloc(arena, sizeof *f);
	struct stoa__ast_items *items = stoa__arena_zalloc(arena, sizeof *items);

	if (!q || !f || !items)
		return NULL;
	f->kind = STOA__FROM_TABLE;
	f->height = 1;
	f->at = c->s->table;
	f->name = (struct stoa_bytes){ c->s->table.p, c->s->table.len };
	f->alias = c->s->alias;
	f->only = only;
	q->at = c->s->at;
	q->height = 1;
	q->from = f;
	q->items = items;
	return q;
}

/* Adds an item: @kind of @a, for @slot. */
static int add_item(struct change *c, struct stoa__arena *arena, struct stoa__query *q, int kind,
		    struct stoa__ast *a, const struct stoa_slot *slot)
{
	return stoa__query_add_item(arena, q, kind, a, slot) ? STOA_OK : stoa__fail_memory(c->err);
}

/*
 * Further tables: FROM of UPDATE, USING of DELETE. A row that several of theirs match is changed
 * once, as the first of them says.
 */
static int join_others(struct change *c, struct stoa__arena *arena, struct stoa__query *q)
{
	struct stoa__from *join = stoa__arena_zalloc(arena, sizeof *join);
	struct stoa__ast_list *on = stoa__arena_zalloc(arena, sizeof *on);

	if (!join || !on)
		return stoa__fail_memory(c->err);
	join->kind = STOA__FROM_JOIN;
	join->join = STOA__JOIN_CROSS;
	join->at = c->s->from->at;
	join->height = (uint16_t)(c->s->from->height + 1);
	join->left = q->from;
	join->right = c->s->from;
	q->from = join;
	on->items = &q->items->first->expr;	/* the rowid */
	on->n = on->cap = 1;
	q->distinct_on = on;
	return STOA_OK;
}

/* What leads an UPDATE or DELETE: rowid, new values. */
static int make_leader(struct change *c, struct stoa__arena *arena, struct stoa__query **out)
{
	struct stoa__query *q = select_from(c, arena, NULL);
	size_t i = 0;

	if (!q)
		return stoa__fail_memory(c->err);
	q->with = c->s->with;
	q->where = c->s->where;
	STOA_TRY(add_item(c, arena, q, STOA__AST_ROWID, NULL, NULL));
	if (c->s->from)
		STOA_TRY(join_others(c, arena, q));
	for (struct stoa__assignment *a = c->s->sets; a; a = a->next, i++)
		STOA_TRY(add_item(c, arena, q, STOA__AST_ASSIGN, a->expr,
				  &c->info.slots[c->slots[i]]));
	*out = q;
	return STOA_OK;
}

/*
 * One row of VALUES as a query without a table: an item for each slot, in order. NULL: all
 * defaults.
 */
static int make_row(struct change *c, struct stoa__arena *arena, const struct stoa__ast *row,
		    struct stoa__query **out)
{
	struct stoa__query *q = select_from(c, arena, NULL);
	struct stoa__ast **values =
		stoa__arena_array(arena, c->info.n_slots, sizeof(*values));

	if (!q || !values)
		return stoa__fail_memory(c->err);
	if (row && row->list->n != c->n_slots)
		return stoa__fail_at(c->err, STOA_EINVAL, row->at.line, row->at.column,
				     "the row has %u values, but %zu columns want one", row->list->n,
				     c->n_slots);
	q->from = NULL;
	for (uint32_t i = 0; row && i < row->list->n; i++)
		values[c->slots[i]] = row->list->items[i];
	for (size_t i = 0; i < c->info.n_slots; i++)
		STOA_TRY(add_item(c, arena, q, STOA__AST_ASSIGN, values[i], &c->info.slots[i]));
	*out = q;
	return STOA_OK;
}

static int no_aggregates(struct change *c, const struct stoa__ast_item *i)
{
	return stoa__fail_at(c->err, STOA_EINVAL, i->expr->at.line, i->expr->at.column,
			     "an aggregate does not belong in RETURNING");
}

/* Is there an aggregate deeper down in what the query gives? */
static bool groups(const struct stoa__plan *plan)
{
	const struct stoa__node *n = plan->root;

	return n->kind == STOA__NODE_PROJECT && n->input[0]->kind == STOA__NODE_AGGREGATE;
}

static int make_returning(struct change *c, struct stoa__arena *arena,
			  const struct stoa__row_list *only, struct stoa__query **out)
{
	struct stoa__query *q = select_from(c, arena, only);

	if (!q)
		return stoa__fail_memory(c->err);
	for (struct stoa__ast_item *i = c->s->returning->first; i; i = i->next)
		if (stoa__is_aggregate(i->expr))
			return no_aggregates(c, i);
	q->items = c->s->returning;
	q->with = c->s->with;
	*out = q;
	return STOA_OK;
}

/* Is INSERT's query a plain list of rows? Then each value takes the type of its slot. */
static const struct stoa__ast_list *value_rows(const struct stoa__statement *s)
{
	const struct stoa__query *q = s->query;

	return q && q->values && !q->with && !q->order_by && !q->limit && !q->offset ? q->values :
										      NULL;
}

/*
 * ---- checking -----------------------------------------------------------------------------------
 */

static int check_query(struct change *c, const struct stoa__query *q, struct stoa__plan **plan)
{
	struct stoa__arena *arena = c->arena;

	return stoa__plan_query(q, c->tables, NULL, c->stmt->n_params, arena, plan, c->err);
}

static int wrong_width(struct change *c, size_t n)
{
	return stoa__fail_at(c->err, STOA_EINVAL, c->s->query->at.line, c->s->query->at.column,
			     "the query gives %zu columns, but %zu are inserted", n, c->n_slots);
}

static int check_insert(struct change *c)
{
	const struct stoa__ast_list *rows = value_rows(c->s);
	struct stoa__plan *plan;
	struct stoa__query *q;

	if (c->s->conflict)
		STOA_TRY(stoa__upsert_new(c->stmt, c->s, c->tables, NULL, c->table, &c->info,
					  c->arena, &c->upsert, c->err));
	for (uint32_t i = 0; rows && i < rows->n; i++) {
		STOA_TRY(make_row(c, c->arena, rows->items[i], &q));
		STOA_TRY(check_query(c, q, &plan));
	}
	if (rows || !c->s->query)
		return STOA_OK;
	STOA_TRY(check_query(c, c->s->query, &plan));
	return plan->n_visible == c->n_slots ? STOA_OK : wrong_width(c, plan->n_visible);
}

static int check(struct change *c)
{
	struct stoa__plan *plan;
	struct stoa__query *q;

	STOA_TRY(find_table(c));
	STOA_TRY(name_slots(c));
	if (c->s->kind == STOA__STATEMENT_INSERT) {
		STOA_TRY(check_insert(c));
	} else {
		STOA_TRY(make_leader(c, c->arena, &q));
		STOA_TRY(check_query(c, q, &plan));
	}
	if (!c->s->returning)
		return STOA_OK;
	STOA_TRY(make_returning(c, c->arena, &c->changed, &q));
	STOA_TRY(check_query(c, q, &plan));
	return groups(plan) ? no_aggregates(c, c->s->returning->first) : STOA_OK;
}

int stoa__change_check(stoa_stmt *stmt, struct stoa__tables *tables, struct stoa_error *err)
{
	struct stoa__arena arena = STOA__ARENA_INIT;
	struct change c = { .stmt = stmt, .s = stoa__stmt_about(stmt), .tables = tables, .arena = &arena,
			    .err = err };
	int rc = check(&c);

	stoa__arena_release(&arena);
	return rc;
}

/*
 * ---- rows ---------------------------------------------------------------------------------------
 */

/* Counts a row, and remembers it for RETURNING. */
static int note(struct change *c, stoa_rowid row)
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

static int insert_row(struct change *c, const struct stoa_value *values)
{
	stoa_rowid row;

	if (c->upsert) {
		int rc = stoa__upsert_row(c->upsert, values, &row, c->err);
		if (rc != STOA_END)
			return rc < 0 ? rc : row ? note(c, row) : STOA_OK;
	}
	STOA_TRY(stoa_insert(c->txn, c->table, values, c->info.n_slots, &row, c->err));
	return note(c, row);
}

/* A query made for the statement, planned and opened. */
static int open_query(struct change *c, const struct stoa__query *query,
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
		rc = stoa_cursor_watch(&q->cursor, c->stmt->progress, c->stmt->progress_ctx, c->err);
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
	case STOA__STATEMENT_INSERT: return "insert what follows";
	case STOA__STATEMENT_UPDATE: return "update what follows";
	default: return "delete what follows";
	}
}

/* The plan of what leads the statement. */
static void explain(struct change *c, const struct stoa__query_cursor *q)
{
	if (c->explain)
		stoa__text_put_plan(c->explain, q->plan, head(c->s), q->counts);
}

/*
 * ---- INSERT -------------------------------------------------------------------------------------
 */

/* A row of which something has to be computed: one row of a query. */
static int insert_computed(struct change *c, const struct stoa__query *query)
{
	struct stoa__query_cursor *q;
	const struct stoa_value *row;

	STOA_TRY(open_query(c, query, &q));
	int rc = stoa_next(&q->cursor, &row, c->err);
	if (rc == STOA_ROW)
		rc = insert_row(c, row);
	stoa_cursor_close(&q->cursor);
	return rc;
}

static int insert_values_row(struct change *c, struct stoa__arena *arena,
			     const struct stoa__ast *row, const struct stoa_value *params)
{
	struct stoa__query *query;
	struct stoa__plan *plan;
	struct stoa_value *values = stoa__arena_array(arena, c->info.n_slots, sizeof *values);

	if (!values)
		return stoa__fail_memory(c->err);
	STOA_TRY(make_row(c, arena, row, &query));
	STOA_TRY(stoa__plan_query(query, c->tables, params, c->stmt->n_params, arena, &plan,
				  c->err));
	if (stoa__plan_constants(plan, values))
		return insert_row(c, values);
	return insert_computed(c, query);
}

static int insert_values(struct change *c, const struct stoa_value *params)
{
	const struct stoa__ast_list *rows = value_rows(c->s);
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
static int insert_batch(struct change *c, const struct stoa_batch *b, struct stoa_value *row)
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

static int insert_batches(struct change *c, stoa_cursor *cur, struct stoa_batch *b)
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

static int append_all(struct change *c, stoa_appender *app, stoa_cursor *cur, struct stoa_batch *b)
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
			STOA_TRY(note(c, next++));
		rc = stoa_next_batch(cur, b, c->err);
	} while (rc == STOA_ROW);
	return rc < 0 ? rc : STOA_OK;
}

static int append_batches(struct change *c, stoa_cursor *cur, struct stoa_batch *b)
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
static int insert_rows(struct change *c, stoa_cursor *cur)
{
	struct stoa_batch b;
	int rc = stoa_next_batch(cur, &b, c->err);

	if (rc != STOA_ROW)
		return rc < 0 ? rc : STOA_OK;
	if (b.n_rows == STOA_BATCH_MAX && c->n_slots == c->info.n_slots && !c->upsert)
		return append_batches(c, cur, &b);
	return insert_batches(c, cur, &b);
}

int stoa__change_fill(stoa_txn *txn, stoa_table table, stoa_cursor *cur, uint64_t *n,
		      struct stoa_error *err)
{
	static const struct stoa__statement plain = { .kind = STOA__STATEMENT_INSERT };
	struct stoa__arena arena = STOA__ARENA_INIT;
	struct change c = { .s = &plain, .txn = txn, .arena = &arena, .err = err, .table = table };

	STOA_TRY(stoa_table_info(txn, table, &c.info, err));
	int rc = name_slots(&c);
	if (rc == STOA_OK)
		rc = insert_rows(&c, cur);
	*n += c.n;
	stoa__arena_release(&arena);
	return rc;
}

static int insert_query(struct change *c)
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
		rc = wrong_width(c, q->plan->n_visible);
	if (rc == STOA_OK)
		rc = stoa__query_cursor_start(q, c->tables, slots, c->err);
	if (rc == STOA_OK)
		rc = stoa_cursor_watch(&q->cursor, c->stmt->progress, c->stmt->progress_ctx, c->err);
	if (rc == STOA_OK)
		rc = insert_rows(c, &q->cursor);
	explain(c, q);
	stoa_cursor_close(&q->cursor);
	return rc;
}

/*
 * ---- UPDATE and DELETE --------------------------------------------------------------------------
 */

/* What is done with each row that the leader gives. */
static int update_row(struct change *c, const struct stoa_value *row)
{
	stoa_rowid id = (stoa_rowid)row[0].i;

	STOA_TRY(stoa_update(c->txn, c->table, id, c->slots, row + 1, c->n_slots, c->err));
	return note(c, id);
}

static int delete_row(struct change *c, const struct stoa_value *row)
{
	c->n++;
	return stoa_delete(c->txn, c->table, (stoa_rowid)row[0].i, c->err);
}

static int note_row(struct change *c, const struct stoa_value *row)
{
	return note(c, (stoa_rowid)row[0].i);
}

static int lead(struct change *c, int (*each)(struct change *c, const struct stoa_value *row))
{
	struct stoa__query_cursor *q;
	const struct stoa_value *row;
	struct stoa__query *query;
	int rc;

	STOA_TRY(make_leader(c, c->arena, &query));
	STOA_TRY(open_query(c, query, &q));
	while ((rc = stoa_next(&q->cursor, &row, c->err)) == STOA_ROW) {
		rc = each(c, row);
		if (rc < 0)
			break;
	}
	explain(c, q);
	stoa_cursor_close(&q->cursor);
	return rc < 0 ? rc : STOA_OK;
}

static int delete_noted(struct change *c)
{
	for (size_t i = 0; i < c->changed.n; i++)
		STOA_TRY(stoa_delete(c->txn, c->table, c->changed.p[i], c->err));
	return STOA_OK;
}

/*
 * ---- RETURNING ----------------------------------------------------------------------------------
 */

static bool is_plain(const struct stoa__ast_items *items)
{
	for (const struct stoa__ast_item *i = items->first; i; i = i->next)
		if (i->expr->kind != STOA__AST_NAME && i->expr->kind != STOA__AST_STAR)
			return false;
	return true;
}

/* Runs a query to its end, for its errors. */
static int run_through(struct change *c, const struct stoa__query *query)
{
	struct stoa__query_cursor *q;
	struct stoa_batch b;
	int rc;

	STOA_TRY(open_query(c, query, &q));
	do {
		rc = stoa_next_batch(&q->cursor, &b, c->err);
	} while (rc == STOA_ROW);
	stoa_cursor_close(&q->cursor);
	return rc < 0 ? rc : STOA_OK;
}

/* Makes @out a cursor over the rows that are noted, as they are now; it takes the list over. */
static int open_returning(struct change *c, struct stoa__query_cursor *out)
{
	struct stoa__query *query;

	if (!c->s->returning)
		return STOA_OK;
	out->rowids = c->rowids;
	out->only = c->changed;
	c->rowids = NULL;
	STOA_TRY(make_returning(c, &out->arena, &out->only, &query));
	if (!is_plain(c->s->returning))
		STOA_TRY(run_through(c, query));
	STOA_TRY(stoa__query_cursor_plan(out, query, c->tables, c->err));
	return stoa__query_cursor_start(out, c->tables, NULL, c->err);
}

/*
 * ---- the whole ----------------------------------------------------------------------------------
 */

static int change(struct change *c, struct stoa__query_cursor *out)
{
	switch (c->s->kind) {
	case STOA__STATEMENT_INSERT:
		STOA_TRY(c->s->query && !value_rows(c->s) ? insert_query(c) :
							    insert_values(c, out->params));
		return open_returning(c, out);
	case STOA__STATEMENT_UPDATE:
		STOA_TRY(lead(c, update_row));
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

/* One call that is all or nothing by itself needs no savepoint. */
static bool is_single(const struct stoa__statement *s)
{
	const struct stoa__ast_list *rows = value_rows(s);

	return s->kind == STOA__STATEMENT_INSERT && !s->returning && !s->conflict &&
	       (!s->query || (rows && rows->n == 1));
}

/* ---- without a plan -------------------------------------------------------------------------- */

static int insert_direct(struct change *c, const struct stoa_value *params)
{
	const struct stoa__ast_list *rows = value_rows(c->s);
	const struct stoa__ast *row = rows ? rows->items[0] : NULL;
	struct stoa_value *values;
	stoa_rowid id;

	if (!is_single(c->s) || (row && row->list->n != c->n_slots))
		return STOA_END;
	values = stoa__arena_array(c->arena, c->info.n_slots, sizeof *values);
	for (size_t i = 0; values && i < c->info.n_slots; i++)
		values[i] = stoa_default();
	for (uint32_t i = 0; values && row && i < row->list->n; i++)
		if (!stoa__direct_value(row->list->items[i], params, &c->info.slots[c->slots[i]],
					&values[c->slots[i]]))
			return STOA_END;
	if (!values || stoa_insert(c->txn, c->table, values, c->info.n_slots, &id, NULL) < 0)
		return STOA_END;
	c->n = 1;
	return STOA_ROW;
}

static int lead_direct(struct change *c, const struct stoa_value *params)
{
	const struct stoa__assignment *a = c->s->sets;
	struct stoa_value *values;
	stoa_rowid row;
	int rc;

	if (c->s->from || c->s->with || c->s->returning)
		return STOA_END;
	values = stoa__arena_array(c->arena, c->n_slots + 1, sizeof *values);
	for (size_t i = 0; values && a; a = a->next, i++)
		if (!stoa__direct_value(a->expr, params, &c->info.slots[c->slots[i]], &values[i]))
			return STOA_END;
	rc = values ? stoa__direct_row(c->txn, c->table, &c->info, c->s, params, &row) : STOA_ENOMEM;
	if (rc == STOA_END)
		return STOA_ROW;
	if (rc == STOA_ROW)
		rc = c->s->kind == STOA__STATEMENT_DELETE ?
			     stoa_delete(c->txn, c->table, row, NULL) :
			     stoa_update(c->txn, c->table, row, c->slots, values, c->n_slots, NULL);
	if (rc < 0)
		return STOA_END;
	c->n = 1;
	return STOA_ROW;
}

/*
 * One row, in constants: STOA_ROW if that is all, and done; STOA_END: nothing has been done
 * (direct.h).
 */
static int change_direct(struct change *c, const struct stoa_value *params)
{
	if (c->explain || (c->stmt->n_params && !params))
		return STOA_END;
	return c->s->kind == STOA__STATEMENT_INSERT ? insert_direct(c, params) :
						      lead_direct(c, params);
}

static int change_all(struct change *c, struct stoa__query_cursor *out)
{
	uint32_t mark = 0;

	STOA_TRY(find_table(c));
	STOA_TRY(name_slots(c));
	if (change_direct(c, out->params) == STOA_ROW)
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
	struct change c = { .stmt = stmt, .s = stoa__stmt_about(stmt), .txn = txn, .err = err,
			    .explain = text };

	STOA_TRY(stoa__query_cursor_new(stmt, &q, err));
	stoa__txn_tables_init(&t, txn);
	c.tables = &t.tables;
	c.arena = &q->arena;
	int rc = change_all(&c, q);
	q->cursor.changes = c.n;
	if (rc == STOA_OK && c.s->returning)
		stoa__query_cursor_keep(q, &t);
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

/* ---- EXPLAIN --------------------------------------------------------------------------------- */

/* The plan alone. */
static int plan_only(struct change *c)
{
	const struct stoa__query *query = c->s->query;
	struct stoa__query_cursor *q;
	struct stoa__query *leader;

	STOA_TRY(find_table(c));
	STOA_TRY(name_slots(c));
	if (c->s->kind == STOA__STATEMENT_INSERT && (!query || value_rows(c->s)))
		return STOA_OK;
	if (c->s->kind != STOA__STATEMENT_INSERT) {
		STOA_TRY(make_leader(c, c->arena, &leader));
		query = leader;
	}
	STOA_TRY(stoa__query_cursor_new(c->stmt, &q, c->err));
	int rc = stoa__query_cursor_plan(q, query, c->tables, c->err);
	if (rc == STOA_OK)
		explain(c, q);
	stoa_cursor_close(&q->cursor);
	return rc;
}

static int explain_only(stoa_stmt *stmt, stoa_txn *txn, struct stoa__text *text,
			struct stoa_error *err)
{
	struct stoa__arena arena = STOA__ARENA_INIT;
	struct stoa__txn_tables t;
	struct change c = { .stmt = stmt, .s = stoa__stmt_about(stmt), .txn = txn, .err = err,
			    .explain = text, .arena = &arena };

	stoa__txn_tables_init(&t, txn);
	c.tables = &t.tables;
	int rc = plan_only(&c);
	stoa__txn_tables_release(&t);
	stoa__arena_release(&arena);
	return rc;
}

int stoa__change_explain(stoa_stmt *stmt, stoa_txn *txn, struct stoa__text *text, uint64_t *n,
			 struct stoa_error *err)
{
	const struct stoa__ast_list *rows = value_rows(stoa__stmt_about(stmt));
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
