/* SPDX-License-Identifier: MIT */
/*
 * from.c - FROM: tables, queries and joins to trees and scopes
 *
 * A table's slots are columns of the scope from the start, but a variable, and a place in the scan,
 * each gets with its first use: what a query does not name is never read. The scopes of a join's
 * sides share their columns with its own.
 *
 * Joins become nodes as they are written, with what ON says as their conditions; RIGHT is LEFT with
 * its sides exchanged. What is key, what moves below, and in which order inner joins run is
 * for push.c and join_order.c.
 *
 * The name of a WITH stands for its query, which is planned anew wherever the name is used.
 */
#include <string.h>
#include <strings.h>

#include "../lib/core/error.h"
#include "../lib/core/type.h"
#include "plan.h"

static struct stoa__node *fail(struct stoa__binder *bn)
{
	if (bn->rc >= 0)
		bn->rc = stoa__fail_memory(bn->err);
	return NULL;
}

/* Room for @n columns, each a struct of its own; false when out of memory. */
static bool make_columns(struct stoa__binder *bn, struct stoa__scope *scope, size_t n)
{
	struct stoa__scope_column *c = stoa__bind_array(bn, n, sizeof *c);

	scope->columns = stoa__bind_array(bn, n, sizeof(*scope->columns));
	if (!c || !scope->columns)
		return false;
	for (size_t i = 0; i < n; i++)
		scope->columns[i] = &c[i];
	scope->n = n;
	return true;
}

/* ---- tables ---------------------------------------------------------------------------------- */

/*
 * The columns of a table, the rowid, if it has one, last, so that a slot of that name goes before.
 */
static void table_columns(struct stoa__binder *bn, const struct stoa_table_info *info, bool rowid,
			  struct stoa__node *scan, struct stoa_bytes alias,
			  struct stoa__scope *scope)
{
	struct stoa__scope_column *c;

	if (!make_columns(bn, scope, info->n_slots + rowid))
		return;
	for (size_t i = 0; i < info->n_slots; i++) {
		const struct stoa_slot *s = &info->slots[i];
		char *name = stoa__arena_copy(bn->arena, s->name, strlen(s->name));
		if (!name) {
			fail(bn);
			return;
		}
		*scope->columns[i] = (struct stoa__scope_column){
			.name = name,
			.type = stoa__type_of_slot(s),
			.not_null = (s->flags & STOA_NOT_NULL) != 0,
			.of_lease = (s->flags & STOA__SLOT_OF_LEASE) != 0,
			.slot = (uint32_t)i,
		};
	}
	if (rowid)
		*scope->columns[info->n_slots] = (struct stoa__scope_column){
			.name = "rowid", .type = stoa__type_plain(STOA_I64), .not_null = true,
			.hidden = true, .slot = STOA__SLOT_ROWID,
		};
	for (size_t i = 0; i < scope->n; i++) {
		c = scope->columns[i];
		c->table = alias;
		c->var = UINT32_MAX;
		c->scan = scan;
		if (i < info->n_slots && stoa__type_is_ref(info->slots[i].type) && !c->type.target)
			c->type.target = scan->table;	/* its own */
	}
}

void stoa__table_columns(struct stoa__binder *bn, const struct stoa_table_info *info,
			 struct stoa__node *n, struct stoa_bytes alias, struct stoa__scope *scope)
{
	table_columns(bn, info, true, n, alias, scope);
}

static struct stoa__node *bind_table(struct stoa__binder *bn, const struct stoa__from *f,
				     struct stoa__scope *scope)
{
	struct stoa__node *scan = stoa__node_new(bn, STOA__NODE_SCAN, NULL);
	char *name = stoa__arena_copy(bn->arena, f->name.p, f->name.len);
	struct stoa_table_info info;

	if (!scan || !name)
		return fail(bn);
	int rc = bn->tables->find(bn->tables, name, &scan->table, &info, bn->err);
	if (rc == STOA_ENOTFOUND || memchr(f->name.p, 0, f->name.len)) {
		stoa__bind_fail(bn, &f->at, STOA_ENOTFOUND, "there is no table '%.*s'",
				stoa__shown(f->name.len), name);
		return NULL;
	}
	if (rc < 0) {
		bn->rc = rc;
		return NULL;
	}
	scan->table_name = name;
	scan->only = f->only;
	table_columns(bn, &info, true, scan, f->alias.p ? f->alias : f->name, scope);
	return scan;
}

/* ---- functions ------------------------------------------------------------------------------- */

