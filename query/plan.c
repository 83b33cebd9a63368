/* SPDX-License-Identifier: MIT */
/*
 * plan.c - a query as a whole: clauses in the order of their meaning, names to places
 *
 * FROM gives a tree and the scope; WHERE filters it; select list, GROUP BY, HAVING and ORDER BY are
 * bound over the tables' columns first. Where the query is grouped, they are then rewritten over
 * the columns of the grouped rows: a subtree equal to a key becomes that key, an aggregate its
 * result, and a column that is left over is an error.
 *
 * A LIMIT goes below the projection where nothing between them needs all rows: so what the limit
 * cuts off is never computed, and cannot fail.
 */
#include "plan.h"

#include <string.h>
#include <strings.h>

#include "../lib/core/error.h"
#include "../lib/core/limits.h"

/* A SELECT while it is planned. */
struct block {
	struct stoa__binder *bn;
	const struct stoa__query *q;
	struct stoa__scope scope;
	struct stoa__node *tree;
	struct stoa__bound **outputs;	/* the visible columns, then what ORDER BY needs besides */
	size_t n_outputs;
	size_t n_visible;
	const struct stoa__ast **item_asts;	/* of the visible outputs */
	struct stoa_bytes *names;
	struct stoa__bound **keys;
	size_t n_keys;
	struct stoa__bound *having;
	struct stoa__node *groups;	/* NULL: not grouped */
	struct stoa__order_key *order;
	size_t n_order;
	const struct stoa__node_column *projected;	/* what is sorted: the outputs */
	struct stoa__order_key *unique;	/* what DISTINCT ON names */
	size_t n_unique;
};

static void refuse(struct block *b, const struct stoa__token *at, const char *what)
{
	stoa__bind_fail(b->bn, at, STOA_EUNSUPPORTED, "%s not supported", what);
}

/* ---- the select list ------------------------------------------------------------------------ */

/* Is column @c one that @star stands for? */
static bool in_star(const struct stoa__ast *star, const struct stoa__scope_column *c)
{
	if (c->hidden || !star->qualifier.p)
		return !c->hidden && !c->merged;
	return star->qualifier.len == c->table.len &&
	       !strncasecmp(star->qualifier.p, c->table.p, c->table.len);
}

static size_t count_outputs(const struct block *b)
{
	size_t n = 0;

	for (struct stoa__ast_item *i = b->q->items->first; i; i = i->next) {
		n += i->expr->kind != STOA__AST_STAR;
		for (size_t k = 0; i->expr->kind == STOA__AST_STAR && k < b->scope.n; k++)
			n += in_star(i->expr, b->scope.columns[k]);
	}
	return n;
}

static void add_output(struct block *b, struct stoa__bound *x, const struct stoa__ast *a,
		       struct stoa_bytes name)
{
	b->outputs[b->n_outputs] = x;
	b->item_asts[b->n_outputs] = a;
	b->names[b->n_outputs++] = name;
}

static void bind_star(struct block *b, const struct stoa__ast *star)
{
	size_t n = b->n_outputs;

	for (size_t i = 0; i < b->scope.n; i++) {
		struct stoa__scope_column *c = b->scope.columns[i];
		if (in_star(star, c))
			add_output(b, stoa__bind_column(b->bn, &star->at, c, 0), star,
				   (struct stoa_bytes){ c->name, (uint32_t)strlen(c->name) });
	}
	if (!b->q->from)
		stoa__bind_fail(b->bn, &star->at, STOA_EINVAL, "* without FROM has no columns");
	else if (star->qualifier.p && n == b->n_outputs)
		stoa__bind_fail(b->bn, &star->at, STOA_ENOTFOUND, "there is no table '%.*s' here",
				(int)(star->qualifier.len > 60 ? 60 : star->qualifier.len),
				star->qualifier.p);
}

