/* SPDX-License-Identifier: MIT */
/*
 * stmt.c - statements and their cursors: the public face of queries
 *
 * A statement is its text, the syntax tree and the values of its parameters. It is bound anew at
 * each execution, which costs some microseconds: so parameters are constants to the planner, with
 * types, and skip row groups like any other; and a schema that has changed meanwhile is the one
 * that counts.
 *
 *     stoa_stmt -> text, tree             counted: the handle is one user, each cursor another
 *     cursor    -> plan, operators, a copy of the parameters, room for the arrays of a batch
 *
 * A cursor borrows nothing from its transaction but what its sources hold by themselves.
 */
#include <string.h>

#include "../lib/block.h"
#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "../lib/core/type.h"
#include "../lib/cursor.h"
#include "../lib/scan.h"
#include "engine.h"
#include "op.h"
#include "parse.h"
#include "result.h"

struct stoa_stmt {
	uint32_t n_users;
	struct stoa__arena arena;	/* text and tree */
	struct stoa__query *query;
	struct stoa_value *params;	/* bytes are heap copies of ours */
	uint32_t n_params;
};

static void stmt_release(stoa_stmt *stmt)
{
	if (--stmt->n_users)
		return;
	for (uint32_t i = 0; stmt->params && i < stmt->n_params; i++)
		if (stmt->params[i].type != STOA_NULL &&
		    stoa__type_family(stmt->params[i].type) == STOA__BYTES)
			stoa__free((void *)stmt->params[i].p);
	stoa__free(stmt->params);
	stoa__arena_release(&stmt->arena);
	stoa__free(stmt);
}

/* ---- prepare -------------------------------------------------------------------------------- */

static int parse(stoa_stmt *stmt, const char *sql, size_t len, struct stoa_error *err)
{
	char *text = stoa__arena_copy(&stmt->arena, sql, len);

	if (!text)
		return stoa__fail_memory(err);
	STOA_TRY(stoa__parse(text, len, &stmt->arena, &stmt->query, &stmt->n_params, err));
	stmt->params = stoa__calloc((size_t)stmt->n_params + 1, sizeof *stmt->params);
	return stmt->params ? STOA_OK : stoa__fail_memory(err);
}

/* Binds with parameters unknown, for the errors alone. */
static int check(stoa_stmt *stmt, struct stoa__tables *tables, struct stoa_error *err)
{
	struct stoa__arena arena = STOA__ARENA_INIT;
	struct stoa__plan *plan;
	int rc = stoa__plan_query(stmt->query, tables, NULL, stmt->n_params, &arena, &plan, err);

	stoa__arena_release(&arena);
	return rc;
}

int stoa__engine_prepare(struct stoa__tables *tables, const char *sql, size_t len, stoa_stmt **out,
			 struct stoa_error *err)
{
	stoa_stmt *stmt = stoa__calloc(1, sizeof *stmt);

