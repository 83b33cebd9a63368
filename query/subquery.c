/* SPDX-License-Identifier: MIT */
/*
 * subquery.c - subqueries become joins
 *
 *     WHERE EXISTS (q), x IN (q),      SEMI join; NOT EXISTS: ANTI join
 *     x < ANY (q), (x, y) IN (q)
 *     the same within an expression,   MARK join: a column that says true, false or NULL
 *     and x NOT IN (q), x < ALL (q)
 *     (q) as a value                   SINGLE join: at most one row; NULL where there is none
 *
 * A subquery that names columns of the query around it is *correlated*. Its conditions that do are
 * pulled up, out of its tree and into the join: through projections, which pass on what the
 * condition reads, and through groups, where an equality `inner = outer` makes the inner side a
 * further key:
 *
 *     (SELECT sum(q) FROM l WHERE l.p = o.p)   ->   LEFT JOIN (SELECT p, sum(q) FROM l GROUP BY p)
 *
 * so that each group is computed once, and not once for each row outside. Where an outer row has
 * no group, what stands above the aggregates is computed of NULLs, and of 0 for a count.
 * Everything that cannot be pulled up is refused. (Kim 1982; Ganski and Wong 1987 on the count;
 * Galindo-Legaria and Joshi, SIGMOD 2001.)
 *
 * A NULL comes in three ways. A condition that was pulled up stood in a WHERE, where NULL is no;
 * the comparison of IN makes an unknown answer of it. So where MARK tells them apart, the former
 * say IS TRUE.
 */
#include <string.h>

#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "plan.h"

enum how { SCALAR, EXISTS, ANY };	/* x IN (q) is x = ANY (q) */

struct stoa__subquery {
	enum how how;
	struct stoa__token at;
	struct stoa__node *tree;
	struct stoa__node_column column;	/* the result, of a SCALAR */
};

/* ---- binding --------------------------------------------------------------------------------- */

/* Column @i of what the query gives. */
static struct stoa__bound *inner_column(struct stoa__binder *bn, const struct stoa__subquery *sub,
					size_t i)
{
	struct stoa__bound *b = stoa__bound_var(bn, &sub->at, &sub->tree->columns[i]);

	if (b)
		b->depth = 1;	/* whatever groups the query outside lets it be */
	return b;
}

static enum how how_of(const struct stoa__ast *a)
{
	return a->kind == STOA__AST_EXISTS ? EXISTS : a->kind == STOA__AST_IN_QUERY ? ANY : SCALAR;
}

/* How many values the left side of ANY has. */
static size_t count_operands(const struct stoa__ast *a)
{
	return a->a && a->a->kind == STOA__AST_ROW ? a->a->list->n : 1;
}

/* The left side of ANY. */
static struct stoa__bound **bind_operands(struct stoa__binder *bn, const struct stoa__ast *a, size_t n)
{
	struct stoa__bound **operands = stoa__bind_array(bn, n, sizeof(*operands));
	bool row = a->a->kind == STOA__AST_ROW;

	for (size_t i = 0; operands && i < n; i++)
		operands[i] = stoa__bind(bn, row ? a->a->list->items[i] : a->a);
	if (row && a->op != STOA__OP_EQ)
		return stoa__bind_fail(bn, &a->at, STOA_EUNSUPPORTED,
				       "a row is compared with those of a query by IN, = ANY and "
				       "<> ALL only: another comparison is not supported"),
		       NULL;
	return operands;
}

/* That operands and columns of the query compare so, all of them. */
static struct stoa__bound *bind_match(struct stoa__binder *bn, const struct stoa__ast *a,
				      const struct stoa__subquery *sub,
				      struct stoa__bound *const *operands, size_t n)
{
	struct stoa__bound *all = NULL;

