/* SPDX-License-Identifier: MIT */
/*
 * set_op.c - VALUES, and UNION, INTERSECT, EXCEPT
 *
 * UNION ALL puts one query's rows behind the other's (APPEND), and UNION gives each of those
 * once. The others count: the rows of both sides are grouped by all columns, with the number of
 * those from either side, l and r:
 *
 *     INTERSECT      l > 0 and r > 0         INTERSECT ALL   least(l, r) times
 *     EXCEPT         l > 0 and r = 0         EXCEPT ALL      l - r times
 *
 * so that NULLs equal each other, as they should here, and groups are all that there is to it.
 */
#include <stdio.h>
#include <string.h>

#include "../lib/core/error.h"
#include "func.h"
#include "plan.h"

/* ---- columns of one type --------------------------------------------------------------------- */

/* What column @i of @n is made of, where that is a constant, whose type may still change. */
static struct stoa__bound *column_value(struct stoa__binder *bn, const struct stoa__node *n,
					size_t i, const struct stoa__token *at)
{
	if (n->kind == STOA__NODE_PROJECT && n->exprs[i]->kind == STOA__BOUND_CONST)
		return n->exprs[i];
	return stoa__bound_var(bn, at, &n->columns[i]);
}

/* A constant that was NULL was given a type for want of another. */
static bool is_null(const struct stoa__bound *b)
{
	return stoa__bound_is_null(b);
}

/* Brings both to one type, which is their own if they have the same. */
static bool same_types(struct stoa__binder *bn, const struct stoa__token *at,
		       struct stoa__bound **pair)
{
	struct stoa__type t;

	for (int i = 0; i < 2; i++)
		if (is_null(pair[i]) && !is_null(pair[1 - i]))
			pair[i] = stoa__bound_null(bn, at, pair[1 - i]->type);
	if (!pair[0] || !pair[1])
		return false;
	if (pair[0]->type.type == pair[1]->type.type &&
	    pair[0]->type.scale == pair[1]->type.scale)
		return true;
	return stoa__unify(bn, at, pair, 2, &t);
}

static struct stoa__node *over(struct stoa__binder *bn, struct stoa__node *input)
{
	struct stoa__node *n = stoa__node_new(bn, STOA__NODE_PROJECT, NULL);

	if (n)
		n->input[0] = input;
	return n;
}

/* ---- set operations -------------------------------------------------------------------------- */

/* Both queries, projected to columns of the same types. */
static bool unify_sides(struct stoa__binder *bn, const struct stoa__query *q,
			struct stoa__node *sides[2])
{
	size_t n[2];
	struct stoa__node *raw[2] = { stoa__plan_block(bn, q->left, &n[0]),
				      stoa__plan_block(bn, q->right, &n[1]) };

	if (!raw[0] || !raw[1])
		return false;
	if (n[0] != n[1]) {
		stoa__bind_fail(bn, &q->at, STOA_EINVAL,
				"the queries on both sides must have as many columns: %zu, and %zu",
				n[0], n[1]);
		return false;
	}
	for (int i = 0; i < 2; i++)
		sides[i] = over(bn, raw[i]);
	for (size_t c = 0; c < n[0] && bn->rc >= 0; c++) {
		struct stoa__bound *pair[2] = { column_value(bn, raw[0], c, &q->at),
						column_value(bn, raw[1], c, &q->at) };
		if (!pair[0] || !pair[1] || !same_types(bn, &q->at, pair))
			return false;
		for (int i = 0; i < 2; i++) {
			stoa__node_add_expr(bn, sides[i], pair[i]);
			stoa__node_add(bn, sides[i], raw[0]->columns[c].name, pair[i]->type,
				       pair[i]->not_null, stoa__var_new(bn));
		}
	}
	return bn->rc >= 0;
}

static struct stoa__node *append(struct stoa__binder *bn, struct stoa__node *a,
				 struct stoa__node *b)
{
	struct stoa__node *n = stoa__node_new(bn, STOA__NODE_APPEND, NULL);

	if (!n)
		return NULL;
	n->input[0] = a;
	n->input[1] = b;
	for (size_t i = 0; i < a->n_columns; i++)
		stoa__node_add(bn, n, a->columns[i].name, a->columns[i].type,
			       a->columns[i].not_null && b->columns[i].not_null,
			       stoa__var_new(bn));
	return bn->rc < 0 ? NULL : n;
}

