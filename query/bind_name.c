/* SPDX-License-Identifier: MIT */
/*
 * bind_name.c - names: columns, and what lies behind the dots of references
 *
 *     o.customer.region.name      o: a table of FROM, customer and region: references
 *     customer.region.name        the same where only one table has a column customer
 *
 * A reference is a rowid of its target. What is behind its dot is read by a LOOKUP node, which adds
 * columns of the rows that a column refers to; there is one for each column that is followed, just
 * above the table, or query, of FROM that the column comes from. Its columns are columns like any
 * others, and may be references in turn, so that nothing else in the engine needs to know.
 *
 *     FROM orders o:   anchor <- lookup region by region <- lookup customer by customer <- scan orders
 *
 * The *anchor*, a filter without conditions, marks the place: lookups are put below it as names are
 * bound, at the latest when all of the tree above it has been made, and it goes with the first step
 * of optimising.
 */
#include <string.h>
#include <strings.h>

#include "../lib/core/error.h"
#include "plan.h"

bool stoa__same_name(struct stoa_bytes name, const char *b)
{
	return strlen(b) == name.len && !strncasecmp(name.p, b, name.len);
}

static struct stoa__bound *no_such_column(struct stoa__binder *bn, const struct stoa__ast *a)
{
	const struct stoa__scope *s = bn->scope;
	const char *hint = a->at.quoted ? ": strings are quoted with '" : "";
	int len = stoa__shown(a->text.len);

	if (!s || !s->table.p)
		return stoa__bind_fail(bn, &a->at, STOA_ENOTFOUND,
				       "there is no column '%.*s': the query has no FROM", len,
				       a->text.p);
	if (s->n_tables > 1)
		return stoa__bind_fail(bn, &a->at, STOA_ENOTFOUND,
				       "there is no column '%.*s' in any table of FROM%s", len,
				       a->text.p, hint);
	return stoa__bind_fail(bn, &a->at, STOA_ENOTFOUND, "there is no column '%.*s' in '%.*s'%s",
			       len, a->text.p, stoa__shown(s->table.len), s->table.p, hint);
}

struct stoa__bound *stoa__bind_column(struct stoa__binder *bn, const struct stoa__token *at,
				      struct stoa__scope_column *c, unsigned depth)
{
	if (c->expr)
		return c->expr;
	struct stoa__bound *b = stoa__bound_new(bn, STOA__BOUND_COLUMN, at, c->type, 0);
	if (!b)
		return NULL;
	if (c->var == UINT32_MAX)
		c->var = stoa__scan_add(bn, c->scan, c);
	b->index = c->var;
	b->not_null = c->not_null;
	b->depth = (uint8_t)depth;
	return b;
}

static bool same_bytes(struct stoa_bytes a, struct stoa_bytes b)
{
	return a.len == b.len && !strncasecmp(a.p, b.p, a.len);
}

static bool is_lease(struct stoa_bytes qualifier)
{
	return stoa__same_name(qualifier, "lease");
}

/*
 * How well does @a name column @c? 0: not at all. Of a lease and of its row there may be two of a
 * name: lease.attempt is the one, jobs.attempt the other, and attempt neither.
 */
static int names(const struct stoa__ast *a, const struct stoa__scope_column *c)
{
	if (!stoa__same_name(a->text, c->name))
		return 0;
	if (!a->qualifier.p)
		return !c->merged;
	if (same_bytes(a->qualifier, c->table))
		return c->of_lease ? 2 : 3;
	return c->of_lease && is_lease(a->qualifier);
}

static struct stoa_bytes qualifier_of(const struct stoa__scope_column *c)
{
	return c->of_lease ? (struct stoa_bytes){ "lease", strlen("lease") } : c->table;
}