/* name = value is an argument with a name, whatever columns there are. */
static void bind_arg(struct stoa__binder *bn, const struct stoa__ast *a, struct stoa__table_arg *out)
{
	bool named = a->kind == STOA__AST_BINARY && a->op == STOA__OP_EQ &&
		     a->a->kind == STOA__AST_NAME && !a->a->qualifier.p;
	const struct stoa__scope *scope = bn->scope;

	bn->scope = NULL;
	struct stoa__bound *b = stoa__bind(bn, named ? a->b : a);
	bn->scope = scope;
	if (named)
		out->name = a->a->text;
	out->at = named ? a->a->at : a->at;
	if (b && b->kind != STOA__BOUND_CONST)
		stoa__bind_fail(bn, &a->at, STOA_EINVAL,
				"what a function in FROM is given must be constant");
	else if (b)
		out->value = b->value;
}

static const struct stoa__table_arg *bind_args(struct stoa__binder *bn, const struct stoa__from *f)
{
	struct stoa__table_arg *args = stoa__bind_array(bn, f->args ? f->args->n : 1, sizeof *args);

	for (uint32_t i = 0; args && f->args && i < f->args->n; i++)
		bind_arg(bn, f->args->items[i], &args[i]);
	return bn->rc < 0 ? NULL : args;
}

/* FROM 'file' is read_csv('file'), or read_arrow('file'). */
static const struct stoa__table_arg *file_args(struct stoa__binder *bn, const struct stoa__from *f)
{
	struct stoa__table_arg *arg = stoa__bind_array(bn, 1, sizeof *arg);

	if (!arg)
		return NULL;
	arg->value = stoa_bytes_value(STOA_TEXT, f->name.p, f->name.len);
	arg->at = f->at;
	return arg;
}

/* generate_series(1, 3) AS n: a column that is called as its function is called n as well. */
static void name_result(struct stoa__binder *bn, const struct stoa__from *f,
			const struct stoa__scope *scope)
{
	if (bn->rc < 0 || !f->alias.p || scope->n != 1 ||
	    !stoa__same_name(f->name, scope->columns[0]->name))
		return;
	scope->columns[0]->name = stoa__arena_copy(bn->arena, f->alias.p, f->alias.len);
	if (!scope->columns[0]->name)
		fail(bn);
}

/* JSON read as CSV would make rows, and nonsense. */
static bool names_json(struct stoa_bytes path)
{
	static const char *const ends[] = { ".json", ".jsonl", ".ndjson" };

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		size_t len = strlen(ends[i]);

		if (path.len > len && strncasecmp(path.p + path.len - len, ends[i], len) == 0)
			return true;
	}
	return false;
}

static struct stoa__node *bind_function(struct stoa__binder *bn, const struct stoa__from *f,
					struct stoa__scope *scope)
{
	bool file = f->kind == STOA__FROM_FILE;
	struct stoa__node *scan = stoa__node_new(bn, STOA__NODE_SCAN, NULL);
	struct stoa__table_call call = {
		.name = file ? stoa__table_function_of(f->name) : f->name,
		.at = f->at,
		.n_args = file ? 1 : f->args ? f->args->n : 0,
		.args = file ? file_args(bn, f) : bind_args(bn, f),
		.made = f->made,
	};
	struct stoa_table_info info;

	if (!scan || !call.args)
		return NULL;
	if (!bn->tables->call) {
		stoa__bind_fail(bn, &f->at, STOA_EUNSUPPORTED,
				"a function, or a file, in FROM is not supported here");
		return NULL;
	}
	if (file && names_json(f->name)) {
		stoa__bind_fail(bn, &f->at, STOA_EUNSUPPORTED,
				"a JSON file is no table: import it first; read_csv() reads it if it is CSV all the same");
		return NULL;
	}
	scan->table_name = stoa__arena_copy(bn->arena, f->name.p, f->name.len);
	if (!scan->table_name)
		return fail(bn);
	int rc = bn->tables->call(bn->tables, &call, &scan->table, &info, bn->err);
	if (rc < 0) {
		bn->rc = rc;
		return NULL;
	}
	table_columns(bn, &info, false, scan, f->alias.p ? f->alias : f->name, scope);
	name_result(bn, f, scope);
	return scan;
}

/* ---- queries --------------------------------------------------------------------------------- */