static const struct stoa__token nowhere;

/* A column that tells the sides apart. */
static void add_side(struct stoa__binder *bn, struct stoa__node *n, bool right)
{
	struct stoa_value v = stoa_bool(right);

	stoa__node_add_expr(bn, n,
			    stoa__bound_const(bn, &nowhere, stoa__type_plain(STOA_BOOL), &v));
	stoa__node_add(bn, n, "side", stoa__type_plain(STOA_BOOL), true, stoa__var_new(bn));
}

/* Groups of equal rows of @n, whose last column is the side; then how many came from each. */
static struct stoa__node *count_sides(struct stoa__binder *bn, struct stoa__node *n)
{
	struct stoa__node *groups = stoa__node_new(bn, STOA__NODE_AGGREGATE, NULL);
	struct stoa__agg *aggs = stoa__bind_array(bn, 2, sizeof *aggs);
	size_t n_columns = n->n_columns - 1;
	struct stoa__type bigint = stoa__type_plain(STOA_I64);

	if (!groups || !aggs)
		return NULL;
	groups->input[0] = n;
	groups->global = n_columns == 0;
	for (size_t i = 0; i < n_columns; i++) {
		const struct stoa__node_column *c = &n->columns[i];
		stoa__node_add_expr(bn, groups, stoa__bound_var(bn, &nowhere, c));
		stoa__node_add(bn, groups, c->name, c->type, c->not_null, c->var);
	}
	struct stoa__bound *right = stoa__bound_var(bn, &nowhere, &n->columns[n_columns]);
	struct stoa__bound *left = right ? stoa__bound_op(bn, &nowhere, STOA__CODE_NOT, 0,
							  right->type, right, NULL) :
					   NULL;
	aggs[0] = (struct stoa__agg){ .kind = STOA__AGG_COUNT, .type = bigint, .filter = left };
	aggs[1] = (struct stoa__agg){ .kind = STOA__AGG_COUNT, .type = bigint, .filter = right };
	groups->aggs = aggs;
	groups->n_aggs = 2;
	stoa__node_add(bn, groups, "left", bigint, true, stoa__var_new(bn));
	stoa__node_add(bn, groups, "right", bigint, true, stoa__var_new(bn));
	return bn->rc < 0 ? NULL : groups;
}

static struct stoa__bound *compare_zero(struct stoa__binder *bn, unsigned op,
					const struct stoa__node_column *c)
{
	struct stoa_value zero = stoa_i64(0);

	return stoa__bind_compare(bn, &nowhere, op, stoa__bound_var(bn, &nowhere, c),
				  stoa__bound_const(bn, &nowhere, c->type, &zero));
}

/* How often a row comes: least(l, r), or l - r. */
static struct stoa__bound *times(struct stoa__binder *bn, bool both,
				 const struct stoa__node_column *l,
				 const struct stoa__node_column *r)
{
	struct stoa__bound *args[2] = { stoa__bound_var(bn, &nowhere, l),
					stoa__bound_var(bn, &nowhere, r) };

	if (both)
		return stoa__bound_call(bn, &nowhere, &stoa__fn_least, l->type, args, 2);
	return stoa__bound_op(bn, &nowhere, STOA__CODE_ARITH, STOA__OP_SUB, l->type, args[0],
			      args[1]);
}

static struct stoa__node *keep_by_count(struct stoa__binder *bn, const struct stoa__query *q,
					struct stoa__node *groups)
{
	const struct stoa__node_column *l = &groups->columns[groups->n_columns - 2], *r = l + 1;
	bool both = q->set_op == STOA__SET_INTERSECT;
	struct stoa__node *n;

	if (q->set_all) {
		n = stoa__node_new(bn, STOA__NODE_REPEAT, groups);
		stoa__node_add_expr(bn, n, times(bn, both, l, r));
		return n;
	}
	struct stoa__bound **terms = stoa__bind_array(bn, 2, sizeof(*terms));
	if (!terms)
		return NULL;
	terms[0] = compare_zero(bn, STOA__OP_GT, l);
	terms[1] = compare_zero(bn, both ? STOA__OP_GT : STOA__OP_EQ, r);
	return bn->rc < 0 ? NULL : stoa__node_filter(bn, groups, terms, 2);
}

struct stoa__node *stoa__plan_set(struct stoa__binder *bn, const struct stoa__query *q)
{
	struct stoa__node *sides[2], *n, *groups, *out;