	for (size_t i = 0; i < n && bn->rc >= 0; i++) {
		struct stoa__bound *one = stoa__bind_compare(bn, &a->at, a->op, operands[i],
							     inner_column(bn, sub, i));
		all = all ? stoa__bind_both(bn, &a->at, STOA__BOUND_AND, all, one) : one;
	}
	return bn->rc < 0 ? NULL : all;
}

struct stoa__bound *stoa__bind_subquery(struct stoa__binder *bn, const struct stoa__ast *a)
{
	struct stoa__subquery *sub = stoa__bind_array(bn, 1, sizeof *sub);
	struct stoa__bound **operands = NULL, *b;
	size_t n_visible, n_wanted = count_operands(a);

	if (!sub)
		return NULL;
	sub->how = how_of(a);
	sub->at = a->at;
	if (sub->how == ANY)
		operands = bind_operands(bn, a, n_wanted);
	sub->tree = stoa__plan_block(bn, a->query, &n_visible);
	if (!sub->tree)
		return NULL;
	if (sub->how != EXISTS && n_visible != n_wanted)
		return stoa__bind_fail(bn, &a->at, STOA_EINVAL,
				       n_wanted == 1 ?
				       "this subquery gives %zu columns where one is wanted" :
				       "this subquery gives %zu columns where %zu are wanted",
				       n_visible, n_wanted);
	b = stoa__bound_new(bn, STOA__BOUND_SUBQUERY, &a->at, stoa__type_plain(STOA_BOOL),
			    sub->how == ANY);
	if (!b)
		return NULL;
	b->sub = sub;
	b->not_null = sub->how == EXISTS;
	if (sub->how == SCALAR) {
		sub->column = sub->tree->columns[0];
		b->type = sub->column.type;
	}
	if (sub->how != ANY)
		return b;
	b->args[0] = bind_match(bn, a, sub, operands, n_wanted);
	if (!b->args[0] || !(a->flags & STOA__AST_NOT_FLAG))
		return b->args[0] ? b : NULL;
	return stoa__bound_op(bn, &a->at, STOA__CODE_NOT, 0, b->type, b, NULL);
}

bool stoa__has_subquery(const struct stoa__bound *b)
{
	if (b->kind == STOA__BOUND_SUBQUERY)
		return true;
	for (uint32_t i = 0; i < b->n_args; i++)
		if (stoa__has_subquery(b->args[i]))
			return true;
	return false;
}

/* ---- what is correlated ---------------------------------------------------------------------- */

struct pull {
	struct stoa__binder *bn;
	const struct stoa__subquery *sub;
	uint64_t *inner;	/* variables below @n_vars that the subquery's tree makes */
	uint32_t n_vars;	/* those from here on are its own too */
	struct stoa__bound **conds;	/* pulled up */
	size_t n_conds;
};

static void list_inner(struct pull *p, const struct stoa__node *n)
{
	for (size_t i = 0; i < n->n_columns; i++)
		if (n->columns[i].var < p->n_vars)
			stoa__bit_set(p->inner, n->columns[i].var);
	if (n->kind == STOA__NODE_JOIN && n->join == STOA__JOIN_MARK)
		stoa__bit_set(p->inner, n->mark);
	for (int i = 0; i < 2; i++)
		if (n->input[i])
			list_inner(p, n->input[i]);
}

static bool reads_outer(const struct pull *p, const struct stoa__bound *b)
{
	if (b->kind == STOA__BOUND_COLUMN && b->index < p->n_vars &&
	    !stoa__bit_get(p->inner, b->index))
		return true;
	for (uint32_t i = 0; i < b->n_args; i++)
		if (reads_outer(p, b->args[i]))
			return true;
	return false;
}

static bool reads_inner(const struct pull *p, const struct stoa__bound *b)
{
	if (b->kind == STOA__BOUND_COLUMN &&
	    (b->index >= p->n_vars || stoa__bit_get(p->inner, b->index)))
		return true;
	for (uint32_t i = 0; i < b->n_args; i++)
		if (reads_inner(p, b->args[i]))
			return true;
	return false;
}

