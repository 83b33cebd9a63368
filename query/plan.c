/* SPDX-License-Identifier: MIT */
/*
 * plan.c - a query as a whole: clauses in the order of their meaning, names to places
 *
 * FROM gives the scope; WHERE becomes a list of conditions that all must hold; select list, GROUP
 * BY, HAVING and ORDER BY are bound over the table's columns first. Where the query is grouped,
 * they are then rewritten over the columns of the grouped rows: a subtree equal to a key becomes
 * that key, an aggregate its result, and a column that is left over is an error.
 *
 * Comparisons of an integer column (dates and decimals are integers) with constants become ranges
 * (STOA__CODE_RANGE), and ranges of one column one: a single unsigned comparison by row, and what
 * zone maps answer.
 */
#include "plan.h"

#include <string.h>
#include <strings.h>

#include "../lib/core/error.h"
#include "../lib/core/limits.h"
#include "../lib/core/type.h"
#include "prog.h"

struct planner {
	struct stoa__binder bn;
	const struct stoa__query *q;
	struct stoa__plan *plan;
	struct stoa_table_info info;
	const struct stoa__ast **item_asts;	/* of the visible outputs */
	struct stoa_bytes *aliases;
};

static void *array(struct planner *pl, size_t n, size_t size)
{
	void *p = pl->bn.rc < 0 ? NULL : stoa__arena_array(pl->bn.arena, n, size);

	if (!p && pl->bn.rc >= 0)
		pl->bn.rc = stoa__fail_memory(pl->bn.err);
	return p;
}

/* ---- what is refused ------------------------------------------------------------------------ */

static void refuse(struct planner *pl, const struct stoa__token *at, const char *what)
{
	stoa__bind_fail(&pl->bn, at, STOA_EUNSUPPORTED, "%s not supported", what);
}

static void check_supported(struct planner *pl)
{
	static const char *const set_names[] = { "", "UNION is", "INTERSECT is", "EXCEPT is" };
	const struct stoa__query *q = pl->q;

	if (q->with)
		refuse(pl, &q->with->name, "WITH is");
	else if (q->set_op != STOA__SET_NONE)
		refuse(pl, &q->at, set_names[q->set_op]);
	else if (q->values)
		refuse(pl, &q->at, "VALUES is");
	else if (q->distinct_on)
		refuse(pl, &q->distinct_on->items[0]->at, "DISTINCT ON is");
	else if (q->from && q->from->kind == STOA__FROM_JOIN)
		refuse(pl, &q->from->at, "a join, or more than one table in FROM, is");
	else if (q->from && q->from->kind == STOA__FROM_QUERY)
		refuse(pl, &q->from->at, "a subquery in FROM is");
	else if (q->from && q->from->kind == STOA__FROM_FILE)
		refuse(pl, &q->from->at, "a file in FROM is");
}

/* ---- FROM ----------------------------------------------------------------------------------- */

static void bind_slots(struct planner *pl)
{
	struct stoa__scope_column *scope = array(pl, pl->info.n_slots + 1, sizeof *scope);

	if (!scope)
		return;
	for (size_t i = 0; i < pl->info.n_slots; i++) {
		const struct stoa_slot *s = &pl->info.slots[i];
		size_t len = strlen(s->name);
		char *name = stoa__arena_copy(pl->bn.arena, s->name, len);
		if (!name) {
			pl->bn.rc = stoa__fail_memory(pl->bn.err);
			return;
		}
		scope[i] = (struct stoa__scope_column){
			.name = name,
			.type = { s->type, s->precision, s->scale },
			.not_null = (s->flags & STOA_NOT_NULL) != 0,
			.slot = (uint32_t)i,
			.index = UINT32_MAX,
		};
	}
	/* Last, so that a slot of that name goes before. */
	scope[pl->info.n_slots] = (struct stoa__scope_column){
		.name = "rowid", .type = stoa__type_plain(STOA_I64), .not_null = true,
		.slot = STOA__SLOT_ROWID, .index = UINT32_MAX,
	};
	pl->bn.scope = scope;
	pl->bn.n_scope = pl->info.n_slots + 1;
}