/* What a column without an alias is called: PostgreSQL's rules. */
static struct stoa_bytes default_name(const struct stoa__ast *a)
{
	switch ((enum stoa__ast_kind)a->kind) {
	case STOA__AST_NAME:
	case STOA__AST_DEREF:
	case STOA__AST_CALL: return a->text;
	case STOA__AST_ROWID: return (struct stoa_bytes){ "rowid", 5 };
	case STOA__AST_CASE: return (struct stoa_bytes){ "case", 4 };
	case STOA__AST_EXTRACT: return (struct stoa_bytes){ "extract", 7 };
	case STOA__AST_TYPED: return (struct stoa_bytes){ a->type->name.p, a->type->name.len };
	case STOA__AST_CAST: {
		struct stoa_bytes inner = default_name(a->a);
		if (inner.len != 8 || memcmp(inner.p, "?column?", 8) != 0)
			return inner;
		return (struct stoa_bytes){ a->type->name.p, a->type->name.len };
	}
	default: return (struct stoa_bytes){ "?column?", 8 };
	}
}

static void bind_items(struct block *b)
{
	struct stoa__binder *bn = b->bn;
	size_t n_more = b->q->order_by ? b->q->order_by->n : 0;

	n_more += b->q->distinct_on ? b->q->distinct_on->n : 0;
	b->n_visible = count_outputs(b);
	b->outputs = stoa__bind_array(bn, b->n_visible + n_more, sizeof(*b->outputs));
	b->item_asts = stoa__bind_array(bn, b->n_visible, sizeof(*b->item_asts));
	b->names = stoa__bind_array(bn, b->n_visible, sizeof *b->names);
	for (struct stoa__ast_item *i = b->q->items->first; i && bn->rc >= 0; i = i->next) {
		if (i->expr->kind == STOA__AST_STAR) {
			bind_star(b, i->expr);
			continue;
		}
		struct stoa__bound *x = stoa__bind(bn, i->expr);
		if (x && x->type.type == STOA__TYPE_INTERVAL)
			refuse(b, &i->expr->at, "an interval as a result is");
		add_output(b, x, i->expr, i->alias.p ? i->alias : default_name(i->expr));
	}
}

/* ---- GROUP BY ------------------------------------------------------------------------------- */

/* 1, 2 ... as a place in the select list, from 0; -1 if @a is no integer; -2 after an error. */
static int64_t position(struct block *b, const struct stoa__ast *a, const char *clause)
{
	int64_t x = 0;

	if (a->kind != STOA__AST_NUMBER)
		return -1;
	for (uint32_t i = 0; i < a->text.len && x < 1000000; i++) {
		if (a->text.p[i] < '0' || a->text.p[i] > '9')
			return -1;
		x = x * 10 + (a->text.p[i] - '0');
	}
	if (x < 1 || (uint64_t)x > b->n_visible) {
		stoa__bind_fail(b->bn, &a->at, STOA_EINVAL,
				"%s has no column %lld: there are %zu", clause, (long long)x,
				b->n_visible);
		return -2;
	}
	return x - 1;
}

/* The output with that alias or name; -1 if there is none. */
static int64_t alias_position(const struct block *b, const struct stoa__ast *a)
{
	if (a->kind != STOA__AST_NAME || a->qualifier.p)
		return -1;
	for (size_t i = 0; i < b->n_visible; i++)
		if (b->names[i].len == a->text.len &&
		    !strncasecmp(b->names[i].p, a->text.p, a->text.len))
			return (int64_t)i;
	return -1;
}

struct stoa__bound *stoa__bound_typed(struct stoa__binder *bn, struct stoa__bound *b)
{
	struct stoa__token at;

	if (!b || b->type.type != STOA_NULL)
		return b;
	at = stoa__bound_place(b);
	return stoa__bound_null(bn, &at, stoa__type_plain(STOA_TEXT));
}

static bool is_scope_column(const struct block *b, const struct stoa__ast *a)
{
	for (size_t i = 0; a->kind == STOA__AST_NAME && i < b->scope.n; i++)
		if (stoa__same_name(a->text, b->scope.columns[i]->name))
			return true;
	return false;
}