static bool any_outer(const struct pull *p, struct stoa__bound *const *exprs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (reads_outer(p, exprs[i]))
			return true;
	return false;
}

static bool node_reads_outer(const struct pull *p, const struct stoa__node *n)
{
	struct stoa__bound **at;

	for (size_t i = 0; i < n->n_aggs; i++)
		for (size_t e = 0; (at = stoa__agg_expr(&n->aggs[i], e)); e++)
			if (*at && reads_outer(p, *at))
				return true;
	return any_outer(p, n->exprs, n->n_exprs) || any_outer(p, n->left_keys, n->n_keys) ||
	       any_outer(p, n->right_keys, n->n_keys);
}

static bool tree_reads_outer(const struct pull *p, const struct stoa__node *n)
{
	return node_reads_outer(p, n) || (n->input[0] && tree_reads_outer(p, n->input[0])) ||
	       (n->input[1] && tree_reads_outer(p, n->input[1]));
}

/* ---- pulling conditions up ------------------------------------------------------------------- */

static void refuse(struct pull *p)
{
	stoa__bind_fail(p->bn, &p->sub->at, STOA_EUNSUPPORTED,
			"a subquery that uses columns of the query around it in this way is not "
			"supported: only in conditions of its WHERE, above groups as equalities");
}

static void add_cond(struct pull *p, struct stoa__bound *b)
{
	struct stoa__bound **conds = stoa__bind_room(p->bn, p->conds, p->n_conds, sizeof(*conds));

	if (!conds)
		return;
	p->conds = conds;
	conds[p->n_conds++] = b;
}

/* Takes what reads outer columns from @n's conditions. */
static void take_conds(struct pull *p, struct stoa__node *n)
{
	size_t k = 0;
	struct stoa__bound **rest = stoa__bind_array(p->bn, n->n_exprs, sizeof(*rest));

	if (!rest)
		return;
	for (size_t i = 0; i < n->n_exprs; i++)
		if (reads_outer(p, n->exprs[i]))
			add_cond(p, n->exprs[i]);
		else
			rest[k++] = n->exprs[i];
	n->exprs = rest;
	n->n_exprs = k;
}

/* Lets projection or keys @n pass on what @b reads of its input. */
static void expose(struct pull *p, struct stoa__node *n, struct stoa__bound *b)
{
	if (b->kind == STOA__BOUND_COLUMN) {
		struct stoa__node_column c = { .name = "", .type = b->type, .not_null = b->not_null,
					       .var = b->index };
		struct stoa__token at = stoa__bound_place(b);
		if (!reads_inner(p, b) || stoa__node_makes(n, b->index))
			return;
		stoa__node_add_expr(p->bn, n, stoa__bound_var(p->bn, &at, &c));
		stoa__node_add(p->bn, n, "", c.type, c.not_null, c.var);
	}
	for (uint32_t i = 0; i < b->n_args; i++)
		expose(p, n, b->args[i]);
}

/* The inner side of `inner = outer`, which *@outer gets; NULL: @b is none. */
static struct stoa__bound *inner_side(const struct pull *p, const struct stoa__bound *b,
				      struct stoa__bound **outer)
{
	if (b->kind != STOA__BOUND_OP || b->code != STOA__CODE_COMPARE || b->op != STOA__OP_EQ)
		return NULL;
	for (int i = 0; i < 2; i++) {
		*outer = b->args[1 - i];
		if (!reads_outer(p, b->args[i]) && !reads_inner(p, *outer))
			return b->args[i];
	}
	return NULL;
}

/* Makes @x a key of the groups @n, before its aggregates; its column. */
static const struct stoa__node_column *add_key(struct pull *p, struct stoa__node *n,
					       struct stoa__bound *x)
{
	struct stoa__node_column *columns;
	uint32_t var;

