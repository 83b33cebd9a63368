/* SPDX-License-Identifier: MIT */
/*
 * stmt.c - statements and their cursors: the public face of queries
 *
 * A statement is its text, the syntax tree and the values of its parameters. It is bound anew at
 * each execution, which costs some microseconds: so parameters are constants to the planner, with
 * types, and skip row groups like any other; and a schema that has changed meanwhile is the one
 * that counts. One about a single row is not: what was compiled for it stays (point.h).
 *
 *     stoa_stmt -> text, tree             counted: the handle is one user, each cursor another
 *     cursor    -> plan, operators, a copy of the parameters, room for the arrays of a batch
 *
 * A cursor borrows nothing from its transaction but what its sources hold by themselves. A closed
 * one is kept for the next execution, so that a statement of one row allocates little.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "../lib/core/type.h"
#include "../lib/cursor.h"
#include "../lib/db.h"
#include "../lib/scan.h"
#include "change.h"
#include "define.h"
#include "engine.h"
#include "explain.h"
#include "parse.h"
#include "point.h"

static void stmt_release(stoa_stmt *stmt)
{
	if (--stmt->n_users)
		return;
	if (stmt->spare)
		stoa__arena_release(&stmt->spare->arena);
	stoa__free(stmt->spare);
	for (uint32_t i = 0; stmt->params && i < stmt->n_params; i++)
		if (stmt->params[i].type != STOA_NULL &&
		    stoa__type_family(stmt->params[i].type) == STOA__BYTES)
			stoa__free((void *)stmt->params[i].p);
	stoa__free(stmt->params);
	stoa__point_free(stmt->point);
	stoa__point_free(stmt->upsert);
	stoa__arena_release(&stmt->arena);
	stoa__free(stmt);
}

/* ---- prepare -------------------------------------------------------------------------------- */

static int parse(stoa_stmt *stmt, const char *sql, size_t len, struct stoa__spot spot,
		 struct stoa_error *err)
{
	char *text = stoa__arena_copy(&stmt->arena, sql, len);

	if (!text)
		return stoa__fail_memory(err);
	STOA_TRY(stoa__parse_at(text, len, spot, &stmt->arena, &stmt->tree, &stmt->n_params, err));
	stmt->params = stoa__calloc((size_t)stmt->n_params + 1, sizeof *stmt->params);
	return stmt->params ? STOA_OK : stoa__fail_memory(err);
}

/* Binds with parameters unknown, for the errors alone. */
static int check(stoa_stmt *stmt, struct stoa__tables *tables, struct stoa_error *err)
{
	struct stoa__arena arena = STOA__ARENA_INIT;
	struct stoa__plan *plan;
	const struct stoa__statement *s = stoa__stmt_about(stmt);

	if (s->kind > STOA__STATEMENT_EXPLAIN)
		return stoa__define_check(stmt, tables, err);
	if (s->kind != STOA__STATEMENT_QUERY)
		return stoa__change_check(stmt, tables, err);
	int rc = stoa__plan_query(s->query, tables, NULL, stmt->n_params, &arena, &plan, err);

	stoa__arena_release(&arena);
	return rc;
}

int stoa__stmt_prepare(struct stoa__tables *tables, const char *sql, size_t len,
		       struct stoa__spot spot, stoa_stmt **out, struct stoa_error *err)
{
	stoa_stmt *stmt = stoa__calloc(1, sizeof *stmt);

	*out = NULL;
	if (!stmt)
		return stoa__fail_memory(err);
	stmt->n_users = 1;
	/* What is too long is refused before it is copied. */
	int rc = len > STOA__SQL_BYTES_MAX ?
			 stoa__parse_at(sql, len, spot, &stmt->arena, &stmt->tree, &stmt->n_params,
					err) :
			 parse(stmt, sql, len, spot, err);
	if (rc == STOA_OK)
		rc = check(stmt, tables, err);
	if (rc < 0) {
		stmt_release(stmt);
		return rc;
	}
	*out = stmt;
	return STOA_OK;
}

int stoa__engine_prepare(struct stoa__tables *tables, const char *sql, size_t len, stoa_stmt **out,
			 struct stoa_error *err)
{
	return stoa__stmt_prepare(tables, sql, len, (struct stoa__spot){ 1, 1 }, out, err);
}

void stoa_stmt_free(stoa_stmt *stmt)
{
	if (stmt)
		stmt_release(stmt);
}