static void bind_from(struct planner *pl, struct stoa__tables *tables)
{
	const struct stoa__from *f = pl->q->from;

	if (!f || pl->bn.rc < 0)
		return;
	char *name = stoa__arena_copy(pl->bn.arena, f->name.p, f->name.len);
	if (!name) {
		pl->bn.rc = stoa__fail_memory(pl->bn.err);
		return;
	}
	int rc = tables->find(tables, name, &pl->plan->table, &pl->info, pl->bn.err);
	if (rc == STOA_ENOTFOUND || memchr(f->name.p, 0, f->name.len)) {
		stoa__bind_fail(&pl->bn, &f->at, STOA_ENOTFOUND, "there is no table '%.*s'",
				f->name.len > STOA_NAME_MAX ? STOA_NAME_MAX : (int)f->name.len,
				name);
		return;
	}
	if (rc < 0) {
		pl->bn.rc = rc;
		return;
	}
	pl->plan->has_table = true;
	pl->bn.table = f->alias.p ? f->alias : f->name;
	bind_slots(pl);
}

/* The scan's columns, in the order in which they were first used, the rowid last. */
static void choose_slots(struct planner *pl)
{
	struct stoa__plan *plan = pl->plan;

	plan->n_slots = pl->bn.n_used;
	plan->slots = array(pl, plan->n_slots, sizeof *plan->slots);
	for (size_t i = 0; plan->slots && i < pl->bn.n_scope; i++)
		if (pl->bn.scope[i].index != UINT32_MAX)
			plan->slots[pl->bn.scope[i].index] = pl->bn.scope[i].slot;
}

/* ---- conditions ----------------------------------------------------------------------------- */

static size_t count_terms(const struct stoa__bound *b)
{
	size_t n = 0;

	if (b->kind != STOA__BOUND_AND)
		return 1;
	for (uint32_t i = 0; i < b->n_args; i++)
		n += count_terms(b->args[i]);
	return n;
}

static void list_terms(struct stoa__bound *b, struct stoa__bound **out, size_t *n)
{
	if (b->kind != STOA__BOUND_AND) {
		out[(*n)++] = b;
		return;
	}
	for (uint32_t i = 0; i < b->n_args; i++)
		list_terms(b->args[i], out, n);
}

/* Is @b `integer column op constant`? Then the range of values that pass. */
static bool as_range(const struct stoa__bound *b, int64_t *lo, int64_t *hi)
{
	if (b->kind != STOA__BOUND_OP || b->code != STOA__CODE_COMPARE ||
	    b->args[0]->kind != STOA__BOUND_COLUMN || b->args[1]->kind != STOA__BOUND_CONST ||
	    b->args[1]->value.type == STOA_NULL ||
	    stoa__prog_phys(b->args[0]->type.type) != STOA__PHYS_I64)
		return false;
	int64_t x = b->args[1]->value.i;
	*lo = INT64_MIN;
	*hi = INT64_MAX;
	switch (b->op) {
	case STOA__OP_EQ: *lo = *hi = x; return true;
	case STOA__OP_LE: *hi = x; return true;
	case STOA__OP_GE: *lo = x; return true;
	case STOA__OP_LT:
		*hi = x == INT64_MIN ? INT64_MIN : x - 1;
		if (x == INT64_MIN)
			*lo = INT64_MAX;
		return true;
	case STOA__OP_GT:
		*lo = x == INT64_MAX ? INT64_MAX : x + 1;
		if (x == INT64_MAX)
			*hi = INT64_MIN;
		return true;
	default: return false;
	}
}

static struct stoa__bound *find_range(struct stoa__bound **terms, size_t n, uint32_t column)
{
	for (size_t i = 0; i < n; i++)
		if (terms[i]->kind == STOA__BOUND_OP && terms[i]->code == STOA__CODE_RANGE &&
		    terms[i]->args[0]->index == column)
			return terms[i];
	return NULL;
}