	*out = NULL;
	if (!stmt)
		return stoa__fail_memory(err);
	stmt->n_users = 1;
	int rc = len > STOA__SQL_BYTES_MAX ?
			 stoa__parse(sql, len, &stmt->arena, &stmt->query, &stmt->n_params, err) :
			 parse(stmt, sql, len, err);
	if (rc == STOA_OK)
		rc = check(stmt, tables, err);
	if (rc < 0) {
		stmt_release(stmt);
		return rc;
	}
	*out = stmt;
	return STOA_OK;
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

struct query_cursor {
	struct stoa_cursor cursor;
	stoa_stmt *stmt;
	struct stoa__arena arena;	/* plan, programs, parameters */
	struct stoa__plan *plan;
	struct stoa__op *root;
	struct stoa__result_column *results;
	struct stoa_array *arrays;
	struct stoa__version *version;	/* held: what rows may borrow from; NULL without a table */
};

static const struct stoa_column *query_columns(const stoa_cursor *cur, size_t *n)
{
	const struct query_cursor *q = (const struct query_cursor *)cur;

	*n = q->plan->n_visible;
	return q->plan->columns;
}

static int query_next_batch(stoa_cursor *cur, struct stoa_batch *out, struct stoa_error *err)
{
	struct query_cursor *q = (struct query_cursor *)cur;
	size_t n;
	int rc = stoa__op_next(q->root, &n, err);

	if (rc != STOA_ROW)
		return rc;
	for (size_t i = 0; i < q->plan->n_visible; i++) {
		struct stoa__vec v;
		STOA_TRY(stoa__op_column(q->root, i, &v, err));
		STOA_TRY(stoa__result_array(&q->results[i], &v, n, q->plan->columns[i].type,
					    &q->arrays[i], err));
		q->arrays[i].scale = q->plan->columns[i].scale;
	}
	*out = (struct stoa_batch){ n, q->plan->n_visible, q->arrays, NULL };
	return STOA_ROW;
}

static void query_close(stoa_cursor *cur)
{
	struct query_cursor *q = (struct query_cursor *)cur;

	stoa__op_close(q->root);
	for (size_t i = 0; q->results && i < q->plan->n_visible; i++)
		stoa__result_release(&q->results[i]);
	stoa__free(q->results);
	stoa__free(q->arrays);
	stoa__arena_release(&q->arena);
	stmt_release(q->stmt);
	if (q->version)
		stoa__version_drop(q->version);
	stoa__free(q);
}

/* Parameters may be bound to other values while the cursor is open: it has its own. */
static struct stoa_value *copy_params(struct query_cursor *q)
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

static int open_query(struct query_cursor *q, struct stoa__tables *tables, struct stoa_error *err)
{
	struct stoa_value *params = copy_params(q);

	if (!params)
		return stoa__fail_memory(err);
	STOA_TRY(stoa__plan_query(q->stmt->query, tables, params, q->stmt->n_params, &q->arena,
				  &q->plan, err));
	q->results = stoa__calloc(q->plan->n_visible + 1, sizeof *q->results);
	q->arrays = stoa__calloc(q->plan->n_visible + 1, sizeof *q->arrays);
	if (!q->results || !q->arrays)
		return stoa__fail_memory(err);
	return stoa__op_build(q->plan, tables, &q->arena, NULL, &q->root, err);
}

int stoa__engine_execute(stoa_stmt *stmt, struct stoa__tables *tables, stoa_cursor **out,
			 struct stoa_error *err)
{
	static const struct stoa__cursor_ops ops = { query_columns, query_next_batch, query_close };
	struct query_cursor *q = stoa__calloc(1, sizeof *q);

	*out = NULL;
	if (!q)
		return stoa__fail_memory(err);
	stoa__cursor_init(&q->cursor, &ops);
	q->stmt = stmt;
	stmt->n_users++;
	int rc = open_query(q, tables, err);
	if (rc < 0) {
		stoa_cursor_close(&q->cursor);
		return rc;
	}
	*out = &q->cursor;
	return STOA_OK;
}

/* ---- a transaction's tables ------------------------------------------------------------------ */

struct txn_tables {
	struct stoa__tables tables;
	stoa_txn *txn;
	/* Of the source opened last, held: the first that a rollback undoes. */
	struct stoa__version *version;
};

static int txn_find(struct stoa__tables *t, const char *name, stoa_table *table,
		    struct stoa_table_info *info, struct stoa_error *err)
{
	stoa_txn *txn = ((struct txn_tables *)t)->txn;

	STOA_TRY(stoa_table_find(txn, name, table, err));
	return stoa_table_info(txn, *table, info, err);
}

static int txn_open(struct stoa__tables *t, stoa_table table, const uint32_t *slots, size_t n_slots,
		    struct stoa__source **out, struct stoa_error *err)
{
	struct txn_tables *of = (struct txn_tables *)t;

	STOA_TRY(stoa__scan_source(of->txn, table, slots, n_slots, out, err));
	if (of->version)
		stoa__version_drop(of->version);
	of->version = stoa__scan_version(*out);
	stoa__version_hold(of->version);
	return STOA_OK;
}

int stoa_prepare(stoa_txn *txn, const char *sql, size_t len, stoa_stmt **out,
		 struct stoa_error *err)
{
	struct txn_tables t = { { txn_find, txn_open }, txn, NULL };

	return stoa__engine_prepare(&t.tables, sql, len, out, err);
}

int stoa_execute(stoa_stmt *stmt, stoa_txn *txn, stoa_cursor **out, struct stoa_error *err)
{
	struct txn_tables t = { { txn_find, txn_open }, txn, NULL };
	int rc = stoa__engine_execute(stmt, &t.tables, out, err);

	if (rc == STOA_OK && t.version) {
		((struct query_cursor *)*out)->version = t.version;
		(*out)->gone = &t.version->gone;
	} else if (t.version) {
		stoa__version_drop(t.version);
	}
	return rc;
}

int stoa_query(stoa_txn *txn, const char *sql, stoa_cursor **out, struct stoa_error *err)
{
	stoa_stmt *stmt;

	*out = NULL;
	STOA_TRY(stoa_prepare(txn, sql, strlen(sql), &stmt, err));
	int rc = stoa_execute(stmt, txn, out, err);
	stoa_stmt_free(stmt);	/* the cursor keeps it */
	return rc;
}