static struct stoa__bound *bind_key(struct block *b, const struct stoa__ast *a)
{
	int64_t at = position(b, a, "GROUP BY");

	if (at == -1 && !is_scope_column(b, a))	/* a column goes before an alias here */
		at = alias_position(b, a);
	if (at < -1 || b->bn->rc < 0)
		return NULL;
	if (at < 0)
		return stoa__bind(b->bn, a);
	if (stoa__is_aggregate(b->item_asts[at]))
		return stoa__bind_fail(b->bn, &a->at, STOA_EINVAL,
				       "an aggregate cannot be used inside GROUP BY");
	if (b->outputs[at] && stoa__has_window(b->outputs[at]))
		return stoa__bind_fail(b->bn, &a->at, STOA_EINVAL,
				       "a window function cannot be used inside GROUP BY");
	return b->outputs[at];
}

static void bind_keys(struct block *b)
{
	const struct stoa__ast_list *list = b->q->group_by;
	struct stoa__binder *bn = b->bn;

	if (!list || bn->rc < 0)
		return;
	bn->no_aggregates = "GROUP BY";
	b->keys = stoa__bind_array(bn, list->n, sizeof(*b->keys));
	for (uint32_t i = 0; i < list->n && bn->rc >= 0; i++) {
		struct stoa__bound *x = bind_key(b, list->items[i]);
		if (x && x->type.type == STOA__TYPE_INTERVAL)
			refuse(b, &list->items[i]->at, "grouping by an interval is");
		size_t have = 0;
		while (x && have < b->n_keys && !stoa__bound_equal(b->keys[have], x))
			have++;
		if (x && have == b->n_keys)
			b->keys[b->n_keys++] = x;
	}
	bn->no_aggregates = NULL;
}

/* A bare column keeps its variable, so that who knows it by that need not be told. */
static uint32_t var_of(struct stoa__binder *bn, const struct stoa__node *n,
		       const struct stoa__bound *x)
{
	if (x->kind == STOA__BOUND_COLUMN && x->depth == 0 && !stoa__node_makes(n, x->index))
		return x->index;
	return stoa__var_new(bn);
}

/* Keys, then aggregates: the columns of the grouped rows. */
static void make_groups(struct block *b)
{
	struct stoa__binder *bn = b->bn;
	struct stoa__node *n = stoa__node_new(bn, STOA__NODE_AGGREGATE, NULL);

	if (!n)
		return;
	n->input[0] = b->tree;
	n->global = b->n_keys == 0;
	for (size_t i = 0; i < b->n_keys && bn->rc >= 0; i++) {
		struct stoa__bound *x =
			stoa__subqueries_join(bn, &n->input[0], stoa__bound_typed(bn, b->keys[i]));
		if (!x)
			return;
		stoa__node_add_expr(bn, n, x);
		stoa__node_add(bn, n, "key", x->type, x->not_null, var_of(bn, n, x));
	}
	n->aggs = bn->aggs;
	n->n_aggs = bn->n_aggs;
	for (size_t i = 0; i < n->n_aggs && bn->rc >= 0; i++) {
		struct stoa__agg *g = &n->aggs[i];
		struct stoa__bound **at;
		for (size_t k = 0; (at = stoa__agg_expr(g, k)); k++)
			*at = stoa__subqueries_join(bn, &n->input[0], *at);
	}
	for (size_t i = 0; i < n->n_aggs; i++)
		stoa__node_add(bn, n, "aggregate", n->aggs[i].type,
			       stoa__agg_counts(&n->aggs[i]), stoa__var_new(bn));
	b->groups = n;
	b->tree = n;
}

/* What stands for @x over grouped rows. */
static struct stoa__bound *regroup(struct stoa__binder *bn, void *arg, struct stoa__bound *x)
{
	const struct block *b = arg;
	struct stoa__token at = stoa__bound_place(x);