static void may_mean(struct stoa__binder *bn, const struct stoa__ast *a,
		     const struct stoa__scope_column *one, const struct stoa__scope_column *other)
{
	bool same = same_bytes(one->table, other->table) && one->of_lease != other->of_lease;
	struct stoa_bytes p = same ? qualifier_of(one) : one->table;
	struct stoa_bytes q = same ? qualifier_of(other) : other->table;

	stoa__bind_fail(bn, &a->at, STOA_EINVAL,
			"'%.*s' may mean a column of '%.*s' or of '%.*s': say which",
			stoa__shown(a->text.len), a->text.p, stoa__shown(p.len), p.p,
			stoa__shown(q.len), q.p);
}

/*
 * The column of @s that @a names; NULL if there is none, or, after an error, several. The rowid is
 * one of no name where a slot has it.
 */
static struct stoa__scope_column *find_name(struct stoa__binder *bn, const struct stoa__scope *s,
					    const struct stoa__ast *a)
{
	struct stoa__scope_column *found = NULL, *other = NULL;
	int best = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct stoa__scope_column *c = s->columns[i];
		int how = names(a, c);

		if (!how || how < best || (found && c->hidden && same_bytes(found->table, c->table)))
			continue;
		other = how == best ? found : NULL;
		found = c;
		if (other)
			break;
		best = how;
	}
	if (!other)
		return found;
	may_mean(bn, a, other, found);
	return NULL;
}

static bool has_table(const struct stoa__scope *s, struct stoa_bytes table)
{
	for (; s; s = s->outer)
		for (size_t i = 0; i < s->n; i++)
			if (same_bytes(s->columns[i]->table, table) ||
			    (s->columns[i]->of_lease && is_lease(table)))
				return true;
	return false;
}

/* Of the first table: the one that an UPDATE or DELETE is about. */
struct stoa__bound *stoa__bind_rowid(struct stoa__binder *bn, const struct stoa__ast *a)
{
	for (size_t i = 0; i < bn->scope->n; i++)
		if (bn->scope->columns[i]->slot == STOA__SLOT_ROWID)
			return stoa__bind_column(bn, &a->at, bn->scope->columns[i], 0);
	return stoa__bind_fail(bn, &a->at, STOA_EINVAL, "there is no rowid here");
}

/* ---- behind the dot -------------------------------------------------------------------------- */

/* What a column refers to: the node that reads it, and the columns there are. */
struct stoa__deref {
	struct stoa__node *lookup;
	struct stoa__scope scope;
};

struct stoa__node *stoa__scope_anchor(struct stoa__binder *bn, struct stoa__node *n,
				      struct stoa__scope *scope)
{
	struct stoa__node *anchor = NULL;

	for (size_t i = 0; n && i < scope->n; i++) {
		if (!scope->columns[i]->type.target)
			continue;
		if (!anchor)
			anchor = stoa__node_new(bn, STOA__NODE_FILTER, n);
		scope->columns[i]->anchor = anchor;
	}
	return anchor ? anchor : n;
}

/* Puts a node below the anchor of @c that reads rows of its target. */
static struct stoa__deref *make_deref(struct stoa__binder *bn, const struct stoa__token *at,
				      struct stoa__scope_column *c)
{
	struct stoa__deref *d = stoa__bind_array(bn, 1, sizeof *d);
	struct stoa__bound *key = stoa__bind_column(bn, at, c, 0);
	struct stoa__node *n = stoa__node_new(bn, STOA__NODE_LOOKUP, NULL);
	struct stoa_table_info info;
	char *name;
	int rc;

	if (!d || !key || !n)
		return NULL;
	rc = bn->tables->describe(bn->tables, c->type.target, &info, bn->err);
	if (rc < 0) {
		bn->rc = rc;
		return NULL;
	}
	name = stoa__arena_copy(bn->arena, info.name, strlen(info.name));
	if (!name) {
		bn->rc = stoa__fail_memory(bn->err);
		return NULL;
	}
	n->table = c->type.target;
	n->table_name = name;
	n->input[0] = c->anchor->input[0];
	c->anchor->input[0] = n;
	stoa__node_add_expr(bn, n, key);
	d->lookup = n;
	stoa__table_columns(bn, &info, n, (struct stoa_bytes){ name, (uint32_t)strlen(name) },
			    &d->scope);
	for (size_t i = 0; i < d->scope.n; i++) {
		d->scope.columns[i]->not_null = false;	/* there may be no row */
		d->scope.columns[i]->anchor = c->anchor;
	}
	return bn->rc < 0 ? NULL : d;
}