uint32_t stoa_parameters(const stoa_stmt *stmt)
{
	return stmt->n_params;
}

static int copy_value(const struct stoa_value *in, struct stoa_value *out, struct stoa_error *err)
{
	*out = *in;
	if (in->type == STOA_NULL || stoa__type_family(in->type) != STOA__BYTES)
		return STOA_OK;
	if (in->type != STOA_BLOB && !stoa__utf8_valid(in->p, in->len))
		return stoa__fail(err, STOA_EINVAL, "the string is not valid UTF-8");
	out->p = stoa__strndup(in->p ? in->p : "", in->len);
	return out->p ? STOA_OK : stoa__fail_memory(err);
}

int stoa_bind(stoa_stmt *stmt, uint32_t index, const struct stoa_value *value,
	      struct stoa_error *err)
{
	struct stoa_value copy;

	if (index < 1 || index > stmt->n_params)
		return stoa__fail(err, STOA_EINVAL,
				  "there is no parameter %u: the statement has %u", index,
				  stmt->n_params);
	if (value->type != STOA_NULL && !stoa__type_valid(value->type))
		return stoa__fail(err, STOA_ETYPE, "a parameter cannot have type %u", value->type);
	if (value->type == STOA_DECIMAL && value->scale > STOA_DECIMAL_PRECISION_MAX)
		return stoa__fail(err, STOA_ERANGE,
				  "a decimal has at most 18 digits after the point");
	STOA_TRY(copy_value(value, &copy, err));
	struct stoa_value *old = &stmt->params[index - 1];
	if (old->type != STOA_NULL && stoa__type_family(old->type) == STOA__BYTES)
		stoa__free((void *)old->p);
	*old = copy;
	return STOA_OK;
}

/* ---- cursors -------------------------------------------------------------------------------- */

static struct stoa__query_cursor *of(const stoa_cursor *cur)
{
	return (struct stoa__query_cursor *)(uintptr_t)cur;
}

static const struct stoa_column *query_columns(const stoa_cursor *cur, size_t *n)
{
	*n = of(cur)->n_columns;
	return of(cur)->columns;
}

static int query_next_batch(stoa_cursor *cur, struct stoa_batch *out, struct stoa_error *err)
{
	struct stoa__query_cursor *q = of(cur);
	size_t n;

	if (!q->root)	/* a statement without rows */
		return STOA_END;
	stoa__run_enter(&q->run);
	/* A join may give batches for hours without reading another. */
	STOA_TRY(stoa__run_check(&q->run, err));
	int rc = stoa__op_next(q->root, &n, err);
	if (rc != STOA_ROW)
		return rc;
	for (size_t i = 0; i < q->n_columns; i++) {
		struct stoa__vec v;
		STOA_TRY(stoa__op_column(q->root, i, &v, err));
		STOA_TRY(stoa__result_array(&q->results[i], &v, n, q->columns[i].type,
					    &q->arrays[i], err));
		q->arrays[i].scale = q->columns[i].scale;
	}
	*out = (struct stoa_batch){ n, q->n_columns, q->arrays, NULL };
	return STOA_ROW;
}

#define SPARE_BYTES 16384	/* a statement that is not running holds no more */

/* A statement that is run again and again is spared the memory of its cursor each time. */
static void put_away(struct stoa__query_cursor *q)
{
	stoa_stmt *stmt = q->stmt;

	if (stmt->n_users > 1 && !stmt->spare && q->arena.total <= SPARE_BYTES) {
		stoa__arena_reset(&q->arena);
		stmt->spare = q;
	} else {
		stoa__arena_release(&q->arena);
		stoa__free(q);
	}
	stmt_release(stmt);
}

static struct stoa__query_cursor *take_out(stoa_stmt *stmt)
{
	struct stoa__query_cursor *q = stmt->spare;

	if (!q)
		return stoa__calloc(1, sizeof *q);
	stmt->spare = NULL;
	*q = (struct stoa__query_cursor){ .arena = q->arena };
	return q;
}

static void query_close(stoa_cursor *cur)
{
	struct stoa__query_cursor *q = of(cur);

	stoa__op_close(q->root);
	for (size_t i = 0; q->results && i < q->n_columns; i++)
		stoa__result_release(&q->results[i]);
	stoa__free(q->results);
	stoa__free(q->arrays);
	stoa__free(q->rowids);
	if (q->visitor.version)
		stoa__visitor_end(&q->visitor);
	else if (q->version)
		stoa__version_drop(q->version);
	put_away(q);
}