	for (size_t i = 0; i < b->n_keys; i++)
		if (x->kind != STOA__BOUND_CONST && stoa__bound_equal(b->keys[i], x))
			return stoa__bound_var(bn, &at, &b->groups->columns[i]);
	if (x->kind == STOA__BOUND_AGGREGATE)
		return stoa__bound_var(bn, &at, &b->groups->columns[b->n_keys + x->index]);
	if (x->kind == STOA__BOUND_COLUMN && x->depth == 0)
		return stoa__bind_fail(bn, &at, STOA_EINVAL,
				       "this column must be in GROUP BY or inside an aggregate");
	return NULL;
}

static void group(struct block *b)
{
	struct stoa__binder *bn = b->bn;

	if (bn->rc < 0 || !(b->n_keys || bn->n_aggs || b->q->group_by || b->having))
		return;
	make_groups(b);
	for (size_t i = 0; i < b->n_outputs && bn->rc >= 0; i++)
		b->outputs[i] = stoa__bound_map(bn, b->outputs[i], regroup, b);
	if (b->having)
		b->having = stoa__bound_map(bn, b->having, regroup, b);
	for (size_t i = 0; i < bn->n_windows; i++) {
		struct stoa__bound **at;
		for (size_t k = 0; (at = stoa__window_expr(&bn->windows[i], k)); k++)
			if (*at)
				*at = stoa__bound_map(bn, *at, regroup, b);
	}
}

/* ---- ORDER BY ------------------------------------------------------------------------------- */

/* The output that an ORDER BY item means; a hidden one is added when it is none of the visible. */
static int64_t order_output(struct block *b, const struct stoa__ast *a)
{
	int64_t at = position(b, a, "ORDER BY");

	if (at == -1)
		at = alias_position(b, a);
	if (at == -1 && (b->q->set_op != STOA__SET_NONE || b->q->values)) {
		stoa__bind_fail(b->bn, &a->at, STOA_EINVAL,
				"ORDER BY wants a column of the result here, by name or number");
		return -2;
	}
	if (at != -1)
		return at;
	struct stoa__bound *x = stoa__bind(b->bn, a);
	if (!x)
		return -2;
	if (x->type.type == STOA__TYPE_INTERVAL)
		refuse(b, &a->at, "ordering by an interval is");
	for (size_t i = 0; i < b->n_outputs; i++)
		if (stoa__bound_equal(b->outputs[i], x))
			return (int64_t)i;
	if (b->q->distinct) {
		stoa__bind_fail(b->bn, &a->at, STOA_EINVAL,
				"with DISTINCT, what ORDER BY names must be in the select list");
		return -2;
	}
	b->outputs[b->n_outputs] = x;
	return (int64_t)b->n_outputs++;
}

static void bind_order(struct block *b)
{
	if (!b->q->order_by || b->bn->rc < 0)
		return;
	b->order = stoa__bind_array(b->bn, b->q->order_by->n, sizeof *b->order);
	for (struct stoa__ast_item *i = b->q->order_by->first; i && b->bn->rc >= 0; i = i->next) {
		int64_t at = order_output(b, i->expr);
		if (at < 0)
			return;
		b->order[b->n_order++] = (struct stoa__order_key){
			.output = (uint32_t)at,
			.descending = i->descending,
			.nulls_first = i->nulls ? i->nulls == 1 : i->descending,
		};
	}
}

/* Is output @at among the first of @n keys? */
static bool is_ordered_by(const struct stoa__order_key *keys, size_t n, uint32_t at)
{
	for (size_t i = 0; i < n; i++)
		if (keys[i].output == at)
			return true;
	return false;
}

/*
 * DISTINCT ON: rows are ordered by what it names, in the order and direction in which ORDER BY has
 * that first, and of each group of equals the first row stays.
 */
