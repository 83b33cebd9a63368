/* SPDX-License-Identifier: MIT */
/*
 * restrict.c - groups that a join above would throw away are not made
 *
 * A correlated subquery over an aggregate becomes a join of the outer rows with all groups there
 * are:
 *
 *     join on a.k = g.k                         join on a.k = g.k
 *     ├─ group by k                             ├─ group by k
 *     │  └─ scan g                      ->      │  └─ semi join on k, with the build side of the join above
 *     └─ filter a                               │     └─ scan g
 *                                               └─ filter a
 *
 * Where few outer rows are left, most groups are made for nothing. The join has read its build side
 * before it asks for the first probe row, so its table is there when rows are grouped, and a second
 * probe of it leaves out those whose group no outer row has. (This is the "magic set" of Mumick et
 * al., SIGMOD 1990, handed over when the query runs.)
 *
 * (1) Only below joins that drop probe rows without a match, and note nothing by table row. (2) All
 * keys of the join are keys of the grouping, as they are: so a row's group has a match if and only
 * if the row has.
 */
#include "plan.h"

#define WORTH 4		/* times as many groups as rows on the build side, at least */

/*
 * The grouping below @n, filters and projections between, of which columns @at are keys @at; NULL:
 * there is none.
 */
static struct stoa__node *grouping_below(struct stoa__node *n, uint32_t *at, size_t n_at)
{
	for (; n->kind == STOA__NODE_FILTER || n->kind == STOA__NODE_PROJECT; n = n->input[0])
		for (size_t k = 0; n->kind == STOA__NODE_PROJECT && k < n_at; k++) {
			if (n->exprs[at[k]]->kind != STOA__BOUND_COLUMN)
				return NULL;
			at[k] = n->exprs[at[k]]->index;
		}
	if (n->kind != STOA__NODE_AGGREGATE || n->global)
		return NULL;
	for (size_t k = 0; k < n_at; k++)
		if (at[k] >= n->n_exprs)
			return NULL;
	return n;
}

/* Columns that the keys of @join's probe side are; NULL: not all are. */
static uint32_t *key_columns(struct stoa__binder *bn, const struct stoa__node *join)
{
	uint32_t *at = stoa__bind_array(bn, join->n_keys + 1, sizeof *at);

	for (size_t k = 0; at && k < join->n_keys; k++) {
		if (join->left_keys[k]->kind != STOA__BOUND_COLUMN)
			return NULL;
		at[k] = join->left_keys[k]->index;
	}
	return at;
}

/* Rows of grouping @g's input that have a match in the build side of @join. */
static void add_semi_join(struct stoa__binder *bn, struct stoa__plan *plan, struct stoa__node *join,
			  struct stoa__node *g, const uint32_t *at)
{
	struct stoa__node *semi = stoa__node_new(bn, STOA__NODE_JOIN, g->input[0]);

	if (!semi)
		return;
	semi->id = plan->n_nodes++;
	semi->join = STOA__JOIN_SEMI;
	semi->n_keys = join->n_keys;
	semi->right_keys = join->right_keys;
	semi->left_keys = stoa__bind_array(bn, join->n_keys, sizeof(*semi->left_keys));
	semi->places = stoa__bind_array(bn, semi->n_columns + 1, sizeof *semi->places);
	if (!semi->left_keys || !semi->places)
		return;
	for (size_t k = 0; k < join->n_keys; k++)
		semi->left_keys[k] = g->exprs[at[k]];
	for (size_t i = 0; i < semi->n_columns; i++)
		semi->places[i] = (uint32_t)i;
	semi->shares = join;
	join->is_shared = true;
	g->input[0] = semi;
}

static void restrict_below(struct stoa__binder *bn, struct stoa__plan *plan, struct stoa__node *join)
{
	const struct stoa__node *build = join->input[1];
	struct stoa__node *g;
	uint32_t *at;

	if ((join->join != STOA__JOIN_INNER && join->join != STOA__JOIN_SEMI) || !join->n_keys ||
	    join->null_aware || build->rows < 0)
		return;
	at = key_columns(bn, join);
	g = at ? grouping_below(join->input[0], at, join->n_keys) : NULL;
	if (g && g->rows >= build->rows * WORTH)
		add_semi_join(bn, plan, join, g, at);
}

static void visit(struct stoa__binder *bn, struct stoa__plan *plan, struct stoa__node *n)
{
	if (n->kind == STOA__NODE_JOIN && !n->shares)
		restrict_below(bn, plan, n);
	for (int i = 0; i < 2; i++)
		if (n->input[i])
			visit(bn, plan, n->input[i]);
}

int stoa__plan_restrict(struct stoa__binder *bn, struct stoa__plan *plan)
{
	visit(bn, plan, plan->root);
	return bn->rc;
}