static void query_lend(stoa_cursor *cur, size_t i, void *room)
{
	if (of(cur)->results)
		of(cur)->results[i].lent = room;
}

static bool query_codes(stoa_cursor *cur, size_t i, struct stoa__vec *out)
{
	*out = of(cur)->results[i].vec;
	return out->kind == STOA__VEC_DICT;
}

/* Parameters may be bound to other values while the cursor is open: it has its own. */
static struct stoa_value *copy_params(struct stoa__query_cursor *q)
{
	uint32_t n = q->stmt->n_params;
	struct stoa_value *params = stoa__arena_array(&q->arena, n, sizeof *params);

	if (n && params)
		memcpy(params, q->stmt->params, n * sizeof *params);
	for (uint32_t i = 0; params && i < n; i++) {
		if (params[i].type == STOA_NULL || stoa__type_family(params[i].type) != STOA__BYTES)
			continue;
		params[i].p = stoa__arena_copy(&q->arena, params[i].p, params[i].len);
		if (!params[i].p)
			return NULL;
	}
	return params;
}

int stoa__query_cursor_new(stoa_stmt *stmt, struct stoa__query_cursor **out,
			   struct stoa_error *err)
{
	static const struct stoa__cursor_ops ops = {
		.columns = query_columns, .next_batch = query_next_batch, .close = query_close,
		.lend = query_lend, .codes = query_codes,
	};
	struct stoa__query_cursor *q = take_out(stmt);

	*out = NULL;
	if (!q)
		return stoa__fail_memory(err);
	stoa__cursor_init(&q->cursor, &ops);
	q->stmt = stmt;
	stmt->n_users++;
	q->params = copy_params(q);
	if (!q->params) {
		stoa_cursor_close(&q->cursor);
		return stoa__fail_memory(err);
	}
	*out = q;
	return STOA_OK;
}

int stoa__query_cursor_plan(struct stoa__query_cursor *q, const struct stoa__query *query,
			    struct stoa__tables *tables, struct stoa_error *err)
{
	return stoa__plan_query(query, tables, q->params, q->stmt->n_params, &q->arena, &q->plan,
				err);
}

/* A projection on top: each column as its slot stores it. */
static int assign(struct stoa__query_cursor *q, const struct stoa_slot *const *slots,
		  struct stoa_error *err)
{
	struct stoa__binder bn = { .arena = &q->arena, .err = err };
	struct stoa__token at = { .line = 1, .column = 1 };
	size_t n = q->n_columns;
	struct stoa__bound **exprs = stoa__arena_array(&q->arena, n, sizeof(*exprs));
	struct stoa_column *columns = stoa__arena_array(&q->arena, n, sizeof *columns);

	if (!exprs || !columns)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < n; i++) {
		const struct stoa_column *c = &q->columns[i];
		struct stoa__type type = { c->type, c->precision, c->scale, 0 };
		struct stoa__bound *b = stoa__bound_new(&bn, STOA__BOUND_COLUMN, &at, type, 0);
		if (b)
			b->index = (uint32_t)i;
		exprs[i] = stoa__assign(&bn, &at, b, slots[i]);
		STOA_TRY(bn.rc);
		type = exprs[i]->type;
		columns[i] = (struct stoa_column){ slots[i]->name, slots[i]->type, type.precision,
						   type.scale };
	}
	q->columns = columns;
	return stoa__op_project(q->root, &q->arena, exprs, n, &q->root, err);
}

int stoa__query_cursor_start(struct stoa__query_cursor *q, struct stoa__tables *tables,
			     const struct stoa_slot *const *slots, struct stoa_error *err)
{
	size_t n = q->plan->n_visible;

	q->results = stoa__calloc(n + 1, sizeof *q->results);
	q->arrays = stoa__calloc(n + 1, sizeof *q->arrays);
	if (!q->results || !q->arrays)
		return stoa__fail_memory(err);
	q->columns = q->plan->columns;
	q->n_columns = n;
	q->run.means = tables->means;
	q->run.watch = &q->cursor.watch;
	if (q->counting) {
		q->counts = stoa__arena_array(&q->arena, q->plan->n_nodes, sizeof *q->counts);
		if (!q->counts)
			return stoa__fail_memory(err);
	}
	STOA_TRY(stoa__op_build(q->plan, tables, &q->run, &q->arena, q->counts, &q->root, err));
	return slots ? assign(q, slots, err) : STOA_OK;
}