static void bind_distinct_on(struct block *b)
{
	const struct stoa__ast_list *on = b->q->distinct_on;
	struct stoa__order_key *order;

	if (!on || b->bn->rc < 0)
		return;
	b->unique = stoa__bind_array(b->bn, on->n, sizeof *b->unique);
	for (uint32_t i = 0; i < on->n && b->bn->rc >= 0; i++) {
		int64_t at = order_output(b, on->items[i]);
		if (at >= 0 && !is_ordered_by(b->unique, b->n_unique, (uint32_t)at))
			b->unique[b->n_unique++].output = (uint32_t)at;
	}
	for (size_t i = 0; i < b->n_order && i < b->n_unique && b->bn->rc >= 0; i++)
		if (!is_ordered_by(b->unique, b->n_unique, b->order[i].output))
			stoa__bind_fail(b->bn, &on->items[0]->at, STOA_EINVAL,
					"ORDER BY must begin with what DISTINCT ON names");
	order = stoa__bind_array(b->bn, b->n_order + b->n_unique, sizeof *order);
	if (!order)
		return;
	if (b->n_order)
		memcpy(order, b->order, b->n_order * sizeof *order);
	b->order = order;
	for (size_t i = 0; i < b->n_unique; i++)
		if (!is_ordered_by(order, b->n_order, b->unique[i].output))
			order[b->n_order++] = b->unique[i];
}

/* ---- LIMIT ---------------------------------------------------------------------------------- */

static uint64_t bind_count(struct stoa__binder *bn, const struct stoa__ast *a, const char *clause,
			   uint64_t none)
{
	if (!a || bn->rc < 0)
		return none;
	const struct stoa__scope *scope = bn->scope;
	bn->scope = NULL;	/* no columns here */
	bn->no_aggregates = clause;
	struct stoa__bound *b =
		stoa__coerce(bn, &a->at, stoa__bind(bn, a), stoa__type_plain(STOA_I64));
	bn->no_aggregates = NULL;
	bn->scope = scope;
	if (!b)
		return none;
	if (b->kind != STOA__BOUND_CONST) {
		stoa__bind_fail(bn, &a->at, STOA_EINVAL, "%s wants a constant", clause);
		return none;
	}
	if (b->value.type == STOA_NULL)
		return none;
	if (b->value.i < 0)
		stoa__bind_fail(bn, &a->at, STOA_ERANGE, "%s cannot be negative", clause);
	return (uint64_t)b->value.i;
}

/* ---- the tree above the groups --------------------------------------------------------------- */

static void project(struct block *b)
{
	struct stoa__binder *bn = b->bn;
	struct stoa__node *n = stoa__node_new(bn, STOA__NODE_PROJECT, NULL);

	if (!n)
		return;
	for (size_t i = 0; i < b->n_outputs && bn->rc >= 0; i++)
		b->outputs[i] = stoa__subqueries_join(bn, &b->tree, b->outputs[i]);
	n->input[0] = b->tree;
	for (size_t i = 0; i < b->n_outputs && bn->rc >= 0; i++) {
		struct stoa__bound *x = stoa__bound_typed(bn, b->outputs[i]);
		char *name = i < b->n_visible ? stoa__arena_copy(bn->arena, b->names[i].p,
								 b->names[i].len) :
						"";
		if (!x || !name) {
			if (bn->rc >= 0)
				bn->rc = stoa__fail_memory(bn->err);
			return;
		}
		stoa__node_add_expr(bn, n, x);
		stoa__node_add(bn, n, name, x->type, x->not_null, var_of(bn, n, x));
	}
	b->tree = n;
}

struct stoa__node *stoa__node_distinct(struct stoa__binder *bn, struct stoa__node *input)
{
	static const struct stoa__token nowhere;
	struct stoa__node *n = stoa__node_new(bn, STOA__NODE_AGGREGATE, input);

	for (size_t i = 0; n && i < n->n_columns; i++)
		stoa__node_add_expr(bn, n, stoa__bound_var(bn, &nowhere, &n->columns[i]));
	return n;
}