	for (size_t i = 0; i < n->n_exprs; i++)
		if (stoa__bound_equal(n->exprs[i], x))
			return &n->columns[i];
	columns = stoa__bind_array(p->bn, n->n_columns + 1, sizeof *columns);
	if (!columns)
		return NULL;
	size_t at = n->n_exprs;
	var = x->kind == STOA__BOUND_COLUMN && !stoa__node_makes(n, x->index) ?
		      x->index :
		      stoa__var_new(p->bn);
	memcpy(columns, n->columns, at * sizeof *columns);
	memcpy(columns + at + 1, n->columns + at, (n->n_columns - at) * sizeof *columns);
	columns[at] = (struct stoa__node_column){ .name = "key", .type = x->type,
						  .not_null = x->not_null, .var = var,
						  .min = INT64_MAX, .max = INT64_MIN };
	n->columns = columns;
	n->n_columns++;
	stoa__node_add_expr(p->bn, n, x);
	return &n->columns[at];
}

/* Conditions from @from on, which come from below groups @n, to the other side of them. */
static void pass_groups(struct pull *p, struct stoa__node *n, size_t from)
{
	for (size_t i = from; i < p->n_conds && p->bn->rc >= 0; i++) {
		struct stoa__bound *b = p->conds[i], *outer;
		struct stoa__bound *inner = inner_side(p, b, &outer);
		struct stoa__token at = stoa__bound_place(b);
		const struct stoa__node_column *c;
		if (!inner) {
			refuse(p);
			return;
		}
		c = add_key(p, n, inner);
		if (!c)
			return;
		p->conds[i] = stoa__bound_op(p->bn, &at, STOA__CODE_COMPARE, STOA__OP_EQ, b->type,
					     stoa__bound_var(p->bn, &at, c), outer);
	}
}

static void pull_up(struct pull *p, struct stoa__node **at, bool top);

static void pull_groups(struct pull *p, struct stoa__node *n, bool top)
{
	size_t from = p->n_conds;

	if (node_reads_outer(p, n)) {
		refuse(p);
		return;
	}
	pull_up(p, &n->input[0], false);
	if (p->n_conds == from)
		return;
	if (n->n_aggs == 0 && !n->global) {
		for (size_t i = from; i < p->n_conds; i++)
			expose(p, n, p->conds[i]);
		return;
	}
	if (n->global && !top)
		refuse(p);
	n->global = false;
	pass_groups(p, n, from);
}

static void pull_join(struct pull *p, struct stoa__node *n)
{
	bool inner = n->join == STOA__JOIN_INNER;

	if (n->join == STOA__JOIN_FULL || (!inner && node_reads_outer(p, n)) ||
	    (!inner && tree_reads_outer(p, n->input[1]))) {
		if (tree_reads_outer(p, n))
			refuse(p);
		return;
	}
	pull_up(p, &n->input[0], false);
	if (inner) {
		pull_up(p, &n->input[1], false);
		take_conds(p, n);
	}
}

/* Takes out of *@at all conditions that read outer columns. */
static void pull_up(struct pull *p, struct stoa__node **at, bool top)
{
	struct stoa__node *n = *at;
	size_t from = p->n_conds;

	if (p->bn->rc < 0 || !tree_reads_outer(p, n))
		return;
	switch ((enum stoa__node_kind)n->kind) {
	case STOA__NODE_FILTER:
		pull_up(p, &n->input[0], false);
		take_conds(p, n);
		if (!n->n_exprs)
			*at = n->input[0];
		break;
	case STOA__NODE_PROJECT:
		if (node_reads_outer(p, n))
			refuse(p);
		pull_up(p, &n->input[0], false);
		for (size_t i = from; i < p->n_conds && p->bn->rc >= 0; i++)
			expose(p, n, p->conds[i]);
		break;
	case STOA__NODE_AGGREGATE: pull_groups(p, n, top); break;
	case STOA__NODE_JOIN: pull_join(p, n); break;
	case STOA__NODE_LOOKUP:
		if (node_reads_outer(p, n))
			refuse(p);
		pull_up(p, &n->input[0], false);
		break;
	case STOA__NODE_SORT:
		if (n->limit != UINT64_MAX) {
			refuse(p);
			break;
		}
		*at = n->input[0];
		pull_up(p, at, top);
		break;
	default: refuse(p);
	}
}