void stoa__query_cursor_keep(struct stoa__query_cursor *q, struct stoa__txn_tables *t)
{
	if (!t->version)
		return;
	q->version = t->version;
	q->cursor.gone = &t->version->gone;
	q->visitor.is_cursor = true;
	/*
	 * Its scans hold the rows. Without memory for saying so it holds them once more: no harm.
	 */
	(void)stoa__visitor_begin(&q->visitor, q->version, 0, STOA__VISITOR_DONE);
	t->version = NULL;	/* handed over */
}

int stoa__engine_execute(stoa_stmt *stmt, struct stoa__tables *tables, stoa_cursor **out,
			 struct stoa_error *err)
{
	struct stoa__query_cursor *q;

	*out = NULL;
	STOA_TRY(stoa__query_cursor_new(stmt, &q, err));
	int rc = stoa__query_cursor_plan(q, stmt->tree->query, tables, err);
	if (rc == STOA_OK)
		rc = stoa__query_cursor_start(q, tables, NULL, err);
	if (rc < 0) {
		stoa_cursor_close(&q->cursor);
		return rc;
	}
	*out = &q->cursor;
	return STOA_OK;
}

/* ---- a transaction's tables ------------------------------------------------------------------ */

static int txn_find(struct stoa__tables *t, const char *name, stoa_table *table,
		    struct stoa_table_info *info, struct stoa_error *err)
{
	stoa_txn *txn = ((struct stoa__txn_tables *)t)->txn;

	STOA_TRY(stoa_table_find(txn, name, table, err));
	return stoa_table_info(txn, *table, info, err);
}

static int txn_describe(struct stoa__tables *t, stoa_table table, struct stoa_table_info *info,
			struct stoa_error *err)
{
	return stoa_table_info(((struct stoa__txn_tables *)t)->txn, table, info, err);
}

/* Numbers that no table has, as they are given in order from 1: those of relations. */
#define RELATION (UINT32_MAX - STOA__SQL_RELATIONS_MAX * 2)

static int txn_call(struct stoa__tables *t, const struct stoa__table_call *call, stoa_table *table,
		    struct stoa_table_info *info, struct stoa_error *err)
{
	struct stoa__txn_tables *own = (struct stoa__txn_tables *)t;
	struct stoa__table_call here = *call;
	struct stoa__relation *r, **more;

	if (own->n_relations >= STOA__SQL_RELATIONS_MAX)
		return stoa__fail_at(err, STOA_EFULL, call->at.line, call->at.column,
				     "more than %d functions in FROM", STOA__SQL_RELATIONS_MAX);
	more = stoa__realloc_array(own->relations, own->n_relations + 1, sizeof(*more));
	if (!more)
		return stoa__fail_memory(err);
	own->relations = more;
	here.txn = own->txn;
	STOA_TRY(stoa__relation_make(&here, &r, err));
	*table = (stoa_table)(RELATION + own->n_relations);
	more[own->n_relations++] = r;
	*info = (struct stoa_table_info){ .slots = r->slots, .n_slots = r->n_slots,
					  .n_rows = r->n_rows };
	return STOA_OK;
}

static int txn_open(struct stoa__tables *t, stoa_table table, const uint32_t *slots, size_t n_slots,
		    struct stoa__source **out, struct stoa_error *err)
{
	struct stoa__txn_tables *own = (struct stoa__txn_tables *)t;

	if (table >= RELATION) {
		struct stoa__relation *r = own->relations[table - RELATION];
		return r->ops->open(r, slots, n_slots, out, err);
	}
	STOA_TRY(stoa__scan_source(own->txn, table, slots, n_slots, out, err));
	if (own->version)
		stoa__version_drop(own->version);
	own->version = stoa__scan_version(*out);
	stoa__version_hold(own->version);
	return STOA_OK;
}

void stoa__txn_tables_init(struct stoa__txn_tables *t, stoa_txn *txn)
{
	struct stoa__means *m = &t->tables.means;

	*t = (struct stoa__txn_tables){
		.tables = { .find = txn_find, .describe = txn_describe, .open = txn_open,
			    .call = txn_call },
		.txn = txn,
	};
	stoa__txn_means(txn, &m->budget, &m->dir, &m->n_threads, &m->hands,
			&m->no_background);
}