	if (!unify_sides(bn, q, sides))
		return NULL;
	if (q->set_op == STOA__SET_UNION) {
		n = append(bn, sides[0], sides[1]);
		return n && !q->set_all ? stoa__node_distinct(bn, n) : n;
	}
	add_side(bn, sides[0], false);
	add_side(bn, sides[1], true);
	n = bn->rc < 0 ? NULL : append(bn, sides[0], sides[1]);
	groups = n ? count_sides(bn, n) : NULL;
	n = groups ? keep_by_count(bn, q, groups) : NULL;
	out = n ? over(bn, n) : NULL;
	for (size_t i = 0; out && i + 2 < groups->n_columns; i++) {
		const struct stoa__node_column *c = &groups->columns[i];
		stoa__node_add_expr(bn, out, stoa__bound_var(bn, &nowhere, c));
		stoa__node_add(bn, out, c->name, c->type, c->not_null, c->var);
	}
	return bn->rc < 0 ? NULL : out;
}

/* ---- VALUES ---------------------------------------------------------------------------------- */

static void bind_cells(struct stoa__binder *bn, const struct stoa__ast_list *rows,
		       struct stoa__bound **cells, uint32_t n_columns)
{
	const struct stoa__scope *scope = bn->scope;

	bn->no_aggregates = "VALUES";
	bn->scope = NULL;	/* its cells are constants */
	for (uint32_t r = 0; r < rows->n && bn->rc >= 0; r++) {
		const struct stoa__ast_list *row = rows->items[r]->list;
		if (row->n != n_columns)
			stoa__bind_fail(bn, &rows->items[r]->at, STOA_EINVAL,
					"this row has %u values, and the first has %u", row->n,
					n_columns);
		for (uint32_t c = 0; c < n_columns && bn->rc >= 0; c++) {
			struct stoa__bound *b = stoa__bind(bn, row->items[c]);
			if (b && (b->type.type == STOA__TYPE_INTERVAL || stoa__has_subquery(b)))
				stoa__bind_fail(bn, &row->items[c]->at, STOA_EUNSUPPORTED,
						"an interval or a subquery in VALUES is not "
						"supported");
			cells[r * n_columns + c] = b;
		}
	}
	bn->scope = scope;
	bn->no_aggregates = NULL;
}

/* Brings all cells of a column to one type. */
static void unify_column(struct stoa__binder *bn, const struct stoa__token *at,
			 struct stoa__bound **cells, uint32_t n_rows, uint32_t n_columns,
			 uint32_t c, struct stoa__node *n)
{
	struct stoa__bound **column = stoa__bind_array(bn, n_rows, sizeof(*column));
	struct stoa__type t;
	char name[32];

	if (!column)
		return;
	for (uint32_t r = 0; r < n_rows; r++)
		column[r] = cells[r * n_columns + c];
	if (!stoa__unify(bn, at, column, n_rows, &t))
		return;
	if (t.type == STOA_NULL)
		t = stoa__type_plain(STOA_TEXT);
	for (uint32_t r = 0; r < n_rows; r++)
		cells[r * n_columns + c] = column[r]->type.type == STOA_NULL ?
						   stoa__bound_null(bn, at, t) :
						   column[r];
	snprintf(name, sizeof name, "column%u", c + 1);
	char *copy = stoa__arena_copy(bn->arena, name, strlen(name));
	if (!copy)
		bn->rc = stoa__fail_memory(bn->err);
	stoa__node_add(bn, n, copy, t, false, stoa__var_new(bn));
}

struct stoa__node *stoa__plan_values(struct stoa__binder *bn, const struct stoa__query *q)
{
	uint32_t n_rows = q->values->n, n_columns = q->values->items[0]->list->n;
	struct stoa__node *n = stoa__node_new(bn, STOA__NODE_VALUES, NULL);
	struct stoa__bound **cells =
		stoa__bind_array(bn, (size_t)n_rows * n_columns, sizeof(*cells));

	if (!n || !cells)
		return NULL;
	bind_cells(bn, q->values, cells, n_columns);
	for (uint32_t c = 0; c < n_columns && bn->rc >= 0; c++)
		unify_column(bn, &q->at, cells, n_rows, n_columns, c, n);
	n->exprs = cells;
	n->n_exprs = (size_t)n_rows * n_columns;
	n->n_rows = n_rows;
	return bn->rc < 0 ? NULL : n;
}