static void sort(struct block *b, uint64_t limit, uint64_t offset)
{
	struct stoa__node *n = stoa__node_new(b->bn, STOA__NODE_SORT, b->tree);

	if (!n)
		return;
	b->projected = b->tree->columns;
	n->order = b->order;
	n->n_order = b->n_order;
	for (size_t i = 0; i < n->n_order; i++)
		n->order[i].output = b->projected[n->order[i].output].var;
	if (limit != UINT64_MAX && __builtin_add_overflow(limit, offset, &n->limit))
		n->limit = UINT64_MAX;
	b->tree = n;
}

static void unique(struct block *b)
{
	struct stoa__node *n = stoa__node_new(b->bn, STOA__NODE_UNIQUE, b->tree);

	if (!n)
		return;
	n->order = b->unique;
	n->n_order = b->n_unique;
	for (size_t i = 0; i < n->n_order; i++)
		n->order[i].output = b->projected[n->order[i].output].var;
	b->tree = n;
}

static void limit_rows(struct block *b, uint64_t limit, uint64_t offset)
{
	struct stoa__node *n;

	if (limit == UINT64_MAX && offset == 0)
		return;
	n = stoa__node_new(b->bn, STOA__NODE_LIMIT, b->tree);
	if (!n)
		return;
	n->limit = limit;
	n->offset = offset;
	b->tree = n;
}

static void finish(struct block *b)
{
	uint64_t limit = bind_count(b->bn, b->q->limit, "LIMIT", UINT64_MAX);
	uint64_t offset = bind_count(b->bn, b->q->offset, "OFFSET", 0);
	bool limit_late = b->n_order || b->q->distinct;

	if (b->bn->rc < 0)
		return;
	if (!limit_late)
		limit_rows(b, limit, offset);
	project(b);
	if (b->q->distinct)
		b->tree = stoa__node_distinct(b->bn, b->tree);
	if (b->n_order && b->tree)
		sort(b, b->n_unique ? UINT64_MAX : limit, offset);
	if (b->n_unique && b->tree)
		unique(b);
	if (limit_late)
		limit_rows(b, limit, offset);
}

static void filter(struct block *b, struct stoa__bound *condition)
{
	size_t n;
	struct stoa__bound **terms = stoa__terms_split(b->bn, condition, &n);

	if (n && b->bn->rc >= 0)
		b->tree = stoa__subqueries_filter(b->bn, b->tree, terms, n);
}

static void plan_select(struct block *b)
{
	struct stoa__binder *bn = b->bn;
	struct stoa__bound *where = NULL;

	b->tree = stoa__from_bind(bn, b->q->from, &b->scope);
	bn->scope = &b->scope;
	if (b->q->where && bn->rc >= 0) {
		bn->no_aggregates = "WHERE";
		where = stoa__bind_condition(bn, b->q->where, "WHERE");
		bn->no_aggregates = NULL;
	}
	filter(b, where);
	bn->may_window = true;
	if (bn->rc >= 0)
		bind_items(b);
	bn->may_window = false;
	bind_keys(b);
	if (b->q->having && bn->rc >= 0)
		b->having = stoa__bind_condition(bn, b->q->having, "HAVING");
	bn->may_window = true;
	bind_order(b);
	bind_distinct_on(b);
	bn->may_window = false;
	group(b);
	filter(b, b->having);
	if (bn->n_windows && bn->rc >= 0)
		b->tree = stoa__plan_windows(bn, b->tree, b->outputs, b->n_outputs);
	finish(b);
}