/* Columns of a query's result. */
static void query_columns(struct stoa__binder *bn, const struct stoa__node *n, size_t n_visible,
			  struct stoa_bytes alias, struct stoa__scope *scope)
{
	if (!make_columns(bn, scope, n_visible))
		return;
	for (size_t i = 0; i < n_visible; i++) {
		const struct stoa__node_column *c = &n->columns[i];
		*scope->columns[i] = (struct stoa__scope_column){
			.name = c->name, .table = alias, .type = c->type, .not_null = c->not_null,
			.var = c->var,
		};
	}
}

/*
 * The names that AS x (a, b) or WITH x (a, b) gives to the first of an item's columns; NULL: none.
 */
static void rename_columns(struct stoa__binder *bn, const struct stoa__token *at,
			   const struct stoa__ast_list *names, struct stoa__scope *scope)
{
	size_t n = 0;

	if (!names || bn->rc < 0)
		return;
	while (n < scope->n && !scope->columns[n]->hidden)
		n++;
	if (names->n > n) {
		stoa__bind_fail(bn, at, STOA_EINVAL, "there are %u names for %zu columns", names->n, n);
		return;
	}
	for (uint32_t i = 0; i < names->n; i++) {
		const struct stoa_bytes *text = &names->items[i]->text;
		char *name = stoa__arena_copy(bn->arena, text->p, text->len);
		if (!name) {
			fail(bn);
			return;
		}
		scope->columns[i]->name = name;
	}
}

static struct stoa__node *bind_query(struct stoa__binder *bn, const struct stoa__from *f,
				     struct stoa__scope *scope)
{
	size_t n_visible;
	struct stoa__node *n = stoa__plan_block(bn, f->query, &n_visible);

	if (!f->alias.p)
		scope->table = (struct stoa_bytes){ "", 0 };
	if (n)
		query_columns(bn, n, n_visible, scope->table, scope);
	for (size_t i = 0; f->qualified && bn->rc >= 0 && i < scope->n; i++)
		scope->columns[i]->merged = true;
	return n;
}

/* The WITH of that name, in *@where with what is around it; NULL: there is none. */
static const struct stoa__with *find_cte(const struct stoa__binder *bn, struct stoa_bytes name,
					 const struct stoa__ctes **where)
{
	for (const struct stoa__ctes *e = bn->ctes; e; e = e->outer)
		for (const struct stoa__with *w = e->list; w; w = w->next)
			if (w->name.len == name.len && !strncasecmp(w->name.p, name.p, name.len)) {
				*where = e;
				return w;
			}
	return NULL;
}

static struct stoa__node *bind_cte(struct stoa__binder *bn, const struct stoa__from *f,
				   const struct stoa__with *w, const struct stoa__ctes *where,
				   struct stoa__scope *scope)
{
	const struct stoa__ctes *ctes = bn->ctes,
				inner = { w->next, where->scope, where->outer };
	const struct stoa__scope *outer = bn->scope;
	size_t n_visible;

	bn->ctes = &inner;
	bn->scope = where->scope;
	struct stoa__node *n = stoa__plan_block(bn, w->query, &n_visible);
	bn->ctes = ctes;
	bn->scope = outer;
	if (n)
		query_columns(bn, n, n_visible, f->alias.p ? f->alias : f->name, scope);
	rename_columns(bn, &w->name, w->columns, scope);
	return n;
}

/* ---- joins ----------------------------------------------------------------------------------- */

static void check_aliases(struct stoa__binder *bn, const struct stoa__token *at,
			  const struct stoa__scope *a, const struct stoa__scope *b)
{
	const struct stoa__scope_column *last = NULL;

	for (size_t i = 0; i < b->n && bn->rc >= 0; i++) {
		struct stoa_bytes name = b->columns[i]->table;
		if (!name.len || (last && last->table.p == name.p))
			continue;
		last = b->columns[i];
		for (size_t k = 0; k < a->n && bn->rc >= 0; k++)
			if (a->columns[k]->table.len == name.len &&
			    !strncasecmp(a->columns[k]->table.p, name.p, name.len))
				stoa__bind_fail(bn, at, STOA_EINVAL,
						"'%.*s' stands twice in FROM: give one an alias",
						stoa__shown(name.len), name.p);
	}
}

/* All columns of @a, then of @b. */
static void join_scopes(struct stoa__binder *bn, const struct stoa__scope *a,
			const struct stoa__scope *b, struct stoa__scope *out)
{
	out->columns = stoa__bind_array(bn, a->n + b->n, sizeof(*out->columns));
	if (!out->columns)
		return;
	if (a->n)
		memcpy(out->columns, a->columns, a->n * sizeof(*a->columns));
	if (b->n)
		memcpy(out->columns + a->n, b->columns, b->n * sizeof(*b->columns));
	out->n = a->n + b->n;
	out->n_tables = a->n_tables + b->n_tables;
	out->table = a->table;
}