static struct pull pull_of(struct stoa__binder *bn, const struct stoa__subquery *sub)
{
	struct pull p = { .bn = bn, .sub = sub, .n_vars = bn->n_vars };

	p.inner = stoa__bind_array(bn, STOA__WORDS(bn->n_vars + 1), sizeof *p.inner);
	if (p.inner)
		list_inner(&p, sub->tree);
	return p;
}

/* ---- joins ----------------------------------------------------------------------------------- */

static struct stoa__node *join(struct pull *p, int kind, struct stoa__node *left,
			       struct stoa__node *right)
{
	struct stoa__node *n = stoa__node_new(p->bn, STOA__NODE_JOIN, NULL);

	if (!n)
		return NULL;
	n->join = (uint8_t)kind;
	n->input[0] = left;
	n->input[1] = right;
	n->exprs = p->conds;
	n->n_exprs = p->n_conds;
	n->line = p->sub->at.line;
	n->column = p->sub->at.column;
	return n;
}

/* What EXISTS asks of needs no order, no columns, and no groups: there are rows, or not. */
static struct stoa__node *bare(struct stoa__binder *bn, struct stoa__node *n)
{
	for (;;) {
		bool passes = n->kind == STOA__NODE_PROJECT || n->kind == STOA__NODE_WINDOW ||
			      n->kind == STOA__NODE_SORT || n->kind == STOA__NODE_UNIQUE ||
			      (n->kind == STOA__NODE_LIMIT && n->limit && !n->offset) ||
			      (n->kind == STOA__NODE_AGGREGATE && !n->global);
		if (!passes)
			break;
		n = n->input[0];
	}
	if (n->kind == STOA__NODE_AGGREGATE)
		return stoa__node_new(bn, STOA__NODE_ONE, NULL);	/* one row, whatever is below */
	return n;
}

/* The right side of a join that asks whether there is a match; conditions are in @p. */
static struct stoa__node *exists_side(struct pull *p, struct stoa__subquery *sub)
{
	struct stoa__node *n, *limit;

	if (sub->how == EXISTS)
		sub->tree = bare(p->bn, sub->tree);
	pull_up(p, &sub->tree, false);
	n = sub->tree;
	if (sub->how != EXISTS || p->n_conds || p->bn->rc < 0)
		return n;
	limit = stoa__node_new(p->bn, STOA__NODE_LIMIT, n);
	if (limit)
		limit->limit = 1;
	return limit;
}

static void add_terms(struct pull *p, struct stoa__bound *b)
{
	size_t n;
	struct stoa__bound **terms = stoa__terms_split(p->bn, b, &n);

	for (size_t i = 0; terms && i < n; i++)
		add_cond(p, terms[i]);
}

static struct stoa__node *join_semi(struct stoa__binder *bn, struct stoa__node *tree,
				    struct stoa__bound *b, bool anti)
{
	struct pull p = pull_of(bn, b->sub);
	struct stoa__node *right = exists_side(&p, b->sub);

	if (b->sub->how == ANY)
		add_terms(&p, b->args[0]);
	return join(&p, anti ? STOA__JOIN_ANTI : STOA__JOIN_SEMI, tree, right);
}

static bool is_key(const struct stoa__node *n, const struct stoa__bound *b)
{
	return b->kind == STOA__BOUND_OP && b->code == STOA__CODE_COMPARE &&
	       b->op == STOA__OP_EQ &&
	       ((stoa__node_makes_all(n->input[0], b->args[0]) &&
		 stoa__node_makes_all(n->input[1], b->args[1])) ||
		(stoa__node_makes_all(n->input[0], b->args[1]) &&
		 stoa__node_makes_all(n->input[1], b->args[0])));
}