/* Rows that are not of a SELECT: VALUES, or of a set operation. */
static void plan_rows(struct block *b)
{
	struct stoa__binder *bn = b->bn;
	static const struct stoa__token nowhere;

	b->tree = b->q->values ? stoa__plan_values(bn, b->q) : stoa__plan_set(bn, b->q);
	if (!b->tree)
		return;
	b->n_visible = b->tree->n_columns;
	b->outputs = stoa__bind_array(bn, b->n_visible, sizeof(*b->outputs));
	b->names = stoa__bind_array(bn, b->n_visible, sizeof *b->names);
	for (; b->n_outputs < b->n_visible && bn->rc >= 0; b->n_outputs++) {
		const struct stoa__node_column *c = &b->tree->columns[b->n_outputs];
		b->outputs[b->n_outputs] = stoa__bound_var(bn, &nowhere, c);
		b->names[b->n_outputs] =
			(struct stoa_bytes){ c->name, (uint32_t)strlen(c->name) };
	}
	bind_order(b);
	finish(b);
}

/* ---- the whole ------------------------------------------------------------------------------ */

struct stoa__node *stoa__plan_block(struct stoa__binder *bn, const struct stoa__query *q,
				    size_t *n_visible)
{
	struct block b = { .bn = bn, .q = q, .scope.outer = bn->scope };
	struct stoa__ctes ctes = { q->with, bn->scope, bn->ctes };
	struct stoa__binder saved = *bn;

	bn->aggs = NULL;
	bn->n_aggs = 0;
	bn->no_aggregates = NULL;
	bn->may_window = false;
	bn->named = q->windows;
	bn->windows = NULL;
	bn->n_windows = 0;
	if (q->with)
		bn->ctes = &ctes;
	if (q->values || q->set_op != STOA__SET_NONE)
		plan_rows(&b);
	else
		plan_select(&b);
	bn->ctes = saved.ctes;
	bn->scope = saved.scope;
	bn->aggs = saved.aggs;
	bn->n_aggs = saved.n_aggs;
	bn->no_aggregates = saved.no_aggregates;
	bn->may_window = saved.may_window;
	bn->named = saved.named;
	bn->windows = saved.windows;
	bn->n_windows = saved.n_windows;
	*n_visible = b.n_visible;
	return bn->rc < 0 ? NULL : b.tree;
}

static void name_columns(struct stoa__binder *bn, struct stoa__plan *plan)
{
	plan->columns = stoa__bind_array(bn, plan->n_visible, sizeof *plan->columns);
	for (size_t i = 0; i < plan->n_visible && bn->rc >= 0; i++) {
		const struct stoa__node_column *c = &plan->root->columns[i];
		plan->columns[i] = (struct stoa_column){ c->name, c->type.type, c->type.precision,
							 c->type.scale };
	}
}

int stoa__plan_query(const struct stoa__query *q, struct stoa__tables *tables,
		     const struct stoa_value *params, uint32_t n_params, struct stoa__arena *arena,
		     struct stoa__plan **out, struct stoa_error *err)
{
	struct stoa__binder bn = { .arena = arena, .err = err, .tables = tables, .params = params,
				   .n_params = n_params };
	struct stoa__plan *plan = stoa__bind_array(&bn, 1, sizeof *plan);

	if (!plan)
		return bn.rc;
	plan->root = stoa__plan_block(&bn, q, &plan->n_visible);
	STOA_TRY(bn.rc);
	plan->root = stoa__plan_optimise(&bn, plan->root);
	STOA_TRY(bn.rc);
	STOA_TRY(stoa__plan_resolve(&bn, plan));
	STOA_TRY(stoa__plan_restrict(&bn, plan));
	name_columns(&bn, plan);
	STOA_TRY(bn.rc);
	*out = plan;
	return STOA_OK;
}

bool stoa__plan_constants(const struct stoa__plan *plan, struct stoa_value *values)
{
	const struct stoa__node *n = plan->root;

	if (n->kind != STOA__NODE_PROJECT || n->input[0]->kind != STOA__NODE_ONE)
		return false;
	for (size_t i = 0; i < plan->n_visible; i++) {
		if (n->exprs[i]->kind != STOA__BOUND_CONST)
			return false;
		values[i] = n->exprs[i]->value;
	}
	return true;
}