/* The one column of that name; fails if there is none, or several. */
static struct stoa__scope_column *using_column(struct stoa__binder *bn, const struct stoa__scope *s,
					       const struct stoa__ast *name)
{
	struct stoa__scope_column *found = NULL;

	for (size_t i = 0; i < s->n; i++) {
		struct stoa__scope_column *c = s->columns[i];
		if (c->hidden || c->merged || !stoa__same_name(name->text, c->name))
			continue;
		if (found) {
			stoa__bind_fail(bn, &name->at, STOA_EINVAL,
					"USING: '%.*s' stands twice on one side of the join",
					stoa__shown(name->text.len), name->text.p);
			return NULL;
		}
		found = c;
	}
	if (!found)
		stoa__bind_fail(bn, &name->at, STOA_ENOTFOUND,
				"USING: there is no column '%.*s' on each side of the join",
				stoa__shown(name->text.len), name->text.p);
	return found;
}

/* What a column of USING means after a FULL JOIN: that of the side that is there. */
static struct stoa__bound *either(struct stoa__binder *bn, const struct stoa__token *at,
				  struct stoa__bound *a, struct stoa__bound *b)
{
	struct stoa__bound *c =
		stoa__bound_new(bn, STOA__BOUND_COALESCE, at, stoa__type_plain(STOA_NULL), 2);

	if (!c || !a || !b)
		return NULL;
	c->args[0] = a;
	c->args[1] = b;
	if (!stoa__unify(bn, at, c->args, 2, &c->type))
		return NULL;
	return stoa__bound_done(bn, c);
}

/* A name of USING: the condition, and the column that stands for both, at @i of @out. */
static struct stoa__bound *merge_column(struct stoa__binder *bn, int join,
					const struct stoa__ast *name, const struct stoa__scope *a,
					const struct stoa__scope *b, struct stoa__scope *out,
					size_t i)
{
	struct stoa__scope_column *l = using_column(bn, a, name), *r = using_column(bn, b, name);
	struct stoa__scope_column *c = stoa__bind_array(bn, 1, sizeof *c);
	struct stoa__bound *x, *y;

	if (!l || !r || !c)
		return NULL;
	x = stoa__bind_column(bn, &name->at, l, 0);
	y = stoa__bind_column(bn, &name->at, r, 0);
	*c = join == STOA__JOIN_RIGHT ? *r : *l;
	c->table = (struct stoa_bytes){ "", 0 };
	if (join == STOA__JOIN_FULL) {
		c->expr = either(bn, &name->at, x, y);
		c->type = c->expr ? c->expr->type : c->type;
	}
	l->merged = r->merged = true;
	out->columns[i] = c;
	return stoa__bind_compare(bn, &name->at, STOA__OP_EQ, x, y);
}

/* What USING would name for a NATURAL join: the columns that both sides have. */
static const struct stoa__ast_list *common_names(struct stoa__binder *bn, const struct stoa__token *at,
						 const struct stoa__scope *a,
						 const struct stoa__scope *b)
{
	struct stoa__ast_list *list = stoa__bind_array(bn, 1, sizeof *list);
	struct stoa__ast *names = stoa__bind_array(bn, a->n, sizeof *names);

	if (!list || !names)
		return NULL;
	list->items = stoa__bind_array(bn, a->n, sizeof(*list->items));
	for (size_t i = 0; list->items && i < a->n; i++) {
		const struct stoa__scope_column *c = a->columns[i];
		struct stoa_bytes name = { c->name, (uint32_t)strlen(c->name) };
		bool common = false;
		for (size_t k = 0; k < b->n; k++)
			common |= !b->columns[k]->hidden && !b->columns[k]->merged &&
				  stoa__same_name(name, b->columns[k]->name);
		if (!common || c->hidden || c->merged)
			continue;
		names[i] = (struct stoa__ast){ .kind = STOA__AST_NAME, .at = *at, .text = name };
		list->items[list->n++] = &names[i];
	}
	return list->items ? list : NULL;
}

static void bind_using(struct stoa__binder *bn, const struct stoa__from *f,
		       const struct stoa__ast_list *names, const struct stoa__scope *a,
		       const struct stoa__scope *b, struct stoa__node *n, struct stoa__scope *out)
{
	uint32_t k = names->n;
	struct stoa__scope_column **columns = stoa__bind_array(bn, out->n + k, sizeof(*columns));

	if (!columns)
		return;
	memcpy(columns + k, out->columns, out->n * sizeof(*columns));
	out->columns = columns;
	out->n += k;
	for (uint32_t i = 0; i < k && bn->rc >= 0; i++)
		stoa__node_add_expr(bn, n, merge_column(bn, f->join, names->items[i], a, b,
							out, i));
}