/* Conditions that are no keys count as false where they are NULL. */
static void say_is_true(struct stoa__binder *bn, struct stoa__node *n)
{
	for (size_t i = 0; i < n->n_exprs && bn->rc >= 0; i++) {
		struct stoa__bound *b = n->exprs[i];
		struct stoa__token at = stoa__bound_place(b);
		if (!is_key(n, b) && !b->not_null)
			n->exprs[i] = stoa__bound_op(bn, &at, STOA__CODE_IS_TRUE, 0, b->type, b,
						     NULL);
	}
}

/* May the comparison of ANY be NULL? */
static bool may_be_unknown(const struct stoa__bound *b)
{
	for (uint32_t i = 0; i < b->n_args; i++)
		if (b->kind == STOA__BOUND_AND ? may_be_unknown(b->args[i]) : !b->args[i]->not_null)
			return true;
	return false;
}

/*
 * The comparison of ANY as the last of a MARK join's conditions. By itself an equality is a key,
 * whose NULLs the join knows of; beside others, a comparison that may be unknown cannot be one.
 */
static void mark_by(struct stoa__binder *bn, struct stoa__node *n, struct stoa__bound *b)
{
	bool unknown = may_be_unknown(b);
	size_t n_terms;
	struct stoa__bound **terms = stoa__terms_split(bn, b, &n_terms);

	if (unknown && (n->n_exprs || n_terms > 1 || !is_key(n, b))) {
		stoa__join_keys(bn, n);
		stoa__node_add_expr(bn, n, b);
		return;
	}
	n->null_aware = unknown;
	for (size_t i = 0; terms && i < n_terms; i++)
		stoa__node_add_expr(bn, n, terms[i]);
	stoa__join_keys(bn, n);
}

static struct stoa__bound *join_mark(struct stoa__binder *bn, struct stoa__node **tree,
				     struct stoa__bound *b)
{
	struct pull p = pull_of(bn, b->sub);
	struct stoa__node *right = exists_side(&p, b->sub);
	struct stoa__node *n = join(&p, STOA__JOIN_MARK, *tree, right);
	struct stoa__token at = stoa__bound_place(b);
	struct stoa__node_column mark = { .name = "match", .type = b->type,
					  .not_null = b->not_null };

	if (!n || !right)
		return NULL;
	n->mark = mark.var = stoa__var_new(bn);
	say_is_true(bn, n);
	if (b->sub->how == EXISTS)
		stoa__join_keys(bn, n);
	else
		mark_by(bn, n, b->args[0]);
	*tree = n;
	return stoa__bound_var(bn, &at, &mark);
}

/* ---- values ---------------------------------------------------------------------------------- */

/* A count of no group is 0, where all else is NULL. */
static struct stoa__bound *swap_count(struct stoa__binder *bn, void *arg, struct stoa__bound *b)
{
	const struct stoa__node *n = arg;
	struct stoa__token at = stoa__bound_place(b);
	size_t n_keys = n->n_exprs;

	if (b->kind != STOA__BOUND_COLUMN)
		return NULL;
	for (size_t i = 0; i < n->n_aggs; i++) {
		struct stoa_value zero = stoa_i64(0);
		struct stoa__node_column column = n->columns[n_keys + i];
		struct stoa__bound *c;
		if (column.var != b->index)
			continue;
		column.not_null = false;
		if (!stoa__agg_counts(&n->aggs[i]))
			return stoa__bound_var(bn, &at, &column);
		c = stoa__bound_new(bn, STOA__BOUND_COALESCE, &at, b->type, 2);
		if (!c)
			return NULL;
		c->args[0] = stoa__bound_var(bn, &at, &column);
		c->args[1] = stoa__bound_const(bn, &at, stoa__type_plain(STOA_I64), &zero);
		return stoa__bound_done(bn, c);
	}
	return NULL;
}

