/* SPDX-License-Identifier: MIT */
/*
 * positional.c - joins on a rowid become lookups
 *
 *     few rows  JOIN  table ON few.ref = table.rowid     -->     filter <- look up table by ref <- few rows
 *
 * A join of few rows with a large table on its rowid need not read that: the rows wanted are found
 * by position. Where the table is the smaller side, or not much larger, the join stays what it is:
 * reading a table in order costs a tenth of going to its rows one by one, and a join on integers
 * that lie close together finds its rows by subtraction, too. A LEFT join can be a lookup if
 * nothing else is asked of the table.
 */
#include <string.h>

#include "plan.h"

#define FEWER 8		/* rows for each that is gone to */

/* The scan of a join's side @i whose rowid is the one key; NULL: that side is not so simple. */
static struct stoa__node *rowid_scan(const struct stoa__node *join, int i)
{
	const struct stoa__bound *key = i ? join->right_keys[0] : join->left_keys[0];
	struct stoa__node *n = join->input[i];

	while (n->kind == STOA__NODE_FILTER)
		n = n->input[0];
	if (n->kind != STOA__NODE_SCAN || n->only || key->kind != STOA__BOUND_COLUMN)
		return NULL;
	for (size_t k = 0; k < n->n_columns; k++)
		if (n->columns[k].var == key->index && n->slots[k] == STOA__SLOT_ROWID)
			return n;
	return NULL;
}

static bool is_better(const struct stoa__node *join, int i)
{
	const struct stoa__bound *key = i ? join->left_keys[0] : join->right_keys[0];
	const struct stoa__node *other = join->input[1 - i];
	const struct stoa__node *scan;

	if (key->kind != STOA__BOUND_COLUMN || key->type.type != STOA_I64)
		return false;
	scan = rowid_scan(join, i);
	return scan && other->rows >= 0 && other->rows * FEWER < scan->rows;
}

/* Column @key is not NULL, and the conditions on the way to the scan, and of the join. */
static struct stoa__node *filter(struct stoa__binder *bn, const struct stoa__node *join, int i,
				 const struct stoa__bound *key, struct stoa__node *lookup)
{
	struct stoa__node *f = stoa__node_new(bn, STOA__NODE_FILTER, lookup);
	struct stoa__token at = stoa__bound_place(key);
	struct stoa__bound *there;

	there = stoa__bound_op(bn, &at, STOA__CODE_IS_NULL, 1, stoa__type_plain(STOA_BOOL),
			       (struct stoa__bound *)(uintptr_t)key, NULL);
	stoa__node_add_expr(bn, f, there);
	for (const struct stoa__node *n = join->input[i]; n->kind == STOA__NODE_FILTER;
	     n = n->input[0])
		for (size_t k = 0; k < n->n_exprs; k++)
			stoa__node_add_expr(bn, f, n->exprs[k]);
	for (size_t k = 0; k < join->n_exprs; k++)
		stoa__node_add_expr(bn, f, join->exprs[k]);
	if (f)
		f->rows = join->rows;
	return f;
}

/* A lookup in the place of a join, side @i of which is a table by its rowid. */
static struct stoa__node *lookup(struct stoa__binder *bn, struct stoa__node *join, int i)
{
	const struct stoa__node *scan = rowid_scan(join, i);
	struct stoa__node *n = stoa__node_new(bn, STOA__NODE_LOOKUP, NULL);

	if (!n)
		return NULL;
	n->input[0] = join->input[1 - i];
	n->table = scan->table;
	n->table_name = scan->table_name;
	n->columns = scan->columns;
	n->n_columns = scan->n_columns;
	n->slots = scan->slots;
	n->members = true;
	n->rows = n->input[0]->rows;
	stoa__node_add_expr(bn, n, i ? join->left_keys[0] : join->right_keys[0]);
	if (join->join != STOA__JOIN_INNER)
		return n;
	return filter(bn, join, i, i ? join->right_keys[0] : join->left_keys[0], n);
}

struct stoa__node *stoa__plan_positional(struct stoa__binder *bn, struct stoa__node *n)
{
	for (int i = 0; i < 2 && n; i++)
		if (n->input[i])
			n->input[i] = stoa__plan_positional(bn, n->input[i]);
	if (!n || bn->rc < 0 || n->kind != STOA__NODE_JOIN || n->n_keys != 1)
		return bn->rc < 0 ? NULL : n;
	if (n->join == STOA__JOIN_INNER && is_better(n, 0))
		return lookup(bn, n, 0);
	if (n->join == STOA__JOIN_INNER && is_better(n, 1))
		return lookup(bn, n, 1);
	/*
	 * A LEFT join keeps the rows of its first side, and RIGHT, as estimates made it, of its
	 * second.
	 */
	if (n->join == STOA__JOIN_LEFT && !n->n_exprs && is_better(n, 1) &&
	    n->input[1]->kind == STOA__NODE_SCAN)
		return lookup(bn, n, 1);
	if (n->join == STOA__JOIN_RIGHT && !n->n_exprs && is_better(n, 0) &&
	    n->input[0]->kind == STOA__NODE_SCAN)
		return lookup(bn, n, 0);
	return n;
}