/* Terms that are ranges come first: they are cheap, cannot fail, and skip row groups. */
static size_t merge_ranges(struct planner *pl, struct stoa__bound **terms, size_t n)
{
	struct stoa__bound **rest = array(pl, n, sizeof(*rest));
	size_t n_ranges = 0, n_rest = 0;
	int64_t lo, hi;

	for (size_t i = 0; rest && i < n; i++) {
		struct stoa__bound *b = terms[i], *have;
		if (!as_range(b, &lo, &hi)) {
			rest[n_rest++] = b;
			continue;
		}
		have = find_range(terms, n_ranges, b->args[0]->index);
		if (have) {
			have->lo = lo > have->lo ? lo : have->lo;
			have->hi = hi < have->hi ? hi : have->hi;
			continue;
		}
		struct stoa__token at = stoa__bound_place(b);
		struct stoa__bound *r = stoa__bound_new(&pl->bn, STOA__BOUND_OP, &at,
							stoa__type_plain(STOA_BOOL), 1);
		if (!r)
			return 0;
		r->code = STOA__CODE_RANGE;
		r->lo = lo;
		r->hi = hi;
		r->args[0] = b->args[0];
		r->not_null = b->args[0]->not_null;
		terms[n_ranges++] = r;
	}
	if (n_rest)
		memcpy(terms + n_ranges, rest, n_rest * sizeof(*rest));
	return n_ranges + n_rest;
}

static struct stoa__bound **split_terms(struct planner *pl, struct stoa__bound *b, size_t *n)
{
	*n = 0;
	if (!b || pl->bn.rc < 0)
		return NULL;
	struct stoa__bound **terms = array(pl, count_terms(b), sizeof(*terms));
	if (!terms)
		return NULL;
	list_terms(b, terms, n);
	*n = merge_ranges(pl, terms, *n);
	return terms;
}

/* ---- the select list ------------------------------------------------------------------------ */

static size_t count_outputs(const struct planner *pl)
{
	size_t n = 0;

	for (struct stoa__ast_item *i = pl->q->items->first; i; i = i->next)
		n += i->expr->kind == STOA__AST_STAR ? pl->info.n_slots : 1;
	return n;
}

static struct stoa__bound *column_of_slot(struct planner *pl, size_t slot,
					  const struct stoa__token *at)
{
	struct stoa__scope_column *c = &pl->bn.scope[slot];
	struct stoa__bound *b = stoa__bound_new(&pl->bn, STOA__BOUND_COLUMN, at, c->type, 0);

	if (!b)
		return NULL;
	if (c->index == UINT32_MAX)
		c->index = (uint32_t)pl->bn.n_used++;
	b->index = c->index;
	b->not_null = c->not_null;
	return b;
}

static void bind_star(struct planner *pl, const struct stoa__ast *star, size_t *n)
{
	struct stoa__plan *plan = pl->plan;

	if (!plan->has_table) {
		stoa__bind_fail(&pl->bn, &star->at, STOA_EINVAL, "* without FROM has no columns");
		return;
	}
	if (star->qualifier.p &&
	    (star->qualifier.len != pl->bn.table.len ||
	     strncasecmp(star->qualifier.p, pl->bn.table.p, pl->bn.table.len))) {
		stoa__bind_fail(&pl->bn, &star->at, STOA_ENOTFOUND, "there is no table '%.*s' here",
				(int)(star->qualifier.len > 60 ? 60 : star->qualifier.len),
				star->qualifier.p);
		return;
	}
	for (size_t i = 0; i < pl->info.n_slots; i++, ++*n) {
		const char *name = pl->bn.scope[i].name;
		plan->outputs[*n] = column_of_slot(pl, i, &star->at);
		pl->item_asts[*n] = star;
		pl->aliases[*n] = (struct stoa_bytes){ name, (uint32_t)strlen(name) };
	}
}