/* An aggregate over all rows, correlated: a group for each key, and what is computed of them. */
static struct stoa__bound *join_groups(struct stoa__binder *bn, struct stoa__node **tree,
				       struct pull *p, struct stoa__node *project)
{
	struct stoa__node *groups = project->input[0];

	pull_up(p, &groups, true);
	if (bn->rc < 0)
		return NULL;
	*tree = join(p, STOA__JOIN_LEFT, *tree, groups);
	return stoa__bound_map(bn, project->exprs[0], swap_count, groups);
}

static struct stoa__bound *join_value(struct stoa__binder *bn, struct stoa__node **tree,
				      struct stoa__bound *b)
{
	struct stoa__subquery *sub = b->sub;
	struct pull p = pull_of(bn, sub);
	struct stoa__node *n = sub->tree;
	struct stoa__token at = stoa__bound_place(b);
	struct stoa__node_column column = sub->column;

	if (bn->rc < 0)
		return NULL;
	if (n->kind == STOA__NODE_SORT && n->limit == UINT64_MAX)
		n = sub->tree = n->input[0];
	if (n->kind == STOA__NODE_PROJECT && n->input[0]->kind == STOA__NODE_AGGREGATE &&
	    n->input[0]->global && tree_reads_outer(&p, n))
		return join_groups(bn, tree, &p, n);
	pull_up(&p, &sub->tree, false);
	*tree = join(&p, STOA__JOIN_SINGLE, *tree, sub->tree);
	column.not_null = false;
	return stoa__bound_var(bn, &at, &column);
}

/* ---- places ---------------------------------------------------------------------------------- */

static struct stoa__bound *swap_subquery(struct stoa__binder *bn, void *arg, struct stoa__bound *b)
{
	struct stoa__node **tree = arg;

	if (b->kind != STOA__BOUND_SUBQUERY || !*tree)
		return NULL;
	return b->sub->how == SCALAR ? join_value(bn, tree, b) : join_mark(bn, tree, b);
}

struct stoa__bound *stoa__subqueries_join(struct stoa__binder *bn, struct stoa__node **tree,
					  struct stoa__bound *b)
{
	return b && stoa__has_subquery(b) ? stoa__bound_map(bn, b, swap_subquery, tree) : b;
}

/* EXISTS or IN by itself, or with NOT where no NULL is near, so that it means ANTI. */
static struct stoa__bound *plain_test(struct stoa__bound *b, bool *anti)
{
	*anti = b->kind == STOA__BOUND_OP && b->code == STOA__CODE_NOT;
	if (*anti)
		b = b->args[0];
	if (b->kind != STOA__BOUND_SUBQUERY || b->sub->how == SCALAR)
		return NULL;
	if (*anti && b->sub->how == ANY && may_be_unknown(b->args[0]))
		return NULL;
	return b;
}

struct stoa__node *stoa__subqueries_filter(struct stoa__binder *bn, struct stoa__node *tree,
					   struct stoa__bound **terms, size_t n_terms)
{
	size_t n = 0;
	struct stoa__bound **plain = stoa__bind_array(bn, n_terms, sizeof(*plain));

	if (!plain)
		return NULL;
	for (size_t i = 0; i < n_terms; i++)
		if (!stoa__has_subquery(terms[i]))
			plain[n++] = terms[i];
	tree = stoa__node_filter(bn, tree, plain, n);
	for (size_t i = 0; i < n_terms && tree && bn->rc >= 0; i++) {
		bool anti;
		struct stoa__bound *test, **one;
		if (!stoa__has_subquery(terms[i]))
			continue;
		test = plain_test(terms[i], &anti);
		if (test) {
			tree = join_semi(bn, tree, test, anti);
			continue;
		}
		one = stoa__bind_array(bn, 1, sizeof(*one));
		if (!one)
			return NULL;
		*one = stoa__subqueries_join(bn, &tree, terms[i]);
		tree = stoa__node_filter(bn, tree, one, 1);
	}
	return bn->rc < 0 ? NULL : tree;
}
