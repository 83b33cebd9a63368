/* SPDX-License-Identifier: MIT */
/*
 * plan_window.c - where the window functions of a query are computed
 *
 *     SELECT a + rank() OVER (ORDER BY f(b)), sum(c) OVER (PARTITION BY d) FROM t
 *
 *     project a + w1, w2 <- window w2 <- sort d <- window w1 <- sort f <- project a, b, c, d, f(b)
 *
 * Behind WHERE, grouping and HAVING, before DISTINCT, ORDER BY and LIMIT. First comes a projection
 * of all that is read from here on, with a column for whatever a function takes, or is
 * partitioned and ordered by; then for all functions that look at the same rows in the same order
 * a sort and a window node, which adds a column for each of them. The select list is rewritten
 * over these.
 */
#include <string.h>

#include "plan.h"

struct windows {
	struct stoa__binder *bn;
	struct stoa__node *base;		/* the projection */
	const struct stoa__node_column **made;	/* by function: its column */
};

/* The column of the base that is @x; it is added where it is new. */
static struct stoa__bound *base_column(struct windows *w, struct stoa__bound *x)
{
	struct stoa__node *base = w->base;
	bool bare = x->kind == STOA__BOUND_COLUMN;
	struct stoa__token at = stoa__bound_place(x);

	for (size_t i = 0; i < base->n_exprs; i++)
		if (stoa__bound_equal(base->exprs[i], x))
			return stoa__bound_var(w->bn, &at, &base->columns[i]);
	stoa__node_add_expr(w->bn, base, x);
	stoa__node_add(w->bn, base, "", x->type, x->not_null,
		       bare ? x->index : stoa__var_new(w->bn));
	return w->bn->rc < 0 ? NULL :
			       stoa__bound_var(w->bn, &at, &base->columns[base->n_columns - 1]);
}

/* Everything that @x reads goes through the base. */
static void pass_on(struct windows *w, struct stoa__bound *x)
{
	if (x->kind == STOA__BOUND_COLUMN && x->depth == 0)
		(void)base_column(w, x);
	for (uint32_t i = 0; i < x->n_args; i++)
		pass_on(w, x->args[i]);
}

static struct stoa__bound *to_column(struct stoa__binder *bn, void *arg, struct stoa__bound *x)
{
	const struct windows *w = arg;
	struct stoa__token at = stoa__bound_place(x);

	if (x->kind != STOA__BOUND_WINDOW)
		return NULL;
	return stoa__bound_var(bn, &at, w->made[x->index]);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static void add_key(struct stoa__node *n, const struct stoa__bound *x, bool descending,
		    bool nulls_first)
{
	n->order[n->n_order++] = (struct stoa__order_key){
		.output = x->index, .descending = descending, .nulls_first = nulls_first,
	};
}

/* The rows of @tree by partition, each in order; @n gets the same keys. */
static struct stoa__node *sorted(struct windows *w, struct stoa__node *tree,
				 const struct stoa__window *f, struct stoa__node *n)
{
	size_t n_keys = f->n_partition + f->n_keys;
	struct stoa__node *sort;

	n->order = stoa__bind_array(w->bn, n_keys, sizeof *n->order);
	n->n_partition = f->n_partition;
	if (!n->order)
		return NULL;
	for (size_t i = 0; i < f->n_partition; i++)
		add_key(n, f->partition[i], false, false);
	for (size_t i = 0; i < f->n_keys; i++)
		add_key(n, f->keys[i].expr, f->keys[i].descending, f->keys[i].nulls_first);
	if (!n_keys)
		return tree;
	sort = stoa__node_new(w->bn, STOA__NODE_SORT, tree);
	if (!sort)
		return NULL;
	sort->n_order = n_keys;
	sort->order = stoa__bind_array(w->bn, n_keys, sizeof *sort->order);
	if (!sort->order)
		return NULL;
	memcpy(sort->order, n->order, n_keys * sizeof *n->order);
	return sort;
}

/* The node of @first and of all functions behind it that look at the same rows. */
static struct stoa__node *window_node(struct windows *w, struct stoa__node *tree, size_t first)
{
	struct stoa__binder *bn = w->bn;
	struct stoa__window *all = bn->windows;
	struct stoa__node *n = stoa__node_new(bn, STOA__NODE_WINDOW, NULL);

	if (!n)
		return NULL;
	n->input[0] = sorted(w, tree, &all[first], n);
	n->windows = stoa__bind_array(bn, bn->n_windows, sizeof *n->windows);
	for (size_t i = first; i < bn->n_windows && bn->rc >= 0; i++) {
		if (w->made[i] || !stoa__window_same_rows(&all[first], &all[i]))
			continue;
		n->windows[n->n_windows++] = all[i];
		stoa__node_add(bn, n, all[i].name, all[i].agg.type, false, stoa__var_new(bn));
		if (bn->rc < 0)
			return NULL;
		/* Columns may move as more are added: a copy that does not. */
		struct stoa__node_column *c = stoa__bind_array(bn, 1, sizeof *c);
		if (!c)
			return NULL;
		*c = n->columns[n->n_columns - 1];
		w->made[i] = c;
	}
	return n;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool make_base(struct windows *w, struct stoa__node **tree, struct stoa__bound **outputs,
		      size_t n_outputs)
{
	struct stoa__binder *bn = w->bn;
	struct stoa__bound **at;

	for (size_t i = 0; i < n_outputs && bn->rc >= 0; i++)
		outputs[i] = stoa__subqueries_join(bn, tree, outputs[i]);
	for (size_t i = 0; i < bn->n_windows; i++)
		for (size_t k = 0; (at = stoa__window_expr(&bn->windows[i], k)) && bn->rc >= 0; k++)
			if (*at)
				*at = stoa__subqueries_join(bn, tree, *at);
	if (bn->rc < 0)
		return false;
	w->base->input[0] = *tree;
	for (size_t i = 0; i < n_outputs && bn->rc >= 0; i++)
		pass_on(w, outputs[i]);
	for (size_t i = 0; i < bn->n_windows; i++)
		for (size_t k = 0; (at = stoa__window_expr(&bn->windows[i], k)) && bn->rc >= 0; k++)
			if (*at)
				*at = base_column(w, stoa__bound_typed(bn, *at));
	return bn->rc >= 0;
}

struct stoa__node *stoa__plan_windows(struct stoa__binder *bn, struct stoa__node *tree,
				      struct stoa__bound **outputs, size_t n_outputs)
{
	struct windows w = { .bn = bn, .base = stoa__node_new(bn, STOA__NODE_PROJECT, NULL) };

	w.made = stoa__bind_array(bn, bn->n_windows, sizeof *w.made);
	if (!w.base || !w.made || !make_base(&w, &tree, outputs, n_outputs))
		return NULL;
	tree = w.base;
	for (size_t i = 0; i < bn->n_windows && tree; i++)
		if (!w.made[i])
			tree = window_node(&w, tree, i);
	for (size_t i = 0; i < n_outputs && bn->rc >= 0; i++)
		outputs[i] = stoa__bound_map(bn, outputs[i], to_column, &w);
	return bn->rc < 0 ? NULL : tree;
}
