/* SPDX-License-Identifier: MIT */
/*
 * point_select.c - a SELECT of one row: its cursor has the row from the start, and lets nobody wait
 *
 * Bytes are copied, so that neither a change nor the end of the transaction takes them away, and
 * nothing of the version has to be held.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/text.h"
#include "point_own.h"

/* An operator of one row, which is there already. */
struct one_row {
	struct stoa__op op;
	struct stoa__vec *columns;
	bool over;
};

static int one_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct one_row *o = (struct one_row *)op;

	(void)err;
	if (o->over)
		return STOA_END;
	o->over = true;
	*n = 1;
	return STOA_ROW;
}

static int one_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
		      struct stoa_error *err)
{
	(void)err;
	*out = ((struct one_row *)in)->columns[i];
	return STOA_OK;
}

static void one_close(struct stoa__op *op)
{
	(void)op;	/* its cursor's arena has it */
}

/* A vector of one element, with all that it borrows, for as long as the cursor. */
static bool keep(struct stoa__arena *arena, const struct stoa__vec *v, struct stoa__vec *out)
{
	struct { uint64_t validity; union stoa__datum d; } *own = stoa__arena_zalloc(arena, sizeof *own);

	if (!own)
		return false;
	*out = *v;
	out->kind = STOA__VEC_FLAT;
	out->n = 1;
	out->values = &own->d;
	out->validity = &own->validity;
	own->validity = stoa__bit_get(v->validity, 0);
	stoa__vec_put_datum(&own->d, 0, v->phys, stoa__vec_datum(v, 0));
	if (v->phys == STOA__PHYS_BYTES) {
		own->d.s.p = stoa__arena_copy(arena, own->d.s.p, own->validity ? own->d.s.len : 0);
		return own->d.s.p != NULL;
	}
	return true;
}

static int put_row(struct stoa__query_cursor *q, const struct stoa__point *p)
{
	static const struct stoa__op_ops ops = { one_next, one_close, NULL, NULL };
	struct one_row *o = stoa__arena_zalloc(&q->arena, sizeof *o);

	if (!o)
		return STOA_ENOMEM;
	o->op.input.column = one_column;
	o->op.ops = &ops;
	o->columns = stoa__arena_array(&q->arena, p->n_outputs, sizeof *o->columns);
	for (size_t i = 0; i < p->n_outputs; i++) {
		/* Room for one element, where the cursor would make some for a batch. */
		q->results[i].lent = stoa__arena_alloc(&q->arena, sizeof(struct stoa_bytes));
		if (!o->columns || !q->results[i].lent ||
		    !keep(&q->arena, stoa__machine_output(p->out, i), &o->columns[i]))
			return STOA_ENOMEM;
	}
	q->root = &o->op;
	return STOA_OK;
}

/* Names may not go with the point: another execution may make a new one. */
static int put_columns(struct stoa__query_cursor *q, const struct stoa__point *p)
{
	struct stoa_column *columns = stoa__arena_array(&q->arena, p->n_outputs, sizeof *columns);

	q->results = stoa__calloc(p->n_outputs + 1, sizeof *q->results);
	q->arrays = stoa__calloc(p->n_outputs + 1, sizeof *q->arrays);
	if (!columns || !q->results || !q->arrays)
		return STOA_ENOMEM;
	for (size_t i = 0; i < p->n_outputs; i++) {
		columns[i] = p->columns[i];
		columns[i].name = stoa__arena_copy(&q->arena, columns[i].name,
						   strlen(columns[i].name));
		if (!columns[i].name)
			return STOA_ENOMEM;
	}
	q->columns = columns;
	q->n_columns = p->n_outputs;
	q->run.watch = &q->cursor.watch;
	return STOA_OK;
}

/* Of one row at most, what is so sorted and limited is the same. */
static bool changes_nothing(const struct stoa__ast_items *order, const struct stoa__ast *limit)
{
	int64_t n = 1;

	for (const struct stoa__ast_item *i = order ? order->first : NULL; i; i = i->next)
		if (i->expr->kind != STOA__AST_NAME && i->expr->kind != STOA__AST_NUMBER)
			return false;	/* it may fail */
	return !limit || (limit->kind == STOA__AST_NUMBER &&
			  stoa__parse_i64(limit->text.p, limit->text.len, &n) == STOA_OK && n > 0);
}

/* Is it a SELECT of expressions FROM one table WHERE something? */
bool stoa__point_may_select(const stoa_stmt *stmt)
{
	const struct stoa__query *q = stmt->tree->query;

	return q && q->from && q->from->kind == STOA__FROM_TABLE && !q->from->only &&
	       !q->from->columns && q->items && q->where && !q->distinct_on && !q->values &&
	       !q->group_by && !q->having && !q->windows && q->set_op == STOA__SET_NONE &&
	       !q->with && !q->offset && changes_nothing(q->order_by, q->limit);
}

static int find_table(const struct stoa__from *f, stoa_txn *txn, stoa_table *table,
		      struct stoa__table **t)
{
	char name[STOA_NAME_MAX + 1];

	if (f->name.len > STOA_NAME_MAX || memchr(f->name.p, 0, f->name.len))
		return STOA_ENOTFOUND;
	memcpy(name, f->name.p, f->name.len);
	name[f->name.len] = 0;
	STOA_TRY(stoa_table_find(txn, name, table, NULL));
	return stoa__txn_table(txn, *table, t, NULL);
}

int stoa__point_select(struct stoa__query_cursor *c, stoa_txn *txn, struct stoa__tables *tables)
{
	const struct stoa__query *query = c->stmt->tree->query;
	struct stoa__point_ask q = { .stmt = c->stmt, .tables = tables, .params = c->params,
				     .keyed = true, .query = query, .where = query->where };
	struct stoa__table *t;
	struct stoa__point *p;
	stoa_table table;
	stoa_rowid row;
	int rc;

	STOA_TRY(find_table(query->from, txn, &table, &t));
	q.t = t;
	q.name = query->from->alias.p ? query->from->alias : query->from->name;
	p = stoa__point_for(&c->stmt->point, &q);
	if (!p)
		return STOA_EUNSUPPORTED;
	STOA_TRY(put_columns(c, p));
	rc = stoa__point_find(p, &q, txn, table, &row);
	if (rc == STOA_ROW)
		rc = stoa__point_begin(p, &q, txn, row);
	if (rc == STOA_ROW)
		rc = stoa__point_run(p, p->out);
	else
		return rc < 0 ? rc : STOA_OK;	/* no row */
	return rc < 0 ? rc : put_row(c, p);
}