static void bind_on(struct stoa__binder *bn, const struct stoa__from *f, struct stoa__node *n,
		    const struct stoa__scope *scope)
{
	const struct stoa__scope *outer = bn->scope;
	const char *no_aggregates = bn->no_aggregates;

	bn->scope = scope;
	bn->no_aggregates = "ON";
	struct stoa__bound *b = stoa__bind_condition(bn, f->on, "ON");
	bn->scope = outer;
	bn->no_aggregates = no_aggregates;
	if (!b)
		return;
	if (stoa__has_subquery(b)) {
		stoa__bind_fail(bn, &f->on->at, STOA_EUNSUPPORTED,
				"a subquery in ON is not supported: write it in WHERE, or in FROM");
		return;
	}
	n->exprs = stoa__terms_split(bn, b, &n->n_exprs);
}

/* The columns of a side that a join may fill with NULLs. */
static void may_be_null(const struct stoa__scope *s)
{
	for (size_t i = 0; i < s->n; i++)
		s->columns[i]->not_null = false;
}

static struct stoa__node *bind_join(struct stoa__binder *bn, const struct stoa__from *f,
				    struct stoa__scope *scope)
{
	struct stoa__scope a = { .outer = scope->outer }, b = { .outer = scope->outer };
	struct stoa__node *left = stoa__from_bind(bn, f->left, &a);
	struct stoa__node *right = stoa__from_bind(bn, f->right, &b);
	struct stoa__node *n = stoa__node_new(bn, STOA__NODE_JOIN, NULL);
	const struct stoa__ast_list *names;

	if (!n || !left || !right)
		return NULL;
	n->join = f->join == STOA__JOIN_CROSS ? STOA__JOIN_INNER : f->join;
	n->input[0] = left;
	n->input[1] = right;
	check_aliases(bn, &f->right->at, &a, &b);
	join_scopes(bn, &a, &b, scope);
	if (f->on && bn->rc >= 0)
		bind_on(bn, f, n, scope);
	names = f->natural && bn->rc >= 0 ? common_names(bn, &f->at, &a, &b) : f->using_names;
	if (names && bn->rc >= 0)
		bind_using(bn, f, names, &a, &b, n, scope);
	if (n->join == STOA__JOIN_LEFT || n->join == STOA__JOIN_FULL)
		may_be_null(&b);
	if (n->join == STOA__JOIN_RIGHT || n->join == STOA__JOIN_FULL)
		may_be_null(&a);
	if (n->join == STOA__JOIN_RIGHT) {
		n->join = STOA__JOIN_LEFT;
		n->input[0] = right;
		n->input[1] = left;
	}
	return n;
}

/* A table, query, file or function. */
static struct stoa__node *bind_item(struct stoa__binder *bn, const struct stoa__from *f,
				    struct stoa__scope *scope)
{
	const struct stoa__ctes *where;
	const struct stoa__with *w;

	scope->table = f->alias.p ? f->alias : f->name;
	scope->n_tables = 1;
	if (f->kind == STOA__FROM_QUERY)
		return bind_query(bn, f, scope);
	if (f->kind == STOA__FROM_FILE || f->kind == STOA__FROM_FUNCTION)
		return bind_function(bn, f, scope);
	w = find_cte(bn, f->name, &where);
	return w ? bind_cte(bn, f, w, where, scope) : bind_table(bn, f, scope);
}

struct stoa__node *stoa__from_bind(struct stoa__binder *bn, const struct stoa__from *f,
				   struct stoa__scope *scope)
{
	if (bn->rc < 0)
		return NULL;
	if (!f)
		return stoa__node_new(bn, STOA__NODE_ONE, NULL);
	if (f->kind == STOA__FROM_JOIN)
		return bind_join(bn, f, scope);
	if (bn->n_relations++ >= STOA__SQL_RELATIONS_MAX) {
		stoa__bind_fail(bn, &f->at, STOA_EFULL,
				"more than %d tables in a statement, those of each use of a WITH "
				"counted", STOA__SQL_RELATIONS_MAX);
		return NULL;
	}
	struct stoa__node *n = bind_item(bn, f, scope);
	if (n)
		rename_columns(bn, &f->at, f->columns, scope);
	return stoa__scope_anchor(bn, n, scope);
}