/* What a column without an alias is called: PostgreSQL's rules. */
static struct stoa_bytes default_name(const struct stoa__ast *a)
{
	switch ((enum stoa__ast_kind)a->kind) {
	case STOA__AST_NAME:
	case STOA__AST_CALL: return a->text;
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

static void bind_items(struct planner *pl)
{
	struct stoa__plan *plan = pl->plan;
	size_t n_order = pl->q->order_by ? pl->q->order_by->n : 0, n = 0;

	plan->n_visible = count_outputs(pl);
	plan->outputs = array(pl, plan->n_visible + n_order, sizeof(*plan->outputs));
	pl->item_asts = array(pl, plan->n_visible, sizeof(*pl->item_asts));
	pl->aliases = array(pl, plan->n_visible, sizeof *pl->aliases);
	for (struct stoa__ast_item *i = pl->q->items->first; i && pl->bn.rc >= 0; i = i->next) {
		if (i->expr->kind == STOA__AST_STAR) {
			bind_star(pl, i->expr, &n);
			continue;
		}
		struct stoa__bound *b = stoa__bind(&pl->bn, i->expr);
		if (b && b->type.type == STOA__TYPE_INTERVAL)
			b = stoa__bind_fail(&pl->bn, &i->expr->at, STOA_EUNSUPPORTED,
					    "an interval as a result is not supported");
		plan->outputs[n] = b;
		pl->item_asts[n] = i->expr;
		pl->aliases[n++] = i->alias.p ? i->alias : default_name(i->expr);
	}
	plan->n_outputs = n;
}

/* ---- GROUP BY ------------------------------------------------------------------------------- */

/* 1, 2 ... as a place in the select list, from 0; -1 if @a is no integer; -2 after an error. */
static int64_t position(struct planner *pl, const struct stoa__ast *a, const char *clause)
{
	int64_t x = 0;

	if (a->kind != STOA__AST_NUMBER)
		return -1;
	for (uint32_t i = 0; i < a->text.len && x < 1000000; i++) {
		if (a->text.p[i] < '0' || a->text.p[i] > '9')
			return -1;
		x = x * 10 + (a->text.p[i] - '0');
	}
	if (x < 1 || (uint64_t)x > pl->plan->n_visible) {
		stoa__bind_fail(&pl->bn, &a->at, STOA_EINVAL,
				"%s has no column %lld: there are %zu", clause, (long long)x,
				pl->plan->n_visible);
		return -2;
	}
	return x - 1;
}

/* The output with that alias or name; -1 if there is none. */
static int64_t alias_position(const struct planner *pl, const struct stoa__ast *a)
{
	if (a->kind != STOA__AST_NAME || a->qualifier.p)
		return -1;
	for (size_t i = 0; i < pl->plan->n_visible; i++)
		if (pl->aliases[i].len == a->text.len &&
		    !strncasecmp(pl->aliases[i].p, a->text.p, a->text.len))
			return (int64_t)i;
	return -1;
}

static bool is_scope_column(const struct planner *pl, const struct stoa__ast *a)
{
	for (size_t i = 0; a->kind == STOA__AST_NAME && i < pl->bn.n_scope; i++)
		if (strlen(pl->bn.scope[i].name) == a->text.len &&
		    !strncasecmp(pl->bn.scope[i].name, a->text.p, a->text.len))
			return true;
	return false;
}

static struct stoa__bound *bind_key(struct planner *pl, const struct stoa__ast *a)
{
	int64_t at = position(pl, a, "GROUP BY");

	if (at == -1 && !is_scope_column(pl, a))	/* a column goes before an alias here */
		at = alias_position(pl, a);
	if (at < -1 || pl->bn.rc < 0)
		return NULL;
	if (at < 0)
		return stoa__bind(&pl->bn, a);
	if (stoa__is_aggregate(pl->item_asts[at]))
		return stoa__bind_fail(&pl->bn, &a->at, STOA_EINVAL,
				       "an aggregate cannot be used inside GROUP BY");
	return pl->plan->outputs[at];
}

/* A type of its own for each key: NULL's is not known. */
static struct stoa__bound *typed(struct planner *pl, struct stoa__bound *b)
{
	struct stoa__token at;

	if (!b || b->type.type != STOA_NULL)
		return b;
	at = stoa__bound_place(b);
	return stoa__bound_null(&pl->bn, &at, stoa__type_plain(STOA_TEXT));
}

static void bind_keys(struct planner *pl)
{
	const struct stoa__ast_list *list = pl->q->group_by;
	struct stoa__plan *plan = pl->plan;

	if (!list || pl->bn.rc < 0)
		return;
	pl->bn.no_aggregates = "GROUP BY";
	plan->keys = array(pl, list->n, sizeof(*plan->keys));
	for (uint32_t i = 0; plan->keys && i < list->n && pl->bn.rc >= 0; i++) {
		struct stoa__bound *b = bind_key(pl, list->items[i]);
		if (b && b->type.type == STOA__TYPE_INTERVAL)
			refuse(pl, &list->items[i]->at, "grouping by an interval is");
		plan->keys[plan->n_keys++] = b;
	}
	pl->bn.no_aggregates = NULL;
}

/* @b over the columns of grouped rows: keys, then aggregates. */
static struct stoa__bound *regroup(struct planner *pl, struct stoa__bound *b)
{
	struct stoa__plan *plan = pl->plan;
	struct stoa__token at = b ? stoa__bound_place(b) : (struct stoa__token){ 0 };

	if (!b || pl->bn.rc < 0)
		return NULL;
	for (size_t i = 0; i < plan->n_keys; i++)
		if (b->kind != STOA__BOUND_CONST && stoa__bound_equal(plan->keys[i], b)) {
			struct stoa__bound *c =
				stoa__bound_new(&pl->bn, STOA__BOUND_COLUMN, &at, b->type, 0);
			if (c) {
				c->index = (uint32_t)i;
				c->not_null = b->not_null;
			}
			return c;
		}
	if (b->kind == STOA__BOUND_AGGREGATE) {
		struct stoa__bound *c =
			stoa__bound_new(&pl->bn, STOA__BOUND_COLUMN, &at, b->type, 0);
		if (c)
			c->index = (uint32_t)(plan->n_keys + b->index);
		return c;
	}
	if (b->kind == STOA__BOUND_COLUMN)
		return stoa__bind_fail(&pl->bn, &at, STOA_EINVAL,
				       "this column must be in GROUP BY or inside an aggregate");
	if (b->n_args == 0)
		return b;
	struct stoa__bound *copy = stoa__bound_new(&pl->bn, b->kind, &at, b->type, b->n_args);
	if (!copy)
		return NULL;
	struct stoa__bound **args = copy->args;
	*copy = *b;
	copy->args = args;
	for (uint32_t i = 0; i < b->n_args; i++) {
		args[i] = regroup(pl, b->args[i]);
		if (!args[i])
			return NULL;
	}
	return copy;
}

/* ---- ORDER BY ------------------------------------------------------------------------------- */

/* The output that an ORDER BY item means; a hidden one is added when it is none of the visible. */
static int64_t order_output(struct planner *pl, const struct stoa__ast *a)
{
	struct stoa__plan *plan = pl->plan;
	int64_t at = position(pl, a, "ORDER BY");

	if (at == -1)
		at = alias_position(pl, a);
	if (at != -1)
		return at;
	struct stoa__bound *b = stoa__bind(&pl->bn, a);
	if (!b)
		return -2;
	if (b->type.type == STOA__TYPE_INTERVAL)
		refuse(pl, &a->at, "ordering by an interval is");
	for (size_t i = 0; i < plan->n_outputs; i++)
		if (stoa__bound_equal(plan->outputs[i], b))
			return (int64_t)i;
	if (plan->distinct) {
		stoa__bind_fail(&pl->bn, &a->at, STOA_EINVAL,
				"with DISTINCT, what ORDER BY names must be in the select list");
		return -2;
	}
	plan->outputs[plan->n_outputs] = b;
	return (int64_t)plan->n_outputs++;
}

static void bind_order(struct planner *pl)
{
	struct stoa__plan *plan = pl->plan;

	if (!pl->q->order_by || pl->bn.rc < 0)
		return;
	plan->order = array(pl, pl->q->order_by->n, sizeof *plan->order);
	for (struct stoa__ast_item *i = pl->q->order_by->first; i && pl->bn.rc >= 0; i = i->next) {
		int64_t at = order_output(pl, i->expr);
		if (at < 0)
			return;
		plan->order[plan->n_order++] = (struct stoa__order_key){
			.output = (uint32_t)at,
			.descending = i->descending,
			.nulls_first = i->nulls ? i->nulls == 1 : i->descending,
		};
	}
}

/* ---- LIMIT ---------------------------------------------------------------------------------- */

static uint64_t bind_count(struct planner *pl, const struct stoa__ast *a, const char *clause,
			   uint64_t none)
{
	if (!a || pl->bn.rc < 0)
		return none;
	struct stoa__scope_column *scope = pl->bn.scope;
	size_t n_scope = pl->bn.n_scope;
	pl->bn.n_scope = 0;	/* no columns here */
	pl->bn.no_aggregates = clause;
	struct stoa__bound *b = stoa__coerce(&pl->bn, &a->at, stoa__bind(&pl->bn, a),
					     stoa__type_plain(STOA_I64));
	pl->bn.no_aggregates = NULL;
	pl->bn.scope = scope;
	pl->bn.n_scope = n_scope;
	if (!b)
		return none;
	if (b->kind != STOA__BOUND_CONST) {
		stoa__bind_fail(&pl->bn, &a->at, STOA_EINVAL, "%s wants a constant", clause);
		return none;
	}
	if (b->value.type == STOA_NULL)
		return none;
	if (b->value.i < 0)
		stoa__bind_fail(&pl->bn, &a->at, STOA_ERANGE, "%s cannot be negative", clause);
	return (uint64_t)b->value.i;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static void group_outputs(struct planner *pl, struct stoa__bound *having)
{
	struct stoa__plan *plan = pl->plan;

	plan->grouped = plan->n_keys || pl->bn.n_aggs || pl->q->group_by || having;
	plan->aggs = pl->bn.aggs;
	plan->n_aggs = pl->bn.n_aggs;
	if (plan->grouped) {
		for (size_t i = 0; i < plan->n_outputs && pl->bn.rc >= 0; i++)
			plan->outputs[i] = regroup(pl, plan->outputs[i]);
		if (having)
			having = regroup(pl, having);
	}
	plan->having = split_terms(pl, having, &plan->n_having);
}

static void name_columns(struct planner *pl)
{
	struct stoa__plan *plan = pl->plan;

	plan->columns = array(pl, plan->n_visible, sizeof *plan->columns);
	for (size_t i = 0; i < plan->n_outputs && pl->bn.rc >= 0; i++) {
		plan->outputs[i] = typed(pl, plan->outputs[i]);
		if (i >= plan->n_visible || !plan->outputs[i])
			continue;
		struct stoa__type t = plan->outputs[i]->type;
		char *name = stoa__arena_copy(pl->bn.arena, pl->aliases[i].p, pl->aliases[i].len);
		if (!name) {
			pl->bn.rc = stoa__fail_memory(pl->bn.err);
			return;
		}
		plan->columns[i] = (struct stoa_column){ name, t.type, t.precision, t.scale };
	}
}

static void plan_all(struct planner *pl, struct stoa__tables *tables)
{
	struct stoa__plan *plan = pl->plan;
	struct stoa__bound *where = NULL, *having = NULL;

	check_supported(pl);
	bind_from(pl, tables);
	if (pl->bn.rc < 0)
		return;
	if (pl->q->where) {
		pl->bn.no_aggregates = "WHERE";
		where = stoa__bind_condition(&pl->bn, pl->q->where, "WHERE");
		pl->bn.no_aggregates = NULL;
	}
	plan->where = split_terms(pl, where, &plan->n_where);
	plan->distinct = pl->q->distinct;
	if (pl->bn.rc >= 0)
		bind_items(pl);
	bind_keys(pl);
	if (pl->q->having && pl->bn.rc >= 0)
		having = stoa__bind_condition(&pl->bn, pl->q->having, "HAVING");
	bind_order(pl);
	if (pl->bn.rc < 0)
		return;
	group_outputs(pl, having);
	for (size_t i = 0; i < plan->n_keys && pl->bn.rc >= 0; i++)
		plan->keys[i] = typed(pl, plan->keys[i]);
	name_columns(pl);
	plan->limit = bind_count(pl, pl->q->limit, "LIMIT", UINT64_MAX);
	plan->offset = bind_count(pl, pl->q->offset, "OFFSET", 0);
	choose_slots(pl);
}

int stoa__plan_query(const struct stoa__query *q, struct stoa__tables *tables,
		     const struct stoa_value *params, uint32_t n_params, struct stoa__arena *arena,
		     struct stoa__plan **out, struct stoa_error *err)
{
	struct planner pl = { .q = q };

	pl.bn.arena = arena;
	pl.bn.err = err;
	pl.bn.params = params;
	pl.bn.n_params = n_params;
	pl.plan = stoa__arena_zalloc(arena, sizeof *pl.plan);
	if (!pl.plan)
		return stoa__fail_memory(err);
	plan_all(&pl, tables);
	STOA_TRY(pl.bn.rc);
	*out = pl.plan;
	return STOA_OK;
}