/* The column called @name of the row that @c refers to. */
static struct stoa__scope_column *follow(struct stoa__binder *bn, const struct stoa__token *at,
					 struct stoa__scope_column *c, struct stoa_bytes name)
{
	if (!c->type.target || !c->anchor) {
		stoa__bind_fail(bn, at, STOA_EINVAL,
				"'%s' is no reference to a row: nothing is behind its dot", c->name);
		return NULL;
	}
	if (!c->deref)
		c->deref = make_deref(bn, at, c);
	if (!c->deref)
		return NULL;
	for (size_t i = 0; i < c->deref->scope.n; i++)
		if (stoa__same_name(name, c->deref->scope.columns[i]->name))
			return c->deref->scope.columns[i];
	stoa__bind_fail(bn, at, STOA_ENOTFOUND, "there is no column '%.*s' in '%s', which '%s' refers to",
			stoa__shown(name.len), name.p, c->deref->lookup->table_name, c->name);
	return NULL;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* The column that @a names, from here outwards; *@depth queries out. NULL: none, or an error. */
static struct stoa__scope_column *find_outwards(struct stoa__binder *bn, const struct stoa__ast *a,
						unsigned *depth)
{
	*depth = 0;
	for (const struct stoa__scope *s = bn->scope; s && bn->rc >= 0; s = s->outer, ++*depth) {
		struct stoa__scope_column *c = find_name(bn, s, a);
		if (c)
			return c;
	}
	return NULL;
}

/* A name of one part, two, or more. */
static struct stoa__scope_column *find_path(struct stoa__binder *bn, const struct stoa__ast *a,
					    unsigned *depth)
{
	struct stoa__scope_column *c;

	if (a->kind == STOA__AST_DEREF) {
		c = find_path(bn, a->a, depth);
		return c ? follow(bn, &a->at, c, a->text) : NULL;
	}
	c = find_outwards(bn, a, depth);
	if (c || bn->rc < 0 || !a->qualifier.p || has_table(bn->scope, a->qualifier))
		return c;
	struct stoa__ast first = { .kind = STOA__AST_NAME, .at = a->at, .text = a->qualifier };
	c = find_outwards(bn, &first, depth);
	return c && c->type.target ? follow(bn, &a->at, c, a->text) : NULL;
}

struct stoa__bound *stoa__bind_name(struct stoa__binder *bn, const struct stoa__ast *a)
{
	bool plain = !a->qualifier.p && !a->at.quoted && a->kind == STOA__AST_NAME;
	unsigned depth = 0;
	struct stoa__scope_column *c = find_path(bn, a, &depth);

	if (c)
		return stoa__bind_column(bn, &a->at, c, depth);
	if (bn->rc < 0)
		return NULL;
	while (a->kind == STOA__AST_DEREF)	/* it is the beginning that nobody knows */
		a = a->a;
	if (a->qualifier.p && !has_table(bn->scope, a->qualifier))
		return stoa__bind_fail(bn, &a->at, STOA_ENOTFOUND, "there is no table '%.*s' here",
				       stoa__shown(a->qualifier.len), a->qualifier.p);
	if (plain && stoa__same_name(a->text, "current_date"))
		return stoa__bind_now(bn, &a->at, STOA_DATE);
	if (plain && (stoa__same_name(a->text, "current_timestamp") ||
		      stoa__same_name(a->text, "localtimestamp")))
		return stoa__bind_now(bn, &a->at, STOA_TIMESTAMP);
	return no_such_column(bn, a);
}