void stoa__txn_tables_release(struct stoa__txn_tables *t)
{
	if (t->version)
		stoa__version_drop(t->version);
	t->version = NULL;
	for (size_t i = 0; i < t->n_relations; i++)
		stoa__relation_drop(t->relations[i]);
	stoa__free(t->relations);
	t->relations = NULL;
	t->n_relations = 0;
}

int stoa_prepare(stoa_txn *txn, const char *sql, size_t len, stoa_stmt **out,
		 struct stoa_error *err)
{
	struct stoa__txn_tables t;

	stoa__txn_tables_init(&t, txn);
	int rc = stoa__engine_prepare(&t.tables, sql, len, out, err);
	stoa__txn_tables_release(&t);	/* planning looks into tables */
	return rc;
}

bool stoa_stmt_writes(const stoa_stmt *stmt)
{
	return stoa__statement_writes(stmt->tree);
}

/* The row of a statement about one; false: it is none, or there is more to be said. */
static bool execute_point(stoa_stmt *stmt, stoa_txn *txn, struct stoa__tables *tables,
			  stoa_cursor **out)
{
	struct stoa__query_cursor *q;

	if (!stoa__point_may_select(stmt) || stoa__query_cursor_new(stmt, &q, NULL) < 0)
		return false;
	if (stoa__point_select(q, txn, tables) < 0) {
		stoa_cursor_close(&q->cursor);
		return false;
	}
	*out = &q->cursor;
	return true;
}

static int execute_query(stoa_stmt *stmt, stoa_txn *txn, stoa_cursor **out, struct stoa_error *err)
{
	struct stoa__txn_tables t;

	stoa__txn_tables_init(&t, txn);
	if (execute_point(stmt, txn, &t.tables, out)) {
		stoa__txn_tables_release(&t);
		return STOA_OK;
	}
	int rc = stoa__engine_execute(stmt, &t.tables, out, err);
	if (rc == STOA_OK)
		stoa__query_cursor_keep(of(*out), &t);
	stoa__txn_tables_release(&t);
	return rc;
}

/* What defines or controls has no rows: its cursor ends at once. */
static int execute_define(stoa_stmt *stmt, stoa_txn *txn, stoa_cursor **out, struct stoa_error *err)
{
	struct stoa__query_cursor *q;

	STOA_TRY(stoa__query_cursor_new(stmt, &q, err));
	int rc = stoa__define_run(stmt, txn, &q->cursor.changes, err);
	if (rc < 0)
		stoa_cursor_close(&q->cursor);
	else
		*out = &q->cursor;
	return rc;
}

static int fail_control(const struct stoa__statement *s, struct stoa_error *err)
{
	return stoa__fail_at(err, STOA_ESTATE, s->at.line, s->at.column,
			     "BEGIN, COMMIT and ROLLBACK are for a session: here a transaction is "
			     "begun by stoa_begin(), and ended by stoa_commit() or stoa_abort()");
}

int stoa_execute(stoa_stmt *stmt, stoa_txn *txn, stoa_cursor **out, struct stoa_error *err)
{
	const struct stoa__statement *s = stmt->tree;
	stoa_cursor *cur = NULL;
	int rc;

	if (s->kind == STOA__STATEMENT_QUERY)
		rc = execute_query(stmt, txn, &cur, err);
	else if (s->kind < STOA__STATEMENT_EXPLAIN)
		rc = stoa__change_run(stmt, txn, &cur, err);
	else if (s->kind == STOA__STATEMENT_EXPLAIN)
		rc = stoa__explain_run(stmt, txn, &cur, err);
	else
		rc = stoa__statement_ends(s) ? fail_control(s, err) :
					       execute_define(stmt, txn, &cur, err);
	if (out)
		*out = cur;
	else
		stoa_cursor_close(cur);
	return rc;
}

uint64_t stoa_changes(const stoa_cursor *cur)
{
	return cur->changes;
}

int stoa_query(stoa_txn *txn, const char *sql, stoa_cursor **out, struct stoa_error *err)
{
	stoa_stmt *stmt;

	if (out)
		*out = NULL;
	STOA_TRY(stoa_prepare(txn, sql, strlen(sql), &stmt, err));
	int rc = stoa_execute(stmt, txn, out, err);
	stoa_stmt_free(stmt);	/* the cursor keeps it */
	return rc;
}
